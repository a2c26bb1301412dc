//! What keeps an alarm quiet beside operators: another alarm that explains it ([`dependencies`]), planned
//! work ([`maintenance`]), its own chattering ([`chatter`]). And what is said of many at once ([`flood`]).
//! Pure.
//!
//! Each of these suppresses in the sense of ISA-18.2: the alarm goes on being judged and recorded, and
//! what still is wrong when nothing suppresses it any more is announced then. An alarm is suppressed when
//! it is raised or stands, never at rest: a fleet behind a dead gateway costs what is wrong in it.
//!
//! Holds always: of several reasons the first in this order is the one that is named: maintenance, another
//! alarm, chattering. No alarm stays suppressed without a reason: [`reasons`] looks anew at each that one
//! of them may concern. Never: a clock.

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

/// What an installation wants to be spared. The default: nothing but what rules say themselves.
#[derive(Debug, Clone, Default)]
pub struct QuietSettings {
    /// Planned work, in the order of the configuration.
    pub maintenance: Vec<Maintenance>,
    /// Limits of chattering; `None` where chattering alarms are not suppressed.
    pub chattering: Option<Chattering>,
    /// Limits of a flood; `None` where floods are not marked.
    pub flood: Option<FloodLimits>,
}

/// What is said of more than one transition of one alarm.
#[derive(Debug, Clone, PartialEq)]
pub enum Summary {
    /// The alarm began to chatter; its raises so far.
    Chattering(chatter::Count),
    /// The alarm no longer chatters.
    Calm {
        /// Raises while it chattered.
        raised: chatter::Count,
        /// Whether the alarm stands now.
        stands: bool,
    },
    /// More alarms than anybody can take in.
    Flood(flood::Counts),
    /// The flood is over; what came in it.
    FloodOver(flood::Counts),
}

/// A summary and its alert's id. `None` for one that begins, and for one that an earlier version began.
#[derive(Debug)]
pub(super) struct NamedSummary {
    /// The summary.
    pub summary: Summary,
    /// Id of the alert.
    pub id: Option<Arc<str>>,
}

impl Summary {
    /// Whether it is of something that goes on.
    #[must_use]
    pub const fn is_begin(&self) -> bool {
        matches!(self, Self::Chattering(_) | Self::Flood(_))
    }
}

/// The part of the engine that knows why alarms are quiet.
#[derive(Debug, Default)]
pub(super) struct Quieting {
    /// Alarms that explain others.
    pub dependencies: Dependencies,
    /// Windows of planned work.
    pub windows: Windows,
    /// Limits of chattering; `None` where chattering alarms are not suppressed.
    pub chattering: Option<Chattering>,
    /// Flood detection; `None` where floods are not marked.
    pub flood: Option<Flood>,
    /// The quantities that some rule misses.
    pub missed: BTreeSet<Quantity>,
    /// The wall clock at the last record.
    pub wall: Option<DateTime<Utc>>,
    /// All alarms must be looked at: after a start, the rules or the windows may be others.
    pub must_look_at_all: bool,
}

impl Quieting {
    /// Quieting by the rules alone: no planned work, no limits.
    pub fn new(rules: &[Arc<Rule>]) -> Self {
        let about_silence = rules.iter().filter(|rule| matches!(rule.kind, Kind::Stale { .. }));
        Self {
            dependencies: Dependencies::new(rules),
            missed: about_silence.map(|rule| rule.quantity.clone()).collect(),
            must_look_at_all: true,
            ..Self::default()
        }
    }

    /// The wall clock shows `wall`: planned work may begin or end.
    pub fn turn(&mut self, wall: DateTime<Utc>) {
        self.wall = Some(wall);
        self.must_look_at_all |= self.windows.turn(wall);
    }
}
