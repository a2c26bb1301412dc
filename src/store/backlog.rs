//! Messages taken and not yet committed.
//!
//! The backlog is made before the writer and outlives each of its incarnations: whatever panics or
//! fails, its messages are still there, in order, for the next commit. They leave it only once
//! they are known to be committed.
//!
//! Each message keeps its route's permit, so a route's capacity bounds what is queued *and* what
//! is here; the backlog needs no bound of its own.
//!
//! Alert events are given their rows as they come, so that they can be told of before they are committed.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use super::sqlite::write::Work;
use crate::ingest::journal::Position;
use crate::messages::{AlertsDelivered, AlertsWaiting, KeepReceiver, PendingAlert, Store};
use crate::supervisor::Routed;

/// Announced events that travel with the hint, to spare the gateway the question: as many as it has
/// on their way at a time.
const ROWS_TOLD: usize = 20;

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

    fn store(&self) -> Option<&Store> {
        match self {
            Self::Store(routed) => Some(&routed.message),
            Self::Delivered(..) | Self::Receiver(_) => None,
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

/// What no commit has brought into the file yet.
pub(super) struct Uncommitted {
    /// Announced events, in order, that are on disk all the same.
    pub alerts: Vec<PendingAlert>,
    /// The rows of those that are delivered.
    pub delivered: HashSet<i64>,
}

/// Clones share the messages.
#[derive(Clone)]
pub(super) struct Backlog {
    queue: Arc<Mutex<Queue>>,
}

#[derive(Default)]
struct Queue {
    items: VecDeque<Arc<Taken>>,
    /// The number of the last message taken; `None` before the first.
    number: Option<u64>,
    last_alert_row: i64,
    /// Events that the gateway was not told of, each with the message that brought it.
    untold: VecDeque<(u64, PendingAlert)>,
    /// The row of the last one that it was told of; 0 before the first, for it asks for those of earlier runs
    /// by itself.
    last_told: i64,
}

impl Backlog {
    /// An empty one: the next alert's row follows on this.
    pub fn new(last_alert_row: i64) -> Self {
        let queue = Queue { last_alert_row, ..Queue::default() };
        Self { queue: Arc::new(Mutex::new(queue)) }
    }

    /// Whether this is what comes next. Something else means that a message was lost on the way (with
    /// the incarnation that had it in hand): it must be sent again.
    pub fn is_next(&self, store: &Store) -> bool {
        self.lock().number.is_none_or(|last| last + 1 == store.number)
    }

    pub fn push(&self, mut taken: Taken) {
        let mut queue = self.lock();
        if let Taken::Store(store) = &mut taken {
            queue.number = Some(store.message.number);
            queue.give_rows(&mut store.message);
        }
        queue.items.push_back(Arc::new(taken));
    }

    /// Hands on what was judged and came after the message of that number, as long as it is taken and
    /// there are no errors.
    pub fn stores_after<E>(
        &self,
        number: u64,
        mut each: impl FnMut(&Store) -> Result<bool, E>,
    ) -> Result<(), E> {
        for item in self.items() {
            let Some(store) = item.store().filter(|store| store.number > number) else { continue };
            if !each(store)? {
                break;
            }
        }
        Ok(())
    }

    pub fn num_readings_after(&self, number: u64) -> usize {
        let queue = self.lock();
        let stores = queue.items.iter().filter_map(|item| item.store());
        stores.filter(|store| store.number > number).map(|store| store.readings.len()).sum()
    }

    pub fn has_untold(&self) -> bool {
        !self.lock().untold.is_empty()
    }

    /// What to tell the gateway of, now that everything up to the message of that number is on disk.
    pub fn take_untold(&self, through: u64) -> Option<AlertsWaiting> {
        let mut queue = self.lock();
        let mut rows = Vec::new();
        while let Some((_, alert)) = queue.untold.pop_front_if(|(number, _)| *number <= through) {
            rows.push(alert);
        }
        let last = rows.last()?.row_id;
        let after_row_id = Some(std::mem::replace(&mut queue.last_told, last));
        if rows.len() > ROWS_TOLD {
            rows.clear();
        }
        Some(AlertsWaiting { after_row_id, rows })
    }

    /// What is to be published after that row, and what no more, the messages up to that number being on disk.
    pub fn uncommitted(&self, after_row_id: i64, on_disk_through: u64) -> Uncommitted {
        let queue = self.lock();
        let mut uncommitted = Uncommitted { alerts: Vec::new(), delivered: HashSet::new() };
        for item in &queue.items {
            match &**item {
                Taken::Store(store) if store.message.number <= on_disk_through => {
                    let alerts = store.message.announced().filter(|it| it.row_id > after_row_id);
                    uncommitted.alerts.extend(alerts);
                }
                Taken::Delivered(delivered, _) => {
                    uncommitted.delivered.extend(&delivered.message.0)
                }
                Taken::Store(_) | Taken::Receiver(_) => {}
            }
        }
        let Uncommitted { alerts, delivered } = &mut uncommitted;
        alerts.retain(|alert| !delivered.contains(&alert.row_id));
        uncommitted
    }

    /// All there is, in order; it stays here until [`Backlog::forget`].
    pub fn items(&self) -> Vec<Arc<Taken>> {
        self.lock().items.iter().cloned().collect()
    }

    /// Lets go of the oldest `num_items`, which have been committed, and of their permits.
    pub fn forget(&self, num_items: usize) {
        let mut queue = self.lock();
        for _ in 0..num_items {
            queue.items.pop_front();
        }
    }

    /// How far the oldest `num_items` reach: the number of the last that was judged, and its position in
    /// the intake journal.
    pub fn reach(&self, num_items: usize) -> Option<(u64, Position)> {
        let queue = self.lock();
        let last = queue.items.iter().take(num_items).rev().find_map(|item| item.store());
        last.map(|store| (store.number, store.through))
    }

    pub fn is_empty(&self) -> bool {
        self.lock().items.is_empty()
    }

    /// Whether a commit is not to wait for more: what was judged has waited for its like already, and is
    /// not on disk by itself, as that up to a certain number is.
    pub fn is_pressing(&self, on_disk_through: u64) -> bool {
        let queue = self.lock();
        let last = queue.items.iter().rev().find_map(|item| item.store());
        last.is_some_and(|store| store.number > on_disk_through)
    }

    /// Nothing panics while it is held, and each change is whole: a poisoned lock is as good.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn give_rows(&mut self, store: &mut Store) {
        store.first_alert_row = Some(self.last_alert_row + 1);
        self.last_alert_row += i64::try_from(store.alerts.len()).unwrap_or(i64::MAX);
        self.untold.extend(store.announced().map(|alert| (store.number, alert)));
    }
}
