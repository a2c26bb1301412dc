//! An alert: what a rule said of a reading.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Location, Operator, Quantity, SensorId, Unit, Value};

/// Which side of its threshold a value broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Broken strictly above.
    High,
    /// Broken strictly below.
    Low,
}

impl Limit {
    /// Whether `value` lies beyond the threshold.
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

/// Whether the alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AlertState {
    /// The alert has been raised and not resolved.
    Active,
    /// The alert has been resolved.
    Resolved,
}

impl AlertState {
    /// As it travels and is stored.
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

    /// As it travels and is stored.
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

/// What an alarm did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Change {
    /// Became active.
    Raised,
    /// Nobody acknowledged it for so long that it was to be announced again.
    StillActive,
    /// An operator acknowledged it.
    Acknowledged,
    /// Returned to normal.
    Returned,
    /// The value returned and the alarm stays.
    Latched,
    /// A latched alarm was reset by an operator.
    Reset,
    /// An operator shelved it.
    Shelved,
    /// Its shelf ended.
    Unshelved,
    /// Suppressed by a dependency, maintenance, chattering or a flood.
    Suppressed,
    /// No longer suppressed.
    Unsuppressed,
    /// An operator took it out of service.
    TakenOutOfService,
    /// An operator returned it to service.
    ReturnedToService,
    /// Ended without a return, because its rule or sensor is no more.
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

    /// As it is stored.
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

/// One thing an alarm did, to be kept and, if it is announced, told to the world.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertEvent {
    /// Sequence number over the life of the installation, from 1. Names the event everywhere; evaluation
    /// being deterministic, a replay gives the same event the same number.
    pub number: u64,
    /// The same for all events of one alert, from raised to resolved.
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
    /// `None` where there is none: of a sensor that never spoke.
    pub value: Option<Value>,
    /// Unit of `value` and `threshold`.
    pub unit: Unit,
    /// Threshold of the rule, in `unit`.
    pub threshold: f64,
    /// Priority of the rule.
    pub severity: Priority,
    /// Whether it stands after this.
    pub state: AlertState,
    /// What the alarm did.
    pub change: Change,
    /// Who did it, where somebody did.
    pub operator: Option<Operator>,
    /// For people, in the configured language.
    pub message: String,
    /// The reading's own time.
    pub timestamp: DateTime<Utc>,
    /// Whether this event is published; otherwise it is only kept.
    pub announced: bool,
    /// Whether it is an end that was not announced because its rule announces no ends: who keeps track of
    /// alarms goes by it. One that was withheld is none.
    pub is_silent_end: bool,
    /// Whether it came in a flood of alarms, of which a summary tells: who sends messages to people may
    /// send that one instead.
    pub in_flood: bool,
}

impl AlertEvent {
    /// A withheld event of a sensor with every other attribute empty: a base for records of versions that
    /// lacked some attributes, and for tests.
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

/// An alert that has been raised and not resolved: what evaluation must know after a restart.
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

/// What evaluation must know of an alarm after a restart that its events don't tell: delays that run,
/// who acknowledged it, until when it is shelved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmState {
    /// Id of the sensor.
    pub sensor_id: SensorId,
    /// The rule's name.
    pub rule: Arc<str>,
    /// As evaluation wrote it, to be given back unread; `None` for one at rest.
    pub state: Option<String>,
}
