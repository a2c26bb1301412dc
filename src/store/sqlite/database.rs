//! Opening of the file: identification, access check, settings.

use std::path::{Path, PathBuf};
use std::time::Duration;

use r2d2_sqlite::rusqlite::{self, Connection, ErrorCode, MAIN_DB, OpenFlags};

use super::checkpoint::{BACKSTOP_PAGES, Checkpoints};
use super::events;
use super::retention::Deletion;
use super::rollups::Rollups;
use super::schema::{self, Found, MIGRATED_VERSION, VERSION};
use crate::config::Durability;
use crate::domain::{Location, Position, Quantity, QuickMap, SensorId, Unit};
use crate::store::ledger::Settings;
use crate::store::rollups::{SeriesId, SharedHours};

/// Timeout of a statement for another program's lock. Short, because the writer retries itself, and a stop must not
/// wait for it.
pub(in crate::store) const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// Page cache in SQLite's notation: negative for KiB. Enough for the hot end of every index, even when a fleet's
/// late readings touch many pages; no more, since all of it is used in time.
const CACHE_KIB: i64 = -4 * 1024;

/// Size to which the write-ahead log is truncated after a long reader made it grow.
const WAL_LIMIT_BYTES: i64 = 64 * 1024 * 1024;

/// Cached prepared statements; the writer uses about twenty.
const STATEMENTS: usize = 48;

/// Why the database can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("can't use the database `{}`: {reason}", path.display())]
pub struct OpenError {
    /// Path of the database file.
    pub path: PathBuf,
    /// Cause.
    pub reason: Reason,
}

/// Cause and remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    #[error("there is no such file: start `vigie run` first, or correct storage.path")]
    Missing,
    #[error("its folder doesn't exist: create it, or correct storage.path")]
    NoFolder,
    #[error(
        "its write-ahead log `{}` is there without it: put the database back beside it, or move \
         that file away to begin with a new database", .0.display()
    )]
    LogAlone(PathBuf),
    #[error("it is a folder: name a file in storage.path")]
    IsFolder,
    #[error("the file is no SQLite database: move it away, or correct storage.path")]
    NotADatabase,
    #[error(
        "it was made by something else (its tables aren't Vigie's): move it away, or correct \
         storage.path"
    )]
    Foreign,
    #[error(
        "it was written by a newer Vigie (schema version {found}, this one knows {VERSION}): use \
         that one, or another file"
    )]
    Newer { found: u32 },
    #[error(
        "it has schema version {found}, which no release had: only version {MIGRATED_VERSION} and \
         {VERSION} are read; move it away to begin with a new database"
    )]
    Unsupported { found: u32 },
    #[error("it was not written by this version yet: start `vigie run` once, which converts it")]
    Older,
    #[error("it can't be written: check who owns the file and its folder, and their permissions")]
    ReadOnly,
    #[error(
        "its place can't hold a write-ahead log (SQLite chose `{0}` instead): use a file on a \
         local disk"
    )]
    NoWal(String),
    /// Locked by another program, or the disk is full: worth another try.
    #[error("{0}: close the program that holds it, or free some space")]
    Busy(String),
    #[error("{0}: check the file, its folder, and the disk")]
    Other(String),
}

impl OpenError {
    pub(in crate::store) fn new(path: &Path, reason: Reason) -> Self {
        Self { path: path.to_owned(), reason }
    }

    pub(in crate::store) fn sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        Self::new(path, Reason::from(error))
    }
}

impl From<&rusqlite::Error> for Reason {
    fn from(error: &rusqlite::Error) -> Self {
        if is_transient(error) {
            return Self::Busy(error.to_string());
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotADatabase,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly,
            _ => Self::Other(error.to_string()),
        }
    }
}

/// True if the same statement may succeed later without a restart.
pub(in crate::store) fn is_transient(error: &rusqlite::Error) -> bool {
    use ErrorCode::{DatabaseBusy, DatabaseLocked, DiskFull};
    matches!(error.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked | DiskFull))
}

/// The open file, for its one writer.
#[derive(Debug)]
pub struct Database {
    // Closed before the writer's connection: the last one empties the write-ahead log into the file.
    pub(in crate::store) rollups: Rollups,
    pub(in crate::store) connection: Connection,
    pub(in crate::store) naive: bool,
    pub(in crate::store) rejected_keep: i64,
    pub(in crate::store) sensors: SensorsKnown,
    pub(in crate::store) checkpoints: Checkpoints,
    /// Publication cursor as last written.
    pub(in crate::store) published: Position,
    pub(in crate::store) deletion: Deletion,
}

/// Known content of the tables `sensors` and `series`, so that only changes are written.
pub(in crate::store) type SensorsKnown = QuickMap<(SensorId, Quantity), (Unit, Location, SeriesId)>;

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
        sensors: SensorsKnown::default(),
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
        Ok(Found::Empty | Found::Origin) => failed(Reason::Older),
        Ok(Found::Version(MIGRATED_VERSION)) => failed(Reason::Older),
        Ok(found) => accept(path, found),
        Err(error) => Err(OpenError::sqlite(path, &error)),
    }
}

pub(in crate::store) fn check_place(path: &Path) -> Result<(), OpenError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_some_and(|folder| !folder.is_dir()) {
        Err(OpenError::new(path, Reason::NoFolder))
    } else if path.is_dir() {
        Err(OpenError::new(path, Reason::IsFolder))
    } else {
        Ok(())
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

pub(in crate::store) fn open_to_write(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// Read-only connection, which no writer blocks.
pub(in crate::store) fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

pub(in crate::store) fn accept(path: &Path, found: Found) -> Result<(), OpenError> {
    match found {
        Found::Foreign => Err(OpenError::new(path, Reason::Foreign)),
        Found::Version(found) if found > VERSION => {
            Err(OpenError::new(path, Reason::Newer { found }))
        }
        Found::Version(found) if !schema::is_supported(found) => {
            Err(OpenError::new(path, Reason::Unsupported { found }))
        }
        Found::Empty | Found::Origin | Found::Version(_) => Ok(()),
    }
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
