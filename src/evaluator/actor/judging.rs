//! The evaluator's part between a batch and what is held for storage: each reading once, in order.

use std::time::Instant;

use chrono::{DateTime, Utc};

use super::super::held::Held;
use super::Evaluator;
use crate::alarms::engine::{MOST_SERIES, Outcome};
use crate::domain::{Fingerprint, Ingress, Reading};
use crate::ingest::Batch;
use crate::messages::Judged;

/// One clock runs for all ways in.
const INGRESS: Ingress = Ingress::Remote;

impl Evaluator {
    pub(super) fn evaluate(&mut self, batch: Batch) {
        let Batch { through, readings, availability, mut rejected, actions, .. } = batch;
        let now = super::record(through, self.now());
        let mut outcomes = Vec::new();
        self.engine.set_time(now, &mut outcomes);
        let mut heard = availability.into_iter().peekable();
        let mut actions = actions.into_iter().peekable();
        let mut judged = Vec::with_capacity(readings.len());
        for (num_before, reading) in readings.into_iter().enumerate() {
            while let Some((_, heard)) = heard.next_if(|(before, _)| *before <= num_before) {
                self.engine.hear_availability(&heard, INGRESS, &mut outcomes);
            }
            while let Some(asked) = actions.next_if(|asked| asked.after_readings <= num_before) {
                self.operate_message(asked, &mut outcomes);
            }
            judged.extend(self.judge(reading, &mut outcomes));
        }
        for (_, heard) in heard {
            self.engine.hear_availability(&heard, INGRESS, &mut outcomes);
        }
        actions.for_each(|asked| self.operate_message(asked, &mut outcomes));
        self.hold(outcomes);
        let held = self.held.get_or_insert_with(|| Held::new(through));
        held.store.readings.append(&mut judged);
        held.store.rejected.append(&mut rejected);
        held.store.through = through;
        self.env.fault_point();
    }

    /// `None` for a reading that was here before.
    fn judge(&mut self, reading: Reading, outcomes: &mut Vec<Outcome>) -> Option<Judged> {
        if !self.recent.is_new(Fingerprint::from(&reading)) {
            self.engine.hear_again(&reading, INGRESS, outcomes);
            self.note_redelivered(&reading);
            return None;
        }
        let judgement = self.engine.judge(&reading, INGRESS, outcomes);
        if let Some(from) = judgement.clock_went_back_from {
            self.note_clock(&reading, from);
        }
        if judgement.is_one_too_many {
            self.note_stranger(&reading);
        }
        Some(Judged { reading, alert_triggered: judgement.is_broken })
    }

    fn note_clock(&mut self, reading: &Reading, from: DateTime<Utc>) {
        if let Some(more) = self.clocks.admit(Instant::now()) {
            log::warn!(
                target: "vigie::alerts",
                "the clock of {} went back from {from} to {}: its readings were too late to be judged, and are judged again from now on; {more} more since the last line. Set its clock right",
                reading.sensor_id, reading.timestamp
            );
        }
    }

    fn note_stranger(&mut self, reading: &Reading) {
        if let Some(more) = self.strangers.admit(Instant::now()) {
            log::error!(
                target: "vigie::alerts",
                "no alarm is raised for {}, and {more} more since the last line: there are {MOST_SERIES} other sensors already. Look for a device that makes up ids, then restart",
                reading.sensor_id
            );
        }
    }

    fn note_redelivered(&mut self, reading: &Reading) {
        if let Some(more) = self.redelivered.admit(Instant::now()) {
            log::info!(
                target: "vigie::alerts",
                "a reading of {} was sent again and is stored already: left out, with {more} more since the last line",
                reading.sensor_id
            );
        }
    }
}
