//! Restoration of an engine from storage. Pure.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::super::persisted::PersistedAlarm;
use super::super::rule::Rule;
use super::super::series::{Entry, Newest, is_timed};
use super::super::units::Fit;
use super::stored_alarm::StoredAlarm;
use super::time::Cause;
use super::{Engine, Key, Outcome, emit, summaries};
use crate::domain::{AlarmState, Ingress, SensorId, StandingAlert};

/// Names an alarm.
pub(super) type Of = (SensorId, Arc<str>);

/// An engine during its restoration.
pub(super) struct Restoring<'o> {
    /// The engine so far.
    pub engine: Engine,
    /// Ingress of state that was stored without one.
    pub former: Ingress,
    /// Active alerts by their events, of which no alarm state is stored.
    pub standing: HashMap<Of, StandingAlert>,
    /// Transitions that the restoration causes.
    pub out: &'o mut Vec<Outcome>,
}

impl Restoring<'_> {
    /// Closes the alarms of unreadable states.
    pub fn close_all_unreadable(
        &mut self,
        alarms: Vec<AlarmState>,
        mut known: HashMap<Of, StandingAlert>,
    ) {
        for alarm in alarms {
            let is_flood = summaries::is_flood_state(&alarm);
            let alarm = if is_flood { self.restore_flood(alarm) } else { Err(alarm) };
            let Err(alarm) = alarm else { continue };
            let of = of(&alarm);
            if let Some(alert) = known.remove(&of) {
                self.close_unreadable(&alarm, alert);
            }
            self.end_unreadable_chatter(&alarm);
            self.engine.orphans.push(AlarmState { state: None, ..alarm });
            self.engine.unreadable.push(of);
        }
    }

    /// Schedules a check of every series that silence may change, and stores its start.
    pub fn check_all(&mut self, with_state: &HashSet<Of>) {
        let keys: Vec<_> = self.engine.series.keys().cloned().collect();
        for key in keys {
            let Some(series) = self.engine.series.remove(&key) else { continue };
            for entry in &series.entries {
                let rule = &self.engine.rules[entry.rule];
                if is_timed(rule) && !with_state.contains(&(key.0.clone(), rule.name.clone())) {
                    self.engine.changed.insert((key.clone(), entry.rule));
                }
            }
            self.engine.put(key, series);
        }
    }

    /// Continues a stored alarm, or closes it if its rule has changed.
    pub fn restore_alarm(&mut self, alarm: StoredAlarm) {
        let key = alarm.key();
        let StoredAlarm { state, kept, newest, .. } = alarm;
        let Some(series) = self.engine.series.get_mut(&key) else { return };
        let named = |entry: &&mut Entry| self.engine.rules[entry.rule].name == state.rule;
        match series.entries.iter_mut().find(named) {
            Some(entry)
                if kept.is_of(self.engine.fingerprints[entry.rule])
                    || kept.is_of_before(&self.engine.rules[entry.rule]) =>
            {
                // Stored again with its new fingerprint.
                if !kept.is_of(self.engine.fingerprints[entry.rule]) {
                    self.engine.changed.insert((key.clone(), entry.rule));
                }
                kept.id.iter().for_each(|id| self.engine.ids.note(id, &key));
                kept.restore(entry);
            }
            Some(entry) => {
                let rule = Rule::clone(&self.engine.rules[entry.rule]);
                self.engine.changed.insert((key.clone(), entry.rule));
                close(self.engine.cause, rule, &key, kept, &newest, self.out);
            }
            None => {
                let rule = Rule::retired(state.rule.clone(), key.1.clone(), kept.priority());
                close(self.engine.cause, rule, &key, kept, &newest, self.out);
                self.engine.orphans.push(AlarmState { state: None, ..state });
            }
        }
    }
}

pub(super) fn of(alarm: &AlarmState) -> Of {
    (alarm.sensor_id.clone(), alarm.rule.clone())
}

/// Closes an alarm whose rule was removed or changed, by its stored texts.
fn close(
    cause: Cause,
    mut rule: Rule,
    key: &Key,
    kept: PersistedAlarm,
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
    emit(cause, &Arc::new(rule), key, &mut entry, newest, step, out);
    // The alert about its chattering has its own type and figure.
    for outcome in out[num_before..].iter_mut().filter(|outcome| outcome.summary.is_none()) {
        outcome.alert_type = kept.alert_type.clone();
        outcome.threshold = kept.threshold;
    }
}
