//! A notification in the format of Alertmanager's webhook, version 4, for receivers that were made
//! for it. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use super::fingerprint::TextFingerprint;
use super::notification::{Notification, NotifiedAlarm};
use super::status::Status;

/// "Not yet" in that format: Go's zero time.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

pub(super) type Pairs = BTreeMap<String, String>;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    version: &'static str,
    group_key: String,
    truncated_alerts: usize,
    status: &'static str,
    receiver: &'a str,
    group_labels: Pairs,
    common_labels: Pairs,
    common_annotations: Pairs,
    #[serde(rename = "externalURL")]
    external_url: &'static str,
    alerts: Vec<Alert>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    status: &'static str,
    labels: Pairs,
    annotations: Pairs,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: &'static str,
    fingerprint: String,
}

/// `{"version":"4","groupKey":…,"truncatedAlerts":…,"status":…,"receiver":…,"groupLabels":{…},
/// "commonLabels":{…},"commonAnnotations":{…},"externalURL":"","alerts":[…]}`
#[must_use]
pub fn json(notification: &Notification) -> Vec<u8> {
    let alerts: Vec<_> = notification.alarms.iter().map(alert).collect();
    let group_labels = renamed(&notification.group_labels);
    let message = Message {
        version: "4",
        group_key: format!("{{}}:{{{}}}", quoted(&group_labels)),
        truncated_alerts: notification.truncated,
        status: notification.status().as_str(),
        receiver: &notification.receiver,
        common_labels: common(alerts.iter().map(|alert| &alert.labels)),
        common_annotations: common(alerts.iter().map(|alert| &alert.annotations)),
        group_labels,
        external_url: "",
        alerts,
    };
    // Serialization of texts and numbers under text keys can't fail.
    serde_json::to_vec(&message).unwrap_or_default()
}

/// The `alerts` array of that message.
#[must_use]
pub fn alerts_json(notification: &Notification) -> String {
    let alerts: Vec<_> = notification.alarms.iter().map(alert).collect();
    serde_json::to_string(&alerts).unwrap_or_default() // as above
}

fn alert(alarm: &NotifiedAlarm) -> Alert {
    let NotifiedAlarm { event, status, starts_at, .. } = alarm;
    let labels = labels(alarm);
    let is_over = *status == Status::Resolved;
    Alert {
        status: status.as_str(),
        fingerprint: fingerprint(&labels),
        labels,
        annotations: annotations(alarm),
        starts_at: rfc3339(*starts_at),
        ends_at: if is_over { rfc3339(event.timestamp) } else { NO_TIME.to_owned() },
        generator_url: "",
    }
}

/// Labels that identify an alarm there; equal from its beginning to its end.
pub(super) fn labels(alarm: &NotifiedAlarm) -> Pairs {
    let event = &alarm.event;
    pairs([
        ("alertname", event.rule.to_string()),
        ("sensor", event.sensor_id.to_string()),
        ("location", event.location.to_string()),
        ("quantity", event.quantity.to_string()),
        ("severity", event.severity.as_str().to_lowercase()),
        ("alert_type", event.alert_type.to_string()),
    ])
}

/// Annotations of an alarm.
pub(super) fn annotations(alarm: &NotifiedAlarm) -> Pairs {
    let NotifiedAlarm { event, runbook, .. } = alarm;
    pairs([
        ("summary", event.message.clone()),
        ("runbook_url", runbook.as_deref().unwrap_or_default().to_owned()),
        ("value", event.value.map_or_else(String::new, |value| value.to_string())),
        ("unit", event.unit.as_str().to_owned()),
        ("threshold", event.threshold.to_string()),
        ("alert_id", event.alert_id.to_string()),
    ])
}

/// Without empty values, which equal absent ones in Prometheus.
fn pairs<const N: usize>(all: [(&str, String); N]) -> Pairs {
    let filled = all.into_iter().filter(|(_, value)| !value.is_empty());
    filled.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Labels by their names there: a rule is an `alertname`.
fn renamed(labels: &Pairs) -> Pairs {
    let name = |name: &str| if name == "rule" { "alertname" } else { name }.to_owned();
    labels.iter().map(|(label, value)| (name(label), value.clone())).collect()
}

fn quoted(labels: &Pairs) -> String {
    let quoted: Vec<_> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    quoted.join(", ")
}

fn common<'a>(mut all: impl Iterator<Item = &'a Pairs>) -> Pairs {
    let mut common = all.next().cloned().unwrap_or_default();
    for pairs in all {
        common.retain(|name, value| pairs.get(name) == Some(value));
    }
    common
}

fn fingerprint(labels: &Pairs) -> String {
    let mut hash = TextFingerprint::default();
    for (name, value) in labels {
        hash.add(name);
        hash.add(value);
    }
    hash.hex()
}

pub(super) fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::fixtures::notification;

    #[test]
    fn is_the_format_to_the_letter() {
        let notification = notification();
        let json = String::from_utf8(json(&notification)).unwrap();
        let expected = concat!(
            r#"{"version":"4","groupKey":"{}:{alertname=\"hot\", location=\"Hall \\\"3\\\"\"}","#,
            r#""truncatedAlerts":2,"status":"firing","receiver":"on-call","#,
            r#""groupLabels":{"alertname":"hot","location":"Hall \"3\""},"#,
            r#""commonLabels":{"alert_type":"HIGH_TEMPERATURE","alertname":"hot","location":"Hall \"3\"","quantity":"temperature","severity":"high"},"#,
            r#""commonAnnotations":{"runbook_url":"https://r","threshold":"35","unit":"celsius"},"#,
            r#""externalURL":"","alerts":[{"status":"firing","labels":{"alert_type":"HIGH_TEMPERATURE","alertname":"hot","location":"Hall \"3\"","quantity":"temperature","sensor":"A","severity":"high"},"#,
            r#""annotations":{"alert_id":"a","runbook_url":"https://r","summary":"A is hot","threshold":"35","unit":"celsius","value":"38.2"},"#,
            r#""startsAt":"2024-08-14T10:30:00.000000Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"","fingerprint":"#,
        );
        assert!(json.starts_with(expected), "{json}");
        assert!(json.contains(r#""endsAt":"2024-08-14T10:31:40.000000Z""#), "{json}");
    }

    #[test]
    fn a_fingerprint_is_of_the_labels_alone() {
        let notification = notification();
        let of = |index: usize| alert(&notification.alarms[index]).fingerprint;
        let mut other = notification.alarms[0].clone();
        (other.status, other.event.message) = (Status::Resolved, "over".into());
        assert_eq!(alert(&other).fingerprint, of(0));
        assert_ne!(of(0), of(1));
    }
}
