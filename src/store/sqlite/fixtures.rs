//! Fixtures for the tests of storage.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use r2d2_sqlite::rusqlite::{self, Connection};
use tempfile::TempDir;

use super::Sqlite;
use super::database::{Database, open};
use super::write;
use crate::config::Durability;
use crate::domain::{
    AlertEvent, AlertState, Change, Location, Position, Quantity, Reading, Rejected, SensorId,
    Unit, Value,
};
use crate::messages::{Judged, LoadAlerts, ResumePoint, SavedReceiver, Store};
use crate::store::ledger::{Backend, Ledger, LedgerError, LedgerReader, Progress, Settings, Work};
use crate::store::rollups::SharedHours;

pub(crate) fn settings(path: &Path) -> Settings {
    Settings {
        path: path.to_owned(),
        durability: Durability::Process,
        rejected_keep: 100,
        naive: false,
        retention: None,
    }
}

/// Time `seconds` after 2024-08-14T10:30:00.
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
        alert_triggered: Some(degrees > 35.0),
    }
}

pub(crate) fn humidity(sensor: &str, seconds: i64, percent: f64) -> Judged {
    let mut judged = temperature(sensor, seconds, percent);
    judged.reading.quantity = Quantity::new("humidity").unwrap();
    judged.reading.unit = Unit::new("percent");
    judged
}

/// An empty batch. Each is of one record of the log, in the order made.
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
        location: Location::new("Atelier Production"),
        value: Some(value("38.2")),
        unit: Unit::new("celsius"),
        threshold: 35.0,
        state,
        change: if state == AlertState::Active { Change::Raised } else { Change::Returned },
        message: "Température élevée détectée: 38.2°C".into(),
        timestamp: at(seconds),
        announced: true,
        ..AlertEvent::new(SensorId::new(sensor).unwrap(), Quantity::temperature())
    }
}

/// Events without a number get the next one of the test.
pub(crate) fn alerts(events: impl IntoIterator<Item = AlertEvent>) -> Store {
    thread_local!(static LAST: Cell<u64> = const { Cell::new(0) });
    let number = |mut event: AlertEvent| {
        if event.number == 0 {
            event.number = LAST.get() + 1;
        }
        LAST.set(event.number);
        event
    };
    Store { alerts: events.into_iter().map(number).collect(), ..store() }
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

/// A file with these batches.
pub(crate) fn stored(stores: &[Store]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sensor_data.db");
    for store in stores {
        append(&path, store);
    }
    (folder, path)
}

/// Commits work; nothing was published.
pub(crate) fn commit(database: &mut Database, work: &[Work<'_>]) -> rusqlite::Result<()> {
    write::commit(database, work, 0)
}

/// Stores one more batch.
pub(crate) fn append(path: &Path, store: &Store) {
    commit(&mut open(&settings(path)).unwrap(), &[Work::Store(store)]).unwrap();
}

/// SQLite's I/O error on this file, as the actor gets it.
pub(crate) fn io_error(path: &Path) -> LedgerError {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR);
    let error = rusqlite::Error::SqliteFailure(code, Some("disk I/O error".into()));
    super::unwritable(path, &error)
}

/// The error of a locked file, as the actor gets it.
pub(crate) fn locked(path: &Path) -> LedgerError {
    let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
    super::unwritable(path, &rusqlite::Error::SqliteFailure(busy, None))
}

/// Another program's lock on the file, until dropped.
pub(crate) struct Lock(Connection);

impl Lock {
    pub fn take(path: &Path) -> Self {
        let holder = Connection::open(path).unwrap();
        holder.execute_batch("BEGIN EXCLUSIVE").unwrap();
        Self(holder)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.execute_batch("ROLLBACK").unwrap();
    }
}

/// Commits work, or fails in its own way.
pub(crate) type CommitFn =
    Arc<dyn Fn(&mut Database, &[Work<'_>]) -> Result<(), LedgerError> + Send + Sync>;

/// The file as a backend with a commit of the test's own.
pub(crate) struct Hooked {
    pub settings: Settings,
    pub commit: CommitFn,
}

struct HookedLedger(Database, CommitFn);

impl Backend for Hooked {
    fn open(&self) -> Result<Box<dyn Ledger>, LedgerError> {
        Ok(Box::new(HookedLedger(open(&self.settings)?, self.commit.clone())))
    }

    fn reader(&self) -> Result<Arc<dyn LedgerReader>, LedgerError> {
        Sqlite(self.settings.clone(), SharedHours::default()).reader()
    }
}

impl Ledger for HookedLedger {
    fn commit(&mut self, work: &[Work<'_>], _: Position) -> Result<(), LedgerError> {
        (self.1)(&mut self.0, work)
    }

    fn seal(&mut self, now: DateTime<Utc>) -> Result<(), LedgerError> {
        self.0.seal(now)
    }

    fn upkeep(&mut self, now: DateTime<Utc>, may_delete: bool) -> Result<Duration, LedgerError> {
        self.0.upkeep(now, may_delete)
    }

    fn empty_log(&mut self) -> Result<(), LedgerError> {
        self.0.empty_log()
    }

    fn set_log_aside(&mut self) -> Result<(), LedgerError> {
        self.0.set_log_aside()
    }

    fn progress(&self) -> Result<Progress, LedgerError> {
        self.0.progress()
    }

    fn resume(&self) -> Result<ResumePoint, LedgerError> {
        self.0.resume()
    }

    fn receiver(&self, name: &str) -> Result<SavedReceiver, LedgerError> {
        self.0.receiver(name)
    }

    fn retain_receivers(&mut self, names: &[&str]) -> Result<(), LedgerError> {
        self.0.retain_receivers(names)
    }

    fn alerts(&self, which: &LoadAlerts) -> Result<Vec<AlertEvent>, LedgerError> {
        self.0.alerts(which)
    }
}

/// A file at its page limit fails as on a full disk.
pub(crate) fn fill_disk(database: &Database, is_full: bool) {
    let pages = if is_full { 1 } else { 1_000_000 };
    let connection = &database.connection;
    connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
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
