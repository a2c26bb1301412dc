//! Tombstones of dropped series: earlier stored rows are not applied at a restart. Pure.
//!
//! A tombstone is stored with the batch in which its series was dropped, and covers the rows up to that batch. It
//! expires when restarts read only later rows; one by an operator's action stays until the series has a reading.

use std::collections::VecDeque;

use super::Key;
use crate::domain::{QuickMap, ReadingCounts, SensorId};

/// Rows of its table after which a tombstone expires: twice the minimum that storage reads again.
const ROWS: u64 = 32_768;

pub(super) const BY_LIMIT: u8 = 1;
pub(super) const BY_OPERATOR: u8 = 2;

/// Tombstones that are stored.
#[derive(Debug, Default)]
pub(super) struct Tombstones {
    /// Tombstones of all dropped series.
    pub all: QuickMap<Key, Tombstone>,
    /// Tombstones that expire, each with the number of earlier readings in its table: temperatures, others.
    pub ending: [VecDeque<(Key, u64)>; 2],
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Tombstone {
    /// Number of earlier readings in its table; `None` while its series waits for a reading.
    pub ends_after: Option<u64>,
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

    /// Lets a tombstone expire, `count` being the number of earlier readings in its table.
    pub fn end(&mut self, key: Key, count: u64) {
        self.all.insert(key.clone(), Tombstone { ends_after: Some(count) });
        self.ending[usize::from(!key.1.is_temperature())].push_back((key, count));
    }

    /// Takes the expired ones, by the numbers of stored readings and of those that would be read again.
    pub fn take_ended(&mut self, counts: ReadingCounts, since: ReadingCounts) -> Vec<Key> {
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
