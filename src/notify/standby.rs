//! Alarms that a receiver is notified of only if another receiver escalates them. Pure.
//!
//! They are tracked from their raise, so that an end during the handover is not missed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::group::alarm_of;
use crate::domain::AlertEvent;

/// A standby alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StandbyAlarm {
    pub sensor: Arc<str>,
    pub rule: Arc<str>,
    /// Number of its last event.
    pub number: u64,
    pub starts_at: DateTime<Utc>,
    /// Group labels.
    pub labels: BTreeMap<String, String>,
}

/// Standby alarms by `alert_id`, and by sensor and rule, of which there is one at a time.
#[derive(Debug, Default)]
pub(super) struct StandbyAlarms {
    alarms: HashMap<Arc<str>, StandbyAlarm>,
    by_key: HashMap<(Arc<str>, Arc<str>), Arc<str>>,
}

impl StandbyAlarms {
    pub(super) fn get(&self, alert_id: &Arc<str>) -> Option<&StandbyAlarm> {
        self.alarms.get(alert_id)
    }

    pub(super) fn insert(&mut self, alert_id: Arc<str>, alarm: StandbyAlarm) {
        self.by_key.insert((alarm.sensor.clone(), alarm.rule.clone()), alert_id.clone());
        self.alarms.insert(alert_id, alarm);
    }

    pub(super) fn remove(&mut self, alert_id: &Arc<str>) -> Option<StandbyAlarm> {
        let alarm = self.alarms.remove(alert_id)?;
        self.by_key.remove(&(alarm.sensor.clone(), alarm.rule.clone()));
        Some(alarm)
    }

    /// Id of the alarm of an event.
    pub(super) fn of(&self, event: &AlertEvent) -> Option<&Arc<str>> {
        self.by_key.get(&alarm_of(event))
    }

    /// Applies a further event of an alarm.
    pub(super) fn goes_on(&mut self, alert_id: &Arc<str>, number: u64) {
        if let Some(alarm) = self.alarms.get_mut(alert_id) {
            alarm.number = number;
        }
    }
}
