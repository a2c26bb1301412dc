//! Records that wait for publication: their number, and the position of the last one.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

use crate::domain::Position;

/// Backlog of the publication cursor.
#[derive(Debug)]
pub(super) struct Unpublished {
    /// Position of the last record that is to be published.
    last: AtomicU64,
    /// Records after the publication cursor that are to be published.
    num: AtomicU64,
    appended: Notify,
}

impl Unpublished {
    pub fn new(last: Position, num: u64) -> Self {
        Self { last: AtomicU64::new(last), num: AtomicU64::new(num), appended: Notify::new() }
    }

    /// Position of the last record that is to be published.
    pub fn last(&self) -> Position {
        self.last.load(Ordering::Acquire)
    }

    /// Records after the publication cursor that are to be published.
    pub fn num(&self) -> u64 {
        self.num.load(Ordering::Acquire)
    }

    /// Counts a record that is to be published.
    pub fn add(&self, position: Position) {
        self.num.fetch_add(1, Ordering::AcqRel);
        self.last.store(position, Ordering::Release);
    }

    /// Subtracts records that the publication cursor has passed.
    pub fn subtract(&self, records: u64) {
        let subtracted = |num: u64| Some(num.saturating_sub(records));
        // The closure never returns `None`, so the update can't fail.
        let _ = self.num.fetch_update(Ordering::AcqRel, Ordering::Acquire, subtracted);
    }

    /// Wakes the consumer after an append.
    pub fn notify(&self) {
        self.appended.notify_one();
    }

    /// Returns after the next [`Unpublished::notify`], or at once after a missed one. For one consumer.
    pub async fn appended(&self) {
        self.appended.notified().await;
    }
}
