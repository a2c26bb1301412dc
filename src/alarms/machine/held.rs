//! State of an alarm that is not normal. Pure.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Alarm, Condition, Due, Moment, Shelf, State, Withheld};

/// Complete state of an alarm; its JSON is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    /// Condition of the alarm.
    pub condition: Condition,
    /// Time of the last raise or return; `None` in [`Condition::Normal`].
    pub since: Option<Moment>,
    /// The last judgement.
    pub is_broken: bool,
    /// The end of the off-delay if the alarm is active, of the on-delay if it isn't.
    pub delay: Option<Due>,
    /// Time of the next re-announcement.
    pub reannouncement: Option<Due>,
    /// Whether people were notified that it is active, and not yet of its end.
    pub is_told: bool,
    /// Shelf, while the alarm is shelved.
    pub shelf: Option<Shelf>,
    /// Cause of the suppression, if suppressed.
    pub suppressed_by: Option<Arc<str>>,
    /// Whether an operator took the alarm out of service.
    pub is_out_of_service: bool,
}

impl Held {
    /// Normal: no state.
    pub const NORMAL: Self = Self {
        condition: Condition::Normal,
        since: None,
        is_broken: false,
        delay: None,
        reannouncement: None,
        is_told: false,
        shelf: None,
        suppressed_by: None,
        is_out_of_service: false,
    };

    /// State by ISA-18.2.
    pub const fn state(&self) -> State {
        State { condition: self.condition, withheld: self.withheld() }
    }

    /// Strongest of the reasons why the alarm is withheld, if any.
    pub const fn withheld(&self) -> Option<Withheld> {
        if self.is_out_of_service {
            Some(Withheld::OutOfService)
        } else if self.suppressed_by.is_some() {
            Some(Withheld::Suppressed)
        } else if self.shelf.is_some() {
            Some(Withheld::Shelved)
        } else {
            None
        }
    }
}

impl From<Held> for Alarm {
    fn from(held: Held) -> Self {
        Self((held != Held::NORMAL).then(|| Box::new(held)))
    }
}

impl From<Alarm> for Held {
    fn from(Alarm(held): Alarm) -> Self {
        held.map_or(Self::NORMAL, |held| *held)
    }
}
