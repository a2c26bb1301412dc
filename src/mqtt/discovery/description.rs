//! Payloads for Home Assistant: configs of a series' entities, and their states. Pure.
//!
//! Always: templates are a path and nothing else, so that every consumer can evaluate them.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::classes::class;
use crate::config::{HomeAssistantConfig, TimeStyle};
use crate::domain::{LiveAlarm, Priority, SeriesDescription, SeriesFlags};
use crate::locale::Words;
use crate::wire::{Component, HomeAssistantTopics, series_id};

/// Origin in each config, by which readers of discovery recognise Vigie's own.
pub(super) const ORIGIN: &str = "Vigie";
/// Latency from a reading to Home Assistant: a tick, and the network.
const MARGIN: Duration = Duration::from_secs(5);

/// Composer of the payloads.
#[derive(Clone)]
pub(super) struct Describer {
    topics: HomeAssistantTopics,
    /// Topic of the daemon's own status.
    status: String,
    version: String,
    words: &'static Words,
    times: TimeStyle,
}

impl Describer {
    pub fn new(
        config: &HomeAssistantConfig,
        status: String,
        version: &str,
        words: &'static Words,
        times: TimeStyle,
    ) -> Self {
        let topics = HomeAssistantTopics::new(config);
        Self { topics, status, version: version.to_owned(), words, times }
    }

    pub const fn topics(&self) -> &HomeAssistantTopics {
        &self.topics
    }

    /// Config of the value of a series.
    pub fn value_config(&self, of: &SeriesDescription) -> Vec<u8> {
        let class = class(&of.quantity, &of.unit);
        let mut config = self.config(Component::Value, of);
        config.insert("name".into(), (self.words.value_name)(&of.quantity).into());
        config.insert("stat_cla".into(), class.state_class.into());
        let expires = of.stale_after.and_then(expiry).map(Value::from);
        let optional = [
            ("dev_cla", class.device_class.map(Value::from)),
            ("unit_of_meas", class.unit.map(Value::from)),
            ("exp_aft", expires),
        ];
        for (key, value) in optional {
            config.extend(value.map(|value| (key.to_owned(), value)));
        }
        bytes(&config.into())
    }

    /// Config of the alarm of a series.
    pub fn alarm_config(&self, of: &SeriesDescription) -> Vec<u8> {
        let mut config = self.config(Component::Alarm, of);
        let state = config["stat_t"].clone();
        config.insert("name".into(), (self.words.alarm_name)(&of.quantity).into());
        config.insert("dev_cla".into(), "problem".into());
        config.insert("val_tpl".into(), "{{ value_json.state }}".into());
        config.insert("json_attr_t".into(), state);
        bytes(&config.into())
    }

    /// Part of the config common to both entities.
    fn config(&self, component: Component, of: &SeriesDescription) -> Map<String, Value> {
        let series = series_id(&of.sensor_id, &of.quantity);
        let unique = self.topics.unique(&series);
        let entity = unique.to_ascii_lowercase().replace('-', "_");
        let (unique, entity) = match component {
            Component::Value => (unique, entity),
            Component::Alarm => (format!("{unique}-alarm"), format!("{entity}_alarm")),
        };
        let mut device = json!({
            "ids": [self.topics.device(&of.sensor_id)],
            "name": of.sensor_id.as_str(),
            "mf": ORIGIN,
        });
        if !of.location.as_str().is_empty() {
            device["sa"] = of.location.as_str().into();
        }
        let fields = [
            ("uniq_id", unique.into()),
            ("def_ent_id", format!("{}.{entity}", component.as_str()).into()),
            ("stat_t", self.topics.state(component, &series).into()),
            ("avty", json!([{ "t": self.status, "val_tpl": "{{ value_json.status }}" }])),
            ("avty_mode", "all".into()),
            ("qos", 1.into()),
            ("dev", device),
            ("o", json!({ "name": ORIGIN, "sw": self.version })),
        ];
        fields.map(|(key, value)| (key.to_owned(), value)).into_iter().collect()
    }

    /// State of the alarm entity: on while an alarm is active and not withheld, with the gravest one's attributes.
    pub fn alarm_state(&self, flags: SeriesFlags, gravest: Option<&LiveAlarm>) -> Vec<u8> {
        let standing = flags.standing();
        let view = gravest.filter(|_| standing.is_some()).map(|alarm| &alarm.view);
        bytes(&json!({
            "state": if standing.is_some() { "ON" } else { "OFF" },
            "rule": view.map(|view| &*view.of.rule),
            "severity": standing.map(Priority::as_str),
            "since": view.and_then(|view| view.since).map(|since| self.times.write(since)),
            "unacknowledged": flags.is_unacknowledged(),
            "withheld": flags.is_withheld(),
        }))
    }
}

/// Seconds after which Home Assistant shows a value as unavailable: the silence that violates a rule, plus the
/// republication interval of `book`. `None` if it overflows.
fn expiry(stale_after: f32) -> Option<u64> {
    let silence = Duration::try_from_secs_f32(stale_after).ok()?;
    Some(silence.saturating_add(unrepeated(silence)).saturating_add(MARGIN).as_secs() + 1)
}

/// Interval at which an unchanged value is republished, if silence counts.
pub(super) fn unrepeated(silence: Duration) -> Duration {
    silence / 3
}

fn bytes(json: &Value) -> Vec<u8> {
    json.to_string().into_bytes()
}

#[cfg(test)]
pub(super) mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::domain::{Location, Quantity, SensorId, Unit};
    use crate::locale::Language;

    pub fn describer() -> Describer {
        let config =
            HomeAssistantConfig { prefix: "homeassistant".into(), topic_prefix: "vigie".into() };
        let times = TimeStyle { naive: false, zone: Tz::UTC };
        let words = Language::English.words();
        Describer::new(&config, "factory/sensors/status".into(), "1.2.3", words, times)
    }

    pub fn series(index: u32, sensor: &str) -> SeriesDescription {
        SeriesDescription {
            index,
            sensor_id: SensorId::new(sensor).unwrap(),
            quantity: Quantity::temperature(),
            location: Location::new("Hall 1"),
            unit: Unit::new("celsius"),
            low: None,
            high: None,
            every: None,
            is_judged: true,
            stale_after: None,
        }
    }

    fn json_of(bytes: &[u8]) -> Value {
        serde_json::from_slice(bytes).unwrap()
    }

    #[test]
    fn a_value_is_described_in_full() {
        let of = SeriesDescription { stale_after: Some(60.0), ..series(0, "Freezer 1") };
        let id = "vigie_Freezer_1_2c3bfa7a1b4ad973";
        let expected = json!({
            "name": "Temperature",
            "uniq_id": format!("{id}-temperature"),
            "def_ent_id": "sensor.vigie_freezer_1_2c3bfa7a1b4ad973_temperature",
            "stat_t": "vigie/state/Freezer_1_2c3bfa7a1b4ad973-temperature",
            "dev_cla": "temperature",
            "unit_of_meas": "°C",
            "stat_cla": "measurement",
            "exp_aft": 60 + 20 + 5 + 1,
            "qos": 1,
            "avty": [{ "t": "factory/sensors/status", "val_tpl": "{{ value_json.status }}" }],
            "avty_mode": "all",
            "dev": { "ids": [id], "name": "Freezer 1", "mf": "Vigie", "sa": "Hall 1" },
            "o": { "name": "Vigie", "sw": "1.2.3" },
        });
        assert_eq!(json_of(&describer().value_config(&of)), expected);
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let of = SeriesDescription {
            unit: Unit::new(""),
            location: Location::new(""),
            quantity: Quantity::new("contact").unwrap(),
            ..series(0, "T")
        };
        let config = json_of(&describer().value_config(&of));
        for key in ["dev_cla", "unit_of_meas", "exp_aft"] {
            assert_eq!(config.get(key), None, "{key}");
        }
        assert_eq!(config["dev"].get("sa"), None);
        assert_eq!(config["name"], "Contact");
    }

    #[test]
    fn an_alarm_is_a_problem() {
        let config = json_of(&describer().alarm_config(&series(0, "T")));
        let expected = json!({
            "name": "Temperature alarm",
            "uniq_id": "vigie_T-temperature-alarm",
            "def_ent_id": "binary_sensor.vigie_t_temperature_alarm",
            "stat_t": "vigie/alarm/T-temperature",
            "json_attr_t": "vigie/alarm/T-temperature",
            "val_tpl": "{{ value_json.state }}",
            "dev_cla": "problem",
            "qos": 1,
            "avty": [{ "t": "factory/sensors/status", "val_tpl": "{{ value_json.status }}" }],
            "avty_mode": "all",
            "dev": { "ids": ["vigie_T"], "name": "T", "mf": "Vigie", "sa": "Hall 1" },
            "o": { "name": "Vigie", "sw": "1.2.3" },
        });
        assert_eq!(config, expected);
    }

    #[test]
    fn an_alarm_is_on_while_one_stands() {
        let describer = describer();
        let mut flags = SeriesFlags::default();
        flags.set_unacknowledged();
        let off = json!({
            "state": "OFF", "rule": null, "severity": null, "since": null,
            "unacknowledged": true, "withheld": false,
        });
        assert_eq!(json_of(&describer.alarm_state(flags, None)), off, "it returned");
        flags.set_standing(Priority::High);
        let on = json_of(&describer.alarm_state(flags, None));
        assert_eq!((&on["state"], &on["severity"]), (&"ON".into(), &"HIGH".into()));
    }

    #[test]
    fn endless_silence_never_expires() {
        assert_eq!(expiry(f32::MAX), None);
        assert_eq!(expiry(0.3), Some(6));
    }
}
