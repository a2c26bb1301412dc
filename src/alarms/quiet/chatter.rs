//! An alarm that is raised again and again: told once, then withheld until it has been calm. Pure.
//!
//! Raises are counted by their own times, so a recording played fast chatters as it did. Calm comes with a
//! reading's own time too, or in silence with the watch clock.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::super::machine::{Due, Moment, exact};
use super::Summary;

/// What suppresses an alarm that chatters.
pub(in crate::alarms) const BY: &str = "chattering";

/// What chattering is. The usual starting point is three raises within a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chattering {
    /// At least 2.
    pub raises: usize,
    pub within: Duration,
    /// Over after so long without a raise.
    pub calm: Duration,
}

/// How often an alarm was raised, from the first time to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    pub raised: u64,
    #[serde(with = "exact")]
    pub first: DateTime<Utc>,
    #[serde(with = "exact")]
    pub last: DateTime<Utc>,
}

/// What is remembered of one alarm.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chatter {
    /// The last raises, one fewer than make it chatter, oldest first; when they no longer count.
    raises: VecDeque<(Moment, Due)>,
    run: Option<Run>,
    /// A run that people were told of and that a raise found over.
    #[serde(skip)]
    over: Option<Count>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    count: Count,
    /// When it will have been calm for long enough.
    calm: Due,
    #[serde(default = "was_told")]
    is_told: bool,
}

/// Before it was kept, each was told as it began.
const fn was_told() -> bool {
    true
}

impl Run {
    /// Its end, if people know of its begin.
    fn told(self) -> Option<Count> {
        self.is_told.then_some(self.count)
    }
}

impl Chatter {
    /// One more raise; whether the alarm chatters now.
    pub(super) fn raise(&mut self, limits: Chattering, when: Moment) -> bool {
        let calm = Due::after(when, limits.calm);
        // Of a sensor that kept its readings to itself: by their own times it was calm meanwhile.
        if let Some(run) = self.run.take_if(|run| run.calm.is_over(when, true)) {
            self.over = run.told();
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
            self.run = Some(Run { count, calm, is_told: false });
            self.raises.clear();
            return true;
        }
        self.raises.push_back((when, Due::after(when, limits.within)));
        false
    }

    /// What is to be said after a raise, or once it may be said: that it chatters only where nothing but
    /// that withholds the alarm.
    pub fn take_summary(&mut self, may_say: bool) -> Option<Summary> {
        if let Some(raised) = self.over.take() {
            return Some(Summary::Calm { raised, stands: true });
        }
        let run = self.run.as_mut().filter(|run| may_say && !run.is_told)?;
        run.is_told = true;
        Some(Summary::Chattering(run.count))
    }

    /// Time went by. What is to be said once it is calm; the caller knows whether the alarm stands.
    pub(super) fn pass(&mut self, now: Moment, is_reading: bool) -> Option<Summary> {
        self.raises.retain(|(_, over)| !over.is_over(now, is_reading));
        let run = self.run.take_if(|run| run.calm.is_over(now, is_reading))?;
        Some(Summary::Calm { raised: run.told()?, stands: false })
    }

    /// Nobody asks for it any more.
    pub fn stop(&mut self) -> Option<Summary> {
        self.raises.clear();
        Some(Summary::Calm { raised: self.run.take()?.told()?, stands: false })
    }

    pub(super) const fn is_running(&self) -> bool {
        self.run.is_some()
    }

    /// Nothing of it need be remembered.
    pub(super) fn is_over(&self) -> bool {
        self.run.is_none() && self.raises.is_empty()
    }

    /// When to look at it next, on the watch clock.
    pub(super) fn due(&self) -> Option<Duration> {
        let run = self.run.as_ref().map(|run| run.calm.watch);
        run.or_else(|| self.raises.front().map(|(_, over)| over.watch))
    }
}
