//! The English sentences.

pub use super::summary::english as summary;
use super::{AlertWords, said_by};
use crate::alarms::rule::Kind;
use crate::domain::{
    Action, ActionRecord, AlertState, Change, Operator, OperatorAction, Quantity, duration,
};

pub fn message(words: AlertWords<'_>) -> String {
    let AlertWords { quantity, kind, state, is_closed, value, unit, is_offline } = words;
    let noun = noun(quantity);
    let unit = unit.suffix();
    let what = match (state, kind) {
        (AlertState::Resolved, _) if is_closed => {
            format!("{noun}: the rule or the sensor was changed or removed, last reading")
        }
        (AlertState::Resolved, _) => format!("{noun} back to normal"),
        (_, Kind::High { .. }) => format!("High {} detected", lower_first(&noun)),
        (_, Kind::Low { .. }) => format!("Low {} detected", lower_first(&noun)),
        (_, Kind::Rate { per_minute, .. }) => {
            let verb = if *per_minute < 0.0 { "falls" } else { "rises" };
            format!("{noun} {verb} by more than {}{unit}/min", per_minute.abs())
        }
        (_, Kind::Stale { .. }) if is_offline => match value {
            Some(_) => format!("{noun}: the sensor is offline, the last reading"),
            None => format!("{noun}: the sensor is offline, and was never heard"),
        },
        (_, Kind::Stale { after }) if value.is_none() => {
            format!(
                "{noun}: nothing ever heard of the sensor, for {}",
                duration::words(*after, "d")
            )
        }
        (_, Kind::Stale { after }) => {
            format!("{noun}: no reading for {}, the last one", duration::words(*after, "d"))
        }
        (_, Kind::Flatline { lasting, .. }) => {
            format!("{noun} stuck for {}", duration::words(*lasting, "d"))
        }
        (_, Kind::Deviation { .. }) => format!("Unusual {}", lower_first(&noun)),
        (_, Kind::Difference { other, limit, .. }) => {
            format!("{noun} more than {limit}{unit} off that of {other}")
        }
        (_, Kind::Finding) => format!("{noun} full within a day at the present rate, free"),
        (_, Kind::Expression { .. }) => format!("{noun}: the rule's condition holds"),
    };
    value.map_or(what.clone(), |value| format!("{what}: {value}{unit}"))
}

pub(in crate::locale) fn noun(quantity: &Quantity) -> String {
    match quantity.as_str() {
        "temperature" => "Temperature".into(),
        "humidity" => "Humidity".into(),
        "pressure" => "Pressure".into(),
        "voltage" => "Voltage".into(),
        "co2" => "CO₂".into(),
        "disk" => "Disk".into(),
        other => other.to_owned(),
    }
}

/// `Temperature` within a sentence; `CO₂` stays unchanged.
fn lower_first(noun: &str) -> String {
    if noun.starts_with("CO") { noun.to_owned() } else { noun.to_lowercase() }
}

/// Text of a transition that is recorded and not announced.
pub fn transition(words: AlertWords<'_>, change: Change, operator: Option<&Operator>) -> String {
    let (noun, unit) = (noun(words.quantity), words.unit.suffix());
    let what = match change {
        Change::Raised | Change::StillActive => "alarm raised",
        Change::Acknowledged => "alarm acknowledged",
        Change::Returned => "back to normal",
        Change::Latched => "back to normal, the alarm stays until it is reset",
        Change::Reset => "alarm reset",
        Change::Shelved => "alarm shelved",
        Change::Unshelved => "alarm no longer shelved",
        Change::Suppressed => "alarm suppressed",
        Change::Unsuppressed => "alarm no longer suppressed",
        Change::TakenOutOfService => "alarm taken out of service",
        Change::ReturnedToService => "alarm returned to service",
        Change::Closed if operator.is_some() => "sensor forgotten",
        Change::Closed => "alarm closed",
    };
    let what = format!("{noun}: {what}{}", said_by("by", operator));
    words.value.map_or(what.clone(), |value| format!("{what}: {value}{unit}"))
}

/// The log line of an operator's action.
pub fn operator_line(record: &ActionRecord) -> String {
    let OperatorAction { what, alarm, operator, via, .. } = &record.action;
    let what = match what {
        Action::Acknowledge => "acknowledge",
        Action::Shelve { .. } => "shelve",
        Action::Unshelve => "unshelve",
        Action::TakeOutOfService => "take out of service",
        Action::ReturnToService => "return to service",
        Action::Reset => "reset",
        Action::Forget => "forget",
    };
    let alarm = super::full_name(record).unwrap_or_else(|| alarm.to_string());
    let outcome = match &record.outcome {
        Ok(true) => "done".to_owned(),
        Ok(false) => "it is so already".to_owned(),
        Err(why) => format!("refused, {why}"),
    };
    let by = said_by("by", Some(operator));
    format!("✋ Asked to {what} {alarm}{by}, via {}: {outcome}", via.as_str())
}
