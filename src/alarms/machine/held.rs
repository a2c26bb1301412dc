//! What is remembered of an alarm that is not at rest. Pure.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Alarm, Condition, Due, Moment, Shelf, State, Withheld};

/// All of an alarm; as JSON, what is kept of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    /// Condition of the alarm.
    pub condition: Condition,
    /// When it was last raised or last returned; `None` in [`Condition::Normal`].
    pub since: Option<Moment>,
    /// The last judgement.
    pub is_broken: bool,
    /// The end of the off-delay if the alarm is active, of the on-delay if it isn't.
    pub delay: Option<Due>,
    /// When it is announced again.
    pub reannouncement: Option<Due>,
    /// Whether people were told that it stands and not yet that it no longer does.
    pub is_told: bool,
    /// Shelf, while the alarm is shelved.
    pub shelf: Option<Shelf>,
    /// What suppresses the alarm, if anything does.
    pub suppressed_by: Option<Arc<str>>,
    /// Whether an operator took the alarm out of service.
    pub is_out_of_service: bool,
}

impl Held {
    /// At rest: there is nothing to remember.
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
