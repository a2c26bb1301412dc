//! The alarms of one series: their assignment, and events on each. Pure.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::super::around::Around;
use super::super::machine::{Event, Moment};
use super::super::quiet::reasons::Reasons;
use super::super::rule::{Rule, Timing};
use super::super::series::{Entry, Key, Newest, Series, Step};
use super::telling::note;
use super::{Engine, Outcome};
use crate::domain::{Location, SensorId, Unit};

impl Engine {
    /// Judges the newest reading of a removed series; returns whether it violates a rule.
    pub(super) fn judge_newest(
        &mut self,
        key: &Key,
        series: &mut Series,
        previous: Option<DateTime<Utc>>,
        out: &mut Vec<Outcome>,
    ) -> bool {
        let Series { newest, entries, .. } = series;
        let newest = &*newest;
        let find = |sensor: &SensorId| {
            let of = || self.series.get(&(sensor.clone(), key.1.clone())).map(|it| &it.newest);
            let found = if *sensor == key.0 { Some(newest) } else { of() };
            found.and_then(|found| Some((found.sample()?, found.unit.clone())))
        };
        let around = Around { newest_of: &find, unit: &newest.unit, previous, zone: self.zone };
        let reasons = Reasons { quieting: &self.quieting, key, location: &newest.location };
        let mut is_broken = false;
        for entry in entries {
            let rule = &self.rules[entry.rule];
            let step = entry.judge(rule, newest, &around, reasons);
            is_broken |= step.is_broken;
            note((&mut self.changed, self.cause), rule, key, entry, newest, step, out);
        }
        is_broken
    }

    /// Does something to each alarm of a series.
    pub(super) fn each_entry(
        &mut self,
        key: Key,
        out: &mut Vec<Outcome>,
        mut act: impl FnMut(&mut Entry, &Rule, &Newest, Reasons<'_>) -> Step,
    ) {
        let Some(mut series) = self.series.remove(&key) else { return };
        let newest = &series.newest;
        let reasons = Reasons { quieting: &self.quieting, key: &key, location: &newest.location };
        for entry in &mut series.entries {
            let rule = &self.rules[entry.rule];
            let step = act(entry, rule, newest, reasons);
            note((&mut self.changed, self.cause), rule, &key, entry, newest, step, out);
        }
        self.put(key, series);
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

    fn entry(&mut self, key: &Key, rule: usize, unit: &Unit) -> Entry {
        let fit = self.fit(rule, unit, &key.0);
        let mut entry = Entry::new(rule, &self.rules[rule].kind, fit);
        let name = self.rules[rule].name.clone();
        if let Some(alert) = self.inherited.remove(&(key.0.clone(), name)) {
            let since = Moment { at: alert.since, listened: Duration::ZERO };
            let _known_already =
                entry.alarm.step(&Timing::default(), Event::Judged { is_broken: true }, since);
            entry.id = Some(alert.alert_id);
            self.changed.insert((key.clone(), rule));
        }
        entry
    }
}
