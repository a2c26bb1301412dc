//! Verdict of one alarm's rule on a reading, in the unit of its series, and the rule's state. Pure.

use std::sync::Arc;

use super::context::RuleContext;
use super::kinds::{self, Memory, Others, Sample, Verdict};
use super::rule::{Kind, Rule};
use super::series::{Entry, Newest, Series};
use super::units::Fit;
use crate::domain::unit::convert;
use crate::domain::{Limit, SensorId, Unit};

/// No other sensors, for readings that only update the state.
struct NoOtherSeries;

impl Others for NoOtherSeries {
    fn value(&self, _: &SensorId) -> Option<Sample> {
        None
    }
}

impl Entry {
    /// Verdict on the newest reading, which is remembered.
    pub(super) fn verdict(
        &mut self,
        rule: &Rule,
        sample: Sample,
        was_broken: bool,
        context: &RuleContext<'_>,
    ) -> Verdict {
        let Self { fit, memory, .. } = self;
        let verdict = match (fit.kind(&rule.kind), memory) {
            (Kind::Expression { condition }, Memory::Expression(past)) => {
                past.push(sample);
                context.judge(condition, past, (rule, fit.to_own()), sample).into()
            }
            (kind, memory) => kinds::judge(kind, memory, sample, was_broken, &context.others(rule)),
        };
        if rule.is_strict && self.fit.is_unfit() { Verdict::Unknown } else { verdict }
    }

    /// Remembers a sample, as if it had judged it.
    pub(super) fn remember(&mut self, rule: &Rule, sample: Sample) {
        match &mut self.memory {
            Memory::Expression(past) => past.push(sample),
            memory => {
                // Only the state is needed.
                let _ = kinds::judge(&rule.kind, memory, sample, false, &NoOtherSeries);
            }
        }
    }

    /// Switches the series to another unit; the state is converted or restarted.
    pub(super) fn change_unit(&mut self, rule: &Rule, (from, to): (&Unit, &Unit), fit: Fit) {
        self.fit = fit;
        if matches!(self.memory, Memory::None) {
            return;
        }
        if !self.memory.convert(convert(rule.taken_in(from), rule.taken_in(to))) {
            self.memory = Memory::new(&rule.kind);
        }
    }
}

impl Series {
    /// True if a late reading would violate a limit. It has its own unit.
    pub(super) fn would_break(&self, rules: &[Arc<Rule>], late: &Newest) -> bool {
        let Some(Sample { value, .. }) = late.sample() else { return false };
        let breaks = |kind: &Kind| match kind {
            Kind::High { limit, .. } => Limit::High.is_broken_by(value, *limit),
            Kind::Low { limit, .. } => Limit::Low.is_broken_by(value, *limit),
            _ => false,
        };
        self.entries.iter().any(|entry| {
            let rule = &rules[entry.rule];
            if late.unit == self.newest.unit {
                breaks(entry.fit.kind(&rule.kind)) && !(rule.is_strict && entry.fit.is_unfit())
            } else if let Some(rule) = rule.in_unit(&late.unit) {
                breaks(&rule.kind)
            } else {
                breaks(&rule.kind) && !rule.is_strict
            }
        })
    }
}
