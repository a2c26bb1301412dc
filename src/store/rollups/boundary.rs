//! Decides the carrier of a reading from its hour and series alone, so that a restart decides the same.
//!
//! Invariant: a sealed hour is never open again. Decisions depend on committed state only.

use std::collections::BTreeSet;

use super::{HOUR_MS, SeriesId};

/// Open hours: the last one until it is sealed, the present one, and the next one for clocks that are ahead.
const OPEN_HOURS: i64 = 3;

/// Series with higher numbers are never in memory: a stream of ever new sensor ids must not fill it. 24 bytes an
/// hour each while silent.
const MOST_IN_MEMORY: u32 = 200_000;

/// Limit of sealed hours ahead of the open ones: only wrong clocks, and replays of the future, have any.
const MOST_AHEAD: usize = 1000;

/// Carrier of a reading into the tier tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// The open hours in memory; its row, when memory is lost.
    Memory,
    /// Late bucket, committed with the reading.
    LateBucket,
    /// None yet: its row, when its hour comes.
    Row,
}

/// Sealed hours: all before a time, and single ones ahead of the open ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Boundary {
    /// All hours before it are sealed; `None` before the first.
    sealed: Option<i64>,
    ahead: BTreeSet<i64>,
}

impl Boundary {
    /// Boundary from its stored form.
    #[must_use]
    pub fn new(sealed: Option<i64>, ahead: BTreeSet<i64>) -> Self {
        Self { sealed, ahead }
    }

    /// Beginning of the first hour that is open; `None` while none is.
    #[must_use]
    pub const fn sealed(&self) -> Option<i64> {
        self.sealed
    }

    /// Beginning of the first and end of the last hour that is open.
    #[must_use]
    pub fn open(&self) -> Option<(i64, i64)> {
        self.sealed.map(|sealed| (sealed, sealed + OPEN_HOURS * HOUR_MS))
    }

    /// Advances the boundary; sealed hours stay sealed.
    pub fn seal(&mut self, until: i64) {
        self.sealed = Some(self.sealed.map_or(until, |sealed| sealed.max(until)));
    }

    /// Seals an hour ahead of the open ones; its readings have late buckets.
    pub fn seal_ahead(&mut self, hour: i64) {
        self.ahead.insert(hour);
    }

    /// Reverts hours that a failed commit sealed ahead.
    pub fn unseal_ahead(&mut self, hours: &[i64]) {
        for hour in hours {
            self.ahead.remove(hour);
        }
    }

    /// Forgets hours ahead whose rows are no longer needed.
    pub fn forget_ahead(&mut self, before: i64) {
        self.ahead = self.ahead.split_off(&before);
    }

    /// Hours that were sealed before their time.
    #[cfg(test)]
    #[must_use]
    pub const fn ahead(&self) -> &BTreeSet<i64> {
        &self.ahead
    }

    /// Whether an hour was sealed before its time: its rows have late buckets.
    #[must_use]
    pub fn is_ahead(&self, hour: i64) -> bool {
        self.ahead.contains(&hour)
    }

    /// True if a reading needs [`Boundary::seal_ahead`] before it is carried.
    #[must_use]
    pub fn seals_ahead(&self, hour: i64) -> bool {
        let is_far = self.open().is_some_and(|(_, end)| hour >= end);
        is_far && self.ahead.len() < MOST_AHEAD && !self.is_ahead(hour)
    }

    /// Carrier of a reading of a series in the hour that begins at `hour`.
    #[must_use]
    pub fn carrier(&self, hour: i64, series: SeriesId) -> Carrier {
        let Some((sealed, end)) = self.open() else { return Carrier::Row };
        if hour < sealed || self.is_ahead(hour) || series.0 > MOST_IN_MEMORY {
            Carrier::LateBucket
        } else if hour < end {
            Carrier::Memory
        } else {
            Carrier::Row
        }
    }

    /// Whether the row of a stored reading brings it into the tiers, when memory is lost.
    #[must_use]
    pub fn is_by_row(&self, hour: i64, series: SeriesId) -> bool {
        series.0 <= MOST_IN_MEMORY && !self.is_ahead(hour)
    }
}
