//! The newest reading of a series, with its receipt and the usual interval. Pure.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::kinds::{Sample, stale};
use super::machine::Moment;
use crate::domain::{Ingress, ListeningClocks, Location, Reading, Unit, Value, time};

/// The newest of a series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Newest {
    /// Location of the sensor; may be empty.
    pub location: Location,
    /// Unit of the value.
    pub unit: Unit,
    /// `None` for an expected series without any reading.
    pub value: Option<Value>,
    /// Time of the reading, by the sensor, to the microsecond.
    pub at: DateTime<Utc>,
    /// Time of the last reading, or of the first expectation, on the listening clock of `ingress`.
    pub heard: Duration,
    /// Ingress of the last reading. `Own` for an expected series without any.
    pub ingress: Ingress,
    /// Log position of the last reading, or of the first expectation.
    pub position: u64,
}

impl Newest {
    /// `heard` is on the listening clock of `ingress`, as of the record at `position`.
    pub fn new(reading: &Reading, ingress: Ingress, heard: Duration, position: u64) -> Self {
        Self {
            location: reading.location.clone(),
            unit: reading.unit.clone(),
            value: Some(reading.value),
            at: time::as_stored(reading.timestamp),
            heard,
            ingress,
            position,
        }
    }

    /// Location and unit, which decide the rules and their form.
    pub const fn place(&self) -> (&Location, &Unit) {
        (&self.location, &self.unit)
    }

    /// `None` without any reading.
    pub fn sample(&self) -> Option<Sample> {
        // 0 and -0 are equal, and storage may return either.
        self.value.map(|value| Sample { at: self.at, value: value.get() + 0.0 })
    }

    /// True if the other one is late.
    pub fn makes_late(&self, other: &Self) -> bool {
        self.value.is_some() && other.at < self.at
    }

    /// Moment of the reading, on both clocks.
    pub const fn moment(&self) -> Moment {
        Moment { at: self.at, listened: self.heard }
    }

    /// Time `lag` before the present of its listening clock, as the same distance from the newest reading on both
    /// clocks.
    pub fn moment_before(&self, clocks: &ListeningClocks, lag: Duration) -> Moment {
        self.moment_at(clocks.get(self.ingress).saturating_sub(lag))
    }

    /// Time on both clocks at a time of the listening clock.
    pub fn moment_at(&self, listened: Duration) -> Moment {
        let (at, _) = stale::due(self.at, self.heard, listened.saturating_sub(self.heard));
        Moment { at, listened }
    }
}

/// Usual time between readings of a series, in seconds by their own times: smoothed, for display. Not stored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Interval(f32);

impl Interval {
    /// Fewer than two readings in order.
    pub const UNKNOWN: Self = Self(0.0);

    /// Weight of the newest interval in the mean.
    const WEIGHT: f32 = 0.2;
    /// Limit of an interval, as a multiple of the mean: a silence of an hour should not look like a sensor with
    /// hourly readings.
    const LONGEST: f32 = 4.0;

    /// Adds the time between two readings in order.
    pub fn add(&mut self, from: DateTime<Utc>, to: DateTime<Utc>) {
        let seconds = (to - from).as_seconds_f32();
        if seconds <= 0.0 {
            return;
        }
        self.0 = if self.0 == 0.0 {
            seconds
        } else {
            self.0 + Self::WEIGHT * (seconds.min(Self::LONGEST * self.0) - self.0)
        };
    }

    /// Interval in seconds; `None` while unknown.
    pub fn seconds(self) -> Option<f32> {
        (self.0 > 0.0).then_some(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_follows_the_readings_and_not_one_silence() {
        let at = |seconds| DateTime::from_timestamp(seconds, 0).unwrap();
        let mut interval = Interval::UNKNOWN;
        assert_eq!(interval.seconds(), None);
        interval.add(at(0), at(0));
        assert_eq!(interval.seconds(), None);
        for second in 0..20 {
            interval.add(at(second), at(second + 1));
        }
        assert_eq!(interval.seconds(), Some(1.0));
        interval.add(at(20), at(3620));
        assert!(interval.seconds().unwrap() < 2.0);
        for minute in 61..100 {
            interval.add(at(minute * 60), at(minute * 60 + 60));
        }
        assert!((interval.seconds().unwrap() - 60.0).abs() < 1.0, "{interval:?}");
    }
}
