//! Messages taken and not yet committed.
//!
//! The backlog is made before the writer and outlives each of its incarnations: whatever panics or
//! fails, its messages are still there, in order, for the next commit. They leave it only once
//! they are known to be committed.
//!
//! Each message keeps its route's permit, so a route's capacity bounds what is queued *and* what
//! is here; the backlog needs no bound of its own.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use super::write::Work;
use crate::journal::Position;
use crate::messages::{AlertsDelivered, KeepReceiver, Store};
use crate::supervisor::Routed;

pub(super) enum Taken {
    Store(Routed<Store>),
    Delivered(Routed<AlertsDelivered>, DateTime<Utc>),
    Receiver(Routed<KeepReceiver>),
}

impl Taken {
    pub fn work(&self) -> Work<'_> {
        match self {
            Self::Store(routed) => Work::Store(&routed.message),
            Self::Delivered(routed, at) => Work::Delivered { row_ids: &routed.message.0, at: *at },
            Self::Receiver(routed) => Work::Receiver(&routed.message),
        }
    }

    /// Whether it brings alert events that are to be published.
    pub fn announces(&self) -> bool {
        match self {
            Self::Store(routed) => routed.message.alerts.iter().any(|event| event.announced),
            Self::Delivered(..) | Self::Receiver(_) => false,
        }
    }

    /// Whether it brings alert events of any kind.
    pub fn has_alerts(&self) -> bool {
        matches!(self, Self::Store(routed) if !routed.message.alerts.is_empty())
    }

    pub fn num_rows(&self) -> usize {
        self.work().num_rows()
    }
}

/// Clones share the messages.
#[derive(Clone, Default)]
pub(super) struct Backlog {
    queue: Arc<Mutex<Queue>>,
}

#[derive(Default)]
struct Queue {
    items: VecDeque<Arc<Taken>>,
    /// Of them, those with what was judged.
    num_stores: usize,
    /// The number of the last message taken; `None` before the first.
    number: Option<u64>,
}

impl Backlog {
    /// Whether this is what comes next. Something else means that a message was lost on the way (with
    /// the incarnation that had it in hand): it must be sent again.
    pub fn is_next(&self, store: &Store) -> bool {
        self.lock().number.is_none_or(|last| last + 1 == store.number)
    }

    pub fn push(&self, taken: Taken) {
        let mut queue = self.lock();
        if let Taken::Store(store) = &taken {
            queue.number = Some(store.message.number);
            queue.num_stores += 1;
        }
        queue.items.push_back(Arc::new(taken));
    }

    /// All there is, in order; it stays here until [`Backlog::forget`].
    pub fn items(&self) -> Vec<Arc<Taken>> {
        self.lock().items.iter().cloned().collect()
    }

    /// Lets go of the oldest `num_items`, which have been committed, and of their permits.
    pub fn forget(&self, num_items: usize) {
        let mut queue = self.lock();
        for _ in 0..num_items {
            let Some(item) = queue.items.pop_front() else { return };
            queue.num_stores -= usize::from(matches!(*item, Taken::Store(_)));
        }
    }

    /// How far in the intake journal the oldest `num_items` reach.
    pub fn reach(&self, num_items: usize) -> Option<Position> {
        let queue = self.lock();
        queue.items.iter().take(num_items).rev().find_map(|item| match item.as_ref() {
            Taken::Store(store) => Some(store.message.through),
            Taken::Delivered(..) | Taken::Receiver(_) => None,
        })
    }

    pub fn is_empty(&self) -> bool {
        self.lock().items.is_empty()
    }

    /// Whether a commit is not to wait for more: what was judged has waited for its like already.
    pub fn is_pressing(&self) -> bool {
        self.lock().num_stores > 0
    }

    /// Nothing panics while it is held, and each change is whole: a poisoned lock is as good.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
