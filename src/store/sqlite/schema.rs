//! The tables, and how a file of an older version gets them.
//!
//! A file's version is its `PRAGMA user_version`. Each step of [`STEPS`] takes a file from the
//! version of its index to the next, in one transaction. A step that has been released is never
//! edited: a change is a new step.

use r2d2_sqlite::rusqlite::{self, Connection, TransactionBehavior};

/// The version this program reads and writes.
pub(in crate::store) const VERSION: u32 = 12;

const STEPS: [&str; VERSION as usize] = [
    STEP_1, STEP_2, STEP_3, STEP_4, STEP_5, STEP_6, STEP_7, STEP_8, STEP_9, STEP_10, STEP_11,
    STEP_12,
];

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

/// The row ids after which a restart reads on top of checkpoints; null where every checkpoint must be asked. And
/// what payload formats remember.
const STEP_10: &str = "
CREATE TABLE decoder_states (
    format TEXT NOT NULL,
    key TEXT NOT NULL,
    state BLOB NOT NULL,
    PRIMARY KEY (format, key)
);
ALTER TABLE ingest_position ADD COLUMN temperatures_after INTEGER;
ALTER TABLE ingest_position ADD COLUMN others_after INTEGER;
";

/// Rollups. Times are ms since 1970. A tier's rows are led by their series and written an hour at a time, so that a
/// year of one series lies together and a page is written once; an index by sensor on the rows of readings would cost
/// seven times the writes. `late_buckets` are merged into the tiers in the order of their ids, which are never
/// used again. `rollup_state` has one row: up to where hours are sealed, and which late buckets are merged: all
/// through `late_after`, and those through `late_through` up to an hour of a series. `unwritten_hours` are sealed
/// and not written, each with the row ids up to which their readings are theirs, and the series written of the
/// first; later readings have late buckets, as those of `hours_ahead`. `arrivals` has the last row ids at a time.
/// `series.late_at` is when a series last got readings more than a day old.
const STEP_11: &str = "
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    sensor_id TEXT NOT NULL,
    quantity TEXT NOT NULL,
    late_at INTEGER,
    UNIQUE (sensor_id, quantity)
);
INSERT INTO series (sensor_id, quantity) SELECT sensor_id, quantity FROM sensors;

CREATE TABLE minute_rollups (
    series INTEGER NOT NULL,
    t INTEGER NOT NULL,
    min REAL NOT NULL,
    max REAL NOT NULL,
    sum REAL NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (series, t)
) WITHOUT ROWID;
CREATE TABLE quarter_rollups (
    series INTEGER NOT NULL,
    t INTEGER NOT NULL,
    min REAL NOT NULL,
    max REAL NOT NULL,
    sum REAL NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (series, t)
) WITHOUT ROWID;
CREATE TABLE hour_rollups (
    series INTEGER NOT NULL,
    t INTEGER NOT NULL,
    min REAL NOT NULL,
    max REAL NOT NULL,
    sum REAL NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (series, t)
) WITHOUT ROWID;

CREATE TABLE late_buckets (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    series INTEGER NOT NULL,
    t INTEGER NOT NULL,
    min REAL NOT NULL,
    max REAL NOT NULL,
    sum REAL NOT NULL,
    n INTEGER NOT NULL
);
CREATE TABLE rollup_state (
    sealed INTEGER,
    late_after INTEGER NOT NULL DEFAULT 0,
    late_through INTEGER NOT NULL DEFAULT 0,
    late_series INTEGER NOT NULL DEFAULT 0,
    late_hour INTEGER NOT NULL DEFAULT 0
);
INSERT INTO rollup_state DEFAULT VALUES;
CREATE TABLE unwritten_hours (
    id INTEGER PRIMARY KEY,
    next INTEGER NOT NULL,
    until INTEGER NOT NULL,
    series_after INTEGER NOT NULL,
    temperatures_through INTEGER NOT NULL,
    others_through INTEGER NOT NULL
);
CREATE TABLE hours_ahead (
    hour INTEGER PRIMARY KEY
);
CREATE TABLE arrivals (
    at INTEGER PRIMARY KEY,
    temperatures INTEGER NOT NULL,
    others INTEGER NOT NULL,
    alerts INTEGER NOT NULL,
    actions INTEGER NOT NULL
);
";

/// The latest time that the machine's clock has shown, by which it is found to be behind after a restart too.
const STEP_12: &str = "
ALTER TABLE ingest_position ADD COLUMN latest_received_us INTEGER;
UPDATE ingest_position SET latest_received_us = received_us;
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

/// Takes a file to an older version.
#[cfg(test)]
pub(in crate::store) fn migrate_through(
    connection: &mut Connection,
    version: usize,
) -> rusqlite::Result<()> {
    migrate_by(connection, &STEPS[..version])
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
#[path = "schema_tests.rs"]
mod tests;
