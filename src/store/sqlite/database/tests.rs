use std::fs;
use std::io::Write as _;

use tempfile::TempDir;

use std::path::PathBuf;

use super::*;
use crate::store::ledger::Work;
use crate::store::sqlite::fixtures::commit;
use crate::store::sqlite::fixtures::{number, readings, settings, temperature, texts};

/// What the origin's script runs at its start.
const ORIGIN: &str = "CREATE TABLE IF NOT EXISTS sensor_readings (
                id INTEGER PRIMARY KEY AUTOINCREMENT,
                sensor_id TEXT,
                location TEXT,
                temperature REAL,
                timestamp TEXT,
                alert_triggered BOOLEAN DEFAULT FALSE
            );";

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sensor_data.db");
    (folder, path)
}

fn refusal(path: &Path) -> Reason {
    open(&settings(path)).unwrap_err().reason
}

/// The file and its companions, by name. A reader's empty log and shared index hold no data.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.metadata().unwrap().len() > 0)
        .filter(|entry| !entry.file_name().to_string_lossy().ends_with("-shm"))
        .map(|entry| {
            (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn a_new_file_is_made_and_opened_again() {
    let (_folder, path) = place();
    for _ in 0..2 {
        let database = open(&settings(&path)).unwrap();
        let pragma = |name: &str| -> String {
            let value = |row: &rusqlite::Row<'_>| row.get::<_, rusqlite::types::Value>(0);
            format!("{:?}", database.connection.pragma_query_value(None, name, value).unwrap())
        };
        assert_eq!(pragma("journal_mode"), "Text(\"wal\")");
        assert_eq!(pragma("synchronous"), "Integer(1)");
        assert_eq!(pragma("cache_size"), "Integer(-4096)");
        assert_eq!(pragma("user_version"), format!("Integer({VERSION})"));
    }
}

#[test]
fn power_durability_syncs_each_commit() {
    let (_folder, path) = place();
    let settings = Settings { durability: Durability::Power, ..settings(&path) };
    let database = open(&settings).unwrap();
    let full: i64 =
        database.connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
    assert_eq!(full, 2);
}

#[test]
fn the_origins_file_is_adopted_with_its_rows() {
    let (_folder, path) = place();
    let origin = Connection::open(&path).unwrap();
    origin.execute_batch(ORIGIN).unwrap();
    for (second, degrees) in [(0, 24.5), (2, 38.2)] {
        origin
            .execute(
                "INSERT INTO sensor_readings
                    (sensor_id, location, temperature, timestamp, alert_triggered)
                 VALUES ('TEMP_001', 'Atelier Production', ?1, ?2, ?3)",
                (degrees, format!("2024-08-14T08:30:0{second}.123456"), degrees > 35.0),
            )
            .unwrap();
    }
    drop(origin);

    let mut database = open(&settings(&path)).unwrap();
    let store = readings([temperature("TEMP_001", 0, 21.0)]);
    commit(&mut database, &[Work::Store(&store)]).unwrap();
    assert_eq!(
        texts(
            &path,
            "SELECT id || ' ' || temperature || ' ' || timestamp || ' ' || alert_triggered
             FROM sensor_readings ORDER BY timestamp DESC"
        ),
        [
            "3 21.0 2024-08-14T10:30:00.000000+00:00 0",
            "2 38.2 2024-08-14T08:30:02.123456 1",
            "1 24.5 2024-08-14T08:30:00.123456 0",
        ]
    );
    assert_eq!(number(&path, "SELECT count(*) FROM readings WHERE unit = 'celsius'"), 3);
    assert_eq!(
        texts(&path, "SELECT sensor_id || ' ' || unit || ' ' || location FROM sensors"),
        ["TEMP_001 celsius Atelier Production"]
    );
    // The origin's own script still finds its table.
    let origin = Connection::open(&path).unwrap();
    origin.execute_batch(ORIGIN).unwrap();
    let insert = "INSERT INTO sensor_readings (sensor_id) VALUES ('TEMP_002')";
    assert_eq!(origin.execute(insert, []).unwrap(), 1);
}

#[test]
fn the_origins_file_is_adopted_after_a_crash_in_mid_transaction() {
    let (folder, path) = place();
    let crashed = folder.path().join("crashed.db");
    let origin = Connection::open(&path).unwrap();
    origin.execute_batch(ORIGIN).unwrap();
    // A cache of one page makes SQLite write to the file before the commit.
    origin.execute_batch("PRAGMA cache_size = 1; BEGIN;").unwrap();
    for _ in 0..2_000 {
        origin.execute("INSERT INTO sensor_readings (location) VALUES ('x')", []).unwrap();
    }
    fs::copy(&path, &crashed).unwrap();
    let journal = fs::copy(
        folder.path().join("sensor_data.db-journal"),
        crashed.with_extension("db-journal"),
    );
    assert!(journal.unwrap() > 0);
    open(&settings(&crashed)).unwrap();
    assert_eq!(number(&crashed, "SELECT count(*) FROM readings"), 0);
}

#[test]
fn a_file_of_a_version_that_no_release_had_is_refused() {
    let (_folder, path) = place();
    drop(open(&settings(&path)).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", VERSION - 1).unwrap();
    assert_eq!(refusal(&path), Reason::Unsupported { found: VERSION - 1 });
    assert_eq!(
        check_readable(&path).unwrap_err().reason,
        Reason::Unsupported { found: VERSION - 1 }
    );
}

#[test]
fn a_newer_file_is_refused_and_not_touched() {
    let (folder, path) = place();
    let writer = open(&settings(&path)).unwrap();
    writer.connection.pragma_update(None, "user_version", VERSION + 1).unwrap();
    writer.connection.execute("INSERT INTO counters VALUES ('x', 1)", []).unwrap();
    // As a crash leaves it: the last commits are in the write-ahead log alone.
    let crashed = tempfile::tempdir().unwrap();
    for name in ["sensor_data.db", "sensor_data.db-wal"] {
        fs::copy(folder.path().join(name), crashed.path().join(name)).unwrap();
    }
    // And as a clean stop leaves it.
    drop(writer);

    for folder in [crashed.path(), folder.path()] {
        let path = folder.join("sensor_data.db");
        let before = contents(folder);
        assert_eq!(refusal(&path), Reason::Newer { found: VERSION + 1 });
        assert_eq!(check_readable(&path).unwrap_err().reason, Reason::Newer { found: VERSION + 1 });
        assert!(before == contents(folder), "the file or its log was changed");
    }
    let message = open(&settings(&path)).unwrap_err().to_string();
    assert!(message.contains("sensor_data.db") && message.contains("newer Vigie"), "{message}");
    assert!(!message.contains('\n'));
}

#[test]
fn what_is_not_ours_is_refused_and_not_touched() {
    let (folder, path) = place();
    fs::write(&path, "these are no readings, and far too short for a database\n".repeat(99))
        .unwrap();
    let before = contents(folder.path());
    assert_eq!(refusal(&path), Reason::NotADatabase);
    assert!(before == contents(folder.path()));

    for sql in [
        "CREATE TABLE songs (title TEXT);",
        "CREATE TABLE sensor_readings (id INTEGER, reading REAL);",
        "CREATE TABLE songs (title TEXT); PRAGMA user_version = 1;",
    ] {
        fs::remove_file(&path).unwrap();
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let before = contents(folder.path());
        assert_eq!(refusal(&path), Reason::Foreign, "{sql}");
        assert!(before == contents(folder.path()), "{sql}");
    }
}

#[test]
fn a_file_cut_short_is_an_error() {
    let (_folder, path) = place();
    drop(open(&settings(&path)).unwrap());
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..5000]).unwrap();
    assert!(matches!(refusal(&path), Reason::Other(_)), "{}", refusal(&path));
}

#[test]
fn places_where_no_file_can_be_say_so() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(refusal(&folder.path().join("none/sensor_data.db")), Reason::NoFolder);
    assert_eq!(refusal(folder.path()), Reason::IsFolder);
    assert_eq!(refusal(Path::new(":memory:")), Reason::NoWal("memory".into()));
}

#[test]
fn a_file_that_may_not_be_written_says_so() {
    let (_folder, path) = place();
    drop(open(&settings(&path)).unwrap());
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    let opened = open(&settings(&path)).map(drop);
    // Root may write it all the same.
    let root = fs::OpenOptions::new().append(true).open(&path).is_ok();
    let reason = if root { None } else { Some(Reason::ReadOnly) };
    assert_eq!(opened.err().map(|error| error.reason), reason);
}

#[test]
fn readers_need_a_file_of_this_version() {
    let (_folder, path) = place();
    assert_eq!(check_readable(&path).unwrap_err().reason, Reason::Missing);
    assert!(!path.exists());
    Connection::open(&path).unwrap().execute_batch(ORIGIN).unwrap();
    assert_eq!(check_readable(&path).unwrap_err().reason, Reason::Older);
    drop(open(&settings(&path)).unwrap());
    assert_eq!(check_readable(&path), Ok(()));
}

#[test]
fn a_locked_file_is_worth_another_try() {
    let (_folder, path) = place();
    let holder = Connection::open(&path).unwrap();
    holder.execute_batch(ORIGIN).unwrap();
    holder.execute_batch("BEGIN EXCLUSIVE").unwrap();
    assert!(matches!(refusal(&path), Reason::Busy(_)), "{}", refusal(&path));
    holder.execute_batch("ROLLBACK").unwrap();
    assert!(open(&settings(&path)).is_ok());
}

#[test]
fn an_empty_file_is_a_new_one() {
    let (_folder, path) = place();
    fs::File::create(&path).unwrap().flush().unwrap();
    assert!(open(&settings(&path)).is_ok());
}
