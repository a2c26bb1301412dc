//! What the gateway shows of itself to whoever asks how the daemon is. Written by its actor at each change
//! of the connection; read from any thread.

use std::sync::atomic::{AtomicBool, Ordering};

/// State of the connection to the broker. Shared by the gateway's incarnations.
#[derive(Debug, Default)]
pub struct Gauges {
    connected: AtomicBool,
}

impl Gauges {
    // Read alone, and guards no other memory, hence the relaxed order.

    /// Sets whether the connection stands.
    pub(super) fn show(&self, connected: bool) {
        self.connected.store(connected, Ordering::Relaxed);
    }

    /// Whether the connection to the broker stands.
    pub fn connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }
}
