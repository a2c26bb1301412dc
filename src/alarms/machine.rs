//! The alarm machine: the state of one alarm, and its transitions. Pure.
//!
//! ```text
//!            broken for the on-delay: Raised
//!   Normal ──────────────────────────────────▶ Unacknowledged ──Acknowledged──▶ Acknowledged
//!    ▲ ▲ ▲                                       │  │     ▲                         │  │
//!    │ │ │     kept for the off-delay: Returned  │  │     │ broken for the          │  │
//!    │ │ └── no acknowledgement needed ◀─────────┤  │     │ on-delay: Raised        │  │
//!    │ │                                         ▼  │     │                         │  │
//!    │ └──Acknowledged── ReturnedUnacknowledged ────┼─────┤                         │  │
//!    │                                              │     │                         │  │
//!    ├───────────────────────────── Returned ◀──────┼─────┼─────────────────────────┘  │
//!    │                                              │     │                            │
//!    │                             latching: Latched│     │            latching: Latched│
//!    │                                              ▼     │                            ▼
//!    └──Reset── LatchedUnacknowledged ──Acknowledged──────┼──────────▶ LatchedAcknowledged
//!                   (Reset leads from both to Normal, Raised from both to Unacknowledged)
//!
//!   Beside all of these, each by itself: shelved, suppressed, out of service. From any: Closed to Normal.
//! ```
//!
//! State names are those of ISA-18.2. An alarm *stands* while it is active or latched. That is what is announced:
//! `Raised` when it begins to stand, `Returned` when it stops, and `StillActive` in between. So a latched alarm
//! that is raised again announces `StillActive`.
//!
//! Invariants: unless an alarm is withheld, its announcements match whether it stands; while withheld, nothing is
//! announced and all else continues. Each announcement is caused by one transition. No return is dated before its
//! raise, nor a raise before the preceding return, although a delay may have elapsed in silence before a reading
//! arrived that is dated earlier.
//!
//! Never: a late reading (the caller filters those), or a clock.

mod clock;
mod held;
mod step;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

pub(super) use clock::Rebase;
pub(super) use clock::exact;
pub use clock::{Due, Moment};
use held::Held;

use super::rule::Timing;
pub use crate::domain::Change;

/// One alarm of one series. The default is a normal one that nothing withholds.
///
/// There is one per rule and sensor, and nearly all are normal: so it is a single pointer until there is state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Held", into = "Held")]
pub struct Alarm(Option<Box<Held>>);

/// Condition of an alarm, by ISA-18.2; [`Withheld`] has the standard's other states.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Condition {
    /// Normal: the rule is satisfied, and nothing is left to acknowledge or reset.
    #[default]
    Normal,
    /// Active, and not acknowledged.
    Unacknowledged,
    /// Active, and acknowledged.
    Acknowledged,
    /// The value returned, and the alarm waits for its acknowledgement.
    ReturnedUnacknowledged,
    /// Returned and unacknowledged; it stays until an operator resets it.
    LatchedUnacknowledged,
    /// The value returned, and the alarm was acknowledged; it stays until an operator resets it.
    LatchedAcknowledged,
}

impl Condition {
    /// Whether the rule is broken, or was until an off-delay that still runs.
    #[must_use]
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Unacknowledged | Self::Acknowledged)
    }

    /// True if the value returned and the alarm stays until it is reset.
    #[must_use]
    pub const fn is_latched(self) -> bool {
        matches!(self, Self::LatchedUnacknowledged | Self::LatchedAcknowledged)
    }

    /// True if it is unacknowledged, active or not.
    #[must_use]
    pub const fn is_unacknowledged(self) -> bool {
        matches!(
            self,
            Self::Unacknowledged | Self::ReturnedUnacknowledged | Self::LatchedUnacknowledged
        )
    }

    /// Active or latched: what is announced.
    #[must_use]
    pub const fn stands(self) -> bool {
        self.is_active() || self.is_latched()
    }
}

/// Why an alarm isn't announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Withheld {
    /// Shelved by an operator, for a time.
    Shelved,
    /// Suppressed by logic: another alarm explains it, work is planned, or it chatters.
    Suppressed,
    /// Taken out of service by an operator, until returned to service.
    OutOfService,
}

/// State by ISA-18.2.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct State {
    /// Condition of the alarm, whatever withholds it.
    pub condition: Condition,
    /// The strongest of several: out of service before suppressed before shelved.
    pub withheld: Option<Withheld>,
}

/// How long an alarm is shelved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shelf {
    /// End of the shelf, by the listening clock. No reading ends it: its date is of an operator's clock, which a
    /// sensor's clock may have passed long ago.
    pub until: Due,
    /// Whether the shelf ends early, once the alarm no longer stands.
    pub is_one_shot: bool,
}

/// Event of an alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A reading in order, with whether it violates the rule.
    Judged {
        /// Whether the reading breaks the rule.
        is_broken: bool,
    },
    /// Time went by on the listening clock; nothing else happened.
    Elapsed,
    /// Acknowledged by an operator.
    Acknowledge,
    /// Shelved for at most `lasting`; restarts the time of a present shelf.
    Shelve {
        /// Longest time on the shelf.
        lasting: Duration,
        /// Whether the shelf ends once the alarm no longer stands.
        is_one_shot: bool,
    },
    /// Unshelved by an operator.
    Unshelve,
    /// Suppressed; replaces an earlier cause.
    Suppress {
        /// Cause: another rule, `maintenance:NAME`, or `chattering`.
        by: Arc<str>,
    },
    /// No longer suppressed.
    Unsuppress,
    /// Taken out of service by an operator.
    TakeOutOfService,
    /// Returned to service by an operator.
    ReturnToService,
    /// Latched alarm reset by an operator.
    Reset,
    /// The rule was changed or removed: the alarm ends, with all that withheld it.
    Close,
}

/// Change caused by an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// Kind of change.
    pub change: Change,
    /// The state it led to.
    pub state: State,
    /// Time of the reading or of the operator's action, or the end of the elapsed delay.
    #[serde(with = "clock::exact")]
    pub at: DateTime<Utc>,
    /// Announcement; `None` if the change is only recorded.
    pub announced: Option<Announcement>,
}

/// Returns what suppresses an alarm that is raised at a time, if anything.
pub type SuppressionCheck<'a> = &'a mut dyn FnMut(Moment) -> Option<Arc<str>>;

/// Announcement. `Raised` and `Returned` alternate, `StillActive` comes only in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Announcement {
    /// The alarm begins to stand.
    Raised,
    /// The alarm still stands: a re-announcement, or a latched alarm that is raised again.
    StillActive,
    /// The alarm no longer stands.
    Returned,
}

impl Alarm {
    /// Applies one event: first the delays elapsed by `now`, in order and dated at their end, then the event
    /// itself.
    ///
    /// `now.at` is the reading's time in [`Event::Judged`] and the caller's in all others. An event without effect
    /// (an acknowledgement of a normal alarm) gives no transition. One step gives at most six transitions: missed
    /// announcements are made up for once.
    #[must_use = "a transition that isn't recorded is lost"]
    pub fn step(&mut self, timing: &Timing, event: Event, now: Moment) -> Vec<Transition> {
        self.step_asking(timing, event, now, &mut |_| None)
    }

    /// Like [`Alarm::step`]; `why_silent` is called at each raise, with its time, for a cause that suppresses the
    /// alarm from the start.
    #[must_use = "a transition that isn't recorded is lost"]
    pub fn step_asking(
        &mut self,
        timing: &Timing,
        event: Event,
        now: Moment,
        why_silent: SuppressionCheck<'_>,
    ) -> Vec<Transition> {
        let mut held = self.0.take().unwrap_or_else(|| Box::new(Held::NORMAL));
        let transitions = step::Step::new(&mut held, timing, why_silent).take(event, now);
        self.0 = (*held != Held::NORMAL).then_some(held);
        transitions
    }

    /// Present state.
    #[must_use]
    pub fn state(&self) -> State {
        self.held().state()
    }

    /// Last verdict, which rules with a deadband need.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.held().is_broken
    }

    /// Time of the last raise or return; `None` if it is normal.
    #[must_use]
    pub fn since(&self) -> Option<DateTime<Utc>> {
        self.held().since.map(|moment| moment.at)
    }

    /// True if people were notified that it stands, and not yet of its end.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.held().is_told
    }

    /// Shelf, while the alarm is shelved.
    #[must_use]
    pub fn shelf(&self) -> Option<Shelf> {
        self.held().shelf
    }

    /// Cause of the suppression, if suppressed.
    #[must_use]
    pub fn suppressed_by(&self) -> Option<&Arc<str>> {
        self.held().suppressed_by.as_ref()
    }

    /// True if it is suppressed by that cause, and would be announced otherwise.
    #[must_use]
    pub fn is_withheld_only_by(&self, by: &str) -> bool {
        let Held { is_out_of_service, shelf, suppressed_by, .. } = self.held();
        !is_out_of_service && shelf.is_none() && suppressed_by.as_deref() == Some(by)
    }

    /// Whatever runs and ends first on the listening clock: when to bring [`Event::Elapsed`].
    #[must_use]
    pub fn next_due(&self) -> Option<Due> {
        let Held { delay, shelf, reannouncement, .. } = self.held();
        let shelf = shelf.map(|shelf| shelf.until);
        [*delay, shelf, *reannouncement].into_iter().flatten().min_by_key(|due| due.listened)
    }

    /// True if it is normal, not withheld, and without a running delay.
    #[must_use]
    pub const fn is_at_rest(&self) -> bool {
        self.0.is_none()
    }

    /// Its series changed to another listening clock.
    pub(super) fn rebase(&mut self, by: Rebase) {
        let Some(held) = &mut self.0 else { return };
        held.since.iter_mut().for_each(|since| by.moment(since));
        held.delay.iter_mut().for_each(|delay| by.due(delay));
        held.reannouncement.iter_mut().for_each(|due| by.due(due));
        held.shelf.iter_mut().for_each(|shelf| by.due(&mut shelf.until));
    }

    fn held(&self) -> &Held {
        static NORMAL: Held = Held::NORMAL;
        self.0.as_deref().unwrap_or(&NORMAL)
    }
}
