//! What the upkeep of a large database keeps waiting: the hourly write of 10,000 series and the deletion of a day's
//! rows, beside neither, under 2,000 readings a second; and a burst of readings amid an hourly write, beside none.
//!
//! The daemon's wall clock is another (libfaketime), so that an hour ends when it is wanted. How long commits stand still
//! is seen from outside: the longest time in which no new row appeared.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta};
use r2d2_sqlite::rusqlite::{Connection, OpenFlags};

use crate::figures::{Pairs, Table, percentile};
use crate::support::clock::FastClock;
use crate::support::fleet::{self, Fleet};
use crate::support::{Home, free_port, names};

/// Looks for new rows.
const LOOK: Duration = Duration::from_millis(2);

/// The daemon starts so long after the full hour, which is sealed two minutes after it.
const START_S: i64 = 20;
const SETTLE: Duration = Duration::from_secs(15);
/// As long as the deletion takes, so that the machine's own pauses are as likely beside it.
const QUIET: Duration = Duration::from_secs(400);
/// Rows of the first day may be deleted from then on.
pub const DELETE_FROM_S: i64 = 720;

const HOUR_AT_MOST: Duration = Duration::from_secs(300);
const DELETION_AT_MOST: Duration = Duration::from_secs(1200);

/// Bursts of each kind, each of so many readings.
const BURSTS: usize = 9;
const BURST: usize = 60_000;
const BURST_BUNDLE: usize = 500;

const UNWRITTEN: &str = "SELECT count(*) FROM unwritten_hours";
const LAST: &str = "SELECT coalesce(max(id), 0) FROM sensor_readings";
const FIRST: &str = "SELECT coalesce(min(id), 0) FROM sensor_readings";

/// Measures on a database that ends on a full hour, whose rows up to `first_day` may go.
pub fn measure(table: &mut Table, mut home: Home, end_s: i64, first_day: u64) {
    let start = DateTime::from_timestamp(end_s + START_S, 0).expect("a time");
    let Some(clock) = FastClock::start(start, 1) else { return };
    let (port, path) = (free_port(), home.path(names::DATABASE));
    let config = format!("{}[storage.retention]\nraw = \"6d\"\n", fleet::config(port));
    let mut daemon = clock.run(&mut home, &config);
    let mut bench = Bench { clock, fleet: Fleet::open(port).expect("connect"), path: &path };
    bench.pauses(table, first_day.cast_signed());
    bench.bursts(table);
    assert_eq!(daemon.stop(), 0);
}

struct Bench<'a> {
    clock: FastClock,
    fleet: Fleet,
    path: &'a Path,
}

impl Bench<'_> {
    fn pauses(&mut self, table: &mut Table, first_day: i64) {
        let settled = Instant::now() + SETTLE;
        self.while_played(|| Instant::now() < settled);
        let db = open(self.path);
        self.wait_for_hour(&db);
        let end = Instant::now() + HOUR_AT_MOST;
        self.while_played(|| number(&db, UNWRITTEN) > 0 && Instant::now() < end).tell(
            table,
            "the hourly write",
            "100 ms more",
        );
        let end = Instant::now() + QUIET;
        self.while_played(|| Instant::now() < end).tell(table, "no upkeep", "");
        let end = Instant::now() + DELETION_AT_MOST;
        self.while_played(|| number(&db, FIRST) <= 1 && Instant::now() < end);
        self.while_played(|| number(&db, FIRST) <= first_day && Instant::now() < end).tell(
            table,
            "the deletion of a day's rows",
            "100 ms more",
        );
        eprintln!("  the first row is {} of {first_day} to go", number(&db, FIRST));
    }

    /// Looks for new rows while readings are played and something holds.
    fn while_played(&mut self, holds: impl Fn() -> bool) -> Pauses {
        let (is_over, path, begin) = (AtomicBool::new(false), self.path, Instant::now());
        let millis = thread::scope(|scope| {
            let watching = scope.spawn(|| watch(path, &is_over));
            while holds() {
                self.fleet.play(200, || self.clock.now()).expect("acknowledged");
            }
            is_over.store(true, Ordering::Relaxed);
            watching.join().expect("no panic")
        });
        Pauses { millis, lasted: begin.elapsed() }
    }

    /// Plays until a sealed hour is to be written.
    fn wait_for_hour(&mut self, db: &Connection) {
        let begin = Instant::now();
        while number(db, UNWRITTEN) == 0 {
            assert!(begin.elapsed() < HOUR_AT_MOST, "no hour was sealed");
            self.fleet.play(200, || self.clock.now()).expect("acknowledged");
        }
    }

    fn bursts(&mut self, table: &mut Table) {
        let db = open(self.path);
        let mut rates = Vec::new();
        for _ in 0..BURSTS {
            let quiet = self.burst(&db);
            self.clock.leap(TimeDelta::hours(1));
            self.wait_for_hour(&db);
            let amid = self.burst(&db);
            assert!(number(&db, UNWRITTEN) > 0, "the hour was written before the burst was over");
            rates.push((amid, quiet));
            self.while_played(|| number(&db, UNWRITTEN) > 0);
        }
        let what = "storing 60,000 readings amid the hourly write, beside none";
        table.pairs(what, "/s", 0, &Pairs(rates), "≥ 0.95");
    }

    /// Readings stored a second, from the first one sent to the last one in the database.
    fn burst(&mut self, db: &Connection) -> f64 {
        let (before, begin) = (number(db, LAST), Instant::now());
        for _ in 0..BURST / BURST_BUNDLE {
            self.fleet.publish(BURST_BUNDLE, self.clock.now()).expect("acknowledged");
        }
        let last = before + i64::try_from(BURST).expect("small");
        while number(db, LAST) < last {
            thread::sleep(LOOK);
        }
        BURST as f64 / begin.elapsed().as_secs_f64()
    }
}

/// Between new rows, while something went on.
struct Pauses {
    millis: Vec<f64>,
    lasted: Duration,
}

impl Pauses {
    fn tell(&self, table: &mut Table, during: &str, aim: &str) {
        let of = |part| percentile(self.millis.iter().copied(), part);
        let figures = format!("{:.0} ms, {:.0} ms, {:.0} ms", of(0.5), of(0.99), of(1.0));
        let seconds = self.lasted.as_secs();
        let what =
            format!("from commit to commit during {during} ({seconds} s): median, 99 %, longest");
        table.alone(&what, figures, aim);
    }
}

/// Times in ms between new rows.
fn watch(path: &Path, is_over: &AtomicBool) -> Vec<f64> {
    let (db, mut gaps) = (open(path), Vec::new());
    let (mut last, mut seen) = (number(&db, LAST), Instant::now());
    while !is_over.load(Ordering::Relaxed) {
        thread::sleep(LOOK);
        let found = number(&db, LAST);
        if found > last {
            gaps.push(seen.elapsed().as_secs_f64() * 1e3);
            (last, seen) = (found, Instant::now());
        }
    }
    gaps
}

fn open(path: &Path) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let database = Connection::open_with_flags(path, flags).expect("the database");
    database.busy_timeout(Duration::from_secs(5)).expect("a timeout");
    database
}

fn number(database: &Connection, sql: &str) -> i64 {
    let mut select = database.prepare_cached(sql).expect("a query");
    select.query_row([], |row| row.get(0)).expect("a number")
}
