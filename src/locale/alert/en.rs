//! The English sentences.

pub use super::summary::english as summary;
use super::{AlertWords, span};
use crate::alarms::rule::Kind;
use crate::domain::{AlertState, Quantity};

pub fn message(words: AlertWords<'_>) -> String {
    let AlertWords { quantity, kind, state, is_closed, value, unit, is_offline } = words;
    let noun = noun(quantity);
    let unit = unit.suffix();
    let what = match (state, kind) {
        (AlertState::Resolved, _) if is_closed => {
            format!("{noun}: the rule was changed or removed, last reading")
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
            format!("{noun}: nothing ever heard of the sensor, for {}", span(*after, "d"))
        }
        (_, Kind::Stale { after }) => {
            format!("{noun}: no reading for {}, the last one", span(*after, "d"))
        }
        (_, Kind::Flatline { lasting, .. }) => format!("{noun} stuck for {}", span(*lasting, "d")),
        (_, Kind::Deviation { .. }) => format!("Unusual {}", lower_first(&noun)),
        (_, Kind::Difference { other, limit, .. }) => {
            format!("{noun} more than {limit}{unit} off that of {other}")
        }
        (_, Kind::Expression { .. }) => format!("{noun}: the rule's condition holds"),
    };
    value.map_or(what.clone(), |value| format!("{what}: {value}{unit}"))
}

pub(super) fn noun(quantity: &Quantity) -> String {
    match quantity.as_str() {
        "temperature" => "Temperature".into(),
        "humidity" => "Humidity".into(),
        "pressure" => "Pressure".into(),
        "voltage" => "Voltage".into(),
        "co2" => "CO₂".into(),
        other => other.to_owned(),
    }
}

/// `Temperature` inside a sentence; `CO₂` stays as it is.
fn lower_first(noun: &str) -> String {
    if noun.starts_with("CO") { noun.to_owned() } else { noun.to_lowercase() }
}
