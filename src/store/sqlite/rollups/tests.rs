//! Whatever comes when, and whatever is killed in between: the tiers are what all readings at once would give.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use r2d2_sqlite::rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::domain::time;
use crate::messages::{Judged, Store};
use crate::store::ledger::Work;
use crate::store::rollups::{HOUR_MS, MINUTE_MS, Tier};
use crate::store::sqlite::database::{Database, open, open_sharing};
use crate::store::sqlite::fixtures::{commit, humidity, number, readings, settings, temperature};

/// Ten o'clock; the fixtures' times begin at half past.
const TEN: i64 = 1_723_629_600_000;

/// Nothing here takes so long unless it is broken.
const DEADLINE: Duration = Duration::from_secs(30);

struct Bench {
    _folder: TempDir,
    path: PathBuf,
    hours: SharedHours,
    database: Database,
    /// In ms since 1970.
    now: i64,
    sent: Vec<Judged>,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sensor_data.db");
        let hours = SharedHours::default();
        let database = open_sharing(&settings(&path), hours.clone()).unwrap();
        let now = TEN + 30 * MINUTE_MS;
        Self { _folder: folder, path, hours, database, now, sent: Vec::new() }
    }

    fn send(&mut self, judged: impl IntoIterator<Item = Judged>) -> Store {
        let judged: Vec<_> = judged.into_iter().collect();
        self.sent.extend(judged.iter().cloned());
        let store = readings(judged);
        upkeep::seal(&mut self.database, self.now).unwrap();
        commit(&mut self.database, &[Work::Store(&store)]).unwrap();
        store
    }

    /// One call, which waits for a scan under way. Whether there is more to do.
    fn step(&mut self) -> bool {
        let due = upkeep::upkeep(&mut self.database, self.now, true).unwrap();
        if self.database.rollups.scan.is_some() {
            std::thread::sleep(Duration::from_millis(1));
        }
        due < Duration::from_secs(1)
    }

    fn settle(&mut self) {
        let began = Instant::now();
        while self.step() {
            assert!(began.elapsed() < DEADLINE, "upkeep never rests");
        }
    }

    /// Until late buckets are merged too.
    fn settle_late(&mut self) {
        self.settle();
        self.now += 40_000;
        self.settle();
    }

    fn kill(&mut self) {
        let mut settings = settings(&self.path);
        settings.naive = self.database.naive;
        // The old one stays open until then, as a killed one's lock would not.
        self.database = open_sharing(&settings, self.hours.clone()).unwrap();
        self.database.rollups.rows_a_step = 5;
    }

    /// Deletes rows of hours that are written, as retention does: never the newest, whose id is not to be used again.
    fn cut_raw(&self) {
        let Some(sealed) = self.database.rollups.boundary.sealed() else { return };
        let next = self.database.rollups.unwritten.iter().map(|it| it.next).min();
        let bound = next.unwrap_or(sealed).max(0);
        let bound = time::stored_bound(chrono::DateTime::from_timestamp_millis(bound).unwrap());
        for table in ["sensor_readings", "quantity_readings"] {
            let newest = format!("(SELECT max(id) FROM {table})");
            let sql = format!("DELETE FROM {table} WHERE timestamp < ?1 AND id < {newest}");
            self.database.connection.execute(&sql, [&bound]).unwrap();
        }
    }

    /// The tiers hold exactly what was sent before the open hours.
    fn assert_all(&self) {
        let sealed = self.database.rollups.boundary.sealed().unwrap();
        let expected = recomputed(&self.sent, sealed);
        let found = stored(&self.database.connection);
        let keys = |of: Vec<&Key>| of.into_iter().cloned().collect::<Vec<_>>();
        assert_eq!(keys(found.keys().collect()), keys(expected.keys().collect()));
        for (key, values) in expected {
            let bucket = found[&key];
            let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
            let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            assert_eq!((bucket.min(), bucket.max()), (smallest, largest), "{key:?}");
            assert_eq!(bucket.count(), values.len() as u64, "{key:?}");
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            assert!((bucket.mean() - mean).abs() <= 1e-12, "{key:?}");
        }
    }
}

type Key = (Tier, String, i64);

fn recomputed(sent: &[Judged], before: i64) -> BTreeMap<Key, Vec<f64>> {
    let mut all = BTreeMap::<Key, Vec<f64>>::new();
    for Judged { reading, .. } in sent {
        let ms = reading.timestamp.timestamp_millis();
        if ms >= before {
            continue;
        }
        let name = format!("{}/{}", reading.sensor_id, reading.quantity.as_str());
        for tier in Tier::ALL {
            all.entry((tier, name.clone(), tier.floor(ms))).or_default().push(reading.value.get());
        }
    }
    all
}

fn stored(connection: &Connection) -> BTreeMap<Key, crate::store::rollups::Bucket> {
    let mut all = BTreeMap::new();
    for tier in Tier::ALL {
        let sql = format!(
            "SELECT s.sensor_id || '/' || s.quantity, t, min, max, sum, n
             FROM {} JOIN series s ON s.id = series",
            steps::table(tier)
        );
        let mut select = connection.prepare(&sql).unwrap();
        let mut rows = select.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let bucket = crate::store::rollups::Bucket::stored(
                row.get(2).unwrap(),
                row.get(3).unwrap(),
                row.get(4).unwrap(),
                row.get(5).unwrap(),
            );
            all.insert((tier, row.get(0).unwrap(), row.get(1).unwrap()), bucket.unwrap());
        }
    }
    all
}

#[test]
fn an_hour_is_written_two_minutes_after_its_end() {
    let mut bench = Bench::new();
    bench.settle();
    bench.send((0..30).map(|n| temperature("A", n * 60, 20.0 + n as f64)));
    bench.send([humidity("A", 5, 40.0), temperature("B", 59, -3.5)]);
    bench.now = TEN + 62 * MINUTE_MS - 1;
    bench.settle();
    assert_eq!(number(&bench.path, "SELECT count(*) FROM hour_rollups"), 0);
    bench.now += 1;
    bench.settle();
    bench.assert_all();
    assert_eq!(number(&bench.path, "SELECT count(*) FROM minute_rollups"), 32);
    assert_eq!(bench.hours.lock().num_hours(), 0, "written hours are forgotten");
    assert_eq!(number(&bench.path, "SELECT count(*) FROM unwritten_hours"), 0);
}

#[test]
fn a_late_reading_is_merged_though_its_row_is_gone() {
    let mut bench = Bench::new();
    bench.settle();
    bench.send([temperature("A", 0, 20.0), temperature("A", 0, 21.0)]);
    bench.now += HOUR_MS;
    bench.settle();
    bench.cut_raw();
    assert_eq!(number(&bench.path, "SELECT count(*) FROM sensor_readings"), 1);
    bench.send([temperature("A", 10, 50.0), temperature("A", -40 * 86_400, 7.0)]);
    bench.kill();
    bench.settle_late();
    bench.assert_all();
    assert_eq!(number(&bench.path, "SELECT count(*) FROM late_buckets"), 0);
}

#[test]
fn an_installation_without_rollups_gets_them_from_its_rows() {
    let mut bench = Bench::new();
    // Nothing is sealed before the first upkeep: so rows stand as an older version left them.
    let judged: Vec<_> = (0..200).map(|n| temperature("A", -n * 3000, n as f64)).collect();
    bench.sent.clone_from(&judged);
    let store = readings(judged);
    commit(&mut bench.database, &[Work::Store(&store)]).unwrap();
    assert_eq!(bench.database.rollups.boundary.sealed(), None);
    bench.database.rollups.rows_a_step = 5;
    for _ in 0..20 {
        bench.step();
    }
    bench.send([temperature("A", -90_000, 100.0)]);
    bench.kill();
    bench.settle_late();
    bench.assert_all();
}

#[test]
fn a_commit_that_was_not_noticed_is_found() {
    let mut bench = Bench::new();
    bench.settle();
    bench.send([temperature("A", 0, 1.0)]);
    // Another connection commits the next batch: as if the answer had been an error.
    let unnoticed = readings([temperature("A", 1, 2.0)]);
    bench.sent.push(unnoticed.readings[0].clone());
    commit(&mut open(&settings(&bench.path)).unwrap(), &[Work::Store(&unnoticed)]).unwrap();
    let next = readings([temperature("A", 2, 3.0)]);
    bench.sent.push(next.readings[0].clone());
    commit(&mut bench.database, &[Work::Store(&unnoticed), Work::Store(&next)]).unwrap();
    bench.settle();
    bench.now += HOUR_MS;
    bench.settle();
    bench.assert_all();
}

#[test]
fn a_failed_commit_carries_nothing() {
    let mut bench = Bench::new();
    bench.settle();
    let store = readings([temperature("A", 0, 1.0), temperature("A", 90_000, 2.0)]);
    bench.sent.extend(store.readings.iter().cloned());
    let lock = crate::store::fixtures::Lock::take(&bench.path);
    assert!(commit(&mut bench.database, &[Work::Store(&store)]).is_err());
    drop(lock);
    assert!(bench.database.rollups.boundary.ahead().is_empty());
    commit(&mut bench.database, &[Work::Store(&store)]).unwrap();
    bench.now += 50 * HOUR_MS;
    bench.settle_late();
    bench.assert_all();
}

#[test]
fn rollups_of_the_largest_values_stay_finite() {
    let mut bench = Bench::new();
    bench.settle();
    bench.now += 10 * HOUR_MS;
    for _ in 0..3 {
        bench.send([temperature("A", 0, f64::MAX), temperature("A", 1, f64::MAX)]);
        bench.settle_late();
    }
    bench.send([temperature("A", 0, f64::MIN), temperature("A", 1, f64::MIN)]);
    bench.settle_late();
    let sql = "SELECT sum FROM hour_rollups";
    let sum: f64 = bench.database.connection.query_row(sql, [], |row| row.get(0)).unwrap();
    assert!(sum.is_finite());
}

#[test]
fn a_scan_ends_before_the_file_is_closed() {
    let mut bench = Bench::new();
    for day in 0..10 {
        let from = -86_400 * day;
        let judged = (0..2000).map(|n| temperature("A", from - n * 30, 20.0)).collect::<Vec<_>>();
        commit(&mut bench.database, &[Work::Store(&readings(judged))]).unwrap();
    }
    while bench.database.rollups.scan.is_none() {
        bench.step();
    }
    let Bench { path, database, _folder, .. } = bench;
    drop(database);
    assert!(!path.with_extension("db-wal").exists(), "the write-ahead log is emptied");
}

#[derive(Debug, Clone)]
enum Op {
    /// Sensor, seconds from now, tenths of a degree.
    Send(Vec<(u8, i64, i16)>),
    Steps(u8),
    PassMinutes(i64),
    Kill,
    CutRaw,
    ToggleNaive,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let seconds = prop_oneof![
        4 => -120..60_i64, 2 => -3 * 3600..3600_i64, 1 => -90 * 86_400..12 * 3600_i64
    ];
    let reading = (0..4_u8, seconds, -500..500_i16);
    let op = prop_oneof![
        6 => prop::collection::vec(reading, 1..20).prop_map(Op::Send),
        4 => (0..6_u8).prop_map(Op::Steps),
        3 => (0..90_i64).prop_map(Op::PassMinutes),
        2 => Just(Op::Kill),
        1 => Just(Op::CutRaw),
        1 => Just(Op::ToggleNaive),
    ];
    prop::collection::vec(op, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn the_tiers_are_what_all_readings_give_whatever_is_killed(ops in ops()) {
        let mut bench = Bench::new();
        bench.database.rollups.rows_a_step = 5;
        for op in ops {
            bench.run(op);
        }
        // Hours ahead come, and are written.
        bench.now += 15 * HOUR_MS;
        bench.settle_late();
        bench.settle_late();
        bench.assert_all();
        prop_assert_eq!(number(&bench.path, "SELECT count(*) FROM late_buckets"), 0);
    }
}

impl Bench {
    fn run(&mut self, op: Op) {
        match op {
            Op::Send(samples) => {
                let from = (self.now - TEN) / 1000 - 1800;
                let judged = samples.into_iter().map(|(sensor, seconds, tenths)| {
                    let make = if sensor == 3 { humidity } else { temperature };
                    let value = f64::from(tenths) / 10.0;
                    make(&format!("S{sensor}"), from + seconds, value)
                });
                let judged: Vec<_> = judged.collect();
                self.send(judged);
            }
            Op::Steps(steps) => {
                for _ in 0..steps {
                    self.step();
                }
            }
            Op::PassMinutes(minutes) => self.now += minutes * MINUTE_MS,
            Op::Kill => self.kill(),
            Op::CutRaw => self.cut_raw(),
            Op::ToggleNaive => self.database.naive = !self.database.naive,
        }
    }
}
