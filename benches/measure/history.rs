//! How quickly history is read from a large database: the buckets of a chart of 1,000 pixels, as the API asks for
//! them, and the newest rows as people ask for them.
//!
//! `cargo bench --bench measure -- history 50000000 10000`: rows of readings (five million), series (200). Each
//! series has two years of hours and 90 days of quarters, those that are asked for 14 days of minutes too; rows are of
//! the last seven days. Then what upkeep of that database keeps waiting ([`upkeep`]).

use std::path::Path;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use r2d2_sqlite::rusqlite::{Connection, params};
use vigie::config::Durability;
use vigie::domain::{Quantity, SensorId};
use vigie::store::{self, BucketQuery, History, Settings};

use crate::figures::{Table, median, percentile};
use crate::support::{Home, fleet, names, require};
use crate::upkeep;

const ROWS: u64 = 5_000_000;
const SERIES: u64 = 200;

/// Queries of each kind, each of another series.
const QUERIES: u64 = 100;
const PX: u16 = 1000;

/// The end of it all, on the hour. The last hour is not summed up yet.
const END: i64 = 1_760_000_400;
const SEALED: i64 = END - HOUR;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// Days that rows are of.
const DAYS: u64 = 7;

/// What people type.
const NEWEST: &str = "SELECT * FROM sensor_readings ORDER BY timestamp DESC LIMIT 10";

pub fn measure(table: &mut Table) {
    let [rows, series] = counts();
    eprintln!("history: {rows} rows of {series} series");
    let home = Home::new();
    let path = home.path(names::DATABASE);
    let began = Instant::now();
    fill(&path, rows, series);
    let bytes = path.metadata().expect("the file").len();
    eprintln!("  {:.2} GB, made in {} s", bytes as f64 / 1e9, began.elapsed().as_secs());
    let history = History::open(&path).expect("a history");
    for (name, span, aim) in [
        ("ten minutes, from rows", 10 * 60, ""),
        ("an hour", HOUR, "< 50 ms"),
        ("a day", DAY, "< 50 ms"),
        ("a month", 30 * DAY, "< 50 ms"),
        ("a year", 365 * DAY, "< 50 ms"),
    ] {
        let times = (0..QUERIES).map(|n| query(&history, n * series / QUERIES, span));
        tell(table, &format!("history of {name}: median, worst of {QUERIES}"), times, aim);
    }
    let times = (0..QUERIES).map(|_| newest(&path));
    tell(table, "the ten newest rows, on a new connection: median, worst", times, "< 5 ms");
    drop(history);
    if require(&["faketime"]) {
        upkeep::measure(table, home, END, rows / DAYS);
    }
}

/// Of rows and series.
fn counts() -> [u64; 2] {
    let mut numbers = std::env::args().filter_map(|arg| arg.parse().ok());
    let rows = numbers.next().unwrap_or(ROWS);
    [rows, numbers.next().unwrap_or(SERIES)]
}

fn tell(table: &mut Table, what: &str, millis: impl Iterator<Item = f64>, aim: &str) {
    let millis: Vec<_> = millis.collect();
    let (middle, worst) = (median(millis.iter().copied()), percentile(millis.iter().copied(), 1.0));
    table.alone(what, format!("{middle:.2} ms, {worst:.2} ms"), aim);
}

fn query(history: &History, series: u64, span: i64) -> f64 {
    let until = DateTime::<Utc>::from_timestamp(SEALED, 0).expect("a time");
    let query = BucketQuery {
        sensor_id: SensorId::new(&name(series)).expect("an id"),
        quantity: Quantity::temperature(),
        from: until - TimeDelta::seconds(span),
        until,
        px: PX,
    };
    let start = Instant::now();
    let found = history.buckets(&query).expect("an answer").expect("a known series");
    let text = serde_json::to_string(&found).expect("JSON");
    let millis = start.elapsed().as_secs_f64() * 1e3;
    assert!(found.n.iter().sum::<u64>() > 0 && !text.is_empty(), "{span} s of {series}");
    millis
}

fn newest(path: &Path) -> f64 {
    let start = Instant::now();
    let database = Connection::open(path).expect("the database");
    let mut select = database.prepare(NEWEST).expect("a query");
    let rows = select.query_map([], |row| row.get::<_, i64>(0)).expect("rows").count();
    assert_eq!(rows, 10);
    start.elapsed().as_secs_f64() * 1e3
}

fn name(series: u64) -> String {
    fleet::id(usize::try_from(series).expect("small"))
}

fn fill(path: &Path, rows: u64, series: u64) {
    let settings = Settings {
        path: path.to_owned(),
        durability: Durability::Process,
        rejected_keep: 0,
        naive: false,
        retention: None,
    };
    drop(store::prepare(settings, &[]).expect("a database"));
    let database = Connection::open(path).expect("the database");
    // What is made here need not survive a crash, and a log of it would be as large as the file.
    database
        .execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -200000; BEGIN",
        )
        .expect("a transaction");
    for number in 0..series {
        database
            .execute(
                "INSERT INTO series (sensor_id, quantity) VALUES (?1, 'temperature')",
                [name(number)],
            )
            .expect("a series");
        let is_asked_for = (0..QUERIES).any(|n| n * series / QUERIES == number);
        buckets(&database, database.last_insert_rowid(), is_asked_for);
    }
    let sql = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?1)
        INSERT INTO sensor_readings (sensor_id, location, temperature, timestamp, alert_triggered)
        SELECT printf('S_%05d', i % ?2), 'Hall ' || (i % ?2 / 100), 20.0 + i % 10,
            strftime('%Y-%m-%dT%H:%M:%S', ?3 + i * ?4 / ?1, 'unixepoch') || '.000000+00:00', 0
        FROM n";
    let span = DAYS.cast_signed() * DAY;
    let params = params![rows.cast_signed(), series.cast_signed(), END - span, span];
    database.execute(sql, params).expect("rows");
    progress(&database, rows);
    database.execute_batch("COMMIT; PRAGMA journal_mode = WAL").expect("a commit");
}

/// As if a daemon had stored it: what is summed up, what a restart need not read, what came when.
fn progress(database: &Connection, rows: u64) {
    let rows = rows.cast_signed();
    let first_day_at = END + upkeep::DELETE_FROM_S - (DAYS.cast_signed() - 1) * DAY;
    for (sql, number) in [
        ("UPDATE rollup_state SET sealed = ?1", SEALED * 1000),
        ("UPDATE ingest_position SET temperatures_after = ?1, others_after = 0", rows),
        (
            "INSERT INTO arrivals (at, temperatures, others, alerts, actions)
                VALUES (?1, (SELECT max(id) FROM sensor_readings) / 7, 0, 0, 0)",
            first_day_at * 1000,
        ),
    ] {
        database.execute(sql, [number]).expect("progress");
    }
}

/// What a series has in the tiers.
fn buckets(database: &Connection, series: i64, has_minutes: bool) {
    for (table, step, span) in [
        ("hour_rollups", HOUR, 730 * DAY),
        ("quarter_rollups", HOUR / 4, 90 * DAY),
        ("minute_rollups", 60, if has_minutes { 14 * DAY } else { 0 }),
    ] {
        let sql = format!(
            "WITH RECURSIVE n (t) AS
                 (SELECT ?2 WHERE ?2 < ?4 UNION ALL SELECT t + ?3 FROM n WHERE t + ?3 < ?4)
             INSERT INTO {table} (series, t, min, max, sum, n)
             SELECT ?1, t, 19.5 + t % 7, 24.5 + t % 7, 22.0 * ?3, ?3 FROM n"
        );
        let (end, step) = (SEALED * 1000, step * 1000);
        database.execute(&sql, params![series, end - span * 1000, step, end]).expect("buckets");
    }
}
