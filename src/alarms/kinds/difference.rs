//! Rule kind `difference`: a value too far from that of another sensor, of the same quantity. Pure.
//!
//! The distance counts in both directions, with a deadband as for a high limit. Only readings of the rule's own
//! sensor are judged, by the other's newest value.
//!
//! Invariant: two values are compared only if they were measured at about the same time.

use chrono::TimeDelta;

use super::{Sample, Verdict, level, rounding};
use crate::domain::Limit;

/// Maximum time between two compared values, in either direction: the interval of the slowest common sensors.
/// Beyond it the other counts as silent.
pub const FARTHEST_APART: TimeDelta = TimeDelta::minutes(10);

/// Judges one reading by the other sensor's newest; `limit` and `deadband` (not negative) are in their unit.
/// `Unknown` without the other, or if it is too far in time.
///
/// The distance is compared in decimals: 20.05 and 20.0 are 0.05 apart and don't exceed a limit of 0.05.
#[must_use]
pub fn judge(
    limit: f64,
    deadband: f64,
    sample: Sample,
    other: Option<Sample>,
    was_broken: bool,
) -> Verdict {
    let Some(other) = other.filter(|other| (sample.at - other.at).abs() <= FARTHEST_APART) else {
        return Verdict::Unknown;
    };
    let apart = (sample.value - other.value).abs();
    let rounding = rounding(sample.value, other.value);
    let is_met = |line: &f64| (apart - line).abs() <= rounding;
    let distance = [limit, limit - deadband].into_iter().find(is_met).unwrap_or(apart);
    level::judge(Limit::High, limit, deadband, distance, was_broken)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn at(second: i64, value: f64) -> Sample {
        Sample { at: DateTime::from_timestamp(second, 0).unwrap(), value }
    }

    fn verdict(value: f64, other: f64, was_broken: bool) -> Verdict {
        judge(3.0, 0.5, at(0, value), Some(at(0, other)), was_broken)
    }

    #[test]
    fn the_distance_counts_to_either_side() {
        assert_eq!(verdict(8.1, 5.0, false), Verdict::Broken);
        assert_eq!(verdict(1.9, 5.0, false), Verdict::Broken);
        assert_eq!(verdict(8.0, 5.0, false), Verdict::PersistedAlarm);
        assert_eq!(verdict(-1.0, 2.1, false), Verdict::Broken);
    }

    #[test]
    fn it_is_over_at_the_end_of_the_deadband() {
        assert_eq!(verdict(7.6, 5.0, true), Verdict::Broken);
        assert_eq!(verdict(7.6, 5.0, false), Verdict::PersistedAlarm);
        assert_eq!(verdict(7.5, 5.0, true), Verdict::PersistedAlarm);
    }

    #[test]
    fn without_the_other_or_with_one_of_another_time_nothing_is_known() {
        let judge_at = |other| judge(3.0, 0.0, at(1000, 50.0), other, true);
        assert_eq!(judge_at(None), Verdict::Unknown);
        assert_eq!(judge_at(Some(at(399, 5.0))), Verdict::Unknown);
        assert_eq!(judge_at(Some(at(400, 5.0))), Verdict::Broken);
        assert_eq!(judge_at(Some(at(1600, 5.0))), Verdict::Broken);
        assert_eq!(judge_at(Some(at(1601, 5.0))), Verdict::Unknown);
    }

    #[test]
    fn distances_meet_the_limit_as_decimals_do() {
        // In binary 20.05 - 20.0 is more than 0.05, and 20.3 - 20.0 more than 0.3.
        let judge_as = |limit, deadband, value, was_broken| {
            judge(limit, deadband, at(0, value), Some(at(0, 20.0)), was_broken)
        };
        assert_eq!(judge_as(0.05, 0.0, 20.05, false), Verdict::PersistedAlarm);
        assert_eq!(judge_as(0.05, 0.0, 20.05, true), Verdict::PersistedAlarm);
        assert_eq!(judge_as(0.05, 0.0, 20.06, false), Verdict::Broken);
        assert_eq!(judge_as(0.5, 0.2, 20.3, true), Verdict::PersistedAlarm);
    }

    #[test]
    fn values_at_both_ends_of_the_scale_are_far_apart() {
        assert_eq!(verdict(f64::MAX, -f64::MAX, false), Verdict::Broken);
    }
}
