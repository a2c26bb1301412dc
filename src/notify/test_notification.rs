//! Test notification of a receiver; works without the daemon.
//!
//! Always: marked as a test in all texts, and in the names of its rule and sensor; a receiver that
//! is a program also gets its end. Never: persisted, or part of a receiver's state.

use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};

use super::attempt::{ATTEMPT, attempt};
use super::channel::Channel;
use super::fingerprint::TextFingerprint;
use super::notification::{Notification, NotifiedAlarm};
use super::outcome::{AttemptResult, DeliveryOutcome};
use super::status::Status;
use crate::config::{ChannelConfig, ReceiverConfig};
use crate::domain::{AlertEvent, AlertState, Location, Priority, Quantity, SensorId, Value};
use crate::locale::NotifyWords;

/// Name of the rule and the sensor of a test.
const NAME: &str = "vigie-test";

/// Result of a test notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceiverTestResult {
    /// The receiver, with all its addresses, has accepted it.
    Delivered,
    /// The receiver, or some of its addresses, has not accepted it: causes, one line each.
    Failed(Vec<String>),
}

/// Sends a test notification by the receiver's channel, in one attempt.
pub async fn send_test_notification(
    receiver: &ReceiverConfig,
    words: &'static NotifyWords,
    now: DateTime<Utc>,
) -> ReceiverTestResult {
    let channel = Arc::new(Channel::new(&receiver.channel, words));
    for status in statuses(&receiver.channel) {
        let Some(notification) = notification(receiver, *status, words, now) else {
            return ReceiverTestResult::Failed(vec!["no test can be made".to_owned()]);
        };
        let failures = send(channel.clone(), notification).await;
        if !failures.is_empty() {
            return ReceiverTestResult::Failed(failures);
        }
    }
    ReceiverTestResult::Delivered
}

/// A webhook leads to a program, in which an alarm stays active until its end.
const fn statuses(channel: &ChannelConfig) -> &'static [Status] {
    match channel {
        ChannelConfig::Webhook(_) => &[Status::Firing, Status::Resolved],
        ChannelConfig::Template(..) | ChannelConfig::Service(..) | ChannelConfig::Email(_) => {
            &[Status::Firing]
        }
    }
}

/// One attempt. Returns the causes of failures.
async fn send(channel: Arc<Channel>, notification: Notification) -> Vec<String> {
    let undelivered = Arc::new(Mutex::new(Vec::new()));
    let refused = undelivered.clone();
    let send = move || {
        let AttemptResult { outcome, undelivered } = channel.attempt(&notification);
        *refused.lock().unwrap_or_else(PoisonError::into_inner) = undelivered;
        outcome
    };
    let outcome = attempt("receiver test".into(), ATTEMPT, send).await;
    let undelivered =
        std::mem::take(&mut *undelivered.lock().unwrap_or_else(PoisonError::into_inner));
    let of_all = match outcome {
        DeliveryOutcome::Delivered => None,
        DeliveryOutcome::Unreachable { why }
        | DeliveryOutcome::Denied { why, .. }
        | DeliveryOutcome::Later { why, .. } => {
            Some(format!("{why}. An alarm would wait and be tried again"))
        }
        DeliveryOutcome::Refused { why } => {
            Some(format!("{why}. An alarm like it would be given up"))
        }
    };
    let of_addresses = undelivered.into_iter().map(|(address, why)| format!("{address}: {why}"));
    of_addresses.chain(of_all).collect()
}

/// `None` never happens: the constant is a valid sensor id.
fn notification(
    receiver: &ReceiverConfig,
    status: Status,
    words: &NotifyWords,
    now: DateTime<Utc>,
) -> Option<Notification> {
    let id = |status: Option<Status>| {
        let mut id = TextFingerprint::default();
        id.add(&receiver.name);
        id.add(&now.to_rfc3339());
        id.add(status.map_or("", Status::as_str));
        id.hex()
    };
    let event = AlertEvent {
        alert_id: id(None).into(),
        rule: NAME.into(),
        alert_type: "TEST".into(),
        location: Location::new(words.test_place),
        severity: receiver.selection.priorities.iter().max().copied().unwrap_or(Priority::Low),
        state: match status {
            Status::Firing => AlertState::Active,
            Status::Resolved => AlertState::Resolved,
        },
        value: Value::new(0.0).ok(),
        message: (words.test)(&receiver.name),
        timestamp: now,
        announced: true,
        ..AlertEvent::new(SensorId::new(NAME).ok()?, Quantity::temperature())
    };
    let alarm = NotifiedAlarm { event, status, starts_at: now, is_news: true, runbook: None };
    Some(Notification {
        receiver: receiver.name.clone(),
        id: id(Some(status)),
        group_labels: [("location".to_owned(), words.test_place.to_owned())].into(),
        alarms: vec![alarm],
        truncated: 0,
        is_escalated: false,
        notice: None,
    })
}
