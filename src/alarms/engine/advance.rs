//! Advances the engine: log time, signs of life, availability, and their consequences for other alarms. Pure.
//!
//! Invariant: the engine takes time from [`Engine::advance`] alone, so the same records give the same alarms with
//! the same ids. Deadlines reached by one record are processed in one order: the longest overdue on its own clock
//! first. Never: more than one scheduled check per series.

use std::collections::BTreeSet;
use std::time::Duration;

use super::summaries::{ALL, OF_ALL, flood_over, summary_of_all};
use super::time::{Cause, Deadlines, RecordTime};
use super::{Engine, Key, Outcome};
use crate::alarms::builtin;
use crate::alarms::machine::{Announcement, Event};
use crate::alarms::quiet::flood::{Flood, Raise};
use crate::alarms::series::{Entry, Newest, is_timed};
use crate::domain::{
    AlarmState, Availability, Finding, Ingress, Location, Presence, Reach, Reading, SensorId, Unit,
};

impl Engine {
    /// Advances to a record of the log and processes all deadlines reached. Called for each record, before it is
    /// applied. Cheap if nothing is due. Clocks never go back.
    pub fn advance(&mut self, now: RecordTime, out: &mut Vec<Outcome>) {
        self.set_time(now, out);
        let num_before = out.len();
        let clocks = self.clocks;
        let is_due = |ingress| self.checks.is_over(ingress, clocks.get(ingress));
        if Ingress::ALL.into_iter().any(is_due) || self.is_flood_due() {
            self.run_out(out);
            self.follow_up(num_before, out);
        }
    }

    /// Advances without processing deadlines of listening clocks: for simulated time, in which a reading at a
    /// deadline is in time.
    pub(crate) fn set_time(&mut self, now: RecordTime, out: &mut Vec<Outcome>) {
        if self.quieting.must_recheck_all {
            self.settle(now, out);
        }
        self.cause = Cause { position: now.position, part: 0 };
        self.clocks.advance(&now.clocks);
        self.quieting.turn(now.received_at);
        if self.quieting.must_recheck_all {
            self.follow_up(out.len(), out);
        }
    }

    /// Times at which the log needs a time mark.
    pub fn next_deadline(&mut self) -> Deadlines {
        let [own, embedded, remote] = Ingress::ALL.map(|ingress| self.first_due(ingress));
        let flood = self.quieting.flood.as_ref().and_then(Flood::due);
        let own = own.into_iter().chain(flood).min();
        Deadlines { own, embedded, remote, wall: self.quieting.windows.next_change() }
    }

    /// Starts another step within a record: its alerts get their own ids.
    pub(super) const fn begin_part(&mut self) {
        self.cause.part = self.cause.part.saturating_add(1);
    }

    /// After a start, rules and suppression may have changed: re-evaluates all active alarms, as of the time
    /// before.
    fn settle(&mut self, now: RecordTime, out: &mut Vec<Outcome>) {
        if self.quieting.wall.is_none() {
            self.quieting.turn(now.received_at);
        }
        self.cause = Cause { position: now.position, part: Cause::SETTLE };
        self.follow_up(out.len(), out);
    }

    fn is_flood_due(&self) -> bool {
        let due = self.quieting.flood.as_ref().and_then(Flood::due);
        due.is_some_and(|due| due <= self.clocks.get(Ingress::Own))
    }

    fn run_out(&mut self, out: &mut Vec<Outcome>) {
        while let Some((lag, ingress)) = self.most_overdue() {
            let Some((check_at, key)) = self.checks.of(ingress).pop_first() else { break };
            let Some(series) = self.series.get_mut(&key) else { continue };
            series.check_at = None;
            let clock = self.clocks.get(ingress);
            self.each_entry(key, out, |entry, rule, newest, reasons| {
                entry.elapse(rule, newest, (check_at, clock), reasons)
            });
            // What one alarm begins or ends, others may have to wait for.
            self.follow_causes(lag, out);
        }
    }

    /// The way in of the series that has been overdue the longest, and for how long.
    fn most_overdue(&mut self) -> Option<(Duration, Ingress)> {
        let mut most: Option<(Duration, Ingress)> = None;
        for ingress in Ingress::ALL {
            let clock = self.clocks.get(ingress);
            if !self.checks.is_over(ingress, clock) {
                continue;
            }
            let lag = self.first_due(ingress).and_then(|due| clock.checked_sub(due));
            if let Some(lag) = lag.filter(|lag| most.is_none_or(|(most, _)| *lag > most)) {
                most = Some((lag, ingress));
            }
        }
        most
    }

    /// First deadline of a listening clock. Scheduled checks may be early, if readings moved a deadline: they are
    /// rescheduled here.
    fn first_due(&mut self, ingress: Ingress) -> Option<Duration> {
        loop {
            let checks = self.checks.of(ingress);
            let (check_at, key) = checks.first()?;
            let due = self.series.get(key).and_then(|series| series.due(&self.rules));
            if due.is_some_and(|due| due <= *check_at) {
                return Some(*check_at);
            }
            let (_, key) = checks.pop_first()?;
            if let Some(series) = self.series.get_mut(&key) {
                series.check_at = due;
                checks.extend(due.map(|due| (due, key)));
            }
        }
    }

    /// Notes a duplicate reading received by `ingress`: redelivered, or an equal value at the same time from a
    /// device without a clock. Either way its sensor is alive.
    pub fn note_duplicate(&mut self, reading: &Reading, ingress: Ingress, out: &mut Vec<Outcome>) {
        self.begin_part();
        let num_before = out.len();
        let key = (reading.sensor_id.clone(), reading.quantity.clone());
        if self.series.get(&key).is_some_and(|series| series.newest.value.is_some()) {
            self.set_ingress(&key, ingress);
            self.note_alive(key, self.clocks.get(ingress), out);
            self.follow_up(num_before, out);
        }
    }

    /// Notes a sign of life of a series.
    pub(super) fn note_alive(&mut self, key: Key, heard: Duration, out: &mut Vec<Outcome>) {
        let Some(series) = self.series.get_mut(&key) else { return };
        series.newest.heard = heard;
        series.newest.position = self.cause.position;
        self.each_entry(key, out, |entry, rule, newest, reasons| {
            entry.hear_late(rule, newest, reasons)
        });
    }

    /// Notes the ingress of a series: its silence and delays run on that listening clock.
    pub(super) fn set_ingress(&mut self, key: &Key, ingress: Ingress) {
        let Some(series) = self.series.get_mut(key) else { return };
        if series.newest.ingress == ingress {
            return;
        }
        if let Some(check_at) = series.check_at.take() {
            self.checks.remove(series.newest.ingress, check_at, key);
        }
        series.change_ingress(ingress, &self.clocks);
        series.newest.position = self.cause.position;
        for entry in &series.entries {
            if !entry.is_at_rest() || is_timed(&self.rules[entry.rule]) {
                self.changed.insert((key.clone(), entry.rule));
            }
        }
        series.check_at = series.due(&self.rules);
        if let Some(check_at) = series.check_at {
            self.checks.insert(ingress, check_at, key.clone());
        }
        if series.late_since.is_some() {
            self.checkpoints.note_lateness(key);
        }
    }

    /// Applies the availability of a device to the sensor with its id and those below it. Nothing is remembered of
    /// unknown sensors. One without any reading is from now on expected by `ingress`; silence of the others counts
    /// by the ingress of their readings. A removed one is as silent as any.
    pub fn apply_availability(
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
                self.set_ingress(&key, ingress);
            }
            self.each_entry(key, out, |entry, rule, newest, reasons| {
                // By the series' own clock, as its delays are: this machine's may be ahead of it.
                let now = newest.moment_before(&clocks, Duration::ZERO);
                entry.apply_availability(rule, newest, is_online, now, reasons)
            });
        }
        self.follow_up(num_before, out);
    }

    /// Applies a finding. One without a rule, as a newer version may have logged, changes nothing.
    pub fn apply_finding(&mut self, finding: &Finding, out: &mut Vec<Outcome>) {
        let Some(key) = builtin::key(&finding.about) else { return };
        self.begin_part();
        let num_before = out.len();
        let ingress = Ingress::Own;
        let newest = Newest {
            location: Location::new(""),
            unit: Unit::new(&finding.unit),
            value: Some(finding.value),
            at: self.quieting.wall.unwrap_or_default(),
            heard: self.clocks.get(ingress),
            ingress,
            position: self.cause.position,
        };
        self.set_ingress(&key, ingress);
        let mut series = self.take(&key, &newest, out);
        self.set_newest(&key, &mut series, newest);
        self.keep_anew(&key, &series);
        self.put(key.clone(), series);
        let is_broken = finding.is_wrong;
        self.each_entry(key, out, |entry, rule, newest, reasons| {
            let step = entry.step(rule, Event::Judged { is_broken }, newest.moment(), reasons);
            step.and(entry.recheck(rule, newest.moment(), true, reasons))
        });
        self.follow_up(num_before, out);
    }

    /// True if the last finding about a subject is a fault.
    #[must_use]
    pub fn is_found_wrong(&self, about: &str) -> bool {
        let series = builtin::key(about).and_then(|key| self.series.get(&key));
        series.is_some_and(|series| series.entries.iter().any(|entry| entry.alarm.is_broken()))
    }

    /// Consequences of the last step: alarms that others newly explain or no longer do, and whether the outcomes
    /// since `from` make a flood.
    pub(super) fn follow_up(&mut self, from: usize, out: &mut Vec<Outcome>) {
        if std::mem::take(&mut self.quieting.must_recheck_all) {
            self.recheck_active(out);
        }
        self.follow_causes(Duration::ZERO, out);
        self.mark_flood(from, out);
    }

    /// Re-evaluates what other alarms explain, as of `lag` before the present.
    pub(super) fn follow_causes(&mut self, lag: Duration, out: &mut Vec<Outcome>) {
        for key in self.quieting.dependencies.take_turned() {
            self.recheck(key, lag, out);
        }
    }

    fn recheck_active(&mut self, out: &mut Vec<Outcome>) {
        let has_any = |entries: &[Entry]| entries.iter().any(|entry| !entry.is_at_rest());
        let some = self.series.iter().filter(|(_, series)| has_any(&series.entries));
        let keys: BTreeSet<_> = some.map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.recheck(key, Duration::ZERO, out);
        }
    }

    pub(super) fn recheck(&mut self, key: Key, lag: Duration, out: &mut Vec<Outcome>) {
        let clocks = self.clocks;
        self.each_entry(key, out, |entry, rule, newest, reasons| {
            entry.recheck(rule, newest.moment_before(&clocks, lag), false, reasons)
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
                    let begun = summary_of_all(begun, limit, wall.unwrap_or(when), |sensor_id| {
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
