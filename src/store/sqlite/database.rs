//! Opening of the file: identification, access check, settings.

use std::path::Path;

use r2d2_sqlite::rusqlite::{self, Connection, ErrorCode, MAIN_DB};

use super::checkpoint::{BACKSTOP_PAGES, Checkpoints};
use super::connect::{accept, check_place, open_to_read, open_to_write};
use super::events;
use super::open_error::{OpenError, Reason};
use super::retention::Deletion;
use super::rollups::Rollups;
use super::schema::{self, Found, MIGRATED_VERSION, VERSION};
use crate::config::Durability;
use crate::domain::{Location, Position, Quantity, QuickMap, SensorId, Unit};
use crate::store::ledger::Settings;
use crate::store::rollups::{SeriesId, SharedHours};

/// Page cache in SQLite's notation: negative for KiB. Enough for the hot end of every index, even when a fleet's
/// late readings touch many pages; no more, since all of it is used in time.
const CACHE_KIB: i64 = -4 * 1024;

/// Size to which the write-ahead log is truncated after a long reader made it grow.
const WAL_LIMIT_BYTES: i64 = 64 * 1024 * 1024;

/// Cached prepared statements; the writer uses about twenty.
const STATEMENTS: usize = 48;

/// The open file, for its one writer.
#[derive(Debug)]
pub struct Database {
    // Closed before the writer's connection: the last one empties the write-ahead log into the file.
    pub(in crate::store) rollups: Rollups,
    pub(in crate::store) connection: Connection,
    pub(in crate::store) naive: bool,
    pub(in crate::store) rejected_keep: i64,
    pub(in crate::store) sensors: SensorCache,
    pub(in crate::store) checkpoints: Checkpoints,
    /// Publication cursor as last written.
    pub(in crate::store) published: Position,
    pub(in crate::store) deletion: Deletion,
}

/// Known content of the tables `sensors` and `series`, so that only changes are written.
pub(in crate::store) type SensorCache = QuickMap<(SensorId, Quantity), (Unit, Location, SeriesId)>;

/// Opens the file for writing, with open hours of its own.
///
/// # Errors
/// As [`open_sharing`].
#[cfg(test)]
pub fn open(settings: &Settings) -> Result<Database, OpenError> {
    open_sharing(settings, SharedHours::default())
}

/// Opens the file for writing, creating or migrating it as needed. Others may read `hours`.
///
/// The first call on the origin's file builds its index, about a second per million rows: call it once before the
/// actors start.
///
/// # Errors
/// If the file can't be used; a file of a newer version, or of another program, is left unchanged.
pub fn open_sharing(settings: &Settings, hours: SharedHours) -> Result<Database, OpenError> {
    let path = settings.path.as_path();
    let failed = |error: rusqlite::Error| OpenError::sqlite(path, &error);
    check_place(path)?;
    check_log(path)?;
    if path.metadata().is_ok_and(|file| file.len() > 0) {
        match look(path) {
            Ok(found) => accept(path, found)?,
            // A crash left a rollback journal, which only a writer can apply. Vigie uses a write-ahead log, so this
            // is not a newer Vigie's file.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ReadOnly) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    let mut connection = open_to_write(path).map_err(failed)?;
    let found = schema::examine(&connection).map_err(failed)?;
    accept(path, found)?;
    // SQLite opens a file without write access as read-only, and reports it only at the first write.
    if connection.is_readonly(MAIN_DB).map_err(failed)? {
        return Err(OpenError::new(path, Reason::ReadOnly));
    }
    configure(&connection, settings)?;
    if found == Found::Origin {
        log::info!(target: "vigie::storage", "adopting the readings in `{}`: building their index", path.display());
    }
    schema::migrate(&mut connection).map_err(failed)?;
    events::add_columns(&mut connection).map_err(failed)?;
    Ok(Database {
        rollups: Rollups::load(&connection, hours).map_err(failed)?,
        deletion: Deletion::new(settings.retention),
        connection,
        naive: settings.naive,
        rejected_keep: i64::try_from(settings.rejected_keep).unwrap_or(i64::MAX),
        sensors: SensorCache::default(),
        checkpoints: Checkpoints::start(path)?,
        published: 0,
    })
}

/// Checks a file before reading; changes nothing.
pub(in crate::store) fn check_readable(path: &Path) -> Result<(), OpenError> {
    let failed = |reason| Err(OpenError::new(path, reason));
    check_place(path)?;
    if !path.exists() {
        return failed(Reason::Missing);
    }
    match look(path) {
        Ok(Found::Version(VERSION)) => Ok(()),
        Ok(Found::Empty | Found::Origin | Found::Version(MIGRATED_VERSION)) => {
            failed(Reason::Older)
        }
        Ok(found) => accept(path, found),
        Err(error) => Err(OpenError::sqlite(path, &error)),
    }
}

/// SQLite deletes the write-ahead log of a file that is not there, with all that was stored of late.
fn check_log(path: &Path) -> Result<(), OpenError> {
    let has_content = |path: &Path| path.metadata().is_ok_and(|file| file.len() > 0);
    let log = super::write_ahead_log(path);
    if has_content(path) || !has_content(&log) {
        return Ok(());
    }
    Err(OpenError::new(path, Reason::LogAlone(log)))
}

/// Examines the file on a read-only connection: a writing one would checkpoint the write-ahead log when it closes.
fn look(path: &Path) -> rusqlite::Result<Found> {
    schema::examine(&open_to_read(path)?)
}

fn configure(connection: &Connection, settings: &Settings) -> Result<(), OpenError> {
    let path = settings.path.as_path();
    let failed = |error: rusqlite::Error| OpenError::sqlite(path, &error);
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
        .map_err(failed)?;
    if mode != "wal" {
        return Err(OpenError::new(path, Reason::NoWal(mode)));
    }
    let synchronous = match settings.durability {
        // With a write-ahead log this loses nothing when the process dies, and never corrupts.
        Durability::Process => "NORMAL",
        Durability::Power => "FULL",
    };
    connection.pragma_update(None, "synchronous", synchronous).map_err(failed)?;
    connection.pragma_update(None, "cache_size", CACHE_KIB).map_err(failed)?;
    connection
        .pragma_update_and_check(None, "wal_autocheckpoint", BACKSTOP_PAGES, |_| Ok(()))
        .map_err(failed)?;
    connection
        .pragma_update_and_check(None, "journal_size_limit", WAL_LIMIT_BYTES, |_| Ok(()))
        .map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

#[cfg(test)]
mod tests;
