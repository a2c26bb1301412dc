//! The alarm engine: alarms of all series, as changed by readings, time and operators. Pure.
//!
//! Invariants: a reading is judged by the rules of its series, and costs nothing for others; a reading older than
//! the newest of its series changes nothing. Time comes from [`Engine::advance`] alone, which is called for each
//! record of the log: the engine is a fold over the log. The results of [`Engine::changes`] and
//! [`Engine::take_checkpoints`], committed with their readings and passed to [`Engine::restore`], make an engine
//! that continues exactly as this one would. Series without rules are then dropped. Never: more than one series per sensor and quantity received or expected, or more received ones than
//! [`MOST_SERIES`], not counting those named in the configuration.

mod advance;
mod change;
mod checkpoints;
mod configured;
mod devices;
mod ids;
mod late;
mod live;
mod model;
mod operate;
mod outcomes;
mod persist;
mod reload;
mod restore;
mod restore_series;
mod stored_alarm;
mod summaries;
mod time;
mod tombstones;
mod unreadable;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::context::RuleContext;
use super::persisted;
use super::quiet::Quieting;
use super::quiet::reasons::Reasons;
use super::rule::Rule;
use super::select::Index;
use super::series::{Entry, Key, Newest, Series, Step};
use super::units::{Fit, Fits, UnitNotice};
use crate::domain::{
    AlarmState, Ingress, ListeningClocks, QuickMap, Reading, ReadingClock, SensorId, Unit,
};

use self::checkpoints::{Checkpoints, Concerned};
use self::configured::ConfiguredSeries;
use self::devices::Devices;
use self::ids::Ids;
pub use self::live::{Live, SeriesView};
pub use self::model::{Expected, Judgement, Outcome, StoredState};
use self::outcomes::{apply, emit};
use self::time::{Cause, Checks};
pub use self::time::{Deadlines, RecordTime};
use self::tombstones::Tombstones;

/// Limit of series. Beyond it, series with a single reading are dropped, or, if there are none, readings of further
/// series are not judged. More than twice the largest intended fleet. Measured: 0.4 kB per series with one rule,
/// 0.5 kB with two; a device that invents an id for each reading must not fill the memory.
pub const MOST_SERIES: usize = 250_000;

/// Alarm states of all series. A fold: its state follows from the records applied so far.
#[derive(Debug, Default)]
pub struct Engine {
    rules: Vec<Arc<Rule>>,
    /// Fingerprints of the rules, by rule index.
    fingerprints: Vec<u64>,
    index: Index,
    fits: Fits,
    series: QuickMap<Key, Series>,
    clocks: ListeningClocks,
    cause: Cause,
    checks: Checks,
    concerned: Concerned,
    checkpoints: Checkpoints,
    /// Alarms whose stored state is out of date.
    changed: HashSet<(Key, usize)>,
    /// Series of each stored alarm, by alert id.
    ids: Ids,
    /// Stored alarms whose rules were removed.
    orphans: Vec<AlarmState>,
    /// Stored alarms of which nothing is readable.
    unreadable: Vec<(SensorId, Arc<str>)>,
    /// Zone of the time of day in expressions.
    zone: Tz,
    quieting: Quieting,
    devices: Devices,
    /// Stored state of a flood.
    kept_flood: Option<String>,
    series_limit: SeriesLimit,
    configured: ConfiguredSeries,
    /// Series with a single reading, with its log position, oldest first.
    heard_once: BTreeSet<(u64, Key)>,
    /// Sensors whose series were dropped for lack of room, to be reported.
    made_room: Vec<SensorId>,
    /// Series dropped since the last call of [`Engine::changes`].
    gone: HashSet<Key>,
    tombstones: Tombstones,
}

/// Limit of the number of series.
#[derive(Debug)]
struct SeriesLimit(usize);

impl Default for SeriesLimit {
    fn default() -> Self {
        Self(MOST_SERIES)
    }
}

impl Engine {
    /// Engine without series; `zone` is that of the time of day in expressions.
    #[must_use]
    pub fn new(rules: Vec<Rule>, zone: Tz) -> Self {
        let fingerprints = rules.iter().map(persisted::rule_fingerprint).collect();
        let rules: Vec<_> = rules.into_iter().map(Arc::new).collect();
        let index = Index::new(&rules);
        let quieting = Quieting::new(&rules);
        let concerned = Concerned::new(&rules);
        let configured = ConfiguredSeries::new(&rules);
        Self {
            rules,
            fingerprints,
            index,
            concerned,
            zone,
            quieting,
            configured,
            ..Self::default()
        }
    }

    /// Judges a reading received by `ingress` that is to be stored; its time is its sender's.
    pub fn judge(
        &mut self,
        reading: &Reading,
        ingress: Ingress,
        out: &mut Vec<Outcome>,
    ) -> Judgement {
        self.judge_by(ReadingClock::Sender, reading, ingress, out)
    }

    /// Judges a reading whose time is that of `clock`. Readings with this machine's time count in order of arrival,
    /// whatever that clock does.
    pub fn judge_by(
        &mut self,
        clock: ReadingClock,
        reading: &Reading,
        ingress: Ingress,
        out: &mut Vec<Outcome>,
    ) -> Judgement {
        let judgement = self.judge_reading(clock, reading, ingress, out);
        self.checkpoints.count(&reading.quantity);
        judgement
    }

    /// Notes a reading that is stored without being judged.
    pub fn pass_over(&mut self, reading: &Reading) {
        let key = (reading.sensor_id.clone(), reading.quantity.clone());
        if let Some(mut series) = self.series.remove(&key) {
            self.note_foreign_unit(&key, &mut series, &reading.unit);
            self.series.insert(key, series);
        }
        self.checkpoints.count(&reading.quantity);
    }

    fn judge_reading(
        &mut self,
        clock: ReadingClock,
        reading: &Reading,
        ingress: Ingress,
        out: &mut Vec<Outcome>,
    ) -> Judgement {
        self.begin_part();
        let num_before = out.len();
        let key = (reading.sensor_id.clone(), reading.quantity.clone());
        if !self.make_room(&key, out) {
            return Judgement { is_one_too_many: true, ..Judgement::default() };
        }
        let heard = self.clocks.get(ingress);
        let newest = Newest::new(reading, ingress, heard, self.cause.position);
        self.set_ingress(&key, ingress);
        let mut series = self.take(&key, &newest, out);
        self.note_heard(&key, &mut series);
        let mut judgement = Judgement::default();
        if series.newest.makes_late(&newest) {
            if clock == ReadingClock::Sender && !series.went_back(heard) {
                judgement.is_broken = self.judge_late(key, series, &newest, out);
                self.follow_up(num_before, out);
                return judgement;
            }
            judgement.clock_went_back_from = Some(series.newest.at);
            series = self.go_back(&key, series, &newest, out);
            self.keep_anew(&key, &series);
        }
        let is_first = series.newest.value.is_none() || judgement.clock_went_back_from.is_some();
        let previous = (!is_first).then_some(series.newest.at);
        previous.iter().for_each(|previous| series.interval.add(*previous, newest.at));
        let is_in_another_unit = self.set_newest(&key, &mut series, newest);
        series.late_since = None;
        self.note_lateness(&key, &series);
        self.note_change(&key, &mut series, is_first || is_in_another_unit);
        judgement.is_broken = self.judge_newest(&key, &mut series, previous, out);
        judgement.is_unfit = self.is_unfit(&key, &mut series);
        self.put(key, series);
        self.follow_up(num_before, out);
        judgement
    }

    /// Restarts the comparison of a removed series whose clock went back to `newest`: its readings are no longer
    /// late.
    pub(super) fn go_back(
        &mut self,
        key: &Key,
        mut series: Series,
        newest: &Newest,
        out: &mut Vec<Outcome>,
    ) -> Series {
        series.begin_anew(&self.rules, newest.at);
        self.series.insert(key.clone(), series);
        self.take(key, newest, out) // it may be elsewhere by now
    }

    /// Whether the late reading of a removed series violates a limit. Puts the series back.
    pub(super) fn judge_late(
        &mut self,
        key: Key,
        mut series: Series,
        late: &Newest,
        out: &mut Vec<Outcome>,
    ) -> bool {
        let is_broken = series.would_break(&self.rules, late);
        series.late_since.get_or_insert(late.heard);
        self.note_foreign_unit(&key, &mut series, &late.unit);
        self.note_lateness(&key, &series);
        self.series.insert(key.clone(), series);
        self.note_alive(key, late.heard, out);
        is_broken
    }

    /// A reading of a removed series is stored in another unit than the newest, and is not the newest: rows may be
    /// read again in the unit that was stored last.
    pub(super) fn note_foreign_unit(&mut self, key: &Key, series: &mut Series, unit: &Unit) {
        if series.newest.unit != *unit {
            self.note_change(key, series, true);
        }
    }

    /// Removes a series for processing, with the rules for its present location: a late reading doesn't move it.
    /// Creates it if it is new.
    pub(super) fn take(&mut self, key: &Key, newest: &Newest, out: &mut Vec<Outcome>) -> Series {
        let Some(mut series) = self.series.remove(key) else {
            self.note_begin(key);
            let (entries, _) = self.entries_at(key, newest.place(), Vec::new());
            return Series::new(Newest { value: None, ..newest.clone() }, entries);
        };
        if series.newest.location == newest.location || series.newest.makes_late(newest) {
            return series;
        }
        let leaving = self.move_to(key, &mut series, &newest.location);
        for mut entry in leaving {
            let rule = &self.rules[entry.rule];
            entry.forget(key, &mut self.quieting.dependencies);
            let step = entry.close(rule, series.newest.moment());
            self.changed.insert((key.clone(), entry.rule));
            emit(self.cause, rule, key, &mut entry, &series.newest, step, out);
        }
        self.keep_anew(key, &series); // where it is is kept with each alarm
        series.newest.location = newest.location.clone();
        series
    }

    /// Location and newest reading are stored with each of its alarms.
    pub(super) fn keep_anew(&mut self, key: &Key, series: &Series) {
        for entry in &series.entries {
            if entry.is_kept(&self.rules[entry.rule]) {
                self.changed.insert((key.clone(), entry.rule));
            }
        }
    }

    /// Puts a series back, and schedules its next check.
    pub(super) fn put(&mut self, key: Key, mut series: Series) {
        if !self.quieting.dependencies.is_empty() {
            for entry in &mut series.entries {
                entry.observe(&key, &series.newest.location, &mut self.quieting.dependencies);
            }
        }
        let due = series.due(&self.rules);
        if let Some(due) = due.filter(|due| series.check_at.is_none_or(|check_at| *due < check_at))
        {
            let ingress = series.newest.ingress;
            if let Some(check_at) = series.check_at.replace(due) {
                self.checks.remove(ingress, check_at, &key);
            }
            self.checks.insert(ingress, due, key.clone());
        }
        self.series.insert(key, series);
    }

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
        let context =
            RuleContext { newest_of: &find, unit: &newest.unit, previous, zone: self.zone };
        let reasons = Reasons { quieting: &self.quieting, key, location: &newest.location };
        let mut is_broken = false;
        for entry in entries {
            let rule = &self.rules[entry.rule];
            let step = entry.judge(rule, newest, &context, reasons);
            is_broken |= step.is_broken;
            apply((&mut self.changed, self.cause), rule, key, entry, newest, step, out);
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
            apply((&mut self.changed, self.cause), rule, &key, entry, newest, step, out);
        }
        self.put(key, series);
    }

    /// Sets the newest reading of a removed series: its alarms continue in its unit. Returns true for a changed
    /// unit: then the series must be checkpointed, since not every row read again at a restart states its unit.
    pub(super) fn set_newest(&mut self, key: &Key, series: &mut Series, newest: Newest) -> bool {
        let is_another = series.newest.unit != newest.unit;
        if is_another {
            for entry in &mut series.entries {
                let fit = self.fits.fit(entry.rule, &self.rules[entry.rule], &newest.unit, &key.0);
                let units = (&series.newest.unit, &newest.unit);
                entry.change_unit(&self.rules[entry.rule], units, fit);
            }
        }
        series.newest = newest;
        is_another
    }

    /// How a rule fits the unit of a sensor.
    pub(super) fn fit(&mut self, rule: usize, unit: &Unit, of: &SensorId) -> Fit {
        self.fits.fit(rule, &self.rules[rule], unit, of)
    }

    /// True if the unit of a series doesn't fit one of its rules. Reported once.
    pub(super) fn is_unfit(&mut self, key: &Key, series: &mut Series) -> bool {
        let unfit = series.entries.iter().find(|entry| entry.fit.is_unfit());
        let unfit = unfit.map(|entry| &self.rules[entry.rule]);
        let is_unjudged = unfit.is_some_and(|rule| rule.is_strict);
        if std::mem::replace(&mut series.is_unjudged, is_unjudged) != is_unjudged {
            self.fits.count_unjudged(is_unjudged);
        }
        let Some(rule) = unfit else { return false };
        if !std::mem::replace(&mut series.is_unfit_said, true) {
            self.fits.note_unfit(rule, &key.0, &series.newest.unit);
        }
        true
    }

    /// Series whose newest reading was not judged by a strict rule, for its unit.
    #[must_use]
    pub const fn num_unjudged(&self) -> usize {
        self.fits.num_unjudged()
    }

    /// Takes the notices about units since the last call.
    pub fn take_unit_notices(&mut self) -> Vec<UnitNotice> {
        self.fits.take_notices()
    }
}

#[cfg(test)]
mod findings_tests;
#[cfg(test)]
mod fold_tests;
#[cfg(test)]
mod quiet_tests;
#[cfg(test)]
pub(crate) mod stored;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod units_tests;
