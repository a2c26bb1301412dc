//! Stored state of an alarm, committed with the readings that caused it, so that the alarm continues unchanged
//! after a restart. Pure.
//!
//! As JSON: `{"rule":…,"alarm":…,"id":…,"remarks":…,"alert_type":…,"threshold":…,"priority":…,"quantity":…,"location":…,"unit":…,"value":…,"at":…,"heard":…,"ingress":…,"position":…,"is_offline":…,"quiet":…}`,
//! where `rule` is a mark of the rule's text, so that a changed one is noticed, and `heard` is on the listening
//! clock.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::machine::{Alarm, exact};
use super::quiet::reasons::Quiet;
use super::remarks::Remarks;
use super::rule::{Priority, Rule};
use super::series::{Entry, Newest};
use crate::domain::{Fnv1a, Ingress, Location, Quantity, SensorId, Unit, Value, time};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PersistedAlarm {
    rule: u64,
    /// State of the alarm.
    pub alarm: Alarm,
    /// Id of the active or the latest alert.
    pub id: Option<Arc<str>>,
    /// Operators' remarks on the alarm.
    #[serde(default, skip_serializing_if = "Remarks::is_empty")]
    pub remarks: Remarks,
    /// Type of the alert, by the rule at the time.
    pub alert_type: Arc<str>,
    /// Limit of the rule at the time.
    pub threshold: f64,
    priority: String,
    quantity: String,
    location: String,
    unit: String,
    /// `None` for a series without any reading.
    value: Option<serde_json::Number>,
    #[serde(with = "exact")]
    at: DateTime<Utc>,
    heard: Duration,
    /// `None` as versions with a single listening clock wrote it.
    #[serde(default)]
    ingress: Option<Ingress>,
    /// Log position of the last reading; 0 as written by versions without it.
    #[serde(default)]
    position: u64,
    /// Whether the sensor was reported offline and has sent no reading since.
    #[serde(default)]
    pub is_offline: bool,
    /// Suppression state, if it must outlive a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet: Option<Quiet>,
}

impl PersistedAlarm {
    /// State of an entry of a series; `rule_fingerprint` is the fingerprint of its rule.
    pub fn new(rule: &Rule, rule_fingerprint: u64, entry: &Entry, newest: &Newest) -> Self {
        let value = match serde_json::to_value(newest.value) {
            Ok(serde_json::Value::Number(number)) => Some(number),
            _ => None, // a value is a finite number
        };
        let quiet = entry.quiet.as_ref().filter(|quiet| quiet.is_worth_keeping());
        Self {
            rule: rule_fingerprint,
            alarm: entry.alarm.clone(),
            id: entry.id.clone(),
            remarks: entry.remarks.clone(),
            alert_type: rule.alert_type().into(),
            threshold: entry.fit.kind(&rule.kind).threshold(),
            priority: rule.priority.as_str().to_owned(),
            quantity: rule.quantity.as_str().to_owned(),
            location: newest.location.as_str().to_owned(),
            unit: newest.unit.as_str().to_owned(),
            value,
            at: newest.at,
            heard: newest.heard,
            ingress: Some(newest.ingress),
            position: newest.position,
            is_offline: entry.is_offline,
            quiet: quiet.map(|quiet| (**quiet).clone()),
        }
    }

    /// State with its series as of the last reading, with the ingress `former` if none is stored; `None` if
    /// unreadable (edited by hand).
    pub fn read(state: &str, former: Ingress) -> Option<(Self, Quantity, Newest)> {
        let kept: Self = serde_json::from_str(state).ok()?;
        let (quantity, newest) = kept.series()?;
        let newest = Newest { ingress: kept.ingress.unwrap_or(former), ..newest };
        Some((kept, quantity, newest))
    }

    /// Restores the state into an entry.
    pub fn restore(self, to: &mut Entry) {
        to.alarm = self.alarm;
        to.id = self.id;
        to.is_offline = self.is_offline;
        to.quiet = self.quiet.map(Box::new);
        to.remarks = self.remarks;
    }

    /// True if the state is of this rule, unchanged since.
    pub const fn is_of(&self, rule_fingerprint: u64) -> bool {
        self.rule == rule_fingerprint
    }

    /// True if the state is of this rule, for states of version 0.1, which identified a rule by its `Debug` text.
    /// To be removed in the version after next.
    pub fn is_of_before(&self, rule: &Rule) -> bool {
        let Rule { name, quantity, kind, timing, .. } = rule;
        self.rule == Fnv1a::hash(format!("{name}\0{quantity:?}\0{kind:?}\0{timing:?}").as_bytes())
    }

    /// Priority of the rule, used after the rule has been removed.
    pub fn priority(&self) -> Priority {
        self.priority.parse().unwrap_or(Priority::High)
    }

    /// Series as of its last reading; `None` if unreadable (edited by hand).
    pub fn series(&self) -> Option<(Quantity, Newest)> {
        let newest = Newest {
            location: Location::new(&self.location),
            unit: Unit::new(&self.unit),
            value: match &self.value {
                Some(number) => Some(Value::from_json(number).ok()?),
                None => None,
            },
            // The time of a reading is stored to the microsecond elsewhere.
            at: if self.value.is_some() { time::as_stored(self.at) } else { self.at },
            heard: self.heard,
            ingress: self.ingress.unwrap_or_default(),
            position: self.position,
        };
        Some((Quantity::new(&self.quantity).ok()?, newest))
    }
}

/// Differs for each text of a rule: FNV-1a, 64 bit, of what makes it behave as it does, as JSON. A new
/// message or runbook leaves its alarms alone, and so does another compiler. Whoever adds a key to
/// a kind or to [`Timing`](super::rule::Timing) leaves it out of the JSON at its default, so that an
/// upgrade closes nothing. So is a unit that is the quantity's own left out.
pub(super) fn rule_fingerprint(rule: &Rule) -> u64 {
    let Rule { name, quantity, kind, timing, .. } = rule;
    let text = match rule.unit_of_mark() {
        None => serde_json::to_string(&(name, quantity.as_str(), kind, timing)),
        Some(unit) => serde_json::to_string(&(name, quantity.as_str(), kind, timing, unit)),
    };
    // Numbers and texts alone: always valid JSON.
    Fnv1a::hash(text.unwrap_or_default().as_bytes())
}

/// Alert id: 16 hexadecimal digits derived from the rule, the sensor and the alert's cause: the position of a log
/// record, and the number of the engine's step within it. The same log gives the same ids.
pub(super) fn alert_id(rule: &str, sensor_id: &SensorId, position: u64, part: u32) -> Arc<str> {
    digits(rule, sensor_id, &[&position.to_be_bytes()[..], &part.to_be_bytes()].concat())
}

/// Id of a summary that began under a version before ids by cause: from the time of its first alarm.
pub(super) fn former_alert_id(rule: &str, sensor_id: &SensorId, first: DateTime<Utc>) -> Arc<str> {
    digits(rule, sensor_id, &first.timestamp_micros().to_be_bytes())
}

fn digits(rule: &str, sensor_id: &SensorId, cause: &[u8]) -> Arc<str> {
    let parts = [rule.as_bytes(), &[0], sensor_id.as_str().as_bytes(), &[0], cause];
    format!("{:016x}", Fnv1a::hash(&parts.concat())).into()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::expression::Expression;
    use super::super::rule::{Kind, Timing};
    use super::*;
    use crate::domain::SensorId;

    fn rule(kind: Kind) -> Rule {
        let mut rule = Rule::retired("r".into(), Quantity::temperature(), Priority::High);
        rule.kind = kind;
        rule
    }

    fn kinds() -> Vec<Kind> {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let (limit, deadband) = (8.0, 0.5);
        vec![
            Kind::High { limit, deadband },
            Kind::High { limit, deadband: 0.25 },
            Kind::Low { limit, deadband },
            Kind::Rate { per_minute: 2.0, window: minutes(5) },
            Kind::Rate { per_minute: -2.0, window: minutes(5) },
            Kind::Rate { per_minute: 2.0, window: minutes(6) },
            Kind::Stale { after: minutes(15) },
            Kind::Flatline { lasting: minutes(60), within: 0.1 },
            Kind::Deviation { deviations: 6.0, window: minutes(60) },
            Kind::Difference { other: SensorId::new("A").unwrap(), limit, deadband },
            Kind::Difference { other: SensorId::new("B").unwrap(), limit, deadband },
            Kind::Expression { condition: Expression::parse("value > 8.0").unwrap() },
            Kind::Expression { condition: Expression::parse("value > 9.0").unwrap() },
        ]
    }

    #[test]
    fn whatever_makes_a_rule_behave_otherwise_makes_another_mark() {
        let mut rules: Vec<_> = kinds().into_iter().map(rule).collect();
        let mut other = rules[0].clone();
        other.name = "s".into();
        rules.push(other.clone());
        other.quantity = Quantity::new("co2").unwrap();
        rules.push(other.clone());
        other.timing = Timing { on_delay: Duration::from_millis(1), ..Timing::default() };
        rules.push(other.clone());
        other.timing.reannounce = Some(Duration::ZERO);
        rules.push(other.clone());
        let before = rule_fingerprint(&other);
        other.unit = Some(Unit::new("PPM"));
        assert_eq!(rule_fingerprint(&other), before, "the unit of co2, written down");
        other.unit = Some(Unit::new("ppb"));
        rules.push(other.clone());
        let fingerprints: HashSet<_> = rules.iter().map(rule_fingerprint).collect();
        assert_eq!(fingerprints.len(), rules.len());
        let before = rule_fingerprint(&other);
        other.message = Some("m".into());
        other.runbook = Some("r".into());
        assert_eq!(rule_fingerprint(&other), before);
    }

    /// What is stored goes by it: a change here closes every alarm at the next start.
    #[test]
    fn a_mark_stays_what_it_is() {
        let text = serde_json::to_string(&kinds()).unwrap();
        assert!(text.starts_with(r#"[{"High":{"limit":8.0,"deadband":0.5}},"#), "{text}");
        assert!(text.contains(r#"{"Stale":{"after":{"secs":900,"nanos":0}}}"#), "{text}");
        assert!(text.ends_with(r#"{"Expression":{"condition":"value > 9.0"}}]"#), "{text}");
        let high = rule(kinds().remove(0));
        let said = r#"["r","temperature",{"High":{"limit":8.0,"deadband":0.5}},{"on_delay":{"secs":0,"nanos":0},"off_delay":{"secs":0,"nanos":0},"reannounce":null,"is_latching":false,"needs_acknowledgement":false}]"#;
        assert_eq!(rule_fingerprint(&high), Fnv1a::hash(said.as_bytes()));
    }
}
