//! Readings by identity, to compare what was published with what was stored.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{Received, Row, time};

/// Identity of a reading: sensor, time, bits of the value.
pub type Key = (String, DateTime<Utc>, u64);

pub fn key_of_message(message: &Received) -> Key {
    let reading = message.json();
    let text =
        |name: &str| reading[name].as_str().unwrap_or_else(|| panic!("{reading}")).to_owned();
    let value = reading["temperature"].as_f64().unwrap_or_else(|| panic!("{reading}"));
    (text("sensor_id"), time(&text("timestamp")), value.to_bits())
}

pub fn key_of_row(row: &Row) -> Key {
    (row.sensor_id.clone(), row.time(), row.temperature.to_bits())
}

/// Number of occurrences of each reading.
pub fn tally(keys: impl IntoIterator<Item = Key>) -> BTreeMap<Key, usize> {
    let mut tally = BTreeMap::new();
    for key in keys {
        *tally.entry(key).or_default() += 1;
    }
    tally
}

/// Payload of a reading as a device publishes it.
pub fn reading(sensor: &str, value: f64, timestamp: &str) -> String {
    serde_json::json!({
        "sensor_id": sensor,
        "location": "Atelier",
        "temperature": value,
        "timestamp": timestamp,
        "unit": "celsius",
    })
    .to_string()
}

/// Timestamp `n` of a series with one a second.
pub fn timestamp(n: usize) -> String {
    let n = i64::try_from(n).expect("a small number");
    let start = time("2024-08-14T00:00:00+00:00");
    (start + chrono::Duration::seconds(n)).to_rfc3339()
}
