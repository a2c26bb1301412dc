//! The tables, and how a file of an older version gets them.
//!
//! A file's version is its `PRAGMA user_version`. Each step of [`STEPS`] takes a file from the
//! version of its index to the next, in one transaction. A step that has been released is never
//! edited: a change is a new step.

use r2d2_sqlite::rusqlite::{self, Connection, TransactionBehavior};

/// The version this program reads and writes.
pub(in crate::store) const VERSION: u32 = 9;

const STEPS: [&str; VERSION as usize] =
    [STEP_1, STEP_2, STEP_3, STEP_4, STEP_5, STEP_6, STEP_7, STEP_8, STEP_9];

/// The columns of the table that the system Vigie grew from made.
const ORIGIN_COLUMNS: [&str; 6] =
    ["id", "sensor_id", "location", "temperature", "timestamp", "alert_triggered"];

/// `sensor_readings` is the origin's, to the letter, and may be there already, with its rows.
///
/// Indexes are led by time, so that inserts land at their end. `quantity_readings` is its twin for
/// other quantities. A temperature's unit has no column in it, hence `sensors`, which lists all that
/// was ever measured where, with the last unit and place. The casts give both halves of `readings`
/// columns of the same affinity, without which SQLite would build the whole view before it looks
/// at a query's conditions.
///
/// `alerts.value` has no declared type, so that 38 stays 38 and 38.0 stays 38.0. `standing_alerts`
/// is what is raised and not resolved. `commit_mark` has one row: the last message committed, by
/// its number in one run of the daemon.
const STEP_1: &str = "
CREATE TABLE IF NOT EXISTS sensor_readings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sensor_id TEXT,
    location TEXT,
    temperature REAL,
    timestamp TEXT,
    alert_triggered BOOLEAN DEFAULT FALSE
);
CREATE INDEX sensor_readings_by_time ON sensor_readings (timestamp);

CREATE TABLE quantity_readings (
    id INTEGER PRIMARY KEY,
    sensor_id TEXT,
    location TEXT,
    quantity TEXT,
    value REAL,
    unit TEXT,
    timestamp TEXT,
    alert_triggered BOOLEAN DEFAULT FALSE
);
CREATE INDEX quantity_readings_by_time ON quantity_readings (timestamp);

CREATE TABLE sensors (
    sensor_id TEXT NOT NULL,
    quantity TEXT NOT NULL,
    unit TEXT NOT NULL,
    location TEXT NOT NULL,
    PRIMARY KEY (sensor_id, quantity)
) WITHOUT ROWID;

INSERT OR IGNORE INTO sensors (sensor_id, quantity, unit, location)
    SELECT sensor_id, 'temperature', 'celsius', coalesce(location, '')
    FROM sensor_readings WHERE sensor_id IS NOT NULL ORDER BY id DESC;

CREATE VIEW temperature_readings AS
    SELECT r.sensor_id AS sensor_id, r.location AS location,
           CAST('temperature' AS TEXT) AS quantity, r.temperature AS value,
           CAST(coalesce(s.unit, 'celsius') AS TEXT) AS unit,
           r.timestamp AS timestamp, r.alert_triggered AS alert_triggered
    FROM sensor_readings r
    LEFT JOIN sensors s ON s.sensor_id = r.sensor_id AND s.quantity = 'temperature';

CREATE VIEW readings AS
    SELECT sensor_id, location, quantity, value, unit, timestamp, alert_triggered
    FROM temperature_readings
    UNION ALL
    SELECT sensor_id, location, quantity, value, unit, timestamp, alert_triggered
    FROM quantity_readings;

CREATE TABLE alerts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    alert_id TEXT NOT NULL,
    rule TEXT NOT NULL,
    alert_type TEXT NOT NULL,
    sensor_id TEXT NOT NULL,
    location TEXT NOT NULL,
    quantity TEXT NOT NULL,
    value NOT NULL,
    unit TEXT NOT NULL,
    threshold REAL NOT NULL,
    severity TEXT NOT NULL,
    state TEXT NOT NULL,
    message TEXT NOT NULL,
    timestamp TEXT NOT NULL,
    announced BOOLEAN NOT NULL,
    published_at TEXT
);
CREATE INDEX alerts_by_time ON alerts (timestamp);
CREATE INDEX alerts_pending ON alerts (id) WHERE announced AND published_at IS NULL;

CREATE TABLE standing_alerts (
    sensor_id TEXT NOT NULL,
    rule TEXT NOT NULL,
    alert_id TEXT NOT NULL,
    since TEXT NOT NULL,
    PRIMARY KEY (sensor_id, rule)
) WITHOUT ROWID;

CREATE TABLE rejected_messages (
    id INTEGER PRIMARY KEY,
    received_at TEXT NOT NULL,
    topic TEXT NOT NULL,
    payload BLOB NOT NULL,
    payload_bytes INTEGER NOT NULL,
    reason TEXT NOT NULL
);

CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE commit_mark (
    run INTEGER NOT NULL,
    number INTEGER NOT NULL
);
INSERT INTO commit_mark (run, number) VALUES (0, 0);
";

/// `ingest_position` has one row: the last record of the intake journal whose rows are in the file.
/// It does what `commit_mark` did, and survives the daemon.
const STEP_2: &str = "
CREATE TABLE ingest_position (
    position INTEGER NOT NULL
);
INSERT INTO ingest_position (position) VALUES (0);
DROP TABLE commit_mark;
";

/// With the position go the number of the last message committed, by which a repeat is known, and the
/// time the installation has been listening in all. `alarm_states` is what evaluation wrote of alarms
/// that are not at rest, to be given back to it.
const STEP_3: &str = "
ALTER TABLE ingest_position ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ingest_position ADD COLUMN watch_us INTEGER NOT NULL DEFAULT 0;
CREATE TABLE alarm_states (
    sensor_id TEXT NOT NULL,
    rule TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (sensor_id, rule)
) WITHOUT ROWID;
";

/// How far each receiver of notifications has taken in the alert events, and what it keeps of them, to
/// be given back to it.
const STEP_4: &str = "
CREATE TABLE receivers (
    receiver TEXT PRIMARY KEY,
    through INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE receiver_states (
    receiver TEXT NOT NULL,
    part TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (receiver, part)
) WITHOUT ROWID;
";

/// Whether an event came in a flood of alarms. An empty text for `alerts.value` stands for none: a sensor
/// that never spoke.
const STEP_5: &str = "
ALTER TABLE alerts ADD COLUMN in_flood BOOLEAN NOT NULL DEFAULT FALSE;
";

/// An alarm's every transition is among the alerts, announced or not, with who brought it about and why;
/// rows from before have no `transition`. `operator_actions` is what operators asked for, refused or not.
const STEP_6: &str = r#"
ALTER TABLE alerts ADD COLUMN transition TEXT;
ALTER TABLE alerts ADD COLUMN "by" TEXT;
ALTER TABLE alerts ADD COLUMN why TEXT;
CREATE TABLE operator_actions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    action TEXT NOT NULL,
    alarm TEXT NOT NULL,
    rule TEXT,
    sensor TEXT,
    "by" TEXT NOT NULL,
    why TEXT,
    via TEXT NOT NULL,
    outcome TEXT NOT NULL
);
CREATE INDEX operator_actions_by_time ON operator_actions (at);
"#;

/// Actions that were refused or changed nothing, to be bounded without a walk through those done.
const STEP_7: &str = "
CREATE INDEX operator_actions_idle ON operator_actions (id) WHERE outcome <> 'done';
";

/// Whether an event is an end that its rule announces to nobody; receivers of notifications hear of it. Of
/// rows from before it is not known, and receivers took them in within a moment. The index spares receivers a walk
/// through what was withheld: a sensor out of service may flap all weekend.
const STEP_8: &str = "
ALTER TABLE alerts ADD COLUMN silent_end BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX alerts_told ON alerts (id) WHERE announced OR silent_end;
";

/// With the position go the wall clock, a listening clock for each way in (the one there was is the own sensors'
/// now, and the others begin like it), and how far own readings are published. `series_states` has the parts
/// of a checkpoint of each series with rules, as evaluation wrote them, and the row id of its table that each reaches.
const STEP_9: &str = "
ALTER TABLE ingest_position ADD COLUMN received_us INTEGER;
ALTER TABLE ingest_position ADD COLUMN embedded_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ingest_position ADD COLUMN remote_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ingest_position ADD COLUMN published INTEGER NOT NULL DEFAULT 0;
UPDATE ingest_position SET embedded_us = watch_us, remote_us = watch_us;
CREATE TABLE series_states (
    sensor_id TEXT NOT NULL,
    quantity TEXT NOT NULL,
    part TEXT NOT NULL,
    state BLOB NOT NULL,
    reaches INTEGER NOT NULL,
    PRIMARY KEY (sensor_id, quantity, part)
);
";

/// What a file turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Found {
    /// No table at all: a new file.
    Empty,
    /// The origin's table without a version: to be adopted, rows and all.
    Origin,
    /// Vigie's own, of this version or an older or newer one.
    Version(u32),
    /// A database of something else.
    Foreign,
}

/// Looks at a file without changing it.
pub(in crate::store) fn examine(connection: &Connection) -> rusqlite::Result<Found> {
    let version =
        connection.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0))?;
    if version > VERSION {
        return Ok(Found::Version(version));
    }
    let columns = connection
        .prepare("SELECT name FROM pragma_table_info('sensor_readings') ORDER BY cid")?
        .query_map([], |row| row.get::<_, String>(0))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let num_objects: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(match version {
        0 if num_objects == 0 => Found::Empty,
        0 if columns == ORIGIN_COLUMNS => Found::Origin,
        0 => Found::Foreign,
        _ if columns == ORIGIN_COLUMNS => Found::Version(version),
        _ => Found::Foreign,
    })
}

/// Takes a file that [`examine`] found fit to this program's version.
pub(in crate::store) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    migrate_by(connection, &STEPS)
}

fn migrate_by(connection: &mut Connection, steps: &[&str]) -> rusqlite::Result<()> {
    loop {
        // The version is read under the lock: another process may have been quicker.
        let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version: u32 = step.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let Some(sql) = steps.get(version as usize) else {
            return Ok(());
        };
        step.execute_batch(sql)?;
        step.pragma_update(None, "user_version", version + 1)?;
        step.commit()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::ledger::PendingQuery;
    use crate::store::sqlite::{recall, receivers, write};

    fn version(connection: &Connection) -> u32 {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_failing_step_leaves_the_file_at_the_step_before() {
        let mut connection = Connection::open_in_memory().unwrap();
        let steps = ["CREATE TABLE a (x);", "CREATE TABLE b (x); CREATE TABLE a (x);"];
        assert!(migrate_by(&mut connection, &steps).is_err());
        assert_eq!(version(&connection), 1);
        let tables: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .unwrap();
        assert_eq!(tables, 1);
        migrate_by(&mut connection, &[steps[0], "CREATE TABLE b (x);"]).unwrap();
        assert_eq!(version(&connection), 2);
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
        let mut connection = Connection::open_in_memory().unwrap();
        migrate_by(&mut connection, &STEPS[..5]).unwrap();
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
}
