//! Rule kinds `high` and `low`: a value beyond a limit. Pure.
//!
//! ```text
//!   high:  broken   value > limit
//!          over     value <= limit - deadband
//!   low:   broken   value < limit
//!          over     value >= limit + deadband
//! ```
//!
//! Invariant: a value equal to the limit does not violate it; within the deadband the verdict stays (hysteresis),
//! so that a value oscillating around its limit raises one alarm instead of a hundred.

use super::{Verdict, rounding};
use crate::domain::Limit;

/// Judges `value` by `limit`; `limit`, `deadband` (not negative) and `value` are of one unit.
///
/// The end of the deadband is compared in decimals: 0.2 ends a deadband of 0.1 below 0.3, although the binary
/// difference is slightly less than 0.2.
#[must_use]
pub fn judge(side: Limit, limit: f64, deadband: f64, value: f64, was_broken: bool) -> Verdict {
    if side.is_broken_by(value, limit) {
        return Verdict::Broken;
    }
    let rounding = rounding(limit, deadband);
    let is_over = match side {
        Limit::High => value <= limit - deadband + rounding,
        Limit::Low => value >= limit + deadband - rounding,
    };
    Verdict::known(was_broken && !is_over)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn verdicts(side: Limit, limit: f64, deadband: f64, values: &[f64]) -> Vec<bool> {
        let mut is_broken = false;
        let mut next = |value: &f64| {
            is_broken = judge(side, limit, deadband, *value, is_broken) == Verdict::Broken;
            is_broken
        };
        values.iter().map(&mut next).collect()
    }

    #[test]
    fn a_high_limit_is_broken_above_and_over_at_the_end_of_the_deadband() {
        let values = [8.0, 8.1, 8.0, 7.6, 7.5, 7.9, 8.0, 8.1];
        let expected = [false, true, true, true, false, false, false, true];
        assert_eq!(verdicts(Limit::High, 8.0, 0.5, &values), expected);
    }

    #[test]
    fn a_low_limit_is_broken_below_and_over_at_the_end_of_the_deadband() {
        let values = [2.0, 1.9, 2.0, 2.4, 2.5, 2.1, 2.0, 1.9];
        let expected = [false, true, true, true, false, false, false, true];
        assert_eq!(verdicts(Limit::Low, 2.0, 0.5, &values), expected);
    }

    #[test]
    fn without_a_deadband_the_limit_itself_ends_it() {
        assert_eq!(verdicts(Limit::High, 35.0, 0.0, &[35.1, 35.0]), [true, false]);
        assert_eq!(verdicts(Limit::Low, 10.0, 0.0, &[9.9, 10.0]), [true, false]);
    }

    #[test]
    fn the_end_of_the_deadband_is_met_as_decimals_are() {
        // In binary 0.3 - 0.1 is less than 0.2, and 1.1 + 2.2 more than 3.3.
        assert_eq!(verdicts(Limit::High, 0.3, 0.1, &[0.4, 0.2]), [true, false]);
        assert_eq!(verdicts(Limit::Low, 1.1, 2.2, &[1.0, 3.3]), [true, false]);
    }

    #[test]
    fn the_next_number_above_the_limit_breaks_it() {
        assert_eq!(verdicts(Limit::High, 8.0, 0.0, &[8.0_f64.next_up(), 8.0]), [true, false]);
        assert_eq!(verdicts(Limit::Low, 8.0, 0.0, &[8.0_f64.next_down(), 8.0]), [true, false]);
    }

    fn sides() -> impl Strategy<Value = Limit> {
        prop_oneof![Just(Limit::High), Just(Limit::Low)]
    }

    proptest! {
        #[test]
        fn never_flips_inside_the_deadband(
            side in sides(),
            limit in -1e3..1e3_f64,
            deadband in 1e-3..1e2_f64,
            within in prop::collection::vec(0.0..0.999_f64, 1..20),
            was_broken: bool,
        ) {
            for part in within {
                let into = match side {
                    Limit::High => -part * deadband,
                    Limit::Low => part * deadband,
                };
                let verdict = judge(side, limit, deadband, limit + into, was_broken);
                prop_assert_eq!(verdict, Verdict::known(was_broken));
            }
        }

        #[test]
        fn outside_the_deadband_the_past_does_not_count(
            side in sides(), limit in -1e3..1e3_f64, deadband in 0.0..1e2_f64, by in 1e-3..1e3_f64,
        ) {
            let sign = if side == Limit::High { 1.0 } else { -1.0 };
            for was_broken in [true, false] {
                let beyond = judge(side, limit, deadband, limit + sign * by, was_broken);
                prop_assert_eq!(beyond, Verdict::Broken);
                let back = limit - sign * (deadband + by);
                prop_assert_eq!(judge(side, limit, deadband, back, was_broken), Verdict::PersistedAlarm);
            }
        }
    }
}
