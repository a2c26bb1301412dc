//! The alarm engine: alarms of all series, as changed by readings, time and operators. Pure.
//!
//! Invariants: a reading is judged by the rules of its series, and costs nothing for others; a reading older than
//! the newest of its series changes nothing. Time comes from [`Engine::advance`] alone, which is called for each
//! record of the log: the engine is a fold over the log. The results of [`Engine::changes`] and
//! [`Engine::take_checkpoints`], committed with their readings and passed to [`Engine::restore`], make an engine
//! that continues exactly as this one would. Series without rules are then dropped. Operators' actions are in
//! `operate`. Never: more than one series per sensor and quantity received or expected, or more received ones than
//! [`MOST_SERIES`], not counting those named in the configuration.

mod checkpoints;
mod devices;
mod entries;
mod forget;
mod ids;
mod late;
mod live;
mod named;
mod operate;
mod own;
mod quieting;
mod recall;
mod reload;
mod restore;
mod telling;
mod time;
mod tombstones;
mod units;
mod unread;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::kept::{self, Kept};
use super::machine::Transition;
use super::quiet::{Quieting, Summary};
use super::rule::Rule;
use super::select::Index;
use super::series::{Entry, Key, Newest, Series, is_timed};
use super::units::Fits;
use crate::domain::{
    AlarmState, Ingress, ListeningClocks, Location, Operator, QuickMap, Reading, ReadingClock,
    ReadingCounts, SensorId, SeriesState, StandingAlert, Unit, Value,
};

use self::checkpoints::{Checkpoints, Concerned};
use self::devices::Devices;
use self::ids::Ids;
pub use self::live::SeriesView;
use self::named::Named;
pub use self::quieting::Expected;
use self::telling::tell;
use self::time::{Cause, Looks};
pub use self::time::{Deadlines, RecordTime};
use self::tombstones::Tombstones;

/// Limit of series. Beyond it, series with a single reading are dropped, or, if there are none, readings of further
/// series are not judged. More than twice the largest intended fleet. Measured: 0.4 kB per series with one rule,
/// 0.5 kB with two; a device that invents an id for each reading must not fill the memory.
pub const MOST_SERIES: usize = 250_000;

/// Transition of an alarm, or a summary of several, with all attributes of an alert event.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Rule of the alarm.
    pub rule: Arc<Rule>,
    /// `HIGH_TEMPERATURE`, …
    pub alert_type: Arc<str>,
    /// Limit that the rule sets, in the unit of [`Kind::threshold`](super::rule::Kind::threshold), converted into that of
    /// the value.
    pub threshold: f64,
    /// Id of the alert, from its raise to its return.
    pub alert_id: Arc<str>,
    /// Sensor of the alarm's series; `*` for what concerns all alarms.
    pub sensor_id: SensorId,
    /// Location in the sensor's newest reading; may be empty.
    pub location: Location,
    /// Unit of the value.
    pub unit: Unit,
    /// Newest value of the series; `None` without any reading.
    pub value: Option<Value>,
    /// Change of the alarm, with the state it led to.
    pub transition: Transition,
    /// Whether its sensor was reported offline.
    pub is_offline: bool,
    /// Summary, if it isn't the transition of one alarm.
    pub summary: Option<Summary>,
    /// True for an end that would be announced if its rule announced ends.
    pub is_silent_end: bool,
    /// Whether it is part of a flood.
    pub in_flood: bool,
    /// Operator who caused it; `None` for all others.
    pub operator: Option<Operator>,
}

/// Verdict on one reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Whether the reading itself violates a rule, regardless of delays.
    pub is_broken: bool,
    /// Newest time of the series before, if its clock went back with this reading.
    pub clock_went_back_from: Option<DateTime<Utc>>,
    /// Whether it was not judged because [`MOST_SERIES`] is reached.
    pub is_one_too_many: bool,
    /// Whether its unit does not convert into that of a rule: by a strict rule it was not judged.
    pub is_unfit: bool,
}

/// Stored state that an engine resumes from, as of one commit.
#[derive(Debug, Default)]
pub struct Past {
    /// Listening clocks, one for each way in.
    pub clocks: ListeningClocks,
    /// Wall clock at the last record; `None` as an earlier version left it.
    pub received_at: Option<DateTime<Utc>>,
    /// Ingress of state that an earlier version stored with a single listening clock.
    pub former_ingress: Ingress,
    /// Last checkpoints.
    pub series: Vec<SeriesState>,
    /// Readings stored since the oldest checkpoint that others were stored after.
    pub since_checkpoints: ReadingCounts,
    /// Stored states of alarms.
    pub alarms: Vec<AlarmState>,
    /// Active alerts by their events.
    pub standing: Vec<StandingAlert>,
}

/// Alarm states of all series. A fold: its state follows from the records applied so far.
#[derive(Debug, Default)]
pub struct Engine {
    rules: Vec<Arc<Rule>>,
    /// Fingerprints of the rules, by rule index.
    marks: Vec<u64>,
    index: Index,
    fits: Fits,
    series: QuickMap<Key, Series>,
    clocks: ListeningClocks,
    cause: Cause,
    looks: Looks,
    concerned: Concerned,
    checkpoints: Checkpoints,
    /// Alarms whose stored state is out of date.
    changed: HashSet<(Key, usize)>,
    /// Series of each stored alarm, by alert id.
    ids: Ids,
    /// Stored alarms whose rules were removed.
    orphans: Vec<AlarmState>,
    /// Alarms from before alarm states were stored, until their series has a reading.
    inherited: HashMap<(SensorId, Arc<str>), StandingAlert>,
    /// Stored alarms of which nothing is readable.
    unread: Vec<(SensorId, Arc<str>)>,
    /// Zone of the time of day in expressions.
    zone: Tz,
    quieting: Quieting,
    devices: Devices,
    /// Stored state of a flood.
    kept_flood: Option<String>,
    room: Room,
    named: Named,
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
struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Self(MOST_SERIES)
    }
}

impl Engine {
    /// Engine without series; `zone` is that of the time of day in expressions.
    #[must_use]
    pub fn new(rules: Vec<Rule>, zone: Tz) -> Self {
        let marks = rules.iter().map(kept::mark).collect();
        let rules: Vec<_> = rules.into_iter().map(Arc::new).collect();
        let index = Index::new(&rules);
        let quieting = Quieting::new(&rules);
        let concerned = Concerned::new(&rules);
        let named = Named::new(&rules);
        Self { rules, marks, index, concerned, zone, quieting, named, ..Self::default() }
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
        self.hear_by(&key, ingress);
        let mut series = self.take(&key, &newest, out);
        self.note_heard(&key, &mut series);
        let mut judgement = Judgement::default();
        if series.newest.makes_late(&newest) {
            if clock == ReadingClock::Sender && !series.went_back(heard) {
                judgement.is_broken = self.hear_late(key, series, &newest, out);
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

    /// Notes the ingress of a series: its silence and delays run on that listening clock.
    fn hear_by(&mut self, key: &Key, ingress: Ingress) {
        let Some(series) = self.series.get_mut(key) else { return };
        if series.newest.ingress == ingress {
            return;
        }
        if let Some(look_at) = series.look_at.take() {
            self.looks.remove(series.newest.ingress, look_at, key);
        }
        series.change_ingress(ingress, &self.clocks);
        series.newest.position = self.cause.position;
        for entry in &series.entries {
            if !entry.is_at_rest() || is_timed(&self.rules[entry.rule]) {
                self.changed.insert((key.clone(), entry.rule));
            }
        }
        series.look_at = series.due(&self.rules);
        if let Some(look_at) = series.look_at {
            self.looks.insert(ingress, look_at, key.clone());
        }
        if series.late_since.is_some() {
            self.checkpoints.note_lateness(key);
        }
    }

    /// Alarm states to store: those changed since the last call.
    pub fn changes(&mut self) -> Vec<AlarmState> {
        self.gone.clear();
        let mut changes = std::mem::take(&mut self.orphans);
        changes.extend(self.quieting.flood.as_mut().and_then(quieting::kept_of_all));
        for (key, rule) in self.changed.drain() {
            let series = self.series.get(&key);
            let entry = series.and_then(|s| Some((s, s.entries.iter().find(|e| e.rule == rule)?)));
            let (rule, mark) = (&self.rules[rule], self.marks[rule]);
            let kept = entry.filter(|(_, entry)| entry.is_kept(rule));
            if let Some(id) = kept.and_then(|(_, entry)| entry.id.as_ref()) {
                self.ids.note(id, &key);
            }
            let state = kept.and_then(|(series, entry)| {
                serde_json::to_string(&Kept::new(rule, mark, entry, &series.newest)).ok()
            });
            changes.push(AlarmState { sensor_id: key.0, rule: rule.name.clone(), state });
        }
        self.ids.tidy(|key, id| {
            self.series.get(key).is_some_and(|series| series.place_of(id).is_some())
        });
        changes
    }

    /// Removes a series for processing, with the rules for its present location: a late reading doesn't move it.
    /// Creates it if it is new.
    fn take(&mut self, key: &Key, newest: &Newest, out: &mut Vec<Outcome>) -> Series {
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
            tell(self.cause, rule, key, &mut entry, &series.newest, step, out);
        }
        self.keep_anew(key, &series); // where it is is kept with each alarm
        series.newest.location = newest.location.clone();
        series
    }

    /// Location and newest reading are stored with each of its alarms.
    fn keep_anew(&mut self, key: &Key, series: &Series) {
        for entry in &series.entries {
            if entry.is_kept(&self.rules[entry.rule]) {
                self.changed.insert((key.clone(), entry.rule));
            }
        }
    }

    /// Puts a series back, and schedules its next check.
    fn put(&mut self, key: Key, mut series: Series) {
        if !self.quieting.dependencies.is_empty() {
            for entry in &mut series.entries {
                entry.observe(&key, &series.newest.location, &mut self.quieting.dependencies);
            }
        }
        let due = series.due(&self.rules);
        if let Some(due) = due.filter(|due| series.look_at.is_none_or(|look_at| *due < look_at)) {
            let ingress = series.newest.ingress;
            if let Some(look_at) = series.look_at.replace(due) {
                self.looks.remove(ingress, look_at, &key);
            }
            self.looks.insert(ingress, due, key.clone());
        }
        self.series.insert(key, series);
    }
}

#[cfg(test)]
mod fold_tests;
#[cfg(test)]
mod quiet_tests;
#[cfg(test)]
pub(crate) mod stored;
#[cfg(test)]
mod tests;
