//! The short form `[alerts.temperature]` as rules: `high-temperature` and `low-temperature`, which behave
//! as they did in the system Vigie grew from: no delay, no deadband, no acknowledgement. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use crate::alarms::rule::{Kind, Priority, Rule, Selection, Timing};
use crate::config::{AlertsConfig, Announce, Limits, Thresholds};
use crate::domain::{Limit, Quantity, SensorId, Unit};

/// The rules of the short form, high before low.
#[must_use]
pub fn rules(config: &AlertsConfig) -> Vec<Rule> {
    let how = (config.announce == Announce::EveryReading, config.is_strict);
    let of_quantity = |(quantity, thresholds): (&Quantity, &Thresholds)| {
        [Limit::High, Limit::Low].map(|limit| of_limit(limit, quantity, thresholds, how)).concat()
    };
    config.thresholds.iter().flat_map(of_quantity).collect()
}

/// Whether each reading is announced, and whether other units than the rule's are not judged.
type How = (bool, bool);

fn of_limit(limit: Limit, quantity: &Quantity, thresholds: &Thresholds, how: How) -> Vec<Rule> {
    let side = |limits: &Limits| match limit {
        Limit::High => limits.high,
        Limit::Low => limits.low,
    };
    let own: HashMap<&SensorId, f64> =
        thresholds.sensors.iter().filter_map(|(id, limits)| Some((id, side(limits)?))).collect();
    let others = Arc::new(own.keys().map(|id| (*id).clone()).collect());
    let default = side(&thresholds.default).map(|at| (Selection::AllBut(others), at));
    let own = own.into_iter().map(|(id, at)| (Selection::Only(id.clone()), at));
    default
        .into_iter()
        .chain(own)
        .map(|(selection, at)| {
            rule(limit, (quantity, thresholds.unit.as_ref()), selection, at, how)
        })
        .collect()
}

fn rule(
    limit: Limit,
    (quantity, unit): (&Quantity, Option<&Unit>),
    selection: Selection,
    at: f64,
    (each, is_strict): How,
) -> Rule {
    let kind = match limit {
        Limit::High => Kind::High { limit: at, deadband: 0.0 },
        Limit::Low => Kind::Low { limit: at, deadband: 0.0 },
    };
    Rule {
        name: format!("{}-{quantity}", limit.as_str()).into(),
        selection,
        quantity: quantity.clone(),
        kind,
        timing: Timing::default(),
        priority: Priority::High,
        message: None,
        runbook: None,
        unit: unit.cloned(),
        is_strict,
        announces_each_reading: each,
        suppression: None,
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use chrono_tz::Tz;

    use super::super::announce;
    use super::*;
    use crate::alarms::engine::Engine;
    use crate::domain::{AlertEvent, Ingress, Location, Reading, Value};
    use crate::locale::Language;

    fn rules(announce: Announce) -> Vec<Rule> {
        let limits = |high, low| Limits { high, low };
        let thresholds = Thresholds {
            default: limits(Some(35.0), Some(10.0)),
            unit: None,
            sensors: [(SensorId::new("COLD").unwrap(), limits(Some(8.0), Some(2.0)))].into(),
        };
        let thresholds = [(Quantity::temperature(), thresholds)].into();
        let is_strict = false;
        super::rules(&AlertsConfig {
            announce,
            thresholds,
            is_strict,
            chattering: None,
            flood: None,
        })
    }

    fn reading(sensor: &str, value: f64, second: i64) -> Reading {
        Reading {
            sensor_id: SensorId::new(sensor).unwrap(),
            location: Location::new("Atelier Production"),
            quantity: Quantity::temperature(),
            value: Value::new(value).unwrap(),
            unit: Unit::new("celsius"),
            timestamp: DateTime::from_timestamp(second, 0).unwrap(),
        }
    }

    fn judge(engine: &mut Engine, reading: &Reading) -> (bool, Vec<AlertEvent>) {
        let mut outcomes = Vec::new();
        let is_broken = engine.judge(reading, Ingress::Own, &mut outcomes).is_broken;
        let words = Language::French.words();
        let events = outcomes.into_iter().map(|outcome| announce::event(outcome, words));
        (is_broken, events.collect())
    }

    /// Plays values one second apart and tells the events as `rule state value`.
    fn play(announce: Announce, sensor: &str, values: &[f64]) -> Vec<String> {
        let mut engine = Engine::new(rules(announce), Tz::UTC);
        let readings = (0..).zip(values).map(|(second, value)| reading(sensor, *value, second));
        let events = readings.flat_map(|reading| judge(&mut engine, &reading).1);
        events
            .map(|event| {
                let kept = if event.announced { "" } else { " (kept)" };
                format!("{} {} {}{kept}", event.rule, event.state, event.value.unwrap())
            })
            .collect()
    }

    #[test]
    fn raised_once_and_resolved_once() {
        let told = play(Announce::Transitions, "T", &[24.0, 35.1, 36.0, 35.0, 9.9, 12.0]);
        assert_eq!(
            told,
            [
                "high-temperature active 35.1",
                "high-temperature resolved 35.0", // the limit itself does not break it
                "low-temperature active 9.9",
                "low-temperature resolved 12.0",
            ]
        );
    }

    #[test]
    fn every_reading_is_told_as_the_origin_did() {
        let told = play(Announce::EveryReading, "T", &[35.1, 36.0, 35.0]);
        assert_eq!(
            told,
            [
                "high-temperature active 35.1",
                "high-temperature active 36.0",
                "high-temperature resolved 35.0 (kept)",
            ]
        );
    }

    #[test]
    fn a_jump_from_high_to_low_resolves_one_and_raises_the_other() {
        let told = play(Announce::Transitions, "T", &[40.0, 5.0]);
        assert_eq!(
            told,
            [
                "high-temperature active 40.0",
                "high-temperature resolved 5.0",
                "low-temperature active 5.0"
            ]
        );
    }

    #[test]
    fn a_sensors_own_limits_stand_in_for_the_quantitys() {
        assert_eq!(play(Announce::Transitions, "COLD", &[8.1]), ["high-temperature active 8.1"]);
        assert_eq!(play(Announce::Transitions, "COLD", &[1.0]), ["low-temperature active 1.0"]);
    }

    #[test]
    fn the_event_is_the_contract_s() {
        let mut engine = Engine::new(rules(Announce::Transitions), Tz::UTC);
        let (is_broken, events) = judge(&mut engine, &reading("TEMP_001", 38.2, 0));
        let event = &events[0];
        assert!(is_broken);
        assert_eq!(&*event.alert_type, "HIGH_TEMPERATURE");
        assert_eq!(event.message, "Température élevée détectée: 38.2°C");
        assert_eq!((event.threshold, event.severity), (35.0, Priority::High));
        assert_eq!(event.alert_id.len(), 16);
    }
}
