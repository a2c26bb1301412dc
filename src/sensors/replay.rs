//! Due times of a recording's rows. Pure: the clock is an argument.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::recording::Row;
use crate::config::{ReplayTimes, Speed};

/// Progress of a replay. It outlives the sensor's incarnation, so that a restarted one continues.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Progress {
    /// Rows that are done, invalid ones included.
    pub rows_done: u64,
    pub origin: Option<Origin>,
}

/// The first row's time, and the moment it was played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Origin {
    pub recorded: DateTime<Utc>,
    pub played: DateTime<Utc>,
}

impl Origin {
    /// Wait from `now` until a row is due; zero for a late row.
    #[must_use]
    pub fn wait(&self, row: &Row, speed: Speed, now: DateTime<Utc>) -> Duration {
        let Speed::Times(factor) = speed else { return Duration::ZERO };
        let recorded = (row.timestamp - self.recorded).to_std().unwrap_or_default();
        let played = (now - self.played).to_std().unwrap_or_default();
        // With a very small factor the wait overflows: the row is never due.
        let due = Duration::try_from_secs_f64(recorded.as_secs_f64() / factor);
        due.unwrap_or(Duration::MAX).saturating_sub(played)
    }

    /// Timestamp of a row's reading.
    #[must_use]
    pub fn timestamp(&self, row: &Row, times: ReplayTimes) -> DateTime<Utc> {
        let shift = match times {
            ReplayTimes::File => TimeDelta::zero(),
            ReplayTimes::Now => self.played - self.recorded,
        };
        row.timestamp.checked_add_signed(shift).unwrap_or(row.timestamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Value;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn row(seconds: i64) -> Row {
        Row { timestamp: at(seconds), value: Value::new(1.0).unwrap() }
    }

    const HOUR: i64 = 3_600;

    #[test]
    fn rows_are_due_at_the_recorded_pace_times_the_speed() {
        let origin = Origin { recorded: at(0), played: at(100_000) };
        let wait = |row_at, speed, now| origin.wait(&row(row_at), speed, at(now)).as_secs();
        assert_eq!(wait(HOUR, Speed::Times(1.0), 100_000), 3_600);
        assert_eq!(wait(HOUR, Speed::Times(3600.0), 100_000), 1);
        assert_eq!(wait(HOUR, Speed::Times(3600.0), 100_005), 0);
        assert_eq!(wait(HOUR, Speed::Max, 100_000), 0);
        assert!(wait(HOUR, Speed::Times(1e-300), 100_000) > 1_000_000);
    }

    #[test]
    fn times_are_kept_or_shifted_to_now() {
        let origin = Origin { recorded: at(0), played: at(100_000) };
        assert_eq!(origin.timestamp(&row(HOUR), ReplayTimes::File), at(HOUR));
        assert_eq!(origin.timestamp(&row(HOUR), ReplayTimes::Now), at(100_000 + HOUR));
    }
}
