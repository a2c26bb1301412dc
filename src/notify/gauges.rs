//! State of a receiver, for status and metrics.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

/// Counts of one receiver. Written by its actor; may be read from anywhere.
#[derive(Debug, Default)]
pub struct ReceiverGauges(Mutex<ReceiverCounts>);

/// Counts of one receiver.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReceiverCounts {
    /// Alarms with pending changes.
    pub pending: usize,
    /// Notifications delivered in this run of the daemon.
    pub delivered: u64,
    /// Notifications refused for good in this run.
    pub given_up: u64,
    /// Active alarms whose notification was refused, in this run or an earlier one.
    pub unnotified: usize,
    /// Resolved alarms dropped at the limit in this run.
    pub dropped: u64,
    /// Time of the last successful delivery.
    pub last_success: Option<DateTime<Utc>>,
    /// Time and cause of the last failed delivery.
    pub last_error: Option<(DateTime<Utc>, String)>,
    /// Time of the first failed attempt after the last success; `None` if the last attempt
    /// succeeded.
    pub failing_since: Option<DateTime<Utc>>,
}

impl ReceiverGauges {
    /// Snapshot of the counts.
    #[must_use]
    pub fn snapshot(&self) -> ReceiverCounts {
        self.lock().clone()
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut ReceiverCounts)) {
        change(&mut self.lock());
    }

    /// Updates are atomic, so a poisoned lock is still consistent.
    fn lock(&self) -> MutexGuard<'_, ReceiverCounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
