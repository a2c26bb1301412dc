//! How long what is stored is kept. Pure.
//!
//! What may be deleted is decided in this order; what is above wins:
//!
//! 1. Never: readings that are not summed up yet, those that a restart reads again, and the last [`ROWS_KEPT`] of a
//!    table; alert events that are not published, are of an alarm that is not at rest, or that a receiver has not
//!    read; anything that arrived less than two hours ago.
//! 2. `max_size`: while the database is larger, the oldest readings go before their age; when none are left to
//!    go, buckets of a minute and of 15 minutes do, at half their age, a quarter and so on. Buckets of an hour
//!    and alert events never go for it.
//! 3. The ages, counted from arrival: what is replayed from ten years ago has just arrived. Buckets don't know when
//!    they arrived; those of a series that got readings long after their time are kept until that is as long ago.
//!
//! Without the table `[storage.retention]` nothing is ever deleted.

use std::time::Duration;

use super::rollups::{HOUR_MS, Tier};
use crate::config::RetentionConfig;

/// The newest rows of each table stay, whatever their age: dedup reads them after a restart, and an own reading whose
/// publication is 50,000 behind is recognised by its row.
pub const ROWS_KEPT: i64 = 65_536;

/// What arrived since then stays, whatever the size.
const NEVER_YOUNGER_MS: i64 = 2 * HOUR_MS;

/// Buckets of a minute and of 15 minutes are kept for so long, whatever the size.
const LEAST_MS: [i64; 2] = [24 * HOUR_MS, 7 * 24 * HOUR_MS];

/// Up to when rows may be deleted: those that arrived before it. `None`: none may.
#[must_use]
pub fn rows_before(config: &RetentionConfig, now: i64, is_too_large: bool) -> Option<i64> {
    let by_size = is_too_large.then_some(now - NEVER_YOUNGER_MS);
    let by_age = config.raw.map(|age| now - millis(age).max(NEVER_YOUNGER_MS));
    by_size.max(by_age)
}

/// Up to when alert events and operators' actions may be deleted: those that arrived before it.
#[must_use]
pub fn alerts_before(config: &RetentionConfig, now: i64) -> Option<i64> {
    config.alerts.map(|age| now - millis(age).max(NEVER_YOUNGER_MS))
}

/// Up to when buckets of a tier may be deleted, with ages halved so many times for the size.
#[must_use]
pub fn buckets_before(
    config: &RetentionConfig,
    tier: Tier,
    now: i64,
    num_halved: u32,
) -> Option<i64> {
    let (age, least) = match tier {
        Tier::Minute => (config.minute, LEAST_MS[0]),
        Tier::Quarter => (config.quarter, LEAST_MS[1]),
        Tier::Hour => (config.hour, i64::MAX),
    };
    let by_age = age.map(|age| now - millis(age).max(NEVER_YOUNGER_MS));
    if num_halved == 0 || tier == Tier::Hour {
        return by_age;
    }
    // What is kept for ever is halved from ten years on.
    let age = age.map_or(10 * 365 * 24 * HOUR_MS, millis);
    let halved = age.checked_shr(num_halved).unwrap_or(0).max(least.min(age));
    by_age.max(Some(now - halved))
}

/// Whether halving once more changes anything.
#[must_use]
pub fn can_be_halved(config: &RetentionConfig, now: i64, num_halved: u32) -> bool {
    [Tier::Minute, Tier::Quarter].into_iter().any(|tier| {
        let before = |halved| buckets_before(config, tier, now, halved);
        before(num_halved + 1) > before(num_halved)
    })
}

/// An age in ms.
#[must_use]
pub fn millis(age: Duration) -> i64 {
    i64::try_from(age.as_millis()).unwrap_or(i64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);
    const DAY_MS: i64 = 24 * HOUR_MS;

    fn config() -> RetentionConfig {
        RetentionConfig {
            raw: Some(7 * DAY),
            minute: Some(14 * DAY),
            quarter: Some(90 * DAY),
            hour: Some(1825 * DAY),
            alerts: None,
            max_size: None,
        }
    }

    #[test]
    fn size_comes_before_age_and_two_hours_before_size() {
        assert_eq!(rows_before(&config(), 0, false), Some(-7 * DAY_MS));
        assert_eq!(rows_before(&config(), 0, true), Some(-2 * HOUR_MS));
        let forever = RetentionConfig { raw: None, ..config() };
        assert_eq!(rows_before(&forever, 0, false), None);
        assert_eq!(rows_before(&forever, 0, true), Some(-2 * HOUR_MS));
        assert_eq!(alerts_before(&config(), 0), None);
    }

    #[test]
    fn finer_buckets_go_for_the_size_and_hours_never() {
        let before = |tier, halved| buckets_before(&config(), tier, 0, halved).unwrap() / DAY_MS;
        assert_eq!([0, 1, 2, 3, 4, 99].map(|n| before(Tier::Minute, n)), [-14, -7, -3, -1, -1, -1]);
        assert_eq!([0, 1, 2, 9].map(|n| before(Tier::Quarter, n)), [-90, -45, -22, -7]);
        assert_eq!(before(Tier::Hour, 9), -1825);
        let forever = RetentionConfig { minute: None, quarter: None, hour: None, ..config() };
        assert_eq!(buckets_before(&forever, Tier::Minute, 0, 0), None);
        assert_eq!(buckets_before(&forever, Tier::Minute, 0, 1), Some(-5 * 365 * DAY_MS));
        assert_eq!(buckets_before(&forever, Tier::Hour, 0, 1), None);
        let ends = (0..64).find(|n| !can_be_halved(&config(), 0, *n));
        assert_eq!(ends, Some(4));
    }
}
