use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::domain::{AlertState, ReadingCounts};
use crate::messages::{SaveReceiver, Store};
use crate::store::ledger::Work;
use crate::store::sqlite::database::{Database, open};
use crate::store::sqlite::fixtures::{
    alerts, at, commit, event, number, readings, settings, temperature, texts,
};
use crate::store::sqlite::rollups::upkeep;

const DAY: i64 = 24 * 3600;

struct Bench {
    _folder: TempDir,
    path: std::path::PathBuf,
    database: Database,
    /// Seconds after the fixtures' time.
    now: i64,
}

fn days(days: u32) -> Duration {
    days * Duration::from_secs(24 * 3600)
}

fn config() -> RetentionConfig {
    RetentionConfig {
        raw: Some(days(1)),
        minute: Some(days(2)),
        quarter: Some(days(4)),
        hour: Some(days(8)),
        alerts: Some(days(10)),
        max_size: None,
    }
}

impl Bench {
    fn new(config: Option<RetentionConfig>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sensor_data.db");
        let settings = crate::store::Settings { retention: config, ..settings(&path) };
        let mut bench = Self { _folder: folder, path, database: open(&settings).unwrap(), now: 0 };
        bench.settle();
        bench
    }

    fn step(&mut self) -> Duration {
        let now = at(self.now).timestamp_millis();
        let due = upkeep::upkeep(&mut self.database, now, true).unwrap();
        if due == Duration::from_millis(100) {
            std::thread::sleep(Duration::from_millis(1));
        }
        due
    }

    fn settle(&mut self) {
        for _ in 0..2 {
            while self.step() < Duration::from_secs(1) {}
            self.now += 40;
        }
    }

    /// Time passes by the hour, with upkeep.
    fn pass(&mut self, hours: i64) {
        for _ in 0..hours {
            self.now += 3600;
            self.settle();
        }
    }

    fn send(&mut self, store: &Store) {
        commit(&mut self.database, &[Work::Store(store)]).unwrap();
    }

    /// So many readings, from a time in seconds on; nothing of it is read again at a restart.
    fn read(&mut self, from: i64, count: i64) {
        for first in (0..count).step_by(5000) {
            let numbers = first..(first + 5000).min(count);
            let judged = numbers.map(|n| temperature("A", from + n / 100, n as f64));
            let store = Store {
                since_checkpoints: ReadingCounts::default(),
                ..readings(judged.collect::<Vec<_>>())
            };
            self.send(&store);
        }
    }

    fn number(&self, sql: &str) -> i64 {
        number(&self.path, sql)
    }
}

const ROWS_SQL: &str = "SELECT count(*) FROM sensor_readings";

#[test]
fn rows_past_their_age_go_and_the_newest_stay_with_their_ids() {
    let mut bench = Bench::new(Some(config()));
    bench.read(0, 70_000);
    bench.pass(23);
    assert_eq!(bench.number(ROWS_SQL), 70_000);
    let sum = "SELECT sum(n) FROM hour_rollups";
    assert_eq!(bench.number(sum), 70_000);
    bench.pass(4);
    assert_eq!(bench.number(ROWS_SQL), retention::ROWS_KEPT);
    assert_eq!(bench.number("SELECT min(id) FROM sensor_readings"), 70_001 - retention::ROWS_KEPT);
    assert_eq!(bench.number(sum), 70_000);
    bench.read(bench.now, 1);
    assert_eq!(bench.number("SELECT max(id) FROM sensor_readings"), 70_001);
}

#[test]
fn without_the_table_nothing_is_deleted() {
    let mut bench = Bench::new(None);
    bench.read(0, 70_000);
    bench.pass(72);
    assert_eq!(bench.number(ROWS_SQL), 70_000);
    assert!(bench.number("SELECT count(*) FROM minute_rollups") > 0);
}

#[test]
fn rows_that_a_restart_reads_again_stay() {
    let mut bench = Bench::new(Some(config()));
    bench.read(0, 70_000);
    let store = Store {
        since_checkpoints: ReadingCounts { temperatures: 69_000, others: 0 },
        ..readings([temperature("A", 0, 0.0)])
    };
    bench.send(&store);
    bench.pass(30);
    assert_eq!(bench.number("SELECT min(id) FROM sensor_readings"), 70_001 - 69_000 + 1);
}

#[test]
fn a_replay_of_old_times_is_kept_by_its_arrival() {
    let mut bench = Bench::new(Some(config()));
    bench.pass(30);
    let long_ago = -4000 * DAY;
    bench.read(long_ago, 70_000);
    bench.pass(20);
    assert_eq!(bench.number(ROWS_SQL), 70_000);
    let minutes = "SELECT count(*) FROM minute_rollups";
    let expected = bench.number(minutes);
    assert!(expected > 10);
    bench.pass(20);
    assert_eq!(bench.number(ROWS_SQL), retention::ROWS_KEPT);
    assert_eq!(bench.number(minutes), expected, "two days have not passed");
    bench.pass(48);
    assert_eq!(bench.number(minutes), 0);
    assert!(bench.number("SELECT count(*) FROM hour_rollups") > 0);
    bench.pass(8 * 24);
    assert_eq!(bench.number("SELECT count(*) FROM hour_rollups"), 0);
}

#[test]
fn the_oldest_rows_go_first_when_the_database_is_too_large() {
    let max_size = 12_000_000;
    let large = RetentionConfig { raw: None, max_size: Some(max_size), ..config() };
    let mut bench = Bench::new(Some(large));
    bench.read(0, 130_000);
    bench.pass(1);
    assert!(used_bytes(&bench.database.connection).unwrap() > max_size);
    assert_eq!(bench.number(ROWS_SQL), 130_000, "not yet two hours old");
    bench.pass(3);
    let used = used_bytes(&bench.database.connection).unwrap();
    assert!(used <= max_size, "{used}");
    assert!(bench.number("SELECT min(id) FROM sensor_readings") > 10_000);
    assert!(bench.number(ROWS_SQL) >= retention::ROWS_KEPT);
}

#[test]
fn the_file_stops_growing_over_a_month() {
    let mut bench = Bench::new(Some(config()));
    let mut sizes = Vec::new();
    for _ in 0..30 {
        for _ in 0..4 {
            bench.read(bench.now, 10_000);
            bench.pass(6);
        }
        let pages = "SELECT page_count FROM pragma_page_count";
        sizes.push(bench.number(pages));
    }
    assert!(sizes[29] <= sizes[14] + sizes[14] / 20, "{sizes:?}");
}

#[test]
fn alerts_go_but_those_that_are_needed() {
    let mut bench = Bench::new(Some(config()));
    let raised = |id: &str, sensor: &str| event(id, sensor, 0, AlertState::Active);
    let resolved = |id: &str, sensor: &str| event(id, sensor, 60, AlertState::Resolved);
    let of = |state, (id, sensor): (&str, &str)| match state {
        AlertState::Active => raised(id, sensor),
        AlertState::Resolved => resolved(id, sensor),
    };
    use AlertState::{Active, Resolved};
    let (gone, stands, pending, unread) = (("a", "A"), ("b", "B"), ("c", "C"), ("d", "D"));
    let events = [
        (Active, gone),
        (Resolved, gone),
        (Active, stands),
        (Active, pending),
        (Resolved, pending),
        (Active, unread),
        (Resolved, unread),
    ];
    let store = alerts(events.map(|(state, which)| of(state, which)));
    let numbers: Vec<_> = store.alerts.iter().map(|event| event.number).collect();
    bench.send(&store);
    let published: Vec<_> = [0, 1, 2, 5, 6].map(|n| numbers[n]).into();
    let delivered = Work::Delivered { numbers: &published, at: at(1) };
    let keep = SaveReceiver { receiver: "shift".into(), through: numbers[4], parts: Vec::new() };
    commit(&mut bench.database, &[delivered, Work::Receiver(&keep)]).unwrap();
    bench.pass(12 * 24);
    let left = "SELECT alert_id FROM alerts ORDER BY id";
    assert_eq!(texts(&bench.path, left), ["b", "c", "c", "d", "d"]);
    let keep = SaveReceiver { through: numbers[6], ..keep };
    commit(&mut bench.database, &[Work::Receiver(&keep)]).unwrap();
    bench.pass(2);
    assert_eq!(texts(&bench.path, left), ["b", "c", "c"]);
    // Numbers are never used again.
    assert_eq!(
        crate::store::sqlite::recall::last_event(&bench.database.connection).unwrap(),
        numbers[6]
    );
}
