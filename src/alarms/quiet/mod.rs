//! Suppression of alarms by the system: by another alarm that explains it ([`dependencies`]), by maintenance
//! ([`maintenance`]), by chattering ([`chatter`]). And summaries of many alarms ([`flood`]). Pure.
//!
//! Each suppresses in the sense of ISA-18.2: the alarm continues to be judged and recorded, and what is still wrong
//! when nothing suppresses it any more is announced then. An alarm is suppressed when it is raised or stands, never
//! while normal: a fleet behind a dead gateway costs only what is wrong in it.
//!
//! Invariants: of several causes the first in this order is named: maintenance, another alarm, chattering. No alarm
//! stays suppressed without a cause: [`reasons`] re-evaluates each that may be affected. Never: a clock.

pub mod chatter;
pub(super) mod dependencies;
pub mod flood;
pub mod maintenance;
pub(super) mod reasons;
pub mod schedule;

#[cfg(test)]
mod properties;

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use self::chatter::Chattering;
use self::dependencies::Dependencies;
use self::flood::{Flood, FloodLimits};
use self::maintenance::{Maintenance, Windows};
use super::rule::{Kind, Rule};
use crate::domain::Quantity;

/// Suppression settings. The default: only what the rules themselves state.
#[derive(Debug, Clone, Default)]
pub struct QuietSettings {
    /// Planned work, in the order of the configuration.
    pub maintenance: Vec<Maintenance>,
    /// Limits of chattering; `None` if chattering alarms are not suppressed.
    pub chattering: Option<Chattering>,
    /// Limits of a flood; `None` if floods are not marked.
    pub flood: Option<FloodLimits>,
}

/// Summary of more than one transition of one alarm, or of many alarms.
#[derive(Debug, Clone, PartialEq)]
pub enum Summary {
    /// The alarm began to chatter; its raises so far.
    Chattering(chatter::Count),
    /// The alarm no longer chatters.
    Calm {
        /// Raises while it chattered.
        raised: chatter::Count,
        /// Whether the alarm stands.
        stands: bool,
    },
    /// A flood began; its counts so far.
    Flood(flood::Counts),
    /// The flood is over; its counts.
    FloodOver(flood::Counts),
}

/// A summary with its alert's id. `None` for one that begins, and for one that an earlier version began.
#[derive(Debug)]
pub(super) struct NamedSummary {
    /// The summary.
    pub summary: Summary,
    /// Id of the alert.
    pub id: Option<Arc<str>>,
}

impl Summary {
    /// True for a summary of something that began.
    #[must_use]
    pub const fn is_begin(&self) -> bool {
        matches!(self, Self::Chattering(_) | Self::Flood(_))
    }
}

/// Suppression state of the engine.
#[derive(Debug, Default)]
pub(super) struct Quieting {
    /// Alarms that explain others.
    pub dependencies: Dependencies,
    /// Windows of planned work.
    pub windows: Windows,
    /// Limits of chattering; `None` if chattering alarms are not suppressed.
    pub chattering: Option<Chattering>,
    /// Flood detection; `None` if floods are not marked.
    pub flood: Option<Flood>,
    /// Quantities with a rule that expects readings.
    pub missed: BTreeSet<Quantity>,
    /// The wall clock at the last record.
    pub wall: Option<DateTime<Utc>>,
    /// Whether all alarms must be re-evaluated: after a start, rules or windows may have changed.
    pub must_recheck_all: bool,
}

impl Quieting {
    /// Quieting by the rules alone: no planned work, no limits.
    pub fn new(rules: &[Arc<Rule>]) -> Self {
        let about_silence = rules.iter().filter(|rule| matches!(rule.kind, Kind::Stale { .. }));
        Self {
            dependencies: Dependencies::new(rules),
            missed: about_silence.map(|rule| rule.quantity.clone()).collect(),
            must_recheck_all: true,
            ..Self::default()
        }
    }

    /// Sets the wall clock: maintenance may begin or end.
    pub fn turn(&mut self, wall: DateTime<Utc>) {
        self.wall = Some(wall);
        self.must_recheck_all |= self.windows.turn(wall);
    }
}
