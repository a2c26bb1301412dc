//! The newest reading of a series, when it was heard, and how often one comes. Pure.

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
    /// `None` for a series that is expected and was never heard.
    pub value: Option<Value>,
    /// Time of the reading, by the sensor, to the microsecond.
    pub at: DateTime<Utc>,
    /// When it was heard, or first expected, on the listening clock of `ingress`.
    pub heard: Duration,
    /// The way it was last heard by. One that is expected and was never heard is of the daemon's own.
    pub ingress: Ingress,
    /// Log position of the record by which it was last heard, or first expected.
    pub position: u64,
}

impl Newest {
    /// `heard` on the listening clock of `ingress`, by the record at `position`.
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

    /// What decides which rules hold for it, and how.
    pub const fn place(&self) -> (&Location, &Unit) {
        (&self.location, &self.unit)
    }

    /// `None` for what was never heard.
    pub fn sample(&self) -> Option<Sample> {
        // 0 and -0 are one value, which storage may hand back as the other.
        self.value.map(|value| Sample { at: self.at, value: value.get() + 0.0 })
    }

    /// Whether another comes too late to change anything.
    pub fn makes_late(&self, other: &Self) -> bool {
        self.value.is_some() && other.at < self.at
    }

    /// Moment of the reading, on both clocks.
    pub const fn moment(&self) -> Moment {
        Moment { at: self.at, listened: self.heard }
    }

    /// The moment `lag` before the present of its listening clock, as much later than the newest on both
    /// clocks.
    pub fn moment_before(&self, clocks: &ListeningClocks, lag: Duration) -> Moment {
        self.moment_at(clocks.get(self.ingress).saturating_sub(lag))
    }

    /// So much later on both clocks as the listening clock says.
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
    /// Limit of an interval, in means: a silence of an hour does not look like a sensor of an hour.
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

    /// In seconds; `None` while it is unknown.
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
