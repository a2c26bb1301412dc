//! Outcomes that summarise alarms: chattering of one, and floods of many. Pure.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::super::machine::{Announcement, Change, State, Transition};
use super::super::persisted;
use super::super::quiet::flood::Flood;
use super::super::quiet::{NamedSummary, Summary};
use super::super::rule::{Priority, Rule};
use super::super::series::{Key, Newest};
use super::Outcome;
use crate::domain::{AlarmState, Location, Quantity, SensorId, Unit, Value};

/// Sensor id of events and states that concern all alarms. No rule has this name.
pub(super) const ALL: &str = "*";
pub(super) const OF_ALL: &str = ":flood";

/// Rule name of a flood's alert.
pub(super) const FLOOD: &str = "flood";

/// Quantity of summaries of many alarms: their number.
const ALARMS: &str = "alarms";

/// True for the state of no single alarm.
pub(super) fn is_flood_state(state: &AlarmState) -> bool {
    state.sensor_id.as_str() == ALL && &*state.rule == OF_ALL
}

/// Changed state of a flood to store, if any.
pub(super) fn changed_flood(flood: &mut Flood) -> Option<AlarmState> {
    let state = Some(flood.take_changed()?);
    Some(AlarmState { sensor_id: SensorId::new(ALL).ok()?, rule: OF_ALL.into(), state })
}

/// Rule name of the alert about a chattering alarm.
pub(super) fn chattering(rule: &str) -> Arc<str> {
    format!("{rule}:chattering").into()
}

/// Summary of one alarm: its own alert, of a rule `NAME:chattering`.
pub(super) fn summary_of_one(
    rule: &Arc<Rule>,
    (sensor_id, _): &Key,
    newest: &Newest,
    summary: Summary,
    alert_id: Arc<str>,
) -> Outcome {
    let count = match &summary {
        Summary::Chattering(count) | Summary::Calm { raised: count, .. } => Some(*count),
        Summary::Flood(_) | Summary::FloodOver(_) => None,
    };
    let name = chattering(&rule.name);
    let at = match &summary {
        Summary::Calm { .. } => newest.at.max(count.map_or(newest.at, |count| count.last)),
        _ => count.map_or(newest.at, |count| count.last),
    };
    let rule = Arc::new(Rule { name, message: None, ..Rule::clone(rule) });
    Outcome {
        alert_type: format!("CHATTERING_{}", rule.quantity).to_uppercase().into(),
        #[allow(clippy::cast_precision_loss)] // far below 2^52
        threshold: count.map_or(0.0, |count| count.raised as f64),
        alert_id,
        rule,
        sensor_id: sensor_id.clone(),
        location: newest.location.clone(),
        unit: newest.unit.clone(),
        value: newest.value,
        transition: begin_or_end(&summary, at),
        is_offline: false,
        summary: Some(summary),
        is_silent_end: false,
        in_flood: false,
        operator: None,
    }
}

/// Summary of many alarms: an alert of the sensor `*` and the quantity `alarms`, with their number as its value.
pub(super) fn summary_of_all(
    summary: Summary,
    limit: f64,
    at: DateTime<Utc>,
    id: impl FnOnce(&SensorId) -> Arc<str>,
) -> Outcome {
    let alarms = match &summary {
        Summary::Flood(counts) | Summary::FloodOver(counts) => counts.alarms,
        Summary::Chattering(_) | Summary::Calm { .. } => 0,
    };
    // Both texts are valid.
    let (all, quantity) = (SensorId::new(ALL), Quantity::new(ALARMS));
    let quantity = quantity.unwrap_or_else(|_| Quantity::temperature());
    let rule = Rule::retired(FLOOD.into(), quantity, Priority::High);
    let sensor_id = all.unwrap_or_else(|_| unreachable!("it is neither empty nor long"));
    Outcome {
        alert_type: "FLOOD".into(),
        threshold: limit,
        alert_id: id(&sensor_id),
        rule: Arc::new(rule),
        sensor_id,
        location: Location::new(""),
        unit: Unit::new(""),
        value: Value::from_json(&alarms.into()).ok(),
        transition: begin_or_end(&summary, at),
        is_offline: false,
        summary: Some(summary),
        is_silent_end: false,
        in_flood: false,
        operator: None,
    }
}

/// End of a flood, dated by the wall clock if known.
pub(super) fn flood_over(over: NamedSummary, limit: f64, wall: Option<DateTime<Utc>>) -> Outcome {
    let NamedSummary { summary, id } = over;
    let since = match &summary {
        Summary::FloodOver(counts) => counts.since,
        _ => DateTime::UNIX_EPOCH,
    };
    let former = |sensor_id: &_| persisted::former_alert_id(OF_ALL, sensor_id, since);
    summary_of_all(summary, limit, wall.unwrap_or(since), |sensor_id| {
        id.unwrap_or_else(|| former(sensor_id))
    })
}

fn begin_or_end(summary: &Summary, at: DateTime<Utc>) -> Transition {
    let (change, announced) = if summary.is_begin() {
        (Change::Raised, Announcement::Raised)
    } else {
        (Change::Returned, Announcement::Returned)
    };
    Transition { change, state: State::default(), at, announced: Some(announced) }
}
