//! Tombstones of dropped series: earlier stored rows are not applied at a restart. Pure.
//!
//! A tombstone is stored with the batch in which its series was dropped, and covers the rows up to that batch. It
//! expires when restarts read only later rows; one by an operator's action stays until the series has a reading.

use std::collections::VecDeque;

use super::checkpoints::state;
use super::{Engine, Key};
use crate::domain::{QuickMap, ReadingCounts, SensorId, SeriesPart, SeriesState};

/// Rows of its table after which a tombstone expires: twice the minimum that storage reads again.
const ROWS: u64 = 32_768;

const BY_LIMIT: u8 = 1;
const BY_OPERATOR: u8 = 2;

/// Tombstones that are stored.
#[derive(Debug, Default)]
pub(super) struct Tombstones {
    all: QuickMap<Key, Tombstone>,
    /// Tombstones that expire, each with the number of earlier readings in its table: temperatures, others.
    ending: [VecDeque<(Key, u64)>; 2],
}

#[derive(Debug, Clone, Copy)]
struct Tombstone {
    /// Number of earlier readings in its table; `None` while its series waits for a reading.
    ends_after: Option<u64>,
}

impl Tombstones {
    /// True if an operator has forgotten a series, without a reading since.
    pub fn is_forgotten(&self, key: &Key) -> bool {
        !self.all.is_empty() && self.all.get(key).is_some_and(|it| it.ends_after.is_none())
    }

    /// True if an operator has forgotten some series of a sensor, without a reading since.
    pub fn has_forgotten(&self, sensor: &SensorId) -> bool {
        self.all.iter().any(|((of, _), it)| of == sensor && it.ends_after.is_none())
    }

    fn end(&mut self, key: Key, count: u64) {
        self.all.insert(key.clone(), Tombstone { ends_after: Some(count) });
        self.ending[usize::from(!key.1.is_temperature())].push_back((key, count));
    }

    /// Takes the expired ones, by the numbers of stored readings and of those that would be read again.
    fn take_ended(&mut self, counts: ReadingCounts, since: ReadingCounts) -> Vec<Key> {
        let tables = [(counts.temperatures, since.temperatures), (counts.others, since.others)];
        let mut ended = Vec::new();
        for (queue, (count, since)) in self.ending.iter_mut().zip(tables) {
            let is_over = |at: u64| count.saturating_sub(at) >= since.max(ROWS);
            while let Some((key, at)) = queue.pop_front_if(|(_, at)| is_over(*at)) {
                // It may have been forgotten again since.
                if self.all.get(&key).is_some_and(|it| it.ends_after == Some(at)) {
                    self.all.remove(&key);
                    ended.push(key);
                }
            }
        }
        ended
    }
}

impl Engine {
    /// Adds a tombstone for a dropped series.
    pub(super) fn bury(&mut self, key: &Key, by_operator: bool) {
        self.forget_part(key, SeriesPart::Windows);
        self.forget_part(key, SeriesPart::Lateness);
        let kind = if by_operator { BY_OPERATOR } else { BY_LIMIT };
        self.checkpoints.note_gone(state(key.clone(), SeriesPart::Dropped, Some(vec![kind])));
        if by_operator {
            self.tombstones.all.insert(key.clone(), Tombstone { ends_after: None });
        } else {
            self.tombstones.end(key.clone(), self.checkpoints.count_of(&key.1));
        }
    }

    /// Removes the tombstone of a series that starts again.
    pub(super) fn note_begin(&mut self, key: &Key) {
        if self.tombstones.is_forgotten(key) {
            self.tombstones.end(key.clone(), self.checkpoints.count_of(&key.1));
        }
    }

    /// Restores a stored one; false if it is unreadable.
    pub(super) fn recall_dropped(&mut self, key: &Key, state: &[u8]) -> bool {
        match state {
            [BY_OPERATOR] => {
                self.tombstones.all.insert(key.clone(), Tombstone { ends_after: None });
            }
            [BY_LIMIT] => self.tombstones.end(key.clone(), 0),
            _ => return false,
        }
        true
    }

    /// All that is stored was read, and the counts of readings begin.
    pub(super) fn begin_tombstones(&mut self) {
        let mut heard: Vec<_> =
            self.tombstones.all.keys().filter(|key| self.series.contains_key(*key)).collect();
        heard.sort_unstable();
        let heard: Vec<_> = heard.into_iter().cloned().collect();
        let ending = std::mem::take(&mut self.tombstones.ending);
        for key in ending.into_iter().flatten().map(|(key, _)| key).chain(heard) {
            self.tombstones.end(key.clone(), self.checkpoints.count_of(&key.1));
        }
    }

    /// Takes expired tombstones to delete from storage.
    pub(super) fn take_ended_tombstones(&mut self) -> Vec<SeriesState> {
        let ended = self.tombstones.take_ended(self.checkpoints.counts(), self.since_checkpoints());
        ended.into_iter().map(|key| state(key, SeriesPart::Dropped, None)).collect()
    }
}
