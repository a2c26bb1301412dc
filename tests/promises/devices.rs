//! Devices of all families of the manual, on the embedded broker and on Mosquitto. A message becomes a row with the right
//! sensor, quantity, value, unit and time; its rule raises an alarm; an offline message breaks the `stale` rule at once.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::support::manual::{self, Example, Shown};
use crate::support::{Access, Client, Daemon, Home, Mosquitto, SOON, names, require};

/// Availability messages: topic, offline payload, online payload, and a sensor of the page.
const AVAILABILITY: [(&str, &str, &str, &str); 7] = [
    ("kiln/7/lwt", "offline", "online", "kiln-7-heat"),
    (
        "zigbee2mqtt/cold store/door/availability",
        "{\"state\":\"offline\"}",
        "{\"state\":\"online\"}",
        "cold store/door",
    ),
    ("tele/vault/LWT", "Offline", "Online", "vault/SHT3X"),
    ("shellyplus1pm-b7/online", "false", "true", "shellyplus1pm-b7/switch:0"),
    ("kiln/status", "offline", "online", "kiln/temperature"),
    ("homie/5/dryer/$state", "lost", "ready", "dryer/drum"),
    ("v1/gateway/disconnect", "{\"device\":\"boiler-1\"}", "", "boiler-1"),
];

/// One configuration of all families, with a rule for the first reading of each page.
fn config(examples: &[Example]) -> String {
    let mut config = String::new();
    for Example { family, config: table, readings, .. } in examples {
        let Shown { sensor, quantity, value, .. } = &readings[0];
        let _ = write!(
            config,
            "{table}\n[[rules]]\nname = \"{family}\"\nkind = \"high\"\nsensors = [\"{sensor}\"]\n\
             quantity = \"{quantity}\"\nlimit = {:?}\n",
            value - 1.0
        );
    }
    config
}

/// A `stale` rule for each sensor whose device announces its availability.
fn silence() -> String {
    let mut rules = String::new();
    for (number, (.., sensor)) in AVAILABILITY.iter().enumerate() {
        for quantity in ["temperature", "contact", "heat", "power"] {
            let _ = write!(
                rules,
                "[[rules]]\nname = \"silent-{number}-{quantity}\"\nkind = \"stale\"\nsensors = [\"{sensor}\"]\n\
                 quantity = \"{quantity}\"\nafter = \"1h\"\n"
            );
        }
    }
    rules
}

/// A timestamp in the format of the rows.
fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, false)
}

fn check(mut daemon: Daemon, home: &Home, access: &Access, examples: &[Example]) {
    let client = Client::connect(access);
    let began = Utc::now();
    for Example { messages, .. } in examples {
        for (topic, payload) in messages {
            client.publish(topic, payload.as_str(), 1);
        }
    }
    for Example { family, readings, messages, .. } in examples {
        for Shown { sensor, quantity, value, unit, time } in readings {
            // The time of receipt, if the message has none.
            let of_time = match time {
                Some(at) => format!("timestamp = '{}'", text(*at)),
                None => format!("timestamp >= '{}'", text(began)),
            };
            let row = format!(
                "SELECT count(*) FROM readings WHERE sensor_id = '{sensor}' AND quantity = '{quantity}' \
                 AND abs(value - {value:?}) < 1e-9 AND unit = '{unit}' AND {of_time}"
            );
            daemon.wait_until(&format!("{family}: {row}"), SOON, || {
                // A discovered topic is subscribed to within a second; until then a remote broker delivers nothing.
                if family == "homeassistant" {
                    let [_, (topic, payload), ..] = &messages[..] else { panic!("{messages:?}") };
                    client.publish(topic, payload.as_str(), 1);
                }
                home.db().number(&row) >= 1
            });
        }
        let alert = format!(
            "SELECT count(*) FROM alerts WHERE rule = '{family}' AND sensor_id = '{}'",
            readings[0].sensor
        );
        daemon.wait_until(&format!("{family}: {alert}"), SOON, || home.db().number(&alert) >= 1);
    }
    let rejected = home.db().texts("SELECT topic || ': ' || reason FROM rejected_messages");
    assert!(rejected.is_empty(), "{rejected:?}");
    for (topic, gone, back, sensor) in AVAILABILITY {
        let state = |state: &str| {
            let of_sensor = format!(
                "SELECT count(*) FROM alerts WHERE sensor_id = '{sensor}' AND rule LIKE 'silent-%'"
            );
            home.db().number(&format!("{of_sensor} AND state = '{state}'"))
        };
        client.publish(topic, gone, 1);
        daemon.wait_until(&format!("{topic}: gone"), SOON, || state("active") >= 1);
        if !back.is_empty() {
            client.publish(topic, back, 1);
            daemon.wait_until(&format!("{topic}: back"), SOON, || state("resolved") >= 1);
        }
    }
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn devices_of_all_families_are_read_on_the_embedded_broker() {
    let examples = manual::examples();
    let home = Home::new();
    let mut daemon = home.start(&format!(
        "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:0\"\n{}{}",
        config(&examples),
        silence()
    ));
    let access = daemon.embedded_broker();
    check(daemon, &home, &access, &examples);
}

#[test]
fn devices_of_all_families_are_read_on_mosquitto() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let examples = manual::examples();
    let broker = Mosquitto::running();
    let home = Home::new();
    let mut daemon = home.start(&format!(
        "language = \"en\"\n{}{}{}",
        broker.access().mqtt_table("the broker", ""),
        config(&examples),
        silence()
    ));
    daemon.wait_line(names::CONNECTED, SOON);
    check(daemon, &home, &broker.access(), &examples);
}

/// Readings that a device buffered while out of range are stored. They change no live value, alarm or silence, over a
/// restart too.
#[test]
fn buffered_readings_are_stored_as_history_only() {
    let home = Home::new();
    let config = "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:0\"\n[[devices]]\npreset = \"chirpstack\"\n\
                  [[rules]]\nname = \"warm\"\nkind = \"high\"\nlimit = 30\n\
                  [[rules]]\nname = \"flat\"\nkind = \"flatline\"\nlasting = \"1h\"\nwithin = 0.5\n";
    let mut daemon = home.start(config);
    let client = Client::connect(&daemon.embedded_broker());
    let publish = |client: &Client, live: f64, kept: &str| {
        let now = chrono::Utc::now().to_rfc3339();
        let payload = format!(
            "{{\"time\":\"{now}\",\"deviceInfo\":{{\"devEui\":\"24e124136c220017\"}},\
             \"object\":{{\"temperature\":{live:?}{kept}}}}}"
        );
        client.publish("application/7/device/24e124136c220017/event/up", payload, 1);
    };
    let before = chrono::Utc::now().timestamp() - 600;
    let kept = format!(",\"history\":[{{\"timestamp\":{before},\"temperature\":99.5}}]");
    publish(&client, 21.5, &kept);
    let count =
        |value: f64| format!("SELECT count(*) FROM sensor_readings WHERE temperature = {value:?}");
    for value in [21.5, 99.5] {
        daemon.wait_until("both rows", SOON, || home.db().number(&count(value)) == 1);
    }
    assert_eq!(home.db().number("SELECT count(*) FROM alerts"), 0);
    let not_judged = "SELECT count(*) FROM sensor_readings WHERE alert_triggered IS NULL";
    assert_eq!(home.db().number(not_judged), 1);
    daemon.kill();
    let mut daemon = home.start(config);
    let client = Client::connect(&daemon.embedded_broker());
    let live = |home: &Home| {
        let sensors = home.api().get("/api/v1/sensors").expect("an answer");
        sensors.json.to_string()
    };
    assert!(!live(&home).contains("99.5"), "{}", live(&home));
    publish(&client, 31.5, "");
    daemon.wait_until("an alarm", SOON, || home.db().number("SELECT count(*) FROM alerts") == 1);
    assert_eq!(daemon.stop(), 0);
}
