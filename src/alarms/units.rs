//! Rules and readings in different units. Pure.
//!
//! A rule is converted to the unit of a series, not readings to that of the rule: so an alert has the value as
//! received and the limit in the same unit, and a series' state stays in its unit. An expression can't be
//! converted: its inputs are, to the unit of its rule.
//!
//! Always: numbers without a unit, or in a unit that does not convert, are taken to be in the unit of the rule; the
//! latter only if the rule is not strict. Never: a conversion of a reading that is stored or published.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::rule::{Kind, Rule};
use crate::domain::unit::{self, convert, quantity_default};
use crate::domain::{Conversion, Quantity, SensorId, Unit};

/// Notice about units, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnitNotice {
    /// Readings of a unit are judged by a rule in another one, for the first time.
    Converted {
        /// Name of the rule.
        rule: Arc<str>,
        /// The first sensor of that unit.
        sensor_id: SensorId,
        /// Unit of the readings.
        unit: Unit,
        /// Unit of the rule.
        limit_unit: Unit,
        /// Whether it is written in the rule, instead of the quantity's default.
        is_written: bool,
    },
    /// The unit of a series does not convert into that of a rule. Once a series.
    Unfit {
        /// Name of the rule.
        rule: Arc<str>,
        /// Id of the sensor.
        sensor_id: SensorId,
        /// Quantity of the series.
        quantity: Quantity,
        /// Unit of the readings.
        unit: Unit,
        /// Unit of the rule.
        limit_unit: Unit,
        /// Whether the rule is strict, so that the readings are not judged.
        is_strict: bool,
    },
}

/// How a rule fits the unit of a series.
#[derive(Debug, Clone, Default)]
pub(super) enum Fit {
    /// Its figures are in that unit, or are none of a unit.
    #[default]
    AsWritten,
    /// Its figures are converted.
    Converted(Arc<Converted>),
    /// The two units do not convert.
    Unfit,
}

/// A rule converted to another unit.
#[derive(Debug)]
pub(super) struct Converted {
    rule: Arc<Rule>,
    /// From the other unit into the rule's own.
    into_own: Conversion,
}

impl Fit {
    /// The rule to judge and to announce by.
    pub fn rule<'a>(&'a self, written: &'a Arc<Rule>) -> &'a Arc<Rule> {
        match self {
            Self::Converted(converted) => &converted.rule,
            Self::AsWritten | Self::Unfit => written,
        }
    }

    /// Its kind.
    pub fn kind<'a>(&'a self, written: &'a Kind) -> &'a Kind {
        match self {
            Self::Converted(converted) => &converted.rule.kind,
            Self::AsWritten | Self::Unfit => written,
        }
    }

    /// From the unit of the series into that of the rule.
    pub fn to_own(&self) -> Conversion {
        match self {
            Self::Converted(converted) => converted.into_own,
            Self::AsWritten | Self::Unfit => Conversion::Same,
        }
    }

    /// Whether the two units do not convert.
    pub const fn is_unfit(&self) -> bool {
        matches!(self, Self::Unfit)
    }
}

/// Rules in units of the readings, each made once.
#[derive(Debug, Default)]
pub(super) struct Fits {
    /// By rule index and unit. Bounded by the rules and the units of their dimension.
    converted: HashMap<(usize, &'static str), Arc<Converted>>,
    /// Name and unit of those that were reported; bounded alike.
    said: HashSet<(Arc<str>, &'static str)>,
    /// Pending notices, until [`Fits::take_notices`]: at most one per series and per entry of `said`.
    notices: Vec<UnitNotice>,
    /// Series that are not judged by a strict rule.
    num_unjudged: usize,
}

impl Fits {
    /// How a rule fits a unit; `of` is a sensor that has it.
    pub fn fit(&mut self, at: usize, rule: &Rule, unit: &Unit, of: &SensorId) -> Fit {
        let into_own = rule.conversion_of(unit);
        let known = match into_own {
            Conversion::Same => return Fit::AsWritten,
            Conversion::Unknown | Conversion::Different => return Fit::Unfit,
            Conversion::Affine { .. } => unit::known(unit.as_str()).unwrap_or_default(),
        };
        if let Some(converted) = self.converted.get(&(at, known)) {
            return Fit::Converted(converted.clone());
        }
        let Some(converted) = rule.in_unit(unit) else { return Fit::Unfit };
        if self.said.insert((rule.name.clone(), known)) {
            self.notices.push(UnitNotice::Converted {
                rule: rule.name.clone(),
                sensor_id: of.clone(),
                unit: unit.clone(),
                limit_unit: Unit::new(rule.limit_unit().unwrap_or_default()),
                is_written: rule.unit.is_some(),
            });
        }
        let converted = Arc::new(Converted { rule: Arc::new(converted), into_own });
        self.converted.insert((at, known), converted.clone());
        Fit::Converted(converted)
    }

    /// The unit of a series does not fit a rule.
    pub fn note_unfit(&mut self, rule: &Rule, sensor_id: &SensorId, unit: &Unit) {
        self.notices.push(UnitNotice::Unfit {
            rule: rule.name.clone(),
            sensor_id: sensor_id.clone(),
            quantity: rule.quantity.clone(),
            unit: unit.clone(),
            limit_unit: Unit::new(rule.limit_unit().unwrap_or_default()),
            is_strict: rule.is_strict,
        });
    }

    /// Counts one more, or one fewer, series that a strict rule doesn't judge.
    pub const fn count_unjudged(&mut self, is_more: bool) {
        self.num_unjudged =
            if is_more { self.num_unjudged + 1 } else { self.num_unjudged.saturating_sub(1) };
    }

    /// Series that are not judged by a strict rule.
    pub const fn num_unjudged(&self) -> usize {
        self.num_unjudged
    }

    /// Takes the notices since the last call.
    pub fn take_notices(&mut self) -> Vec<UnitNotice> {
        std::mem::take(&mut self.notices)
    }

    /// Applies other rules. Notices on those that remain are not repeated.
    pub fn begin_anew(&mut self, rules: &[Arc<Rule>]) {
        self.converted.clear();
        let names: HashSet<_> = rules.iter().map(|rule| &rule.name).collect();
        self.said.retain(|(name, _)| names.contains(name));
    }
}

impl Rule {
    /// Unit of its limits; `None` if neither it nor its quantity has one.
    #[must_use]
    pub fn limit_unit(&self) -> Option<&str> {
        let written = self.unit.as_ref().map(Unit::as_str);
        written.or_else(|| quantity_default(self.quantity.as_str()))
    }

    /// Unit, if it makes the rule behave differently than without.
    pub(super) fn unit_of_mark(&self) -> Option<&str> {
        let unit = unit::spelling(self.unit.as_ref()?.as_str());
        (quantity_default(self.quantity.as_str()) != Some(unit)).then_some(unit)
    }

    /// Conversion from a reading's unit to the unit of the limits.
    #[must_use]
    pub fn conversion_of(&self, unit: &Unit) -> Conversion {
        match self.limit_unit() {
            Some(own) if self.kind.has_unit() => convert(unit.as_str(), own),
            _ => Conversion::Same,
        }
    }

    /// The rule with its limits in another unit; `None` if that does not convert, or overflows.
    #[must_use]
    pub fn in_unit(&self, unit: &Unit) -> Option<Self> {
        let by = self.limit_unit().map_or(Conversion::Same, |own| convert(own, unit.as_str()));
        Some(Self { kind: self.kind.converted(by)?, ..self.clone() })
    }

    /// Unit in which a reading's numbers are understood.
    pub(super) fn taken_in<'a>(&'a self, unit: &'a Unit) -> &'a str {
        let Some(own) = self.limit_unit() else { return unit.as_str() };
        match convert(unit.as_str(), own) {
            Conversion::Unknown | Conversion::Different => own,
            _ if unit.as_str().trim().is_empty() => own,
            _ => unit.as_str(),
        }
    }

    /// A reading's value in another unit. `None` if the rule is strict and the units do not convert.
    pub(super) fn carry(&self, value: f64, from: &Unit, to: &str) -> Option<f64> {
        match convert(from.as_str(), to) {
            Conversion::Unknown | Conversion::Different if self.is_strict => None,
            _ => match convert(self.taken_in(from), to) {
                Conversion::Unknown | Conversion::Different => Some(value),
                by => by.apply(value),
            },
        }
    }
}

impl Kind {
    /// True if its limits, or its expression's inputs, have a unit.
    #[must_use]
    pub fn has_unit(&self) -> bool {
        match self {
            Self::High { .. }
            | Self::Low { .. }
            | Self::Rate { .. }
            | Self::Flatline { .. }
            | Self::Difference { .. } => true,
            Self::Expression { condition } => condition.asks_for_values(),
            Self::Stale { .. } | Self::Deviation { .. } | Self::Finding => false,
        }
    }

    fn converted(&self, by: Conversion) -> Option<Self> {
        let difference = |figure: f64| by.apply_difference(figure);
        Some(match self {
            Self::High { limit, deadband } => {
                Self::High { limit: by.apply(*limit)?, deadband: difference(*deadband)? }
            }
            Self::Low { limit, deadband } => {
                Self::Low { limit: by.apply(*limit)?, deadband: difference(*deadband)? }
            }
            Self::Rate { per_minute, window } => {
                Self::Rate { per_minute: difference(*per_minute)?, window: *window }
            }
            Self::Flatline { lasting, within } => {
                Self::Flatline { lasting: *lasting, within: difference(*within)? }
            }
            Self::Difference { other, limit, deadband } => Self::Difference {
                other: other.clone(),
                limit: difference(*limit)?,
                deadband: difference(*deadband)?,
            },
            Self::Stale { .. }
            | Self::Deviation { .. }
            | Self::Finding
            | Self::Expression { .. } => self.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::rule::Priority;
    use super::*;

    fn rule(kind: Kind, quantity: &str) -> Rule {
        let quantity = Quantity::new(quantity).unwrap();
        Rule { kind, ..Rule::retired("r".into(), quantity, Priority::High) }
    }

    fn high() -> Kind {
        Kind::High { limit: 30.0, deadband: 1.0 }
    }

    #[test]
    fn limits_convert_as_values_and_the_rest_as_differences() {
        let in_unit = |kind: Kind, unit: &str| {
            rule(kind, "temperature").in_unit(&Unit::new(unit)).unwrap().kind
        };
        assert_eq!(in_unit(high(), "°F"), Kind::High { limit: 86.0, deadband: 1.8 });
        assert_eq!(in_unit(high(), "K"), Kind::High { limit: 303.15, deadband: 1.0 });
        let low = Kind::Low { limit: -40.0, deadband: 0.5 };
        assert_eq!(in_unit(low, "degF"), Kind::Low { limit: -40.0, deadband: 0.9 });
        let window = Duration::from_secs(60);
        let rate = |per_minute| Kind::Rate { per_minute, window };
        assert_eq!(in_unit(rate(-2.0), "°F"), rate(-3.6));
        let flat = |within| Kind::Flatline { lasting: window, within };
        assert_eq!(in_unit(flat(0.5), "°F"), flat(0.9));
        let apart = |limit, deadband| Kind::Difference {
            other: SensorId::new("X").unwrap(),
            limit,
            deadband,
        };
        assert_eq!(in_unit(apart(5.0, 1.0), "°F"), apart(9.0, 1.8));
        let deviation = Kind::Deviation { deviations: 6.0, window };
        assert_eq!(in_unit(deviation.clone(), "°F"), deviation);
    }

    #[test]
    fn what_has_no_unit_or_an_unknown_one_is_taken_to_be_in_the_rules() {
        let rule = rule(high(), "temperature");
        for (unit, taken_in) in
            [("", "°C"), ("x", "°C"), ("bar", "°C"), ("°F", "°F"), ("celsius", "celsius")]
        {
            assert_eq!(rule.taken_in(&Unit::new(unit)), taken_in, "{unit}");
        }
        let carried = |rule: &Rule, from: &str, to: &str| rule.carry(50.0, &Unit::new(from), to);
        assert_eq!(carried(&rule, "°F", "°C"), Some(10.0));
        assert_eq!(carried(&rule, "", "°F"), Some(122.0));
        assert_eq!(carried(&rule, "x", "°F"), Some(122.0));
        let strict = Rule { is_strict: true, ..rule };
        assert_eq!(carried(&strict, "x", "°F"), None);
        assert_eq!(carried(&strict, "", "°F"), Some(122.0));
    }

    #[test]
    fn a_quantity_without_a_unit_of_its_own_takes_numbers_as_they_come() {
        let energy = rule(high(), "energy");
        assert_eq!(energy.limit_unit(), None);
        assert_eq!(energy.conversion_of(&Unit::new("kWh")), Conversion::Same);
        let written = Rule { unit: Some(Unit::new("kWh")), ..energy };
        let in_wh = written.in_unit(&Unit::new("Wh")).unwrap().kind;
        assert_eq!(in_wh, Kind::High { limit: 30_000.0, deadband: 1000.0 });
    }

    #[test]
    fn a_conversion_is_made_and_said_once_a_rule_and_unit() {
        let mut fits = Fits::default();
        let rule = rule(high(), "temperature");
        let sensor = SensorId::new("S").unwrap();
        let mut fit = |unit: &str| fits.fit(0, &rule, &Unit::new(unit), &sensor);
        assert!(matches!(fit("celsius"), Fit::AsWritten) && matches!(fit(""), Fit::AsWritten));
        assert!(fit("x").is_unfit() && fit("bar").is_unfit());
        let (Fit::Converted(a), Fit::Converted(b)) = (fit("°F"), fit("degF")) else { panic!() };
        assert!(Arc::ptr_eq(&a, &b));
        assert_eq!(fits.take_notices().len(), 1);
        fits.begin_anew(&[Arc::new(rule.clone())]);
        let _converted = fits.fit(0, &rule, &Unit::new("°F"), &sensor);
        assert_eq!(fits.take_notices(), []);
    }
}
