//! State of the daemon and its broker, as the dashboard shows it: what `report` has for the command
//! line, and more.
//!
//! Always: each field has one meaning and one name, here. Never: how a figure is collected
//! (`app/figures.rs`).

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};

use super::report::{StatusReport, optional_time, time};

/// State of a daemon at one moment, for the dashboard.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SystemReport {
    /// State as the command line has it.
    #[serde(flatten)]
    pub status: StatusReport,
    /// Time of the daemon's start.
    #[serde(serialize_with = "time")]
    pub started_at: DateTime<Utc>,
    /// Readings evaluated a second, over the last seconds.
    #[serde(serialize_with = "rate")]
    pub readings_per_s: f64,
    /// Database; `None` before its first measurement.
    pub database: Option<DatabaseReport>,
}

/// The database and its disk.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DatabaseReport {
    /// Path of the file.
    pub path: PathBuf,
    /// Size of the file with its write-ahead log.
    pub bytes: u64,
    /// Growth per day; `None` while unknown.
    pub grows_bytes_a_day: Option<i64>,
    /// Free space of the disk.
    pub disk_free_bytes: u64,
    /// Days until the disk is full at this growth; `None` without growth.
    pub days_left: Option<f64>,
}

/// State of the broker at one moment, as far as the daemon knows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BrokerReport {
    /// Name of the broker, as the log calls it.
    pub name: String,
    /// Whether it is the embedded one.
    pub embedded: bool,
    /// Whether the connection is open.
    pub connected: bool,
    /// Time since which the connection is open, or closed.
    #[serde(serialize_with = "optional_time")]
    pub since: Option<DateTime<Utc>>,
    /// What the broker can't do, or refuses, in the daemon's language.
    pub limits: Vec<String>,
    /// Messages of devices a second, over the last seconds.
    #[serde(serialize_with = "rate")]
    pub in_per_s: f64,
    /// Messages of this daemon a second, over the last seconds.
    #[serde(serialize_with = "rate")]
    pub out_per_s: f64,
    /// The busiest topics, by rate.
    pub topics: Vec<TopicReport>,
    /// Sessions of the embedded broker, a limited number; `None` for an external one.
    pub sessions: Option<Vec<SessionReport>>,
    /// `$SYS` figures of the broker; `None` if they are not subscribed to.
    pub sys: Option<serde_json::Value>,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TopicReport {
    /// The topic.
    pub topic: String,
    /// Messages a second, smoothed.
    #[serde(serialize_with = "rate")]
    pub per_s: f64,
    /// Time of the last message.
    #[serde(serialize_with = "time")]
    pub last_at: DateTime<Utc>,
    /// Beginning of the last payload, as text.
    pub payload: String,
    /// Whether the payload is longer.
    pub is_cut: bool,
    /// Whether the broker retains it.
    pub retained: bool,
}

/// A session of the embedded broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionReport {
    /// Id of the client.
    pub client_id: String,
    /// Where it connected from; `None` for a client that is away.
    pub address: Option<String>,
    /// Time since which it is connected, or disconnected.
    #[serde(serialize_with = "optional_time")]
    pub since: Option<DateTime<Utc>>,
    /// Whether it is connected.
    pub connected: bool,
    /// Messages queued for it.
    pub queued: usize,
    /// Number of subscriptions.
    pub subscriptions: usize,
}

/// Rounds to hundredths.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field over like this")]
fn rate<S: Serializer>(rate: &f64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64((rate * 100.0).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::inventory::DevicesReport;
    use crate::web::described::{keys, required, schema};

    #[test]
    fn the_description_names_what_is_sent_of_the_broker() {
        let report = BrokerReport {
            name: "b".into(),
            embedded: true,
            connected: true,
            since: None,
            limits: Vec::new(),
            in_per_s: 1.234_567,
            out_per_s: 0.0,
            topics: vec![TopicReport {
                topic: "t".into(),
                per_s: 0.0,
                last_at: DateTime::UNIX_EPOCH,
                payload: String::new(),
                is_cut: false,
                retained: false,
            }],
            sessions: Some(vec![SessionReport {
                client_id: "c".into(),
                address: None,
                since: None,
                connected: false,
                queued: 0,
                subscriptions: 0,
            }]),
            sys: None,
        };
        let sent = serde_json::to_value(&report).unwrap();
        assert_eq!(sent["in_per_s"], 1.23);
        let described = schema("Broker");
        assert_eq!(keys(&sent), required(&described));
        for list in ["topics", "sessions"] {
            assert_eq!(
                keys(&sent[list][0]),
                required(&described["properties"][list]["items"]),
                "{list}"
            );
        }
    }

    #[test]
    fn the_description_names_what_is_sent_of_devices() {
        let sent = serde_json::json!({
            "since": "2026-03-01T00:00:00Z", "broker": null, "unlisted_readings": 0, "unlisted_messages": 0,
            "devices": [{
                "sensor_id": "a", "rule": "r", "last_seen": null, "availability": "offline",
                "quantities": [{ "quantity": "q", "unit": "", "readings": 1, "last_seen": null }],
            }],
            "rules": [{
                "rule": "r", "messages": 1, "ignored": 0, "rejected": 0, "rejected_parts": 0, "last_seen": null,
                "last_fault": { "topic": "t", "why": "w", "at": "2026-03-01T00:00:00Z" }, "never_there": [],
            }],
            "unclaimed": [{
                "shape": "+", "messages": 1, "first_seen": "2026-03-01T00:00:00Z", "last_seen": "2026-03-01T00:00:00Z",
                "topic": "1", "payload": "", "is_cut": false, "keys": [], "config": null, "note": null,
            }],
        });
        let report: DevicesReport = serde_json::from_value(sent.clone()).unwrap();
        let sent_again = serde_json::to_value(report).unwrap();
        let described = schema("Devices");
        assert_eq!(keys(&sent_again), required(&described));
        for list in ["devices", "rules", "unclaimed"] {
            let items = &described["properties"][list]["items"];
            assert_eq!(keys(&sent_again[list][0]), required(items), "{list}");
        }
        let of = |list: &str, field: &str| {
            described["properties"][list]["items"]["properties"][field].clone()
        };
        let quantity = &sent_again["devices"][0]["quantities"][0];
        assert_eq!(keys(quantity), required(&of("devices", "quantities")["items"]));
        assert_eq!(
            keys(&sent_again["rules"][0]["last_fault"]),
            required(&of("rules", "last_fault"))
        );
    }

    #[test]
    fn the_description_names_what_is_sent_of_the_database() {
        let report = DatabaseReport {
            path: "x.db".into(),
            bytes: 1,
            grows_bytes_a_day: None,
            disk_free_bytes: 1,
            days_left: None,
        };
        let described = schema("System");
        let more = &described["allOf"][1];
        let sent = serde_json::to_value(report).unwrap();
        assert_eq!(keys(&sent), required(&more["properties"]["database"]));
        let mut own = vec!["database", "readings_per_s", "started_at"];
        own.sort_unstable();
        assert_eq!(required(more), own);
    }
}
