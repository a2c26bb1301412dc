//! Echo: what own sensors measure comes back through the broker, and is stored once all the same. What others say
//! of an own sensor's id is a reading.
//!
//! Runs with `VIGIE_ACCEPT=echo`.

use std::time::Duration;

use crate::own;
use crate::scale;
use crate::support::readings::{reading, tally, timestamp};
use crate::support::{Client, Daemon, Home, Mosquitto, names, require};

const ROWS: usize = 500;
const SENSORS: [&str; 2] = ["OWN_1", "OWN_2"];

/// What others say.
const FOREIGN: f64 = 77.5;

const PLAYED: Duration = Duration::from_secs(60);

fn values() -> Vec<f64> {
    (0..ROWS).map(|n| f64::from(u32::try_from(n).expect("few")) + 0.25).collect()
}

fn sensors(home: &Home, speed: &str) -> String {
    SENSORS.map(|id| own::sensor(home, id, &values(), &format!("speed = {speed}"))).concat()
}

/// Once all of it was published, has others publish under the same ids, and counts.
fn once(home: &Home, daemon: &mut Daemon, client: &Client) {
    for id in SENSORS {
        // Another value at a time that the sensor knows; then what it published itself, from elsewhere.
        client.publish(names::READINGS, reading(id, FOREIGN, &timestamp(3)), 1);
        client.publish(names::READINGS, reading(id, values()[4], &timestamp(4)), 1);
    }
    own::barrier(home, daemon, client);
    assert_eq!(daemon.stop(), 0);
    let rows = tally(own::stored(home, "OWN"));
    let doubled: Vec<_> = rows.iter().filter(|(_, count)| **count != 1).collect();
    assert!(doubled.is_empty(), "{doubled:?}");
    let total = SENSORS.len() * ROWS;
    assert_eq!(rows.len(), total + SENSORS.len(), "own readings, and one of others each");
    let foreign = rows.keys().filter(|(.., bits)| *bits == FOREIGN.to_bits()).count();
    assert_eq!(foreign, SENSORS.len());
}

/// Waits until the client has seen all own readings.
fn all_published(client: &Client) {
    let total = SENSORS.len() * ROWS;
    client.wait_for("all own readings", PLAYED, |messages| {
        // Only then worth a look at each.
        let is_all =
            messages.len() >= total && tally(own::published(messages, "OWN")).len() == total;
        is_all.then_some(())
    });
}

fn on_mosquitto(version: u8) {
    if !scale::wants("echo") || !require(&["mosquitto"]) {
        return;
    }
    let (broker, home) = (Mosquitto::running(), Home::new());
    let client = Client::listening(&broker.access(), &[names::READINGS]);
    let table = broker.access().mqtt_table("the broker", "");
    let sensors = sensors(&home, "\"max\"");
    let config = format!("language = \"en\"\n{table}version = {version}\n{sensors}");
    let mut daemon = home.start(&config);
    all_published(&client);
    once(&home, &mut daemon, &client);
}

#[test]
fn own_readings_echoed_by_mqtt_5_are_stored_once() {
    on_mosquitto(5);
}

#[test]
fn own_readings_echoed_by_mqtt_3_1_1_are_stored_once() {
    on_mosquitto(4);
}

/// Measured while there was no broker, and published by the next daemon after a kill.
fn after_a_kill(version: u8) {
    if !scale::wants("echo") || !require(&["mosquitto"]) {
        return;
    }
    let (mut broker, home) = (Mosquitto::new(), Home::new());
    let table = broker.access().mqtt_table("the broker", "");
    let base = format!("language = \"en\"\n{table}version = {version}\n");
    let mut daemon = home.spawn(&format!("{base}{}", sensors(&home, "200.0")));
    let waits = || own::lag(&home).is_some_and(|lag| lag >= SENSORS.len() * ROWS);
    daemon.wait_until("all measured", PLAYED, waits);
    daemon.kill();
    broker.start();
    let client = Client::listening(&broker.access(), &[names::READINGS]);
    let mut daemon = home.start(&base);
    all_published(&client);
    once(&home, &mut daemon, &client);
}

#[test]
fn readings_of_a_killed_daemon_echoed_by_mqtt_5_are_stored_once() {
    after_a_kill(5);
}

#[test]
fn readings_of_a_killed_daemon_echoed_by_mqtt_3_1_1_are_stored_once() {
    after_a_kill(4);
}

#[test]
fn own_readings_echoed_by_the_embedded_broker_are_stored_once() {
    if !scale::wants("echo") {
        return;
    }
    let home = Home::new();
    let broker = "[broker]\nlisten = \"127.0.0.1:0\"\n";
    let config = format!("language = \"en\"\n{broker}{}", sensors(&home, "200.0"));
    let mut daemon = home.start(&config);
    let client = Client::listening(&daemon.embedded_broker(), &[names::READINGS]);
    let total = SENSORS.len() * ROWS;
    daemon.wait_until("all own readings", PLAYED, || own::stored(&home, "OWN").len() >= total);
    daemon.wait_until("their publication", PLAYED, || own::lag(&home) == Some(0));
    once(&home, &mut daemon, &client);
}
