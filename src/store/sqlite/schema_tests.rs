//! Migrations, and that the queries users type walk an index.

use super::*;
use crate::store::ledger::PendingQuery;
use crate::store::sqlite::{recall, receivers, write};

fn version(connection: &Connection) -> u32 {
    connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

/// Tables, indexes and views with their columns, and the initial rows of small tables.
fn structure(connection: &Connection) -> Vec<String> {
    let texts = |sql: &str| -> Vec<String> {
        let mut select = connection.prepare(sql).unwrap();
        select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let columns = "SELECT s.type || ' ' || s.name || ' ' || c.cid || ' ' || c.name || ' ' || c.type
                       || ' ' || c.\"notnull\" || ' ' || coalesce(c.dflt_value, '') || ' ' || c.pk
                   FROM sqlite_schema s JOIN pragma_table_xinfo(s.name) c ORDER BY 1";
    let others =
        "SELECT sql FROM sqlite_schema WHERE type <> 'table' AND sql IS NOT NULL ORDER BY name";
    let position = "SELECT position || ' ' || number || ' ' || watch_us FROM ingest_position";
    [columns, others, position].into_iter().flat_map(texts).collect()
}

fn version_8() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    make_version_8(&connection).unwrap();
    assert_eq!(examine(&connection).unwrap(), Found::Version(8));
    connection
}

#[test]
fn a_migrated_file_has_the_tables_of_a_new_one() {
    let (mut new, mut migrated) = (Connection::open_in_memory().unwrap(), version_8());
    migrate(&mut new).unwrap();
    migrate(&mut migrated).unwrap();
    assert_eq!(structure(&migrated), structure(&new));
    assert!(structure(&new).len() > 100, "{:?}", structure(&new));
    assert_eq!(version(&migrated), VERSION);
}

#[test]
fn a_migration_that_fails_leaves_the_file_as_it_was() {
    let mut connection = version_8();
    connection.execute_batch("CREATE TABLE arrivals (x)").unwrap();
    let before = structure(&connection);
    assert!(migrate(&mut connection).is_err());
    assert_eq!(version(&connection), 8);
    assert_eq!(structure(&connection), before);
}

#[test]
fn a_version_that_no_release_had_is_left_unchanged() {
    for unreleased in [1, 7, 9, VERSION - 1] {
        let mut connection = version_8();
        connection.pragma_update(None, "user_version", unreleased).unwrap();
        let before = structure(&connection);
        assert!(!is_supported(unreleased));
        migrate(&mut connection).unwrap();
        assert_eq!(version(&connection), unreleased);
        assert_eq!(structure(&connection), before);
    }
}

#[test]
fn migrating_twice_changes_nothing() {
    let mut connection = Connection::open_in_memory().unwrap();
    migrate(&mut connection).unwrap();
    migrate(&mut connection).unwrap();
    assert_eq!(version(&connection), VERSION);
    assert_eq!(examine(&connection).unwrap(), Found::Version(VERSION));
}

#[test]
fn alerts_from_before_transitions_were_kept_are_still_to_be_published() {
    let mut connection = version_8();
    let sql = "INSERT INTO alerts (alert_id, rule, alert_type, sensor_id, location, quantity,
            value, unit, threshold, severity, state, message, timestamp, announced)
        VALUES ('a', 'r', 'HIGH_TEMPERATURE', 'T', '', 'temperature', 38.2, 'celsius', 35.0,
            'HIGH', 'resolved', 'm', '2024-08-14T10:30:00.000000+00:00', 1)";
    connection.execute(sql, []).unwrap();
    migrate(&mut connection).unwrap();
    let all = PendingQuery { after: 0, at_most: 10, except: &[] };
    let pending = recall::pending_alerts(&connection, &all).unwrap();
    assert_eq!(pending.len(), 1);
    assert_eq!(pending[0].change, crate::domain::Change::Returned);
    assert_eq!(pending[0].operator, None);
}

#[test]
fn the_readings_table_is_the_origins_to_the_letter() {
    let mut connection = Connection::open_in_memory().unwrap();
    migrate(&mut connection).unwrap();
    let sql: String = connection
        .query_row("SELECT sql FROM sqlite_schema WHERE name = 'sensor_readings'", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(
        sql,
        "CREATE TABLE sensor_readings (\n    id INTEGER PRIMARY KEY AUTOINCREMENT,\n    \
         sensor_id TEXT,\n    location TEXT,\n    temperature REAL,\n    timestamp TEXT,\n    \
         alert_triggered BOOLEAN DEFAULT FALSE\n)"
    );
}

fn plan(connection: &Connection, sql: &str) -> String {
    connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap()
        .query_map([], |row| row.get::<_, String>(3))
        .unwrap()
        .map(Result::unwrap)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn queries_users_type_walk_the_index() {
    let mut connection = Connection::open_in_memory().unwrap();
    migrate(&mut connection).unwrap();
    for sql in [
        "SELECT * FROM sensor_readings ORDER BY timestamp DESC LIMIT 10",
        "SELECT * FROM readings ORDER BY timestamp DESC LIMIT 10",
        "SELECT * FROM readings WHERE timestamp >= '2024' AND timestamp < '2025' \
         AND sensor_id = 'TEMP_001' ORDER BY timestamp DESC LIMIT 10",
        "SELECT * FROM readings WHERE quantity = 'humidity' ORDER BY timestamp",
    ] {
        let plan = plan(&connection, sql);
        assert!(plan.contains("USING INDEX sensor_readings_by_time"), "{sql}\n{plan}");
        let is_view = sql.contains("FROM readings");
        assert_eq!(plan.contains("USING INDEX quantity_readings_by_time"), is_view, "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
        assert!(!plan.contains("MATERIALIZE"), "{sql}\n{plan}");
        assert!(!plan.contains("CO-ROUTINE"), "{sql}\n{plan}");
    }
}

#[test]
fn idle_actions_are_found_without_a_walk_through_those_done() {
    let mut connection = Connection::open_in_memory().unwrap();
    migrate(&mut connection).unwrap();
    let plan = plan(&connection, &write::BOUND_IDLE_SQL.replace("?1", "10"));
    let walks: Vec<_> = plan.lines().filter(|line| line.starts_with("SCAN")).collect();
    assert_eq!(walks.len(), 1, "{plan}");
    assert!(walks[0].ends_with("INDEX operator_actions_idle"), "{plan}");
    assert!(plan.contains("USING INTEGER PRIMARY KEY (rowid=?)"), "{plan}");
    assert!(!plan.contains("TEMP B-TREE"), "{plan}");
}

#[test]
fn what_receivers_are_told_is_found_without_a_walk_through_what_was_withheld() {
    let mut connection = Connection::open_in_memory().unwrap();
    migrate(&mut connection).unwrap();
    let plan = plan(&connection, &receivers::AFTER_SQL.replace("?1", "7"));
    assert!(plan.contains("USING INDEX alerts_told (id>?)"), "{plan}");
    assert!(!plan.contains("TEMP B-TREE"), "{plan}");
}

#[test]
fn pending_alerts_are_found_without_a_walk() {
    let mut connection = Connection::open_in_memory().unwrap();
    migrate(&mut connection).unwrap();
    let plan = plan(&connection, &recall::PENDING_SQL.replace("?1", "0"));
    assert!(plan.contains("USING INDEX alerts_pending"), "{plan}");
    assert!(!plan.contains("TEMP B-TREE"), "{plan}");
}
