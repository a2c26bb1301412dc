//! Whether an operator's action applies to an alarm, and the event that it is. Pure.

use crate::alarms::machine::{Alarm, Change, Condition, Event, State, Withheld};
use crate::domain::{Action, Refused};

/// Event and change of an action; `None` if it is already in effect.
pub(super) fn applicable(what: Action, alarm: &Alarm) -> Result<Option<(Event, Change)>, Refused> {
    let State { condition, withheld } = alarm.state();
    let not_now = |why: &str| Err(Refused::NotNow(why.to_owned()));
    let event = match what {
        Action::Acknowledge => match condition {
            Condition::Normal => return not_now("the alarm is normal: nothing to acknowledge"),
            Condition::Acknowledged | Condition::LatchedAcknowledged => return Ok(None),
            _ => (Event::Acknowledge, Change::Acknowledged),
        },
        Action::Reset => match condition {
            condition if condition.is_latched() => (Event::Reset, Change::Reset),
            condition if condition.is_active() => {
                return not_now("the value has not returned yet: nothing to reset");
            }
            _ => return not_now("the alarm is not latched: nothing to reset"),
        },
        Action::Shelve { lasting, is_one_shot } => {
            (Event::Shelve { lasting, is_one_shot }, Change::Shelved)
        }
        Action::Unshelve if alarm.shelf().is_none() => return not_now("the alarm is not shelved"),
        Action::Unshelve => (Event::Unshelve, Change::Unshelved),
        // Out of service is the strongest, so nothing hides it.
        Action::TakeOutOfService if withheld == Some(Withheld::OutOfService) => return Ok(None),
        Action::TakeOutOfService => (Event::TakeOutOfService, Change::TakenOutOfService),
        Action::ReturnToService if withheld != Some(Withheld::OutOfService) => {
            return not_now("the alarm is not out of service");
        }
        Action::ReturnToService => (Event::ReturnToService, Change::ReturnedToService),
        Action::Forget => return not_now("a sensor is forgotten, not an alarm: name the sensor"),
    };
    Ok(Some(event))
}

#[cfg(test)]
mod tests;
