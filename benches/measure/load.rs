//! The load: numbered readings, and the daemon that takes them from a broker outside.

use std::thread;
use std::time::{Duration, Instant};

use r2d2_sqlite::rusqlite::{Connection, OpenFlags};

use crate::support::readings::{reading, timestamp};
use crate::support::{Access, Home, names};

/// As many sensors as readings take turns of; no divisor of any "each so-many-th" here, so that a
/// sensor that breaks a limit is within it the next time: midway between two that break it, so that
/// no alert is timed behind another.
const SENSORS: usize = 77;
/// How often the database is looked at: costs next to nothing, and errs against the daemon.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// What readings are judged by.
#[derive(Clone, Copy)]
pub enum Judged {
    ByTwoLimits,
    /// For each sensor five rules of as many kinds, with delays and windows; no reading breaks them.
    ByFiveRules,
}

const TWO_LIMITS: &str = "[alerts.temperature]\nhigh = 35.0\nlow = 10.0\n";

const FIVE_RULES: &str = r#"
[[rules]]
name = "warm"
kind = "high"
sensors = ["S_*"]
limit = 35.0
deadband = 1.0
on_delay = "5m"
[[rules]]
name = "cold"
kind = "low"
sensors = ["S_*"]
limit = 10.0
deadband = 1.0
on_delay = "5m"
[[rules]]
name = "fast"
kind = "rate"
sensors = ["S_*"]
per_minute = 20.0
window = "1h"
[[rules]]
name = "silent"
kind = "stale"
sensors = ["S_*"]
after = "1h"
[[rules]]
name = "stuck"
kind = "flatline"
sensors = ["S_*"]
lasting = "1h"
within = 0.0
"#;

/// A config that takes readings from `access`, judges them by two limits, and stores them.
pub fn config(access: &Access) -> String {
    config_of(access, Judged::ByTwoLimits)
}

/// The same, judged by what is wanted.
pub fn config_of(access: &Access, judged: Judged) -> String {
    let rules = match judged {
        Judged::ByTwoLimits => TWO_LIMITS,
        Judged::ByFiveRules => FIVE_RULES,
    };
    format!(
        "language = \"en\"\n{}[storage]\npath = \"{}\"\n{rules}",
        access.mqtt_table("the broker", ""),
        names::DATABASE
    )
}

/// The `n`th reading of `sensors` that take turns, within the limits.
pub fn normal(n: usize) -> Vec<u8> {
    let value = 20.0 + (n % 100_000) as f64 / 10_000.0;
    reading(&sensor(n), value, &timestamp(n)).into_bytes()
}

/// The `n`th reading, above the limit by a value that says which it is.
pub fn breaking(n: usize) -> Vec<u8> {
    reading(&sensor(n), (BREAKING + n) as f64, &timestamp(n)).into_bytes()
}

/// Which breaking reading a value is of.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub fn number_of(value: f64) -> Option<usize> {
    (value as usize).checked_sub(BREAKING)
}

const BREAKING: usize = 1000;

fn sensor(n: usize) -> String {
    format!("S_{:03}", n % SENSORS)
}

/// How many readings are stored, by one connection kept open.
pub struct Stored(Connection);

impl Stored {
    /// `None` while there is no database yet.
    pub fn open(home: &Home) -> Option<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(home.path(names::DATABASE), flags).ok()?;
        let stored = Self(connection);
        stored.highest_id()?;
        Some(stored)
    }

    /// The last row's id, which is the number of rows: none is ever deleted. At no cost, unlike
    /// counting.
    pub fn highest_id(&self) -> Option<usize> {
        let query = "SELECT coalesce(max(id), 0) FROM sensor_readings";
        let id: i64 = self.0.query_row(query, [], |row| row.get(0)).ok()?;
        usize::try_from(id).ok()
    }

    /// Waits for the `count`th reading.
    pub fn wait(&self, count: usize, within: Duration) {
        let deadline = Instant::now() + within;
        loop {
            let id = self.highest_id();
            if id.is_some_and(|id| id >= count) {
                return;
            }
            assert!(Instant::now() < deadline, "{id:?} of {count} readings after {within:?}");
            thread::sleep(LOOK_AGAIN);
        }
    }
}

/// Hands out `messages` at `rate` a second, telling each one's number as it goes.
pub fn paced<T>(rate: u32, count: usize, make: impl Fn(usize) -> T) -> impl Iterator<Item = T> {
    let start = Instant::now();
    (0..count).map(move |n| {
        let due = start + Duration::from_secs(1) / rate * u32::try_from(n).expect("a small number");
        thread::sleep(due.saturating_duration_since(Instant::now()));
        make(n)
    })
}
