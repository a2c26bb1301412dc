//! Chattering: an alarm that is raised repeatedly is announced once, then withheld until it is calm. Pure.
//!
//! Raises are counted by their own times, so a recording replayed fast chatters as it did. Calm is reached by a
//! reading's own time too, or in silence by the listening clock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::super::machine::{Due, Moment, Rebase, exact};
use super::{NamedSummary, Summary};

/// Cause that suppresses a chattering alarm.
pub(in crate::alarms) const BY: &str = "chattering";

/// Definition of chattering. A usual starting point is three raises within a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chattering {
    /// Number of raises; at least 2.
    pub raises: usize,
    /// Time span of the raises.
    pub within: Duration,
    /// Time without a raise after which chattering is over.
    pub calm: Duration,
}

/// How often an alarm was raised, from the first time to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Number of raises.
    pub raised: u64,
    /// Time of the first raise.
    #[serde(with = "exact")]
    pub first: DateTime<Utc>,
    /// Time of the last raise.
    #[serde(with = "exact")]
    pub last: DateTime<Utc>,
}

/// Chattering state of one alarm.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chatter {
    /// The last raises, one fewer than make it chatter, oldest first; when they no longer count.
    raises: VecDeque<(Moment, Due)>,
    run: Option<Run>,
    /// An announced run that a raise found to be over.
    #[serde(skip)]
    over: Option<Run>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    count: Count,
    /// Time at which it will have been calm for long enough.
    calm: Due,
    #[serde(default = "was_told")]
    is_told: bool,
    /// Id of its alert, once announced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<Arc<str>>,
}

/// Before this was stored, each run was announced at its start.
const fn was_told() -> bool {
    true
}

impl Run {
    /// Summary of the end, if the start was announced.
    fn end(self, stands: bool) -> Option<NamedSummary> {
        let summary = Summary::Calm { raised: self.count, stands };
        self.is_told.then_some(NamedSummary { summary, id: self.id })
    }
}

impl Chatter {
    /// Counts a raise; returns true if the alarm chatters now.
    pub(super) fn raise(&mut self, limits: Chattering, when: Moment) -> bool {
        let calm = Due::after(when, limits.calm);
        // For a sensor that buffered its readings: by their own times it was calm meanwhile.
        if let Some(run) = self.run.take_if(|run| run.calm.is_over(when, true)) {
            self.over = Some(run).filter(|run| run.is_told);
        }
        if let Some(run) = &mut self.run {
            run.count.raised += 1;
            run.count.last = when.at;
            run.calm = calm;
            return true;
        }
        self.raises.retain(|(_, over)| !over.is_over(when, true));
        let num_before = self.raises.len();
        if num_before + 1 >= limits.raises {
            let first = self.raises.front().map_or(when.at, |(first, _)| first.at);
            let raised = u64::try_from(num_before).unwrap_or(u64::MAX).saturating_add(1);
            let count = Count { raised, first, last: when.at };
            self.run = Some(Run { count, calm, is_told: false, id: None });
            self.raises.clear();
            return true;
        }
        self.raises.push_back((when, Due::after(when, limits.within)));
        false
    }

    /// Takes the summary after a raise, or once it may be announced: only if nothing else withholds the alarm.
    pub(in crate::alarms) fn take_summary(&mut self, may_say: bool) -> Option<NamedSummary> {
        if let Some(over) = self.over.take() {
            return over.end(true);
        }
        let run = self.run.as_mut().filter(|run| may_say && !run.is_told)?;
        run.is_told = true;
        Some(NamedSummary { summary: Summary::Chattering(run.count), id: None })
    }

    /// Applies elapsed time. Returns a summary once it is calm; the caller knows whether the alarm stands.
    pub(super) fn pass(&mut self, now: Moment, is_reading: bool) -> Option<NamedSummary> {
        self.raises.retain(|(_, over)| !over.is_over(now, is_reading));
        let run = self.run.take_if(|run| run.calm.is_over(now, is_reading))?;
        run.end(false)
    }

    /// Ends the detection.
    pub(in crate::alarms) fn stop(&mut self) -> Option<NamedSummary> {
        self.raises.clear();
        self.run.take()?.end(false)
    }

    /// Sets the alert id of its start.
    pub fn name(&mut self, id: &Arc<str>) {
        if let Some(run) = &mut self.run {
            run.id = Some(id.clone());
        }
    }

    /// Its series changed to another listening clock.
    pub(super) fn rebase(&mut self, by: Rebase) {
        for (when, over) in &mut self.raises {
            by.moment(when);
            by.due(over);
        }
        if let Some(run) = &mut self.run {
            by.due(&mut run.calm);
        }
    }

    pub(super) const fn is_running(&self) -> bool {
        self.run.is_some()
    }

    /// True if no state is left.
    pub(super) fn is_over(&self) -> bool {
        self.run.is_none() && self.raises.is_empty()
    }

    /// Time of the next check, on the listening clock.
    pub(super) fn due(&self) -> Option<Duration> {
        let run = self.run.as_ref().map(|run| run.calm.listened);
        run.or_else(|| self.raises.front().map(|(_, over)| over.listened))
    }
}
