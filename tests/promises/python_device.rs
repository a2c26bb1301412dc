//! A device written in Python, without an entry in the configuration, is monitored like any other.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Home, SOON, names, python_with_paho, skip};

/// The contract's example reading, above the limit.
const READING: &str = r#"{"sensor_id":"TEMP_001","location":"Atelier Production","temperature":38.2,
 "timestamp":"2024-08-14T10:30:00.123456","unit":"celsius"}"#;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/promises/python_device.py");

#[test]
fn a_python_device_is_monitored_and_reads_its_alert() {
    check("naive", "2024-08-14T10:30:00.123456");
}

#[test]
fn a_python_device_reads_its_alert_in_utc() {
    check("utc", "2024-08-14T10:30:00.123456+00:00");
}

/// With `timestamps = style` the alert has this `timestamp`.
fn check(style: &str, timestamp: &str) {
    let Some(python) = python_with_paho() else {
        skip("no Python with paho-mqtt");
        return;
    };
    let home = Home::new();
    let mut daemon = home.start(&format!(
        "language = \"fr\"\n\
         timestamps = \"{style}\"\n\
         [broker]\n\
         listen = \"127.0.0.1:0\"\n\
         [alerts.temperature]\n\
         high = 35.0\n\
         low = 10.0\n"
    ));
    let broker = daemon.embedded_broker();
    let (host, port) = broker.url.trim_start_matches("mqtt://").split_once(':').expect("a port");
    let mut script = Command::new(python);
    script.args([SCRIPT, host, port, names::READINGS, names::ALERTS, READING]);
    let output = script.output().expect("run Python");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let message: Value = serde_json::from_str(&said).expect("one JSON object");
    assert_eq!(message["topic"], names::ALERTS);
    assert_eq!(message["qos"], 2);
    assert_eq!(message["retain"], false);

    let mut alert: Value = serde_json::from_str(message["payload"].as_str().unwrap()).unwrap();
    let id = alert["alert_id"].take();
    assert!(id.as_str().is_some_and(|id| !id.is_empty()), "{id}");
    let expected = json!({
        "alert_type": "HIGH_TEMPERATURE",
        "sensor_id": "TEMP_001",
        "location": "Atelier Production",
        "temperature": 38.2,
        "threshold": 35.0,
        "message": "Température élevée détectée: 38.2°C",
        "timestamp": timestamp,
        "severity": "HIGH",
        "alert_id": null,
        "rule": "high-temperature",
        "state": "active",
    });
    assert_eq!(alert, expected);

    daemon.wait_until("the row", SOON, || home.db().count() == 1);
    let row = home.db().rows().remove(0);
    assert_eq!((row.sensor_id.as_str(), row.temperature), ("TEMP_001", 38.2));
    assert_eq!(row.location, "Atelier Production");
    assert_eq!(row.timestamp, timestamp);
    assert!(row.alert_triggered);
    assert_eq!(daemon.stop(), 0);
}
