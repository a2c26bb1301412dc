//! Own sensors that play a recording, for scenarios about what a daemon measures itself.

use std::fmt::Write as _;

use crate::support::readings::{Key, key_of_message, key_of_row, timestamp};
use serde_json::Value;

use crate::support::{Client, Home, Received, names, run_vigie};

/// A sensor that plays `values`, a second apart in the recording. Every reading is another one.
pub fn sensor(home: &Home, id: &str, values: &[f64], keys: &str) -> String {
    let mut csv = String::from("timestamp,value\n");
    for (n, value) in values.iter().enumerate() {
        writeln!(csv, "{},{value:?}", timestamp(n)).expect("writing to memory");
    }
    let file = home.write(&format!("{id}.csv"), &csv);
    format!(
        "[[sensors]]\nid = \"{id}\"\nlocation = \"Line\"\n\
         source = {{ type = \"replay\", file = \"{}\", {keys} }}\n",
        file.display()
    )
}

/// What is stored of sensors whose id begins so, in the order of the rows.
pub fn stored(home: &Home, prefix: &str) -> Vec<Key> {
    let rows = home.db().rows();
    rows.iter().filter(|row| row.sensor_id.starts_with(prefix)).map(key_of_row).collect()
}

/// What was published of sensors whose id begins so, in the order it came.
pub fn published(messages: &[Received], prefix: &str) -> Vec<Key> {
    let readings = messages.iter().filter(|message| message.topic == names::READINGS);
    readings.map(key_of_message).filter(|(id, ..)| id.starts_with(prefix)).collect()
}

/// Publishes a reading that comes after everything that the client has seen, and waits until it is stored.
pub fn barrier(home: &Home, daemon: &mut crate::support::Daemon, client: &Client) {
    let payload = crate::support::readings::reading("BARRIER", 20.0, &timestamp(0));
    client.publish(names::READINGS, payload, 1);
    daemon.wait_until("everything before", crate::support::SOON, || {
        !stored(home, "BARRIER").is_empty()
    });
}

/// How many own readings wait for the broker.
pub fn lag(home: &Home) -> Option<usize> {
    let output = run_vigie(home, &["status", "--json", "-c", "vigie.toml"]);
    let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    status["lag"]["unpublished"].as_u64()?.try_into().ok()
}
