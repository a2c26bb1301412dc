//! Counters of commits and their failures, for status readers. Written by the writer after each commit; readable
//! from any thread.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::backlog::BacklogItem;
use crate::domain::{Change, Priority};

/// Counters of one run of the daemon. Shared by the writer's incarnations.
#[derive(Debug, Default)]
pub struct StoreGauges {
    readings: AtomicU64,
    rejected: AtomicU64,
    actions: AtomicU64,
    raised: [AtomicU64; Priority::ALL.len()],
    commits: AtomicU64,
    commit_micros: AtomicU64,
    trouble: Mutex<Option<CommitFailure>>,
}

/// Commits fail, and are retried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitFailure {
    /// Time of the first failure.
    pub since: DateTime<Utc>,
    /// Cause of the last failure.
    pub why: String,
}

/// Commits of this run of the daemon.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreCounts {
    /// Readings.
    pub readings: u64,
    /// Messages that could not be used.
    pub rejected: u64,
    /// Operators' actions, refused ones among them.
    pub actions: u64,
    /// Alarms raised, in the order of [`Priority::ALL`].
    pub raised: [u64; Priority::ALL.len()],
    /// Transactions.
    pub commits: u64,
    /// Total duration of the commits.
    pub commit_time: Duration,
}

impl StoreGauges {
    // Each is read alone, and guards no other memory, hence the relaxed order.

    /// Counts a commit with its duration.
    pub(super) fn count(&self, items: &[Arc<BacklogItem>], took: Duration) {
        let add = |counter: &AtomicU64, count: usize| {
            counter.fetch_add(count as u64, Ordering::Relaxed);
        };
        for store in items.iter().filter_map(|item| item.store()) {
            add(&self.readings, store.readings.len());
            add(&self.rejected, store.rejected.len());
            add(&self.actions, store.actions.len());
            for event in store.alerts.iter().filter(|event| event.change == Change::Raised) {
                add(&self.raised[event.severity as usize], 1);
            }
        }
        add(&self.commits, usize::from(!items.is_empty()));
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.commit_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// Notes a failed commit, which is retried. Returns true if the one before succeeded.
    pub(super) fn fail(&self, why: &str, now: DateTime<Utc>) -> bool {
        let mut trouble = self.lock();
        let since = trouble.as_ref().map(|trouble| trouble.since);
        *trouble = Some(CommitFailure { since: since.unwrap_or(now), why: why.to_owned() });
        since.is_none()
    }

    /// Notes a successful commit. Returns the trouble that ended, if any.
    pub(super) fn succeed(&self) -> Option<CommitFailure> {
        self.lock().take()
    }

    /// Why commits fail; `None` while they succeed.
    #[must_use]
    pub fn trouble(&self) -> Option<CommitFailure> {
        self.lock().clone()
    }

    // Updates are atomic, so a poisoned lock is still consistent.
    fn lock(&self) -> MutexGuard<'_, Option<CommitFailure>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The counts at this moment.
    #[must_use]
    pub fn shown(&self) -> StoreCounts {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StoreCounts {
            readings: get(&self.readings),
            rejected: get(&self.rejected),
            actions: get(&self.actions),
            raised: std::array::from_fn(|index| get(&self.raised[index])),
            commits: get(&self.commits),
            commit_time: Duration::from_micros(get(&self.commit_micros)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_are_counted_in_their_order() {
        for (index, priority) in Priority::ALL.into_iter().enumerate() {
            assert_eq!(priority as usize, index);
        }
    }

    #[test]
    fn commits_fail_since_the_first_that_did() {
        let at = |second| DateTime::from_timestamp(second, 0).unwrap();
        let gauges = StoreGauges::default();
        assert_eq!(gauges.succeed(), None);
        assert!(gauges.fail("locked", at(1)));
        assert!(!gauges.fail("full", at(2)));
        let trouble = CommitFailure { since: at(1), why: "full".into() };
        assert_eq!(gauges.trouble(), Some(trouble.clone()));
        assert_eq!((gauges.succeed(), gauges.trouble()), (Some(trouble), None));
    }
}
