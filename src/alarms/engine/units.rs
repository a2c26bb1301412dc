//! Series in other units than their rules. Pure.

use super::super::series::{Key, Newest, Series};
use super::super::units::{Fit, UnitNotice};
use super::Engine;
use crate::domain::{SensorId, Unit};

impl Engine {
    /// How a rule fits the unit of a sensor.
    pub(super) fn fit(&mut self, rule: usize, unit: &Unit, of: &SensorId) -> Fit {
        self.fits.fit(rule, &self.rules[rule], unit, of)
    }

    /// Sets the newest reading of a removed series: its alarms continue in its unit. Returns true for a changed
    /// unit: then the series must be checkpointed, since not every row read again at a restart states its unit.
    pub(super) fn set_newest(&mut self, key: &Key, series: &mut Series, newest: Newest) -> bool {
        let is_another = series.newest.unit != newest.unit;
        if is_another {
            for entry in &mut series.entries {
                let fit = self.fits.fit(entry.rule, &self.rules[entry.rule], &newest.unit, &key.0);
                let units = (&series.newest.unit, &newest.unit);
                entry.change_unit(&self.rules[entry.rule], units, fit);
            }
        }
        series.newest = newest;
        is_another
    }

    /// A reading of a removed series is stored in another unit than the newest, and is not the newest: rows may be
    /// read again in the unit that was stored last.
    pub(super) fn note_foreign_unit(&mut self, key: &Key, series: &mut Series, unit: &Unit) {
        if series.newest.unit != *unit {
            self.note_change(key, series, true);
        }
    }

    /// True if the unit of a series doesn't fit one of its rules. Reported once.
    pub(super) fn is_unfit(&mut self, key: &Key, series: &mut Series) -> bool {
        let unfit = series.entries.iter().find(|entry| entry.fit.is_unfit());
        let unfit = unfit.map(|entry| &self.rules[entry.rule]);
        let is_unjudged = unfit.is_some_and(|rule| rule.is_strict);
        if std::mem::replace(&mut series.is_unjudged, is_unjudged) != is_unjudged {
            self.fits.count_unjudged(is_unjudged);
        }
        let Some(rule) = unfit else { return false };
        if !std::mem::replace(&mut series.is_unfit_said, true) {
            self.fits.note_unfit(rule, &key.0, &series.newest.unit);
        }
        true
    }

    /// Series whose newest reading was not judged by a strict rule, for its unit.
    #[must_use]
    pub const fn num_unjudged(&self) -> usize {
        self.fits.num_unjudged()
    }

    /// Takes the notices about units since the last call.
    pub fn take_unit_notices(&mut self) -> Vec<UnitNotice> {
        self.fits.take_notices()
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::super::tests::{at, reading, rule, seconds};
    use super::*;
    use crate::alarms::machine::Change;
    use crate::alarms::rule::{Kind, Rule, Timing};
    use crate::domain::{Ingress, Reading};

    fn engine(kind: Kind, is_strict: bool) -> Engine {
        Engine::new(vec![Rule { is_strict, ..rule("r", kind, Timing::default()) }], Tz::UTC)
    }

    /// Whether it breaks the rule, and what that changes.
    fn hear(engine: &mut Engine, second: u64, value: f64, unit: &str) -> (bool, Vec<Change>) {
        let reading = Reading { unit: Unit::new(unit), ..reading("T", at(second), value) };
        let mut out = Vec::new();
        let judgement = engine.judge(&reading, Ingress::Own, &mut out);
        (judgement.is_broken, out.into_iter().map(|it| it.transition.change).collect())
    }

    #[test]
    fn a_late_reading_has_a_unit_of_its_own() {
        let high = Kind::High { limit: 30.0, deadband: 0.0 };
        let mut lenient = engine(high.clone(), false);
        let mut strict = engine(high, true);
        for engine in [&mut lenient, &mut strict] {
            assert_eq!(hear(engine, 100, 20.0, "celsius"), (false, vec![]));
            assert_eq!(hear(engine, 90, 85.0, "°F"), (false, vec![]));
            assert_eq!(hear(engine, 91, 87.0, "°F"), (true, vec![]));
            assert_eq!(hear(engine, 92, 31.0, "celsius"), (true, vec![]));
        }
        assert_eq!(hear(&mut lenient, 93, 31.0, "x"), (true, vec![]));
        assert_eq!(hear(&mut strict, 93, 31.0, "x"), (false, vec![]));
    }

    #[test]
    fn a_window_goes_on_in_another_unit() {
        let mut engine = engine(Kind::Rate { per_minute: 2.0, window: seconds(300) }, false);
        // A degree a minute, and the same in °F.
        for minute in 0..4_u32 {
            let value = 20.0 + f64::from(minute);
            assert!(!hear(&mut engine, u64::from(minute) * 60, value, "celsius").0);
        }
        for minute in 4..9_u32 {
            let value = (20.0 + f64::from(minute)) * 1.8 + 32.0;
            assert!(!hear(&mut engine, u64::from(minute) * 60, value, "°F").0, "{minute}");
        }
        assert_eq!(hear(&mut engine, 540, 120.0, "°F"), (true, vec![Change::Raised]));
    }

    #[test]
    fn what_stands_stays_while_a_strict_rule_can_t_judge_and_is_counted() {
        let mut engine = engine(Kind::High { limit: 30.0, deadband: 0.0 }, true);
        assert_eq!(hear(&mut engine, 0, 31.0, "celsius"), (true, vec![Change::Raised]));
        assert_eq!(hear(&mut engine, 1, 20.0, "bar"), (false, vec![]));
        assert_eq!((engine.num_unjudged(), engine.take_unit_notices().len()), (1, 1));
        assert_eq!(hear(&mut engine, 2, 20.0, "bar"), (false, vec![]));
        assert_eq!(engine.take_unit_notices(), []);
        assert_eq!(hear(&mut engine, 3, 20.0, "celsius"), (false, vec![Change::Returned]));
        assert_eq!(engine.num_unjudged(), 0);
    }
}
