//! Whether a reading breaks a rule, kind by kind: [`level`], [`rate`], [`flatline`], [`deviation`],
//! [`difference`]; and [`stale`], which no reading breaks. Pure.
//!
//! A judgement follows from the rule, the reading, what the kind remembers of the series, and for a
//! difference the other sensor's newest value. Readings of a series come in order of their own time;
//! a late one is none of this module's business.
//!
//! Invariant: where too little is known the verdict is [`Verdict::Unknown`], which neither raises
//! nor ends an alarm, so that a new sensor, a restart and a silence raise nothing by themselves. What
//! is remembered is bounded. Never: a delay, which is the alarm's (`machine.rs`); the judgement of an
//! expression, which has a scope of its own (`context.rs`).

pub mod deviation;
pub mod difference;
pub mod flatline;
pub mod level;
pub mod rate;
pub mod stale;

use std::time::Duration;

pub use self::deviation::Deviation;
pub use self::flatline::{Flatline, Slice};
use super::rule::Kind;
pub use super::window::Sample;
use super::window::Window;
use crate::domain::Conversion;
use crate::domain::{Limit, SensorId};

/// What a kind remembers of one series between readings.
///
/// A checkpoint of its series has it as it is. Boxed, since most rules need none
/// and there is one for each rule and sensor.
#[derive(Debug, Clone, PartialEq)]
pub enum Memory {
    /// Each reading is judged by itself.
    None,
    /// Samples of the rule's window.
    Rate(Box<Window>),
    /// Extremes of parts of the rule's time span.
    Flatline(Box<Flatline>),
    /// Samples of the rule's window.
    Deviation(Box<Deviation>),
    /// What an expression may ask for.
    Expression(Box<Window>),
}

/// What a [`Memory`] holds, without its rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Remembered {
    /// Samples, oldest first.
    Samples(Vec<Sample>),
    /// Slices of a flatline, oldest first.
    Slices(Vec<Slice>),
}

impl Remembered {
    /// Samples, oldest first. Each slice of a flatline gives two: its least and its greatest value.
    #[must_use]
    pub fn into_samples(self) -> Vec<Sample> {
        match self {
            Self::Samples(samples) => samples,
            Self::Slices(slices) => slices.into_iter().flat_map(Slice::samples).collect(),
        }
    }
}

/// What a reading says of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The reading breaks the rule.
    Broken,
    /// The reading keeps the rule.
    PersistedAlarm,
    /// Not enough is known: the alarm stays as it is.
    Unknown,
}

/// What is known of other series.
pub trait Others {
    /// The newest value of that sensor, of the rule's own quantity.
    fn value(&self, sensor: &SensorId) -> Option<Sample>;
}

impl Memory {
    /// The memory of a series that nothing is known of.
    #[must_use]
    pub fn new(kind: &Kind) -> Self {
        match kind {
            Kind::Rate { window, .. } => Self::Rate(Box::new(Window::new(*window))),
            Kind::Flatline { .. } => Self::Flatline(Box::default()),
            Kind::Deviation { window, .. } => Self::Deviation(Box::new(Deviation::new(*window))),
            Kind::Expression { condition } => {
                Self::Expression(Box::new(Window::new(condition.needs().longest_window)))
            }
            Kind::High { .. }
            | Kind::Low { .. }
            | Kind::Stale { .. }
            | Kind::Difference { .. }
            | Kind::Finding => Self::None,
        }
    }

    const fn is_of(&self, kind: &Kind) -> bool {
        match kind {
            Kind::Rate { .. } => matches!(self, Self::Rate(_)),
            Kind::Flatline { .. } => matches!(self, Self::Flatline(_)),
            Kind::Deviation { .. } => matches!(self, Self::Deviation(_)),
            Kind::Expression { .. } => matches!(self, Self::Expression(_)),
            Kind::High { .. }
            | Kind::Low { .. }
            | Kind::Stale { .. }
            | Kind::Difference { .. }
            | Kind::Finding => {
                matches!(self, Self::None)
            }
        }
    }

    /// The series goes on in another unit. Whether what is remembered does: not where the two units measure different
    /// things, or a value becomes too large for a number. Numbers of a unit that is not known go on as they are.
    #[must_use]
    pub fn convert(&mut self, by: Conversion) -> bool {
        match (by, self) {
            (Conversion::Same | Conversion::Unknown, _) | (_, Self::None) => true,
            (Conversion::Different, _) => false,
            (_, Self::Rate(window) | Self::Expression(window)) => window.convert(by),
            (_, Self::Flatline(flatline)) => flatline.convert(by),
            (_, Self::Deviation(deviation)) => deviation.convert(by),
        }
    }

    /// What it holds, exactly; `None` where nothing is remembered.
    #[must_use]
    pub fn remembered(&self) -> Option<Remembered> {
        Some(match self {
            Self::None => return None,
            Self::Rate(window) | Self::Expression(window) => {
                Remembered::Samples(window.iter().collect())
            }
            Self::Flatline(flatline) => Remembered::Slices(flatline.slices().collect()),
            Self::Deviation(deviation) => Remembered::Samples(deviation.samples()),
        })
    }

    /// A memory that holds just that; `None` if it can't be of that kind.
    #[must_use]
    pub fn resume(kind: &Kind, remembered: Remembered) -> Option<Self> {
        let mut memory = Self::new(kind);
        match (&mut memory, remembered) {
            (Self::Rate(window) | Self::Expression(window), Remembered::Samples(samples)) => {
                samples.into_iter().for_each(|sample| window.push(sample));
            }
            (Self::Deviation(deviation), Remembered::Samples(samples)) => {
                samples.into_iter().for_each(|sample| deviation.push(sample));
            }
            (Self::Flatline(flatline), Remembered::Slices(slices)) => {
                **flatline = Flatline::of(slices);
            }
            _ => return None,
        }
        Some(memory)
    }

    /// How far back from a series' newest reading its readings must be judged, in order, to remember what
    /// one that was judged from the start remembers. How a dense series was thinned may differ.
    #[must_use]
    pub fn reach(kind: &Kind) -> Duration {
        match kind {
            Kind::Rate { window, .. } | Kind::Deviation { window, .. } => *window,
            Kind::Flatline { lasting, .. } => flatline::reach(*lasting),
            Kind::Expression { condition } => condition.needs().longest_window,
            _ => Duration::ZERO,
        }
    }
}

impl Verdict {
    /// Verdict on a reading of which enough is known.
    #[must_use]
    pub const fn known(is_broken: bool) -> Self {
        if is_broken { Self::Broken } else { Self::PersistedAlarm }
    }
}

impl From<Option<bool>> for Verdict {
    /// `None` is what is not known.
    fn from(is_broken: Option<bool>) -> Self {
        is_broken.map_or(Self::Unknown, Self::known)
    }
}

/// Judges one reading, the newest of its series, and remembers it.
///
/// `was_broken` is what was last known of this rule and series: kinds with a deadband ask for it.
/// A memory of another kind than `kind` is replaced by a new one. An expression is `Unknown` here.
pub fn judge(
    kind: &Kind,
    memory: &mut Memory,
    sample: Sample,
    was_broken: bool,
    others: &impl Others,
) -> Verdict {
    if !memory.is_of(kind) {
        *memory = Memory::new(kind);
    }
    match (kind, memory) {
        (Kind::High { limit, deadband }, _) => {
            level::judge(Limit::High, *limit, *deadband, sample.value, was_broken)
        }
        (Kind::Low { limit, deadband }, _) => {
            level::judge(Limit::Low, *limit, *deadband, sample.value, was_broken)
        }
        (Kind::Rate { per_minute, .. }, Memory::Rate(window)) => {
            rate::judge(*per_minute, window, sample)
        }
        (Kind::Flatline { lasting, within }, Memory::Flatline(flatline)) => {
            flatline.judge(*lasting, *within, sample)
        }
        (Kind::Deviation { deviations, .. }, Memory::Deviation(deviation)) => {
            deviation.judge(*deviations, sample)
        }
        (Kind::Difference { other, limit, deadband }, _) => {
            difference::judge(*limit, *deadband, sample, others.value(other), was_broken)
        }
        (Kind::Stale { .. }, _) => Verdict::PersistedAlarm,
        // The memory fits its kind, by the lines above; what is left is the expression, and what no reading breaks.
        (
            Kind::Rate { .. }
            | Kind::Flatline { .. }
            | Kind::Deviation { .. }
            | Kind::Expression { .. }
            | Kind::Finding,
            _,
        ) => Verdict::Unknown,
    }
}

/// By how much a sum or difference of such numbers may be off, because decimals are none in binary:
/// `20.05 - 20.0` is a little more than `0.05`. Four units in the last place, far below what any
/// sensor can tell apart.
fn rounding(a: f64, b: f64) -> f64 {
    4.0 * f64::EPSILON * a.abs().max(b.abs())
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::alarms::expression::Expression;

    struct Other(Option<Sample>);

    impl Others for Other {
        fn value(&self, sensor: &SensorId) -> Option<Sample> {
            self.0.filter(|_| sensor.as_str() == "REF")
        }
    }

    const NOBODY: Other = Other(None);

    fn minute(minute: i64, value: f64) -> Sample {
        Sample { at: DateTime::from_timestamp(minute * 60, 0).unwrap(), value }
    }

    fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(minutes * 60)
    }

    /// Judges values a minute apart as the engine does, and tells the last verdict.
    fn play(kind: &Kind, others: &Other, values: impl IntoIterator<Item = f64>) -> Verdict {
        let (mut memory, mut verdict) = (Memory::new(kind), Verdict::Unknown);
        let mut was_broken = false;
        for (at, value) in (0..).zip(values) {
            verdict = judge(kind, &mut memory, minute(at, value), was_broken, others);
            was_broken = match verdict {
                Verdict::Broken => true,
                Verdict::PersistedAlarm => false,
                Verdict::Unknown => was_broken,
            };
        }
        verdict
    }

    #[test]
    fn each_kind_is_judged_by_its_own_file() {
        use Verdict::{Broken, PersistedAlarm, Unknown};
        let high = Kind::High { limit: 8.0, deadband: 0.5 };
        assert_eq!(play(&high, &NOBODY, [8.1]), Broken);
        assert_eq!(play(&high, &NOBODY, [8.1, 7.6]), Broken);
        assert_eq!(play(&high, &NOBODY, [7.6]), PersistedAlarm);
        let low = Kind::Low { limit: 2.0, deadband: 0.5 };
        assert_eq!(play(&low, &NOBODY, [1.9, 2.4]), Broken);
        assert_eq!(play(&low, &NOBODY, [1.9, 2.5]), PersistedAlarm);
        let rate = Kind::Rate { per_minute: 1.0, window: minutes(4) };
        assert_eq!(play(&rate, &NOBODY, [0.0, 2.0]), Unknown);
        assert_eq!(play(&rate, &NOBODY, [0.0, 2.0, 4.0]), Broken);
        let flatline = Kind::Flatline { lasting: minutes(3), within: 0.0 };
        assert_eq!(play(&flatline, &NOBODY, [5.0; 3]), Unknown);
        assert_eq!(play(&flatline, &NOBODY, [5.0; 4]), Broken);
        let deviation = Kind::Deviation { deviations: 6.0, window: minutes(60) };
        let noise = (0..20).map(|at| f64::from(at % 3));
        assert_eq!(play(&deviation, &NOBODY, noise.clone()), PersistedAlarm);
        assert_eq!(play(&deviation, &NOBODY, noise.chain([90.0])), Broken);
        let other = SensorId::new("REF").unwrap();
        let difference = Kind::Difference { other, limit: 3.0, deadband: 0.0 };
        assert_eq!(play(&difference, &NOBODY, [9.0]), Unknown);
        assert_eq!(play(&difference, &Other(Some(minute(0, 5.0))), [9.0]), Broken);
        assert_eq!(play(&Kind::Stale { after: minutes(5) }, &NOBODY, [9.0]), PersistedAlarm);
        let condition = Expression::parse("value > 8.0").unwrap();
        let expression = Kind::Expression { condition };
        assert_eq!(play(&expression, &NOBODY, [9.0]), Unknown);
    }

    #[test]
    fn a_memory_of_another_kind_is_replaced_by_a_new_one() {
        let rate = Kind::Rate { per_minute: 1.0, window: minutes(4) };
        let mut memory = Memory::new(&Kind::Flatline { lasting: minutes(3), within: 0.0 });
        assert_eq!(judge(&rate, &mut memory, minute(0, 1.0), false, &NOBODY), Verdict::Unknown);
        assert!(matches!(&memory, Memory::Rate(window) if window.len() == 1), "{memory:?}");
    }

    #[test]
    fn readings_judged_again_as_far_as_the_reach_give_the_same_verdicts() {
        let values = |at: i64| [20.0, 20.1, 20.1, 19.9, 20.0][usize::try_from(at % 5).unwrap()];
        for kind in [
            Kind::Rate { per_minute: 0.1, window: minutes(10) },
            Kind::Flatline { lasting: minutes(10), within: 0.3 },
            Kind::Deviation { deviations: 2.0, window: minutes(30) },
        ] {
            let reach = i64::try_from(Memory::reach(&kind).as_secs() / 60).unwrap();
            let judge_all = |from| {
                let mut memory = Memory::new(&kind);
                let judge_one =
                    |at| judge(&kind, &mut memory, minute(at, values(at)), false, &NOBODY);
                (from..=120).map(judge_one).last().unwrap()
            };
            assert_eq!(judge_all(0), judge_all(120 - reach), "{kind:?}");
            assert_ne!(judge_all(0), Verdict::Unknown, "{kind:?}");
        }
        assert_eq!(Memory::reach(&Kind::High { limit: 1.0, deadband: 0.0 }), Duration::ZERO);
    }

    #[test]
    fn what_an_expression_says_becomes_a_verdict() {
        let said = [Some(true), Some(false), None];
        assert_eq!(
            said.map(Verdict::from),
            [Verdict::Broken, Verdict::PersistedAlarm, Verdict::Unknown]
        );
    }
}
