//! Moments and deadlines on both clocks: the readings' own time, and how long the installation has
//! listened. Pure; a time beyond either clock's range is its end, never a panic.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// A time on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// The reading's own time, or the wall clock of an operator's action.
    #[serde(with = "exact")]
    pub at: DateTime<Utc>,
    /// Listening clock of the ingress of the series' last reading.
    #[serde(rename = "watch")] // its name in stored states
    pub listened: Duration,
}

impl Moment {
    /// This moment, or one at the date of `earlier` if that is later.
    pub(super) fn not_before(self, earlier: Option<Self>) -> Self {
        Self { at: earlier.map_or(self.at, |earlier| self.at.max(earlier.at)), ..self }
    }
}

/// End of a delay: reached when a reading of the series is dated `at` or later, or when the listening clock reaches
/// `listened`. Either way the transition is dated `at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// End by the readings' own time.
    #[serde(with = "exact")]
    pub at: DateTime<Utc>,
    /// End by the listening clock of the series.
    #[serde(rename = "watch")]
    pub listened: Duration,
}

impl Due {
    /// `delay` after `start`, on both clocks.
    #[must_use]
    pub fn after(start: Moment, delay: Duration) -> Self {
        let at = TimeDelta::from_std(delay).ok().and_then(|d| start.at.checked_add_signed(d));
        Self {
            at: at.unwrap_or(DateTime::<Utc>::MAX_UTC),
            listened: start.listened.saturating_add(delay),
        }
    }

    /// True if it is reached. `now.at` counts if it is a reading's.
    #[must_use]
    pub fn is_over(&self, now: Moment, is_reading: bool) -> bool {
        now.listened >= self.listened || (is_reading && now.at >= self.at)
    }

    /// Time at which it was reached, as of `now`: a reading may have ended it before the listening clock did.
    pub(super) fn passed(&self, now: Moment) -> Moment {
        Moment { at: self.at, listened: self.listened.min(now.listened) }
    }
}

/// Conversion of times from one listening clock to another: the distance from the present is preserved. A time
/// before the new clock's start becomes that start.
#[derive(Debug, Clone, Copy)]
pub(in crate::alarms) struct Rebase {
    /// Present of the listening clock before.
    pub from: Duration,
    /// Present of the listening clock afterwards.
    pub to: Duration,
}

impl Rebase {
    /// Rebases a time of a listening clock; `Duration::MAX`, which is never, stays.
    pub fn time(self, time: &mut Duration) {
        if *time != Duration::MAX {
            *time = match time.checked_sub(self.from) {
                Some(ahead) => self.to.saturating_add(ahead),
                None => self.to.saturating_sub(self.from.saturating_sub(*time)),
            };
        }
    }

    /// Rebases the listening clock of a moment.
    pub fn moment(self, moment: &mut Moment) {
        self.time(&mut moment.listened);
    }

    /// Rebases the listening clock of a deadline.
    pub fn due(self, due: &mut Due) {
        self.time(&mut due.listened);
    }
}

/// A time as seconds and nanoseconds of Unix time: a stored and restored alarm must continue exactly.
pub(in crate::alarms) mod exact {
    use chrono::{DateTime, Utc};
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::{Serialize, Serializer};

    /// Writes seconds and nanoseconds of Unix time.
    pub fn serialize<S: Serializer>(at: &DateTime<Utc>, to: S) -> Result<S::Ok, S::Error> {
        (at.timestamp(), at.timestamp_subsec_nanos()).serialize(to)
    }

    /// Reads seconds and nanoseconds of Unix time.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<DateTime<Utc>, D::Error> {
        let (seconds, nanos) = <(i64, u32)>::deserialize(from)?;
        DateTime::from_timestamp(seconds, nanos).ok_or_else(|| D::Error::custom("no such time"))
    }
}
