//! Alert events: what a rule found in a reading, as it is published and stored.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Location, Operator, Quantity, SensorId, Unit, Value};

/// Side of the threshold that a value exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Broken strictly above.
    High,
    /// Broken strictly below.
    Low,
}

impl Limit {
    /// True if `value` is beyond `threshold`.
    #[must_use]
    pub fn is_broken_by(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::High => value > threshold,
            Self::Low => value < threshold,
        }
    }

    /// `high` or `low`, as rules are named.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Low => "low",
        }
    }
}

/// Whether the alert is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AlertState {
    /// The alert has been raised and not resolved.
    Active,
    /// The alert has been resolved.
    Resolved,
}

impl AlertState {
    /// Name in JSON and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Resolved => "resolved",
        }
    }
}

impl fmt::Display for AlertState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for AlertState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "active" => Ok(Self::Active),
            "resolved" => Ok(Self::Resolved),
            other => Err(format!("`{other}` is no alert state: use `active` or `resolved`")),
        }
    }
}

/// How soon someone must act; on the wire and in tables the alert's `severity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Priority {
    /// Lowest priority.
    Low,
    /// Second lowest priority.
    Medium,
    /// Second highest priority.
    High,
    /// Highest priority.
    Critical,
}

impl Priority {
    /// All priorities, lowest first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// Name in JSON and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }
}

impl std::str::FromStr for Priority {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|priority| priority.as_str() == text);
        known.ok_or_else(|| format!("`{text}` is no severity"))
    }
}

/// Transition of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Change {
    /// Became active.
    Raised,
    /// Re-announced: unacknowledged for the rule's re-announcement interval.
    StillActive,
    /// Acknowledged by an operator.
    Acknowledged,
    /// Returned to normal.
    Returned,
    /// The value returned and the alarm stays.
    Latched,
    /// Latched alarm reset by an operator.
    Reset,
    /// Shelved by an operator.
    Shelved,
    /// Its shelf ended.
    Unshelved,
    /// Suppressed by a dependency, maintenance, chattering or a flood.
    Suppressed,
    /// No longer suppressed.
    Unsuppressed,
    /// Taken out of service by an operator.
    TakenOutOfService,
    /// Returned to service by an operator.
    ReturnedToService,
    /// Ended without a return to normal, because its rule or sensor was removed.
    Closed,
}

impl Change {
    const ALL: [Self; 13] = [
        Self::Raised,
        Self::StillActive,
        Self::Acknowledged,
        Self::Returned,
        Self::Latched,
        Self::Reset,
        Self::Shelved,
        Self::Unshelved,
        Self::Suppressed,
        Self::Unsuppressed,
        Self::TakenOutOfService,
        Self::ReturnedToService,
        Self::Closed,
    ];

    /// Name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::StillActive => "still-active",
            Self::Acknowledged => "acknowledged",
            Self::Returned => "returned",
            Self::Latched => "latched",
            Self::Reset => "reset",
            Self::Shelved => "shelved",
            Self::Unshelved => "unshelved",
            Self::Suppressed => "suppressed",
            Self::Unsuppressed => "unsuppressed",
            Self::TakenOutOfService => "taken-out-of-service",
            Self::ReturnedToService => "returned-to-service",
            Self::Closed => "closed",
        }
    }
}

impl std::str::FromStr for Change {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|change| change.as_str() == text);
        known.ok_or_else(|| format!("`{text}` is no transition of an alarm"))
    }
}

/// One transition of an alarm. Always stored; published and notified if it is announced.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertEvent {
    /// Sequence number over the life of the installation, from 1. Identifies the event everywhere. Evaluation is
    /// deterministic, so a replay assigns the same number to the same event.
    pub number: u64,
    /// Id of the alert, shared by all its events from raised to resolved.
    pub alert_id: Arc<str>,
    /// The rule's name: `high-temperature`.
    pub rule: Arc<str>,
    /// `HIGH_TEMPERATURE`, `LOW_HUMIDITY`, …
    pub alert_type: Arc<str>,
    /// Id of the sensor.
    pub sensor_id: SensorId,
    /// Location of the sensor.
    pub location: Location,
    /// Quantity that was judged.
    pub quantity: Quantity,
    /// Value that caused the event; `None` for a sensor without any reading.
    pub value: Option<Value>,
    /// Unit of `value` and `threshold`.
    pub unit: Unit,
    /// Threshold of the rule, in `unit`.
    pub threshold: f64,
    /// Priority of the rule.
    pub severity: Priority,
    /// Whether the alert is active after the event.
    pub state: AlertState,
    /// Transition that the event records.
    pub change: Change,
    /// Operator who caused the event; `None` for all others.
    pub operator: Option<Operator>,
    /// Text for people, in the configured language.
    pub message: String,
    /// The reading's own time.
    pub timestamp: DateTime<Utc>,
    /// Whether the event is published; otherwise it is stored only.
    pub announced: bool,
    /// True for an end that is not announced because its rule announces no ends. Consumers that track alarms need
    /// it. False for a withheld event.
    pub is_silent_end: bool,
    /// Whether the alert is part of an alarm flood. A receiver may send the flood's summary instead.
    pub in_flood: bool,
}

impl AlertEvent {
    /// A withheld event with every other attribute empty: the base for records of versions that lacked some
    /// attributes, and for tests.
    #[must_use]
    pub fn new(sensor_id: SensorId, quantity: Quantity) -> Self {
        Self {
            number: 0,
            alert_id: "".into(),
            rule: "".into(),
            alert_type: "".into(),
            sensor_id,
            location: Location::new(""),
            quantity,
            value: None,
            unit: Unit::new(""),
            threshold: 0.0,
            severity: Priority::High,
            state: AlertState::Active,
            change: Change::Raised,
            operator: None,
            message: String::new(),
            timestamp: DateTime::UNIX_EPOCH,
            announced: false,
            is_silent_end: false,
            in_flood: false,
        }
    }
}

/// An active alert: state that evaluation needs after a restart.
#[derive(Debug, Clone, PartialEq)]
pub struct StandingAlert {
    /// Id of the alert.
    pub alert_id: Arc<str>,
    /// Name of the rule.
    pub rule: Arc<str>,
    /// Id of the sensor.
    pub sensor_id: SensorId,
    /// Time at which the alert was raised.
    pub since: DateTime<Utc>,
}

/// State of an alarm that a restart needs beyond its events: running delays, acknowledgement, shelf.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmState {
    /// Id of the sensor.
    pub sensor_id: SensorId,
    /// The rule's name.
    pub rule: Arc<str>,
    /// Serialized by evaluation, opaque to storage; `None` for a normal alarm.
    pub state: Option<String>,
}
