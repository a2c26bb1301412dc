//! Stores and restores the engine: changed alarm states and checkpoints of series. Pure.
//!
//! Invariant: with the last checkpoint of each series, the readings stored since and the stored alarms,
//! [`Engine::restore`] makes an engine that continues exactly as this one. So what no reading shows (a clock that
//! went back, changed rules, the start of lateness) is stored in the batch in which it happens. Never: a checkpoint
//! of a series without rules.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono_tz::Tz;

use super::checkpoints::{Concerned, state};
use super::restore::{Restoring, of};
use super::stored_alarm::{self, StoredAlarm};
use super::tombstones::{BY_LIMIT, BY_OPERATOR, Tombstone};
use super::{Engine, Key, Outcome, SeriesLimit, StoredState, summaries};
use crate::alarms::checkpoint::{Checkpoint, Lateness};
use crate::alarms::persisted::PersistedAlarm;
use crate::alarms::rule::Rule;
use crate::alarms::series::Series;
use crate::domain::{AlarmState, Reading, ReadingCounts, SensorId, SeriesPart, SeriesState};

impl Engine {
    /// Restores an engine. From this version's state it continues exactly as before; from an earlier version's, as
    /// well as that allows. Silence without a stored start counts from now. Alarms that their rule no longer allows
    /// are closed, and so are alerts whose alarm state is unreadable.
    ///
    /// `since` has the readings stored after the checkpoint of their series, by table in order of storage, each
    /// with its index among the re-read rows of that table; for series without a checkpoint, which had no rules,
    /// the last readings: a rule may be new.
    #[must_use]
    pub fn restore(
        rules: Vec<Rule>,
        zone: Tz,
        past: StoredState,
        since: impl IntoIterator<Item = (u64, Reading)>,
        out: &mut Vec<Outcome>,
    ) -> Self {
        Self::restore_within(SeriesLimit::default(), (rules, zone), past, since, out)
    }

    /// Restores with another limit of series.
    pub(super) fn restore_within(
        series_limit: SeriesLimit,
        (rules, zone): (Vec<Rule>, Tz),
        past: StoredState,
        since: impl IntoIterator<Item = (u64, Reading)>,
        out: &mut Vec<Outcome>,
    ) -> Self {
        let StoredState { clocks, received_at, former_ingress, series, alarms, standing, .. } =
            past;
        let mut engine = Self::new(rules, zone);
        engine.series_limit = series_limit;
        engine.clocks = clocks;
        engine.quieting.wall = received_at;
        let of_all: HashSet<_> = alarms.iter().map(of).collect();
        let before = standing
            .into_iter()
            .map(|alert| ((alert.sensor_id.clone(), alert.rule.clone()), alert));
        let (known, standing): (HashMap<_, _>, _) = before.partition(|(of, _)| of_all.contains(of));
        let mut restoring = Restoring { engine, former: former_ingress, standing, out };
        let (mut readable, mut unreadable) = (Vec::new(), Vec::new());
        for alarm in alarms {
            match StoredAlarm::read(alarm, former_ingress) {
                Ok(alarm) => readable.push(alarm),
                Err(alarm) => unreadable.push(alarm),
            }
        }
        restoring.restore_series(series, since, &stored_alarm::newest_of(&readable));
        restoring.engine.checkpoints.end_at(past.since_checkpoints);
        restoring.engine.begin_tombstones();
        let with_state: HashSet<_> = readable.iter().map(|alarm| of(&alarm.state)).collect();
        for alarm in readable {
            restoring.restore_alarm(alarm);
        }
        restoring.close_all_unreadable(unreadable, known);
        restoring.check_all(&with_state);
        restoring.engine
    }

    /// Alarm states to store: those changed since the last call.
    pub fn changes(&mut self) -> Vec<AlarmState> {
        self.gone.clear();
        let mut changes = std::mem::take(&mut self.orphans);
        changes.extend(self.quieting.flood.as_mut().and_then(summaries::changed_flood));
        for (key, rule) in self.changed.drain() {
            let series = self.series.get(&key);
            let entry = series.and_then(|s| Some((s, s.entries.iter().find(|e| e.rule == rule)?)));
            let (rule, mark) = (&self.rules[rule], self.fingerprints[rule]);
            let kept = entry.filter(|(_, entry)| entry.is_kept(rule));
            if let Some(id) = kept.and_then(|(_, entry)| entry.id.as_ref()) {
                self.ids.note(id, &key);
            }
            let state = kept.and_then(|(series, entry)| {
                serde_json::to_string(&PersistedAlarm::new(rule, mark, entry, &series.newest)).ok()
            });
            changes.push(AlarmState { sensor_id: key.0, rule: rule.name.clone(), state });
        }
        self.ids.tidy(|key, id| {
            self.series.get(key).is_some_and(|series| series.place_of(id).is_some())
        });
        changes
    }

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
            entries.filter_map(|entry| Some((self.fingerprints[entry.rule], entry.remembered()?)));
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

    /// Takes the stored alarms, by sensor and rule, that are unreadable (edited by hand) and were closed.
    pub fn take_unreadable(&mut self) -> Vec<(SensorId, Arc<str>)> {
        std::mem::take(&mut self.unreadable)
    }
}
