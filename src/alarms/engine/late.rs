//! Late readings: older than the newest of their series. They only show that the sensor is alive, until it is clear
//! that the sensor's clock went back, or had been ahead. Pure.

use std::time::Duration;

use super::super::series::{Key, Newest, Series};
use super::{Engine, Outcome};
use crate::domain::{Ingress, Reading};

/// Time for which all readings of a series must have been late before they count: a device that was disconnected
/// sends its buffer faster, interleaved with present readings. Until then one reading of the year 2099 keeps alarms
/// from being raised.
pub(super) const LATE_AT_MOST: Duration = Duration::from_secs(600);

impl Series {
    /// True if a late reading, received at `heard`, shows that its clock went back.
    pub(super) fn went_back(&self, heard: Duration) -> bool {
        self.late_since.is_some_and(|since| heard.saturating_sub(since) >= LATE_AT_MOST)
    }
}

impl Engine {
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
    pub(super) fn hear_late(
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
        self.hear_speak(key, late.heard, out);
        is_broken
    }

    /// Notes a duplicate reading received by `ingress`: redelivered, or an equal value at the same time from a
    /// device without a clock. Either way its sensor is alive.
    pub fn hear_again(&mut self, reading: &Reading, ingress: Ingress, out: &mut Vec<Outcome>) {
        self.begin_part();
        let num_before = out.len();
        let key = (reading.sensor_id.clone(), reading.quantity.clone());
        if self.series.get(&key).is_some_and(|series| series.newest.value.is_some()) {
            self.hear_by(&key, ingress);
            self.hear_speak(key, self.clocks.get(ingress), out);
            self.follow_up(num_before, out);
        }
    }

    /// Notes a sign of life of a series.
    fn hear_speak(&mut self, key: Key, heard: Duration, out: &mut Vec<Outcome>) {
        let Some(series) = self.series.get_mut(&key) else { return };
        series.newest.heard = heard;
        series.newest.position = self.cause.position;
        self.each_entry(key, out, |entry, rule, newest, reasons| {
            entry.hear_late(rule, newest, reasons)
        });
    }
}

#[cfg(test)]
mod tests;
