//! How a receiver is, for whoever asks the daemon.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

/// Counts of one receiver. Written by its actor; may be read from anywhere.
#[derive(Debug, Default)]
pub struct ReceiverGauges(Mutex<ReceiverCounts>);

/// How a receiver is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReceiverCounts {
    /// Alarms with news it has not been told.
    pub pending: usize,
    /// Notifications in this run of the daemon.
    pub delivered: u64,
    /// Notifications it refused for good, in this run.
    pub given_up: u64,
    /// Active alarms that it has refused to hear of, in this run or an earlier one.
    pub unnotified: usize,
    /// Ended alarms that were too many to wait for it, in this run.
    pub dropped: u64,
    /// Time of the last successful delivery.
    pub last_success: Option<DateTime<Utc>>,
    /// Time and cause of the last failed delivery.
    pub last_error: Option<(DateTime<Utc>, String)>,
    /// Time of the first failed attempt after the last success; `None` while it does not fail.
    pub failing_since: Option<DateTime<Utc>>,
}

impl ReceiverGauges {
    /// The figures at this moment.
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
