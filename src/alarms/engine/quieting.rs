//! The engine's part of suppression, and its events other than readings: availability and the wall clock. Pure.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::super::kept;
use super::super::machine::{Announcement, Change, State, Transition};
use super::super::quiet::flood::{Flood, Raise};
use super::super::quiet::maintenance::Windows;
use super::super::quiet::{NamedSummary, QuietSettings, Summary};
use super::super::rule::{Priority, Rule};
use super::super::series::{Key, Newest, is_timed};
use super::{Engine, Outcome};
use crate::domain::{
    AlarmState, Availability, Ingress, Location, Presence, Quantity, Reach, SensorId, Unit, Value,
};

/// Sensor id of events and states that concern all alarms. No rule has this name.
const ALL: &str = "*";
const OF_ALL: &str = ":flood";

/// Rule name of a flood's alert.
pub(super) const FLOOD: &str = "flood";

/// Quantity of summaries of many alarms: their number.
const ALARMS: &str = "alarms";

/// A series that is expected to send readings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Sensor that should send readings.
    pub sensor_id: SensorId,
    /// Measured quantity.
    pub quantity: Quantity,
    /// Location, until a reading has another; may be empty.
    pub location: Location,
    /// Unit, until a reading has another.
    pub unit: Unit,
}

impl Engine {
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
        self.quieting.must_look_at_all = true;
    }

    /// Sets the expected series. Silence counts from now for newly expected ones. Formerly expected ones without a
    /// reading are dropped; a changed location or unit applies from now on. Costs nothing without a rule about
    /// silence.
    pub fn expect(&mut self, expected: &[Expected], out: &mut Vec<Outcome>) {
        self.begin_part();
        let key = |it: &Expected| (it.sensor_id.clone(), it.quantity.clone());
        self.named.set_own(expected.iter().map(key));
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
            self.look_at(key, Duration::ZERO, out); // what explains it there may be another
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
            if let Some(look_at) = series.look_at {
                self.looks.remove(series.newest.ingress, look_at, &key);
            }
            for entry in &mut series.entries {
                let rule = self.rules[entry.rule].clone();
                entry.forget(&key, &mut self.quieting.dependencies);
                let step = entry.close(&rule, series.newest.moment());
                super::tell(self.cause, &rule, &key, entry, &series.newest, step, out);
                let (sensor_id, rule) = (key.0.clone(), rule.name.clone());
                self.changed.remove(&(key.clone(), entry.rule));
                self.orphans.push(AlarmState { sensor_id, rule, state: None });
            }
        }
    }

    /// Applies the availability of a device to the sensor with its id and those below it. Nothing is remembered of
    /// unknown sensors. One without any reading is from now on expected by `ingress`; silence of the others counts
    /// by the ingress of their readings. A removed one is as silent as any.
    pub fn hear_availability(
        &mut self,
        heard: &Availability,
        ingress: Ingress,
        out: &mut Vec<Outcome>,
    ) {
        let is_online = match heard.presence {
            Presence::Online => true,
            Presence::Offline => false,
            Presence::Removed => return,
        };
        self.begin_part();
        let clocks = self.clocks;
        let num_before = out.len();
        let sensors = match heard.reach {
            Reach::Sensor => vec![heard.device.clone()],
            Reach::Below => self.devices.sensors(&heard.device),
        };
        let missed = self.quieting.missed.clone();
        for key in
            sensors.iter().flat_map(|sensor| missed.iter().map(|it| (sensor.clone(), it.clone())))
        {
            if self.series.get(&key).is_some_and(|series| series.newest.value.is_none()) {
                self.hear_by(&key, ingress);
            }
            self.each_entry(key, out, |entry, rule, newest, reasons| {
                // By the series' own clock, as its delays are: this machine's may be ahead of it.
                let now = newest.moment_before(&clocks, Duration::ZERO);
                entry.hear_availability(rule, newest, is_online, now, reasons)
            });
        }
        self.follow_up(num_before, out);
    }

    /// Consequences of the last step: alarms that others newly explain or no longer do, and whether the outcomes
    /// since `from` make a flood.
    pub(super) fn follow_up(&mut self, from: usize, out: &mut Vec<Outcome>) {
        if std::mem::take(&mut self.quieting.must_look_at_all) {
            self.look_at_all_that_stand(out);
        }
        self.follow_causes(Duration::ZERO, out);
        self.mark_flood(from, out);
    }

    /// Re-evaluates what other alarms explain, as of `lag` before the present.
    pub(super) fn follow_causes(&mut self, lag: Duration, out: &mut Vec<Outcome>) {
        for key in self.quieting.dependencies.take_turned() {
            self.look_at(key, lag, out);
        }
    }

    fn look_at_all_that_stand(&mut self, out: &mut Vec<Outcome>) {
        let has_any = |entries: &[super::Entry]| entries.iter().any(|entry| !entry.is_at_rest());
        let some = self.series.iter().filter(|(_, series)| has_any(&series.entries));
        let keys: BTreeSet<_> = some.map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.look_at(key, Duration::ZERO, out);
        }
    }

    fn look_at(&mut self, key: Key, lag: Duration, out: &mut Vec<Outcome>) {
        let clocks = self.clocks;
        self.each_entry(key, out, |entry, rule, newest, reasons| {
            entry.look(rule, newest.moment_before(&clocks, lag), false, reasons)
        });
    }

    /// Flood detection is off: a flood of the last run ends, or it would stand for ever.
    fn end_kept_flood(&mut self, at: usize, out: &mut Vec<Outcome>) {
        let Some(kept) = self.kept_flood.take() else { return };
        let sensor_id = SensorId::new(ALL).ok();
        let forget =
            sensor_id.map(|id| AlarmState { sensor_id: id, rule: OF_ALL.into(), state: None });
        self.orphans.extend(forget);
        if let Some(over) = Flood::kept_end(&kept, self.clocks.get(Ingress::Own)) {
            out.insert(at, flood_over(over, 0.0, self.quieting.wall));
        }
    }

    fn mark_flood(&mut self, from: usize, out: &mut Vec<Outcome>) {
        let listened = self.clocks.get(Ingress::Own);
        let Some(flood) = &mut self.quieting.flood else {
            return self.end_kept_flood(from, out);
        };
        let wall = self.quieting.wall;
        let limit = flood.limit();
        let over = flood.pass(listened);
        let mut at = from;
        if let Some(over) = over {
            out.insert(at, flood_over(over, limit, wall));
            at += 1;
        }
        while let Some(outcome) = out.get(at) {
            let (when, is_one) = (outcome.transition.at, outcome.summary.is_none());
            if is_one && outcome.transition.announced == Some(Announcement::Raised) {
                let location = outcome.location.as_str().into();
                let rule = outcome.rule.name.clone();
                if let Some(begun) = flood.raise(Raise { listened, at: when, rule, location }) {
                    let begun = said_of_all(begun, limit, wall.unwrap_or(when), |sensor_id| {
                        self.cause.alert_id(OF_ALL, sensor_id)
                    });
                    flood.name(&begun.alert_id);
                    out.insert(at, begun);
                    at += 1;
                }
            }
            if let Some(outcome) = out.get_mut(at) {
                outcome.in_flood = flood.is_on();
            }
            at += 1;
        }
    }
}

/// True for the state of no single alarm.
pub(super) fn is_of_all(state: &AlarmState) -> bool {
    state.sensor_id.as_str() == ALL && &*state.rule == OF_ALL
}

/// Changed state of a flood to store, if any.
pub(super) fn kept_of_all(flood: &mut Flood) -> Option<AlarmState> {
    let state = Some(flood.take_changed()?);
    Some(AlarmState { sensor_id: SensorId::new(ALL).ok()?, rule: OF_ALL.into(), state })
}

/// Rule name of the alert about a chattering alarm.
pub(super) fn chattering(rule: &str) -> Arc<str> {
    format!("{rule}:chattering").into()
}

/// Summary of one alarm: its own alert, of a rule `NAME:chattering`.
pub(super) fn said_of_one(
    rule: &Arc<Rule>,
    (sensor_id, _): &Key,
    newest: &Newest,
    summary: Summary,
    alert_id: Arc<str>,
) -> Outcome {
    let count = match &summary {
        Summary::Chattering(count) | Summary::Calm { raised: count, .. } => Some(*count),
        Summary::Flood(_) | Summary::FloodOver(_) => None,
    };
    let name = chattering(&rule.name);
    let at = match &summary {
        Summary::Calm { .. } => newest.at.max(count.map_or(newest.at, |count| count.last)),
        _ => count.map_or(newest.at, |count| count.last),
    };
    let rule = Arc::new(Rule { name, message: None, ..Rule::clone(rule) });
    Outcome {
        alert_type: format!("CHATTERING_{}", rule.quantity).to_uppercase().into(),
        #[allow(clippy::cast_precision_loss)] // far below 2^52
        threshold: count.map_or(0.0, |count| count.raised as f64),
        alert_id,
        rule,
        sensor_id: sensor_id.clone(),
        location: newest.location.clone(),
        unit: newest.unit.clone(),
        value: newest.value,
        transition: begin_or_end(&summary, at),
        is_offline: false,
        summary: Some(summary),
        is_silent_end: false,
        in_flood: false,
        operator: None,
    }
}

/// Summary of many alarms: an alert of the sensor `*` and the quantity `alarms`, with their number as its value.
pub(super) fn said_of_all(
    summary: Summary,
    limit: f64,
    at: DateTime<Utc>,
    id: impl FnOnce(&SensorId) -> Arc<str>,
) -> Outcome {
    let alarms = match &summary {
        Summary::Flood(counts) | Summary::FloodOver(counts) => counts.alarms,
        Summary::Chattering(_) | Summary::Calm { .. } => 0,
    };
    // Both texts are valid.
    let (all, quantity) = (SensorId::new(ALL), Quantity::new(ALARMS));
    let quantity = quantity.unwrap_or_else(|_| Quantity::temperature());
    let rule = Rule::retired(FLOOD.into(), quantity, Priority::High);
    let sensor_id = all.unwrap_or_else(|_| unreachable!("it is neither empty nor long"));
    Outcome {
        alert_type: "FLOOD".into(),
        threshold: limit,
        alert_id: id(&sensor_id),
        rule: Arc::new(rule),
        sensor_id,
        location: Location::new(""),
        unit: Unit::new(""),
        value: Value::from_json(&alarms.into()).ok(),
        transition: begin_or_end(&summary, at),
        is_offline: false,
        summary: Some(summary),
        is_silent_end: false,
        in_flood: false,
        operator: None,
    }
}

/// End of a flood, dated by the wall clock if known.
fn flood_over(over: NamedSummary, limit: f64, wall: Option<DateTime<Utc>>) -> Outcome {
    let NamedSummary { summary, id } = over;
    let since = match &summary {
        Summary::FloodOver(counts) => counts.since,
        _ => DateTime::UNIX_EPOCH,
    };
    let former = |sensor_id: &_| kept::former_alert_id(OF_ALL, sensor_id, since);
    said_of_all(summary, limit, wall.unwrap_or(since), |sensor_id| {
        id.unwrap_or_else(|| former(sensor_id))
    })
}

fn begin_or_end(summary: &Summary, at: DateTime<Utc>) -> Transition {
    let (change, announced) = if summary.is_begin() {
        (Change::Raised, Announcement::Raised)
    } else {
        (Change::Returned, Announcement::Returned)
    };
    Transition { change, state: State::default(), at, announced: Some(announced) }
}
