//! The live table: newest value and state of every series, and every alarm that is not at rest, for status, metrics and
//! pages.
//!
//! Always: written by the evaluator alone, as a batch goes to storage. Each row has the version of its last change,
//! so a lagging reader polls the changes since its version, and no state is carried by an event alone. A series
//! keeps its index for the life of the process; versions and indexes are valid within one *epoch*. Never: more than
//! twice as many series as are judged, a lock held for anything but a copy, or a row that waits for a reader.

mod alarms;
mod series;
mod shared;

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use chrono::{DateTime, Utc};

use self::alarms::Alarms;
use self::series::SeriesTable;
use crate::alarms::engine::SeriesView;
use crate::domain::{
    AlarmKey, LiveAlarm, LiveChanges, LiveHeads, Measurement, Quantity, SensorId,
    SeriesDescription, SeriesValue,
};

/// Key of a series.
pub type SeriesKey = (SensorId, Quantity);

/// Handle to the shared table. About 120 bytes per series, and 500 per alarm.
#[derive(Debug)]
pub struct LiveTable {
    epoch: Arc<str>,
    table: RwLock<Table>,
    /// Versions of the last changes, for readers that only check for changes.
    series_head: AtomicU64,
    alarms_head: AtomicU64,
    num_readings: AtomicU64,
    num_unset_clocks: AtomicU64,
    num_unfit_units: AtomicU64,
    num_unjudged_series: AtomicUsize,
    is_clock_behind: AtomicBool,
}

#[derive(Debug, Default)]
struct Table {
    version: u64,
    series: SeriesTable,
    alarms: Alarms,
}

/// Changes of a batch.
#[derive(Debug, Default)]
pub(crate) struct LiveUpdate {
    /// Readings of the batch.
    pub num_readings: usize,
    /// Series that changed.
    pub series: Vec<(SeriesKey, SeriesView)>,
    /// Changed alarms: `None` for those that became normal.
    pub alarms: Vec<(AlarmKey, Option<LiveAlarm>)>,
    /// Removed series.
    pub gone: Vec<SeriesKey>,
}

/// Totals of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveSummary {
    /// Number of series with readings, or expected.
    pub num_series: usize,
    /// Series with an active alarm that is not withheld.
    pub num_standing: usize,
    /// Time of the newest reading of all, by its sensor; `None` before the first.
    pub newest: Option<DateTime<Utc>>,
}

impl Default for LiveTable {
    fn default() -> Self {
        // Unique per process: a reader must not mix indexes of two processes.
        let epoch = RandomState::new().hash_one(std::process::id());
        Self {
            epoch: format!("{epoch:016x}").into(),
            table: RwLock::default(),
            series_head: AtomicU64::new(0),
            alarms_head: AtomicU64::new(0),
            num_readings: AtomicU64::new(0),
            num_unset_clocks: AtomicU64::new(0),
            num_unfit_units: AtomicU64::new(0),
            num_unjudged_series: AtomicUsize::new(0),
            is_clock_behind: AtomicBool::new(false),
        }
    }
}

impl LiveTable {
    /// Name of the process's indexes and versions.
    #[must_use]
    pub const fn epoch(&self) -> &Arc<str> {
        &self.epoch
    }

    /// Versions of the last changes, without a lock.
    #[must_use]
    pub fn heads(&self) -> LiveHeads {
        // Read alone: a change that is missed now is seen by the next poll.
        LiveHeads {
            series: self.series_head.load(Ordering::Relaxed),
            alarms: self.alarms_head.load(Ordering::Relaxed),
        }
    }

    /// Readings that were evaluated since the start of the process.
    #[must_use]
    pub fn num_readings(&self) -> u64 {
        self.num_readings.load(Ordering::Relaxed)
    }

    /// Readings of senders whose clocks are not set, which have the time of their receipt, since the start of the process.
    #[must_use]
    pub fn num_unset_clocks(&self) -> u64 {
        self.num_unset_clocks.load(Ordering::Relaxed)
    }

    /// True if this machine's clock is behind what it has shown before.
    #[must_use]
    pub fn is_clock_behind(&self) -> bool {
        self.is_clock_behind.load(Ordering::Relaxed)
    }

    /// Readings in a unit that does not convert into that of a rule, since the start of the process.
    #[must_use]
    pub fn num_unfit_units(&self) -> u64 {
        self.num_unfit_units.load(Ordering::Relaxed)
    }

    /// Series that a strict rule does not judge now, since their unit does not convert into its own.
    #[must_use]
    pub fn num_unjudged_series(&self) -> usize {
        self.num_unjudged_series.load(Ordering::Relaxed)
    }

    /// Shows how many readings are in a unit that does not convert, and how many series are not judged for it.
    pub(super) fn show_unfit_units(&self, num_unfit: u64, num_unjudged: usize) {
        self.num_unfit_units.store(num_unfit, Ordering::Relaxed);
        self.num_unjudged_series.store(num_unjudged, Ordering::Relaxed);
    }

    /// Shows how clocks are.
    pub(super) fn show_clocks(&self, num_unset: u64, is_behind: bool) {
        self.num_unset_clocks.store(num_unset, Ordering::Relaxed);
        self.is_clock_behind.store(is_behind, Ordering::Relaxed);
    }

    /// Snapshot of the changes after a version of the series and one of the alarms; `None` leaves out the kind, 0
    /// is before everything. A complete snapshot if the reader's version is too old for either. Copies under the
    /// lock: scanning 10,000 unchanged series takes microseconds.
    #[must_use]
    pub fn since(&self, series: Option<u64>, alarms: Option<u64>) -> LiveChanges {
        let table = self.read();
        let is_void = series.is_some_and(|version| table.series.is_void(version))
            || alarms.is_some_and(|version| table.alarms.is_void(version));
        let after = |version: u64| if is_void { 0 } else { version };
        let mut changes =
            LiveChanges { version: table.version, is_full: is_void, ..LiveChanges::default() };
        if let Some(version) = series.map(after) {
            table.series.since(version, &mut changes);
        }
        if let Some(version) = alarms.map(after) {
            table.alarms.since(version, &mut changes);
        }
        changes
    }

    /// An alarm; `None` if it is normal or unknown.
    #[must_use]
    pub fn alarm(&self, key: &AlarmKey) -> Option<Arc<LiveAlarm>> {
        self.read().alarms.get(key)
    }

    /// A page of series from an index on, with their values.
    #[must_use]
    pub fn page(&self, from: u32, at_most: usize) -> Vec<(SeriesDescription, SeriesValue)> {
        self.read().series.page(from, at_most)
    }

    /// Series of an index; `None` if unused or removed.
    #[must_use]
    pub fn key(&self, index: u32) -> Option<SeriesKey> {
        self.read().series.key(index)
    }

    /// Totals of the table.
    #[must_use]
    pub fn summary(&self) -> LiveSummary {
        self.read().series.summary()
    }

    /// Replaces the whole table, after a restart of the evaluator or a reload. Unchanged rows keep their version.
    pub(crate) fn replace(
        &self,
        series: impl Iterator<Item = (SeriesKey, SeriesView)>,
        alarms: impl Iterator<Item = LiveAlarm>,
    ) {
        let mut guard = self.write();
        let table = &mut *guard;
        table.version += 1;
        let (of_series, of_alarms) = (
            table.series.replace(table.version, series),
            table.alarms.replace(table.version, alarms),
        );
        self.show(table.version, of_series, of_alarms);
    }

    /// True if the table has any alarm: if not, a normal one is no change.
    pub(super) fn has_alarms(&self) -> bool {
        !self.read().alarms.is_empty()
    }

    /// Applies the changes of a batch.
    pub(crate) fn update(&self, update: LiveUpdate) {
        let LiveUpdate { num_readings, series, alarms, gone } = update;
        self.num_readings.fetch_add(num_readings as u64, Ordering::Relaxed);
        let mut guard = self.write();
        let table = &mut *guard;
        table.version += 1;
        let mut of_series = !series.is_empty();
        for key in &gone {
            of_series |= table.series.remove(table.version, key);
        }
        for (key, view) in &series {
            table.series.set(table.version, key, view);
        }
        let mut of_alarms = false;
        for (key, alarm) in alarms {
            of_alarms |= table.alarms.set(table.version, key, alarm);
        }
        self.show(table.version, of_series, of_alarms);
    }

    /// Shows readings replayed by a broker, each if its series has no value.
    pub(super) fn show_replayed(&self, replayed: &[Measurement]) {
        let mut guard = self.write();
        let table = &mut *guard;
        table.version += 1;
        let version = table.version;
        let mut of_series = false;
        for measurement in replayed {
            of_series |= table.series.set_replayed(version, measurement);
        }
        self.show(version, of_series, false);
    }

    fn show(&self, version: u64, of_series: bool, of_alarms: bool) {
        if of_series {
            self.series_head.store(version, Ordering::Relaxed);
        }
        if of_alarms {
            self.alarms_head.store(version, Ordering::Relaxed);
        }
    }

    // Updates are atomic, so a poisoned lock is still consistent.
    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
