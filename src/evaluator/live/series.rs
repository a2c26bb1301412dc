//! Series of the live table: one row each, in the order of their first reading. Pure.
//!
//! Always: a row keeps its index. A removed series leaves an empty row, which it gets back if it returns, unless
//! the table has [`MOST_SERIES`] rows and another series took it. Location, unit and quantity are shared between
//! rows, by number.

use std::hash::BuildHasher;

use chrono::{DateTime, Utc};

use super::shared::Shared;
use super::{LiveSummary, SeriesKey};
use crate::alarms::engine::{MOST_SERIES, SeriesView};
use crate::domain::{
    LiveChanges, Location, Measurement, Quantity, QuickMap, ReadingClock, SensorId,
    SeriesDescription, SeriesFlags, SeriesValue, Unit, Value,
};

/// Relative change of the usual interval that is worth a new description.
const OTHER_INTERVAL: f32 = 0.25;

/// No time that can be written.
const UNKNOWN_TIME: i64 = i64::MIN;

/// Rows by index, and indexes by key.
#[derive(Debug, Default)]
pub(super) struct SeriesTable {
    rows: Vec<Row>,
    /// Index by the hash of a key; on a collision, by the next free number.
    indexes: QuickMap<u64, u32>,
    quantities: Shared<Quantity>,
    locations: Shared<Location>,
    units: Shared<Unit>,
    /// Emptied rows. Some may be in use again.
    emptied: Vec<u32>,
    /// Version in which series were removed: a reader at an older one needs a full snapshot.
    void_before: u64,
}

#[derive(Debug)]
struct Row {
    sensor_id: SensorId,
    quantity: u32,
    location: u32,
    unit: u32,
    flags: SeriesFlags,
    /// Whether the series was removed.
    is_empty: bool,
    /// Version of the last change.
    version: u64,
    /// Version of the last change of the description.
    described: u64,
    value: Option<Value>,
    /// Microseconds since 1970, or [`UNKNOWN_TIME`].
    at: i64,
    /// NaN without a limit: half the size of an `Option`.
    low: f64,
    high: f64,
    /// 0 if unknown.
    every: f32,
    /// 0 if no rule counts its silence.
    stale_after: f32,
    is_judged: bool,
}

impl SeriesTable {
    /// True if a reader at a version needs a full snapshot.
    pub const fn is_void(&self, version: u64) -> bool {
        0 < version && version < self.void_before
    }

    /// Adds the changes after a version.
    pub fn since(&self, version: u64, to: &mut LiveChanges) {
        for (index, row) in (0..).zip(&self.rows) {
            if row.version <= version || row.is_empty {
                continue;
            }
            if row.described > version {
                to.descriptions.push(self.description(index, row));
            }
            to.values.push(row.as_value(index));
        }
    }

    /// Rows from an index on.
    pub fn page(&self, from: u32, at_most: usize) -> Vec<(SeriesDescription, SeriesValue)> {
        let rows = (0..).zip(&self.rows).skip(from as usize).filter(|(_, row)| !row.is_empty);
        let row = |(index, row): (u32, &Row)| (self.description(index, row), row.as_value(index));
        rows.take(at_most).map(row).collect()
    }

    /// Key of a row.
    pub fn key(&self, index: u32) -> Option<SeriesKey> {
        let row = self.rows.get(index as usize).filter(|row| !row.is_empty)?;
        Some((row.sensor_id.clone(), self.quantities.get(row.quantity).clone()))
    }

    /// Totals.
    pub fn summary(&self) -> LiveSummary {
        let rows = || self.rows.iter().filter(|row| !row.is_empty);
        let heard = rows().filter(|row| row.value.is_some());
        LiveSummary {
            num_series: rows().count(),
            num_standing: rows().filter(|row| row.flags.standing().is_some()).count(),
            newest: heard.map(|row| row.at).max().and_then(DateTime::from_timestamp_micros),
        }
    }

    /// Replaces all rows; returns true if any changed. A series with readings and without rules is forgotten by the
    /// engine at a restart of the evaluator: its row stays, without alarms.
    pub fn replace(
        &mut self,
        version: u64,
        views: impl Iterator<Item = (SeriesKey, SeriesView)>,
    ) -> bool {
        let mut is_there = vec![false; self.rows.len()];
        let mut has_changed = false;
        for (key, view) in views {
            let place = (&view.location, &view.unit);
            let Some(index) = self.index_of(version, &key, place, 2 * MOST_SERIES) else {
                continue;
            };
            has_changed |= self.update(version, index, &view);
            if let Some(is_there) = is_there.get_mut(index) {
                *is_there = true;
            }
        }
        for ((index, row), is_there) in (0..).zip(&mut self.rows).zip(is_there) {
            if is_there || row.is_empty {
                continue;
            }
            has_changed = true;
            row.version = version;
            row.flags = SeriesFlags::default();
            if std::mem::replace(&mut row.is_judged, false) {
                (row.stale_after, row.described) = (0.0, version);
            }
            if row.value.is_none() {
                row.is_empty = true;
                self.emptied.push(index);
                self.void_before = version;
            }
        }
        self.tidy();
        has_changed
    }

    /// Empties the row of a removed series; returns true if it had one.
    pub fn remove(&mut self, version: u64, key: &SeriesKey) -> bool {
        let Ok(index) = self.find(key) else { return false };
        let row = &mut self.rows[index];
        if std::mem::replace(&mut row.is_empty, true) {
            return false;
        }
        row.version = version;
        (row.value, row.flags, row.every) = (None, SeriesFlags::default(), 0.0);
        self.void_before = version;
        self.emptied.extend(u32::try_from(index));
        true
    }

    /// Updates one row.
    pub fn set(&mut self, version: u64, key: &SeriesKey, view: &SeriesView) {
        let place = (&view.location, &view.unit);
        if let Some(index) = self.index_of(version, key, place, 2 * MOST_SERIES) {
            self.update(version, index, view);
        }
        self.tidy();
    }

    /// Shows a reading replayed by a broker, if its series has no value; returns true if so. One without its own
    /// time gets none, since the time of its measurement is unknown.
    pub fn set_replayed(&mut self, version: u64, replayed: &Measurement) -> bool {
        let Measurement { reading, clock, .. } = replayed;
        let key = (reading.sensor_id.clone(), reading.quantity.clone());
        let place = (&reading.location, &reading.unit);
        let Some(index) = self.index_of(version, &key, place, MOST_SERIES) else { return false };
        let unit = self.units.number(&reading.unit);
        let row = &mut self.rows[index];
        if row.value.is_some() {
            return false;
        }
        row.is_empty = false;
        row.value = Some(reading.value);
        row.at = match clock {
            ReadingClock::Sender => reading.timestamp.timestamp_micros(),
            ReadingClock::Receipt => UNKNOWN_TIME,
        };
        (row.unit, row.version, row.described) = (unit, version, version);
        self.tidy();
        true
    }

    /// Index of a known series; for an unknown one, the hash number under which to insert it.
    fn find(&self, key: &SeriesKey) -> Result<usize, u64> {
        let mut hash = self.indexes.hasher().hash_one(key);
        while let Some(index) = self.indexes.get(&hash) {
            let row = &self.rows[*index as usize];
            if row.sensor_id == key.0 && *self.quantities.get(row.quantity) == key.1 {
                return Ok(*index as usize);
            }
            hash = hash.wrapping_add(1);
        }
        Err(hash)
    }

    /// Index of a series, inserted if unknown; `None` if the table is full. Beyond [`MOST_SERIES`] rows emptied
    /// ones are reused; there are never more than `most`.
    fn index_of(
        &mut self,
        version: u64,
        key: &SeriesKey,
        (location, unit): (&Location, &Unit),
        most: usize,
    ) -> Option<usize> {
        let hash = match self.find(key) {
            Ok(index) => return Some(index),
            Err(hash) => hash,
        };
        let is_full = self.rows.len() >= MOST_SERIES;
        let emptied = if is_full { self.take_emptied() } else { None };
        if emptied.is_none() && self.rows.len() >= most {
            return None;
        }
        let row = Row {
            sensor_id: key.0.clone(),
            quantity: self.quantities.number(&key.1),
            location: self.locations.number(location),
            unit: self.units.number(unit),
            flags: SeriesFlags::default(),
            is_empty: true,
            version,
            described: version,
            value: None,
            at: 0,
            low: f64::NAN,
            high: f64::NAN,
            every: 0.0,
            stale_after: 0.0,
            is_judged: false,
        };
        let index = emptied.or_else(|| u32::try_from(self.rows.len()).ok())?;
        match self.rows.get_mut(index as usize) {
            Some(emptied) => *emptied = row,
            None => self.rows.push(row),
        }
        self.indexes.insert(hash, index);
        Some(index as usize)
    }

    /// Takes an empty row from its former series.
    fn take_emptied(&mut self) -> Option<u32> {
        while let Some(index) = self.emptied.pop() {
            let row = &self.rows[index as usize];
            if !row.is_empty {
                continue;
            }
            let key = (row.sensor_id.clone(), self.quantities.get(row.quantity).clone());
            let mut hash = self.indexes.hasher().hash_one(&key);
            while self.indexes.get(&hash).is_some_and(|of| *of != index) {
                hash = hash.wrapping_add(1);
            }
            // Part of a collision chain: later keys are found through it.
            if !self.indexes.contains_key(&hash.wrapping_add(1)) {
                self.indexes.remove(&hash);
            }
            return Some(index);
        }
        None
    }

    /// Updates a row from a view; returns true if anything changed.
    fn update(&mut self, version: u64, index: usize, view: &SeriesView) -> bool {
        let row = &mut self.rows[index];
        let is_back = std::mem::take(&mut row.is_empty);
        let is_moved = *self.locations.get(row.location) != view.location;
        if is_moved {
            row.location = self.locations.number(&view.location);
        }
        let is_other_unit = *self.units.get(row.unit) != view.unit;
        if is_other_unit {
            row.unit = self.units.number(&view.unit);
        }
        if is_back | is_moved | is_other_unit | row.describe(view) {
            (row.version, row.described) = (version, version);
        }
        let at = view.timestamp.timestamp_micros();
        if (row.value, row.at, row.flags) != (view.value, at, view.flags) {
            (row.value, row.at, row.flags) = (view.value, at, view.flags);
            row.version = version;
        }
        row.version == version
    }

    fn description(&self, index: u32, row: &Row) -> SeriesDescription {
        SeriesDescription {
            index,
            sensor_id: row.sensor_id.clone(),
            quantity: self.quantities.get(row.quantity).clone(),
            location: self.locations.get(row.location).clone(),
            unit: self.units.get(row.unit).clone(),
            low: number(row.low),
            high: number(row.high),
            every: (row.every > 0.0).then_some(row.every),
            is_judged: row.is_judged,
            stale_after: (row.stale_after > 0.0).then_some(row.stale_after),
        }
    }

    fn tidy(&mut self) {
        if self.locations.is_untidy() {
            self.locations.tidy(self.rows.iter_mut().map(|row| &mut row.location));
        }
        if self.units.is_untidy() {
            self.units.tidy(self.rows.iter_mut().map(|row| &mut row.unit));
        }
    }
}

impl Row {
    /// Updates limits, rules and interval; returns true if the description changed.
    fn describe(&mut self, view: &SeriesView) -> bool {
        let (low, high) = (view.low.unwrap_or(f64::NAN), view.high.unwrap_or(f64::NAN));
        let every = view.every.unwrap_or_default();
        let has_other_limits =
            (self.low.to_bits(), self.high.to_bits()) != (low.to_bits(), high.to_bits());
        let stale_after = view.stale_after.unwrap_or_default();
        let has_other_rules =
            (self.is_judged, self.stale_after.to_bits()) != (view.is_judged, stale_after.to_bits());
        (self.is_judged, self.stale_after) = (view.is_judged, stale_after);
        let has_other_pace = (every - self.every).abs() > OTHER_INTERVAL * self.every;
        (self.low, self.high) = (low, high);
        if has_other_pace {
            self.every = every;
        }
        has_other_limits || has_other_rules || has_other_pace
    }

    fn as_value(&self, index: u32) -> SeriesValue {
        let at = DateTime::<Utc>::from_timestamp_micros(self.at);
        SeriesValue {
            index,
            value: self.value,
            at: at.filter(|_| self.value.is_some()),
            flags: self.flags,
        }
    }
}

fn number(limit: f64) -> Option<f64> {
    (!limit.is_nan()).then_some(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 100,000 sensors are to fit in 381 MiB, of which this is 10.
    #[test]
    fn a_row_is_small() {
        assert!(size_of::<Row>() <= 96, "{}", size_of::<Row>());
    }
}
