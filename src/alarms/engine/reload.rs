//! Other rules while the engine runs. Pure.
//!
//! Invariant: an alarm with an unchanged rule continues with its delays, windows and id, wherever the rule now
//! stands; that of a changed or removed rule is closed, as by a restart ([`Engine::restore`]). A new rule starts
//! with the samples its series has: as far back as the longest window of the former rules. Never: evaluates every
//! rule for every series; only new or changed ones.

use std::collections::{HashMap, HashSet};
use std::mem;
use std::sync::Arc;

use super::checkpoints::Concerned;
use super::{Engine, Key, Outcome, emit};
use crate::alarms::kinds::{Remembered, Sample};
use crate::alarms::quiet::dependencies::Links;
use crate::alarms::quiet::maintenance::Windows;
use crate::alarms::quiet::{QuietSettings, Quieting};
use crate::alarms::rule::{Rule, Selection};
use crate::alarms::select::Index;
use crate::alarms::series::{Entry, Newest, Series, is_timed};
use crate::domain::{AlarmState, SensorId};

/// Migration from the former rules to the new ones.
pub(super) struct RuleMigration<'e> {
    engine: &'e mut Engine,
    old: Vec<Arc<Rule>>,
    old_fingerprints: Vec<u64>,
    /// New index of each former rule, if it is unchanged.
    place: Vec<Option<usize>>,
    /// Index of new or changed rules.
    fresh: Index,
    /// Series that mattered to the former rules.
    concerned: Concerned,
    /// Unstored changes, by former indexes.
    unkept: HashSet<(Key, usize)>,
}

impl<'e> RuleMigration<'e> {
    /// Gives the engine its new rules and suppression; its series still have the former rules.
    pub fn new(engine: &'e mut Engine, rules: Vec<Rule>, quiet: QuietSettings) -> Self {
        let new = Engine::new(rules, engine.zone);
        requiet(engine, new.quieting, quiet);
        let old = mem::replace(&mut engine.rules, new.rules);
        let old_fingerprints = mem::replace(&mut engine.fingerprints, new.fingerprints);
        engine.index = new.index;
        engine.configured.reload(&engine.rules);
        engine.fits.begin_anew(&engine.rules);
        let concerned = mem::replace(&mut engine.concerned, new.concerned);
        let place = places((&old, &old_fingerprints), (&engine.rules, &engine.fingerprints));
        let same: HashSet<_> = place.iter().flatten().copied().collect();
        let fresh = (0..engine.rules.len()).filter(|at| !same.contains(at));
        let fresh = Index::of_some(&engine.rules, fresh);
        let unkept = mem::take(&mut engine.changed);
        Self { engine, old, old_fingerprints, place, fresh, concerned, unkept }
    }

    /// Migrates all series.
    pub fn run(mut self, out: &mut Vec<Outcome>) {
        let keys: Vec<_> = self.engine.series.keys().cloned().collect();
        for key in keys {
            if let Some(series) = self.engine.series.remove(&key) {
                self.pass(key, series, out);
            }
        }
        self.forget_the_rest();
    }

    fn pass(&mut self, key: Key, mut series: Series, out: &mut Vec<Outcome>) {
        let before = mem::take(&mut series.entries);
        let had_rules = !before.is_empty();
        let fresh =
            self.fresh.rules_of(&self.engine.rules, &key.0, &series.newest.location, &key.1);
        let is_another = !fresh.is_empty();
        let (entries, leaving) = self.carry_all(&key, before, fresh, &series.newest);
        let is_another = is_another || !leaving.is_empty();
        for entry in leaving {
            self.end(&key, entry, &series.newest, &entries, out);
        }
        series.entries = entries;
        if is_another {
            self.engine.note_change(&key, &mut series, true);
        }
        self.engine.concern(&key, &mut series, &self.concerned, had_rules);
        self.engine.put(key, series);
    }

    /// The alarms of a series from now on, and those that end.
    fn carry_all(
        &mut self,
        key: &Key,
        before: Vec<Entry>,
        fresh: Vec<usize>,
        newest: &Newest,
    ) -> (Vec<Entry>, Vec<Entry>) {
        let remembered = before.iter().filter_map(Entry::remembered);
        let remembered = if fresh.is_empty() { Vec::new() } else { longest(remembered) };
        let mut entries = Vec::with_capacity(before.len());
        let mut leaving = Vec::new();
        for entry in before {
            match self.place[entry.rule] {
                Some(place) => entries.push(self.carry((key, newest), entry, place)),
                None => leaving.push(entry),
            }
        }
        for rule in fresh {
            let is_same = |entry: &Entry| {
                self.old[entry.rule].name == self.engine.rules[rule].name
                    && self.old_fingerprints[entry.rule] == self.engine.fingerprints[rule]
            };
            entries.push(match leaving.iter().position(is_same) {
                // It holds for other sensors now, and for this one as before.
                Some(at) => self.carry((key, newest), leaving.swap_remove(at), rule),
                None => self.begin(key, rule, &remembered, newest),
            });
        }
        entries.sort_unstable_by_key(|entry| entry.rule);
        (entries, leaving)
    }

    fn carry(&mut self, (key, newest): (&Key, &Newest), mut entry: Entry, to: usize) -> Entry {
        if !self.unkept.is_empty() && self.unkept.remove(&(key.clone(), entry.rule)) {
            self.engine.changed.insert((key.clone(), to));
        }
        entry.rule = to;
        entry.fit = self.engine.fit(to, &newest.unit, &key.0);
        entry.link(Links::default());
        entry
    }

    fn begin(&mut self, key: &Key, at: usize, remembered: &[Sample], newest: &Newest) -> Entry {
        let fit = self.engine.fit(at, &newest.unit, &key.0);
        let rule = &self.engine.rules[at];
        let mut entry = Entry::new(at, &rule.kind, fit);
        entry.begin(rule, remembered, newest);
        if is_timed(rule) {
            self.engine.changed.insert((key.clone(), at));
        }
        entry
    }

    fn end(
        &mut self,
        key: &Key,
        mut entry: Entry,
        newest: &Newest,
        now: &[Entry],
        out: &mut Vec<Outcome>,
    ) {
        let rule = self.old[entry.rule].clone();
        let was_kept = entry.is_kept(&rule);
        let step = entry.close(&rule, newest.moment());
        emit(self.engine.cause, &rule, key, &mut entry, newest, step, out);
        if self.unkept.remove(&(key.clone(), entry.rule)) || was_kept {
            self.forget(key, &rule.name, now);
        }
    }

    /// Deletes stored state of an alarm, unless a rule of the same name replaces it.
    fn forget(&mut self, key: &Key, rule: &Arc<str>, now: &[Entry]) {
        match now.iter().find(|entry| self.engine.rules[entry.rule].name == *rule) {
            Some(entry) => drop(self.engine.changed.insert((key.clone(), entry.rule))),
            None => self.engine.orphans.push(AlarmState {
                sensor_id: key.0.clone(),
                rule: rule.clone(),
                state: None,
            }),
        }
    }

    /// Deletes pending states: alarms of rules that no longer applied at the sensor's new location.
    fn forget_the_rest(mut self) {
        for (key, rule) in mem::take(&mut self.unkept) {
            let name = &self.old[rule].name.clone();
            match self.engine.series.remove(&key) {
                Some(series) => {
                    self.forget(&key, name, &series.entries);
                    self.engine.series.insert(key, series);
                }
                None => self.forget(&key, name, &[]),
            }
        }
    }
}

/// Replaces the suppression. Links of alarms are added as their series migrate.
fn requiet(engine: &mut Engine, new: Quieting, settings: QuietSettings) {
    let old = mem::replace(&mut engine.quieting, new);
    let Quieting { flood, wall, .. } = old;
    let QuietSettings { maintenance, chattering, flood: _ } = settings;
    let mut windows = Windows::new(maintenance);
    // Windows open at this moment withhold as before: nothing is announced between the old and the new
    // settings.
    let _ = wall.map(|wall| windows.turn(wall));
    engine.quieting =
        Quieting { windows, chattering, flood, wall, ..mem::take(&mut engine.quieting) };
}

/// The samples that reach back the furthest.
pub(super) fn longest(all: impl Iterator<Item = Remembered>) -> Vec<Sample> {
    let oldest = |samples: &Vec<Sample>| samples.first().map(|sample| sample.at);
    let all = all.map(Remembered::into_samples).filter(|samples| !samples.is_empty());
    all.min_by_key(oldest).unwrap_or_default()
}

/// New index of each former rule, if unchanged: same fingerprint, same sensors. Several may share a name: the short
/// form has one for each sensor with its own limits.
fn places(
    (old, old_fingerprints): (&[Arc<Rule>], &[u64]),
    (new, new_fingerprints): (&[Arc<Rule>], &[u64]),
) -> Vec<Option<usize>> {
    fn key(rule: &Rule, mark: u64) -> (Arc<str>, u64, Option<SensorId>) {
        let only = match &rule.selection {
            Selection::Only(sensor) => Some(sensor.clone()),
            Selection::Matching { .. } | Selection::AllBut(_) => None,
        };
        (rule.name.clone(), mark, only)
    }
    let mut of_key: HashMap<_, Vec<usize>> = HashMap::new();
    for (at, (rule, mark)) in new.iter().zip(new_fingerprints).enumerate() {
        of_key.entry(key(rule, *mark)).or_default().push(at);
    }
    let place = |(rule, mark): (&Arc<Rule>, &u64)| {
        let alike = of_key.get_mut(&key(rule, *mark))?;
        let at = alike.iter().position(|at| new[*at].selection == rule.selection)?;
        Some(alike.swap_remove(at))
    };
    old.iter().zip(old_fingerprints).map(place).collect()
}

#[cfg(test)]
mod tests;
