//! Subscribed topics: the filters of all formats, and filters that formats learn from earlier messages.
//!
//! Formats learn in the evaluator, after the log; producers filter by topic before it. A *description* (a discovery message,
//! a device's definition) may name new topics. While one is logged and not evaluated yet, the embedded broker's messages are
//! logged whatever their topic, and evaluation skips those that remain unclaimed.
//!
//! Always: a learned topic is claimed from the record after its description on. Never: more than [`MOST_LEARNED`] topics, or
//! a lock held for longer than a look-up or an exchange.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::formats::kit::topics::matches;
use super::formats::{Filter, Formats, Request};
use super::inventory::Inventory;
use super::origins::Origins;
use crate::domain::{Measurement, Position, Quantity, SensorId};

/// Limit of learned filters: two for each of 25,000 entities.
pub const MOST_LEARNED: usize = 50_000;

/// Handle to the shared state. Cloning is shallow.
#[derive(Debug, Clone)]
pub struct Subscriptions(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    formats: Formats,
    learned: RwLock<Arc<LearnedFilters>>,
    requests: RwLock<Vec<Request>>,
    inventory: Inventory,
    /// Position of the last description in the log, or a later one.
    described: AtomicU64,
    /// Position up to which the log is evaluated.
    evaluated: AtomicU64,
    origins: Origins,
}

/// Filters that formats learned from earlier messages.
#[derive(Debug, Default)]
struct LearnedFilters {
    /// One more with each change.
    version: u64,
    filters: Vec<Filter>,
    exact: HashSet<Box<str>>,
    wild: Vec<Box<str>>,
}

impl Subscriptions {
    /// Subscriptions of the formats, with nothing learned. `last` is the end of the log: descriptions before it may be
    /// unevaluated.
    #[must_use]
    pub fn new(formats: Formats, last: Position) -> Self {
        Self(Arc::new(Shared {
            inventory: Inventory::new(formats.names()),
            origins: Origins::new(formats.read_home_assistant()),
            formats,
            learned: RwLock::default(),
            requests: RwLock::default(),
            described: AtomicU64::new(last),
            evaluated: AtomicU64::new(0),
        }))
    }

    /// Formats, in their initial state.
    #[must_use]
    pub fn formats(&self) -> &Formats {
        &self.0.formats
    }

    /// Inventory of received sensors and unclaimed topics.
    #[must_use]
    pub fn inventory(&self) -> &Inventory {
        &self.0.inventory
    }

    /// Whether a topic is unclaimed: no format decodes it, and no request to devices uses it.
    #[must_use]
    pub fn is_unclaimed(&self, topic: &str) -> bool {
        let requests = self.0.requests.read().unwrap_or_else(PoisonError::into_inner);
        !self.0.formats.claims(topic) && requests.iter().all(|it| it.topic != topic)
    }

    /// All filters, required ones first, and the version of the learned ones.
    #[must_use]
    pub fn filters(&self) -> (Vec<Filter>, u64) {
        let learned = self.learned();
        let mut filters = self.0.formats.filters();
        let asked: HashSet<String> = filters.iter().map(|filter| filter.text.clone()).collect();
        let new = learned.filters.iter().filter(|filter| !asked.contains(&filter.text));
        filters.extend(new.cloned());
        (filters, learned.version)
    }

    /// Version of the learned filters; grows with each change.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.learned().version
    }

    /// Whether messages on a topic are to be logged.
    #[must_use]
    pub fn takes(&self, topic: &str) -> bool {
        if self.0.formats.decodes(topic) {
            return true;
        }
        let is_behind =
            self.0.evaluated.load(Ordering::Acquire) < self.0.described.load(Ordering::Acquire);
        let learned = self.learned();
        is_behind
            || learned.exact.contains(topic)
            || learned.wild.iter().any(|filter| matches(filter, topic))
    }

    /// Whether messages on a topic are descriptions, which may be large and from which formats learn.
    #[must_use]
    pub fn is_description(&self, topic: &str) -> bool {
        self.0.formats.is_description(topic)
    }

    /// Notes that a description was logged, at a position or before it.
    pub fn note_description(&self, last: Position) {
        self.0.described.fetch_max(last, Ordering::AcqRel);
    }

    /// Notes the position up to which the log is evaluated.
    pub(super) fn note_evaluated(&self, through: Position) {
        self.0.evaluated.store(through, Ordering::Release);
    }

    /// Requests to publish so that devices keep publishing.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.0.requests.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a series may be shown to Home Assistant: not if it came from there.
    #[must_use]
    pub fn may_show(&self, sensor: &SensorId, quantity: &Quantity) -> bool {
        self.0.origins.may_show(sensor, quantity)
    }

    /// Version of the origins behind [`may_show`](Self::may_show); grows with each change.
    #[must_use]
    pub fn origins(&self) -> u64 {
        self.0.origins.version()
    }

    /// Notes the origin of the series that a message carried.
    pub(super) fn note_origin(&self, measurements: &[Measurement], is_home_assistants: bool) {
        if self.0.origins.counts() {
            for Measurement { reading, .. } in measurements {
                let (sensor, quantity) = (&reading.sensor_id, &reading.quantity);
                self.0.origins.note(sensor, quantity, is_home_assistants);
            }
        }
    }

    /// Replaces the learned filters and the requests.
    pub(super) fn learn(&self, filters: Vec<Filter>, requests: Vec<Request>) {
        *self.0.requests.write().unwrap_or_else(PoisonError::into_inner) = requests;
        let mut known: HashSet<String> =
            self.0.formats.filters().into_iter().map(|filter| filter.text).collect();
        let mut learned =
            LearnedFilters { version: self.version() + 1, ..LearnedFilters::default() };
        for filter in filters {
            if learned.filters.len() == MOST_LEARNED {
                log::warn!(target: "vigie::intake", "devices have described more than {MOST_LEARNED} topics: those beyond are not taken in. Look for a device that announces others without end");
                break;
            }
            if !known.insert(filter.text.clone()) {
                continue;
            }
            if filter.text.contains(['+', '#']) {
                learned.wild.push((*filter.text).into());
            } else {
                learned.exact.insert((*filter.text).into());
            }
            learned.filters.push(filter);
        }
        let mut shared = self.0.learned.write().unwrap_or_else(PoisonError::into_inner);
        if shared.filters != learned.filters {
            *shared = Arc::new(learned);
        }
    }

    fn learned(&self) -> Arc<LearnedFilters> {
        self.0.learned.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::formats::tests::Counting;

    fn subscriptions(last: Position) -> Subscriptions {
        Subscriptions::new(Formats::new(vec![Box::new(Counting::default())]), last)
    }

    #[test]
    fn a_learned_topic_is_taken_from_then_on() {
        let subscriptions = subscriptions(0);
        assert!(subscriptions.takes("count/a") && !subscriptions.takes("site/a/state"));
        let learned = ["count/+", "site/a/state", "x/+/y"].map(Filter::optional);
        subscriptions.learn(learned.to_vec(), Vec::new());
        assert!(subscriptions.takes("site/a/state") && subscriptions.takes("x/1/y"));
        assert!(!subscriptions.takes("site/b/state"));
        let (filters, version) = subscriptions.filters();
        let texts: Vec<_> = filters.iter().map(|filter| filter.text.as_str()).collect();
        assert_eq!((texts, version), (vec!["count/+", "shared/+", "site/a/state", "x/+/y"], 1));
        subscriptions.learn(learned.to_vec(), Vec::new());
        assert_eq!(subscriptions.version(), 1, "no change");
        subscriptions.learn(Vec::new(), Vec::new());
        assert!(!subscriptions.takes("x/1/y"));
    }

    #[test]
    fn until_a_description_is_evaluated_every_topic_is_taken() {
        let subscriptions = subscriptions(7);
        assert!(subscriptions.takes("anything"), "the log may end with a description");
        subscriptions.note_evaluated(7);
        assert!(!subscriptions.takes("anything"));
        subscriptions.note_description(9);
        subscriptions.note_evaluated(8);
        assert!(subscriptions.takes("anything"));
        subscriptions.note_evaluated(9);
        assert!(!subscriptions.takes("anything"));
    }
}
