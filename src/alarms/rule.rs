//! A validated rule: its sensors, its condition, and the behaviour of its alarm. Pure.
//!
//! The configuration makes these (`config/rules.rs`); nothing here can be invalid.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::expression::Expression;
pub use crate::domain::Priority;
use crate::domain::{Quantity, SensorId, Unit};

/// A rule of `[[rules]]`, or of the short form `[alerts.temperature]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Name, unique among all rules: `cold-room-warm`.
    pub name: Arc<str>,
    /// Sensors that the rule holds for.
    pub selection: Selection,
    /// Quantity that the rule judges.
    pub quantity: Quantity,
    /// Condition that violates the rule.
    pub kind: Kind,
    /// Unit of the rule's figures; `None` for the quantity's own.
    pub unit: Option<Unit>,
    /// Whether readings in a unit that does not convert into the rule's are not judged.
    pub is_strict: bool,
    /// Delays of the alarm, and how it ends.
    pub timing: Timing,
    /// Priority of the alarm.
    pub priority: Priority,
    /// Text for a raised alarm; `None` for the default wording.
    pub message: Option<Arc<str>>,
    /// Runbook: where the operator finds what to do.
    pub runbook: Option<Arc<str>>,
    /// Whether each violating reading is announced, and no return: the origin's behaviour.
    pub announces_each_reading: bool,
    /// Causes that suppress its alarms.
    pub suppression: Option<Suppression>,
}

/// Alarms of other rules that, while active in the same scope, suppress those of this rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// Names of rules.
    pub by: Vec<Arc<str>>,
    /// Scope in which the other alarm must be active.
    pub same: Same,
    /// Time that a raised alarm is held back, in case its cause is raised a little later.
    pub wait: Duration,
    /// Time that it stays suppressed after its cause returned: its sensor recovers a little later.
    pub settle: Duration,
}

/// Scope of a suppression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Same {
    /// The same location.
    Location,
    /// The same sensor.
    Sensor,
    /// Anywhere.
    Any,
}

impl Rule {
    /// Stand-in for a removed rule, as far as its alarm, yet to be closed, is stored. Its kind is unknown and never
    /// used.
    #[must_use]
    pub fn retired(name: Arc<str>, quantity: Quantity, priority: Priority) -> Self {
        Self {
            name,
            selection: Selection::AllBut(Arc::default()),
            quantity,
            kind: Kind::Stale { after: Duration::ZERO },
            unit: None,
            is_strict: false,
            timing: Timing::default(),
            priority,
            message: None,
            runbook: None,
            announces_each_reading: false,
            suppression: None,
        }
    }

    /// `HIGH_TEMPERATURE`, `STALE_HUMIDITY`, …: the alert's type.
    #[must_use]
    pub fn alert_type(&self) -> String {
        format!("{}_{}", self.kind.as_str(), self.quantity).to_uppercase()
    }
}

impl Default for Selection {
    /// All sensors.
    fn default() -> Self {
        Self::Matching { sensors: Vec::new(), locations: Vec::new() }
    }
}

impl Kind {
    /// Name in the configuration, where [`Kind::Finding`] can't occur.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::High { .. } => "high",
            Self::Low { .. } => "low",
            Self::Rate { .. } => "rate",
            Self::Stale { .. } => "stale",
            Self::Flatline { .. } => "flatline",
            Self::Deviation { .. } => "deviation",
            Self::Difference { .. } => "difference",
            Self::Finding => "system",
            Self::Expression { .. } => "expression",
        }
    }

    /// The figure that an alert quotes as its threshold: in the unit of the figures, per minute, in
    /// seconds, or in deviations; 0 for an expression and a finding, which have none.
    #[must_use]
    pub const fn threshold(&self) -> f64 {
        match self {
            Self::High { limit, .. } | Self::Low { limit, .. } | Self::Difference { limit, .. } => {
                *limit
            }
            Self::Rate { per_minute, .. } => *per_minute,
            Self::Stale { after } => after.as_secs_f64(),
            Self::Flatline { within, .. } => *within,
            Self::Deviation { deviations, .. } => *deviations,
            Self::Finding | Self::Expression { .. } => 0.0,
        }
    }
}

/// Which sensors a rule holds for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Sensors whose id or location matches a pattern: `*` is any characters, `?` is one. Without patterns: all.
    Matching {
        /// Patterns of sensor ids.
        sensors: Vec<Arc<str>>,
        /// Patterns of locations.
        locations: Vec<Arc<str>>,
    },
    /// One, by its id.
    Only(SensorId),
    /// All sensors but those with their own rule instead.
    AllBut(Arc<HashSet<SensorId>>),
}

/// Condition that violates a rule. Its serialized form is part of a rule's stored fingerprint (`kept.rs`).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Kind {
    /// A value above `limit`; ends at or below `limit - deadband`.
    High {
        /// Highest permitted value, in the unit of the rule.
        limit: f64,
        /// Hysteresis below the limit, in the same unit; 0 or more.
        deadband: f64,
    },
    /// A value below `limit`; ends at or above `limit + deadband`.
    Low {
        /// Lowest permitted value, in the unit of the rule.
        limit: f64,
        /// Hysteresis above the limit, in the same unit; 0 or more.
        deadband: f64,
    },
    /// A change faster than `per_minute` over `window`, upward if positive, downward if negative.
    Rate {
        /// Fastest permitted change, in the unit of the rule per minute; not 0.
        per_minute: f64,
        /// Time span that the change is measured over.
        window: Duration,
    },
    /// No reading for a time.
    Stale {
        /// Longest permitted silence.
        after: Duration,
    },
    /// Readings that stay within `within` of each other for `lasting`: a stuck sensor.
    Flatline {
        /// Shortest time without movement that breaks the rule.
        lasting: Duration,
        /// Movement that does not count, in the unit of the rule; 0 or more.
        within: f64,
    },
    /// A value more than `deviations` robust standard deviations (1.4826 times the median absolute deviation) away
    /// from the median of its own last `window`.
    Deviation {
        /// Largest permitted distance, in robust standard deviations; above 0.
        deviations: f64,
        /// Time span of the values to compare with.
        window: Duration,
    },
    /// A value further than `limit` from that of another sensor, of the same quantity.
    Difference {
        /// The sensor to compare with.
        #[serde(serialize_with = "as_text")]
        other: SensorId,
        /// Largest permitted distance, in the unit of the rule; 0 or more.
        limit: f64,
        /// The alarm ends at `limit - deadband` or less; 0 or more.
        deadband: f64,
    },
    /// Something that the daemon found out about itself; no reading breaks it.
    Finding,
    /// A CEL expression that is true.
    Expression {
        /// The condition that breaks the rule.
        #[serde(serialize_with = "as_source")]
        condition: Expression,
    },
}

fn as_text<S: Serializer>(id: &SensorId, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(id.as_str())
}

fn as_source<S: Serializer>(condition: &Expression, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(condition.source())
}

/// How an alarm behaves in time. Serialized like [`Kind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Timing {
    /// Time that the rule must be broken without a break before the alarm is raised.
    pub on_delay: Duration,
    /// Time without violation before the alarm returns to normal.
    pub off_delay: Duration,
    /// Time after which an active alarm without an acknowledgement is announced again; `None` for never.
    pub reannounce: Option<Duration>,
    /// Whether the alarm stays until an operator resets it, though the value returned.
    pub is_latching: bool,
    /// Whether the alarm stays, returned, until an operator acknowledges it.
    pub needs_acknowledgement: bool,
}
