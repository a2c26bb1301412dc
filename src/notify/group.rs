//! One group of a receiver, and its alarms. Pure; timing is in [`super::groups`].

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::clock::after;
use super::draft::Entry;
use super::policy::GroupingPolicy;
use super::status::Status;
use crate::config::GroupLabel;
use crate::domain::AlertEvent;

/// Sensor and rule of an event: of these, one alarm fires at a time.
pub(super) fn alarm_of(event: &AlertEvent) -> (Arc<str>, Arc<str>) {
    (event.sensor_id.as_str().into(), event.rule.clone())
}

/// Group labels of an event.
pub(super) fn labels(group_by: &[GroupLabel], event: &AlertEvent) -> BTreeMap<String, String> {
    let value = |label: &GroupLabel| match label {
        GroupLabel::Location => event.location.as_str(),
        GroupLabel::Rule => &event.rule,
        GroupLabel::Sensor => event.sensor_id.as_str(),
    };
    group_by.iter().map(|label| (label.as_str().to_owned(), value(label).to_owned())).collect()
}

/// One alarm, from its raise until its end has been notified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// Id of the sensor.
    pub sensor: Arc<str>,
    /// Name of the rule.
    pub rule: Arc<str>,
    /// Number of its last event.
    pub number: u64,
    /// Newest known status.
    pub status: Status,
    /// Time at which the alarm was raised.
    pub starts_at: DateTime<Utc>,
    /// Last status that the receiver was notified of, or has refused.
    pub notified: Option<Status>,
    /// Whether the receiver has refused the notification of its beginning for good.
    pub is_given_up: bool,
    /// Time of the first attempt to notify its beginning, for a receiver that escalates.
    pub tried_at: Option<DateTime<Utc>>,
    /// Whether it was escalated, or acknowledged in time.
    pub is_escalated: bool,
}

impl Alarm {
    pub(super) const fn raised(
        sensor: Arc<str>,
        rule: Arc<str>,
        number: u64,
        starts_at: DateTime<Utc>,
    ) -> Self {
        Self {
            sensor,
            rule,
            number,
            status: Status::Firing,
            starts_at,
            notified: None,
            is_given_up: false,
            tried_at: None,
            is_escalated: false,
        }
    }

    /// Whether its status differs from the one that the receiver knows.
    pub(super) fn is_news(&self) -> bool {
        self.notified != Some(self.status)
    }

    /// Whether it fires unknown to the receiver.
    pub(super) fn is_missed(&self) -> bool {
        self.is_given_up && self.status == Status::Firing
    }

    pub(super) fn entry(&self, alert_id: &Arc<str>) -> Entry {
        Entry {
            alert_id: alert_id.clone(),
            number: self.number,
            status: self.status,
            starts_at: self.starts_at,
            is_news: self.is_news(),
        }
    }
}

#[cfg(test)]
thread_local! {
    /// Number of evaluations of a group's due time or clock.
    pub(super) static LOOKS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Alarms that are notified together.
#[derive(Debug)]
pub struct Group {
    /// Labels that all alarms of the group share.
    pub labels: BTreeMap<String, String>,
    /// Alarms by `alert_id`.
    pub alarms: HashMap<Arc<str>, Alarm>,
    /// Number of alarms with pending changes.
    pub num_news: usize,
    /// Number of firing alarms that are given up.
    pub num_given_up: usize,
    /// Time of the first pending change.
    pub news_at: Option<DateTime<Utc>>,
    /// Time of the last complete notification.
    pub notified_at: Option<DateTime<Utc>>,
    /// Number of the last event sent in a repetition that takes several notifications; `None` if
    /// none is under way.
    pub repeated_through: Option<u64>,
    /// Number of notifications so far.
    pub number: u64,
    /// Failures in a row of the next notification.
    pub failures: u32,
    /// Time of the next attempt after a failed delivery.
    pub retry_at: Option<DateTime<Utc>>,
}

impl Group {
    pub(super) fn new(labels: BTreeMap<String, String>) -> Self {
        Self {
            labels,
            alarms: HashMap::new(),
            num_news: 0,
            num_given_up: 0,
            news_at: None,
            notified_at: None,
            repeated_through: None,
            number: 0,
            failures: 0,
            retry_at: None,
        }
    }

    /// Group id: its labels as JSON, in order.
    pub(super) fn id(labels: &BTreeMap<String, String>) -> Arc<str> {
        // Serialization of text keys and values can't fail.
        serde_json::to_string(labels).unwrap_or_default().into()
    }

    /// Changes an alarm and updates the counts.
    pub(super) fn amend(&mut self, alert_id: &Arc<str>, amend: impl FnOnce(&mut Alarm)) {
        let Some(mut alarm) = self.remove(alert_id) else { return };
        amend(&mut alarm);
        self.insert(alert_id.clone(), alarm);
    }

    pub(super) fn insert(&mut self, alert_id: Arc<str>, alarm: Alarm) {
        self.num_news += usize::from(alarm.is_news());
        self.num_given_up += usize::from(alarm.is_missed());
        self.alarms.insert(alert_id, alarm);
    }

    pub(super) fn remove(&mut self, alert_id: &Arc<str>) -> Option<Alarm> {
        let alarm = self.alarms.remove(alert_id)?;
        self.num_news -= usize::from(alarm.is_news());
        self.num_given_up -= usize::from(alarm.is_missed());
        Some(alarm)
    }

    pub(super) fn note_news(&mut self, now: DateTime<Utc>) {
        self.news_at.get_or_insert(now);
    }

    /// Time at which the next notification is due; `None` if there is nothing to send.
    pub(super) fn due_at(&self, policy: &GroupingPolicy) -> Option<DateTime<Utc>> {
        #[cfg(test)]
        LOOKS.set(LOOKS.get() + 1);
        let due_at = match (self.news_at, self.notified_at) {
            (Some(news), Some(told)) if self.num_news > 0 => {
                after(news, policy.wait).max(after(told, policy.interval))
            }
            (Some(news), None) if self.num_news > 0 => after(news, policy.wait),
            (_, Some(told)) if self.repeated_through.is_some() => told,
            (_, Some(told)) => after(told, policy.repeat.max(policy.interval)),
            _ => return None,
        };
        Some(self.retry_at.map_or(due_at, |retry_at| due_at.max(retry_at)))
    }

    /// Corrects times after the clock was set back: nothing happened later than now.
    pub(super) fn not_after(&mut self, now: DateTime<Utc>, longest_retry: Duration) {
        #[cfg(test)]
        LOOKS.set(LOOKS.get() + 1);
        self.news_at = self.news_at.map(|at| at.min(now));
        self.notified_at = self.notified_at.map(|at| at.min(now));
        self.retry_at = self.retry_at.filter(|at| *at <= after(now, longest_retry));
    }
}
