//! An engine that goes on from what was stored. Pure.

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
    /// Goes on from what was stored. With what this version committed, it goes on exactly as the engine that
    /// was; with what an earlier one left, as well as that tells. Silence that nothing is stored of counts
    /// from now. What its rule no longer allows to stand is closed, and so is an alert whose alarm can't be
    /// read any more.
    ///
    /// `since` has the readings stored after the checkpoint of their series, those of a table in the order they
    /// were stored, each with how many of that table that are read again lie before it; of series without one, which no rule concerned, the last readings: a rule may be new.
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

    /// The same with another limit of series.
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

    /// Every series that silence may change is looked at in time, and when that counts from is kept.
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

    /// The kept alarms, by sensor and rule, that somebody must have edited: what stood of them was closed.
    pub fn take_unread(&mut self) -> Vec<(SensorId, Arc<str>)> {
        std::mem::take(&mut self.unread)
    }

    /// The alarm goes on, or is closed if its rule is not as it was.
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
                // To be kept by its new mark.
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

/// Closes an alarm whose rule is no more, or no longer the same, in the words that were kept of it.
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
    // That it chattered has a type and a figure of its own.
    for outcome in out[num_before..].iter_mut().filter(|outcome| outcome.summary.is_none()) {
        outcome.alert_type = kept.alert_type.clone();
        outcome.threshold = kept.threshold;
    }
}
