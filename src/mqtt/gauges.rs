//! What the gateway shows of itself to whoever asks how the daemon is. Written by its actor at each change
//! of the connection; read from any thread.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// State of the connection to the broker. Shared by the gateway's incarnations.
#[derive(Debug, Default)]
pub struct Gauges {
    connected: AtomicBool,
    /// Connections that were made.
    connections: AtomicU64,
}

impl Gauges {
    // Each is read alone, and guards no other memory, hence the relaxed order.

    /// Sets whether the connection stands.
    pub(super) fn show(&self, connected: bool) {
        if !self.connected.swap(connected, Ordering::Relaxed) && connected {
            self.connections.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Connections to the broker that were made in this run of the daemon.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Whether the connection to the broker stands.
    pub fn connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }
}
