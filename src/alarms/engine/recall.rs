//! What the last readings say of their series, which an engine that is restored goes on from. Pure.
//!
//! When they were heard is not known. So that the clock of a series went back, which [`super::late`] tells by
//! the listening clock, is told by the readings' own times here, once they span as long; or by what was kept:
//! nothing but what is newest is kept with an alarm, so a late reading that was kept had ceased to be late.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::super::kept::Kept;
use super::super::series::Newest;
use super::late::LATE_AT_MOST;
use super::{Engine, Key};
use crate::domain::{AlarmState, Ingress, Reading};

/// What is known of a series while its last readings are gone through.
#[derive(Default)]
struct Trace {
    /// When it was heard last by what was kept of its alarms: on the listening clock, and the reading's own time.
    kept: Option<(Duration, DateTime<Utc>)>,
    /// Whether that reading was met.
    is_met: bool,
    /// The earliest since all its readings have been late.
    late_from: Option<DateTime<Utc>>,
}

impl Trace {
    /// What was kept last, by the listening clock: a clock that went back was ahead before.
    fn of_kept(alarms: &[AlarmState]) -> HashMap<Key, Self> {
        let mut traces = HashMap::<Key, Self>::new();
        for alarm in alarms {
            let Some((_, quantity, newest)) = alarm.state.as_deref().and_then(Kept::read) else {
                continue;
            };
            if newest.value.is_some() {
                let trace = traces.entry((alarm.sensor_id.clone(), quantity)).or_default();
                trace.kept = trace.kept.max(Some((newest.heard, newest.at)));
            }
        }
        traces
    }

    /// One more reading. Whether it is too late to change anything, or, if it is late, no longer is.
    fn is_too_late(&mut self, at: DateTime<Utc>, is_late: bool, now: Duration) -> bool {
        let is_kept = self.kept.is_some_and(|(_, kept)| is_same(kept, at)) && !self.is_met;
        let from = self.late_from.map_or(at, |from| from.min(at));
        let lasts = (at - from).to_std().is_ok_and(|lasts| lasts >= LATE_AT_MOST);
        // Not if a later one was the newest so lately that nothing can have been late for long.
        let is_known_better = self
            .kept
            .is_some_and(|(heard, kept)| at < kept && now.saturating_sub(heard) < LATE_AT_MOST);
        let is_too_late = is_late && !is_kept && (!lasts || is_known_better);
        self.late_from = is_too_late.then_some(from);
        self.is_met |= is_kept && !is_too_late;
        is_too_late
    }
}

impl Engine {
    /// Remembers the readings that an earlier life judged, in the order they came.
    pub(super) fn recall(&mut self, recent: &[Reading], alarms: &[AlarmState], heard: Duration) {
        let mut traces = Trace::of_kept(alarms);
        for reading in recent {
            let key = (reading.sensor_id.clone(), reading.quantity.clone());
            let newest = Newest::new(reading, Ingress::default(), heard);
            let known = self.series.get(&key);
            let is_late = known.is_some_and(|series| series.newest.makes_late(&newest));
            let trace = traces.entry(key.clone()).or_default();
            if trace.is_too_late(newest.at, is_late, heard) {
                continue;
            }
            let mut series = self.take(&key, &newest, &mut Vec::new());
            if is_late {
                series = self.go_back(&key, series, &newest, &mut Vec::new());
            }
            series.newest = newest;
            for entry in &mut series.entries {
                entry.recall(&self.rules[entry.rule], &series.newest);
            }
            self.series.insert(key, series);
        }
    }

    /// The newest of a series, by what is known of it and what was kept with one of its alarms: what was
    /// heard later on the listening clock, for a sensor's own may have gone back, or stand still.
    pub(super) fn newer(&self, key: &Key, kept: &Newest, heard: Duration) -> Newest {
        let Some(known) = self.series.get(key).map(|series| &series.newest) else {
            return kept.clone();
        };
        // Of the last readings it is not known when they were heard.
        let is_recalled = known.heard == heard;
        match (is_recalled, is_same(known.at, kept.at)) {
            (true, true) => {
                let at = known.at.max(kept.at);
                Newest { at, heard: kept.heard, ..known.clone() }
            }
            // Nothing came after them: its clock has gone back since a later one was kept, unless that was
            // too short a while ago.
            (true, false)
                if known.at > kept.at || heard.saturating_sub(kept.heard) >= LATE_AT_MOST =>
            {
                known.clone()
            }
            (false, _) if (known.heard, known.at) >= (kept.heard, kept.at) => known.clone(),
            _ => kept.clone(),
        }
    }
}

/// Readings are stored to the microsecond, and kept with alarms as they came.
const fn is_same(a: DateTime<Utc>, b: DateTime<Utc>) -> bool {
    a.timestamp_micros() == b.timestamp_micros()
}
