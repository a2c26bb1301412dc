//! Judged batches on their way to storage, held for a moment to go together.

use std::time::{Duration, Instant};

use crate::messages::Store;

/// How long judged readings without an alert wait for others to go to storage with: each hand-over
/// wakes two threads, a fifth of the processor time at 2,000 readings a second.
const HOLD: Duration = Duration::from_millis(20);

/// Readings that don't wait for more.
const ENOUGH: usize = 256;

/// Judged batches on their way to storage, as one.
pub struct Held {
    since: Instant,
    pub store: Store,
}

impl Held {
    pub fn new(through: u64) -> Self {
        Self { since: Instant::now(), store: Store { through, ..Store::default() } }
    }

    pub fn is_due(&self) -> bool {
        let Store { alerts, actions, readings, .. } = &self.store;
        !alerts.is_empty()
            || !actions.is_empty()
            || readings.len() >= ENOUGH
            || self.left().is_zero()
    }

    pub fn left(&self) -> Duration {
        HOLD.saturating_sub(self.since.elapsed())
    }
}
