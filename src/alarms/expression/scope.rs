//! Inputs of an expression: the reading, its time, statistics of the series, and other sensors. Pure.
//!
//! Invariant: inputs are computed lazily. `value > 8.0 && mean("10m") > 7.0` computes no mean while the value is
//! low.

use std::time::Duration;

use cel::common::types::{CelDouble, CelInt, CelString};
use cel::common::value::CowVal;
use cel::context::VariableResolver;
use chrono::{DateTime, Datelike, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

use super::Needs;
use crate::domain::{Quantity, SensorId};

/// Window of `rate`.
pub const RATE_WINDOW: Duration = Duration::from_mins(5);

/// One reading, with its context.
pub struct Scope<'a> {
    /// Value of the reading, in the unit of the rule.
    pub value: f64,
    /// Quantity of the reading.
    pub quantity: &'a Quantity,
    /// The reading's own time.
    pub at: DateTime<Utc>,
    /// Time of the series' previous reading; `None` for the first.
    pub previous: Option<DateTime<Utc>>,
    /// Time zone for `hour`, `minute` and `weekday`.
    pub zone: Tz,
    /// The series, and other sensors.
    pub series: &'a dyn Series,
}

/// Series data, including the present reading, and other sensors, in the unit of the rule. Plain data behind a
/// shared reference, hence `Sync`.
pub trait Series: Sync {
    /// Statistic over the last `window`; `None` with too few readings.
    fn statistic(&self, statistic: Statistic, window: Duration) -> Option<f64>;

    /// Newest reading of a sensor, of the same quantity; `None` if there is none.
    fn newest(&self, sensor: &SensorId) -> Option<Newest>;
}

/// Statistic of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Statistic {
    /// Arithmetic mean.
    Mean,
    /// Minimum.
    Min,
    /// Greatest value.
    Max,
    /// Sample standard deviation: divided by the count less one.
    StdDev,
    /// How fast it changes, per minute.
    Rate,
}

/// Another sensor's newest reading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Newest {
    /// Time of the reading, by the sensor.
    pub at: DateTime<Utc>,
    /// Value, in the unit of the rule.
    pub value: f64,
}

/// One input of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Input {
    Value,
    Quantity,
    Age,
    Hour,
    Minute,
    Weekday,
    Statistic(Statistic, Duration),
    OtherValue(SensorId),
    OtherAge(SensorId),
}

/// Distinct inputs of an expression, bounded by its nodes.
#[derive(Debug, Clone, Default)]
pub(super) struct Inputs(Vec<Input>);

/// Resolver of inputs by name, for one reading.
pub(super) struct Resolver<'a> {
    inputs: &'a Inputs,
    scope: &'a Scope<'a>,
}

/// Before the number of an input in its name; no name in a text starts so.
const MARK: char = '@';

impl Inputs {
    /// The name under which the evaluator finds `input`.
    pub(super) fn name(&mut self, input: Input) -> String {
        let number = self.0.iter().position(|known| *known == input).unwrap_or_else(|| {
            self.0.push(input);
            self.0.len() - 1
        });
        format!("{MARK}{number}")
    }

    pub(super) fn of<'a>(&'a self, scope: &'a Scope<'a>) -> Resolver<'a> {
        Resolver { inputs: self, scope }
    }

    pub(super) fn needs(&self) -> Needs {
        let mut needs = Needs { longest_window: Duration::ZERO, sensors: Vec::new() };
        for input in &self.0 {
            match input {
                Input::Statistic(_, window) => {
                    needs.longest_window = needs.longest_window.max(*window);
                }
                Input::OtherValue(sensor) | Input::OtherAge(sensor)
                    if !needs.sensors.contains(sensor) =>
                {
                    needs.sensors.push(sensor.clone());
                }
                _ => {}
            }
        }
        needs
    }
}

impl Inputs {
    pub(super) fn has_values(&self) -> bool {
        let is_value = |input: &Input| {
            matches!(input, Input::Value | Input::Statistic(..) | Input::OtherValue(_))
        };
        self.0.iter().any(is_value)
    }
}

impl VariableResolver for Resolver<'_> {
    fn resolve<'b>(&'b self, name: &str) -> Option<CowVal<'b, 'b>> {
        let number: usize = name.strip_prefix(MARK)?.parse().ok()?;
        let scope = self.scope;
        match self.inputs.0.get(number)? {
            Input::Value => Some(double(scope.value)),
            Input::Quantity => Some(CowVal::owned(CelString::from(scope.quantity.as_str()))),
            Input::Age => Some(double(seconds(scope.at - scope.previous?))),
            Input::Hour => Some(whole(scope.local().hour())),
            Input::Minute => Some(whole(scope.local().minute())),
            Input::Weekday => Some(whole(scope.local().weekday().number_from_monday())),
            Input::Statistic(statistic, window) => {
                scope.series.statistic(*statistic, *window).map(double)
            }
            Input::OtherValue(sensor) => Some(double(scope.series.newest(sensor)?.value)),
            Input::OtherAge(sensor) => {
                Some(double(seconds(scope.at - scope.series.newest(sensor)?.at)))
            }
        }
    }
}

impl Scope<'_> {
    fn local(&self) -> DateTime<Tz> {
        self.zone.from_utc_datetime(&self.at.naive_utc())
    }
}

fn double<'b>(number: f64) -> CowVal<'b, 'b> {
    CowVal::owned(CelDouble::from(number))
}

fn whole<'b>(number: u32) -> CowVal<'b, 'b> {
    CowVal::owned(CelInt::from(i64::from(number)))
}

/// An age is never below zero: a sensor with a later reading is as fresh as possible.
fn seconds(age: TimeDelta) -> f64 {
    age.to_std().unwrap_or_default().as_secs_f64()
}

/// Hands over two readings that have no number in common, to try an expression out on.
pub(super) fn typical<T>(with: impl FnOnce(&Scope, &Scope) -> T) -> T {
    /// Series and sensors with all inputs known.
    struct Known(f64);

    impl Series for Known {
        fn statistic(&self, statistic: Statistic, _: Duration) -> Option<f64> {
            Some(match statistic {
                Statistic::Mean => self.0,
                Statistic::Min => self.0 - 1.5,
                Statistic::Max => self.0 + 2.5,
                Statistic::StdDev => self.0 / 16.0,
                Statistic::Rate => self.0 / 64.0,
            })
        }

        fn newest(&self, _: &SensorId) -> Option<Newest> {
            Some(Newest { at: DateTime::UNIX_EPOCH, value: self.0 / 4.0 })
        }
    }

    let quantity = Quantity::temperature();
    let scope = |value, series, seconds| Scope {
        value,
        quantity: &quantity,
        at: DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds),
        previous: Some(DateTime::UNIX_EPOCH),
        zone: Tz::UTC,
        series,
    };
    // Thursday 13:37 and Friday 15:41.
    with(&scope(21.25, &Known(20.75), 49_020), &scope(-7.5, &Known(-6.25), 142_860))
}
