//! Readings in other units than the limits of their rules.

use chrono_tz::Tz;

use super::Engine;
use super::tests::{at, reading, rule, seconds};
use crate::alarms::machine::Change;
use crate::alarms::rule::{Kind, Rule, Timing};
use crate::domain::Unit;
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
