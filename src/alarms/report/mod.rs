//! How well the alarm system itself does, measured on the alarms of a period. Pure.
//!
//! Uses the measures of ANSI/ISA-18.2-2016 (16.4) and IEC 62682 as they are publicly restated; it does
//! not claim compliance with either. Read [`intervals`] (rates and floods), [`series`] (one rule on
//! one sensor), [`targets`], then [`page`].
//!
//! Streaming: [`Tally::take`] receives each transition once. State: a small entry per pair of rule and sensor (at
//! most [`series::SERIES_KEPT`]), a number per day of the period (at most [`LONGEST_DAYS`]), at most
//! [`intervals::BARS`] bars, the open interval, and the largest flood.
//!
//! Invariants: the priorities add up to `raised`, and every share is within 0 to 1. Never: a clock, a file, or a
//! measure that the history doesn't contain (acknowledgements).

mod charts;
pub mod intervals;
pub mod page;
pub mod series;
pub mod targets;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Serialize, Serializer};

use self::intervals::{Floods, Intervals, Timeline};
use self::series::{Chattering, Pairs, Stale, Top};
use self::targets::Target;
use super::rule::Priority;
use crate::domain::time;

/// Longest period, in days: ten years, beyond which one page shows nothing useful.
pub const LONGEST_DAYS: i64 = 3_660;

/// Minimum number of days that the published targets are meant for.
pub const TARGET_DAYS: i64 = 30;

/// Time span that is measured: `from` included, `to` excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Period {
    #[serde(serialize_with = "written")]
    from: DateTime<Utc>,
    #[serde(serialize_with = "written")]
    to: DateTime<Utc>,
}

/// Why two times make no period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// The end is not after the start.
    #[error("the period ends before it begins")]
    Empty,
    /// The span exceeds [`LONGEST_DAYS`].
    #[error("the period is longer than {LONGEST_DAYS} days")]
    TooLong,
}

impl Period {
    /// Period of at least one instant and at most [`LONGEST_DAYS`].
    ///
    /// # Errors
    /// If the span is empty, or exceeds [`LONGEST_DAYS`].
    pub fn new(from: DateTime<Utc>, to: DateTime<Utc>) -> Result<Self, PeriodError> {
        if to <= from {
            Err(PeriodError::Empty)
        } else if to - from > TimeDelta::days(LONGEST_DAYS) {
            Err(PeriodError::TooLong)
        } else {
            Ok(Self { from, to })
        }
    }

    /// Start, which is part of the period.
    #[must_use]
    pub const fn from(self) -> DateTime<Utc> {
        self.from
    }

    /// End, which is not part of the period.
    #[must_use]
    pub const fn to(self) -> DateTime<Utc> {
        self.to
    }

    fn length(self) -> TimeDelta {
        self.to - self.from
    }
}

/// Transition of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The alarm was raised.
    Raised,
    /// The alarm returned to normal, or was closed.
    Returned,
}

/// One event of the alarm history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// Time of the event, by the sensor.
    pub at: DateTime<Utc>,
    /// Name of the rule.
    pub rule: Arc<str>,
    /// Sensor of the alarm as stored: an adopted history may hold invalid ids.
    pub sensor_id: Arc<str>,
    /// Location of the sensor; may be empty.
    pub location: Arc<str>,
    /// `None` when the history names none of today's.
    pub priority: Option<Priority>,
    /// Transition.
    pub change: Change,
}

/// Average numbers of alarms per day, hour and ten minutes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Averages {
    /// Alarms a day.
    pub per_day: f64,
    /// Alarms an hour.
    pub per_hour: f64,
    /// Alarms in ten minutes.
    pub per_10_minutes: f64,
}

/// How many alarms had one priority.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PriorityShare {
    /// `LOW` to `CRITICAL`, or `OTHER`.
    pub priority: &'static str,
    /// Alarms raised with this priority.
    pub raised: u64,
    /// Share of all alarms raised, 0 to 1.
    pub share: f64,
}

/// Measures of a period.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measures {
    /// The period that was measured.
    pub period: Period,
    /// Alarms raised in the period. A repeat of an active alarm doesn't count.
    pub raised: u64,
    /// `raised`, divided by the days, hours or ten minutes of the whole period (ISA-18.2-2016, 16.4.2).
    pub average: Averages,
    /// Ten-minute intervals, counted from the start of the period.
    pub intervals: u64,
    /// Maximum of alarms in one interval.
    pub most_in_10_minutes: u64,
    /// Start of the interval with the most alarms; `None` without an alarm.
    #[serde(serialize_with = "written_if_any")]
    pub most_at: Option<DateTime<Utc>>,
    /// Share of intervals with more than 10 alarms, 0 to 1.
    pub busy_share: f64,
    /// Floods of the period.
    pub floods: Floods,
    /// Chattering alarms.
    pub chattering: Chattering,
    /// Alarms raised in the period that returned within 60 s.
    pub fleeting: u64,
    /// Alarms that were active for more than 24 h.
    pub stale: Stale,
    /// Alarms active when the period ended.
    pub standing: u64,
    /// The ten pairs of rule and sensor with the most alarms, descending.
    pub top: Vec<Top>,
    /// Share of all alarms that those pairs raised, 0 to 1.
    pub top_share: f64,
    /// Alarms by priority: low, medium, high, critical, and without.
    pub priorities: [PriorityShare; 5],
    /// The period in bars, for a chart.
    pub timeline: Timeline,
    /// Transitions of pairs beyond the limit: counted in the rates (repeats too), but not per pair.
    pub left_out: u64,
    /// Measures with their published targets.
    pub targets: Vec<Target>,
}

/// The measures in the making.
#[derive(Debug, Clone)]
pub struct Tally {
    period: Period,
    intervals: Intervals,
    pairs: Pairs,
    raised: u64,
    /// By priority; the last entry is for those without.
    priorities: [u64; 5],
    newest: DateTime<Utc>,
}

const PRIORITIES: [Priority; 4] =
    [Priority::Low, Priority::Medium, Priority::High, Priority::Critical];

impl Tally {
    /// No transitions yet.
    #[must_use]
    pub fn new(period: Period) -> Self {
        Self {
            period,
            intervals: Intervals::new(period),
            pairs: Pairs::new(period),
            raised: 0,
            priorities: [0; 5],
            newest: DateTime::<Utc>::MIN_UTC,
        }
    }

    /// Adds the next transition, in order of time. Those before the period show what was active at its start; those
    /// after it are ignored. One out of order counts as of the newest before it.
    pub fn take(&mut self, transition: &Transition) {
        self.newest = self.newest.max(transition.at);
        let at = self.newest;
        if at >= self.period.to {
            return;
        }
        let is_new = match transition.change {
            Change::Raised => self.pairs.raise(transition, at),
            Change::Returned => {
                self.pairs.end(transition, at);
                false
            }
        };
        if is_new && at >= self.period.from {
            self.raised += 1;
            self.intervals.raise(transition, at);
            let place = PRIORITIES.iter().position(|each| Some(*each) == transition.priority);
            self.priorities[place.unwrap_or(PRIORITIES.len())] += 1;
        }
    }

    /// Measures, after the last transition.
    #[must_use]
    pub fn finish(self) -> Measures {
        let Self { period, intervals, pairs, raised, priorities, .. } = self;
        let rates = intervals.finish();
        let pairs = pairs.finish(raised);
        let per = |length: TimeDelta| {
            ratio(raised, 1) * length.as_seconds_f64() / period.length().as_seconds_f64()
        };
        let names = PRIORITIES.map(Priority::as_str);
        let names = [names[0], names[1], names[2], names[3], "OTHER"];
        let mut measures = Measures {
            period,
            raised,
            average: Averages {
                per_day: per(TimeDelta::days(1)),
                per_hour: per(TimeDelta::hours(1)),
                per_10_minutes: per(TimeDelta::minutes(10)),
            },
            intervals: rates.intervals,
            most_in_10_minutes: rates.most,
            most_at: rates.most_at,
            busy_share: ratio(rates.busy, rates.intervals),
            floods: rates.floods,
            chattering: pairs.chattering,
            fleeting: pairs.fleeting,
            stale: pairs.stale,
            standing: pairs.standing,
            top_share: ratio(pairs.top.iter().map(|top| top.raised).sum(), raised),
            top: pairs.top,
            priorities: std::array::from_fn(|place| PriorityShare {
                priority: names[place],
                raised: priorities[place],
                share: ratio(priorities[place], raised),
            }),
            timeline: rates.timeline,
            left_out: pairs.left_out,
            targets: Vec::new(),
        };
        measures.targets = targets::judged(&measures);
        measures
    }
}

/// Measures of transitions, given in order of time.
pub fn measure(transitions: impl IntoIterator<Item = Transition>, period: Period) -> Measures {
    let mut tally = Tally::new(period);
    for transition in transitions {
        tally.take(&transition);
    }
    tally.finish()
}

/// Ratio; 0 for a whole of 0.
#[allow(clippy::cast_precision_loss)] // counts of alarms, far below 2^53
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Times in JSON are as the history has them.
#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference
fn written<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time::stored(*at, false))
}

#[expect(clippy::ref_option, reason = "serde passes a reference")]
fn written_if_any<S: Serializer>(
    at: &Option<DateTime<Utc>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    at.map(|at| time::stored(at, false)).serialize(serializer)
}

#[cfg(test)]
mod tests;
