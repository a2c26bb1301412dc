//! Reads rows of readings again, or late buckets to merge, on its own thread and connection.
//!
//! Invariant: what it reads no longer changes: rows up to an id, in hours by their time, and late buckets up to an
//! id. So it needs no snapshot, and blocks no commit or checkpoint. Never: a write, or a scan that continues after
//! it was dropped.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use chrono::DateTime;
use r2d2_sqlite::rusqlite::{self, Connection, Row, params};

use super::carry::number;
use super::late;
use super::scanned::Scanned;
use crate::domain::time;
use crate::store::rollups::{Boundary, Bucket, HOUR_MS, OpenHours, SeriesId, Tier};
use crate::store::sqlite::connect::open_to_read;

/// Rows after which a scan of unwritten hours ends with its hour: so an old installation is read a few hours at a
/// time.
const ROWS_AT_ONCE: usize = 200_000;

/// Hours after which it ends.
const HOURS_AT_ONCE: usize = 48;

/// What to read.
#[derive(Debug)]
pub(super) enum ScanJob {
    /// Rows of the hours from a time until another.
    Rows {
        from: i64,
        until: i64,
        /// Row ids of the last, by table.
        through: [i64; 2],
        boundary: Boundary,
        /// Whether it may end early.
        in_parts: bool,
    },
    /// Late buckets by their ids.
    Late { after: i64, through: i64 },
}

/// Purpose of the scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScanFor {
    Memory,
    /// Hours that are sealed and not written, by their id.
    Unwritten(i64),
    Late,
}

/// A scan in progress. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Scan {
    thread: Option<JoinHandle<rusqlite::Result<Scanned>>>,
    is_cancelled: Arc<AtomicBool>,
}

impl Scan {
    /// Starts a scan.
    ///
    /// # Errors
    /// If there is no thread; names the cause.
    pub fn start(path: &Path, job: ScanJob) -> Result<Self, String> {
        let is_cancelled = Arc::new(AtomicBool::new(false));
        let scanner = Scanner { path: path.to_owned(), is_cancelled: is_cancelled.clone() };
        let thread = std::thread::Builder::new()
            .name("rollup scan".into())
            .spawn(move || scanner.run(job))
            .map_err(|error| error.to_string())?;
        Ok(Self { thread: Some(thread), is_cancelled })
    }

    /// Result, once the scan has ended.
    pub fn ended(&mut self) -> Option<Result<Scanned, String>> {
        let thread = self.thread.take_if(|thread| thread.is_finished())?;
        Some(match thread.join() {
            Ok(scanned) => scanned.map_err(|error| error.to_string()),
            Err(_) => Err("its thread panicked".into()),
        })
    }
}

impl Drop for Scan {
    /// Waits for the end: the last connection to the file must be the writer's.
    fn drop(&mut self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // nobody asks any more
        }
    }
}

struct Scanner {
    path: PathBuf,
    is_cancelled: Arc<AtomicBool>,
}

/// Numbers of series by quantity and sensor.
type SeriesByName = HashMap<String, HashMap<String, SeriesId>>;

/// Rows of an hour, of a table; the order of columns is that of [`Scanner::hour`].
const ROWS_SQL: [&str; 2] = [
    "SELECT sensor_id, temperature, timestamp, 'temperature'
     FROM sensor_readings INDEXED BY sensor_readings_by_time
     WHERE timestamp >= ?1 AND timestamp < ?2 AND id <= ?3",
    "SELECT sensor_id, value, timestamp, quantity
     FROM quantity_readings INDEXED BY quantity_readings_by_time
     WHERE timestamp >= ?1 AND timestamp < ?2 AND id <= ?3",
];

const FIRST_SQL: [&str; 2] = [
    "SELECT timestamp FROM sensor_readings
     WHERE timestamp >= ?1 AND timestamp < ?2 ORDER BY timestamp",
    "SELECT timestamp FROM quantity_readings
     WHERE timestamp >= ?1 AND timestamp < ?2 ORDER BY timestamp",
];

impl Scanner {
    fn run(&self, job: ScanJob) -> rusqlite::Result<Scanned> {
        let connection = open_to_read(&self.path)?;
        match job {
            ScanJob::Rows { from, until, through, boundary, in_parts } => {
                let hours = Hours { boundary, through, series: series_by_name(&connection)? };
                self.rows(&connection, &hours, [from, until], in_parts)
            }
            ScanJob::Late { after, through } => late::read(&connection, after, through),
        }
    }

    fn rows(
        &self,
        connection: &Connection,
        of: &Hours,
        [from, until]: [i64; 2],
        in_parts: bool,
    ) -> rusqlite::Result<Scanned> {
        let (mut hours, mut next, mut num_rows) = (OpenHours::default(), from, 0);
        while let Some(hour) = first_hour(connection, next, until)? {
            num_rows += self.hour(connection, of, hour, &mut hours)?;
            next = hour + HOUR_MS;
            let is_much = num_rows >= ROWS_AT_ONCE || hours.num_hours() >= HOURS_AT_ONCE;
            if self.is_cancelled.load(Ordering::Relaxed) || (in_parts && is_much) {
                return Ok(Scanned::Rows { hours, until: next });
            }
        }
        Ok(Scanned::Rows { hours, until })
    }

    /// Adds the rows of one hour; how many there were.
    fn hour(
        &self,
        connection: &Connection,
        of: &Hours,
        hour: i64,
        hours: &mut OpenHours,
    ) -> rusqlite::Result<usize> {
        let mut num_rows = 0;
        for (sql, through) in ROWS_SQL.iter().zip(of.through) {
            let mut select = connection.prepare_cached(sql)?;
            let mut rows = select.query(params![bound(hour), bound(hour + HOUR_MS), through])?;
            while let Some(row) = rows.next()? {
                if self.is_cancelled.load(Ordering::Relaxed) {
                    return Ok(num_rows);
                }
                num_rows += 1;
                let Some((series, ms, value)) = of.reading(row) else { continue };
                if Tier::Hour.floor(ms) == hour && of.boundary.is_by_row(hour, series) {
                    hours.add(series, Tier::Minute.floor(ms), &Bucket::of(value));
                }
            }
        }
        Ok(num_rows)
    }
}

/// Which rows of an hour count.
struct Hours {
    boundary: Boundary,
    through: [i64; 2],
    series: SeriesByName,
}

impl Hours {
    /// `None` for a row that is no reading of Vigie's own.
    fn reading(&self, row: &Row<'_>) -> Option<(SeriesId, i64, f64)> {
        let text = |column| row.get_ref(column).ok()?.as_str().ok();
        let series = *self.series.get(text(3)?)?.get(text(0)?)?;
        let value: f64 = row.get(1).ok()?;
        let at = time::parse_stored(text(2)?)?;
        value.is_finite().then(|| (series, at.timestamp_millis(), value))
    }
}

fn series_by_name(connection: &Connection) -> rusqlite::Result<SeriesByName> {
    let mut by_name = SeriesByName::new();
    let mut select = connection.prepare("SELECT id, sensor_id, quantity FROM series")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (id, sensor, quantity) = (number(row.get(0)?), row.get(1)?, row.get(2)?);
        by_name.entry(quantity).or_default().insert(sensor, id);
    }
    Ok(by_name)
}

/// The first hour with a row, from one time until another.
fn first_hour(connection: &Connection, from: i64, until: i64) -> rusqlite::Result<Option<i64>> {
    let mut first: Option<i64> = None;
    for sql in FIRST_SQL {
        let mut select = connection.prepare_cached(sql)?;
        let mut rows = select.query([bound(from), bound(until)])?;
        while let Some(row) = rows.next()? {
            let at = row.get_ref(0)?.as_str().ok().and_then(time::parse_stored);
            let Some(at) = at.map(|at| Tier::Hour.floor(at.timestamp_millis())) else { continue };
            // A row with an offset, which only other programs write, counts by its local time.
            if at >= from {
                first = Some(first.map_or(at, |first| first.min(at)));
                break;
            }
        }
    }
    Ok(first.filter(|first| *first < until))
}

/// Smallest text of rows from this time on.
fn bound(ms: i64) -> String {
    time::stored_bound(DateTime::from_timestamp_millis(ms).unwrap_or_default())
}
