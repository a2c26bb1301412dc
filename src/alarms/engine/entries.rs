//! What is done to each alarm of one series. Pure.

use chrono::{DateTime, Utc};

use super::super::around::Around;
use super::super::quiet::reasons::Reasons;
use super::super::rule::Rule;
use super::super::series::{Entry, Key, Newest, Series, Step};
use super::telling::note;
use super::{Engine, Outcome};
use crate::domain::SensorId;

impl Engine {
    /// Judges the newest reading of a series that was taken out. Whether it broke a rule itself.
    pub(super) fn judge_newest(
        &mut self,
        key: &Key,
        series: &mut Series,
        previous: Option<DateTime<Utc>>,
        out: &mut Vec<Outcome>,
    ) -> bool {
        let Series { newest, entries, .. } = series;
        let own = newest.sample();
        let find = |sensor: &SensorId| {
            let of = || self.series.get(&(sensor.clone(), key.1.clone()));
            if *sensor == key.0 { own } else { of().and_then(|other| other.newest.sample()) }
        };
        let around = Around { newest_of: &find, previous, zone: self.zone };
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
}
