//! Scheduling of checkpoints: which are stored at once, and which periodically. Pure.
//!
//! Invariant: with the last checkpoint of each series, the readings stored since and the stored alarms,
//! [`Engine::restore`] makes an engine that continues exactly as this one. So what no reading shows (a clock that
//! went back, changed rules, the start of lateness) is stored in the batch in which it happens. Never: a checkpoint
//! of a series without rules.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

use super::{Engine, Key};
use crate::alarms::checkpoint::{Checkpoint, Lateness};
use crate::alarms::rule::{Kind, Rule, Selection};
use crate::alarms::series::Series;
use crate::domain::{Quantity, ReadingCounts, SeriesPart, SeriesState};

/// Series to checkpoint, each at most once per queue.
#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    now: BTreeSet<Key>,
    /// By the table of their readings: temperatures, others.
    in_turn: [InTurn; 2],
    /// Series whose lateness may differ from the stored one.
    lateness: BTreeSet<Key>,
    /// Stored parts to delete, and tombstones, in order.
    gone: Vec<SeriesState>,
}

/// Series that wait for their turn, of one table.
#[derive(Debug, Default)]
struct InTurn {
    /// Each with the count before the reading that changed it first, oldest first.
    queue: VecDeque<(Key, u64)>,
    /// Readings stored.
    count: u64,
}

impl InTurn {
    /// Readings stored since the oldest change.
    fn since(&self) -> u64 {
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

    fn of(&mut self, quantity: &Quantity) -> &mut InTurn {
        &mut self.in_turn[usize::from(!quantity.is_temperature())]
    }

    /// Takes the series with the oldest change, of the table from which more would be read again.
    fn pop(&mut self) -> Option<Key> {
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

    fn has_without_rules(&self, key: &Key) -> bool {
        self.by_location.contains(&key.1) || self.compared.contains(key)
    }
}

impl Engine {
    /// Parts of checkpoints to commit with the readings judged since the last call: all urgent ones, and up to
    /// `at_most` more series, those with the oldest checkpoint first.
    pub fn take_checkpoints(&mut self, at_most: usize) -> Vec<SeriesState> {
        let mut states = std::mem::take(&mut self.checkpoints.gone);
        states.append(&mut self.take_ended_tombstones());
        for key in std::mem::take(&mut self.checkpoints.lateness) {
            states.extend(self.lateness(key));
        }
        for key in std::mem::take(&mut self.checkpoints.now) {
            states.extend(self.checkpoint(key));
        }
        let mut left = at_most;
        while left > 0
            && let Some(key) = self.checkpoints.pop()
        {
            if let Some(series) = self.series.get_mut(&key) {
                series.pending.is_queued = false;
            }
            let state = self.checkpoint(key);
            left -= usize::from(state.is_some());
            states.extend(state);
        }
        states
    }

    /// Number of newest readings that must be read in addition to the checkpoints: those since the oldest pending
    /// change.
    #[must_use]
    pub fn since_checkpoints(&self) -> ReadingCounts {
        let [temperatures, others] = &self.checkpoints.in_turn;
        ReadingCounts { temperatures: temperatures.since(), others: others.since() }
    }

    /// Notes a changed state of a series, to be checkpointed periodically or with this batch.
    pub(super) fn note_change(&mut self, key: &Key, series: &mut Series, is_now: bool) {
        if series.pending.has_changed && !is_now {
            return;
        }
        series.pending.has_changed = true;
        if !self.concerned.has(key, series) {
            return;
        }
        if is_now {
            self.checkpoints.now.insert(key.clone());
        } else if !std::mem::replace(&mut series.pending.is_queued, true) {
            let in_turn = self.checkpoints.of(&key.1);
            in_turn.queue.push_back((key.clone(), in_turn.count));
        }
    }

    pub(super) fn note_lateness(&mut self, key: &Key, series: &Series) {
        if series.lateness() != series.stored_lateness && self.concerned.has(key, series) {
            self.checkpoints.lateness.insert(key.clone());
        }
    }

    /// Deletes a stored part of a series without rules, or an unreadable one.
    pub(super) fn forget_part(&mut self, key: &Key, part: SeriesPart) {
        self.checkpoints.gone.push(state(key.clone(), part, None));
    }

    /// Applies a change of rules; `before` is of the old ones: series that now have rules start to be checkpointed,
    /// and those without stop.
    pub(super) fn concern(
        &mut self,
        key: &Key,
        series: &mut Series,
        before: &Concerned,
        had_rules: bool,
    ) {
        let was_concerned = had_rules || before.has_without_rules(key);
        if self.concerned.has(key, series) {
            if !was_concerned {
                self.note_change(key, series, true);
            }
            self.note_lateness(key, series);
        } else if was_concerned && series.newest.value.is_some() {
            self.forget_part(key, SeriesPart::Windows);
            if series.stored_lateness.take().is_some() {
                self.forget_part(key, SeriesPart::Lateness);
            }
        }
    }

    /// `None` if nothing has changed since the last one, or the series has no reading.
    fn checkpoint(&mut self, key: Key) -> Option<SeriesState> {
        let series = self.series.get_mut(&key)?;
        let is_of_use = series.newest.value.is_some() && self.concerned.has(&key, series);
        if !std::mem::take(&mut series.pending.has_changed) || !is_of_use {
            return None;
        }
        let entries = series.entries.iter();
        let memories =
            entries.filter_map(|entry| Some((self.marks[entry.rule], entry.remembered()?)));
        let (newest, heard_once) = (series.newest.clone(), series.heard_once);
        let checkpoint = Checkpoint { newest, heard_once, memories: memories.collect() };
        Some(state(key, SeriesPart::Windows, Some(checkpoint.write())))
    }

    /// `None` if the stored one is current.
    fn lateness(&mut self, key: Key) -> Option<SeriesState> {
        let series = self.series.get_mut(&key)?;
        let lateness = series.lateness();
        if std::mem::replace(&mut series.stored_lateness, lateness) == lateness {
            return None;
        }
        Some(state(key, SeriesPart::Lateness, lateness.map(Lateness::write)))
    }
}

pub(super) fn state(
    (sensor_id, quantity): Key,
    part: SeriesPart,
    state: Option<Vec<u8>>,
) -> SeriesState {
    SeriesState { sensor_id, quantity, part, state }
}
