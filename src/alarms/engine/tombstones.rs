//! Series that were dropped: what was stored of them before is not read again at a restart. Pure.
//!
//! A tombstone is stored with the batch that its series was dropped in, and reaches as far as the rows of that batch. It
//! is of no use once a restart begins to read behind it; that of an operator's word stays until the series is heard.

use std::collections::VecDeque;

use super::checkpoints::state;
use super::{Engine, Key};
use crate::domain::{QuickMap, ReadingCounts, SensorId, SeriesPart, SeriesState};

/// Rows of its table behind which a tombstone is of no use: twice what storage reads again at least.
const ROWS: u64 = 32_768;

const BY_LIMIT: u8 = 1;
const BY_OPERATOR: u8 = 2;

/// Tombstones that are stored.
#[derive(Debug, Default)]
pub(super) struct Tombstones {
    all: QuickMap<Key, Tombstone>,
    /// Those that end, each with the readings stored before, by table: temperatures, others.
    ending: [VecDeque<(Key, u64)>; 2],
}

#[derive(Debug, Clone, Copy)]
struct Tombstone {
    /// Readings of its table that were stored before; `None` while its series waits to be heard.
    ends_after: Option<u64>,
}

impl Tombstones {
    /// Whether an operator has forgotten a series, and it was not heard since.
    pub fn is_forgotten(&self, key: &Key) -> bool {
        !self.all.is_empty() && self.all.get(key).is_some_and(|it| it.ends_after.is_none())
    }

    /// Whether an operator has forgotten some series of a sensor, which was not heard since.
    pub fn has_forgotten(&self, sensor: &SensorId) -> bool {
        self.all.iter().any(|((of, _), it)| of == sensor && it.ends_after.is_none())
    }

    fn end(&mut self, key: Key, count: u64) {
        self.all.insert(key.clone(), Tombstone { ends_after: Some(count) });
        self.ending[usize::from(!key.1.is_temperature())].push_back((key, count));
    }

    /// Those that are of no use any more, at counts of stored readings of which so many would be read again.
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
    /// A series is dropped: what is stored of it is of no use.
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

    /// A series that begins may have been forgotten.
    pub(super) fn note_begin(&mut self, key: &Key) {
        if self.tombstones.is_forgotten(key) {
            self.tombstones.end(key.clone(), self.checkpoints.count_of(&key.1));
        }
    }

    /// Goes on from what is stored; false where that can't be read.
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

    /// Tombstones that are of no use any more, to be deleted.
    pub(super) fn take_ended_tombstones(&mut self) -> Vec<SeriesState> {
        let ended = self.tombstones.take_ended(self.checkpoints.counts(), self.since_checkpoints());
        ended.into_iter().map(|key| state(key, SeriesPart::Dropped, None)).collect()
    }
}
