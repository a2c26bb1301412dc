//! Status report: filled by the daemon, sent by the API, read by `vigie status`.
//!
//! Always: each field has one meaning and one name, here; the API shows a new field without further
//! changes. Never: how a figure is collected (`app/report.rs`), or how it is printed
//! (`cli/status.rs`).

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize, Serializer};

use crate::supervisor::HealthReport;

/// State of a daemon at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// Version of the daemon.
    pub version: String,
    /// Process id.
    pub pid: u32,
    /// Connection to the broker.
    pub broker: BrokerStatus,
    /// What keeps readings from being received, evaluated, stored or notified; oldest first.
    pub problems: Vec<ProblemReport>,
    /// Backlog on disk.
    pub lag: Lag,
    /// Series of readings.
    pub series: SeriesStatus,
    /// Receivers of notifications, in the order of the configuration.
    pub receivers: Vec<ReceiverStatus>,
    /// Supervision tree; `None` until it has been started.
    pub tree: Option<HealthReport>,
    /// Queues in memory.
    pub queues: Queues,
}

/// The connection to the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerStatus {
    /// Name of the broker, as the log calls it.
    pub name: String,
    /// Whether the connection is up.
    pub connected: bool,
    /// Time since which it is open, or closed; `None` before the gateway's first start.
    #[serde(serialize_with = "optional_time")]
    pub since: Option<DateTime<Utc>>,
    /// What the broker can't do, or refuses, in the daemon's language.
    pub limits: Vec<String>,
}

/// A problem.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemReport {
    /// Time of its beginning, or of its detection.
    #[serde(serialize_with = "time")]
    pub since: DateTime<Utc>,
    /// What is wrong, in the daemon's language.
    pub what: String,
}

/// Backlog of the log, in records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lag {
    /// Own readings to publish.
    pub unpublished: u64,
    /// Records to commit.
    pub uncommitted: u64,
}

/// Series of readings: each sensor and quantity is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesStatus {
    /// Series with a reading, or expected ones.
    pub known: usize,
    /// Series with an active alarm that is not withheld.
    pub in_alarm: usize,
    /// Time of the newest reading, by its sensor; `None` before the first.
    #[serde(serialize_with = "optional_time")]
    pub newest: Option<DateTime<Utc>>,
}

/// One receiver of notifications.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverStatus {
    /// Name of the receiver.
    pub name: Arc<str>,
    /// Whether the last attempts succeeded.
    pub state: ReceiverState,
    /// Time of the first failed attempt after the last success; `None` if the last attempt
    /// succeeded.
    #[serde(serialize_with = "optional_time")]
    pub failing_since: Option<DateTime<Utc>>,
    /// Alarms with pending changes.
    pub waiting: usize,
    /// Notifications delivered in this run of the daemon.
    pub delivered: u64,
    /// Notifications refused for good in this run.
    pub given_up: u64,
    /// Active alarms whose notification was refused, and that no later one contained.
    pub untold: usize,
    /// Resolved alarms dropped at the limit in this run.
    pub dropped: u64,
    /// Time of the last successful delivery.
    #[serde(serialize_with = "optional_time")]
    pub last_success: Option<DateTime<Utc>>,
    /// Last failed delivery.
    pub last_error: Option<LastError>,
}

/// State of a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiverState {
    /// Delivered, or no attempt yet.
    Ok,
    /// An attempt failed and is retried, or was refused for good while its alarm is active.
    Failing,
}

/// A failed delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    /// Time of the failure.
    #[serde(serialize_with = "time")]
    pub at: DateTime<Utc>,
    /// Its cause.
    pub why: String,
}

/// Queues between actors that a slow disk fills first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queues {
    /// Own sensors → intake, in messages.
    pub measured: Queue,
    /// Evaluator → storage, in places (`messages::Store::places`).
    pub store: Queue,
}

/// One queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Occupied places.
    pub depth: usize,
    /// Capacity in places.
    pub capacity: usize,
}

/// A time in RFC 3339, in UTC.
pub(super) fn time<S: Serializer>(time: &DateTime<Utc>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&time.to_rfc3339_opts(SecondsFormat::AutoSi, false))
}

/// A time, if there is one.
#[expect(clippy::ref_option, reason = "serde hands the field over like this")]
pub(super) fn optional_time<S: Serializer>(
    at: &Option<DateTime<Utc>>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => time(at, to),
        None => to.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::described::{keys, required, schema};

    #[test]
    fn the_description_names_what_is_sent() {
        let queue = Queue { depth: 1, capacity: 2 };
        let report = StatusReport {
            version: "1".into(),
            pid: 1,
            broker: BrokerStatus {
                name: "b".into(),
                connected: true,
                since: None,
                limits: vec!["none".into()],
            },
            problems: vec![ProblemReport { since: DateTime::UNIX_EPOCH, what: "x".into() }],
            lag: Lag { unpublished: 0, uncommitted: 0 },
            series: SeriesStatus { known: 0, in_alarm: 0, newest: Some(DateTime::UNIX_EPOCH) },
            receivers: Vec::new(),
            tree: None,
            queues: Queues { measured: queue, store: queue },
        };
        let sent = serde_json::to_value(&report).unwrap();
        let schema = schema("Status");
        assert_eq!(keys(&sent), required(&schema));
        for part in ["broker", "lag", "series"] {
            assert_eq!(keys(&sent[part]), required(&schema["properties"][part]), "{part}");
        }
        let problem = &schema["properties"]["problems"]["items"];
        assert_eq!(keys(&sent["problems"][0]), required(problem));
        assert_eq!(serde_json::from_value::<StatusReport>(sent).unwrap(), report);
    }
}
