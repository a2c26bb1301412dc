//! A year-old recording played back at full speed arrives whole, and alerts fall where they must.

use std::fs;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::support::{
    Client, Daemon, Home, Mosquitto, Received, data_file, names, require, skip, time,
};

const FILE: &str = "machine_temperature.csv";
const ROWS: usize = 22_695;
const LOW: f64 = 60.0;

/// Through the broker and into the database, an unoptimised daemon on a busy machine.
const PLAYED: Duration = Duration::from_secs(120);

type Recorded = (DateTime<Utc>, f64);

/// An alert event: state, time, value.
type Event = (String, DateTime<Utc>, f64);

/// The recording, or `None` where it is not at hand and the test can't run.
fn recording() -> Option<Vec<Recorded>> {
    let Some(path) = data_file(FILE) else {
        skip(&format!("no {FILE}: set VIGIE_DATA to its folder"));
        return None;
    };
    let text = fs::read_to_string(path).expect("read the recording");
    let row = |line: &str| {
        let (timestamp, value) = line.split_once(',').expect("two columns");
        (time(timestamp), value.parse().expect("a number"))
    };
    let rows: Vec<Recorded> = text.lines().skip(1).map(row).collect();
    assert_eq!(rows.len(), ROWS);
    Some(rows)
}

/// Where the recording crosses the limit, computed on its own.
fn crossings(rows: &[Recorded]) -> Vec<Event> {
    let mut was_low = false;
    let mut events = Vec::new();
    for (at, value) in rows {
        let is_low = *value < LOW;
        if is_low != was_low {
            let state = if is_low { "active" } else { "resolved" };
            events.push((state.to_owned(), *at, *value));
        }
        was_low = is_low;
    }
    events
}

fn config(broker: &str) -> String {
    format!(
        "language = \"en\"\n\
         {broker}\n\
         [[sensors]]\n\
         id = \"MACHINE_001\"\n\
         location = \"Machine hall\"\n\
         unit = \"fahrenheit\"\n\
         source = {{ type = \"replay\", file = \"{}\", speed = \"max\" }}\n\
         [alerts.temperature]\n\
         low = {LOW:?}\n",
        data_file(FILE).expect("the recording").display()
    )
}

/// Waits for the last row, stops, and compares what is stored with the recording.
fn stored_as_recorded(home: &Home, daemon: &mut Daemon, rows: &[Recorded]) {
    daemon.wait_until("all rows", PLAYED, || home.db().count() >= ROWS);
    assert_eq!(daemon.stop(), 0);
    let stored = home.db().rows();
    let values: Vec<Recorded> = stored.iter().map(|row| (row.time(), row.temperature)).collect();
    assert_eq!(values.len(), ROWS);
    if let Some(at) = (0..ROWS).find(|at| values[*at] != rows[*at]) {
        panic!("row {at}: {:?} instead of {:?}", values[at], rows[at]);
    }
    let wrong = stored.iter().find(|row| row.alert_triggered != (row.temperature < LOW));
    assert_eq!(wrong, None);

    assert_eq!(home.db().alert_events(), crossings(rows));
}

#[test]
fn through_the_embedded_broker() {
    let Some(rows) = recording() else { return };
    let home = Home::new();
    let mut daemon = home.start(&config("[broker]\nlisten = \"127.0.0.1:0\""));
    stored_as_recorded(&home, &mut daemon, &rows);
}

#[test]
fn through_mosquitto() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let Some(rows) = recording() else { return };
    let broker = Mosquitto::running();
    let listener = Client::listening(&broker.access(), &[names::ALERTS]);
    let home = Home::new();
    let mut daemon = home.start(&config(&broker.access().mqtt_table("Mosquitto", "")));
    let expected = crossings(&rows);
    let alerts = listener.wait_count(names::ALERTS, expected.len(), PLAYED);
    let event = |message: &Received| -> Event {
        let alert = message.json();
        assert_eq!((message.qos, &alert["alert_type"]), (2, &"LOW_TEMPERATURE".into()));
        let text = |name: &str| alert[name].as_str().expect("a text").to_owned();
        let value = alert["temperature"].as_f64().expect("a number");
        (text("state"), time(&text("timestamp")), value)
    };
    assert_eq!(alerts.iter().map(event).collect::<Vec<_>>(), expected);
    stored_as_recorded(&home, &mut daemon, &rows);
}
