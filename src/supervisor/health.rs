//! Health of the tree: the state of every child, for status commands, pages and tests.
//!
//! Each supervisor writes the records of its children to a board of its own. A [`Health`] handle reads the
//! boards from any thread, even while a supervisor is busy.

#![expect(clippy::disallowed_methods, reason = "a report is a snapshot of the time it is made")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize, Serializer};

use super::policy::{ChildExit, History};

/// Number of troubled children that a group's summary names.
const TROUBLED_NAMED: usize = 100;

/// Number of last changed children that a group's summary names.
const NEWEST_NAMED: usize = 20;

/// State of a child, with times on the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Waits for its phase to begin, or to be up.
    Starting,
    Up,
    BackingOff {
        until: Instant,
    },
    Quarantined {
        until: Instant,
    },
    /// Stopped for good, by itself or on request.
    Stopped,
    /// Ended for good: it failed too often, or was killed.
    GaveUp,
    /// The child was removed; the slot is free.
    Vacant,
}

impl State {
    pub(super) const fn is_over(self) -> bool {
        matches!(self, Self::Stopped | Self::GaveUp | Self::Vacant)
    }
}

/// Record of a child.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) name: Arc<str>,
    pub(super) state: State,
    pub(super) since: Instant,
    pub(super) incarnation: u32,
    pub(super) window: Duration,
    pub(super) history: History,
    pub(super) last_exit: Option<Box<(Instant, ChildExit)>>,
}

impl Record {
    pub(super) fn new(name: Arc<str>, window: Duration, now: Instant) -> Self {
        Self {
            name,
            state: State::Starting,
            since: now,
            incarnation: 0,
            window,
            history: History::default(),
            last_exit: None,
        }
    }

    fn is_shown(&self) -> bool {
        self.state != State::Vacant
    }
}

/// Records of the children of one supervisor, by slot.
#[derive(Debug)]
pub(super) struct Board {
    /// Name of the group; `None` for the root.
    pub(super) group: Option<Arc<str>>,
    records: Mutex<Vec<Record>>,
    /// Restarts of all children, removed ones included. Never decreases.
    restarts: AtomicU64,
    groups: Vec<Arc<Self>>,
}

impl Board {
    pub(super) fn new(
        group: Option<Arc<str>>,
        children: impl Iterator<Item = (Arc<str>, Duration)>,
        groups: Vec<Arc<Self>>,
        now: Instant,
    ) -> Self {
        let records = children.map(|(name, window)| Record::new(name, window, now));
        let (records, restarts) = (Mutex::new(records.collect()), AtomicU64::new(0));
        Self { group, records, restarts, groups }
    }

    /// Counts a restart. The counter guards no other memory, hence the relaxed ordering.
    pub(super) fn count_restart(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
    }

    /// Locks the records. Hold the lock briefly, and never while calling other code.
    pub(super) fn records(&self) -> MutexGuard<'_, Vec<Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Handle that reads the health of a tree. Cheap to clone and to share between threads.
#[derive(Debug, Clone)]
pub struct Health(pub(super) Arc<Board>);

/// Snapshot of a tree; groups are summarised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthReport {
    /// Children of the root. Each group is one of them, under its name.
    pub children: Vec<ChildHealth>,
    /// Groups, in the order in which they were added.
    pub groups: Vec<GroupHealth>,
}

/// Snapshot of a child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildHealth {
    /// Name of the child.
    pub name: String,
    /// State of the child.
    #[serde(flatten)]
    pub state: ChildState,
    /// Time of the last change of state.
    #[serde(serialize_with = "rfc3339")]
    pub since: DateTime<Utc>,
    /// Number of the current incarnation; 0 before the first start.
    pub incarnation: u32,
    /// Restarts within the window of its intensity limit.
    pub restarts_in_window: usize,
    /// End of the previous incarnation, if there was one.
    pub last_exit: Option<LastExit>,
}

/// State of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ChildState {
    /// An incarnation exists and is not ready yet.
    Starting,
    /// The child is ready.
    Up,
    /// The child failed and waits for its restart.
    BackingOff {
        /// Time of the restart.
        #[serde(serialize_with = "rfc3339")]
        until: DateTime<Utc>,
    },
    /// The child failed too often and is quarantined.
    Quarantined {
        /// End of the quarantine.
        #[serde(serialize_with = "rfc3339")]
        until: DateTime<Utc>,
    },
    /// The child has stopped in good order.
    Stopped,
    /// The child will not be restarted.
    GaveUp,
}

impl ChildState {
    /// Name of the state in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Up => "up",
            Self::BackingOff { .. } => "backing_off",
            Self::Quarantined { .. } => "quarantined",
            Self::Stopped => "stopped",
            Self::GaveUp => "gave_up",
        }
    }
}

/// End of an incarnation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastExit {
    /// Cause, for developers: "panicked: …".
    pub what: String,
    /// Time of the end.
    #[serde(serialize_with = "rfc3339")]
    pub at: DateTime<Utc>,
}

/// Snapshot of a group of children.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupHealth {
    /// Name of the group.
    pub name: String,
    /// Number of children.
    pub children: usize,
    /// Number of children in each state.
    pub states: StateCounts,
    /// Restarts of all children, each within its own window.
    pub restarts_in_window: usize,
    /// Restarts of all children in this run of the daemon.
    pub restarts: u64,
    /// Children that changed their state last, newest first; at most 20.
    pub newest: Vec<ChildHealth>,
    /// Children that are not up or were restarted within the window; at most 100.
    pub troubled: Vec<ChildHealth>,
    /// Number of troubled children beyond those in `troubled`.
    pub troubled_not_named: usize,
}

/// Number of children in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateCounts {
    /// Children that are starting.
    pub starting: usize,
    /// Children that are up.
    pub up: usize,
    /// Children that wait for their restart.
    pub backing_off: usize,
    /// Children that are quarantined.
    pub quarantined: usize,
    /// Children that have stopped.
    pub stopped: usize,
    /// Children that will not be restarted.
    pub gave_up: usize,
}

impl Health {
    /// Snapshot of the tree. Takes some milliseconds for 100,000 children.
    #[must_use]
    pub fn report(&self) -> HealthReport {
        let clock = Clock::now();
        HealthReport {
            children: clock.children(&self.0),
            groups: self.0.groups.iter().map(|group| clock.group(group)).collect(),
        }
    }

    /// Snapshot of one child, of the root or of a group.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<ChildHealth> {
        let clock = Clock::now();
        let boards = std::iter::once(&self.0).chain(&self.0.groups);
        boards.into_iter().find_map(|board| {
            let records = board.records();
            let mut shown = records.iter().filter(|record| record.is_shown());
            shown.find(|record| &*record.name == name).map(|it| clock.child(it))
        })
    }

    /// Snapshots of all children of a group; empty for an unknown group.
    #[must_use]
    pub fn group_children(&self, group: &str) -> Vec<ChildHealth> {
        let clock = Clock::now();
        let board = self.0.groups.iter().find(|board| board.group.as_deref() == Some(group));
        board.map_or_else(Vec::new, |board| clock.children(board))
    }
}

/// The same moment on both clocks, for converting monotonic times to wall-clock times.
struct Clock {
    now: Instant,
    wall: DateTime<Utc>,
}

impl Clock {
    fn now() -> Self {
        Self { now: Instant::now(), wall: Utc::now() }
    }

    fn wall(&self, at: Instant) -> DateTime<Utc> {
        if at > self.now { self.wall + (at - self.now) } else { self.wall - (self.now - at) }
    }

    fn state(&self, state: State) -> ChildState {
        match state {
            // The wait is over, and the child is not up yet.
            State::BackingOff { until } | State::Quarantined { until } if until <= self.now => {
                ChildState::Starting
            }
            State::BackingOff { until } => ChildState::BackingOff { until: self.wall(until) },
            State::Quarantined { until } => ChildState::Quarantined { until: self.wall(until) },
            State::Starting => ChildState::Starting,
            State::Up => ChildState::Up,
            State::GaveUp => ChildState::GaveUp,
            // Vacant slots are not shown.
            State::Stopped | State::Vacant => ChildState::Stopped,
        }
    }

    fn children(&self, board: &Board) -> Vec<ChildHealth> {
        let records = board.records();
        let shown = records.iter().filter(|record| record.is_shown());
        shown.map(|record| self.child(record)).collect()
    }

    fn child(&self, record: &Record) -> ChildHealth {
        let last_exit = record.last_exit.as_deref();
        ChildHealth {
            name: record.name.to_string(),
            state: self.state(record.state),
            since: self.wall(record.since),
            incarnation: record.incarnation,
            restarts_in_window: record.history.within(record.window, self.now),
            last_exit: last_exit
                .map(|(at, exit)| LastExit { what: exit.to_string(), at: self.wall(*at) }),
        }
    }

    fn group(&self, board: &Board) -> GroupHealth {
        let records = board.records();
        let mut group = GroupHealth {
            name: board.group.as_deref().unwrap_or_default().to_owned(),
            children: 0,
            states: StateCounts::default(),
            restarts_in_window: 0,
            restarts: board.restarts.load(Ordering::Relaxed),
            newest: self.newest(&records),
            troubled: Vec::new(),
            troubled_not_named: 0,
        };
        for record in records.iter().filter(|record| record.is_shown()) {
            group.children += 1;
            let state = self.state(record.state);
            let restarts = record.history.within(record.window, self.now);
            group.states.count(state);
            group.restarts_in_window += restarts;
            if state == ChildState::Up && restarts == 0 {
                continue;
            }
            if group.troubled.len() < TROUBLED_NAMED {
                group.troubled.push(self.child(record));
            } else {
                group.troubled_not_named += 1;
            }
        }
        group
    }

    /// Children that changed their state last, newest first.
    fn newest(&self, records: &[Record]) -> Vec<ChildHealth> {
        let mut shown: Vec<_> = records.iter().filter(|record| record.is_shown()).collect();
        let latest_first = |a: &&Record, b: &&Record| b.since.cmp(&a.since);
        if shown.len() > NEWEST_NAMED {
            shown.select_nth_unstable_by(NEWEST_NAMED, latest_first);
            shown.truncate(NEWEST_NAMED);
        }
        shown.sort_by(latest_first);
        shown.into_iter().map(|record| self.child(record)).collect()
    }
}

impl StateCounts {
    const fn count(&mut self, state: ChildState) {
        let count = match state {
            ChildState::Starting => &mut self.starting,
            ChildState::Up => &mut self.up,
            ChildState::BackingOff { .. } => &mut self.backing_off,
            ChildState::Quarantined { .. } => &mut self.quarantined,
            ChildState::Stopped => &mut self.stopped,
            ChildState::GaveUp => &mut self.gave_up,
        };
        *count += 1;
    }
}

fn rfc3339<S: Serializer>(time: &DateTime<Utc>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Micros, false))
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
