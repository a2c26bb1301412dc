//! One alarm: which state it is in, and what one more event changes. Pure.
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
//! The names are those of ISA-18.2. An alarm *stands* while it is active or latched. That is what
//! people are told: `Raised` when it begins to stand, `Returned` when it no longer does, and
//! `StillActive` in between. A latched alarm that is raised anew therefore tells `StillActive`.
//!
//! Holds always: where nothing withholds an alarm, people were told whether it stands; where
//! something does, nothing is announced and everything else goes on. Each announcement has one
//! transition for its cause. No return is dated before its raise, nor a raise before the return that
//! still waits for a word, though a delay may have run out in silence before a reading came that is
//! older than its end.
//!
//! Never: a late reading (the caller keeps those away), or a clock.

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
/// There is one for each rule and sensor, and nearly all are just that: so they take no more than a
/// pointer until there is something to remember.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Held", into = "Held")]
pub struct Alarm(Option<Box<Held>>);

/// Where an alarm stands, by ISA-18.2; [`Withheld`] has the rest of the standard's states.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Condition {
    /// The rule is kept, and nothing is left to acknowledge or to reset.
    #[default]
    Normal,
    /// Active, and not acknowledged.
    Unacknowledged,
    /// Active, and acknowledged.
    Acknowledged,
    /// The value returned, and the alarm waits for its acknowledgement.
    ReturnedUnacknowledged,
    /// The value returned, and nobody has acknowledged the alarm; it stays until an operator resets it.
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

    /// Whether the value returned and the alarm stays until it is reset.
    #[must_use]
    pub const fn is_latched(self) -> bool {
        matches!(self, Self::LatchedUnacknowledged | Self::LatchedAcknowledged)
    }

    /// Whether it waits for an operator's acknowledgement, active or not.
    #[must_use]
    pub const fn is_unacknowledged(self) -> bool {
        matches!(
            self,
            Self::Unacknowledged | Self::ReturnedUnacknowledged | Self::LatchedUnacknowledged
        )
    }

    /// Active or latched: what people are told of.
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
    /// Taken out of service by an operator, until it is returned.
    OutOfService,
}

/// A state of ISA-18.2.
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
    /// End of the shelf by the listening clock. No reading ends it: its date is an operator's, which
    /// a sensor's clock may have passed long ago.
    pub until: Due,
    /// Whether the shelf ends sooner, once the alarm no longer stands.
    pub is_one_shot: bool,
}

/// What happens to an alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A reading in order: whether it breaks the rule.
    Judged {
        /// Whether the reading breaks the rule.
        is_broken: bool,
    },
    /// Time went by on the listening clock; nothing else happened.
    Elapsed,
    /// An operator acknowledges the alarm.
    Acknowledge,
    /// Shelves it for `lasting` at the most, counted anew if it is shelved already.
    Shelve {
        /// Longest time on the shelf.
        lasting: Duration,
        /// Whether the shelf ends once the alarm no longer stands.
        is_one_shot: bool,
    },
    /// An operator ends the shelf.
    Unshelve,
    /// Another `by` takes the place of an earlier one.
    Suppress {
        /// What suppresses it: another rule, `maintenance:NAME`, or `chattering`.
        by: Arc<str>,
    },
    /// Nothing suppresses it any more.
    Unsuppress,
    /// An operator takes it out of service.
    TakeOutOfService,
    /// An operator returns it to service.
    ReturnToService,
    /// An operator's word that a latched alarm may go.
    Reset,
    /// The rule was changed or removed: whatever withheld its alarm goes with it.
    Close,
}

/// What an event changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// What changed.
    pub change: Change,
    /// The state it led to.
    pub state: State,
    /// The time of the reading or of the operator's word, or the end of the delay that ran out.
    #[serde(with = "clock::exact")]
    pub at: DateTime<Utc>,
    /// What people are to be told; `None` for what is only recorded.
    pub announced: Option<Announcement>,
}

/// Answers what suppresses an alarm that is raised at a moment, if anything does.
pub type WhySilent<'a> = &'a mut dyn FnMut(Moment) -> Option<Arc<str>>;

/// What people are told. They hear `Raised` and `Returned` in turns, `StillActive` only in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Announcement {
    /// The alarm begins to stand.
    Raised,
    /// The alarm still stands: a reminder, or a latched alarm that is raised anew.
    StillActive,
    /// The alarm no longer stands.
    Returned,
}

impl Alarm {
    /// Takes one more event: first what ran out by `now`, in order and with the dates it ran out at,
    /// then the event itself.
    ///
    /// `now.at` is the reading's time in [`Event::Judged`] and the caller's in all others. An event
    /// that changes nothing (an acknowledgement of something normal) gives no transition. One step gives
    /// six transitions at the most: announcements missed meanwhile are made up for once.
    #[must_use = "a transition that isn't recorded is lost"]
    pub fn step(&mut self, timing: &Timing, event: Event, now: Moment) -> Vec<Transition> {
        self.step_asking(timing, event, now, &mut |_| None)
    }

    /// Like [`Alarm::step`]; `why_silent` is asked at each raise, with its moment, whether something suppresses the
    /// alarm from its first moment on, and what.
    #[must_use = "a transition that isn't recorded is lost"]
    pub fn step_asking(
        &mut self,
        timing: &Timing,
        event: Event,
        now: Moment,
        why_silent: WhySilent<'_>,
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

    /// What the last judgement was: a rule with a deadband asks for it.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.held().is_broken
    }

    /// When it was last raised or last returned; `None` if it is normal.
    #[must_use]
    pub fn since(&self) -> Option<DateTime<Utc>> {
        self.held().since.map(|moment| moment.at)
    }

    /// Whether people were told that it stands and not yet that it no longer does.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.held().is_told
    }

    /// Shelf, while the alarm is shelved.
    #[must_use]
    pub fn shelf(&self) -> Option<Shelf> {
        self.held().shelf
    }

    /// What suppresses the alarm, if anything does.
    #[must_use]
    pub fn suppressed_by(&self) -> Option<&Arc<str>> {
        self.held().suppressed_by.as_ref()
    }

    /// Whether it is suppressed by that, and would be announced but for it.
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

    /// Whether it is normal, nothing withholds it and no delay runs.
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
