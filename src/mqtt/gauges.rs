//! Gauges of the gateway, written by its actor at each change of the connection, readable from any thread.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use crate::locale::{BrokerLimit, Published, Refusal};

/// Refused topics that are shown.
const MOST_REFUSED: usize = 20;

/// State of the connections to the broker.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Not connected.
    #[default]
    Away,
    /// Connected for intake; publishing is down.
    IntakeOnly,
    /// Connected for intake and publishing.
    Full,
}

/// Topic on which the broker refuses messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedTopic {
    /// Kind of the messages.
    pub what: Published,
    /// Reason of the first refusal.
    pub why: Refusal,
    /// Time of the first refusal.
    pub since: DateTime<Utc>,
}

/// State of the connection to the broker. Shared by the gateway's incarnations.
#[derive(Debug, Default)]
pub struct Gauges(Mutex<Shown>);

#[derive(Debug, Default)]
struct Shown {
    reach: Reach,
    since: Option<DateTime<Utc>>,
    /// Why publishing is down while intake is connected.
    publishing_fails: Option<String>,
    /// Status topic whose echo is missing, and since when.
    silent: Option<(String, DateTime<Utc>)>,
    /// Connections that were made.
    connections: u64,
    limits: Vec<BrokerLimit>,
    /// Messages of devices that were forwarded.
    forwarded: u64,
    refused: BTreeMap<String, RefusedTopic>,
}

impl Gauges {
    /// Sets the state of the connections.
    pub(super) fn show(&self, reach: Reach, now: DateTime<Utc>) {
        let mut shown = self.lock();
        if shown.since.is_none() || shown.reach != reach {
            (shown.reach, shown.since) = (reach, Some(now));
            shown.connections += u64::from(reach == Reach::Full);
        }
        if reach != Reach::IntakeOnly {
            shown.publishing_fails = None;
        }
        if reach == Reach::Away {
            shown.silent = None;
        }
    }

    /// Sets why publishing is down while intake is connected.
    pub(super) fn show_publishing_fails(&self, why: String) {
        self.lock().publishing_fails = Some(why);
    }

    /// Sets the status topic whose echo is missing.
    pub(super) fn show_silent(&self, silent: Option<(String, DateTime<Utc>)>) {
        self.lock().silent = silent;
    }

    /// The broker refused a message on a topic. Returns whether this, or the reason, is new.
    pub(super) fn refuse(&self, topic: &str, refused: RefusedTopic) -> bool {
        let all = &mut self.lock().refused;
        let before = all.get(topic);
        let is_new = before.is_none_or(|before| before.why != refused.why);
        if is_new && (before.is_some() || all.len() < MOST_REFUSED) {
            all.insert(topic.to_owned(), refused);
        }
        is_new
    }

    /// The broker accepted a message on a topic. Returns whether it had refused the one before.
    pub(super) fn accept(&self, topic: &str) -> bool {
        self.lock().refused.remove(topic).is_some()
    }

    pub(super) fn count_forwarded(&self) {
        self.lock().forwarded += 1;
    }

    /// Messages of the embedded broker's devices that the upstream broker acknowledged in this run.
    pub fn forwarded(&self) -> u64 {
        self.lock().forwarded
    }

    /// Whether anything is refused.
    pub(super) fn is_refused(&self) -> bool {
        !self.lock().refused.is_empty()
    }

    /// Topics on which the broker refuses messages.
    pub fn refused(&self) -> Vec<(String, RefusedTopic)> {
        let refused = &self.lock().refused;
        refused.iter().map(|(topic, refused)| (topic.clone(), refused.clone())).collect()
    }

    /// Why publishing is down while intake is connected.
    pub fn publishing_fails(&self) -> Option<String> {
        self.lock().publishing_fails.clone()
    }

    /// Status topic whose echo is missing, and since when.
    pub fn silent(&self) -> Option<(String, DateTime<Utc>)> {
        self.lock().silent.clone()
    }

    /// Sets the limits of the broker.
    pub(super) fn show_limits(&self, limits: Vec<BrokerLimit>) {
        self.lock().limits = limits;
    }

    /// Whether intake and publishing are both connected.
    pub fn connected(&self) -> bool {
        self.lock().reach == Reach::Full
    }

    /// Time since which the connection has been open, or closed; `None` before the gateway's first start.
    pub fn since(&self) -> Option<DateTime<Utc>> {
        self.lock().since
    }

    /// Connections to the broker that were made in this run of the daemon.
    pub fn connections(&self) -> u64 {
        self.lock().connections
    }

    /// Limits of the broker that was connected last.
    pub fn limits(&self) -> Vec<BrokerLimit> {
        self.lock().limits.clone()
    }

    // Updates are atomic, so a poisoned lock is still consistent.
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
        gauges.show(Reach::Away, at(1));
        gauges.show(Reach::Away, at(2));
        assert_eq!((gauges.connected(), gauges.since()), (false, Some(at(1))));
        gauges.show(Reach::IntakeOnly, at(3));
        gauges.show_publishing_fails("refused".into());
        assert_eq!((gauges.connected(), gauges.since()), (false, Some(at(3))));
        gauges.show(Reach::Full, at(4));
        gauges.show(Reach::Full, at(5));
        assert_eq!((gauges.connected(), gauges.since()), (true, Some(at(4))));
        assert_eq!((gauges.connections(), gauges.publishing_fails()), (1, None));
    }

    #[test]
    fn a_topic_is_refused_until_a_message_on_it_is_taken() {
        let since = DateTime::from_timestamp(1, 0).unwrap();
        let refused = || RefusedTopic { what: Published::Alerts, why: Refusal::Code(0x87), since };
        let gauges = Gauges::default();
        assert!(gauges.refuse("a", refused()));
        assert!(!gauges.refuse("a", refused()));
        assert_eq!(gauges.refused(), [("a".to_owned(), refused())]);
        assert!(!gauges.accept("b") && gauges.is_refused());
        assert!(gauges.accept("a") && !gauges.is_refused());
    }
}
