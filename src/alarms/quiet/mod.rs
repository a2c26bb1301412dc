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
    pub maintenance: Vec<Maintenance>,
    pub chattering: Option<Chattering>,
    pub flood: Option<FloodLimits>,
}

/// What is said of more than one transition of one alarm.
#[derive(Debug, Clone, PartialEq)]
pub enum Summary {
    /// An alarm began to chatter: raised so often within so long.
    Chattering(chatter::Count),
    /// It no longer does: raised so often from first to last; and whether it stands now.
    Calm {
        raised: chatter::Count,
        stands: bool,
    },
    /// More alarms than anybody can take in.
    Flood(flood::Counts),
    FloodOver(flood::Counts),
}

/// A summary and its alert's id. `None` for one that begins, and for one that an earlier version began.
#[derive(Debug)]
pub(super) struct NamedSummary {
    pub summary: Summary,
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
    pub dependencies: Dependencies,
    pub windows: Windows,
    pub chattering: Option<Chattering>,
    pub flood: Option<Flood>,
    /// The quantities that some rule misses.
    pub missed: BTreeSet<Quantity>,
    /// The wall clock at the last record.
    pub wall: Option<DateTime<Utc>>,
    /// All alarms must be looked at: after a start, the rules or the windows may be others.
    pub must_look_at_all: bool,
}

impl Quieting {
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
