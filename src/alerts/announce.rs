//! From what an alarm did to the event that is stored and, if it is announced, told. Pure.

use crate::alarms::engine::Outcome;
use crate::alarms::machine::{Announcement, Change};
use crate::alarms::rule::Rule;
use crate::domain::{AlertEvent, AlertState};
use crate::locale::{AlertWords, Words};

/// The event of an outcome; `None` for what has no place among the events.
#[must_use]
pub fn event(outcome: Outcome, words: &Words) -> Option<AlertEvent> {
    let Outcome { rule, alert_id, sensor_id, location, unit, value, transition } = outcome;
    let state = match transition.change {
        Change::Raised | Change::StillActive => AlertState::Active,
        Change::Returned | Change::Closed => AlertState::Resolved,
        _ => match transition.announced? {
            Announcement::Raised | Announcement::StillActive => AlertState::Active,
            Announcement::Returned => AlertState::Resolved,
        },
    };
    let said = AlertWords { quantity: &rule.quantity, kind: &rule.kind, state, value, unit: &unit };
    let message = match (&rule.message, state) {
        (Some(template), AlertState::Active) => filled(
            template,
            &rule,
            &[
                ("{value}", &value.to_string()),
                ("{unit}", &unit.suffix()),
                ("{sensor}", sensor_id.as_str()),
                ("{location}", location.as_str()),
            ],
        ),
        _ => (words.alert)(said),
    };
    Some(AlertEvent {
        alert_id,
        rule: rule.name.clone(),
        alert_type: rule.alert_type().into(),
        sensor_id,
        location,
        quantity: rule.quantity.clone(),
        value,
        unit,
        threshold: rule.kind.threshold(),
        severity: rule.priority,
        state,
        message,
        timestamp: transition.at,
        announced: transition.announced.is_some(),
    })
}

/// A template with its placeholders filled in, each once over: what a location says is no template.
fn filled(template: &str, rule: &Rule, of_reading: &[(&str, &str)]) -> String {
    let limit = rule.kind.threshold().to_string();
    let of_rule = [
        ("{limit}", limit.as_str()),
        ("{quantity}", rule.quantity.as_str()),
        ("{rule}", rule.name.as_ref()),
    ];
    let mut text = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        let known = of_reading.iter().chain(&of_rule).find(|(name, _)| from.starts_with(name));
        let (put, taken) = known.map_or(("{", 1), |(name, value)| (*value, name.len()));
        text.push_str(put);
        rest = &from[taken..];
    }
    text + rest
}
