//! Composes the alert event of an alarm's transition. Pure.

use crate::alarms::engine::Outcome;
use crate::alarms::machine::{Announcement, Change};
use crate::alarms::rule::Rule;
use crate::domain::{AlertEvent, AlertState, placeholders};
use crate::locale::{AlertWords, Words};

/// Event of an outcome. The caller assigns its number.
#[must_use]
pub fn event(outcome: Outcome, words: &Words) -> AlertEvent {
    let Outcome { rule, alert_type, threshold, alert_id, operator, .. } = outcome;
    let Outcome { sensor_id, location, unit, value, transition, .. } = outcome;
    let Outcome { is_offline, summary, is_silent_end, in_flood, .. } = outcome;
    let change = transition.change;
    let is_active = match transition.announced {
        Some(told) => told != Announcement::Returned,
        None => transition.state.condition.stands(),
    };
    let state = if is_active { AlertState::Active } else { AlertState::Resolved };
    let is_of_reading =
        matches!(change, Change::Raised | Change::StillActive | Change::Returned | Change::Closed);
    let said = AlertWords {
        quantity: &rule.quantity,
        kind: &rule.kind,
        state,
        is_closed: change == Change::Closed,
        value,
        unit: &unit,
        is_offline,
    };
    let message = match (&rule.message, state) {
        _ if let Some(summary) = &summary => (words.summary)(summary, &rule.quantity),
        // An end by an operator names the operator and the reason.
        _ if operator.is_some() && change == Change::Closed => {
            (words.transition)(said, change, operator.as_ref())
        }
        _ if transition.announced.is_none() && !is_of_reading => {
            (words.transition)(said, change, operator.as_ref())
        }
        (Some(template), AlertState::Active) => filled(
            template,
            &rule,
            &[
                ("{value}", &value.map_or_else(|| "–".into(), |value| value.to_string())),
                ("{unit}", &unit.suffix()),
                ("{sensor}", sensor_id.as_str()),
                ("{location}", location.as_str()),
            ],
        ),
        _ => (words.alert)(said),
    };
    AlertEvent {
        number: 0,
        alert_id,
        rule: rule.name.clone(),
        alert_type,
        sensor_id,
        location,
        quantity: rule.quantity.clone(),
        value,
        unit,
        threshold,
        severity: rule.priority,
        state,
        change,
        operator,
        message,
        timestamp: transition.at,
        announced: transition.announced.is_some(),
        is_silent_end,
        in_flood,
    }
}

/// Message of a rule with its placeholders filled in.
fn filled(template: &str, rule: &Rule, of_reading: &[(&str, &str)]) -> String {
    let limit = rule.kind.threshold().to_string();
    let of_rule = [
        ("{limit}", limit.as_str()),
        ("{quantity}", rule.quantity.as_str()),
        ("{rule}", rule.name.as_ref()),
    ];
    placeholders::fill(template, |from| {
        let known = of_reading.iter().chain(&of_rule).find(|(name, _)| from.starts_with(name));
        known.map(|(name, value)| (*value, name.len()))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::DateTime;

    use super::*;
    use crate::alarms::machine::{State, Transition};
    use crate::alarms::rule::{Kind, Priority};
    use crate::domain::{Location, Quantity, SensorId, Unit, Value};
    use crate::locale::Language;

    fn told(message: &str, change: Change, announced: Option<Announcement>) -> AlertEvent {
        let kind = Kind::High { limit: 8.0, deadband: 0.5 };
        let mut rule = Rule::retired("warm".into(), Quantity::temperature(), Priority::Critical);
        rule.kind = kind;
        rule.message = Some(message.into());
        let transition =
            Transition { change, state: State::default(), at: DateTime::UNIX_EPOCH, announced };
        let outcome = Outcome {
            alert_type: rule.alert_type().into(),
            threshold: rule.kind.threshold(),
            rule: Arc::new(rule),
            alert_id: "a".into(),
            sensor_id: SensorId::new("COLD_1").unwrap(),
            location: Location::new("{rule} 1"),
            unit: Unit::new("celsius"),
            value: Value::new(9.5).ok(),
            transition,
            is_offline: false,
            summary: None,
            is_silent_end: false,
            in_flood: false,
            operator: None,
        };
        event(outcome, Language::English.words())
    }

    #[test]
    fn a_message_of_ones_own_is_filled_once() {
        let template = "{sensor} in {location}: {value}{unit} > {limit} ({rule}, {quantity}) {x}";
        let event = told(template, Change::Raised, Some(Announcement::Raised));
        assert_eq!(event.message, "COLD_1 in {rule} 1: 9.5°C > 8 (warm, temperature) {x}");
        assert_eq!((event.severity, event.announced), (Priority::Critical, true));
        assert_eq!(event.alert_type.as_ref(), "HIGH_TEMPERATURE");
    }

    #[test]
    fn an_end_has_the_catalogues_words() {
        let returned = told("x", Change::Returned, None);
        assert_eq!(returned.message, "Temperature back to normal: 9.5°C");
        assert_eq!((returned.state, returned.announced), (AlertState::Resolved, false));
        let closed = told("x", Change::Closed, Some(Announcement::Returned));
        assert!(closed.message.contains("changed or removed"), "{}", closed.message);
    }
}
