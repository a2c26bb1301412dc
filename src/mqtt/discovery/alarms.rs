//! The alarms that are not at rest, by the series that they are of. Pure.
//!
//! Always: as many as the live table has, and shared with it.

use std::sync::Arc;

use crate::domain::{AlarmKey, LiveAlarm, Quantity, QuickMap, SensorId};

/// Names a series.
pub(super) type Key = (SensorId, Quantity);

/// Alarms by series, and then by rule.
#[derive(Default)]
pub(super) struct Alarms {
    of_series: QuickMap<Key, Vec<Arc<LiveAlarm>>>,
    /// Quantity of each alarm.
    quantities: QuickMap<AlarmKey, Quantity>,
}

impl Alarms {
    /// Updates an alarm. Returns its series.
    pub fn set(&mut self, alarm: Arc<LiveAlarm>) -> Key {
        let (name, quantity) = (alarm.key(), alarm.view.quantity.clone());
        let key = (name.sensor_id.clone(), quantity.clone());
        self.quantities.insert(name, quantity);
        let alarms = self.of_series.entry(key.clone()).or_default();
        alarms.retain(|it| it.view.of.rule != alarm.view.of.rule);
        alarms.push(alarm);
        key
    }

    /// Removes an alarm that is normal again. Returns its series; `None` if unknown.
    pub fn end(&mut self, name: &AlarmKey) -> Option<Key> {
        let key = (name.sensor_id.clone(), self.quantities.remove(name)?);
        if let Some(alarms) = self.of_series.get_mut(&key) {
            alarms.retain(|it| it.view.of.rule != name.rule);
            if alarms.is_empty() {
                self.of_series.remove(&key);
            }
        }
        Some(key)
    }

    /// Forgets all. The series that had any.
    pub fn clear(&mut self) -> Vec<Key> {
        self.quantities.clear();
        self.of_series.drain().map(|(key, _)| key).collect()
    }

    /// Gravest alarm of a series that is active and not withheld.
    pub fn gravest(&self, key: &Key) -> Option<&LiveAlarm> {
        let standing = self.of_series.get(key)?.iter().filter(|alarm| {
            let view = &alarm.view;
            let stands = !matches!(view.state, "normal" | "returned-unacknowledged");
            stands && view.withheld.is_none()
        });
        standing.map(|alarm| &**alarm).max_by_key(|alarm| alarm.view.severity)
    }
}
