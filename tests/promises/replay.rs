//! A recording replayed at full speed arrives complete, with alerts at the right rows: the generated one of
//! `config/replay.toml`, and that of a real machine if it is available.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::support::{
    Client, Daemon, Home, Mosquitto, Received, data_file, names, recording, require, skip, time,
};

const REAL: &str = "machine_temperature.csv";
const REAL_ROWS: usize = 22_695;
const LOW: f64 = 60.0;

/// Timeout from broker to database, for a debug build on a busy machine.
const PLAYED: Duration = Duration::from_secs(120);

type Recorded = (DateTime<Utc>, f64);

/// Alert event as (state, time, value).
type Event = (String, DateTime<Utc>, f64);

/// A recording: file and rows.
struct Recording {
    file: PathBuf,
    rows: Vec<Recorded>,
}

impl Recording {
    fn read(file: PathBuf, num_rows: usize) -> Self {
        let text = fs::read_to_string(&file).expect("read the recording");
        let row = |line: &str| {
            let (timestamp, value) = line.split_once(',').expect("two columns");
            (time(timestamp), value.parse().expect("a number"))
        };
        let rows: Vec<Recorded> = text.lines().skip(1).map(row).collect();
        assert_eq!(rows.len(), num_rows);
        Self { file, rows }
    }

    /// The recording in the repository.
    fn made() -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(recording::FILE);
        Self::read(file, recording::ROWS)
    }

    /// The recording of a real machine; `None` if it is not available, and the test is skipped.
    fn real() -> Option<Self> {
        let Some(file) = data_file(REAL) else {
            skip(&format!("no {REAL}: set VIGIE_DATA to its folder"));
            return None;
        };
        Some(Self::read(file, REAL_ROWS))
    }
}

#[test]
fn the_recording_in_the_repository_is_what_its_generator_makes() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(recording::FILE);
    let made = recording::csv();
    if std::env::var("VIGIE_SNAPSHOTS").as_deref() == Ok("renew") {
        fs::write(&file, &made).expect("write the recording");
    }
    let kept = fs::read_to_string(&file).expect("read the recording");
    assert!(
        kept == made,
        "{} differs from tests/support/recording.rs; VIGIE_SNAPSHOTS=renew cargo test --test promises replay renews it",
        recording::FILE
    );
    // The recording has all phases: hot, failed, and normal in the end.
    let events = crossings(&Recording::made().rows);
    assert!((2..40).contains(&events.len()), "{events:?}");
    assert_eq!(events.last().map(|event| event.0.as_str()), Some("resolved"));
}

/// Rows at which the recording crosses the limit, computed independently.
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

fn config(broker: &str, recording: &Recording) -> String {
    format!(
        "language = \"en\"\n\
         {broker}\n\
         [[sensors]]\n\
         id = \"MACHINE_001\"\n\
         location = \"Machine hall\"\n\
         unit = \"fahrenheit\"\n\
         source = {{ type = \"replay\", file = \"{}\", speed = \"max\" }}\n\
         [alerts.temperature]\n\
         unit = \"fahrenheit\"\n\
         low = {LOW:?}\n",
        recording.file.display()
    )
}

/// Waits for the last row, stops the daemon, and compares the stored rows with the recording.
fn stored_as_recorded(home: &Home, daemon: &mut Daemon, rows: &[Recorded]) {
    daemon.wait_until("all rows", PLAYED, || home.db().count() >= rows.len());
    assert_eq!(daemon.stop(), 0);
    let stored = home.db().rows();
    let values: Vec<Recorded> = stored.iter().map(|row| (row.time(), row.temperature)).collect();
    assert_eq!(values.len(), rows.len());
    if let Some(at) = (0..rows.len()).find(|at| values[*at] != rows[*at]) {
        panic!("row {at}: {:?} instead of {:?}", values[at], rows[at]);
    }
    let wrong = stored.iter().find(|row| row.alert_triggered != (row.temperature < LOW));
    assert_eq!(wrong, None);

    assert_eq!(home.db().alert_events(), crossings(rows));
}

fn through_the_embedded_broker(recording: &Recording) {
    let home = Home::new();
    let mut daemon = home.start(&config("[broker]\nlisten = \"127.0.0.1:0\"", recording));
    stored_as_recorded(&home, &mut daemon, &recording.rows);
}

fn through_mosquitto(recording: &Recording) {
    let broker = Mosquitto::running();
    let listener = Client::listening(&broker.access(), &[names::ALERTS]);
    let home = Home::new();
    let mut daemon = home.start(&config(&broker.access().mqtt_table("Mosquitto", ""), recording));
    let expected = crossings(&recording.rows);
    let alerts = listener.wait_count(names::ALERTS, expected.len(), PLAYED);
    let event = |message: &Received| -> Event {
        let alert = message.json();
        assert_eq!((message.qos, &alert["alert_type"]), (2, &"LOW_TEMPERATURE".into()));
        let text = |name: &str| alert[name].as_str().expect("a text").to_owned();
        let value = alert["temperature"].as_f64().expect("a number");
        (text("state"), time(&text("timestamp")), value)
    };
    assert_eq!(alerts.iter().map(event).collect::<Vec<_>>(), expected);
    stored_as_recorded(&home, &mut daemon, &recording.rows);
}

#[test]
fn the_generated_recording_arrives_complete_by_the_embedded_broker() {
    through_the_embedded_broker(&Recording::made());
}

#[test]
fn the_generated_recording_arrives_complete_by_mosquitto() {
    if require(&Mosquitto::TOOLS) {
        through_mosquitto(&Recording::made());
    }
}

#[test]
fn the_real_recording_arrives_complete_by_the_embedded_broker() {
    let Some(recording) = Recording::real() else { return };
    through_the_embedded_broker(&recording);
}

#[test]
fn the_real_recording_arrives_complete_by_mosquitto() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let Some(recording) = Recording::real() else { return };
    through_mosquitto(&recording);
}
