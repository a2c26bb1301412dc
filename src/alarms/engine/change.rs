//! Changes to the engine from outside the readings: rules, suppression, expected sensors, operators' actions, and
//! removal of series. Pure.
//!
//! Invariants: repeating an operator's action is idempotent and no error. Alarms of removed series end, their silence
//! no longer counts, and a restart doesn't restore them from stored rows; a new reading starts the series again.
//! Never: more than one alarm changed by one action, except for a forgotten sensor; removal of a series that the
//! configuration names ([`ConfiguredSeries`](super::configured::ConfiguredSeries)).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::Expected;
use super::operate::applicable;
use super::outcomes::{apply, emit};
use super::reload::RuleMigration;
use super::{Engine, Key, Outcome};
use crate::alarms::machine::{Change, Moment};
use crate::alarms::quiet::QuietSettings;
use crate::alarms::quiet::flood::Flood;
use crate::alarms::quiet::maintenance::Windows;
use crate::alarms::quiet::reasons::Reasons;
use crate::alarms::rule::Rule;
use crate::alarms::series::{Entry, Newest, Series, is_timed};
use crate::domain::{
    Action, ActionRecord, AlarmName, AlarmOf, AlarmState, Ingress, Location, Operator,
    OperatorAction, Quantity, Refused, SensorId, Unit,
};

/// Share of the limit removed at a time: readers of the live table need a full snapshot each time.
const SHARE_AT_ONCE: usize = 256;

impl Engine {
    /// Continues with other rules and another suppression, except for floods, whose limits stay. Alarms that are no
    /// longer allowed are closed; those no longer explained are announced.
    pub fn reload(&mut self, rules: Vec<Rule>, quiet: QuietSettings, out: &mut Vec<Outcome>) {
        self.begin_part();
        let num_before = out.len();
        RuleMigration::new(self, rules, quiet).run(out);
        let order = |outcome: &Outcome| (outcome.sensor_id.clone(), outcome.rule.name.clone());
        out[num_before..].sort_by_cached_key(order);
        self.follow_up(num_before, out);
    }

    /// Alarms of a series at a location and in a unit, from existing and new ones; and those that end.
    pub(super) fn entries_at(
        &mut self,
        key: &Key,
        (location, unit): (&Location, &Unit),
        mut before: Vec<Entry>,
    ) -> (Vec<Entry>, Vec<Entry>) {
        self.devices.note(&key.0);
        let of = self.index.rules_of(&self.rules, &key.0, location, &key.1);
        let mut entries = Vec::with_capacity(of.len());
        for rule in of {
            entries.push(match before.iter().position(|entry| entry.rule == rule) {
                Some(place) => before.swap_remove(place),
                None => self.entry(key, rule, unit),
            });
        }
        (entries, before)
    }

    /// Assigns a series the rules for a location; returns the entries that no longer apply.
    pub(super) fn move_to(
        &mut self,
        key: &Key,
        series: &mut Series,
        location: &Location,
    ) -> Vec<Entry> {
        let before = std::mem::take(&mut series.entries);
        let (num_before, unit) = (before.len(), series.newest.unit.clone());
        let (entries, leaving) = self.entries_at(key, (location, &unit), before);
        let is_same = leaving.is_empty() && entries.len() == num_before;
        series.entries = entries;
        if !is_same {
            self.note_change(key, series, true);
        }
        leaving
    }

    pub(super) fn entry(&mut self, key: &Key, rule: usize, unit: &Unit) -> Entry {
        let fit = self.fit(rule, unit, &key.0);
        Entry::new(rule, &self.rules[rule].kind, fit)
    }

    /// Sets the suppression. Called before anything is judged, also after a restore.
    pub fn keep_quiet(&mut self, settings: QuietSettings) {
        let QuietSettings { maintenance, chattering, flood } = settings;
        self.quieting.windows = Windows::new(maintenance);
        if let Some(wall) = self.quieting.wall {
            self.quieting.turn(wall);
        }
        self.quieting.chattering = chattering;
        self.quieting.flood = flood.map(|limits| match self.kept_flood.take() {
            Some(kept) => Flood::restore(limits, &kept),
            None => Flood::new(limits),
        });
        self.quieting.must_recheck_all = true;
    }

    /// Sets the expected series. Silence counts from now for newly expected ones. Formerly expected ones without a
    /// reading are dropped; a changed location or unit applies from now on. Costs nothing without a rule about
    /// silence.
    pub fn expect(&mut self, expected: &[Expected], out: &mut Vec<Outcome>) {
        self.begin_part();
        let key = |it: &Expected| (it.sensor_id.clone(), it.quantity.clone());
        self.configured.set_own(expected.iter().map(key));
        let (num_before, ingress) = (out.len(), Ingress::Own);
        let (at, heard) = (self.quieting.wall.unwrap_or_default(), self.clocks.get(ingress));
        let position = self.cause.position;
        for Expected { sensor_id, quantity, location, unit } in expected {
            if !self.quieting.missed.contains(quantity) {
                continue;
            }
            let key = (sensor_id.clone(), quantity.clone());
            let (location, unit) = (location.clone(), unit.clone());
            let newest = match self.series.get(&key).map(|series| &series.newest) {
                // Its readings define it.
                Some(known) if known.value.is_some() => continue,
                Some(known) if (&known.location, &known.unit) == (&location, &unit) => continue,
                Some(unheard) => Newest { location, unit, ..unheard.clone() },
                None => Newest { location, unit, value: None, at, heard, ingress, position },
            };
            let of = self.index.rules_of(&self.rules, sensor_id, &newest.location, quantity);
            let is_known = self.series.contains_key(&key);
            if !is_known && !of.iter().any(|rule| is_timed(&self.rules[*rule])) {
                continue;
            }
            let mut series = self.take(&key, &newest, out);
            self.set_newest(&key, &mut series, newest);
            self.keep_anew(&key, &series);
            self.put(key.clone(), series);
            self.recheck(key, Duration::ZERO, out); // what explains it there may be another
        }
        self.forget_unheard_but(expected, out);
        self.follow_up(num_before, out);
    }

    fn forget_unheard_but(&mut self, expected: &[Expected], out: &mut Vec<Outcome>) {
        let unheard = self.series.iter().filter(|(_, series)| series.newest.value.is_none());
        let mut unheard: BTreeSet<_> = unheard.map(|(key, _)| key.clone()).collect();
        for Expected { sensor_id, quantity, .. } in expected {
            unheard.remove(&(sensor_id.clone(), quantity.clone()));
        }
        for key in unheard {
            let Some(mut series) = self.series.remove(&key) else { continue };
            if let Some(check_at) = series.check_at {
                self.checks.remove(series.newest.ingress, check_at, &key);
            }
            for entry in &mut series.entries {
                let rule = self.rules[entry.rule].clone();
                entry.forget(&key, &mut self.quieting.dependencies);
                let step = entry.close(&rule, series.newest.moment());
                emit(self.cause, &rule, &key, entry, &series.newest, step, out);
                let (sensor_id, rule) = (key.0.clone(), rule.name.clone());
                self.changed.remove(&(key.clone(), entry.rule));
                self.orphans.push(AlarmState { sensor_id, rule, state: None });
            }
        }
    }

    /// Applies an operator's action. Returns its outcome.
    pub fn operate(&mut self, action: OperatorAction, out: &mut Vec<Outcome>) -> ActionRecord {
        self.begin_part();
        if let (Action::Forget, AlarmName::AllOf(sensor)) = (action.what, &action.alarm) {
            return self.forget_sensor(sensor.clone(), action, out);
        }
        let (key, place) = match self.find(&action.alarm) {
            Ok(found) => found,
            Err(why) => return ActionRecord { action, of: None, outcome: Err(why) },
        };
        let Some(mut series) = self.series.remove(&key) else {
            let gone = Refused::Unknown(format!("{} is no more", action.alarm));
            return ActionRecord { action, of: None, outcome: Err(gone) };
        };
        let num_before = out.len();
        let Series { newest, entries, .. } = &mut series;
        let reasons = Reasons { quieting: &self.quieting, key: &key, location: &newest.location };
        let entry = &mut entries[place];
        let rule = &self.rules[entry.rule];
        let listened = self.clocks.get(newest.ingress);
        let outcome = applicable(action.what, &entry.alarm).map(|event| {
            let Some((event, change)) = event else { return false };
            let mut step = entry.step(rule, event, Moment { at: action.at, listened }, reasons);
            step.cause = Some((change, action.operator.clone()));
            apply((&mut self.changed, self.cause), rule, &key, entry, newest, step, out);
            true
        });
        let (alert_id, rule) = (entry.id.clone(), rule.name.clone());
        let of = Some(AlarmOf { alert_id, rule, sensor_id: key.0.clone() });
        self.put(key, series);
        self.follow_up(num_before, out);
        ActionRecord { action, of, outcome }
    }

    /// Series, and index among its alarms.
    fn find(&self, name: &AlarmName) -> Result<(Key, usize), Refused> {
        match name {
            AlarmName::Of { rule, sensor_id } => self.find_of(rule, sensor_id),
            AlarmName::AllOf(sensor) => {
                Err(Refused::Unknown(format!("{sensor} is a sensor: name one of its alarms")))
            }
            AlarmName::Id(id) => {
                let with_place = |key: &Key| {
                    let place = self.series.get(key)?.place_of(id)?;
                    Some((key.clone(), place))
                };
                let known = self.ids.series(id).and_then(with_place);
                // One that changed since was not noted yet.
                let mut changed = self.changed.iter();
                let found = known.or_else(|| changed.find_map(|(key, _)| with_place(key)));
                found.ok_or_else(|| {
                    let what = "no alarm has that id now: `vigie alarms` lists those that do";
                    Refused::Unknown(format!("{id}: {what}, or name it RULE/SENSOR"))
                })
            }
        }
    }

    fn find_of(&self, rule: &Arc<str>, sensor_id: &SensorId) -> Result<(Key, usize), Refused> {
        let unknown = |why: &str| Refused::Unknown(format!("{rule}/{sensor_id}: {why}"));
        let of_rule = self.rules.iter().find(|known| known.name == *rule);
        let quantity = of_rule.map(|known| known.quantity.clone());
        let quantity = quantity.ok_or_else(|| unknown("there is no rule of that name"))?;
        let key = (sensor_id.clone(), quantity);
        let series = self.series.get(&key).ok_or_else(|| {
            unknown(&format!("no {} of that sensor was heard lately", key.1.as_str()))
        })?;
        let place = series.entries.iter().position(|entry| self.rules[entry.rule].name == *rule);
        let place = place.ok_or_else(|| unknown("the rule does not hold for that sensor"))?;
        Ok((key, place))
    }

    /// Forgets a sensor: closes its alarms, and drops its series until it sends a reading.
    pub(super) fn forget_sensor(
        &mut self,
        sensor_id: SensorId,
        action: OperatorAction,
        out: &mut Vec<Outcome>,
    ) -> ActionRecord {
        let num_before = out.len();
        let outcome = self.forget_all_of(&sensor_id, &action, out);
        self.follow_up(num_before, out);
        let of = Some(AlarmOf { alert_id: None, rule: AlarmOf::ALL.into(), sensor_id });
        ActionRecord { action, of, outcome }
    }

    fn forget_all_of(
        &mut self,
        sensor: &SensorId,
        action: &OperatorAction,
        out: &mut Vec<Outcome>,
    ) -> Result<bool, Refused> {
        if let Some(why) = self.configured.why_it_stays(sensor) {
            return Err(Refused::NotNow(why));
        }
        let of_sensor = self.series.keys().filter(|(of, _)| of == sensor);
        let keys: BTreeSet<_> = of_sensor.cloned().collect();
        if keys.is_empty() && !self.tombstones.has_forgotten(sensor) {
            return Err(Refused::Unknown(format!("{sensor} was not heard lately")));
        }
        for key in &keys {
            self.drop_series(key, Some(action), out);
        }
        Ok(!keys.is_empty())
    }

    /// True if an operator has forgotten a series, without a reading since.
    #[must_use]
    pub fn is_forgotten(&self, key: &(SensorId, Quantity)) -> bool {
        self.tombstones.is_forgotten(key)
    }

    pub(super) fn drop_series(
        &mut self,
        key: &Key,
        action: Option<&OperatorAction>,
        out: &mut Vec<Outcome>,
    ) {
        let Some(mut series) = self.series.remove(key) else { return };
        let newest = &series.newest;
        if let Some(check_at) = series.check_at {
            self.checks.remove(newest.ingress, check_at, key);
        }
        if let Some(position) = series.heard_once {
            self.heard_once.remove(&(position, key.clone()));
        }
        if series.is_unjudged {
            self.fits.count_unjudged(false);
        }
        let listened = self.clocks.get(newest.ingress);
        let now = action.map_or(newest.moment(), |action| Moment { at: action.at, listened });
        for entry in &mut series.entries {
            let rule = self.rules[entry.rule].clone();
            if entry.is_kept(&rule) {
                self.changed.insert((key.clone(), entry.rule));
            }
            entry.forget(key, &mut self.quieting.dependencies);
            let mut step = entry.close(&rule, now);
            let by = |action: &OperatorAction| -> (Change, Operator) {
                (Change::Closed, action.operator.clone())
            };
            step.cause = action.map(by);
            emit(self.cause, &rule, key, entry, &series.newest, step, out);
        }
        self.bury(key, action.is_some());
        self.gone.insert(key.clone());
        let missed = &self.quieting.missed;
        if !missed.iter().any(|it| self.series.contains_key(&(key.0.clone(), it.clone()))) {
            self.devices.forget(&key.0);
        }
    }

    /// Makes room for a series: at the limit, removes single-reading ones, oldest first. Returns true if there is
    /// room; for a series named in the configuration there always is.
    pub(super) fn make_room(&mut self, key: &Key, out: &mut Vec<Outcome>) -> bool {
        if !self.has_no_room_for(key) {
            return true;
        }
        let wanted = (self.series_limit.0 / SHARE_AT_ONCE).max(1);
        let mut num_gone = 0;
        while num_gone < wanted
            && let Some((_, oldest)) = self.heard_once.pop_first()
        {
            if !self.configured.has(&oldest) && self.series.contains_key(&oldest) {
                self.drop_series(&oldest, None, out);
                self.made_room.push(oldest.0);
                num_gone += 1;
            }
        }
        num_gone > 0 || self.configured.has(key)
    }

    pub(super) fn has_no_room_for(&self, key: &Key) -> bool {
        self.series.len() >= self.series_limit.0 && !self.series.contains_key(key)
    }

    /// Takes the sensors whose series were removed for lack of room, since the last call.
    pub fn take_made_room(&mut self) -> Vec<SensorId> {
        std::mem::take(&mut self.made_room)
    }

    /// Notes a reading of a removed series: the first one, or a later one.
    pub(super) fn note_heard(&mut self, key: &Key, series: &mut Series) {
        if let Some(position) = series.heard_once.take() {
            self.heard_once.remove(&(position, key.clone()));
        } else if series.newest.value.is_none() && !self.configured.has(key) {
            series.heard_once = Some(self.cause.position);
            self.heard_once.insert((self.cause.position, key.clone()));
        }
    }
}

#[cfg(test)]
mod tests;
