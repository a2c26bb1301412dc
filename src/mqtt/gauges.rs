//! What the gateway shows of itself to whoever asks how the daemon is. Written by its actor at each change
//! of the connection; read from any thread.

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use crate::locale::BrokerLimit;

/// State of the connection to the broker. Shared by the gateway's incarnations.
#[derive(Debug, Default)]
pub struct Gauges(Mutex<Shown>);

#[derive(Debug, Default)]
struct Shown {
    connected: bool,
    since: Option<DateTime<Utc>>,
    /// Connections that were made.
    connections: u64,
    limits: Vec<BrokerLimit>,
}

impl Gauges {
    /// Sets whether the connection stands.
    pub(super) fn show(&self, connected: bool, now: DateTime<Utc>) {
        let mut shown = self.lock();
        if shown.since.is_none() || shown.connected != connected {
            (shown.connected, shown.since) = (connected, Some(now));
            shown.connections += u64::from(connected);
        }
    }

    /// Sets what the broker says that it can't do.
    pub(super) fn show_limits(&self, limits: Vec<BrokerLimit>) {
        self.lock().limits = limits;
    }

    /// Whether the connection to the broker stands.
    pub fn connected(&self) -> bool {
        self.lock().connected
    }

    /// Time since which the connection has stood, or has not; `None` before the gateway's first start.
    pub fn since(&self) -> Option<DateTime<Utc>> {
        self.lock().since
    }

    /// Connections to the broker that were made in this run of the daemon.
    pub fn connections(&self) -> u64 {
        self.lock().connections
    }

    /// What the broker last connected to said that it can't do.
    pub fn limits(&self) -> Vec<BrokerLimit> {
        self.lock().limits.clone()
    }

    // Each change is whole: a poisoned lock is as good.
    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_lasts_since_it_began() {
        let at = |second| DateTime::from_timestamp(second, 0).unwrap();
        let gauges = Gauges::default();
        assert_eq!((gauges.connected(), gauges.since()), (false, None));
        gauges.show(false, at(1));
        gauges.show(false, at(2));
        assert_eq!((gauges.connected(), gauges.since()), (false, Some(at(1))));
        gauges.show(true, at(3));
        gauges.show(true, at(4));
        assert_eq!((gauges.connected(), gauges.since()), (true, Some(at(3))));
        assert_eq!(gauges.connections(), 1);
    }
}
