//! A rule, checked: which sensors it holds for, what breaks it, and how its alarm behaves. Pure.
//!
//! The configuration makes these (`config/rules.rs`); nothing here can be invalid.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::expression::Expression;
pub use crate::domain::Priority;
use crate::domain::{Quantity, SensorId, Unit};

/// What an operator wrote under `[[rules]]`, or the short form `[alerts.temperature]` stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Name, unique among all rules: `cold-room-warm`.
    pub name: Arc<str>,
    /// Sensors that the rule holds for.
    pub selection: Selection,
    /// Quantity that the rule judges.
    pub quantity: Quantity,
    /// What breaks the rule.
    pub kind: Kind,
    /// Unit of the rule's figures; `None` for the quantity's own.
    pub unit: Option<Unit>,
    /// Whether readings in a unit that does not convert into the rule's are not judged.
    pub is_strict: bool,
    /// Delays of the alarm, and what ends it.
    pub timing: Timing,
    /// Priority of the alarm.
    pub priority: Priority,
    /// What people are told of a raised alarm; `None` for the catalogue's own words.
    pub message: Option<Arc<str>>,
    /// Where it is written what to do.
    pub runbook: Option<Arc<str>>,
    /// Whether each reading that breaks it is announced, and no return: as the system did that Vigie
    /// grew from.
    pub announces_each_reading: bool,
    /// What explains its alarms, so that nobody need be told of both.
    pub suppression: Option<Suppression>,
}

/// Alarms of other rules that, while they are active at the same place, suppress those of this rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// Names of rules.
    pub by: Vec<Arc<str>>,
    /// Where the other alarm must be active.
    pub same: Same,
    /// Time that a raised alarm is held back, in case what explains it is raised a little later.
    pub wait: Duration,
    /// Time that it stays suppressed after what explained it returned: what comes back comes back
    /// a little later.
    pub settle: Duration,
}

/// What "the same place" means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Same {
    /// At the same location.
    Location,
    /// On the same sensor.
    Sensor,
    /// Anywhere.
    Any,
}

impl Rule {
    /// A rule that is no more, as far as its alarm, yet to be closed, remembers it. Its kind isn't known,
    /// and never asked for: nothing is judged by it.
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
    /// As it is written in the configuration, where [`Kind::Finding`] can't be.
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
    /// Those whose id or whose location matches one of the patterns: `*` stands for any characters, `?`
    /// for one. Without patterns: all.
    Matching {
        /// Patterns of sensor ids.
        sensors: Vec<Arc<str>>,
        /// Patterns of locations.
        locations: Vec<Arc<str>>,
    },
    /// One, by its id.
    Only(SensorId),
    /// All but those with a rule of their own in its place.
    AllBut(Arc<HashSet<SensorId>>),
}

/// What breaks a rule. As it is serialized it is part of what a kept alarm knows its rule by (`kept.rs`).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Kind {
    /// A value above `limit`; over when it is at or below `limit - deadband`.
    High {
        /// Greatest value that keeps the rule, in the unit of the rule.
        limit: f64,
        /// Hysteresis below the limit, in the same unit; 0 or more.
        deadband: f64,
    },
    /// A value below `limit`; over when it is at or above `limit + deadband`.
    Low {
        /// Least value that keeps the rule, in the unit of the rule.
        limit: f64,
        /// Hysteresis above the limit, in the same unit; 0 or more.
        deadband: f64,
    },
    /// A change faster than `per_minute`, upward if that is positive, downward if negative, over
    /// `window`.
    Rate {
        /// Fastest change that keeps the rule, in the unit of the rule per minute; not 0.
        per_minute: f64,
        /// Time span that the change is measured over.
        window: Duration,
    },
    /// No reading for a time.
    Stale {
        /// Longest silence that keeps the rule.
        after: Duration,
    },
    /// Readings that stay within `within` of each other for so long: a stuck sensor.
    Flatline {
        /// Shortest time without movement that breaks the rule.
        lasting: Duration,
        /// Movement that does not count, in the unit of the rule; 0 or more.
        within: f64,
    },
    /// A value more than `deviations` robust standard deviations (1.4826 times the median absolute
    /// deviation) away from the median of its own last `window`.
    Deviation {
        /// Greatest distance that keeps the rule, in robust standard deviations; above 0.
        deviations: f64,
        /// Time span of the values to compare with.
        window: Duration,
    },
    /// A value further than `limit` from that of another sensor, of the same quantity.
    Difference {
        /// The sensor to compare with.
        #[serde(serialize_with = "as_text")]
        other: SensorId,
        /// Largest distance that keeps the rule, in the unit of the rule, 0 or more.
        limit: f64,
        /// The alarm is over at `limit - deadband` or less; 0 or more.
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
    /// Time that the rule must be kept without a break before the alarm returns to normal.
    pub off_delay: Duration,
    /// Time after which an active alarm without an acknowledgement is announced again; `None` for never.
    pub reannounce: Option<Duration>,
    /// Whether the alarm stays until an operator resets it, though the value returned.
    pub is_latching: bool,
    /// Whether the alarm stays, returned, until an operator acknowledges it.
    pub needs_acknowledgement: bool,
}
