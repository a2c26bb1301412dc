//! Rule kind `rate`: a value that changes too fast. Pure.
//!
//! The rate is the least-squares slope over the samples of the window, `Σ(t − t̄)(x − x̄) / Σ(t − t̄)²`, like
//! Prometheus' `deriv()`. All samples contribute, so noise averages out, unlike between the first and the last
//! alone. An outlier still tilts the line, more so with fewer samples: use an on-delay for that.
//!
//! Invariant: no rate is computed from less than half the window, where one step of a noisy value would be a steep
//! line.

use super::{Sample, Verdict};
use crate::alarms::window::Window;

/// Judges one reading, which is added to `window`: faster than `per_minute` in the series' unit, upward if
/// positive, downward if negative.
pub fn judge(per_minute: f64, window: &mut Window, sample: Sample) -> Verdict {
    window.push(sample);
    let is_broken =
        |slope: f64| if per_minute > 0.0 { slope > per_minute } else { slope < per_minute };
    slope_per_minute(window).map(is_broken).into()
}

/// Slope of the series per minute, in its unit, by least squares. `None` with fewer than two samples, if they cover
/// less than half of the window, or if the result is not finite.
#[must_use]
pub fn slope_per_minute(window: &Window) -> Option<f64> {
    let newest = window.newest()?;
    if window.covers() < window.span() / 2 {
        return None;
    }
    let mean = window.mean()?;
    // Relative to the newest: a time since 1970 would leave few digits for the differences.
    let minutes = |sample: Sample| (sample.at - newest.at).as_seconds_f64() / 60.0;
    #[allow(clippy::cast_precision_loss)] // at most the window's capacity
    let mean_minutes = window.iter().map(minutes).sum::<f64>() / window.len() as f64;
    let (mut products, mut squares) = (0.0, 0.0);
    for sample in window.iter() {
        let distance = minutes(sample) - mean_minutes;
        products += distance * (sample.value - mean);
        squares += distance * distance;
    }
    // Samples of the same time have no slope: 0 / 0.
    Some(products / squares).filter(|slope| slope.is_finite())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::DateTime;
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64, value: f64) -> Sample {
        Sample { at: DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap(), value }
    }

    /// Ten minutes, with one sample a minute from the first on.
    fn ten_minutes(values: &[f64]) -> Window {
        let mut window = Window::new(Duration::from_secs(600));
        (0..).zip(values).for_each(|(minute, value)| window.push(at(minute * 60, *value)));
        window
    }

    fn is_about(slope: Option<f64>, expected: f64) -> bool {
        slope.is_some_and(|slope| (slope - expected).abs() < 1e-9)
    }

    #[test]
    fn a_straight_line_has_its_own_slope() {
        let rising = ten_minutes(&[20.0, 22.0, 24.0, 26.0, 28.0, 30.0]);
        assert!(is_about(slope_per_minute(&rising), 2.0), "{:?}", slope_per_minute(&rising));
    }

    #[test]
    fn the_slope_is_that_worked_by_hand() {
        // Minutes 0 to 5: distances -2.5 -1.5 -0.5 0.5 1.5 2.5, whose squares sum to 17.5.
        // Values 1 3 2 5 4 6, mean 3.5: -2.5 -0.5 -1.5 1.5 0.5 2.5.
        // Products 6.25 + 0.75 + 0.75 + 0.75 + 0.75 + 6.25 = 15.5; 15.5 / 17.5.
        let noisy = ten_minutes(&[1.0, 3.0, 2.0, 5.0, 4.0, 6.0]);
        assert!(is_about(slope_per_minute(&noisy), 15.5 / 17.5));
    }

    #[test]
    fn less_than_half_the_window_tells_no_rate() {
        assert_eq!(slope_per_minute(&ten_minutes(&[])), None);
        assert_eq!(slope_per_minute(&ten_minutes(&[1.0])), None);
        assert_eq!(slope_per_minute(&ten_minutes(&[1.0, 2.0, 3.0, 4.0, 5.0])), None);
        assert!(slope_per_minute(&ten_minutes(&[1.0; 6])).is_some());
    }

    #[test]
    fn upward_and_downward_are_two_rules() {
        let verdict = |per_minute, values: &[f64]| {
            let mut window = ten_minutes(values);
            let minute = i64::try_from(values.len()).unwrap();
            // One more step as the last.
            let [.., before, last] = values else { panic!("two values at least") };
            judge(per_minute, &mut window, at(minute * 60, last + (last - before)))
        };
        let rising = [0.0, 2.0, 4.0, 6.0, 8.0];
        let falling = [0.0, -2.0, -4.0, -6.0, -8.0];
        assert_eq!(verdict(1.9, &rising), Verdict::Broken);
        assert_eq!(verdict(2.1, &rising), Verdict::PersistedAlarm);
        assert_eq!(verdict(-1.9, &rising), Verdict::PersistedAlarm);
        assert_eq!(verdict(-1.9, &falling), Verdict::Broken);
        assert_eq!(verdict(-2.1, &falling), Verdict::PersistedAlarm);
        assert_eq!(verdict(1.9, &falling), Verdict::PersistedAlarm);
        assert_eq!(verdict(1.0, &rising[..2]), Verdict::Unknown);
    }

    #[test]
    fn after_a_long_silence_the_rate_is_unknown_until_half_the_window_is_there_again() {
        let mut window = ten_minutes(&[0.0; 10]);
        let after = |minute: i64, value: f64| at((60 + minute) * 60, value);
        for minute in 0..5 {
            assert_eq!(judge(1.0, &mut window, after(minute, 50.0)), Verdict::Unknown);
        }
        assert_eq!(judge(1.0, &mut window, after(5, 50.0)), Verdict::PersistedAlarm);
    }

    #[test]
    fn samples_of_one_time_and_values_without_end_have_no_slope() {
        let mut window = Window::new(Duration::ZERO);
        assert_eq!(judge(1.0, &mut window, at(0, 1.0)), Verdict::Unknown);
        assert_eq!(judge(1.0, &mut window, at(0, 2.0)), Verdict::Unknown);
        let huge = ten_minutes(&[-f64::MAX, 0.0, 0.0, 0.0, 0.0, f64::MAX]);
        assert_eq!(slope_per_minute(&huge), None);
    }

    proptest! {
        #[test]
        fn noise_upon_a_line_moves_its_slope_little(
            slope in -5.0..5.0_f64,
            noise in prop::collection::vec(-0.5..0.5_f64, 11),
        ) {
            let values: Vec<_> =
                (0..11).zip(noise).map(|(at, by)| slope * f64::from(at) + by).collect();
            // At worst the noise takes the side of each distance: 0.5 × 30 / 110.
            let told = slope_per_minute(&ten_minutes(&values)).unwrap();
            prop_assert!((told - slope).abs() <= 0.5 * 30.0 / 110.0 + 1e-9, "{} {}", told, slope);
        }
    }
}
