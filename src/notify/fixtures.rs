//! A notification for tests: one alarm raised, one resolved, one continuing.

use chrono::{DateTime, TimeDelta, Utc};

use super::notification::{Notification, NotifiedAlarm};
use super::status::Status;
use crate::domain::{AlertEvent, AlertState, Location, Quantity, SensorId, Unit, Value};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_723_631_400, 0).unwrap() + TimeDelta::seconds(seconds)
}

fn alarm(sensor: &str, status: Status, is_news: bool) -> NotifiedAlarm {
    let is_over = status == Status::Resolved;
    let event = AlertEvent {
        alert_id: sensor.to_lowercase().into(),
        rule: "hot".into(),
        alert_type: "HIGH_TEMPERATURE".into(),
        location: Location::new("Hall \"3\""),
        value: Value::new(if is_over { 21.5 } else { 38.2 }).ok(),
        unit: Unit::new("celsius"),
        threshold: 35.0,
        state: if is_over { AlertState::Resolved } else { AlertState::Active },
        message: format!("{sensor} is {}", if is_over { "fine" } else { "hot" }),
        timestamp: at(100),
        announced: true,
        ..AlertEvent::new(SensorId::new(sensor).unwrap(), Quantity::temperature())
    };
    NotifiedAlarm { event, status, starts_at: at(0), is_news, runbook: Some("https://r".into()) }
}

pub(super) fn notification() -> Notification {
    let labels = [("location", "Hall \"3\""), ("rule", "hot")];
    Notification {
        receiver: "on-call".into(),
        id: "0123456789abcdef".into(),
        group_labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        alarms: vec![
            alarm("A", Status::Firing, true),
            alarm("B", Status::Resolved, true),
            alarm("C", Status::Firing, false),
        ],
        truncated: 2,
        is_escalated: false,
        notice: None,
    }
}

/// Notification with long names and messages that consist of one character.
pub(super) fn long(character: &str) -> Notification {
    let mut notification = notification();
    for n in 0..100 {
        let mut alarm = alarm(&format!("S{n}"), Status::Firing, true);
        alarm.event.message = format!("{n} {}", character.repeat(50 * (n % 3) + 2_500 * (n / 99)));
        notification.alarms.push(alarm);
    }
    let name = character.repeat(300);
    notification.group_labels.insert("location".into(), name);
    notification
}
