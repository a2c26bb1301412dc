//! Removal of series: of a sensor that an operator forgets, and of single-reading series at the limit. Pure.
//!
//! Always: their alarms end, their silence no longer counts, and a restart doesn't restore them from stored rows. A
//! new reading starts the series again. Never: a series named in the configuration ([`Named`]).
//!
//! [`Named`]: super::named::Named

use std::collections::BTreeSet;

use super::{Engine, Outcome, tell};
use crate::alarms::machine::{Change, Moment};
use crate::alarms::series::{Key, Series};
use crate::domain::{ActionRecord, AlarmOf, Operator, OperatorAction, Quantity, Refused, SensorId};

/// Share of the limit removed at a time: readers of the live table need a full snapshot each time.
const SHARE_AT_ONCE: usize = 256;

impl Engine {
    /// Forgets a sensor: closes its alarms, and drops its series until it sends a reading.
    pub(super) fn forget_sensor(
        &mut self,
        sensor_id: SensorId,
        action: OperatorAction,
        out: &mut Vec<Outcome>,
    ) -> ActionRecord {
        let num_before = out.len();
        let outcome = self.forget_all_of(&sensor_id, &action, out);
        self.follow_up(num_before, out);
        let of = Some(AlarmOf { alert_id: None, rule: AlarmOf::ALL.into(), sensor_id });
        ActionRecord { action, of, outcome }
    }

    fn forget_all_of(
        &mut self,
        sensor: &SensorId,
        action: &OperatorAction,
        out: &mut Vec<Outcome>,
    ) -> Result<bool, Refused> {
        if let Some(why) = self.named.why_it_stays(sensor) {
            return Err(Refused::NotNow(why));
        }
        let of_sensor = self.series.keys().filter(|(of, _)| of == sensor);
        let keys: BTreeSet<_> = of_sensor.cloned().collect();
        if keys.is_empty() && !self.tombstones.has_forgotten(sensor) {
            return Err(Refused::Unknown(format!("{sensor} was not heard lately")));
        }
        for key in &keys {
            self.drop_series(key, Some(action), out);
        }
        Ok(!keys.is_empty())
    }

    /// True if an operator has forgotten a series, without a reading since.
    #[must_use]
    pub fn is_forgotten(&self, key: &(SensorId, Quantity)) -> bool {
        self.tombstones.is_forgotten(key)
    }

    /// Makes room for a series: at the limit, removes single-reading ones, oldest first. Returns true if there is
    /// room; for a series named in the configuration there always is.
    pub(super) fn make_room(&mut self, key: &Key, out: &mut Vec<Outcome>) -> bool {
        if !self.has_no_room_for(key) {
            return true;
        }
        let wanted = (self.room.0 / SHARE_AT_ONCE).max(1);
        let mut num_gone = 0;
        while num_gone < wanted
            && let Some((_, oldest)) = self.heard_once.pop_first()
        {
            if !self.named.has(&oldest) && self.series.contains_key(&oldest) {
                self.drop_series(&oldest, None, out);
                self.made_room.push(oldest.0);
                num_gone += 1;
            }
        }
        num_gone > 0 || self.named.has(key)
    }

    pub(super) fn has_no_room_for(&self, key: &Key) -> bool {
        self.series.len() >= self.room.0 && !self.series.contains_key(key)
    }

    /// Takes the sensors whose series were removed for lack of room, since the last call.
    pub fn take_made_room(&mut self) -> Vec<SensorId> {
        std::mem::take(&mut self.made_room)
    }

    /// Notes a reading of a removed series: the first one, or a later one.
    pub(super) fn note_heard(&mut self, key: &Key, series: &mut Series) {
        if let Some(position) = series.heard_once.take() {
            self.heard_once.remove(&(position, key.clone()));
        } else if series.newest.value.is_none() && !self.named.has(key) {
            series.heard_once = Some(self.cause.position);
            self.heard_once.insert((self.cause.position, key.clone()));
        }
    }

    fn drop_series(&mut self, key: &Key, action: Option<&OperatorAction>, out: &mut Vec<Outcome>) {
        let Some(mut series) = self.series.remove(key) else { return };
        let newest = &series.newest;
        if let Some(look_at) = series.look_at {
            self.looks.remove(newest.ingress, look_at, key);
        }
        if let Some(position) = series.heard_once {
            self.heard_once.remove(&(position, key.clone()));
        }
        if series.is_unjudged {
            self.fits.count_unjudged(false);
        }
        let listened = self.clocks.get(newest.ingress);
        let now = action.map_or(newest.moment(), |action| Moment { at: action.at, listened });
        for entry in &mut series.entries {
            let rule = self.rules[entry.rule].clone();
            if entry.is_kept(&rule) {
                self.changed.insert((key.clone(), entry.rule));
            }
            entry.forget(key, &mut self.quieting.dependencies);
            let mut step = entry.close(&rule, now);
            let by = |action: &OperatorAction| -> (Change, Operator) {
                (Change::Closed, action.operator.clone())
            };
            step.cause = action.map(by);
            tell(self.cause, &rule, key, entry, &series.newest, step, out);
        }
        self.bury(key, action.is_some());
        self.gone.insert(key.clone());
        let missed = &self.quieting.missed;
        if !missed.iter().any(|it| self.series.contains_key(&(key.0.clone(), it.clone()))) {
            self.devices.forget(&key.0);
        }
    }
}

#[cfg(test)]
mod tests;
