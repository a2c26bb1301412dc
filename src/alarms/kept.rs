//! What is kept of an alarm, in the transaction of the readings it comes of, so that it goes on after a
//! restart as if nothing had happened. Pure.
//!
//! As JSON: `{"rule":…,"alarm":…,"id":…,"alert_type":…,"threshold":…,"priority":…,"quantity":…,"location":…,"unit":…,"value":…,"at":…,"heard":…}`,
//! where `rule` is a mark of the rule's text, so that a changed one is noticed, and `heard` is on the watch
//! clock.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::machine::{Alarm, exact};
use super::rule::{Priority, Rule};
use super::series::{Entry, Newest};
use crate::domain::{Location, Quantity, Unit, Value};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    rule: u64,
    pub alarm: Alarm,
    pub id: Option<Arc<str>>,
    pub alert_type: Arc<str>,
    pub threshold: f64,
    priority: String,
    quantity: String,
    location: String,
    unit: String,
    value: serde_json::Number,
    #[serde(with = "exact")]
    at: DateTime<Utc>,
    heard: Duration,
}

impl Kept {
    pub fn new(rule: &Rule, mark: u64, entry: &Entry, newest: &Newest) -> Self {
        let value = match serde_json::to_value(newest.value) {
            Ok(serde_json::Value::Number(number)) => number,
            _ => 0.into(), // a value is a finite number
        };
        Self {
            rule: mark,
            alarm: entry.alarm.clone(),
            id: entry.id.clone(),
            alert_type: rule.alert_type().into(),
            threshold: rule.kind.threshold(),
            priority: rule.priority.as_str().to_owned(),
            quantity: rule.quantity.as_str().to_owned(),
            location: newest.location.as_str().to_owned(),
            unit: newest.unit.as_str().to_owned(),
            value,
            at: newest.at,
            heard: newest.heard,
        }
    }

    /// Whether it is of this very rule, and not of one that was changed since.
    pub const fn is_of(&self, mark: u64) -> bool {
        self.rule == mark
    }

    /// Of its rule, for when the rule is no more.
    pub fn priority(&self) -> Priority {
        self.priority.parse().unwrap_or(Priority::High)
    }

    /// The series it is of, as it was last heard; `None` when somebody edited it.
    pub fn series(&self) -> Option<(Quantity, Newest)> {
        let newest = Newest {
            location: Location::new(&self.location),
            unit: Unit::new(&self.unit),
            value: Value::from_json(&self.value).ok()?,
            at: self.at,
            heard: self.heard,
        };
        Some((Quantity::new(&self.quantity).ok()?, newest))
    }
}

/// Differs for each text of a rule: FNV-1a, 64 bit, of what makes it behave as it does. A new message or
/// runbook leaves its alarms alone.
pub(super) fn mark(rule: &Rule) -> u64 {
    let Rule { name, quantity, kind, timing, .. } = rule;
    fnv1a(format!("{name}\0{quantity:?}\0{kind:?}\0{timing:?}").as_bytes())
}

/// FNV-1a, 64 bit (Fowler, Noll, Vo), which unlike the standard hasher never changes.
pub(super) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
