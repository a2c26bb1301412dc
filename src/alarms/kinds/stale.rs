//! Rule kind `stale`: a silent sensor. Pure.
//!
//! No reading violates this rule and each one satisfies it, so the only question is when the silence is too long.
//! It is counted on both clocks, from the last reading. The listening clock decides while nothing arrives, and
//! stops while nothing could be received, so a restart after a weekend finds no sensor stale; the reading's own
//! time dates the alarm.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// Time at which a series becomes stale, on both clocks, after its last reading at `last` (the reading's own time)
/// and `heard` (listening clock).
#[must_use]
pub fn due(last: DateTime<Utc>, heard: Duration, after: Duration) -> (DateTime<Utc>, Duration) {
    let at = TimeDelta::from_std(after).ok().and_then(|after| last.checked_add_signed(after));
    // Past the end of the calendar is never.
    (at.unwrap_or(DateTime::<Utc>::MAX_UTC), heard.saturating_add(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_so_long_after_the_last_reading_on_both_clocks() {
        let last = DateTime::from_timestamp(1_000, 0).unwrap();
        let (at, listened) = due(last, Duration::from_secs(50), Duration::from_secs(900));
        assert_eq!(at, DateTime::from_timestamp(1_900, 0).unwrap());
        assert_eq!(listened, Duration::from_secs(950));
    }

    #[test]
    fn past_the_end_of_time_is_never() {
        let last = DateTime::from_timestamp(1_000, 0).unwrap();
        let never = (DateTime::<Utc>::MAX_UTC, Duration::MAX);
        assert_eq!(due(last, Duration::from_secs(50), Duration::MAX), never);
        let (at, _) = due(DateTime::<Utc>::MAX_UTC, Duration::ZERO, Duration::from_secs(1));
        assert_eq!(at, DateTime::<Utc>::MAX_UTC);
    }
}
