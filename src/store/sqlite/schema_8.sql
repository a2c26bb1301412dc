-- An empty database of version 8, for tests of the migration from it.
CREATE TABLE sensor_readings (
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
, in_flood BOOLEAN NOT NULL DEFAULT FALSE, transition TEXT, "by" TEXT, why TEXT, silent_end BOOLEAN NOT NULL DEFAULT FALSE);
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
CREATE TABLE ingest_position (
    position INTEGER NOT NULL
, number INTEGER NOT NULL DEFAULT 0, watch_us INTEGER NOT NULL DEFAULT 0);
CREATE TABLE alarm_states (
    sensor_id TEXT NOT NULL,
    rule TEXT NOT NULL,
    state TEXT NOT NULL,
    PRIMARY KEY (sensor_id, rule)
) WITHOUT ROWID;
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
CREATE INDEX alerts_told ON alerts (id) WHERE announced OR silent_end;
INSERT INTO ingest_position (position) VALUES (0);
PRAGMA user_version = 8;
