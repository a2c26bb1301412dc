//! The alert machine: which alerts stand, and what one more reading changes. Pure.
//!
//! ```text
//!            value breaks the limit: raise
//!   normal ──────────────────────────────▶ active ─┐ still broken: silence, or a repeat
//!      ▲                                     │ ◀────┘ (`announce = "every-reading"`)
//!      └─────────────────────────────────────┘
//!            value is within: resolve
//! ```
//!
//! One alert a sensor and rule. An alert keeps its id from raised to resolved, and the id follows
//! from what raised it: judging the same readings again gives the same alerts.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::rule::Rule;
use crate::config::Announce;
use crate::domain::{AlertEvent, AlertState, Priority, Reading, SensorId, StandingAlert};
use crate::locale::{AlertWords, Words};

/// The alerts that stand.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Standing {
    by_sensor: HashMap<SensorId, Vec<Active>>,
}

#[derive(Debug, Clone, PartialEq)]
struct Active {
    rule: Arc<str>,
    alert_id: Arc<str>,
    since: DateTime<Utc>,
}

/// What a reading did to one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Raised,
    StillBroken,
    Resolved,
}

impl Standing {
    /// Takes up where an earlier life left off.
    #[must_use]
    pub fn restore(stored: Vec<StandingAlert>) -> Self {
        let mut standing = Self::default();
        for StandingAlert { alert_id, rule, sensor_id, since } in stored {
            standing.by_sensor.entry(sensor_id).or_default().push(Active { rule, alert_id, since });
        }
        standing
    }

    /// How many alerts stand.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_sensor.values().map(Vec::len).sum()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Judges one reading by one rule: whether it breaks it, and the event to record, if any.
    pub fn judge(
        &mut self,
        rule: &Rule,
        reading: &Reading,
        announce: Announce,
        words: &Words,
    ) -> (bool, Option<AlertEvent>) {
        let is_broken = rule.limit.is_broken_by(reading.value.get(), rule.threshold);
        let event = self.advance(rule, reading, is_broken).and_then(|(change, alert_id)| {
            let announced = match (announce, change) {
                (Announce::Transitions, Change::StillBroken) => return None,
                // The origin told of breaking readings only; its consumers know no other message.
                (Announce::EveryReading, Change::Resolved) => false,
                _ => true,
            };
            Some(event(rule, reading, alert_id, change, announced, words))
        });
        (is_broken, event)
    }

    fn advance(
        &mut self,
        rule: &Rule,
        reading: &Reading,
        is_broken: bool,
    ) -> Option<(Change, Arc<str>)> {
        if !is_broken && !self.by_sensor.contains_key(&reading.sensor_id) {
            return None; // by far the most frequent case: nothing stands and nothing is wrong
        }
        let alerts = self.by_sensor.entry(reading.sensor_id.clone()).or_default();
        let standing = alerts.iter().position(|active| active.rule == rule.name);
        let change = match (standing, is_broken) {
            (None, true) => {
                let alert_id = alert_id(rule, reading);
                let since = reading.timestamp;
                alerts.push(Active { rule: rule.name.clone(), alert_id: alert_id.clone(), since });
                Some((Change::Raised, alert_id))
            }
            (Some(at), true) => Some((Change::StillBroken, alerts[at].alert_id.clone())),
            (Some(at), false) => Some((Change::Resolved, alerts.swap_remove(at).alert_id)),
            (None, false) => None,
        };
        if alerts.is_empty() {
            self.by_sensor.remove(&reading.sensor_id);
        }
        change
    }
}

fn event(
    rule: &Rule,
    reading: &Reading,
    alert_id: Arc<str>,
    change: Change,
    announced: bool,
    words: &Words,
) -> AlertEvent {
    let state = match change {
        Change::Raised | Change::StillBroken => AlertState::Active,
        Change::Resolved => AlertState::Resolved,
    };
    let Reading { sensor_id, location, quantity, value, unit, timestamp } = reading.clone();
    let message = (words.alert)(AlertWords {
        quantity: &quantity,
        kind: &rule.kind(),
        state,
        value,
        unit: &unit,
    });
    AlertEvent {
        alert_id,
        rule: rule.name.clone(),
        alert_type: rule.alert_type.clone(),
        sensor_id,
        location,
        quantity,
        value,
        unit,
        threshold: rule.threshold,
        severity: Priority::High,
        state,
        message,
        timestamp,
        announced,
    }
}

/// 16 hexadecimal digits that follow from the rule, the sensor and the reading's time:
/// FNV-1a, 64 bit (Fowler, Noll, Vo), which unlike the standard hasher never changes.
fn alert_id(rule: &Rule, reading: &Reading) -> Arc<str> {
    let time = reading.timestamp.timestamp_micros().to_be_bytes();
    let parts = [rule.name.as_bytes(), &[0], reading.sensor_id.as_str().as_bytes(), &[0], &time];
    let hash = parts.concat().iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash:016x}").into()
}

#[cfg(test)]
mod tests {
    use super::super::Rules;
    use super::*;
    use crate::config::{AlertsConfig, Limits, Thresholds};
    use crate::domain::{Location, Quantity, Unit, Value};
    use crate::locale::Language;

    fn rules() -> Rules {
        let limits = |high, low| Limits { high, low };
        let thresholds = Thresholds {
            default: limits(Some(35.0), Some(10.0)),
            sensors: [(SensorId::new("COLD").unwrap(), limits(Some(8.0), Some(2.0)))].into(),
        };
        let thresholds = [(Quantity::temperature(), thresholds)].into();
        Rules::new(AlertsConfig { announce: Announce::Transitions, thresholds })
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

    /// Plays values one second apart and tells the events as `state value announced`.
    fn play(announce: Announce, sensor: &str, values: &[f64]) -> Vec<String> {
        let (rules, mut standing) = (rules(), Standing::default());
        let mut told = Vec::new();
        for (second, value) in values.iter().enumerate() {
            let reading = reading(sensor, *value, i64::try_from(second).unwrap());
            for rule in rules.of(&reading) {
                let (_, event) =
                    standing.judge(&rule, &reading, announce, Language::French.words());
                told.extend(event.map(|e| {
                    format!(
                        "{} {} {}{}",
                        e.rule,
                        e.state,
                        e.value,
                        if e.announced { "" } else { " (kept)" }
                    )
                }));
            }
        }
        told
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
    fn a_sensor_s_own_limits_come_first() {
        assert_eq!(play(Announce::Transitions, "COLD", &[8.1]), ["high-temperature active 8.1"]);
    }

    #[test]
    fn the_event_is_the_contract_s() {
        let rules = rules();
        let reading = reading("TEMP_001", 38.2, 0);
        let rule = rules.of(&reading).next().unwrap();
        let french = Language::French.words();
        let (broken, event) =
            Standing::default().judge(&rule, &reading, Announce::Transitions, french);
        let event = event.unwrap();
        assert!(broken);
        assert_eq!(&*event.alert_type, "HIGH_TEMPERATURE");
        assert_eq!(event.message, "Température élevée détectée: 38.2°C");
        assert_eq!(event.alert_id.len(), 16);
    }

    #[test]
    fn a_restored_machine_goes_on_as_the_old_one() {
        let rules = rules();
        let words = Language::English.words();
        let hot = reading("T", 40.0, 0);
        let rule = rules.of(&hot).next().unwrap();
        let mut first = Standing::default();
        let raised = first.judge(&rule, &hot, Announce::Transitions, words).1.unwrap();
        let mut second = Standing::restore(vec![StandingAlert {
            alert_id: raised.alert_id.clone(),
            rule: raised.rule.clone(),
            sensor_id: raised.sensor_id.clone(),
            since: raised.timestamp,
        }]);
        assert_eq!(first, second);
        let cool = reading("T", 20.0, 9);
        let resolved = second.judge(&rule, &cool, Announce::Transitions, words).1.unwrap();
        assert_eq!((resolved.state, resolved.alert_id), (AlertState::Resolved, raised.alert_id));
        assert!(second.is_empty());
    }

    #[test]
    fn ids_follow_from_their_cause() {
        let rules = rules();
        let id = |sensor, second| {
            let reading = reading(sensor, 40.0, second);
            alert_id(&rules.of(&reading).next().unwrap(), &reading)
        };
        assert_eq!(id("T", 1), id("T", 1));
        assert_ne!(id("T", 1), id("T", 2));
        assert_ne!(id("T", 1), id("U", 1));
    }
}
