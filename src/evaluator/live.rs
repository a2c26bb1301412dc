//! The live table: the newest value and the gravest alarm of every series, for whoever shows something.
//!
//! Always: the evaluator alone writes it, as a batch goes to storage, and each entry bears the version it changed
//! in; so a reader that lags asks for what changed since, and no event is the only carrier of a state.
//! Never: more series than are judged, or a reader that holds the evaluator up for longer than a copy takes.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use chrono::{DateTime, Utc};

use crate::alarms::engine::SeriesView;
use crate::domain::{Quantity, QuickMap, SensorId};

/// Shared by the evaluator, which writes it, and readers.
#[derive(Debug, Default)]
pub struct LiveTable(RwLock<Table>);

#[derive(Debug, Default)]
struct Table {
    version: u64,
    /// Version at which everything was replaced last.
    begun_at: u64,
    series: QuickMap<(SensorId, Quantity), (u64, SeriesView)>,
}

/// What changed since a version.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveChanges {
    /// Version of the table; the one to ask from next time.
    pub version: u64,
    /// Whether these are all series there are, since everything was replaced meanwhile.
    pub is_all: bool,
    /// Series that changed, in no order.
    pub series: Vec<SeriesView>,
}

/// The table in figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveSummary {
    /// Series that were heard, or are expected.
    pub num_series: usize,
    /// Series with an alarm that stands and that nothing withholds.
    pub num_standing: usize,
    /// Time of the newest reading of all, by its sensor; `None` before the first.
    pub newest: Option<DateTime<Utc>>,
}

impl LiveTable {
    /// Series that changed after a version; all of them after version 0. Copies them under the lock, some
    /// milliseconds for 100,000.
    #[must_use]
    pub fn since(&self, version: u64) -> LiveChanges {
        let table = self.read();
        let is_newer = |changed: &&(u64, SeriesView)| changed.0 > version;
        let series = table.series.values().filter(is_newer).map(|(_, view)| view.clone());
        let is_all = version < table.begun_at;
        LiveChanges { version: table.version, is_all, series: series.collect() }
    }

    /// The table in figures.
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

    /// Replaces everything: what an evaluator begins with, and what other rules leave.
    pub(super) fn replace(&self, views: Vec<SeriesView>) {
        let mut table = self.write();
        table.series.clear();
        table.begun_at = table.version + 1;
        table.update(views);
    }

    /// Takes up series that changed.
    pub(super) fn update(&self, views: Vec<SeriesView>) {
        self.write().update(views);
    }

    // Each change is whole: a poisoned lock is as good.
    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn update(&mut self, views: Vec<SeriesView>) {
        self.version += 1;
        for view in views {
            let key = (view.sensor_id.clone(), view.quantity.clone());
            self.series.insert(key, (self.version, view));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Location, Priority, Unit, Value};

    fn view(id: &str, value: Option<f64>, standing: Option<Priority>) -> SeriesView {
        SeriesView {
            sensor_id: SensorId::new(id).unwrap(),
            quantity: Quantity::temperature(),
            location: Location::new(""),
            unit: Unit::new("celsius"),
            value: value.map(|value| Value::new(value).unwrap()),
            timestamp: DateTime::UNIX_EPOCH,
            standing,
        }
    }

    #[test]
    fn a_reader_that_lags_is_told_what_changed_since() {
        let table = LiveTable::default();
        let (a, b) = (view("A", Some(1.0), None), view("B", None, None));
        table.replace(vec![a.clone(), b.clone()]);
        let first = table.since(0);
        assert_eq!((first.version, first.is_all, first.series.len()), (1, true, 2));
        let later = view("A", Some(2.0), Some(Priority::High));
        table.update(vec![later.clone()]);
        assert_eq!(table.since(1), LiveChanges { version: 2, is_all: false, series: vec![later] });
        assert_eq!(table.since(2), LiveChanges { version: 2, is_all: false, series: vec![] });
        let newest = Some(DateTime::UNIX_EPOCH);
        assert_eq!(table.summary(), LiveSummary { num_series: 2, num_standing: 1, newest });
        // An evaluator begins anew: versions go on, so nobody takes old for new.
        table.replace(vec![b.clone()]);
        assert_eq!(table.since(2), LiveChanges { version: 3, is_all: true, series: vec![b] });
        assert_eq!(table.summary().newest, None);
    }
}
