//! Clock of the evaluator actor: for retries, hand-over of batches, and log lines.
//!
//! Always: for the actor only. Never: an argument of the fold, whose time comes from the records.

#![expect(clippy::disallowed_methods, reason = "the actor owns the clock of its waits")]

use std::time::{Duration, Instant};

/// Present time, for a batch that is gathered and for the limits of log lines.
pub(super) fn now() -> Instant {
    Instant::now()
}

/// End of a wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Instant);

impl Deadline {
    /// Deadline `wait` from now.
    pub fn after(wait: Duration) -> Self {
        Self(Instant::now() + wait)
    }

    /// Time until the deadline; zero after it.
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Whether the deadline has passed.
    pub fn is_over(self) -> bool {
        self.left().is_zero()
    }
}
