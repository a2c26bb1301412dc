//! The live table: newest value and gravest alarm of every series, for status, metrics and pages.
//!
//! Always: written by the evaluator alone, as a batch goes to storage. Each entry bears the version of its last
//! change, so a lagging reader polls the changes since its version, and no event is the only carrier of a state.
//! Never: more series than are judged, or a lock held while views are computed.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use chrono::{DateTime, Utc};

use crate::alarms::engine::SeriesView;
use crate::domain::{Quantity, QuickMap, SensorId};

/// Key of a series.
pub type SeriesKey = (SensorId, Quantity);

/// Handle to the shared table. Some 80 bytes a series.
#[derive(Debug, Default)]
pub struct LiveTable(RwLock<Table>);

#[derive(Debug, Default)]
struct Table {
    version: u64,
    /// Version of the last replacement of the whole table.
    replaced_at: u64,
    series: QuickMap<SeriesKey, (u64, SeriesView)>,
}

/// Changes since a version.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveChanges {
    /// Version of the table; the one to poll from next.
    pub version: u64,
    /// Whether `series` is the whole table, because it was replaced since the polled version.
    pub is_all: bool,
    /// Changed series, in no order.
    pub series: Vec<(SeriesKey, SeriesView)>,
}

/// Totals of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveSummary {
    /// Series that were heard, or are expected.
    pub num_series: usize,
    /// Series with an active alarm that is not withheld.
    pub num_standing: usize,
    /// Time of the newest reading of all, by its sensor; `None` before the first.
    pub newest: Option<DateTime<Utc>>,
}

impl LiveTable {
    /// Snapshot of the changes after a version; of the whole table after version 0. Copies under the lock: some
    /// milliseconds for 100,000 series.
    #[must_use]
    pub fn since(&self, version: u64) -> LiveChanges {
        let table = self.read();
        let changed = table.series.iter().filter(|(_, (at, _))| *at > version);
        LiveChanges {
            version: table.version,
            is_all: version < table.replaced_at,
            series: changed.map(|(key, (_, view))| (key.clone(), *view)).collect(),
        }
    }

    /// Totals of the table.
    #[must_use]
    pub fn summary(&self) -> LiveSummary {
        let table = self.read();
        let views = || table.series.values().map(|(_, view)| view);
        let heard = views().filter(|view| view.value.is_some());
        LiveSummary {
            num_series: table.series.len(),
            num_standing: views().filter(|view| view.standing.is_some()).count(),
            newest: heard.map(|view| view.timestamp).max(),
        }
    }

    /// Replaces the whole table, after a restart of the evaluator or a reload of rules.
    pub(super) fn replace(&self, views: impl Iterator<Item = (SeriesKey, SeriesView)>) {
        // The evaluator is the only writer: the version can't change meanwhile.
        let version = self.read().version + 1;
        let series = views.map(|(key, view)| (key, (version, view))).collect();
        *self.write() = Table { version, replaced_at: version, series };
    }

    /// Updates changed series.
    pub(super) fn update(&self, views: Vec<(SeriesKey, SeriesView)>) {
        let mut table = self.write();
        table.version += 1;
        let version = table.version;
        for (key, view) in views {
            table.series.insert(key, (version, view));
        }
    }

    // Each change is whole: a poisoned lock is as good.
    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Priority, Value};

    fn view(id: &str, value: Option<f64>, standing: Option<Priority>) -> (SeriesKey, SeriesView) {
        let view = SeriesView {
            value: value.map(|value| Value::new(value).unwrap()),
            timestamp: DateTime::UNIX_EPOCH,
            standing,
        };
        ((SensorId::new(id).unwrap(), Quantity::temperature()), view)
    }

    #[test]
    fn a_lagging_reader_polls_the_changes_since_its_version() {
        let table = LiveTable::default();
        let (a, b) = (view("A", Some(1.0), None), view("B", None, None));
        table.replace([a, b.clone()].into_iter());
        let first = table.since(0);
        assert_eq!((first.version, first.is_all, first.series.len()), (1, true, 2));
        let later = view("A", Some(2.0), Some(Priority::High));
        table.update(vec![later.clone()]);
        let changes = LiveChanges { version: 2, is_all: false, series: vec![later] };
        assert_eq!(table.since(1), changes);
        assert_eq!(table.since(2), LiveChanges { series: vec![], ..changes });
        let newest = Some(DateTime::UNIX_EPOCH);
        assert_eq!(table.summary(), LiveSummary { num_series: 2, num_standing: 1, newest });
        // Versions go on over a replacement.
        table.replace(std::iter::once(b.clone()));
        assert_eq!(table.since(2), LiveChanges { version: 3, is_all: true, series: vec![b] });
        assert_eq!(table.summary().newest, None);
    }
}
