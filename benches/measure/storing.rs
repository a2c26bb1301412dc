//! What a receiver does that stores what it gets, as one would write it in an afternoon: rows of one
//! thread's making, 500 or 50 ms at a time. No journal, no rules; what it has in memory when it is killed
//! is lost, though it was acknowledged.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use r2d2_sqlite::rusqlite::{Connection, Transaction, params};
use serde_json::Value as Json;

/// Messages that may wait for the database.
pub const QUEUE: usize = 10_000;
const ROWS: usize = 500;
const GROUP_TIME: Duration = Duration::from_millis(50);

/// The daemon's settings and its table of temperatures.
const OPEN: &str = "
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE sensor_readings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sensor_id TEXT,
    location TEXT,
    temperature REAL,
    timestamp TEXT,
    alert_triggered BOOLEAN DEFAULT FALSE
);
CREATE INDEX sensor_readings_by_time ON sensor_readings (timestamp);";
const INSERT: &str = "INSERT INTO sensor_readings
    (sensor_id, location, temperature, timestamp, alert_triggered) VALUES (?1, ?2, ?3, ?4, FALSE)";

pub fn open(file: &str) -> Connection {
    let database = Connection::open(file).expect("a database");
    database.execute_batch(OPEN).expect("a table");
    database
}

/// Stores the next `count` messages.
pub fn store(database: &mut Connection, messages: &Receiver<Vec<u8>>, count: usize) {
    let mut stored = 0;
    while stored < count {
        let Ok(first) = messages.recv() else { return };
        let rows = database.transaction().expect("a transaction");
        insert(&rows, &first);
        stored += 1 + insert_more(&rows, messages);
        rows.commit().expect("a commit");
    }
}

/// What else comes in time.
fn insert_more(rows: &Transaction<'_>, messages: &Receiver<Vec<u8>>) -> usize {
    let deadline = Instant::now() + GROUP_TIME;
    for number in 1..ROWS {
        match messages.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(message) => insert(rows, &message),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return number - 1,
        }
    }
    ROWS - 1
}

fn insert(rows: &Transaction<'_>, message: &[u8]) {
    let reading: Json = serde_json::from_slice(message).expect("a reading");
    let text = |key: &str| reading[key].as_str().unwrap_or_default();
    let mut insert = rows.prepare_cached(INSERT).expect("a statement");
    let value = reading["temperature"].as_f64();
    insert
        .execute(params![text("sensor_id"), text("location"), value, text("timestamp")])
        .expect("a row");
}
