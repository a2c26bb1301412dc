//! Kills amid hourly writes and late readings, some later than their raw rows are kept.
//!
//! Always: in all three tiers, smallest, largest and count are what a recomputation from everything that was sent gives,
//! and means to twelve digits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use r2d2_sqlite::rusqlite::{Connection, OpenFlags};
use rand::RngExt;

use crate::scale;
use crate::support::clock::FastClock;
use crate::support::numbered::Plan;
use crate::support::{Daemon, Home, SOON, eventually, free_port, let_run, names, time};

/// An hour in half a minute.
const SPEED: u32 = 120;
const KILLS: usize = 20;
const RATE: u32 = 600;
const SENSORS: usize = 400;
/// Enough for twenty hours, and for rows beyond the newest 65,536 that are always kept.
const READINGS: usize = 390_000;

const HOUR_MS: i64 = 3_600_000;
/// Tables of the tiers with the lengths of their buckets.
const TIERS: [(&str, i64); 3] =
    [("minute_rollups", 60_000), ("quarter_rollups", HOUR_MS / 4), ("hour_rollups", HOUR_MS)];

/// An hour and its seal, by the real clock, on a busy machine.
const AN_HOUR: Duration = Duration::from_secs(120);

/// By tier, sensor and beginning: smallest, largest, sum, count.
type Buckets = BTreeMap<(usize, String, i64), (f64, f64, f64, i64)>;

/// When a number was measured: every fiftieth is three hours late, every fiftieth five days, few are of 2013.
fn micros(base: i64, number: usize) -> i64 {
    let number_64 = i64::try_from(number).expect("small");
    let now = base + number_64 * 1_000_000 * i64::from(SPEED) / i64::from(RATE) + number_64 % 1000;
    let late = match (number % 997, number % 50) {
        (0, _) => 13 * 365 * 24 * HOUR_MS,
        (_, 7) => 3 * HOUR_MS,
        (_, 23) => 5 * 24 * HOUR_MS,
        _ => 0,
    };
    now - late * 1000
}

fn expected(base: i64) -> Buckets {
    let mut buckets = Buckets::new();
    for number in 0..READINGS {
        let ms = micros(base, number) / 1000;
        let value = number as f64;
        for (tier, (_, length)) in TIERS.iter().enumerate() {
            let key = (tier, format!("S_{:02}", number % SENSORS), ms - ms.rem_euclid(*length));
            let bucket = buckets.entry(key).or_insert((value, value, 0.0, 0));
            *bucket = (bucket.0.min(value), bucket.1.max(value), bucket.2 + value, bucket.3 + 1);
        }
    }
    buckets
}

fn open(home: &Home) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    Connection::open_with_flags(home.path(names::DATABASE), flags).expect("the database")
}

fn stored(home: &Home) -> Buckets {
    let db = open(home);
    let mut buckets = Buckets::new();
    for (tier, (table, _)) in TIERS.iter().enumerate() {
        let sql = format!(
            "SELECT sensor_id, t, min, max, sum, n FROM {table} JOIN series ON id = series"
        );
        let mut query = db.prepare(&sql).expect("a tier");
        let mut rows = query.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            let get = |column: usize| row.get_unwrap::<_, f64>(column);
            let key = (tier, row.get_unwrap(0), row.get_unwrap(1));
            buckets.insert(key, (get(2), get(3), get(4), row.get_unwrap(5)));
        }
    }
    buckets
}

/// Waits until an hour is sealed and not written, or there are late buckets to merge.
fn wait_for_a_write(home: &Home, what: &str) {
    let sql = format!("SELECT count(*) FROM {what}");
    eventually("a write under way", AN_HOUR, || (home.db().number(&sql) > 0).then_some(()));
}

fn kill_amid_writes(home: &mut Home, clock: &FastClock, config: &str, daemon: &mut Daemon) {
    for kill in 0..KILLS {
        wait_for_a_write(home, if kill % 3 == 2 { "late_buckets" } else { "unwritten_hours" });
        let_run(Duration::from_millis(rand::rng().random_range(0..900)));
        let under_way = home.db().number("SELECT count(*) FROM unwritten_hours");
        daemon.kill();
        eprintln!("kill {}: {} hours were sealed and not written", kill + 1, under_way);
        *daemon = clock.run(home, config);
        if kill % 3 != 2 {
            let hours = "SELECT count(*) FROM unwritten_hours";
            daemon.wait_until("the hour written", AN_HOUR, || home.db().number(hours) == 0);
        }
    }
}

/// Waits until every hour with a reading is sealed, written and merged.
fn settle(home: &Home, daemon: &mut Daemon, last_ms: i64) {
    let left = format!(
        "SELECT (SELECT count(*) FROM unwritten_hours) + (SELECT count(*) FROM late_buckets)
             + (SELECT count(*) FROM rollup_state WHERE coalesce(sealed, 0) <= {last_ms})"
    );
    daemon.wait_until("all hours written", 4 * AN_HOUR, || home.db().number(&left) == 0);
}

#[test]
fn kills_amid_hourly_writes_change_nothing() {
    if !scale::wants("history") {
        return;
    }
    let base = time("2026-06-01T00:10:00Z");
    let Some(clock) = FastClock::start(base, SPEED) else { return };
    let (mut home, port) = (Home::new(), free_port());
    let config = format!(
        "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:{port}\"\n[storage.retention]\nraw = \"2h\"\n"
    );
    let mut daemon = clock.run(&mut home, &config);
    daemon.wait_line(names::CONNECTED, SOON);
    // Ten minutes late, since the daemon's clock goes on in steps and is read once a second: a reading from more than five
    // minutes ahead of it would get the time of its receipt.
    let base_micros = (base - TimeDelta::minutes(10)).timestamp_micros();
    let publishers = Plan {
        rate: Some(RATE),
        connections: 1,
        sensors: SENSORS,
        at_most: Duration::from_secs(1500),
        micros: Arc::new(move |number| micros(base_micros, number)),
        ..Plan::new(port, READINGS)
    }
    .start();
    kill_amid_writes(&mut home, &clock, &config, &mut daemon);
    let published = publishers.finish();
    assert_eq!(published.count(), READINGS, "acknowledged");
    settle(&home, &mut daemon, micros(base_micros, READINGS) / 1000);
    assert_eq!(daemon.stop(), 0);
    let rows = home.db().count();
    compare(&expected(base_micros), &stored(&home));
    eprintln!("{READINGS} readings, {KILLS} kills, {rows} raw rows left, all buckets equal");
    assert!(rows < READINGS * 9 / 10, "{rows} of {READINGS} raw rows: none went by age");
}

fn compare(expected: &Buckets, stored: &Buckets) {
    assert_eq!(stored.len(), expected.len(), "number of buckets");
    for (key, (min, max, sum, n)) in expected {
        let found = stored.get(key).unwrap_or_else(|| panic!("{key:?} is missing"));
        assert_eq!((found.0, found.1, found.3), (*min, *max, *n), "{key:?}");
        let (mean, expected) = (found.2 / *n as f64, sum / *n as f64);
        assert!((mean - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{key:?}: {mean}");
    }
}
