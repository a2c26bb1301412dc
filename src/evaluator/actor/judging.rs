//! The evaluator's path from polled records to the collected batch: looks up possible echoes, applies records, and
//! reports the effects.

use std::time::{Duration, Instant};

use actix::prelude::*;

use super::super::batch::Batch;
use super::super::clock::{self, Deadline};
use super::super::fold::{Effects, LogNote, announced};
use super::Evaluator;
use crate::alarms::engine::MOST_SERIES;
use crate::alarms::units::UnitNotice;
use crate::domain::unit::spelling;
use crate::domain::{Fingerprint, QuickSet, Reading};
use crate::ingest::Polled;
use crate::logging::LineLimit;
use crate::messages::{FindStored, Store};
use crate::supervisor::Route;
use crate::wire;

/// Lines on readings sent again, on clocks that went back, and on one sensor too many: one every 10 seconds of each.
const ON_READINGS: (u64, Duration) = (1, Duration::from_secs(10));
/// Lines on operators' actions: 20 every 10 seconds. All of them are stored.
const ON_ACTIONS: (u64, Duration) = (20, Duration::from_secs(10));

/// Timeout for echo look-ups in an unreadable store. After it the readings count as new, and may be stored twice.
const FIND_AT_MOST: Duration = Duration::from_secs(10);
const FIND_AGAIN: Duration = Duration::from_millis(100);

/// Rate limits of the log lines on traffic.
pub(super) struct Lines {
    redelivered: LineLimit,
    clocks: LineLimit,
    strangers: LineLimit,
    made_room: LineLimit,
    unset: LineLimit,
    units: LineLimit,
    actions: LineLimit,
}

impl Default for Lines {
    fn default() -> Self {
        let limit = |(burst, window)| LineLimit::new(burst, window);
        Self {
            redelivered: limit(ON_READINGS),
            clocks: limit(ON_READINGS),
            strangers: limit(ON_READINGS),
            made_room: limit(ON_READINGS),
            unset: limit(ON_READINGS),
            units: limit(ON_READINGS),
            actions: limit(ON_ACTIONS),
        }
    }
}

impl Evaluator {
    /// Applies polled records, after their possible echoes are looked up.
    pub(super) fn take(&mut self, polled: Polled, ctx: &mut Context<Self>) {
        let candidates = self.fold.echo_candidates(&polled.entries);
        if candidates.is_empty() {
            self.evaluate(polled, &QuickSet::default());
            return self.pass_on_if_due(ctx);
        }
        let stored = find_stored(self.settings.find_stored.clone(), candidates);
        ctx.spawn(stored.into_actor(self).map(|stored, evaluator, ctx| {
            evaluator.evaluate(polled, &stored);
            evaluator.pass_on_if_due(ctx);
        }));
    }

    fn evaluate(&mut self, polled: Polled, stored: &QuickSet<Fingerprint>) {
        let mut batch = self.batch.take().unwrap_or_else(|| Batch::new(clock::now()));
        let from = batch.content.alerts.len();
        let mut effects = Effects::default();
        for entry in polled.entries {
            self.fold.apply(entry, stored, &mut batch.content, &mut effects);
        }
        batch.content.through = polled.through;
        let (num_unset, is_behind) = self.fold.clocks();
        self.settings.live.show_clocks(num_unset, is_behind);
        let (num_unfit, num_unjudged) = self.fold.unfit_units();
        self.settings.live.show_unfit_units(num_unfit, num_unjudged);
        if !effects.replayed.is_empty() {
            self.settings.live.show_replayed(&effects.replayed);
        }
        self.report(&batch.content, from, effects);
        self.batch = Some(batch);
        self.env.fault_point();
    }

    /// Writes log lines and the lines of the alerts file for applied records.
    pub(super) fn report(&mut self, batch: &Store, from: usize, effects: Effects) {
        for note in effects.notes {
            self.say(note);
        }
        self.answers.add(effects.answers);
        let times = self.settings.times;
        for event in announced(batch, from) {
            let alert = wire::AlertJson::new(event, times);
            let line = (self.settings.words.alert_line)(event.state, &event.message);
            log::info!(target: "vigie::alert", alert:serde; "{line}");
        }
        let Some(file) = &self.settings.alerts_file else { return };
        let json =
            |event| serde_json::to_string(&wire::AlertJson::new(event, times)).unwrap_or_default();
        let lines: Vec<_> = announced(batch, from).map(json).collect();
        if !lines.is_empty() {
            // A short append on the evaluator's own arbiter: no other actor waits for it.
            file.lock().unwrap_or_else(std::sync::PoisonError::into_inner).append(&lines);
        }
    }

    fn say(&mut self, note: LogNote) {
        let now = clock::now();
        match note {
            LogNote::Redelivered(sensor_id) => {
                if let Some(more) = self.lines.redelivered.admit(now) {
                    log::info!(target: "vigie::alerts", "a reading of {sensor_id} was sent again and is stored already: left out, with {more} more since the last line");
                }
            }
            LogNote::ClockWentBack { sensor_id, from, to } => {
                if let Some(more) = self.lines.clocks.admit(now) {
                    log::warn!(target: "vigie::alerts", "the clock of {sensor_id} went back from {from} to {to}: its readings were too late to be judged, and are judged again from now on; {more} more since the last line. Set its clock right");
                }
            }
            LogNote::OneTooMany(sensor_id) => {
                if let Some(more) = self.lines.strangers.admit(now) {
                    log::error!(target: "vigie::alerts", "no alarm is raised for {sensor_id}, and {more} more since the last line: there are {MOST_SERIES} other sensors already. Look for a device that makes up ids, then `vigie forget` sensors that are no more");
                }
            }
            LogNote::MadeRoom(sensor_id) => {
                if let Some(more) = self.lines.made_room.admit(now) {
                    log::warn!(target: "vigie::alerts", "{sensor_id} is no longer monitored until its next reading, with {more} more since the last line: it had a single reading, and was dropped at the limit of {MOST_SERIES} series. Look for a device that invents ids");
                }
            }
            LogNote::ClockUnset { sensor_id, says } => {
                if let Some(more) = self.lines.unset.admit(now) {
                    log::warn!(target: "vigie::alerts", "the clock of {sensor_id} is not set, it says {says}: its readings have the time of their receipt; {more} more sensors since the last line. Set its clock, or let it send no time");
                }
            }
            LogNote::OwnClockBehind { is_behind: true, now, newest } => {
                log::error!(target: "vigie::alerts", "this machine's clock is behind: it says {now}, and has said {newest} before; times of devices are taken as they come until it is right. Set the clock, by NTP if it can be");
            }
            LogNote::OwnClockBehind { is_behind: false, now, .. } => {
                log::info!(target: "vigie::alerts", "this machine's clock is no longer behind: it says {now}");
            }
            LogNote::Operated(record) => {
                if let Some(more) = self.lines.actions.admit(now) {
                    let line = (self.settings.words.operator_line)(&record);
                    let more = if more > 0 { format!(" (+{more})") } else { String::new() };
                    log::info!(target: "vigie::operator", "{line}{more}");
                }
            }
            LogNote::Units(notice) => self.say_of_units(notice, now),
            LogNote::Unreadable { rule, sensor_id } => {
                log::warn!(target: "vigie::alerts", "what was kept of the alarm {rule}/{sensor_id} can't be read: it is closed, and begins anew");
            }
        }
    }

    fn say_of_units(&mut self, notice: UnitNotice, now: Instant) {
        match notice {
            UnitNotice::Converted { rule, sensor_id, unit, limit_unit, is_written } => {
                let [unit, limit_unit] = [&unit, &limit_unit].map(|unit| spelling(unit.as_str()));
                let remedy = if is_written {
                    String::new()
                } else {
                    format!(". If they are meant in {unit}, write unit = \"{unit}\" in the rule")
                };
                log::info!(target: "vigie::alerts", "the readings of {sensor_id} are in {unit}, the limits of {rule} in {limit_unit}: the limits are converted{remedy}");
            }
            UnitNotice::Unfit { rule, sensor_id, quantity, unit, limit_unit, is_strict } => {
                let Some(more) = self.lines.units.admit(now) else { return };
                let (unit, limit_unit) = (unit.as_str(), spelling(limit_unit.as_str()));
                let what = if is_strict { "not judged" } else { "judged as they are" };
                log::warn!(target: "vigie::alerts", "the {quantity} of {sensor_id} is in {unit}, which does not convert into the {limit_unit} of {rule}: its readings are {what}; {more} more sensors since the last line. Correct the unit of the sensor, or of the rule");
            }
        }
    }
}

/// Fingerprints of those readings that are stored.
async fn find_stored(find: Route<FindStored>, readings: Vec<Reading>) -> QuickSet<Fingerprint> {
    let deadline = Deadline::after(FIND_AT_MOST);
    loop {
        let question = FindStored { readings: readings.clone() };
        let why = match find.request(question, FIND_AT_MOST).await {
            Ok(Ok(stored)) => return stored.into_iter().collect(),
            Ok(Err(why)) => why,
            Err(error) => error.to_string(),
        };
        if deadline.is_over() {
            let count = readings.len();
            log::error!(target: "vigie::alerts", "can't look up whether {count} readings are stored already, some may be stored twice: {why}");
            return QuickSet::default();
        }
        tokio::time::sleep(FIND_AGAIN).await;
    }
}
