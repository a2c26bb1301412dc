//! An engine that goes on from what was kept. Pure.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;

use super::super::kept::Kept;
use super::super::rule::Rule;
use super::super::series::{Entry, Newest, is_timed};
use super::Key;
use super::time::Cause;
use super::{Engine, Outcome, Past, quieting, tell};
use crate::domain::{AlarmState, Ingress, SensorId};

impl Engine {
    /// Goes on from what was kept. `recent` are the last readings that were judged, `standing` the alarms
    /// of a file from before states were kept, `heard` is what the listening clock shows: silence that
    /// nothing is kept of counts from now. What its rule no longer allows to stand is closed, and so is an
    /// alert whose alarm can't be read any more.
    #[must_use]
    pub fn restore(rules: Vec<Rule>, zone: Tz, past: Past<'_>, out: &mut Vec<Outcome>) -> Self {
        let Past { clocks, recent, alarms, standing } = past;
        let heard = clocks.get(Ingress::default());
        let mut engine = Self::new(rules, zone);
        engine.clocks = clocks;
        let mut with_state: HashSet<_> =
            alarms.iter().map(|alarm| (alarm.sensor_id.clone(), alarm.rule.clone())).collect();
        let before = standing
            .into_iter()
            .map(|alert| ((alert.sensor_id.clone(), alert.rule.clone()), alert));
        let (mut known, inherited): (HashMap<_, _>, _) =
            before.partition(|(of, _)| with_state.contains(of));
        engine.inherited = inherited;
        engine.recall(recent, &alarms, heard);
        for alarm in alarms {
            if let Err(alarm) = engine.take_back(alarm, heard, out) {
                let of = (alarm.sensor_id.clone(), alarm.rule.clone());
                with_state.remove(&of);
                if let Some(alert) = known.remove(&of) {
                    engine.close_unread(&alarm, alert, out);
                }
                engine.end_unread_chatter(&alarm, out);
                engine.orphans.push(AlarmState { state: None, ..alarm });
                engine.unread.push(of);
            }
        }
        engine.look_at_all(&with_state);
        engine
    }

    /// Every series that silence may change is looked at in time, and when that counts from is kept.
    fn look_at_all(&mut self, with_state: &HashSet<(SensorId, Arc<str>)>) {
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

    /// Gives back what can't be read.
    fn take_back(
        &mut self,
        alarm: AlarmState,
        heard: Duration,
        out: &mut Vec<Outcome>,
    ) -> Result<(), AlarmState> {
        if quieting::is_of_all(&alarm) {
            return self.take_back_flood(alarm, out);
        }
        let Some((kept, quantity, newest)) = alarm.state.as_deref().and_then(Kept::read) else {
            return Err(alarm);
        };
        let forget = AlarmState { state: None, ..alarm.clone() };
        let key = (alarm.sensor_id, quantity);
        let newer = self.newer(&key, &newest, heard);
        let mut series = self.take(&key, &newer, out);
        let has_gone_back = newer.at < newest.at;
        series.newest = newer;
        let named = |entry: &&mut Entry| self.rules[entry.rule].name == alarm.rule;
        match series.entries.iter_mut().find(named) {
            Some(entry)
                if kept.is_of(self.marks[entry.rule])
                    || kept.is_of_before(&self.rules[entry.rule]) =>
            {
                // To be kept by its new mark, or by its clock as it is now.
                if !kept.is_of(self.marks[entry.rule]) || has_gone_back {
                    self.changed.insert((key.clone(), entry.rule));
                }
                kept.id.iter().for_each(|id| self.ids.note(id, &key));
                kept.give_back(entry);
            }
            Some(entry) => {
                let rule = Rule::clone(&self.rules[entry.rule]);
                close(self.cause, rule, &key, kept, &newest, out);
                self.changed.insert((key.clone(), entry.rule));
            }
            None => {
                let rule = Rule::retired(alarm.rule, key.1.clone(), kept.priority());
                close(self.cause, rule, &key, kept, &newest, out);
                self.orphans.push(forget);
            }
        }
        self.put(key, series);
        Ok(())
    }
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
    let mut entry = Entry::new(0, &rule.kind);
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
