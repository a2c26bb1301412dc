//! The top level of the file: its own keys, and the sections in their order.

use std::time::Duration;

use chrono_tz::Tz;

use super::model::{Config, TimeStyle};
use super::reader::TableReader;
use super::sensors::SensorList;
use super::timezone::timezone;
use super::{
    alerts, devices, heartbeat, home_assistant, maintenance, network, receivers, rules, sensors,
    storage, web,
};
use crate::locale::Language;

/// Reads the whole file. The result is valid if nothing was reported to the inspector. `sensors` are those read
/// before, from pieces of the file.
pub(super) fn config(mut root: TableReader<'_>, mut sensors: SensorList) -> Config {
    sensors.read(&mut root);
    let languages = [("fr", Language::French), ("en", Language::English)];
    let language = root.choice("language", &languages).unwrap_or_default();
    let naive = root.choice("timestamps", &[("utc", false), ("naive", true)]).unwrap_or(false);
    let zone = root
        .text("timezone")
        .and_then(|name| root.inspector.check(name.at, timezone(name.value)))
        .unwrap_or(Tz::UTC);
    let is_strict = root.choice("units", &[("lenient", false), ("strict", true)]).unwrap_or(false);
    let mut duration = |key, default| root.duration(key).map_or(default, |given| given.value);
    let shutdown_timeout = duration("shutdown_timeout", Duration::from_secs(10));
    let watchdog = duration("watchdog", Duration::from_secs(30));
    let broker = root.table("broker", "[broker]").map(super::broker::broker);
    let mqtt = network::mqtt(root.section("mqtt", "[mqtt]"), broker.as_ref());
    let alerts = alerts::alerts(root.section("alerts", "[alerts]"), is_strict);
    let rules = rules::rules(&mut root, &alerts);
    let receivers = receivers::receivers(&mut root);
    let heartbeat = root.table("heartbeat", "[heartbeat]");
    let heartbeat = heartbeat.and_then(|table| heartbeat::heartbeat(table, &mqtt.topic_prefix));
    let maintenance = maintenance::maintenance(&mut root, &rules, &alerts, zone);
    let devices = devices::devices(&mut root);
    let config = Config {
        language,
        times: TimeStyle { naive, zone },
        shutdown_timeout,
        watchdog,
        broker,
        fleet: sensors::fleet(root.section("fleet", "[fleet]")),
        sensors: sensors.checked(root.inspector, mqtt.reading_topic),
        mqtt,
        alerts,
        rules,
        receivers,
        heartbeat,
        maintenance,
        devices,
        home_assistant: home_assistant::home_assistant(
            root.section("homeassistant", "[homeassistant]"),
        ),
        storage: storage::storage(root.section("storage", "[storage]")),
        web: web::web(root.section("web", "[web]")),
        log: storage::log(root.section("log", "[log]")),
    };
    root.finish();
    config
}

#[cfg(test)]
mod tests {
    use super::super::testing::{accepted, hint, said};
    use super::*;

    #[test]
    fn has_defaults() {
        let config = accepted("[broker]");
        assert_eq!(config.language, Language::English);
        assert_eq!(config.times, TimeStyle { naive: false, zone: Tz::UTC });
        assert_eq!(config.shutdown_timeout, Duration::from_secs(10));
        assert_eq!(config.watchdog, Duration::from_secs(30));
        assert_eq!(config.fleet.sensor_reading_interval, Duration::from_secs(2));
        assert_eq!(config.fleet.cycle_pause, Duration::from_secs(5));
        assert!(config.sensors.is_empty());
    }

    #[test]
    fn reads_everything() {
        let config = accepted(
            "language = \"fr\"\ntimestamps = \"naive\"\ntimezone = \"Europe/Paris\"\n\
             shutdown_timeout = \"1m\"\nwatchdog = \"1h30m\"\n[broker]\n\
             [fleet]\nsensor_reading_interval = \"1ms\"\ncycle_pause = \"1d\"\n",
        );
        assert_eq!(config.language, Language::French);
        assert_eq!(config.times, TimeStyle { naive: true, zone: Tz::Europe__Paris });
        assert_eq!(config.shutdown_timeout, Duration::from_secs(60));
        assert_eq!(config.watchdog, Duration::from_secs(5_400));
        assert_eq!(config.fleet.sensor_reading_interval, Duration::from_millis(1));
        assert_eq!(config.fleet.cycle_pause, Duration::from_secs(86_400));
    }

    #[test]
    fn time_zones_are_found_by_name_or_city() {
        let hint_for = |zone: &str| hint(&format!("timezone = \"{zone}\"\n[broker]"));
        assert_eq!(hint_for("paris"), "did you mean `Europe/Paris`?");
        assert_eq!(hint_for("Europe/Pariss"), "did you mean `Europe/Paris`?");
        assert_eq!(hint_for("utc"), "did you mean `UTC`?");
        assert!(hint_for("Middle/Earth").starts_with("use a name such as"));
    }

    #[test]
    fn durations_are_above_zero() {
        assert_eq!(
            said(
                "shutdown_timeout = \"0s\"\nwatchdog = 30\n[broker]\n[fleet]\n\
                 sensor_reading_interval = \"2 s\"\ncycle_pause = \"0ms\"\n[mqtt]\nkeep_alive = \"60\""
            ),
            [
                "1: `shutdown_timeout` is zero",
                "2: `watchdog` must be a duration in quotes, not a whole number",
                "5: ` s` is no unit of time",
                "6: `cycle_pause` is zero",
                "8: `60` has no unit"
            ]
        );
    }

    #[test]
    fn unknown_keys_are_errors() {
        assert_eq!(
            said(
                "langage = \"fr\"\n[brokr]\n[broker]\nport = 1\nwatchdog = \"1s\"\n[fleet]\nx = 1"
            ),
            [
                "1: unknown key `langage` in the top level",
                "2: unknown key `brokr` in the top level",
                "4: unknown key `port` in [broker]",
                "5: unknown key `watchdog` in [broker]",
                "7: unknown key `x` in [fleet]"
            ]
        );
        assert_eq!(hint("langage = \"fr\"\n[broker]"), "did you mean `language`?");
        assert!(hint("[broker]\nwatchdog = \"1s\"").contains("at the top of the file"));
    }

    #[test]
    fn the_top_level_is_what_is_read() {
        for key in super::super::reader::TOP_LEVEL {
            let said = said(&format!("{key} = true\n[broker]"));
            assert!(said.len() == 1 && said[0].contains("must be"), "{said:?}");
        }
    }

    #[test]
    fn sections_are_tables() {
        assert_eq!(
            said("broker = \"127.0.0.1:1883\"\nlog = 1\n"),
            [
                "1: `broker` must be a table, not text",
                "2: `log` must be a table, not a whole number"
            ]
        );
        assert!(hint("broker = 1").starts_with("write [broker] on a line of its own"));
    }
}
