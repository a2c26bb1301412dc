//! Operators' actions: finds the alarm, checks whether the action applies, and applies it.
//!
//! Invariant: repeating an action is idempotent and no error. Never: more than one alarm changed by one action,
//! except for a forgotten sensor (`forget`).

use std::sync::Arc;

use super::telling::note;
use super::{Engine, Outcome};
use crate::alarms::machine::{Alarm, Change, Condition, Event, Moment, State, Withheld};
use crate::alarms::quiet::reasons::Reasons;
use crate::alarms::series::{Key, Series};
use crate::domain::{Action, ActionRecord, AlarmName, AlarmOf, OperatorAction, Refused, SensorId};

impl Engine {
    /// Applies an operator's action. Returns its outcome.
    pub fn operate(&mut self, action: OperatorAction, out: &mut Vec<Outcome>) -> ActionRecord {
        self.begin_part();
        if let (Action::Forget, AlarmName::AllOf(sensor)) = (action.what, &action.alarm) {
            return self.forget_sensor(sensor.clone(), action, out);
        }
        let (key, place) = match self.find(&action.alarm) {
            Ok(found) => found,
            Err(why) => return ActionRecord { action, of: None, outcome: Err(why) },
        };
        let Some(mut series) = self.series.remove(&key) else {
            let gone = Refused::Unknown(format!("{} is no more", action.alarm));
            return ActionRecord { action, of: None, outcome: Err(gone) };
        };
        let num_before = out.len();
        let Series { newest, entries, .. } = &mut series;
        let reasons = Reasons { quieting: &self.quieting, key: &key, location: &newest.location };
        let entry = &mut entries[place];
        let rule = &self.rules[entry.rule];
        let listened = self.clocks.get(newest.ingress);
        let outcome = applicable(action.what, &entry.alarm).map(|event| {
            let Some((event, change)) = event else { return false };
            let mut step = entry.step(rule, event, Moment { at: action.at, listened }, reasons);
            step.cause = Some((change, action.operator.clone()));
            note((&mut self.changed, self.cause), rule, &key, entry, newest, step, out);
            true
        });
        let (alert_id, rule) = (entry.id.clone(), rule.name.clone());
        let of = Some(AlarmOf { alert_id, rule, sensor_id: key.0.clone() });
        self.put(key, series);
        self.follow_up(num_before, out);
        ActionRecord { action, of, outcome }
    }

    /// Series, and index among its alarms.
    fn find(&self, name: &AlarmName) -> Result<(Key, usize), Refused> {
        match name {
            AlarmName::Of { rule, sensor_id } => self.find_of(rule, sensor_id),
            AlarmName::AllOf(sensor) => {
                Err(Refused::Unknown(format!("{sensor} is a sensor: name one of its alarms")))
            }
            AlarmName::Id(id) => {
                let with_place = |key: &Key| {
                    let place = self.series.get(key)?.place_of(id)?;
                    Some((key.clone(), place))
                };
                let known = self.ids.series(id).and_then(with_place);
                // One that changed since was not noted yet.
                let mut changed = self.changed.iter();
                let found = known.or_else(|| changed.find_map(|(key, _)| with_place(key)));
                found.ok_or_else(|| {
                    let what = "no alarm has that id now: `vigie alarms` lists those that do";
                    Refused::Unknown(format!("{id}: {what}, or name it RULE/SENSOR"))
                })
            }
        }
    }

    fn find_of(&self, rule: &Arc<str>, sensor_id: &SensorId) -> Result<(Key, usize), Refused> {
        let unknown = |why: &str| Refused::Unknown(format!("{rule}/{sensor_id}: {why}"));
        let of_rule = self.rules.iter().find(|known| known.name == *rule);
        let quantity = of_rule.map(|known| known.quantity.clone());
        let quantity = quantity.ok_or_else(|| unknown("there is no rule of that name"))?;
        let key = (sensor_id.clone(), quantity);
        let series = self.series.get(&key).ok_or_else(|| {
            unknown(&format!("no {} of that sensor was heard lately", key.1.as_str()))
        })?;
        let place = series.entries.iter().position(|entry| self.rules[entry.rule].name == *rule);
        let place = place.ok_or_else(|| unknown("the rule does not hold for that sensor"))?;
        Ok((key, place))
    }
}

/// Event and change of an action; `None` if it is already in effect.
fn applicable(what: Action, alarm: &Alarm) -> Result<Option<(Event, Change)>, Refused> {
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
