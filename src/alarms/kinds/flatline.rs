//! Readings that do not move: a stuck sensor. Pure.
//!
//! Violated if the maximum and the minimum of the last `lasting` differ by at most `within`. The span begins with
//! the newest reading of at least that age, so that a sensor with one reading in seven minutes can be flat for an
//! hour too.
//!
//! State: minimum and maximum of each 64th of `lasting`, from its first reading on. So it is exact for a sensor
//! with fewer than 64 readings in `lasting`. With more it is exact in value, never early, and at most a 64th of
//! `lasting` late, since readings older by that much still count.
//!
//! Invariant: a silence of more than half of `lasting` restarts it, since the value in between is unknown.
//! Otherwise two equal readings before and after a night without power would be a flat night, and a fleet would
//! raise a storm at daybreak. So at least three readings make a flatline.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Sample, Verdict, rounding};
use crate::domain::Conversion;

/// Number of slices of `lasting`: a minute for an hour, and at most 3 KiB per series.
const SLICES: u32 = 64;

/// State of the last `lasting`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Flatline {
    /// By time. Each begins a 64th of `lasting` or more after the one before, and only the first may have begun
    /// `lasting` ago: so there are at most `SLICES + 1`.
    slices: VecDeque<Slice>,
}

/// Readings within a 64th of `lasting`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slice {
    /// Time of the first reading.
    pub first: DateTime<Utc>,
    /// Time of the last reading.
    pub last: DateTime<Utc>,
    /// Minimum, in the series' unit.
    pub min: f64,
    /// Greatest value, in the series' unit.
    pub max: f64,
}

/// Span of the state before the newest reading: the reading that begins the last `lasting` came up to half of it
/// earlier, and its slice a 64th before.
pub(super) fn reach(lasting: Duration) -> Duration {
    lasting.saturating_add(lasting / 2).saturating_add(lasting / SLICES)
}

impl Flatline {
    /// Judges one reading and remembers it; `within`, not negative, is of its unit. A difference that
    /// is `within` as decimals is within it.
    ///
    /// `Unknown` while nothing moved but the readings don't yet go back so far.
    pub fn judge(&mut self, lasting: Duration, within: f64, sample: Sample) -> Verdict {
        let Some(newest) = self.slices.back().map(|slice| slice.last) else {
            self.begin(sample);
            return Verdict::Unknown;
        };
        if sample.at < newest {
            return Verdict::Unknown; // a late one, which is not for this place
        }
        let silence = sample.at - newest;
        if silence > delta(lasting / 2) {
            let has_moved = !self.is_flat(within, sample);
            self.begin(sample);
            return if has_moved { Verdict::PersistedAlarm } else { Verdict::Unknown };
        }
        self.add(sample, delta(lasting / SLICES));
        let goes_back = self.forget_before(sample.at, delta(lasting));
        if !self.is_flat(within, sample) {
            Verdict::PersistedAlarm
        } else if goes_back {
            Verdict::Broken
        } else {
            Verdict::Unknown
        }
    }

    /// Converts the extremes of each slice. Whether all could be.
    pub fn convert(&mut self, by: Conversion) -> bool {
        self.slices.iter_mut().all(|slice| {
            let both = by.apply(slice.min).zip(by.apply(slice.max));
            both.map(|(min, max)| (slice.min, slice.max) = (min, max)).is_some()
        })
    }

    /// A memory of these slices, oldest first.
    #[must_use]
    pub fn of(slices: Vec<Slice>) -> Self {
        Self { slices: slices.into() }
    }

    /// Slices, oldest first.
    pub fn slices(&self) -> impl Iterator<Item = Slice> + '_ {
        self.slices.iter().copied()
    }

    /// Forgets all but `sample`.
    fn begin(&mut self, sample: Sample) {
        self.slices.clear();
        self.slices.push_back(Slice::of(sample));
    }

    fn add(&mut self, sample: Sample, length: TimeDelta) {
        match self.slices.back_mut() {
            Some(slice) if sample.at - slice.first < length => {
                slice.last = sample.at;
                slice.min = slice.min.min(sample.value);
                slice.max = slice.max.max(sample.value);
            }
            _ => self.slices.push_back(Slice::of(sample)),
        }
    }

    /// Forgets the slices before the newest that began `lasting` ago or earlier. Whether one did.
    fn forget_before(&mut self, now: DateTime<Utc>, lasting: TimeDelta) -> bool {
        let is_old = |slice: &Slice| now - slice.first >= lasting;
        while self.slices.get(1).is_some_and(is_old) {
            self.slices.pop_front();
        }
        self.slices.front().is_some_and(is_old)
    }

    /// Whether `sample` and all that is remembered lie within `within` of each other.
    fn is_flat(&self, within: f64, sample: Sample) -> bool {
        let min = self.slices.iter().map(|slice| slice.min).fold(sample.value, f64::min);
        let max = self.slices.iter().map(|slice| slice.max).fold(sample.value, f64::max);
        max - min <= within + rounding(min, max)
    }
}

impl Slice {
    const fn of(sample: Sample) -> Self {
        let Sample { at, value } = sample;
        Self { first: at, last: at, min: value, max: value }
    }

    /// Two readings that say as much of it as is known.
    #[must_use]
    pub const fn samples(self) -> [Sample; 2] {
        let Self { first, last, min, max } = self;
        [Sample { at: first, value: min }, Sample { at: last, value: max }]
    }
}

/// A duration past what the calendar holds is as long as any.
fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use Verdict::{Broken, PersistedAlarm, Unknown};

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(second: i64, value: f64) -> Sample {
        Sample { at: DateTime::from_timestamp(second, 0).unwrap(), value }
    }

    /// One hour, within 0.05: the verdict of each reading of (minute, value).
    fn play(readings: &[(i64, f64)]) -> Vec<Verdict> {
        let mut flatline = Flatline::default();
        let judge =
            |(minute, value): &(i64, f64)| flatline.judge(HOUR, 0.05, at(minute * 60, *value));
        readings.iter().map(judge).collect()
    }

    #[test]
    fn readings_that_stay_within_for_so_long_are_flat() {
        let readings = [(0, 20.0), (20, 20.05), (40, 20.02), (59, 20.0), (60, 20.0)];
        assert_eq!(play(&readings), [Unknown, Unknown, Unknown, Unknown, Broken]);
    }

    #[test]
    fn a_move_ends_it_at_once_and_it_begins_with_the_first_reading_after_the_last_move() {
        let readings = [
            (0, 20.0),
            (30, 20.0),
            (60, 20.0),
            (70, 20.06), // moved: those of the last hour are 0.06 apart
            (100, 20.06),
            (129, 20.06),
            (130, 20.06), // the reading that is an hour old is that of minute 70
        ];
        assert_eq!(
            play(&readings),
            [Unknown, Unknown, Broken, PersistedAlarm, PersistedAlarm, PersistedAlarm, Broken]
        );
    }

    #[test]
    fn a_drift_so_slow_that_each_hour_is_flat_stays_flat() {
        // 0.01 in 20 minutes: 0.03 in an hour, and in the end 0.1 from the first reading.
        let drift: Vec<_> = (0..=10).map(|at| (at * 20, 20.0 + 0.01 * at as f64)).collect();
        let verdicts = play(&drift);
        assert_eq!(verdicts[..3], [Unknown; 3]);
        assert_eq!(verdicts[3..], [Broken; 8]);
    }

    #[test]
    fn a_sensor_that_speaks_seldom_is_flat_though_no_reading_is_just_an_hour_old() {
        let readings: Vec<_> = (0..=9).map(|at| (at * 7, 20.0)).collect();
        let verdicts = play(&readings);
        assert_eq!((verdicts[8], verdicts[9]), (Unknown, Broken)); // at 56 and 63 minutes
    }

    #[test]
    fn a_silence_of_more_than_half_the_time_begins_it_anew() {
        assert_eq!(play(&[(0, 20.0), (30, 20.0), (60, 20.0)])[2], Broken);
        let night = [(0, 20.0), (30, 20.0), (60, 20.0), (600, 20.0), (630, 20.0), (660, 20.0)];
        assert_eq!(play(&night)[2..], [Broken, Unknown, Unknown, Broken]);
        let moved = [(0, 20.0), (30, 20.0), (60, 20.0), (600, 21.0), (630, 21.0), (660, 21.0)];
        assert_eq!(play(&moved)[2..], [Broken, PersistedAlarm, Unknown, Broken]);
    }

    #[test]
    fn values_within_as_decimals_are_within() {
        // In binary 20.05 - 20.0 is more than 0.05.
        assert_eq!(play(&[(0, 20.05), (30, 20.0), (60, 20.05)])[2], Broken);
        assert_eq!(play(&[(0, 20.05), (30, 19.99), (60, 20.05)])[2], PersistedAlarm);
    }

    #[test]
    fn a_late_reading_changes_nothing() {
        let mut flatline = Flatline::default();
        flatline.judge(HOUR, 0.05, at(600, 20.0));
        let before = flatline.clone();
        assert_eq!(flatline.judge(HOUR, 0.05, at(599, 30.0)), Unknown);
        assert_eq!(flatline, before);
    }

    /// The definition, with all readings at hand. `slack_seconds` older ones count as well.
    fn by_definition(all: &[Sample], lasting: i64, within: f64, slack_seconds: i64) -> Verdict {
        let seconds = |sample: &Sample| sample.at.timestamp();
        let now = seconds(all.last().unwrap());
        let gap =
            all.windows(2).rposition(|pair| 2 * (seconds(&pair[1]) - seconds(&pair[0])) > lasting);
        let all = &all[gap.map_or(0, |gap| gap + 1)..];
        let anchor = all.iter().rposition(|sample| seconds(sample) <= now - lasting);
        let from = anchor.map_or(i64::MIN, |anchor| seconds(&all[anchor]) - slack_seconds);
        let values = all.iter().filter(|sample| seconds(sample) >= from).map(|sample| sample.value);
        let (min, max) =
            values.fold((f64::MAX, f64::MIN), |(min, max), value| (min.min(value), max.max(value)));
        match (max - min <= within, anchor) {
            (false, _) => PersistedAlarm,
            (true, Some(_)) => Broken,
            (true, None) => Unknown,
        }
    }

    /// Readings that stay for a while and then move, every so often silent.
    fn series(shortest: i64, longest: i64) -> impl Strategy<Value = Vec<Sample>> {
        let step = prop_oneof![9 => 0..=2_i32, 1 => 0..=9_i32];
        prop::collection::vec((shortest..longest, step), 1..150).prop_map(|steps| {
            let mut second = 0;
            let next = |(after, value)| {
                second += after;
                at(second, f64::from(value))
            };
            steps.into_iter().map(next).collect()
        })
    }

    proptest! {
        #[test]
        fn with_few_readings_it_is_the_definition(all in series(10, 400)) {
            // 640 seconds: slices of ten.
            let mut flatline = Flatline::default();
            for (at, sample) in all.iter().enumerate() {
                let verdict = flatline.judge(Duration::from_secs(640), 2.0, *sample);
                let defined = by_definition(&all[..=at], 640, 2.0, 0);
                // The reading after a silence also knows that it moved.
                prop_assert!(verdict == defined || (verdict, defined) == (PersistedAlarm, Unknown));
            }
        }

        #[test]
        fn with_many_readings_it_is_never_early_and_a_slice_late_at_most(all in series(0, 30)) {
            let mut flatline = Flatline::default();
            for (at, sample) in all.iter().enumerate() {
                let verdict = flatline.judge(Duration::from_secs(640), 2.0, *sample);
                prop_assert!(flatline.slices.len() <= SLICES as usize + 1);
                if verdict == Broken {
                    prop_assert_eq!(by_definition(&all[..=at], 640, 2.0, 0), Broken);
                } else {
                    prop_assert_ne!(by_definition(&all[..=at], 640, 2.0, 10), Broken);
                }
            }
        }
    }
}
