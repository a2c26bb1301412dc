use std::path::PathBuf;
use std::time::Duration;

use chrono::TimeDelta;
use tempfile::TempDir;

use super::*;
use crate::messages::Judged;
use crate::store::ledger::Work;
use crate::store::rollups::HOUR_MS;
use crate::store::sqlite::database::{Database, open_sharing};
use crate::store::sqlite::fixtures::{at, commit, humidity, readings, settings, temperature};
use crate::store::sqlite::rollups::upkeep;

/// A file with its writer, and a reader beside it.
struct Bench {
    _folder: TempDir,
    path: PathBuf,
    database: Database,
    history: History,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sensor_data.db");
        let hours = SharedHours::default();
        let database = open_sharing(&settings(&path), hours.clone()).unwrap();
        let history = History::open_sharing(&path, hours).unwrap();
        let mut bench = Self { _folder: folder, path, database, history };
        bench.settle(0);
        bench
    }

    /// Upkeep until it rests, so many seconds after half past ten.
    fn settle(&mut self, seconds: i64) {
        let now = at(seconds).timestamp_millis();
        while upkeep::upkeep(&mut self.database, now, true).unwrap() < Duration::from_secs(1) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn send(&mut self, judged: impl IntoIterator<Item = Judged>) {
        commit(&mut self.database, &[Work::Store(&readings(judged))]).unwrap();
    }

    fn ask(&self, [from, until]: [i64; 2], px: u16) -> BucketColumns {
        let query = BucketQuery {
            sensor_id: SensorId::new("A").unwrap(),
            quantity: Quantity::temperature(),
            from: at(from),
            until: at(until),
            px,
        };
        self.history.buckets(&query).unwrap().expect("a known series")
    }
}

fn num_readings(columns: &BucketColumns) -> u64 {
    columns.n.iter().sum()
}

const HOUR: i64 = 3600;

#[test]
fn the_newest_minute_is_there_before_its_hour_is_written() {
    let mut bench = Bench::new();
    bench.send((0..60).map(|n| temperature("A", n * 10, 20.0 + n as f64)));
    bench.send([temperature("B", 0, 99.0), humidity("A", 0, 40.0)]);
    let columns = bench.ask([-HOUR, 600], 1000);
    assert_eq!((columns.source, columns.step), (BucketSource::Minute, 60));
    assert_eq!((columns.unit.as_str(), num_readings(&columns)), ("celsius", 60));
    let newest = columns.values.max.last().unwrap();
    assert_eq!(*newest, Some(79.0));
    assert_eq!(columns.values.mean[columns.values.mean.len() - 1], Some(76.5));
    assert_eq!(columns.values.min[0], None, "a gap");
}

#[test]
fn each_reading_is_counted_once_while_its_hour_is_written() {
    let mut bench = Bench::new();
    bench.send((0..30).map(|n| temperature("A", n * 60, n as f64)));
    let sealed = at(0).timestamp_millis() + HOUR_MS;
    loop {
        assert_eq!(num_readings(&bench.ask([0, HOUR], 100)), 30);
        let due = upkeep::upkeep(&mut bench.database, sealed, true).unwrap();
        if due > Duration::from_secs(1) {
            break;
        }
    }
    assert_eq!(num_readings(&bench.ask([0, HOUR], 100)), 30);
    let in_file = History::open(&bench.path).unwrap();
    let query = |history: &History| {
        let query = BucketQuery {
            sensor_id: SensorId::new("A").unwrap(),
            quantity: Quantity::temperature(),
            from: at(0),
            until: at(HOUR),
            px: 100,
        };
        history.buckets(&query).unwrap().unwrap()
    };
    assert_eq!(query(&in_file), query(&bench.history));
}

#[test]
fn a_spike_of_one_reading_is_never_lost() {
    let mut bench = Bench::new();
    bench.send((0..2000).map(|n| temperature("A", n * 600 - 2000 * 600, 20.0)));
    bench.send([temperature("A", -777_777, 95.5)]);
    bench.settle(60);
    bench.settle(120);
    for (px, source) in [
        (2000, BucketSource::Minute),
        (1000, BucketSource::Quarter),
        (300, BucketSource::Hour),
        (2, BucketSource::Hour),
    ] {
        let columns = bench.ask([-2000 * 600, 0], px);
        assert_eq!((columns.source, num_readings(&columns)), (source, 2001), "{px}");
        assert!(columns.n.len() <= usize::from(px));
        assert_eq!(columns.values.max.iter().flatten().filter(|max| **max == 95.5).count(), 1);
        assert!(columns.t0 <= at(-2000 * 600).timestamp_millis());
    }
}

#[test]
fn spans_of_ten_minutes_come_from_readings_and_longer_ones_do_not() {
    let mut bench = Bench::new();
    bench.send((0..700).map(|n| temperature("A", n, n as f64)));
    let columns = bench.ask([0, 600], 2000);
    assert_eq!((columns.source, columns.step, columns.n.len()), (BucketSource::Raw, 1, 600));
    assert_eq!(columns.values.min[599], Some(599.0));
    assert_eq!(bench.ask([0, 600], 60).step, 10);
    assert_eq!(bench.ask([0, 601], 2000).source, BucketSource::Minute);
    // Rows that are gone leave the buckets.
    bench.settle(HOUR);
    bench.database.connection.execute("DELETE FROM sensor_readings", []).unwrap();
    let columns = bench.ask([0, 600], 2000);
    assert_eq!((columns.source, num_readings(&columns)), (BucketSource::Minute, 600));
}

#[test]
fn a_coarser_tier_is_taken_where_a_finer_one_is_kept_no_more() {
    let mut bench = Bench::new();
    bench.send((0..48).map(|n| temperature("A", (n - 48) * HOUR / 2, 20.0)));
    bench.settle(60);
    bench.settle(120);
    let day = [-24 * HOUR, 0];
    assert_eq!(bench.ask(day, 1000).source, BucketSource::Minute);
    let half = at(-12 * HOUR).timestamp_millis();
    for (table, source) in
        [("minute_rollups", BucketSource::Quarter), ("quarter_rollups", BucketSource::Hour)]
    {
        let sql = format!("DELETE FROM {table} WHERE t < ?1");
        bench.database.connection.execute(&sql, [half]).unwrap();
        let columns = bench.ask(day, 1000);
        assert_eq!((columns.source, num_readings(&columns)), (source, 48));
    }
    assert_eq!(bench.ask([-6 * HOUR, 0], 1000).source, BucketSource::Minute);
}

#[test]
fn an_unknown_series_is_none() {
    let mut bench = Bench::new();
    bench.send([temperature("A", 0, 20.0)]);
    let query = BucketQuery {
        sensor_id: SensorId::new("A").unwrap(),
        quantity: Quantity::new("humidity").unwrap(),
        from: at(0),
        until: at(60),
        px: 100,
    };
    assert_eq!(bench.history.buckets(&query).unwrap(), None);
}

#[test]
fn sparklines_are_the_last_sixty_minutes() {
    let mut bench = Bench::new();
    bench.send((0..120).map(|n| temperature("A", n * 30, n as f64)));
    bench.settle(HOUR);
    let now = at(HOUR) - TimeDelta::seconds(1);
    let key = |sensor| (SensorId::new(sensor).unwrap(), Quantity::temperature());
    let sparklines = bench.history.sparklines(&[key("A"), key("?")], now).unwrap();
    assert_eq!(sparklines.t0, at(0).timestamp_millis());
    assert_eq!(sparklines.series[1], None);
    let of = sparklines.series[0].as_ref().unwrap();
    let expected: Vec<_> = (0..60).map(|n| Some(f64::from(2 * n + 1))).collect();
    assert_eq!((of.max.len(), &of.max), (Sparklines::LEN, &expected));
    // A minute later there is a gap at the end.
    let later = bench.history.sparklines(&[key("A")], now + TimeDelta::minutes(1)).unwrap();
    assert_eq!(later.series[0].as_ref().unwrap().mean[58..], [Some(118.5), None]);
}
