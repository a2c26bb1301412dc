-- Migration of a database of version 8 to the present schema (`schema.sql`, which describes the tables).

-- The one listening clock of version 8 becomes the own sensors'; the others start from it.
ALTER TABLE ingest_position ADD COLUMN received_us INTEGER;
ALTER TABLE ingest_position ADD COLUMN embedded_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ingest_position ADD COLUMN remote_us INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ingest_position ADD COLUMN published INTEGER NOT NULL DEFAULT 0;
ALTER TABLE ingest_position ADD COLUMN temperatures_after INTEGER;
ALTER TABLE ingest_position ADD COLUMN others_after INTEGER;
ALTER TABLE ingest_position ADD COLUMN latest_received_us INTEGER;
UPDATE ingest_position SET embedded_us = watch_us, remote_us = watch_us;

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
