//! Alertmanager: alerts for its API, version 2, as Prometheus sends them. Pure.
//!
//! An alert there is active until its `endsAt`. An active alarm gets one in the near future, which
//! each repetition extends: if this daemon ends, so does the alert.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use url::Url;

use crate::notify::alertmanager::{annotations, labels, rfc3339};
use crate::notify::clock::after;
use crate::notify::notification::{Notification, NotifiedAlarm};
use crate::notify::status::Status;

const PATH: &str = "/api/v2/alerts";

/// Address of the API below that of the server, which may have a path prefix.
///
/// # Errors
/// If the address is invalid.
pub(super) fn endpoint(url: &str) -> Result<String, String> {
    let mut url = Url::parse(url).map_err(|_| "its address is none".to_owned())?;
    let path = url.path().trim_end_matches('/');
    if !path.ends_with(PATH) {
        url.set_path(&format!("{path}{PATH}"));
    }
    Ok(url.into())
}

pub(super) fn alerts(
    notification: &Notification,
    holds_for: Duration,
    now: DateTime<Utc>,
) -> Value {
    notification.alarms.iter().map(|alarm| alert(alarm, holds_for, now)).collect()
}

/// Alertmanager uses its own clock and refuses an end before the start, so times of devices are
/// limited to now.
fn alert(alarm: &NotifiedAlarm, holds_for: Duration, now: DateTime<Utc>) -> Value {
    let starts_at = alarm.starts_at.min(now);
    let ends_at = match alarm.status {
        Status::Firing => after(now, holds_for),
        Status::Resolved => alarm.event.timestamp.min(now).max(starts_at),
    };
    json!({
        "labels": labels(alarm),
        "annotations": annotations(alarm),
        "startsAt": rfc3339(starts_at),
        "endsAt": rfc3339(ends_at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::fixtures::notification;

    #[test]
    fn it_is_asked_at_its_api() {
        for (url, expected) in [
            ("http://h:9093", "http://h:9093/api/v2/alerts"),
            ("http://h:9093/", "http://h:9093/api/v2/alerts"),
            ("https://h/am/", "https://h/am/api/v2/alerts"),
            ("https://h/am/api/v2/alerts", "https://h/am/api/v2/alerts"),
        ] {
            assert_eq!(endpoint(url).unwrap(), expected);
        }
        assert!(endpoint("s3cret").is_err_and(|why| !why.contains("s3cret")));
    }

    #[test]
    fn an_active_alarm_ends_ahead_and_a_resolved_one_ended() {
        let mut it = notification();
        let now = it.alarms[0].event.timestamp;
        it.alarms[1].event.timestamp = now + Duration::from_secs(60); // by a fast clock
        let said = alerts(&it, Duration::from_secs(240), now);
        assert_eq!(said[0]["startsAt"], "2024-08-14T10:30:00.000000Z");
        assert_eq!(said[0]["endsAt"], "2024-08-14T10:35:40.000000Z");
        assert_eq!(said[1]["endsAt"], "2024-08-14T10:31:40.000000Z", "not ahead of now");
        assert_eq!(said[0]["labels"]["alertname"], "hot");
        assert_eq!(said[0]["annotations"]["summary"], "A is hot");
    }

    #[test]
    fn no_alert_ends_before_it_starts() {
        let mut it = notification();
        let before = it.alarms[0].starts_at - Duration::from_secs(60);
        it.alarms[1].event.timestamp = before;
        let said = alerts(&it, Duration::from_secs(240), it.alarms[0].event.timestamp);
        assert_eq!(said[1]["endsAt"], said[1]["startsAt"]);
        // The clock of this machine is behind that of the device.
        let said = alerts(&it, Duration::from_secs(240), before);
        assert_eq!(said[0]["startsAt"], rfc3339(before));
    }
}
