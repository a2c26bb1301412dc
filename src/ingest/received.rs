//! Counts of what came in, for whoever asks how the daemon is.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Log;
use crate::domain::Ingress;

/// Messages and own readings by their way in. Only grows in a run of the daemon.
#[derive(Debug, Default)]
pub(super) struct Received([AtomicU64; Ingress::ALL.len()]);

impl Received {
    // Each is read alone, and guards no other memory, hence the relaxed order.

    /// Counts what was appended.
    pub fn count(&self, ingress: Ingress, count: usize) {
        self.0[ingress.index()].fetch_add(count as u64, Ordering::Relaxed);
    }
}

impl Log {
    /// Messages, or own readings, that were appended in this run of the daemon.
    #[must_use]
    pub fn num_received(&self, ingress: Ingress) -> u64 {
        self.traffic.received.0[ingress.index()].load(Ordering::Relaxed)
    }
}
