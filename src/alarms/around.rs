//! What surrounds a reading when it is judged: the series' past, other sensors, the time of day. Pure.

use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::expression::{self, Expression, Scope, Statistic};
use super::kinds::{Others, Sample, rate};
use super::window::Window;
use crate::domain::{Quantity, SensorId};

/// Finds the newest of another sensor, of the same quantity.
pub(super) type Find<'a> = &'a (dyn Fn(&SensorId) -> Option<Sample> + Sync);

/// Context of one judgement.
pub(super) struct Around<'a> {
    /// Lookup of other sensors' newest values.
    pub newest_of: Find<'a>,
    /// The reading before, of the same series.
    pub previous: Option<DateTime<Utc>>,
    /// Of the time of day.
    pub zone: Tz,
}

impl Others for Around<'_> {
    fn value(&self, sensor: &SensorId) -> Option<Sample> {
        (self.newest_of)(sensor)
    }
}

impl Around<'_> {
    /// `None` when it isn't known whether the condition holds. `past` has the sample in it.
    pub fn judge(
        &self,
        condition: &Expression,
        past: &Window,
        quantity: &Quantity,
        sample: Sample,
    ) -> Option<bool> {
        condition.judge(&Scope {
            value: sample.value,
            quantity,
            at: sample.at,
            previous: self.previous,
            zone: self.zone,
            series: &Asked { past, newest_of: self.newest_of },
        })
    }
}

/// What an expression asks of its series and of others.
struct Asked<'a> {
    past: &'a Window,
    newest_of: Find<'a>,
}

impl expression::Series for Asked<'_> {
    fn statistic(&self, statistic: Statistic, window: Duration) -> Option<f64> {
        let window = self.past.last(window);
        match statistic {
            Statistic::Mean => window.mean(),
            Statistic::Min => window.min(),
            Statistic::Max => window.max(),
            Statistic::StdDev => window.stddev(),
            Statistic::Rate => rate::slope_per_minute(&window),
        }
    }

    fn newest(&self, sensor: &SensorId) -> Option<expression::Newest> {
        let Sample { at, value } = (self.newest_of)(sensor)?;
        Some(expression::Newest { at, value })
    }
}
