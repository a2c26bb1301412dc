//! What the tests of storage store.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use r2d2_sqlite::rusqlite::{self, Connection};
use tempfile::TempDir;

use super::sqlite::write::{Work, commit};
use super::{Settings, open};
use crate::config::Durability;
use crate::domain::{
    AlertEvent, AlertState, Change, Location, Priority, Quantity, Reading, Rejected, SensorId,
    Unit, Value,
};
use crate::messages::{Judged, Store};

pub(crate) fn settings(path: &Path) -> Settings {
    Settings {
        path: path.to_owned(),
        durability: Durability::Process,
        rejected_keep: 100,
        naive: false,
    }
}

/// So many seconds after 2024-08-14T10:30:00.
pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_723_631_400, 0).unwrap() + TimeDelta::seconds(seconds)
}

pub(crate) fn value(text: &str) -> Value {
    Value::from_json(&serde_json::from_str(text).unwrap()).unwrap()
}

pub(crate) fn temperature(sensor: &str, seconds: i64, degrees: f64) -> Judged {
    Judged {
        reading: Reading {
            sensor_id: SensorId::new(sensor).unwrap(),
            location: Location::new("Atelier Production"),
            quantity: Quantity::temperature(),
            value: Value::new(degrees).unwrap(),
            unit: Unit::new("celsius"),
            timestamp: at(seconds),
        },
        alert_triggered: degrees > 35.0,
    }
}

pub(crate) fn humidity(sensor: &str, seconds: i64, percent: f64) -> Judged {
    let mut judged = temperature(sensor, seconds, percent);
    judged.reading.quantity = Quantity::new("humidity").unwrap();
    judged.reading.unit = Unit::new("percent");
    judged
}

/// An empty message. Each of a test comes of one record of the intake journal, in the order made.
pub(crate) fn store() -> Store {
    thread_local!(static LAST: Cell<u64> = const { Cell::new(0) });
    let number = LAST.get() + 1;
    LAST.set(number);
    Store { number, through: number, ..Store::default() }
}

pub(crate) fn readings(readings: impl IntoIterator<Item = Judged>) -> Store {
    Store { readings: readings.into_iter().collect(), ..store() }
}

pub(crate) fn event(alert_id: &str, sensor: &str, seconds: i64, state: AlertState) -> AlertEvent {
    AlertEvent {
        alert_id: alert_id.into(),
        rule: "high-temperature".into(),
        alert_type: "HIGH_TEMPERATURE".into(),
        sensor_id: SensorId::new(sensor).unwrap(),
        location: Location::new("Atelier Production"),
        quantity: Quantity::temperature(),
        value: Some(value("38.2")),
        unit: Unit::new("celsius"),
        threshold: 35.0,
        severity: Priority::High,
        state,
        change: if state == AlertState::Active { Change::Raised } else { Change::Returned },
        operator: None,
        message: "Température élevée détectée: 38.2°C".into(),
        timestamp: at(seconds),
        announced: true,
        is_silent_end: false,
        in_flood: false,
    }
}

pub(crate) fn alerts(events: impl IntoIterator<Item = AlertEvent>) -> Store {
    Store { alerts: events.into_iter().collect(), ..store() }
}

pub(crate) fn rejected(payload: &str) -> Rejected {
    Rejected {
        topic: "factory/sensors/temperature".into(),
        payload: payload.into(),
        payload_bytes: 70_000,
        reason: "not JSON".into(),
        received_at: at(0),
    }
}

/// A file that holds these messages.
pub(crate) fn stored(stores: &[Store]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sensor_data.db");
    for store in stores {
        append(&path, store);
    }
    (folder, path)
}

/// Stores one more message.
pub(crate) fn append(path: &Path, store: &Store) {
    commit(&mut open(&settings(path)).unwrap(), &[Work::Store(store)]).unwrap();
}

/// One number from the file, by a connection of the test's own.
pub(crate) fn number(path: &Path, sql: &str) -> i64 {
    Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

/// A column of texts.
pub(crate) fn texts(path: &Path, sql: &str) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut select = connection.prepare(sql).unwrap();
    let rows = select.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<rusqlite::Result<_>>().unwrap()
}
