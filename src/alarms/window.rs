//! Sliding window over the samples of a series, bounded in time and number.
//!
//! A sample leaves when it is older than the newest by more than the window's span. Beyond [`CAPACITY`] samples,
//! the window is thinned evenly in time instead of truncated: a day's window of a sensor with a reading each second
//! must still cover a day. Until then all statistics are exact; from then on they are of the remaining samples. The
//! first, last, minimum and maximum are never thinned out; the runner-up to the maximum may be, and is missed when
//! the maximum leaves.
//!
//! Invariants: samples are in order of time, the newest is the last added, none is older than the span, there are
//! at most `CAPACITY`. Never: a clock; a non-finite number (a statistic without a finite result is `None`).

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::Conversion;

/// Maximum of samples: 6 KiB. Enough for one every six minutes of a day, or every three seconds of ten minutes; few
/// enough that a pass over all, which a rate and a deviation make for each reading, takes microseconds.
pub const CAPACITY: usize = 256;

/// One value of a series, in its own unit, which is finite, and when it was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Time of the measurement, by the sensor.
    pub at: DateTime<Utc>,
    /// Finite value, in the series' unit.
    pub value: f64,
}

/// The samples of the last `span`, counted back from the newest, its ends included.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    span: Duration,
    samples: VecDeque<Sample>,
}

impl Window {
    /// Empty window. It allocates as samples come.
    #[must_use]
    pub const fn new(span: Duration) -> Self {
        Self { span, samples: VecDeque::new() }
    }

    /// Adds a sample, and drops those that are too old. A sample older than the newest is ignored.
    pub fn push(&mut self, sample: Sample) {
        if self.newest().is_some_and(|newest| sample.at < newest.at) {
            return;
        }
        self.forget_before(sample.at);
        self.samples.push_back(sample);
        if self.samples.len() > CAPACITY {
            self.thin();
        }
    }

    /// Drops samples older than the span as of `now`: before reading statistics without adding a sample.
    pub fn forget_before(&mut self, now: DateTime<Utc>) {
        // A span beyond the calendar keeps everything.
        let Some(from) =
            TimeDelta::from_std(self.span).ok().and_then(|span| now.checked_sub_signed(span))
        else {
            return;
        };
        while self.samples.front().is_some_and(|oldest| oldest.at < from) {
            self.samples.pop_front();
        }
    }

    /// Removes the sample whose neighbours are closest together: it is missed least, and the density becomes even.
    fn thin(&mut self) {
        let (min, max) = (self.min(), self.max());
        let (mut kept_min, mut kept_max) = (false, false);
        let mut densest: Option<(TimeDelta, usize)> = None;
        for at in 1..self.samples.len() - 1 {
            let value = Some(self.samples[at].value);
            // Of several equal extremes one is enough, else a constant series could not be thinned.
            if !kept_min && value == min {
                kept_min = true;
            } else if !kept_max && value == max {
                kept_max = true;
            } else {
                let gap = self.samples[at + 1].at - self.samples[at - 1].at;
                if densest.is_none_or(|(least, _)| gap < least) {
                    densest = Some((gap, at));
                }
            }
        }
        if let Some((_, at)) = densest {
            self.samples.remove(at);
        }
    }

    /// Converts each value. Returns false if one can't be converted; the window must not be used then.
    pub fn convert(&mut self, by: Conversion) -> bool {
        self.samples
            .iter_mut()
            .all(|sample| by.apply(sample.value).map(|it| sample.value = it).is_some())
    }

    /// Its last part, as a separate window.
    #[must_use]
    pub fn last(&self, span: Duration) -> Self {
        let mut last = Self { span, samples: self.samples.clone() };
        if let Some(newest) = self.newest() {
            last.forget_before(newest.at);
        }
        last
    }

    /// How far back it reaches.
    #[must_use]
    pub const fn span(&self) -> Duration {
        self.span
    }

    /// How many samples it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// True if it has no sample.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// From the oldest to the newest.
    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Sample> + ExactSizeIterator + Clone + '_ {
        self.samples.iter().copied()
    }

    /// Newest sample.
    #[must_use]
    pub fn newest(&self) -> Option<Sample> {
        self.samples.back().copied()
    }

    /// The time from the oldest to the newest; zero for fewer than two samples.
    #[must_use]
    pub fn covers(&self) -> Duration {
        let ends = self.samples.front().zip(self.samples.back());
        ends.and_then(|(first, last)| (last.at - first.at).to_std().ok()).unwrap_or_default()
    }

    /// Arithmetic mean, each sample with equal weight. `None` if empty.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        // From the first value on, so that the mean of equal values is that value to the last bit.
        let origin = self.samples.front()?.value;
        let sum: f64 = self.iter().map(|sample| sample.value - origin).sum();
        finite(origin + sum / count(self.len()))
    }

    /// Minimum. `None` if empty.
    #[must_use]
    pub fn min(&self) -> Option<f64> {
        self.iter().map(|sample| sample.value).reduce(f64::min)
    }

    /// The greatest. `None` when empty.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        self.iter().map(|sample| sample.value).reduce(f64::max)
    }

    /// Sample standard deviation: root of the sum of squared distances from the mean, divided by the count less
    /// one. `None` for fewer than two samples.
    #[must_use]
    pub fn stddev(&self) -> Option<f64> {
        if self.len() < 2 {
            return None;
        }
        let mean = self.mean()?;
        let squares: f64 = self.iter().map(|sample| (sample.value - mean).powi(2)).sum();
        finite((squares / count(self.len() - 1)).sqrt())
    }

    /// The middle one, or the mean of the two in the middle. `None` when empty.
    #[must_use]
    pub fn median(&self) -> Option<f64> {
        let mut values: Vec<f64> = self.iter().map(|sample| sample.value).collect();
        median(&mut values)
    }
}

/// The median of `values`, which it leaves in another order; in linear time. `None` when empty.
pub(super) fn median(values: &mut [f64]) -> Option<f64> {
    let middle = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    let is_odd = values.len() % 2 == 1;
    let (lower, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if is_odd {
        return Some(*upper);
    }
    lower.iter().copied().reduce(f64::max).map(|below| f64::midpoint(below, *upper))
}

fn finite(number: f64) -> Option<f64> {
    number.is_finite().then_some(number)
}

#[allow(clippy::cast_precision_loss)] // at most CAPACITY
const fn count(samples: usize) -> f64 {
    samples as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample(second: i64, value: f64) -> Sample {
        Sample { at: DateTime::from_timestamp(second, 0).unwrap(), value }
    }

    fn window(span_seconds: u64, samples: impl IntoIterator<Item = (i64, f64)>) -> Window {
        let mut window = Window::new(Duration::from_secs(span_seconds));
        samples.into_iter().for_each(|(second, value)| window.push(sample(second, value)));
        window
    }

    fn values(window: &Window) -> Vec<f64> {
        window.iter().map(|sample| sample.value).collect()
    }

    #[test]
    fn statistics_are_those_worked_by_hand() {
        // The squared distances from 5 are 9 1 1 1 0 0 4 16: 32 in all, over 7.
        let eight = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        let window = window(60, (0..).zip(eight));
        assert_eq!((window.mean(), window.min(), window.max()), (Some(5.0), Some(2.0), Some(9.0)));
        assert_eq!(window.median(), Some(4.5));
        assert!((window.stddev().unwrap() - 2.138_089_935_299_395).abs() < 1e-12);
    }

    #[test]
    fn an_empty_window_knows_nothing_and_a_single_sample_no_spread() {
        let empty = window(60, []);
        assert!(empty.is_empty());
        assert_eq!([empty.mean(), empty.min(), empty.max(), empty.stddev()], [None; 4]);
        assert_eq!((empty.median(), empty.newest(), empty.covers()), (None, None, Duration::ZERO));
        let one = window(60, [(0, 3.0)]);
        assert_eq!((one.mean(), one.median(), one.stddev()), (Some(3.0), Some(3.0), None));
    }

    #[test]
    fn the_mean_of_equal_values_is_that_value_and_their_spread_nothing() {
        let window = window(600, (0..100).map(|second| (second, 0.1)));
        assert_eq!((window.mean(), window.stddev()), (Some(0.1), Some(0.0)));
    }

    #[test]
    fn a_sample_as_old_as_the_span_is_kept_and_an_older_one_forgotten() {
        let mut window = window(60, [(0, 1.0), (1, 2.0), (60, 3.0)]);
        assert_eq!((values(&window), window.covers()), (vec![1.0, 2.0, 3.0], window.span()));
        window.push(sample(61, 4.0));
        assert_eq!(values(&window), [2.0, 3.0, 4.0]);
        window.forget_before(sample(121, 0.0).at);
        assert_eq!(values(&window), [4.0]);
    }

    #[test]
    fn a_sample_older_than_the_newest_changes_nothing_and_one_of_the_same_time_joins() {
        let mut window = window(60, [(10, 1.0), (9, 2.0)]);
        assert_eq!(values(&window), [1.0]);
        window.push(sample(10, 3.0));
        assert_eq!(values(&window), [1.0, 3.0]);
    }

    #[test]
    fn numbers_at_the_end_of_the_scale_give_no_statistic_rather_than_infinity() {
        let window = window(60, [(0, -f64::MAX), (1, f64::MAX), (2, f64::MAX)]);
        assert_eq!((window.mean(), window.stddev()), (None, None));
        assert_eq!((window.median(), window.min()), (Some(f64::MAX), Some(-f64::MAX)));
    }

    #[test]
    fn a_span_beyond_the_calendar_keeps_everything() {
        assert_eq!(window(u64::MAX, [(0, 1.0), (4_000_000_000, 2.0)]).len(), 2);
    }

    #[test]
    fn a_fuller_window_is_thinned_and_still_tells_of_all_its_time() {
        // A reading a second for two hours, in a window of one: 3,600 for 256 places.
        let window = window(3600, (0..7200).map(|second| (second, 1.0)));
        assert_eq!(window.len(), CAPACITY);
        let times: Vec<_> = window.iter().map(|sample| sample.at.timestamp()).collect();
        let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        // Evenly spread it would be 14.1 seconds from one to the next.
        assert!(longest <= 28, "{longest}");
        assert!(window.covers() >= Duration::from_secs(3600 - 28), "{:?}", window.covers());
        assert_eq!(times.last(), Some(&7199));
    }

    #[test]
    fn a_single_peak_is_not_thinned_out() {
        let peak = |second| if second == 500 { 99.0 } else { f64::from(second % 7) };
        let mut window = window(3600, (0..3000).map(|second| (i64::from(second), peak(second))));
        assert_eq!((window.len(), window.max(), window.min()), (CAPACITY, Some(99.0), Some(0.0)));
        window.push(sample(500 + 3601, 3.0));
        assert!(window.max() < Some(99.0));
    }

    /// Series in order of time, some with readings of the same second.
    fn series(longest: usize) -> impl Strategy<Value = Vec<Sample>> {
        prop::collection::vec((0..30_i64, -1e6..1e6_f64), 1..longest).prop_map(|steps| {
            let mut second = 0;
            let next = |(step, value)| {
                second += step;
                sample(second, value)
            };
            steps.into_iter().map(next).collect()
        })
    }

    fn close(a: Option<f64>, b: f64) -> bool {
        a.is_some_and(|a| (a - b).abs() <= 1e-6)
    }

    proptest! {
        #[test]
        fn tells_what_a_plain_list_tells(all in series(CAPACITY), span in 1..2000_i64) {
            let mut window = Window::new(Duration::from_secs(span.unsigned_abs()));
            all.iter().for_each(|sample| window.push(*sample));
            let from = all.last().unwrap().at - TimeDelta::seconds(span);
            let kept: Vec<_> = all.into_iter().filter(|sample| sample.at >= from).collect();
            prop_assert_eq!(window.iter().collect::<Vec<_>>(), kept.clone());

            let mut values: Vec<_> = kept.iter().map(|sample| sample.value).collect();
            let n = count(values.len());
            let mean = values.iter().sum::<f64>() / n;
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            prop_assert!(close(window.mean(), mean));
            if values.len() > 1 {
                prop_assert!(close(window.stddev(), (squares / (n - 1.0)).sqrt()));
            }
            values.sort_by(f64::total_cmp);
            prop_assert_eq!(window.min(), values.first().copied());
            prop_assert_eq!(window.max(), values.last().copied());
            let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
            prop_assert!(close(window.median(), f64::midpoint(low, high)));
        }

        #[test]
        fn whatever_comes_it_is_bounded_in_order_and_within_its_span(
            all in series(3 * CAPACITY), span in 1..20_000_i64,
        ) {
            let mut window = Window::new(Duration::from_secs(span.unsigned_abs()));
            for sample in &all {
                window.push(*sample);
                prop_assert!(window.len() <= CAPACITY);
                prop_assert_eq!(window.newest(), Some(*sample));
                prop_assert!(window.covers() <= window.span());
            }
            let kept: Vec<_> = window.iter().collect();
            prop_assert!(kept.is_sorted_by(|a, b| a.at <= b.at));
            prop_assert!(kept.iter().all(|sample| all.contains(sample)));
        }
    }
}
