//! What a notification is to tell. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::status::Status;

/// A notification to be: which events it tells, not yet their words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Names the group.
    pub group: Arc<str>,
    /// Labels that all entries have in common.
    pub labels: BTreeMap<String, String>,
    /// News first, each half in the order of its rows.
    pub entries: Vec<Entry>,
    /// How many more alarms of the group it would tell of, had it room.
    pub truncated: usize,
    /// Which notification of its group it is, from 1.
    pub number: u64,
    /// Whether all news is in it.
    pub(super) is_whole: bool,
    /// Number of the last event that the repetition under way has told with it; `None` if nothing is to follow.
    pub(super) repeated_through: Option<u64>,
}

/// One alarm in a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Id of the alert.
    pub alert_id: Arc<str>,
    /// The stored event that says how it is.
    pub number: u64,
    /// State that is notified.
    pub status: Status,
    /// Time at which the alarm was raised.
    pub starts_at: DateTime<Utc>,
    /// Whether the receiver has not been told so before.
    pub is_news: bool,
}
