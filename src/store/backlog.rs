//! Queue of uncommitted messages. It survives a restart of the writer, so a failed commit is retried.
//!
//! Messages leave it once they are committed. Batches and receivers' states keep their route's permit, so a route's
//! capacity bounds what is queued *and* what is here. Deliveries are bounded by the credits of
//! [`push`](super::push).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use super::ledger::Work;
use crate::domain::{AlertEvent, Position};
use crate::messages::{SaveReceiver, Store};
use crate::supervisor::Routed;

/// One uncommitted message.
pub(super) enum BacklogItem {
    Store(Box<Routed<Store>>),
    Delivered(Vec<u64>, DateTime<Utc>),
    Receiver(Routed<SaveReceiver>),
}

impl BacklogItem {
    /// Work for the ledger.
    pub fn work(&self) -> Work<'_> {
        match self {
            Self::Store(routed) => Work::Store(&routed.message),
            Self::Delivered(numbers, at) => Work::Delivered { numbers, at: *at },
            Self::Receiver(routed) => Work::Receiver(&routed.message),
        }
    }

    /// The batch, if the item is one.
    pub fn store(&self) -> Option<&Store> {
        match self {
            Self::Store(routed) => Some(&routed.message),
            Self::Delivered(..) | Self::Receiver(_) => None,
        }
    }

    /// Numbers of delivered alert events; empty for other items.
    pub fn delivered(&self) -> &[u64] {
        match self {
            Self::Delivered(numbers, _) => numbers,
            Self::Store(_) | Self::Receiver(_) => &[],
        }
    }

    /// Rows written, roughly.
    pub fn num_rows(&self) -> usize {
        self.work().num_rows()
    }
}

/// How far committed items reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CommitReach {
    /// Position of the last record that is committed.
    pub position: Position,
    /// The last alert event among them.
    pub last_event: Option<u64>,
}

/// The alert events of these items, in order.
pub(super) fn alerts<'i>(
    items: impl IntoIterator<Item = &'i Arc<BacklogItem>>,
) -> impl Iterator<Item = &'i AlertEvent> {
    items.into_iter().filter_map(|item| item.store()).flat_map(|store| &store.alerts)
}

/// How far these items reach; `None` without a batch among them.
pub(super) fn reach(items: &[Arc<BacklogItem>]) -> Option<CommitReach> {
    let position = items.iter().rev().find_map(|item| item.store())?.through;
    Some(CommitReach { position, last_event: alerts(items).last().map(|event| event.number) })
}

/// Clones share the queue.
#[derive(Clone, Default)]
pub(super) struct Backlog {
    queue: Arc<Mutex<Queue>>,
}

#[derive(Default)]
struct Queue {
    items: VecDeque<Arc<BacklogItem>>,
    /// Number of the last accepted batch; `None` before the first.
    number: Option<u64>,
}

impl Backlog {
    /// Whether this batch follows the last one. Otherwise one was lost on the way, with the incarnation
    /// that had it in hand: it must be sent again.
    pub fn is_next(&self, store: &Store) -> bool {
        self.lock().number.is_none_or(|last| last + 1 == store.number)
    }

    /// Adds an item behind the others.
    pub fn push(&self, item: BacklogItem) {
        let mut queue = self.lock();
        if let Some(store) = item.store() {
            queue.number = Some(store.number);
        }
        queue.items.push_back(Arc::new(item));
    }

    /// All items, in order; they stay here until [`Backlog::forget`].
    pub fn items(&self) -> Vec<Arc<BacklogItem>> {
        self.lock().items.iter().cloned().collect()
    }

    /// Removes the oldest items, which have been committed, and frees their permits.
    pub fn forget(&self, num_items: usize) {
        let mut queue = self.lock();
        let num_items = num_items.min(queue.items.len());
        queue.items.drain(..num_items);
    }

    /// Whether everything is committed.
    pub fn is_empty(&self) -> bool {
        self.lock().items.is_empty()
    }

    /// True if a batch is pending. It has been collected already, so it is committed at once.
    pub fn has_batch(&self) -> bool {
        self.lock().items.iter().any(|item| item.store().is_some())
    }

    /// Whether an announced event after this number waits for its commit.
    pub fn has_alert_after(&self, number: u64) -> bool {
        let queue = self.lock();
        let mut waiting = alerts(&queue.items);
        waiting.any(|event| event.announced && event.number > number)
    }

    /// Passes the alert events, in order, to a function that takes no lock of its own.
    pub fn with_alerts(&self, each: impl FnOnce(&mut dyn Iterator<Item = &AlertEvent>)) {
        each(&mut alerts(&self.lock().items));
    }

    /// No code panics while holding it and updates are atomic, so a poisoned lock is still consistent.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
