//! What the gateway shows of itself to whoever asks how the daemon is. Written by its actor at each change
//! of the connection; read from any thread.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use crate::locale::BrokerLimit;

/// Refused topics that are shown.
const MOST_REFUSED: usize = 20;

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
    /// Messages of devices that were forwarded.
    forwarded: u64,
    /// Topics whose alerts the broker refuses, by the time of the first refusal.
    refused: BTreeMap<String, DateTime<Utc>>,
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

    /// The broker refused an alert on a topic. Whether it took, or had not been sent, the one before.
    pub(super) fn refuse(&self, topic: &str, now: DateTime<Utc>) -> bool {
        let refused = &mut self.lock().refused;
        let is_new = !refused.contains_key(topic) && refused.len() < MOST_REFUSED;
        if is_new {
            refused.insert(topic.to_owned(), now);
        }
        is_new
    }

    /// The broker took an alert on a topic. Whether it had refused the one before.
    pub(super) fn accept(&self, topic: &str) -> bool {
        self.lock().refused.remove(topic).is_some()
    }

    pub(super) fn count_forwarded(&self) {
        self.lock().forwarded += 1;
    }

    /// Messages of the embedded broker's devices that the broker upstream has taken, in this run of the daemon.
    pub fn forwarded(&self) -> u64 {
        self.lock().forwarded
    }

    /// Whether alerts of any topic are refused.
    pub(super) fn is_refused(&self) -> bool {
        !self.lock().refused.is_empty()
    }

    /// Topics whose alerts the broker refuses, each with its beginning.
    pub fn refused(&self) -> Vec<(String, DateTime<Utc>)> {
        self.lock().refused.iter().map(|(topic, since)| (topic.clone(), *since)).collect()
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

    #[test]
    fn a_topic_is_refused_until_an_alert_of_it_is_taken() {
        let at = |second| DateTime::from_timestamp(second, 0).unwrap();
        let gauges = Gauges::default();
        assert!(gauges.refuse("a", at(1)));
        assert!(!gauges.refuse("a", at(2)));
        assert_eq!(gauges.refused(), [("a".to_owned(), at(1))]);
        assert!(!gauges.accept("b") && gauges.is_refused());
        assert!(gauges.accept("a") && !gauges.is_refused());
    }
}
