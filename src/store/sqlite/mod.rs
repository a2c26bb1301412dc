//! The SQLite backend: schema, statements, checkpoints. Nothing outside this folder uses SQL, row ids or SQLite
//! codes.

pub(super) mod broker_state;
pub(super) mod checkpoint;
mod columns;
mod connect;
pub(super) mod copies;
pub(super) mod database;
pub(super) mod decoders;
pub(super) mod events;
#[cfg(test)]
pub(crate) mod fixtures;
pub(super) mod header;
pub(super) mod open_error;
mod pool;
pub(super) mod query;
pub(super) mod recall;
pub(super) mod receivers;
pub(super) mod resume;
mod retention;
mod rollups;
pub(super) mod schema;
pub(super) mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use r2d2_sqlite::rusqlite;

use self::database::{Database, check_readable};
use self::open_error::{OpenError, Reason, is_transient};
use self::pool::{Pool, PooledConnection};
use self::resume::SeriesStates;
use super::ledger::{
    Backend, Ledger, LedgerError, LedgerReader, PendingQuery, Progress, Settings, Work,
};
use super::rollups::SharedHours;
use crate::domain::{AlertEvent, Fingerprint, Position, Reading};
use crate::messages::{LoadAlerts, ResumePoint, SavedReceiver};

/// Database file of these settings, and the open hours that its one ledger keeps in memory.
pub(super) struct Sqlite(pub Settings, pub SharedHours);

impl Backend for Sqlite {
    fn open(&self) -> Result<Box<dyn Ledger>, LedgerError> {
        Ok(Box::new(database::open_sharing(&self.0, self.1.clone())?))
    }

    fn reader(&self) -> Result<Arc<dyn LedgerReader>, LedgerError> {
        check_readable(&self.0.path)?;
        Ok(Arc::new(Reader(pool::open(&self.0.path)?)))
    }
}

/// Path of a database's write-ahead log: SQLite follows symbolic links.
pub(super) fn write_ahead_log(path: &Path) -> PathBuf {
    let mut log = path.canonicalize().unwrap_or_else(|_| path.to_owned()).into_os_string();
    log.push("-wal");
    log.into()
}

impl From<OpenError> for LedgerError {
    fn from(error: OpenError) -> Self {
        let is_transient = matches!(error.reason, Reason::Busy(_));
        Self { is_transient, message: error.to_string() }
    }
}

fn unreadable(error: &rusqlite::Error) -> LedgerError {
    let message = format!("can't read the database: {error}");
    LedgerError { is_transient: is_transient(error), message }
}

fn unwritable(path: &Path, error: &rusqlite::Error) -> LedgerError {
    let message = format!("can't write to `{}`: {error}", path.display());
    LedgerError { is_transient: is_transient(error), message }
}

impl Database {
    fn path(&self) -> &Path {
        Path::new(self.connection.path().unwrap_or_default())
    }

    /// Runs a query.
    fn read<T>(
        &self,
        query: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T>,
    ) -> Result<T, LedgerError> {
        query(&self.connection).map_err(|error| unreadable(&error))
    }
}

impl Ledger for Database {
    fn commit(&mut self, work: &[Work<'_>], published: Position) -> Result<(), LedgerError> {
        write::commit(self, work, published).map_err(|error| unwritable(self.path(), &error))
    }

    fn seal(&mut self, now: DateTime<Utc>) -> Result<(), LedgerError> {
        let sealed = rollups::upkeep::seal(self, now.timestamp_millis());
        sealed.map(drop).map_err(|error| unwritable(self.path(), &error))
    }

    fn upkeep(&mut self, now: DateTime<Utc>, may_delete: bool) -> Result<Duration, LedgerError> {
        rollups::upkeep::upkeep(self, now.timestamp_millis(), may_delete)
            .map_err(|error| unwritable(self.path(), &error))
    }

    fn empty_log(&mut self) -> Result<(), LedgerError> {
        let emptied = checkpoint::empty_log(&self.connection);
        if emptied.map_err(|error| unwritable(self.path(), &error))? {
            Ok(())
        } else {
            Err(LedgerError { is_transient: true, message: "a reader is at work".into() })
        }
    }

    fn set_log_aside(&mut self) -> Result<(), LedgerError> {
        let log = write_ahead_log(self.path());
        let mut aside = log.clone().into_os_string();
        aside.push(".aside");
        std::fs::rename(&log, &aside).map_err(|error| LedgerError {
            is_transient: true,
            message: format!("can't rename `{}`: {error}", log.display()),
        })
    }

    fn progress(&self) -> Result<Progress, LedgerError> {
        self.read(resume::progress)
    }

    fn resume(&self) -> Result<ResumePoint, LedgerError> {
        let progress = self.progress()?;
        let pool = pool::open(self.path())?;
        let reader = Reader(pool).connection()?;
        let SeriesStates { states, since, since_checkpoints } =
            self.read(|connection| resume::series(connection, reader))?;
        Ok(ResumePoint {
            number: progress.batch,
            position: progress.position,
            received_at: progress.received_at,
            latest_received_at: progress.latest_received_at,
            clocks: progress.clocks,
            last_event: progress.last_event,
            alarms: self.read(recall::alarm_states)?,
            standing: self.read(recall::standing_alerts)?,
            series: states,
            since,
            since_checkpoints,
            decoders: self.read(decoders::all)?,
            recent: self.read(resume::recent)?,
        })
    }

    fn receiver(&self, name: &str) -> Result<SavedReceiver, LedgerError> {
        self.read(|connection| receivers::kept(connection, name))
    }

    fn retain_receivers(&mut self, names: &[&str]) -> Result<(), LedgerError> {
        receivers::forget_others(&mut self.connection, names)
            .map_err(|error| unwritable(self.path(), &error))
    }

    fn alerts(&self, which: &LoadAlerts) -> Result<Vec<AlertEvent>, LedgerError> {
        self.read(|connection| receivers::alerts(connection, which))
    }
}

/// Reader beside the daemon's writer.
struct Reader(Pool);

impl Reader {
    fn connection(&self) -> Result<PooledConnection, LedgerError> {
        self.0.get().map_err(|error| LedgerError {
            is_transient: true,
            message: format!("can't read the database: {error}"),
        })
    }
}

impl LedgerReader for Reader {
    fn pending(&self, which: &PendingQuery<'_>) -> Result<Vec<AlertEvent>, LedgerError> {
        let connection = self.connection()?;
        recall::pending_alerts(&connection, which).map_err(|error| unreadable(&error))
    }

    fn find_stored(&self, readings: &[Reading]) -> Result<Vec<Fingerprint>, LedgerError> {
        let connection = self.connection()?;
        resume::find_stored(&connection, readings).map_err(|error| unreadable(&error))
    }
}
