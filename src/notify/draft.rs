//! Draft of a notification. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::status::Status;

/// Content of a notification by event numbers, before its texts are composed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Id of the group.
    pub group: Arc<str>,
    /// Labels that all entries have in common.
    pub labels: BTreeMap<String, String>,
    /// Pending changes first; each half in the order of its rows.
    pub entries: Vec<Entry>,
    /// Alarms of the group beyond the limit.
    pub truncated: usize,
    /// Sequence number within its group, from 1.
    pub number: u64,
    /// Whether it contains all pending changes.
    pub(super) is_whole: bool,
    /// Number of the last event of the repetition under way; `None` if nothing follows.
    pub(super) repeated_through: Option<u64>,
}

/// One alarm in a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Id of the alert.
    pub alert_id: Arc<str>,
    /// Number of the stored event with its state.
    pub number: u64,
    /// State that is notified.
    pub status: Status,
    /// Time at which the alarm was raised.
    pub starts_at: DateTime<Utc>,
    /// Whether the receiver does not know this status yet.
    pub is_news: bool,
}
