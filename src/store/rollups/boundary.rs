//! Which carrier a reading has, from its hour and series alone, so that a restart decides the same again.
//!
//! Holds always: a sealed hour is never open again. What this says depends on nothing that is not committed.

use std::collections::BTreeSet;

use super::{HOUR_MS, SeriesId};

/// Open hours at a time: the last one until it is sealed, the present one, and the next one for clocks that are
/// ahead.
const OPEN_HOURS: i64 = 3;

/// Series with higher numbers are never in memory: a stream of ever new sensor ids must not fill it. 24 bytes an
/// hour each while silent.
const MOST_IN_MEMORY: u32 = 200_000;

/// Hours ahead of the open ones that are remembered: only clocks that are wrong, and replays of what is yet to
/// come, have any.
const MOST_AHEAD: usize = 1000;

/// What brings a reading into the tier tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// The open hours in memory; its row, when memory is lost.
    Memory,
    /// A late bucket, committed with the reading.
    LateBucket,
    /// Nothing yet: its row, when its hour comes.
    Row,
}

/// Hours that are sealed: all before a time, and single ones ahead of those that are open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Boundary {
    /// All hours before it are sealed; `None` before the first.
    sealed: Option<i64>,
    ahead: BTreeSet<i64>,
}

impl Boundary {
    /// A boundary as it is stored.
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

    /// Moves the boundary; what was sealed stays so.
    pub fn seal(&mut self, until: i64) {
        self.sealed = Some(self.sealed.map_or(until, |sealed| sealed.max(until)));
    }

    /// Seals an hour ahead of the open ones; its readings have late buckets.
    pub fn seal_ahead(&mut self, hour: i64) {
        self.ahead.insert(hour);
    }

    /// Takes back what was sealed ahead by a commit that failed.
    pub fn unseal_ahead(&mut self, hours: &[i64]) {
        for hour in hours {
            self.ahead.remove(hour);
        }
    }

    /// Forgets hours ahead that no row is asked for any more.
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

    /// Whether a reading needs [`Boundary::seal_ahead`] before it is carried.
    #[must_use]
    pub fn seals_ahead(&self, hour: i64) -> bool {
        let is_far = self.open().is_some_and(|(_, end)| hour >= end);
        is_far && self.ahead.len() < MOST_AHEAD && !self.is_ahead(hour)
    }

    /// What carries a reading of a series in the hour that begins at `hour`.
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
