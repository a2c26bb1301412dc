//! What has been heard: sensors by rule, what was not understood, and topics that nobody takes with the lines of
//! configuration that would.
//!
//! The embedded broker counts what it passes on and nobody takes; the evaluator's consumer counts the rest. The API and
//! the commands read. Counters begin anew with the daemon.
//!
//! Always: bounded in memory; counting holds a lock for a look-up and, once a second a shape, a look at up to 16 KiB of
//! payload; a report, for its proposals. Never: on disk, or a message that
//! is logged for being counted.

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

/// Counts what is heard. Shared by what counts and what reads.
#[derive(Debug)]
pub struct Inventory {
    unclaimed: Mutex<TopicShapes<()>>,
    claimed: Mutex<Claimed>,
}

impl Inventory {
    /// Begins with the names of the rules, in the order in which they are asked.
    pub(super) fn new<'a>(rules: impl Iterator<Item = &'a str>) -> Self {
        Self { unclaimed: Mutex::default(), claimed: Mutex::new(Claimed::new(rules)) }
    }

    /// Counts a message on a topic that no rule takes.
    pub fn note_unclaimed(&self, topic: &str, payload: &[u8], at: DateTime<Utc>) {
        lock(&self.unclaimed).note(topic, payload, at);
    }

    /// Counts a message that a rule took. Returns whether it is to be looked at for what it lacks.
    pub(super) fn note_claimed(
        &self,
        place: usize,
        topic: &str,
        decoded: &Result<Decoded, String>,
        at: DateTime<Utc>,
    ) -> bool {
        lock(&self.claimed).note(place, topic, decoded, at)
    }

    /// Takes in what a message lacks.
    pub(super) fn note_misses(&self, place: usize, lines: Vec<String>, at: DateTime<Utc>) {
        lock(&self.claimed).note_misses(place, lines, at);
    }

    /// All of it, counted since a time.
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

// Counters are as good after a panic as before.
fn lock<T>(counters: &Mutex<T>) -> MutexGuard<'_, T> {
    counters.lock().unwrap_or_else(PoisonError::into_inner)
}
