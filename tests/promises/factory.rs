//! `config/factory.toml`, seen from outside: the behaviour that users of the original program rely on.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::readings::{Key, key_of_message, key_of_row, reading, tally};
use crate::support::{
    Access, Client, Daemon, Home, Mosquitto, Received, SOON, config, names, require, time,
};

const LOCATIONS: [(&str, &str); 4] = [
    ("TEMP_001", "Atelier Production"),
    ("TEMP_002", "Entrepôt"),
    ("TEMP_003", "Bureau"),
    ("TEMP_004", "Salle Serveurs"),
];

/// A sensor that is not configured, so its alert does not depend on the simulation.
const VISITOR: &str = "TEMP_099";

/// The shipped configuration with short intervals.
fn quick_factory() -> String {
    let text = config::shipped("factory.toml");
    let text = config::set(&text, "[fleet]", "sensor_reading_interval", "\"50ms\"");
    let text = config::set(&text, "[fleet]", "cycle_pause", "\"100ms\"");
    config::set(&text, "[web]", "listen", "\"127.0.0.1:0\"")
}

fn on_broker(text: &str, access: &Access) -> String {
    let text = config::without(text, "[broker]");
    let text = config::set(&text, "[mqtt]", "url", &format!("\"{}\"", access.url));
    config::set(&text, "[mqtt]", "name", "\"HiveMQ Cloud\"")
}

fn on_embedded_broker(text: &str) -> String {
    config::set(text, "[broker]", "listen", "\"127.0.0.1:0\"")
}

#[test]
fn the_three_topics_follow_the_contract() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let broker = Mosquitto::running();
    let home = Home::new();
    let factory = on_broker(&quick_factory(), &broker.access());
    let listener =
        Client::listening(&broker.access(), &[names::READINGS, names::ALERTS, names::STATUS]);
    let mut daemon = home.start(&factory);
    // This alarm does not depend on a published reading of an own sensor.
    daemon.wait_line("📤 Données envoyées", SOON);
    let visitor = reading(VISITOR, 38.2, "2024-08-14T10:30:00.123456");
    listener.publish(names::READINGS, visitor, 1);
    let alert = listener.wait_message(names::ALERTS, SOON, |m| is_of(m, VISITOR));
    listener.wait_count(names::READINGS, 40, SOON);
    interrupt_quickly(&mut daemon);

    let readings = listener.received_on(names::READINGS);
    let own = readings.iter().filter(|message| !is_of(message, VISITOR));
    let mut seen = BTreeSet::new();
    for message in own {
        seen.insert(check_reading(message));
    }
    assert_eq!(seen.len(), LOCATIONS.len(), "all sensors were heard");
    check_alert(&alert);
    check_statuses(&listener.received_on(names::STATUS), &broker.access());
    assert_lines_in_order(&daemon.log());
    all_stored_once(&home, &config::without(&factory, "[[sensors]]"), &readings);
}

#[test]
fn the_factory_runs_on_the_embedded_broker() {
    let home = Home::new();
    let mut daemon = home.start(&on_embedded_broker(&quick_factory()));
    let listener = Client::listening(&daemon.embedded_broker(), &["factory/#"]);
    let status = listener.wait_message(names::STATUS, SOON, |_| true);
    assert_eq!(status.json()["status"], "online");
    let readings = listener.wait_count(names::READINGS, 40, SOON);
    readings.iter().for_each(|message| drop(check_reading(message)));
    let published = tally(readings.iter().map(key_of_message));
    daemon.wait_until("all stored", SOON, || {
        let stored = tally(home.db().rows().iter().map(key_of_row));
        published.iter().all(|(key, times)| stored.get(key) == Some(times))
    });
    interrupt_quickly(&mut daemon);
}

#[test]
fn the_log_level_can_reduce_the_log_to_alerts() {
    let mut home = Home::new();
    home.set_env("RUST_LOG", "vigie::alert=info");
    let mut daemon = home.start(&on_embedded_broker(&quick_factory()));
    let client = Client::connect(&daemon.embedded_broker());
    let visitor = reading(VISITOR, 38.2, "2024-08-14T10:30:00.123456");
    client.publish(names::READINGS, visitor, 1);
    daemon.wait_line("🚨 ALERTE: Température élevée détectée: 38.2°C", SOON);
    for line in daemon.log().lines() {
        assert!(line.contains("ALERTE: "), "{line}");
    }
    interrupt_quickly(&mut daemon);
}

fn is_of(message: &Received, sensor: &str) -> bool {
    message.json()["sensor_id"] == sensor
}

fn interrupt_quickly(daemon: &mut Daemon) {
    let asked = Instant::now();
    daemon.interrupt();
    assert_eq!(daemon.exit_code(SOON), 0);
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(2), "took {took:?} to stop");
}

fn keys(json: &Value) -> BTreeSet<&str> {
    json.as_object().expect("an object").keys().map(String::as_str).collect()
}

/// Checks a reading of an own sensor; returns its id.
fn check_reading(message: &Received) -> String {
    assert_eq!((message.qos, message.retained), (1, false), "{message:?}");
    let reading = message.json();
    let expected = ["location", "sensor_id", "temperature", "timestamp", "unit"];
    assert_eq!(keys(&reading), BTreeSet::from(expected));
    let sensor = reading["sensor_id"].as_str().expect("an id");
    let location = LOCATIONS.iter().find(|(id, _)| *id == sensor).map(|(_, location)| *location);
    assert_eq!(reading["location"].as_str(), location, "{reading}");
    assert!(reading["temperature"].is_number(), "{reading}");
    assert_eq!(reading["unit"], "celsius");
    check_timestamp(&reading);
    sensor.to_owned()
}

/// Checks for UTC with microseconds: `2024-08-14T10:30:00.123456+00:00`.
fn check_timestamp(json: &Value) {
    let text = json["timestamp"].as_str().expect("a timestamp");
    let again = time(text).format("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string();
    assert_eq!(text, again);
}

fn check_alert(message: &Received) {
    assert_eq!((message.qos, message.retained), (2, false), "{message:?}");
    let mut alert = message.json();
    let id = alert["alert_id"].take();
    assert!(id.as_str().is_some_and(|id| !id.is_empty()), "{id}");
    assert_eq!(
        alert,
        serde_json::json!({
            "alert_type": "HIGH_TEMPERATURE", "sensor_id": VISITOR, "location": "Atelier",
            "temperature": 38.2, "threshold": 35.0,
            "message": "Température élevée détectée: 38.2°C",
            "timestamp": "2024-08-14T10:30:00.123456+00:00", "severity": "HIGH",
            "alert_id": null, "rule": "high-temperature", "state": "active",
        })
    );
}

/// The status is online after the start and offline after the stop; the latter stays retained.
fn check_statuses(heard: &[Received], access: &Access) {
    let [online, offline] = heard else { panic!("two statuses: {heard:?}") };
    for message in heard {
        assert_eq!((message.qos, message.retained), (1, true), "{message:?}");
        check_timestamp(&message.json());
    }
    let online = online.json();
    let expected = ["client_id", "sensors", "status", "timestamp", "version"];
    assert_eq!(keys(&online), BTreeSet::from(expected));
    assert_eq!((&online["status"], &online["sensors"]), (&"online".into(), &4.into()));
    let offline = offline.json();
    assert_eq!((&offline["status"], &offline["reason"]), (&"offline".into(), &"shutdown".into()));

    let late = Client::listening(access, &[names::STATUS]);
    let kept = late.wait_message(names::STATUS, SOON, |message| message.retained);
    assert_eq!(kept.json(), offline);
}

fn assert_lines_in_order(log: &str) {
    let mut lines = log.lines();
    for (starts, ends) in [
        ("🏭 ", "Système IoT de Surveillance avec HiveMQ"),
        ("➕ ", "Capteur ajouté: TEMP_001 (Atelier Production)"),
        ("🔄 ", "Connexion à HiveMQ Cloud..."),
        ("✅ ", "Connecté à HiveMQ Cloud!"),
        ("🚀 ", "Démarrage système IoT avec HiveMQ..."),
        ("📤 Données envoyées: TEMP_00", "°C"),
        ("🚨 ", "ALERTE: Température élevée détectée: 38.2°C"),
    ] {
        let is_it = |line: &str| match line.find(starts) {
            // The log's prefix comes first; only a reading's details are between the two.
            Some(at) if starts.starts_with('📤') => line[at..].ends_with(ends),
            Some(at) => line[at..] == format!("{starts}{ends}"),
            None => false,
        };
        assert!(lines.any(is_it), "`{starts}{ends}` at its place in:\n{log}");
    }
}

/// Exactly the published readings are stored, once each. Those in flight at the stop are received at the next start.
fn all_stored_once(home: &Home, without_sensors: &str, readings: &[Received]) {
    let published = tally(readings.iter().map(key_of_message));
    let stored = || -> Vec<Key> { home.db().rows().iter().map(key_of_row).collect() };
    let before = stored().len();
    assert!(readings.len() - before <= 8, "{before} of {} were stored in time", readings.len());
    let mut daemon = home.start(without_sensors);
    daemon.wait_until("all stored", SOON, || stored().len() >= readings.len());
    assert_eq!(daemon.stop(), 0);
    assert_eq!(tally(stored()), published);
}
