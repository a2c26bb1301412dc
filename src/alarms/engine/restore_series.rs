//! Restoration of series from checkpoints and the readings stored since. Pure.
//!
//! Invariant: after a commit of this version, a series is as it was at the commit: windows from its checkpoint,
//! plus the readings stored since. A reading older than the newest was late, since a clock that goes back is
//! checkpointed with it. The listening time and the ingress of a reading are in stored alarms only: those for which
//! they matter are stored at each reading.
//!
//! A file of an earlier version has the last readings and alarms alone. There, a reading stored with an alarm was
//! not late.

use super::super::checkpoint::{Checkpoint, Lateness};
use super::super::series::{Newest, Series};
use super::Key;
use super::reload::longest;
use super::restore::Restoring;
use super::stored_alarm::StoredNewest;
use super::tombstones::{BY_LIMIT, BY_OPERATOR, Tombstone};
use crate::domain::{Reading, SeriesPart, SeriesState};

impl Restoring<'_> {
    /// Restores series from checkpoints and the readings stored since, each series in the order of storage.
    pub fn restore_series(
        &mut self,
        states: Vec<SeriesState>,
        since: impl IntoIterator<Item = (u64, Reading)>,
        stored: &StoredNewest,
    ) {
        let mut lateness = Vec::new();
        for SeriesState { sensor_id, quantity, part, state } in states {
            let key = (sensor_id, quantity);
            let is_read = state.is_some_and(|state| match part {
                SeriesPart::Windows => {
                    Checkpoint::read(&state).is_some_and(|checkpoint| self.resume(&key, checkpoint))
                }
                SeriesPart::Lateness => {
                    Lateness::read(&state).map(|read| lateness.push((key.clone(), read))).is_some()
                }
                SeriesPart::Dropped => self.recall_dropped(&key, &state),
            });
            if !is_read {
                self.engine.forget_part(&key, part);
            }
        }
        for (num_before, reading) in since {
            self.engine.checkpoints.set_count(&reading.quantity, num_before);
            self.remember(&reading, stored);
        }
        for (key, lateness) in lateness {
            self.resume_late(&key, lateness);
        }
        for (key, newest) in stored {
            self.recall_newest(key, newest);
        }
    }

    /// Restores a checkpoint; returns false if it is of no use.
    fn resume(&mut self, key: &Key, checkpoint: Checkpoint) -> bool {
        let Checkpoint { newest, heard_once, mut memories } = checkpoint;
        let (entries, _) = self.engine.entries_at(key, newest.place(), Vec::new());
        let mut series = Series::new(newest, entries);
        if !self.engine.concerned.has(key, &series) {
            return false;
        }
        // Stored series had room, or are named.
        if let Some(position) = heard_once {
            series.heard_once = heard_once;
            self.engine.heard_once.insert((position, key.clone()));
        }
        let mut is_same = true;
        let mut unmatched = Vec::new();
        for (at, entry) in series.entries.iter_mut().enumerate() {
            let (rule, mark) =
                (&self.engine.rules[entry.rule], self.engine.fingerprints[entry.rule]);
            let place = memories.iter().position(|(of, _)| *of == mark);
            let remembered = place.map(|place| memories.swap_remove(place).1);
            let has_memory = entry.remembered().is_some();
            if has_memory && !remembered.is_some_and(|all| entry.resume(rule, all)) {
                unmatched.push(at);
            }
        }
        is_same &= memories.is_empty() && unmatched.is_empty();
        let remembered = longest(memories.into_iter().map(|(_, remembered)| remembered));
        for at in unmatched {
            let entry = &mut series.entries[at];
            entry.begin(&self.engine.rules[entry.rule], &remembered, &series.newest);
        }
        if !is_same {
            self.engine.note_change(key, &mut series, true);
        }
        self.engine.series.insert(key.clone(), series);
        true
    }

    /// Applies a reading that was stored after its series' checkpoint, if it has one.
    fn remember(&mut self, reading: &Reading, stored: &StoredNewest) {
        let key = (reading.sensor_id.clone(), reading.quantity.clone());
        if self.engine.has_no_room_for(&key) && !self.engine.configured.has(&key) {
            return;
        }
        let mut known = self.engine.series.remove(&key);
        let once = known.as_mut().and_then(|known| known.heard_once.take());
        if let Some(position) = once {
            self.engine.heard_once.remove(&(position, key.clone()));
        }
        let is_first = known.is_none();
        let (ingress, position) = known
            .as_ref()
            .map_or((self.former, 0), |known| (known.newest.ingress, known.newest.position));
        let newest = Newest::new(reading, ingress, self.engine.clocks.get(ingress), position);
        let mut series = known.unwrap_or_else(|| {
            let (entries, _) = self.engine.entries_at(&key, newest.place(), Vec::new());
            Series::new(Newest { value: None, ..newest.clone() }, entries)
        });
        if series.newest.makes_late(&newest) {
            let was_stored = |stored: &Newest| stored.position == 0 && stored.at == newest.at;
            if position > 0 || !stored.get(&key).is_some_and(was_stored) {
                self.engine.series.insert(key, series);
                return;
            }
            series.begin_anew(&self.engine.rules, newest.at);
        }
        if series.newest.location != newest.location {
            self.engine.move_to(&key, &mut series, &newest.location);
        }
        let is_in_another_unit = self.engine.set_newest(&key, &mut series, newest);
        for entry in &mut series.entries {
            if let Some(sample) = series.newest.sample() {
                entry.remember(&self.engine.rules[entry.rule], sample);
            }
        }
        self.engine.note_change(&key, &mut series, is_first || is_in_another_unit);
        self.engine.series.insert(key, series);
    }

    fn resume_late(&mut self, key: &Key, lateness: Lateness) {
        match self.engine.series.get_mut(key) {
            Some(series) => {
                series.newest.ingress = lateness.ingress;
                series.late_since = Some(lateness.since);
                series.stored_lateness = Some(lateness);
            }
            None => self.engine.forget_part(key, SeriesPart::Lateness),
        }
    }

    /// Applies what an alarm was stored with: when its series last had a reading, and the state of a series without
    /// a recent one.
    fn recall_newest(&mut self, key: &Key, stored: &Newest) {
        let Some(series) = self.engine.series.get_mut(key) else {
            let (entries, _) = self.engine.entries_at(key, stored.place(), Vec::new());
            let mut series = Series::new(stored.clone(), entries);
            self.engine.note_change(key, &mut series, true);
            self.engine.series.insert(key.clone(), series);
            return;
        };
        let known = &mut series.newest;
        // Readings of one time may be in two units: the rules' state is in the last one's.
        let is_same = stored.value.is_some() && stored.at == known.at && stored.unit == known.unit;
        if is_same && stored.position >= known.position {
            *known = stored.clone();
        } else if stored.value.is_some() && stored.position > 0 && stored.position >= known.position
        {
            (known.heard, known.ingress) = (stored.heard, stored.ingress);
            known.position = stored.position;
        }
    }

    /// Restores a stored one; false if it is unreadable.
    fn recall_dropped(&mut self, key: &Key, state: &[u8]) -> bool {
        match state {
            [BY_OPERATOR] => {
                self.engine.tombstones.all.insert(key.clone(), Tombstone { ends_after: None });
            }
            [BY_LIMIT] => self.engine.tombstones.end(key.clone(), 0),
            _ => return false,
        }
        true
    }
}
