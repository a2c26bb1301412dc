//! Copies of a database file: for a backup, and for a restore.
//!
//! Always: a copy is of one moment, whatever is written meanwhile, in one file without a write-ahead log.
//! Never: a change to the file that is copied.

use std::path::Path;

use chrono::{DateTime, Utc};
use r2d2_sqlite::rusqlite::{self, Connection, ErrorCode, OptionalExtension, Transaction};

use super::connect::{accept, check_place, open_to_read, open_to_write};
use super::open_error::{OpenError, Reason};
use super::schema::{self, Found, MIGRATED_VERSION, VERSION};
use super::{events, resume};
use crate::store::holdings::Holdings;

/// Minimum gap of positions and numbers that a restore leaves, if the clock is behind them: more than any
/// installation uses between a backup and its restore.
const LEAST_GAP: i64 = 1_000_000_000;

/// Why a file is no backup that can be restored.
#[derive(Debug, thiserror::Error)]
pub(in crate::store) enum Unfit {
    #[error("there is no such file")]
    Missing,
    #[error("it is a folder")]
    IsFolder,
    #[error("it is no SQLite database")]
    NotADatabase,
    #[error("it is no database of Vigie's")]
    Foreign,
    #[error(
        "it was written by a newer Vigie (schema version {0}, this one knows {VERSION}): use that one"
    )]
    Newer(u32),
    #[error(
        "it has schema version {0}, which no release had: only versions {MIGRATED_VERSION} and {VERSION} are read"
    )]
    Unsupported(u32),
    #[error("it is damaged ({0}): use another backup")]
    Damaged(String),
    #[error("{0}")]
    Other(String),
}

/// Copies the present database into `to`, which is empty, and checks the copy. Returns its contents.
///
/// # Errors
/// If the database can't be read, the copy can't be written, or it is damaged.
pub(in crate::store) fn copy(database: &Path, to: &Path) -> Result<Holdings, OpenError> {
    let failed = |error: rusqlite::Error| OpenError::sqlite(database, &error);
    check_place(database)?;
    if !database.exists() {
        return Err(OpenError::new(database, Reason::Missing));
    }
    let connection = open_to_read(database).map_err(failed)?;
    match schema::examine(&connection).map_err(failed)? {
        Found::Empty => return Err(OpenError::new(database, Reason::Older)),
        found => accept(database, found)?,
    }
    vacuum_into(&connection, to).map_err(failed)?;
    drop(connection);
    let copy = open_to_read(to).map_err(failed)?;
    if let Some(damage) = damage(&copy).map_err(failed)? {
        let why = format!("a copy of it is damaged ({damage})");
        return Err(OpenError::new(database, Reason::Other(why)));
    }
    holdings(&copy).map_err(failed)
}

/// Copies a backup into `to`, which is empty, and prepares it: migrated to this version, and with unused positions
/// and alert numbers.
///
/// # Errors
/// If it is no backup, or the copy can't be written.
pub(in crate::store) fn stage(
    backup: &Path,
    to: &Path,
    now: DateTime<Utc>,
) -> Result<Holdings, Unfit> {
    let connection = open_backup(backup)?;
    vacuum_into(&connection, to)?;
    drop(connection);
    let mut copy = open_to_write(to)?;
    schema::migrate(&mut copy)?;
    events::add_columns(&mut copy)?;
    let step = copy.transaction()?;
    begin_beyond(&step, now.timestamp_micros())?;
    step.commit()?;
    Ok(holdings(&copy)?)
}

/// Opens a complete database file of Vigie's.
fn open_backup(path: &Path) -> Result<Connection, Unfit> {
    if path.is_dir() {
        return Err(Unfit::IsFolder);
    }
    if !path.exists() {
        return Err(Unfit::Missing);
    }
    let connection = open_to_read(path)?;
    match schema::examine(&connection)? {
        Found::Version(version) if version > VERSION => return Err(Unfit::Newer(version)),
        Found::Version(version) if !schema::is_supported(version) => {
            return Err(Unfit::Unsupported(version));
        }
        Found::Version(_) => {}
        Found::Empty | Found::Origin | Found::Foreign => return Err(Unfit::Foreign),
    }
    match damage(&connection)? {
        Some(damage) => Err(Unfit::Damaged(damage)),
        None => Ok(connection),
    }
}

/// First damage of the file, if any. Reads all of it.
fn damage(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let verdict: String =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    Ok((verdict != "ok").then(|| verdict.lines().map(str::trim).collect::<Vec<_>>().join(" ")))
}

/// Needs an empty file, or none.
fn vacuum_into(connection: &Connection, to: &Path) -> rusqlite::Result<()> {
    let to = to.to_str().ok_or_else(|| rusqlite::Error::InvalidPath(to.to_owned()))?;
    connection.execute("VACUUM INTO ?1", [to]).map(drop)
}

/// Continues positions and alert numbers from the time of the restore in µs, far beyond what the installation has
/// used since the backup, or since another restore of it.
fn begin_beyond(step: &Transaction<'_>, now_us: i64) -> rusqlite::Result<()> {
    let progress = resume::progress(step)?;
    let beyond = |count: u64| count.cast_signed().saturating_add(LEAST_GAP).max(now_us);
    step.execute(
        "UPDATE ingest_position SET position = ?1, published = ?1",
        [beyond(progress.position.max(progress.published))],
    )?;
    let last = beyond(progress.last_event);
    if step.execute("UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'alerts'", [last])? == 0 {
        step.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('alerts', ?1)", [last])?;
    }
    Ok(())
}

/// Contents of a file of any version.
fn holdings(connection: &Connection) -> rusqlite::Result<Holdings> {
    let count = |table: &str| -> rusqlite::Result<u64> {
        let known = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1";
        if connection.query_row(known, [table], |_| Ok(())).optional()?.is_none() {
            return Ok(0);
        }
        let sql = format!("SELECT count(*) FROM {table}");
        connection.query_row(&sql, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs)
    };
    let as_of = "SELECT 1 FROM pragma_table_info('ingest_position') WHERE name = 'received_us'";
    let as_of = match connection.query_row(as_of, [], |_| Ok(())).optional()? {
        Some(()) => connection.query_row("SELECT received_us FROM ingest_position", [], |row| {
            row.get::<_, Option<i64>>(0)
        })?,
        None => None,
    };
    Ok(Holdings {
        readings: count("sensor_readings")? + count("quantity_readings")?,
        alert_events: count("alerts")?,
        active_alarms: count("standing_alerts")?,
        as_of: as_of.and_then(DateTime::from_timestamp_micros),
    })
}

impl From<rusqlite::Error> for Unfit {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotADatabase,
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged(error.to_string()),
            _ => Self::Other(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::domain::AlertState;
    use crate::store::ledger::Work;
    use crate::store::sqlite::fixtures::{alerts, commit, event, settings};

    fn installation(path: &Path) {
        let mut database = super::super::database::open(&settings(path)).unwrap();
        let store = alerts([event("a", "A", 7, AlertState::Active)]);
        commit(&mut database, &[Work::Store(&store)]).unwrap();
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn progress(path: &Path) -> (i64, i64, i64) {
        let found = resume::progress(&open_to_read(path).unwrap()).unwrap();
        let [position, published, last] = [found.position, found.published, found.last_event];
        (position.cast_signed(), published.cast_signed(), last.cast_signed())
    }

    #[test]
    fn positions_and_numbers_go_on_from_the_time_of_each_restore() {
        let folder = tempfile::tempdir().unwrap();
        let [database, backup, first, second, third] =
            ["a.db", "b.db", "1.db", "2.db", "3.db"].map(|name| folder.path().join(name));
        installation(&database);
        assert_eq!(copy(&database, &backup).unwrap().alert_events, 1);
        assert_eq!(progress(&backup), progress(&database), "a backup is as it was");
        assert_eq!(stage(&backup, &first, at(1_800_000_000)).unwrap().active_alarms, 1);
        assert_eq!(
            progress(&first),
            (1_800_000_000_000_000, 1_800_000_000_000_000, 1_800_000_000_000_000)
        );
        // The same backup again, a second later: not what the first one used.
        stage(&backup, &second, at(1_800_000_001)).unwrap();
        assert_eq!(progress(&second).0, 1_800_000_001_000_000);
        // A backup of a restored one, by a clock that is behind.
        stage(&second, &third, at(0)).unwrap();
        assert_eq!(progress(&third).0, 1_800_000_001_000_000 + LEAST_GAP);
    }

    #[test]
    fn a_file_that_is_no_whole_database_of_ours_is_none_to_go_on_from() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let why = |name: &str| {
            let staged = path("staged");
            let _ = fs::remove_file(&staged);
            stage(&path(name), &staged, at(0)).unwrap_err().to_string()
        };
        assert_eq!(why("none"), "there is no such file");
        fs::create_dir(path("folder")).unwrap();
        assert_eq!(why("folder"), "it is a folder");
        fs::write(path("text"), "no database, but long enough to be taken for one ".repeat(40))
            .unwrap();
        assert_eq!(why("text"), "it is no SQLite database");
        fs::write(path("empty"), "").unwrap();
        assert_eq!(why("empty"), "it is no database of Vigie's");
        Connection::open(path("other")).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
        assert_eq!(why("other"), "it is no database of Vigie's");
        installation(&path("a.db"));
        copy(&path("a.db"), &path("newer")).unwrap();
        let newer = Connection::open(path("newer")).unwrap();
        newer.pragma_update(None, "user_version", VERSION + 1).unwrap();
        drop(newer);
        assert!(why("newer").contains("newer Vigie (schema version"), "{}", why("newer"));
        copy(&path("a.db"), &path("damaged")).unwrap();
        let mut bytes = fs::read(path("damaged")).unwrap();
        let last = bytes.len() - 4096;
        bytes[last..].fill(0xA5);
        fs::write(path("damaged"), bytes).unwrap();
        assert!(why("damaged").contains("it is damaged"), "{}", why("damaged"));
    }

    #[test]
    fn a_backup_of_an_older_version_is_brought_to_this_one() {
        let folder = tempfile::tempdir().unwrap();
        let (old, staged) = (folder.path().join("old.db"), folder.path().join("staged"));
        let connection = Connection::open(&old).unwrap();
        schema::make_version_8(&connection).unwrap();
        drop(connection);
        stage(&old, &staged, at(5)).unwrap();
        let found = schema::examine(&open_to_read(&staged).unwrap()).unwrap();
        assert_eq!(found, Found::Version(VERSION));
        assert_eq!(schema::examine(&open_to_read(&old).unwrap()).unwrap(), Found::Version(8));
    }
}
