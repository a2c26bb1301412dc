//! Scheduling of checkpoints: which are stored at once, and which periodically. Pure.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

use super::Key;
use crate::alarms::rule::{Kind, Rule, Selection};
use crate::alarms::series::Series;
use crate::domain::{Quantity, ReadingCounts, SeriesPart, SeriesState};

/// Series to checkpoint, each at most once per queue.
#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    /// Series to checkpoint with this batch.
    pub now: BTreeSet<Key>,
    /// By the table of their readings: temperatures, others.
    pub in_turn: [InTurn; 2],
    /// Series whose lateness may differ from the stored one.
    pub lateness: BTreeSet<Key>,
    /// Stored parts to delete, and tombstones, in order.
    pub gone: Vec<SeriesState>,
}

/// Series that wait for their turn, of one table.
#[derive(Debug, Default)]
pub(super) struct InTurn {
    /// Each with the count before the reading that changed it first, oldest first.
    pub queue: VecDeque<(Key, u64)>,
    /// Readings stored.
    pub count: u64,
}

impl InTurn {
    /// Readings stored since the oldest change.
    pub fn since(&self) -> u64 {
        self.queue.front().map_or(0, |(_, at)| self.count - at)
    }
}

/// Series that matter to rules which don't apply to them: a rule by locations may apply to any that moves, and a
/// rule may compare with another sensor.
#[derive(Debug, Default)]
pub(super) struct Concerned {
    by_location: HashSet<Quantity>,
    compared: HashSet<Key>,
}

impl Checkpoints {
    /// Marks the stored lateness of a series as out of date.
    pub fn note_lateness(&mut self, key: &Key) {
        self.lateness.insert(key.clone());
    }

    /// Counts a reading that is judged and stored.
    pub fn count(&mut self, quantity: &Quantity) {
        self.of(quantity).count += 1;
    }

    /// Sets the count during a restore, to the number of readings of the same table before the next one.
    pub fn set_count(&mut self, quantity: &Quantity, count: u64) {
        self.of(quantity).count = count;
    }

    /// Sets the counts at the end of a restore, to the numbers of readings in the range that was read.
    pub const fn end_at(&mut self, counts: ReadingCounts) {
        self.in_turn[0].count = counts.temperatures;
        self.in_turn[1].count = counts.others;
    }

    /// Readings stored of the table of a quantity.
    pub fn count_of(&self, quantity: &Quantity) -> u64 {
        self.in_turn[usize::from(!quantity.is_temperature())].count
    }

    /// Readings stored.
    pub const fn counts(&self) -> ReadingCounts {
        let [temperatures, others] = &self.in_turn;
        ReadingCounts { temperatures: temperatures.count, others: others.count }
    }

    /// A stored part changes at once, independent of its series.
    pub fn note_gone(&mut self, part: SeriesState) {
        self.gone.push(part);
    }

    /// Series that wait for their turn, of the table of a quantity.
    pub fn of(&mut self, quantity: &Quantity) -> &mut InTurn {
        &mut self.in_turn[usize::from(!quantity.is_temperature())]
    }

    /// Takes the series with the oldest change, of the table from which more would be read again.
    pub fn pop(&mut self) -> Option<Key> {
        let [temperatures, others] = &mut self.in_turn;
        let first = if temperatures.since() >= others.since() { temperatures } else { others };
        first.queue.pop_front().map(|(key, _)| key)
    }
}

impl Concerned {
    /// Series that the rules concern without holding for them.
    pub fn new(rules: &[Arc<Rule>]) -> Self {
        let mut all = Self::default();
        for rule in rules {
            if matches!(&rule.selection, Selection::Matching { locations, .. } if !locations.is_empty())
            {
                all.by_location.insert(rule.quantity.clone());
            }
            let others = match &rule.kind {
                Kind::Difference { other, .. } => vec![other.clone()],
                Kind::Expression { condition } => condition.needs().sensors.clone(),
                _ => Vec::new(),
            };
            all.compared.extend(others.into_iter().map(|sensor| (sensor, rule.quantity.clone())));
        }
        all
    }

    /// Whether the series is to be checkpointed.
    pub fn has(&self, key: &Key, series: &Series) -> bool {
        !series.entries.is_empty() || self.has_without_rules(key)
    }

    /// Whether a series without rules is to be checkpointed.
    pub fn has_without_rules(&self, key: &Key) -> bool {
        self.by_location.contains(&key.1) || self.compared.contains(key)
    }
}

pub(super) fn state(
    (sensor_id, quantity): Key,
    part: SeriesPart,
    state: Option<Vec<u8>>,
) -> SeriesState {
    SeriesState { sensor_id, quantity, part, state }
}
