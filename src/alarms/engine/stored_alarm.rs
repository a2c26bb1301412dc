//! Stored alarm states, decoded. Pure.

use std::collections::HashMap;

use super::Key;
use crate::alarms::persisted::PersistedAlarm;
use crate::alarms::series::Newest;
use crate::domain::{AlarmState, Ingress, Quantity};

/// The newest of each series, as the alarm that was stored last has it.
pub(super) type StoredNewest = HashMap<Key, Newest>;

/// A readable stored alarm.
pub(super) struct StoredAlarm {
    /// The stored row.
    pub state: AlarmState,
    /// The row's state, decoded.
    pub kept: PersistedAlarm,
    /// Quantity of the alarm's series.
    pub quantity: Quantity,
    /// Newest reading of the series at the time of the row.
    pub newest: Newest,
}

impl StoredAlarm {
    /// The row if it can't be read.
    pub fn read(state: AlarmState, former: Ingress) -> Result<Self, AlarmState> {
        match state.state.as_deref().and_then(|text| PersistedAlarm::read(text, former)) {
            Some((kept, quantity, newest)) => Ok(Self { state, kept, quantity, newest }),
            None => Err(state),
        }
    }

    /// Series of the alarm.
    pub fn key(&self) -> Key {
        (self.state.sensor_id.clone(), self.quantity.clone())
    }
}

pub(super) fn newest_of(alarms: &[StoredAlarm]) -> StoredNewest {
    let mut all = StoredNewest::new();
    for alarm in alarms {
        let order = |newest: &Newest| (newest.position, newest.heard, newest.at);
        let newest = all.entry(alarm.key()).or_insert_with(|| alarm.newest.clone());
        if order(newest) < order(&alarm.newest) {
            *newest = alarm.newest.clone();
        }
    }
    all
}
