//! Restoration of an engine from storage. Pure.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono_tz::Tz;

use super::super::kept::Kept;
use super::super::rule::Rule;
use super::super::series::{Entry, Newest, is_timed};
use super::super::units::Fit;
use super::recall::{self, StoredAlarm};
use super::time::Cause;
use super::{Engine, Key, Outcome, Past, Room, quieting, tell};
use crate::domain::{AlarmState, Reading, SensorId, StandingAlert};

/// Names an alarm.
type Of = (SensorId, Arc<str>);

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
        past: Past,
        since: impl IntoIterator<Item = (u64, Reading)>,
        out: &mut Vec<Outcome>,
    ) -> Self {
        Self::restore_in(Room::default(), (rules, zone), past, since, out)
    }

    /// Restores with another limit of series.
    pub(super) fn restore_in(
        room: Room,
        (rules, zone): (Vec<Rule>, Tz),
        past: Past,
        since: impl IntoIterator<Item = (u64, Reading)>,
        out: &mut Vec<Outcome>,
    ) -> Self {
        let Past { clocks, received_at, former_ingress, series, alarms, standing, .. } = past;
        let mut engine = Self::new(rules, zone);
        engine.room = room;
        engine.clocks = clocks;
        engine.quieting.wall = received_at;
        let of_all: HashSet<_> = alarms.iter().map(of).collect();
        let before = standing
            .into_iter()
            .map(|alert| ((alert.sensor_id.clone(), alert.rule.clone()), alert));
        let (known, inherited): (HashMap<_, _>, _) =
            before.partition(|(of, _)| of_all.contains(of));
        engine.inherited = inherited;
        let (mut readable, mut unreadable) = (Vec::new(), Vec::new());
        for alarm in alarms {
            match StoredAlarm::read(alarm, former_ingress) {
                Ok(alarm) => readable.push(alarm),
                Err(alarm) => unreadable.push(alarm),
            }
        }
        engine.recall(series, since, &recall::newest_of(&readable), former_ingress);
        engine.checkpoints.end_at(past.since_checkpoints);
        engine.begin_tombstones();
        let with_state: HashSet<_> = readable.iter().map(|alarm| of(&alarm.state)).collect();
        for alarm in readable {
            engine.take_back(alarm, out);
        }
        engine.close_all_unread(unreadable, known, out);
        engine.look_at_all(&with_state);
        engine
    }

    fn close_all_unread(
        &mut self,
        alarms: Vec<AlarmState>,
        mut known: HashMap<Of, StandingAlert>,
        out: &mut Vec<Outcome>,
    ) {
        for alarm in alarms {
            let is_flood = quieting::is_of_all(&alarm);
            let alarm = if is_flood { self.take_back_flood(alarm, out) } else { Err(alarm) };
            let Err(alarm) = alarm else { continue };
            let of = of(&alarm);
            if let Some(alert) = known.remove(&of) {
                self.close_unread(&alarm, alert, out);
            }
            self.end_unread_chatter(&alarm, out);
            self.orphans.push(AlarmState { state: None, ..alarm });
            self.unread.push(of);
        }
    }

    /// Schedules a check of every series that silence may change, and stores its start.
    fn look_at_all(&mut self, with_state: &HashSet<Of>) {
        let keys: Vec<_> = self.series.keys().cloned().collect();
        for key in keys {
            let Some(series) = self.series.remove(&key) else { continue };
            for entry in &series.entries {
                let rule = &self.rules[entry.rule];
                if is_timed(rule) && !with_state.contains(&(key.0.clone(), rule.name.clone())) {
                    self.changed.insert((key.clone(), entry.rule));
                }
            }
            self.put(key, series);
        }
    }

    /// Takes the stored alarms, by sensor and rule, that are unreadable (edited by hand) and were closed.
    pub fn take_unread(&mut self) -> Vec<(SensorId, Arc<str>)> {
        std::mem::take(&mut self.unread)
    }

    /// Continues a stored alarm, or closes it if its rule has changed.
    fn take_back(&mut self, alarm: StoredAlarm, out: &mut Vec<Outcome>) {
        let key = alarm.key();
        let StoredAlarm { state, kept, newest, .. } = alarm;
        let Some(series) = self.series.get_mut(&key) else { return };
        let named = |entry: &&mut Entry| self.rules[entry.rule].name == state.rule;
        match series.entries.iter_mut().find(named) {
            Some(entry)
                if kept.is_of(self.marks[entry.rule])
                    || kept.is_of_before(&self.rules[entry.rule]) =>
            {
                // Stored again with its new fingerprint.
                if !kept.is_of(self.marks[entry.rule]) {
                    self.changed.insert((key.clone(), entry.rule));
                }
                kept.id.iter().for_each(|id| self.ids.note(id, &key));
                kept.give_back(entry);
            }
            Some(entry) => {
                let rule = Rule::clone(&self.rules[entry.rule]);
                self.changed.insert((key.clone(), entry.rule));
                close(self.cause, rule, &key, kept, &newest, out);
            }
            None => {
                let rule = Rule::retired(state.rule.clone(), key.1.clone(), kept.priority());
                close(self.cause, rule, &key, kept, &newest, out);
                self.orphans.push(AlarmState { state: None, ..state });
            }
        }
    }
}

fn of(alarm: &AlarmState) -> Of {
    (alarm.sensor_id.clone(), alarm.rule.clone())
}

/// Closes an alarm whose rule was removed or changed, by its stored texts.
fn close(
    cause: Cause,
    mut rule: Rule,
    key: &Key,
    kept: Kept,
    newest: &Newest,
    out: &mut Vec<Outcome>,
) {
    rule.priority = kept.priority();
    let mut entry = Entry::new(0, &rule.kind, Fit::AsWritten);
    entry.alarm = kept.alarm;
    entry.id = kept.id;
    entry.quiet = kept.quiet.map(Box::new);
    let step = entry.close(&rule, newest.moment());
    let num_before = out.len();
    tell(cause, &Arc::new(rule), key, &mut entry, newest, step, out);
    // The alert about its chattering has its own type and figure.
    for outcome in out[num_before..].iter_mut().filter(|outcome| outcome.summary.is_none()) {
        outcome.alert_type = kept.alert_type.clone();
        outcome.threshold = kept.threshold;
    }
}
