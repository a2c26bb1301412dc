//! Readings older than the newest of their series. They change nothing, but that the sensor speaks; until
//! it is plain that it is the sensor's clock that went back, or had been ahead. Pure.

use std::time::Duration;

use super::super::series::{Key, Newest, Series};
use super::{Engine, Outcome};
use crate::domain::{Ingress, Reading};

/// How long all readings of a series must have been late before they count: a device that was cut off
/// sends what it has kept sooner than that, and what it measures now in between. Till then one reading
/// of the year 2099 keeps alarms from being raised.
pub(super) const LATE_AT_MOST: Duration = Duration::from_secs(600);

impl Series {
    /// Whether a late reading, heard at `heard`, shows that its clock went back.
    pub(super) fn went_back(&self, heard: Duration) -> bool {
        self.late_since.is_some_and(|since| heard.saturating_sub(since) >= LATE_AT_MOST)
    }
}

impl Engine {
    /// A series that was taken out, whose clock went back to `newest`: compared with what came before,
    /// that is late no longer.
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

    /// Whether the late reading of a series that was taken out breaks a limit. Puts it back.
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

    /// A reading came by `ingress` that is taken for one that was judged before: whether it is one sent again
    /// or the same value at the same time by a device without a clock, its sensor speaks.
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

    /// Of a series nothing is news but that its sensor speaks.
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
