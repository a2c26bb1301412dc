-- The present schema, of a new database or one that adopts the origin's table.
--
-- Indexes are led by time, so that inserts are at their end. An index of readings by sensor would cost seven times the
-- writes.

-- The origin's table, to the letter. An adopted one exists already, with its rows.
CREATE TABLE IF NOT EXISTS sensor_readings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sensor_id TEXT,
    location TEXT,
    temperature REAL,
    timestamp TEXT,
    alert_triggered BOOLEAN DEFAULT FALSE
);
CREATE INDEX sensor_readings_by_time ON sensor_readings (timestamp);

-- Its twin for quantities other than temperature.
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

-- Every sensor and quantity ever measured, with the last unit and location: `sensor_readings` has no column for a unit.
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

-- The casts give both halves of `readings` columns of the same affinity; without them SQLite would build the whole view
-- before it evaluates a query's conditions.
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

-- Alert events: every transition of an alarm, announced or not, with its operator and reason. `value` has no declared
-- type, so that 38 stays 38 and 38.0 stays 38.0; an empty text is no value. `silent_end`: an end that its rule does not
-- announce, which receivers of notifications need.
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
    published_at TEXT,
    in_flood BOOLEAN NOT NULL DEFAULT FALSE,
    transition TEXT,
    "by" TEXT,
    why TEXT,
    silent_end BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX alerts_by_time ON alerts (timestamp);
CREATE INDEX alerts_pending ON alerts (id) WHERE announced AND published_at IS NULL;

-- Spares receivers a scan of withheld events: a sensor out of service may flap all weekend.
CREATE INDEX alerts_told ON alerts (id) WHERE announced OR silent_end;

-- Active alerts: raised and not resolved.
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

-- One row: the evaluation cursor, the number of the last batch, the listening clocks (`watch_us`: own sensors), the
-- receipt time of the last record and the latest of all, the publication cursor, and the row ids after which a restart
-- reads in addition to checkpoints (NULL: every checkpoint must be queried).
CREATE TABLE ingest_position (
    position INTEGER NOT NULL,
    number INTEGER NOT NULL DEFAULT 0,
    watch_us INTEGER NOT NULL DEFAULT 0,
    received_us INTEGER,
    embedded_us INTEGER NOT NULL DEFAULT 0,
    remote_us INTEGER NOT NULL DEFAULT 0,
    published INTEGER NOT NULL DEFAULT 0,
    temperatures_after INTEGER,
    others_after INTEGER,
    latest_received_us INTEGER
);
INSERT INTO ingest_position (position) VALUES (0);

-- States of alarms that are not normal, as evaluation wrote them.
CREATE TABLE alarm_states (
    sensor_id TEXT NOT NULL,
    rule TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (sensor_id, rule)
) WITHOUT ROWID;

-- Cursor of each receiver of notifications over the alert events, and its state in parts, as the receiver wrote it.
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

-- Operators' actions, including refused ones. The second index bounds those without effect, sparing a scan of all.
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
CREATE INDEX operator_actions_idle ON operator_actions (id) WHERE outcome <> 'done';

-- Checkpoints of series with rules, in parts, as evaluation wrote them. `reaches`: last row id of the series' table
-- that the part includes.
CREATE TABLE series_states (
    sensor_id TEXT NOT NULL,
    quantity TEXT NOT NULL,
    part TEXT NOT NULL,
    state BLOB NOT NULL,
    reaches INTEGER NOT NULL,
    PRIMARY KEY (sensor_id, quantity, part)
);

-- State of payload decoders.
CREATE TABLE decoder_states (
    format TEXT NOT NULL,
    key TEXT NOT NULL,
    state BLOB NOT NULL,
    PRIMARY KEY (format, key)
);

-- Series, for the rollups. `late_at`: when the series last received readings more than a day old.
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    sensor_id TEXT NOT NULL,
    quantity TEXT NOT NULL,
    late_at INTEGER,
    UNIQUE (sensor_id, quantity)
);
INSERT INTO series (sensor_id, quantity) SELECT sensor_id, quantity FROM sensors;

-- Rollups by minute, quarter and hour; times in ms since 1970. Rows are led by their series and written an hour at a
-- time, so that a year of one series is contiguous and a page is written once.
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

-- Buckets of readings that arrived after their hour was sealed, merged in the order of their ids (never reused).
CREATE TABLE late_buckets (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    series INTEGER NOT NULL,
    t INTEGER NOT NULL,
    min REAL NOT NULL,
    max REAL NOT NULL,
    sum REAL NOT NULL,
    n INTEGER NOT NULL
);
-- One row: time up to which hours are sealed, and the progress of merging late buckets: all through `late_after`, and
-- those through `late_through` up to an hour of a series.
CREATE TABLE rollup_state (
    sealed INTEGER,
    late_after INTEGER NOT NULL DEFAULT 0,
    late_through INTEGER NOT NULL DEFAULT 0,
    late_series INTEGER NOT NULL DEFAULT 0,
    late_hour INTEGER NOT NULL DEFAULT 0
);
INSERT INTO rollup_state DEFAULT VALUES;
-- Hours that are sealed and not written, with the row ids up to which readings belong to them, and for the first one
-- the last series written. Later readings have late buckets, like those of `hours_ahead`.
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
-- Last row ids of the tables at a time.
CREATE TABLE arrivals (
    at INTEGER PRIMARY KEY,
    temperatures INTEGER NOT NULL,
    others INTEGER NOT NULL,
    alerts INTEGER NOT NULL,
    actions INTEGER NOT NULL
);
