//! The operators' view of a stored alarm. Pure.

use std::sync::Arc;

use super::machine::{Condition, Withheld};
use super::persisted::PersistedAlarm;
use crate::domain::{AlarmOf, AlarmState, AlarmView, SensorId, ShelfView};

/// View of a stored alarm; `None` if it is normal and not withheld, or unreadable (edited by hand).
#[must_use]
pub fn view(kept: &AlarmState) -> Option<AlarmView> {
    let AlarmState { sensor_id, rule, state } = kept;
    of(serde_json::from_str(state.as_deref()?).ok()?, sensor_id, rule)
}

/// View of a stored alarm of a sensor and a rule; as [`view`].
pub(super) fn of(kept: PersistedAlarm, sensor_id: &SensorId, rule: &Arc<str>) -> Option<AlarmView> {
    let (quantity, newest) = kept.series()?;
    let state = kept.alarm.state();
    if state.condition == Condition::Normal && state.withheld.is_none() {
        return None;
    }
    let shelf = kept.alarm.shelf();
    Some(AlarmView {
        severity: kept.priority(),
        of: AlarmOf { alert_id: kept.id, rule: rule.clone(), sensor_id: sensor_id.clone() },
        alert_type: kept.alert_type,
        location: newest.location,
        quantity,
        value: newest.value,
        unit: newest.unit,
        threshold: kept.threshold,
        state: condition(state.condition),
        since: kept.alarm.since(),
        withheld: state.withheld.map(withheld),
        acknowledged: kept.remarks.acknowledged(),
        shelved: shelf.map(|shelf| ShelfView {
            said: kept.remarks.shelved(),
            until: shelf.until.at,
            is_one_shot: shelf.is_one_shot,
        }),
        suppressed_by: kept.alarm.suppressed_by().cloned(),
        out_of_service: kept.remarks.out_of_service(),
    })
}

const fn condition(condition: Condition) -> &'static str {
    match condition {
        Condition::Normal => "normal",
        Condition::Unacknowledged => "unacknowledged",
        Condition::Acknowledged => "acknowledged",
        Condition::ReturnedUnacknowledged => "returned-unacknowledged",
        Condition::LatchedUnacknowledged => "latched-unacknowledged",
        Condition::LatchedAcknowledged => "latched-acknowledged",
    }
}

const fn withheld(withheld: Withheld) -> &'static str {
    match withheld {
        Withheld::Shelved => "shelved",
        Withheld::Suppressed => "suppressed",
        Withheld::OutOfService => "out-of-service",
    }
}
