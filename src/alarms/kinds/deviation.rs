//! Rule kind `deviation`: a value unlike the series' own past. Pure.
//!
//! ```text
//!   broken   |value − median| > deviations × spread
//!   spread   1.4826 × median(|sample − median|), over the window's earlier samples
//! ```
//!
//! Measure: the median absolute deviation, scaled to the standard deviation of a normal distribution: the test of
//! Hampel, and of Iglewicz and Hoaglin (*How to Detect and Handle Outliers*, 1993). Unlike mean and standard
//! deviation, both medians are stable while fewer than half of the samples are outliers, so an outlier masks
//! neither itself nor the next one.
//!
//! If more than half of the samples are equal, as with a coarse resolution, that deviation is 0 and any change
//! would be an alarm. Then the spread is the *usual step*: the median of the non-zero changes between consecutive
//! samples. A thermometer of tenths at a constant 20.0 may so move by `deviations` tenths. Not the smallest step: a
//! value at its stop (humidity at 100) leaves it by steps of which the smallest is near zero. Not the mean
//! deviation, which also approaches 0 the longer a value is constant. If no sample ever changed, the first change
//! is `Unknown`.
//!
//! Invariant: a value is judged by those before it, then added to them, even an outlier. A new level is an alarm
//! until it makes up half of the window, and is then usual.

use std::time::Duration;

use super::{Sample, Verdict, rounding};
use crate::alarms::window::{Window, median};
use crate::domain::Conversion;

/// Fewer samples have no median worth an alarm.
pub const FEWEST_SAMPLES: usize = 10;

/// The standard deviation of a normal distribution in median absolute deviations: 1 / Φ⁻¹(3/4).
const STANDARD_DEVIATION: f64 = 1.4826;

/// Last samples of the series: at most [`CAPACITY`](crate::alarms::window::CAPACITY), evenly thinned beyond that.
#[derive(Debug, Clone, PartialEq)]
pub struct Deviation {
    past: Window,
}

impl Deviation {
    /// Empty past of length `window`.
    #[must_use]
    pub const fn new(window: Duration) -> Self {
        Self { past: Window::new(window) }
    }

    /// Samples, oldest first.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample> {
        self.past.iter().collect()
    }

    /// Converts each sample. Whether all could be.
    pub fn convert(&mut self, by: Conversion) -> bool {
        self.past.convert(by)
    }

    /// Remembers a sample without judging it.
    pub fn push(&mut self, sample: Sample) {
        self.past.push(sample);
    }

    /// Judges one reading by those before it, and adds it; `deviations` is above 0.
    ///
    /// Bounded cost: at most four passes over the window and three selections in linear time.
    pub fn judge(&mut self, deviations: f64, sample: Sample) -> Verdict {
        self.past.forget_before(sample.at);
        let verdict = self.unlike(deviations, sample.value).into();
        self.past.push(sample);
        verdict
    }

    /// Whether `value` is too far from the median; `None` if undecidable.
    fn unlike(&self, deviations: f64, value: f64) -> Option<bool> {
        if self.past.len() < FEWEST_SAMPLES {
            return None;
        }
        let mut values: Vec<f64> = self.past.iter().map(|sample| sample.value).collect();
        let middle = median(&mut values)?;
        let distance = (value - middle).abs();
        if distance <= rounding(value, middle) {
            return Some(false);
        }
        for value in &mut values {
            *value = (*value - middle).abs();
        }
        let absolute = median(&mut values)?;
        let spread = if absolute > rounding(middle, middle) {
            STANDARD_DEVIATION * absolute
        } else {
            self.usual_step()?
        };
        Some(distance > deviations * (spread + rounding(value, middle)))
    }

    /// Median of the non-zero changes between consecutive samples.
    fn usual_step(&self) -> Option<f64> {
        let values = self.past.iter().map(|sample| sample.value);
        let pairs = values.clone().zip(values.skip(1));
        let has_changed = |(a, b): &(f64, f64)| (b - a).abs() > rounding(*a, *b);
        let mut steps: Vec<_> = pairs.filter(has_changed).map(|(a, b)| (b - a).abs()).collect();
        median(&mut steps)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;
    use crate::alarms::window::CAPACITY;
    use Verdict::{Broken, PersistedAlarm, Unknown};

    fn minute(minute: i64, value: f64) -> Sample {
        Sample { at: DateTime::from_timestamp(minute * 60, 0).unwrap(), value }
    }

    /// An hour's past of these values, a minute from each to the next.
    fn past(values: impl IntoIterator<Item = f64>) -> (Deviation, i64) {
        let mut deviation = Deviation::new(Duration::from_secs(3600));
        let mut next = 0;
        for value in values {
            deviation.past.push(minute(next, value));
            next += 1;
        }
        (deviation, next)
    }

    /// What six deviations say of `value` after `values`.
    fn verdict(values: impl IntoIterator<Item = f64>, value: f64) -> Verdict {
        let (mut deviation, next) = past(values);
        deviation.judge(6.0, minute(next, value))
    }

    #[test]
    fn the_line_is_where_the_formula_puts_it() {
        // 1 to 11: the median is 6, the distances 5 4 3 2 1 0 1 2 3 4 5, their median 3.
        // 6 deviations: 6 × 1.4826 × 3 = 26.6868, so broken beyond 32.6868 and -20.6868.
        let eleven = || (1..=11).map(f64::from);
        assert_eq!(verdict(eleven(), 32.68), PersistedAlarm);
        assert_eq!(verdict(eleven(), 32.69), Broken);
        assert_eq!(verdict(eleven(), -20.68), PersistedAlarm);
        assert_eq!(verdict(eleven(), -20.69), Broken);
    }

    #[test]
    fn an_outlier_does_not_hide_the_next_one() {
        let noise = || (0..20).map(|at| f64::from(at % 5));
        assert_eq!(verdict(noise().chain([1e6; 5]), 1e6), Broken);
        assert_eq!(verdict(noise().chain([1e6; 5]), 3.0), PersistedAlarm);
    }

    #[test]
    fn fewer_than_ten_samples_tell_nothing() {
        assert_eq!(verdict((1..=9).map(f64::from), 1000.0), Unknown);
        assert_eq!(verdict((1..=10).map(f64::from), 1000.0), Broken);
    }

    #[test]
    fn those_that_are_too_old_when_it_comes_tell_nothing_of_it() {
        let (mut deviation, next) = past((1..=30).map(f64::from));
        assert_eq!(deviation.judge(6.0, minute(next + 60, 1000.0)), Unknown);
        assert_eq!(deviation.past.len(), 1);
    }

    #[test]
    fn a_value_is_judged_before_it_joins() {
        let (mut deviation, next) = past((1..=10).map(f64::from));
        let before = deviation.past.len();
        assert_eq!(deviation.judge(6.0, minute(next, 1000.0)), Broken);
        assert_eq!(deviation.past.len(), before + 1);
        assert_eq!(deviation.past.newest().unwrap().value, 1000.0);
    }

    #[test]
    fn a_new_level_is_an_alarm_until_it_makes_half_of_the_window() {
        let (mut deviation, next) = past((0..20).map(|at| f64::from(at % 3)));
        let after =
            (0..30).map(|at| deviation.judge(6.0, minute(next + at, 50.0 + (at % 3) as f64)));
        let verdicts: Vec<_> = after.collect();
        // With 20 of either the median is between them; the next reading makes it the new level.
        assert_eq!(verdicts[..20], [Broken; 20]);
        assert_eq!(verdicts[21..], [PersistedAlarm; 9]);
    }

    /// A thermometer of tenths that mostly stands at 20.0: the median absolute deviation is 0.
    fn standing() -> impl Iterator<Item = f64> {
        (0..40).map(|at| if at % 10 == 9 { 20.1 } else { 20.0 })
    }

    #[test]
    fn a_value_that_mostly_stands_may_move_by_so_many_of_its_usual_steps() {
        assert_eq!(verdict(standing(), 20.0), PersistedAlarm);
        assert_eq!(verdict(standing(), 20.6), PersistedAlarm); // six steps, as decimals
        assert_eq!(verdict(standing(), 20.7), Broken);
        assert_eq!(verdict(standing(), 19.4), PersistedAlarm);
        assert_eq!(verdict(standing(), 19.3), Broken);
        // In binary 1.3 is more than six times 0.7 - 0.6 away from 0.7.
        let tenths = (0..40).map(|at| if at % 10 == 9 { 0.6 } else { 0.7 });
        assert_eq!(verdict(tenths, 1.3), PersistedAlarm);
    }

    #[test]
    fn a_value_held_at_its_stop_leaves_it_without_an_alarm() {
        let humidity = (0..10).flat_map(|_| [100.0, 100.0, 100.0, 99.4, 99.3999]);
        assert_eq!(verdict(humidity, 98.9), PersistedAlarm);
    }

    #[test]
    fn of_a_value_that_never_moved_the_first_move_tells_nothing() {
        assert_eq!(verdict([20.0; 30], 20.0), PersistedAlarm);
        assert_eq!(verdict([20.0; 30], 20.1), Unknown);
        assert_eq!(verdict([20.0; 30], 70.0), Unknown);
        // The jump is the one step known, until the value moves where it is.
        assert_eq!(verdict([20.0; 30].into_iter().chain([70.0]), 70.1), PersistedAlarm);
        assert_eq!(verdict([20.0; 30].into_iter().chain([70.0, 70.1, 70.0]), 70.1), Broken);
    }

    #[test]
    fn values_at_the_ends_of_the_scale_are_no_panic() {
        assert_eq!(verdict((1..=11).map(f64::from), f64::MAX), Broken);
        let ends = (0..20).map(|at| if at % 2 == 0 { f64::MAX } else { -f64::MAX });
        assert_eq!(verdict(ends, 1.0), PersistedAlarm);
    }

    proptest! {
        #[test]
        fn it_is_the_formula_whatever_the_samples(
            values in prop::collection::vec(-1e3..1e3_f64, FEWEST_SAMPLES..60), value in -1e4..1e4_f64,
        ) {
            let middle_of = |values: &mut Vec<f64>| {
                values.sort_by(f64::total_cmp);
                f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2])
            };
            let mut sorted = values.clone();
            let middle = middle_of(&mut sorted);
            let mut distances = sorted.iter().map(|value| (value - middle).abs()).collect();
            let line = 6.0 * 1.4826 * middle_of(&mut distances);
            prop_assume!(((value - middle).abs() - line).abs() > 1e-6);
            let expected = Verdict::known((value - middle).abs() > line);
            prop_assert_eq!(verdict(values, value), expected);
        }

        #[test]
        fn its_memory_is_bounded(values in prop::collection::vec(-1e3..1e3_f64, 0..600)) {
            let mut deviation = Deviation::new(Duration::from_secs(86_400));
            for (at, value) in (0..).zip(values) {
                deviation.judge(6.0, minute(at, value));
                prop_assert!(deviation.past.len() <= CAPACITY);
            }
        }
    }
}
