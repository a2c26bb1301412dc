//! Inventory of received messages: sensors and rules with their counters and faults, and unclaimed topics with the
//! configuration that would read them. A *rule* is one `[[devices]]` table or a built-in format.
//!
//! The embedded broker counts the unclaimed messages that it does not log; the evaluator's consumer counts all others. The
//! API and the CLI read reports. Counters start at 0 with the daemon.
//!
//! Always: bounded memory. Counting holds a lock for a look-up and, once a second for each shape, the parsing of up to
//! 16 KiB of payload; a report holds it for its proposals.
//! Never: on disk, or a message logged only to be counted.

mod availability;
mod claimed;
mod fields;
mod keys;
mod proposal;
mod report;
mod shapes;
mod structure;

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

pub use report::{
    DeviceReport, DevicesReport, FaultReport, RuleReport, SeriesReport, UnclaimedReport, unclaimed,
};
pub use shapes::{TopicShape, TopicShapes};

use self::claimed::Claimed;
use super::formats::Decoded;

/// Counters of received messages, shared by producers and readers.
#[derive(Debug)]
pub struct Inventory {
    unclaimed: Mutex<TopicShapes<()>>,
    claimed: Mutex<Claimed>,
}

impl Inventory {
    /// Empty inventory of the rules with these names, in order of precedence.
    pub(super) fn new<'a>(rules: impl Iterator<Item = &'a str>) -> Self {
        Self { unclaimed: Mutex::default(), claimed: Mutex::new(Claimed::new(rules)) }
    }

    /// Counts a message on an unclaimed topic.
    pub fn note_unclaimed(&self, topic: &str, payload: &[u8], at: DateTime<Utc>) {
        lock(&self.unclaimed).note(topic, payload, at);
    }

    /// Counts a message that the rule at this index claimed. Returns whether its misses are to be sampled.
    pub(super) fn note_claimed(
        &self,
        rule_index: usize,
        topic: &str,
        decoded: &Result<Decoded, String>,
        at: DateTime<Utc>,
    ) -> bool {
        lock(&self.claimed).note(rule_index, topic, decoded, at)
    }

    /// Adds a sample of misses: pointers of the rule's table that find nothing in a message.
    pub(super) fn note_misses(&self, rule_index: usize, lines: Vec<String>, at: DateTime<Utc>) {
        lock(&self.claimed).note_misses(rule_index, lines, at);
    }

    /// Report of all counters; `since` is the start of counting.
    #[must_use]
    pub fn report(&self, since: DateTime<Utc>, broker: Option<String>) -> DevicesReport {
        let (unclaimed, unlisted_messages) = {
            let mut shapes = lock(&self.unclaimed);
            (unclaimed(&mut shapes), shapes.num_unlisted())
        };
        let claimed = lock(&self.claimed);
        let (devices, rules) = report::claimed(&claimed);
        let unlisted_readings = claimed.num_unlisted;
        DevicesReport {
            since,
            broker,
            devices,
            unlisted_readings,
            rules,
            unclaimed,
            unlisted_messages,
        }
    }
}

// Counters stay usable after a panic, so a poisoned lock is as good.
fn lock<T>(counters: &Mutex<T>) -> MutexGuard<'_, T> {
    counters.lock().unwrap_or_else(PoisonError::into_inner)
}
