//! Shared by the tests of notifications: configurations with receivers, and readings that raise and end alarms.

use serde_json::Value;

use crate::support::readings::timestamp;
use crate::support::{Client, Daemon, Home, SOON, alertmanager_v4, names};

/// Value above the limit.
pub const HOT: f64 = 38.2;
pub const FINE: f64 = 21.5;

/// Configuration with one rule and these receivers.
pub fn config(language: &str, receivers: &str) -> String {
    format!(
        "language = \"{language}\"\n[broker]\nlisten = \"127.0.0.1:0\"\n\
         [[rules]]\nname = \"hot\"\nkind = \"high\"\nlimit = 35.0\npriority = \"critical\"\n\
         runbook = \"https://wiki.example/hot\"\n{receivers}"
    )
}

/// A `[[receivers]]` table with short waits.
pub fn receiver(name: &str, keys: &str) -> String {
    let waits = [("group_wait", "200ms"), ("group_interval", "300ms"), ("repeat_interval", "1h")];
    let mut table = format!("[[receivers]]\nname = \"{name}\"\n{keys}\n");
    for (key, value) in waits {
        if !keys.contains(key) {
            table += &format!("{key} = \"{value}\"\n");
        }
    }
    table
}

pub fn webhook(name: &str, url: &str) -> String {
    receiver(name, &format!("type = \"webhook\"\nurl = \"{url}\""))
}

/// Publishes readings to the daemon's embedded broker.
pub struct ReadingPublisher {
    client: Client,
}

impl ReadingPublisher {
    pub fn of(daemon: &mut Daemon) -> Self {
        Self { client: Client::connect(&daemon.embedded_broker()) }
    }

    /// Publishes a reading dated `n` seconds after the start of the series.
    pub fn publish(&self, sensor: &str, location: &str, value: f64, n: usize) {
        self.client.publish(names::READINGS, reading(sensor, location, value, n), 1);
    }

    pub fn publish_all(&self, readings: impl IntoIterator<Item = (String, String, f64, usize)>) {
        self.client.publish_all(readings.into_iter().map(|(sensor, location, value, n)| {
            (names::READINGS.to_owned(), reading(&sensor, &location, value, n).into_bytes())
        }));
    }
}

fn reading(sensor: &str, location: &str, value: f64, n: usize) -> String {
    serde_json::json!({
        "sensor_id": sensor, "location": location, "temperature": value,
        "timestamp": timestamp(n), "unit": "celsius",
    })
    .to_string()
}

/// Waits until `count` alert events are stored.
pub fn wait_events(home: &Home, daemon: &mut Daemon, count: usize) {
    daemon.wait_until("the alert events", SOON, || home.db().alert_events().len() >= count);
}

/// `sensor status` of each alert of a webhook message.
pub fn notified(message: &Value) -> Vec<String> {
    let alerts = alertmanager_v4::alerts(message);
    let line = |alert: &Value| {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        format!("{} {}", text(&alert["labels"]["sensor"]), text(&alert["status"]))
    };
    alerts.iter().map(line).collect()
}
