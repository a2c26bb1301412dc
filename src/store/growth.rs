//! How fast the database grows, and how long its disk will last.
//!
//! Invariant: the estimate uses samples of the last day, a minute apart, and needs half an hour of them. Never: a
//! system call on an arbiter's thread; [`Growth::sample`] blocks.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Between two samples.
const PERIOD_MS: i64 = 60_000;

const DAY_MS: i64 = 24 * 60 * PERIOD_MS;

/// A shorter span is misleading: the write-ahead log alone varies by 30 MB.
const LEAST_MS: i64 = 30 * PERIOD_MS;

/// The first log line waits until the estimate is meaningful.
const FIRST_LINE_MS: i64 = 60 * PERIOD_MS;

/// Threshold in days left below which the disk counts as filling; it no longer does above twice that (hysteresis).
const FILLS_BELOW_DAYS: f64 = 1.0;
const NO_LONGER_FROM_DAYS: f64 = 2.0;

/// Below this free space a disk is full: the database can't grow.
const FULL_BELOW_BYTES: u64 = 4 << 20;

/// Size and growth of the database, as last sampled.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct GrowthFigures {
    /// Size of the file and its write-ahead log.
    pub bytes: u64,
    /// Growth of the file per day; `None` while unknown.
    pub bytes_a_day: Option<i64>,
    /// Free space of the disk.
    pub disk_free_bytes: u64,
    /// Days until the disk is full at this growth; `None` while it does not grow.
    pub days_left: Option<f64>,
    /// Whether the disk is full, or will be within a day; `None` while that is unknown.
    pub fills: Option<bool>,
}

/// Handle to the figures. Cloning is shallow.
#[derive(Debug, Clone)]
pub struct Growth {
    path: PathBuf,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    samples: Samples,
    figures: Option<GrowthFigures>,
    line_at: Option<i64>,
    /// Injected number of days left, for tests.
    pretended: Option<f64>,
}

impl Growth {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), state: Arc::default() }
    }

    /// The last figures; `None` before the first sample.
    #[must_use]
    pub fn figures(&self) -> Option<GrowthFigures> {
        self.lock().figures
    }

    /// Injects a fault for tests: the disk seems full after a time, whatever is measured.
    pub(super) fn pretend(&self, full_in: Option<Duration>) {
        self.lock().pretended = full_in.map(|time| time.as_secs_f64() * 1000.0 / DAY_MS as f64);
    }

    /// Path of the database.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes a sample if one is due; `now` in ms since 1970. Returns the figures when a log line is due.
    pub(super) fn sample(&self, now: i64) -> Option<GrowthFigures> {
        if !self.lock().samples.is_due(now) {
            return None;
        }
        let size = |path: &Path| path.metadata().map_or(0, |file| file.len());
        let mut beside = self.path.clone().into_os_string();
        beside.push("-wal");
        let (file, log) = (size(&self.path), size(Path::new(&beside)));
        // The folder exists even if the file doesn't.
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let disk = rustix::fs::statvfs(folder.unwrap_or(Path::new("."))).ok()?;
        let disk_free_bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
        self.lock().add(now, file, log, disk_free_bytes)
    }

    /// Updates are atomic, so a poisoned lock is still consistent.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(
        &mut self,
        now: i64,
        file: u64,
        log: u64,
        disk_free_bytes: u64,
    ) -> Option<GrowthFigures> {
        self.samples.add(now, file);
        let bytes_a_day = self.samples.bytes_a_day();
        let growing = bytes_a_day.filter(|bytes| *bytes > 0);
        let days_left = growing.map(|bytes| disk_free_bytes as f64 / bytes as f64);
        let days_left = self.pretended.or(days_left);
        let bytes = file.saturating_add(log);
        let figures = GrowthFigures { bytes, bytes_a_day, disk_free_bytes, days_left, fills: None };
        let before = self.figures.and_then(|figures| figures.fills);
        let figures = GrowthFigures { fills: fills(before, &figures), ..figures };
        self.figures = Some(figures);
        let due = *self.line_at.get_or_insert(now + FIRST_LINE_MS);
        (now >= due && bytes_a_day.is_some()).then(|| {
            self.line_at = Some(now + DAY_MS);
            figures
        })
    }
}

/// Whether the disk fills, by new figures; the former state holds while they are insufficient.
fn fills(before: Option<bool>, figures: &GrowthFigures) -> Option<bool> {
    let GrowthFigures { bytes_a_day, disk_free_bytes, days_left, .. } = *figures;
    match days_left {
        _ if disk_free_bytes < FULL_BELOW_BYTES => Some(true),
        Some(days) if days < FILLS_BELOW_DAYS => Some(true),
        Some(days) if days < NO_LONGER_FROM_DAYS => before,
        None if bytes_a_day.is_none() => before,
        _ => Some(false),
    }
}

/// File sizes of the last day: 1,441 at most.
#[derive(Debug, Default)]
struct Samples(VecDeque<(i64, u64)>);

impl Samples {
    fn is_due(&self, now: i64) -> bool {
        // A clock that was put back is due too.
        self.0.back().is_none_or(|(at, _)| !(0..PERIOD_MS).contains(&(now - at)))
    }

    fn add(&mut self, now: i64, bytes: u64) {
        if self.0.back().is_some_and(|(at, _)| now < *at) {
            self.0.clear();
        }
        self.0.push_back((now, bytes));
        while self.0.front().is_some_and(|(at, _)| now - at > DAY_MS) {
            self.0.pop_front();
        }
    }

    fn bytes_a_day(&self) -> Option<i64> {
        let ((first_at, first), (last_at, last)) = (*self.0.front()?, *self.0.back()?);
        let span = last_at - first_at;
        let grown = i128::from(last) - i128::from(first);
        (span >= LEAST_MS)
            .then(|| i64::try_from(grown * i128::from(DAY_MS) / i128::from(span)).ok())
            .flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = PERIOD_MS;
    const FREE: u64 = 10_000_000_000;

    #[test]
    fn the_estimate_is_of_the_last_day_and_needs_half_an_hour() {
        let mut state = State::default();
        let mut say = |minute: i64, file: u64| {
            state.add(minute * MINUTE, file, 7, FREE);
            state.figures.unwrap()
        };
        let first = say(0, 1000);
        assert_eq!((first.bytes, first.bytes_a_day, first.days_left), (1007, None, None));
        assert_eq!(say(29, 2000).bytes_a_day, None);
        // 1,000 bytes in half an hour.
        let half = say(30, 2000);
        assert_eq!(half.bytes_a_day, Some(48_000));
        assert_eq!(half.days_left, Some(FREE as f64 / 48_000.0));
        assert_eq!(say(1440, 2000).bytes_a_day, Some(1000));
        // What was before the last day no longer counts; nothing grows now.
        let still = say(2 * 1440, 2000);
        assert_eq!((still.bytes_a_day, still.days_left), (Some(0), None));
        // A clock put back begins anew.
        assert_eq!(say(3, 5000).bytes_a_day, None);
    }

    #[test]
    fn a_disk_fills_below_a_day_and_no_longer_does_from_two_on() {
        let grows = |days: f64| GrowthFigures {
            disk_free_bytes: FREE,
            bytes_a_day: Some(1),
            days_left: Some(days),
            ..GrowthFigures::default()
        };
        for (days, before, after) in [
            (0.99, None, Some(true)),
            (1.0, None, None),
            (1.99, Some(true), Some(true)),
            (1.01, Some(false), Some(false)),
            (2.0, Some(true), Some(false)),
            (0.5, Some(false), Some(true)),
        ] {
            assert_eq!(fills(before, &grows(days)), after, "{days} days, {before:?}");
        }
        let unknown = GrowthFigures { bytes_a_day: None, days_left: None, ..grows(0.0) };
        for before in [None, Some(true), Some(false)] {
            assert_eq!(fills(before, &unknown), before);
        }
        let still = GrowthFigures { bytes_a_day: Some(0), ..unknown };
        assert_eq!(fills(Some(true), &still), Some(false));
        let full = GrowthFigures { disk_free_bytes: FULL_BELOW_BYTES - 1, ..still };
        assert_eq!(fills(Some(false), &full), Some(true), "nothing grows on a full disk");
    }

    #[test]
    fn the_log_has_a_line_a_day_and_none_without_an_estimate() {
        let mut state = State::default();
        let minutes = 0..3 * 1440;
        let lines = minutes.filter(|minute| state.add(minute * MINUTE, 1, 0, FREE).is_some());
        assert_eq!(lines.collect::<Vec<_>>(), [60, 60 + 1440, 60 + 2 * 1440]);
    }

    #[test]
    fn a_sample_has_the_sizes_of_files_and_disk() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let growth = Growth::new(&path);
        assert_eq!(growth.figures(), None);
        std::fs::write(&path, [0; 300]).unwrap();
        std::fs::write(folder.path().join("a.db-wal"), [0; 20]).unwrap();
        growth.sample(0);
        let figures = growth.figures().unwrap();
        assert_eq!(figures.bytes, 320);
        assert!(figures.disk_free_bytes > 0);
        std::fs::write(&path, [0; 400]).unwrap();
        growth.sample(PERIOD_MS - 1);
        assert_eq!(growth.figures(), Some(figures), "not due");
        growth.sample(PERIOD_MS);
        assert_eq!(growth.figures().unwrap().bytes, 420);
    }
}
