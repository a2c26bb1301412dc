//! Strict validator of Alertmanager's webhook format, version 4.

use std::collections::BTreeSet;

use chrono::DateTime;
use serde_json::Value;

const MESSAGE: [&str; 10] = [
    "version",
    "groupKey",
    "truncatedAlerts",
    "status",
    "receiver",
    "groupLabels",
    "commonLabels",
    "commonAnnotations",
    "externalURL",
    "alerts",
];

const ALERT: [&str; 7] =
    ["status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"];

/// `endsAt` of an active alert.
const NO_TIME: &str = "0001-01-01T00:00:00Z";

/// Validates a message and returns its alerts.
///
/// # Panics
/// When the message is not as Alertmanager would send it.
pub fn alerts(message: &Value) -> Vec<Value> {
    has_exactly(message, &MESSAGE);
    assert_eq!(message["version"], "4");
    assert!(text(&message["groupKey"]).starts_with("{}:{"), "{message}");
    assert!(message["truncatedAlerts"].is_u64(), "{message}");
    assert!(!text(&message["receiver"]).is_empty());
    assert!(message["externalURL"].is_string());
    for key in ["groupLabels", "commonLabels", "commonAnnotations"] {
        texts(&message[key]);
    }
    let alerts = message["alerts"].as_array().expect("a list of alerts");
    assert!(!alerts.is_empty(), "a notification of nothing");
    alerts.iter().for_each(check_alert);
    let fires = alerts.iter().any(|alert| alert["status"] == "firing");
    assert_eq!(message["status"], if fires { "firing" } else { "resolved" });
    for (name, value) in message["commonLabels"].as_object().unwrap() {
        assert!(alerts.iter().all(|alert| alert["labels"][name] == *value), "{name}");
    }
    alerts.clone()
}

fn check_alert(alert: &Value) {
    has_exactly(alert, &ALERT);
    for name in ["alertname", "sensor", "quantity", "severity", "alert_type"] {
        assert!(!text(&alert["labels"][name]).is_empty(), "{name}: {alert}");
    }
    let severity = text(&alert["labels"]["severity"]);
    assert!(["low", "medium", "high", "critical"].contains(&severity), "{severity}");
    for name in ["summary", "value", "threshold", "alert_id"] {
        assert!(!text(&alert["annotations"][name]).is_empty(), "{name}: {alert}");
    }
    texts(&alert["labels"]);
    texts(&alert["annotations"]);
    let starts = DateTime::parse_from_rfc3339(text(&alert["startsAt"])).expect("startsAt");
    let ends = DateTime::parse_from_rfc3339(text(&alert["endsAt"])).expect("endsAt");
    match text(&alert["status"]) {
        "firing" => assert_eq!(alert["endsAt"], NO_TIME),
        "resolved" => assert!(starts <= ends, "{alert}"),
        other => panic!("{other} is no status"),
    }
    assert!(alert["generatorURL"].is_string());
    let fingerprint = text(&alert["fingerprint"]);
    assert!(fingerprint.len() == 16 && fingerprint.chars().all(|c| c.is_ascii_hexdigit()));
}

fn has_exactly(object: &Value, keys: &[&str]) {
    let found: BTreeSet<_> = object.as_object().expect("an object").keys().collect();
    let found: Vec<_> = found.into_iter().map(String::as_str).collect();
    let mut keys = keys.to_vec();
    keys.sort_unstable();
    assert_eq!(found, keys);
}

/// Checks for a flat object of strings.
fn texts(object: &Value) {
    let object = object.as_object().expect("an object");
    assert!(object.values().all(Value::is_string), "{object:?}");
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}
