//! What the gateway shows of itself to whoever asks how the daemon is. Written by its actor, about
//! once a second and at each change of the connection; read from any thread.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

#[derive(Debug, Default)]
pub struct Gauges {
    connected: AtomicBool,
    unpublished: AtomicUsize,
    in_memory_only: AtomicUsize,
}

impl Gauges {
    // Each is read alone and none guards other memory, hence the relaxed order.

    pub(super) fn show(&self, connected: bool, unpublished: usize, in_memory_only: usize) {
        self.connected.store(connected, Ordering::Relaxed);
        self.unpublished.store(unpublished, Ordering::Relaxed);
        self.in_memory_only.store(in_memory_only, Ordering::Relaxed);
    }

    /// Whether the connection to the broker stands.
    pub fn connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// Readings that the broker has not acknowledged.
    pub fn unpublished(&self) -> usize {
        self.unpublished.load(Ordering::Relaxed)
    }

    /// How many of those the outbox on disk does not hold.
    pub fn in_memory_only(&self) -> usize {
        self.in_memory_only.load(Ordering::Relaxed)
    }
}
