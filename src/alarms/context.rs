//! Context of a reading when it is judged: the series' past, other sensors, the time of day. Pure.

use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::expression::{self, Expression, Scope, Statistic};
use super::kinds::{Others, Sample, rate};
use super::rule::Rule;
use super::window::Window;
use crate::domain::Conversion;
use crate::domain::{SensorId, Unit};

/// Looks up the newest sample of another sensor, of the same quantity, with its unit.
pub(super) type Find<'a> = &'a (dyn Fn(&SensorId) -> Option<(Sample, Unit)> + Sync);

/// Context of one judgement.
pub(super) struct RuleContext<'a> {
    /// Lookup of other sensors' newest values.
    pub newest_of: Find<'a>,
    /// Unit of the series.
    pub unit: &'a Unit,
    /// Previous reading of the same series.
    pub previous: Option<DateTime<Utc>>,
    /// Time zone of the time of day.
    pub zone: Tz,
}

impl<'a> RuleContext<'a> {
    /// Other sensors as a difference compares with them: in the unit of the series.
    pub fn others(&'a self, rule: &'a Rule) -> ForRule<'a> {
        ForRule { context: self, rule, unit: None, by: Conversion::Same }
    }

    /// Verdict of an expression; `None` if unknown. `past` includes the sample. Inputs are in the rule's unit; `by`
    /// converts the series to it.
    pub fn judge(
        &self,
        condition: &Expression,
        past: &Window,
        (rule, by): (&Rule, Conversion),
        sample: Sample,
    ) -> Option<bool> {
        let unit = rule.limit_unit().unwrap_or(self.unit.as_str());
        condition.judge(&Scope {
            value: by.apply(sample.value)?,
            quantity: &rule.quantity,
            at: sample.at,
            previous: self.previous,
            zone: self.zone,
            series: &Asked { past, others: ForRule { context: self, rule, unit: Some(unit), by } },
        })
    }
}

/// Other sensors, as one rule sees them.
pub(super) struct ForRule<'a> {
    context: &'a RuleContext<'a>,
    rule: &'a Rule,
    /// Unit of the results; `None` for that of the series.
    unit: Option<&'a str>,
    /// Converts values in the unit of the series into it.
    by: Conversion,
}

impl Others for ForRule<'_> {
    fn value(&self, sensor: &SensorId) -> Option<Sample> {
        let (Sample { at, value }, unit) = (self.context.newest_of)(sensor)?;
        let value = if unit == *self.context.unit {
            self.by.apply(value)?
        } else {
            let to = self.unit.unwrap_or_else(|| self.rule.taken_in(self.context.unit));
            self.rule.carry(value, &unit, to)?
        };
        Some(Sample { at, value })
    }
}

/// Inputs of an expression from its series and others.
struct Asked<'a> {
    past: &'a Window,
    others: ForRule<'a>,
}

impl expression::Series for Asked<'_> {
    fn statistic(&self, statistic: Statistic, window: Duration) -> Option<f64> {
        let (window, by) = (self.past.last(window), self.others.by);
        match statistic {
            Statistic::Mean => by.apply(window.mean()?),
            Statistic::Min => by.apply(window.min()?),
            Statistic::Max => by.apply(window.max()?),
            Statistic::StdDev => by.apply_difference(window.stddev()?),
            Statistic::Rate => by.apply_difference(rate::slope_per_minute(&window)?),
        }
    }

    fn newest(&self, sensor: &SensorId) -> Option<expression::Newest> {
        let Sample { at, value } = self.others.value(sensor)?;
        Some(expression::Newest { at, value })
    }
}
