//! The way in for readings and acknowledgements, and for what is forwarded upstream: a PUBLISH is in the [`Log`] before
//! anything else happens to it, its acknowledgement above all.
//!
//! Holds always: a reading that was acknowledged is in the log; while the log takes nothing no
//! reading is acknowledged. Never: a client that waits for longer than [`PATIENCE`].

#![expect(clippy::disallowed_methods, reason = "what nobody takes is counted at its receipt")]

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use rmqtt_codec::v5::PublishProperties;

use super::hub::{Standing, matches};
use crate::domain::Ingress;
use crate::ingest::{Arrival, FORWARDED_PROPERTY, Forward, Log, Subscriptions};

/// A client whose reading isn't taken for so long is cut off, and sends it again when it is back.
pub(super) const PATIENCE: Duration = Duration::from_secs(4);

/// Where readings go that are published to the embedded broker.
#[derive(Clone)]
pub struct PublishHook {
    /// Log that has each message before it is acknowledged.
    pub log: Arc<Log>,
    /// They tell what is to come in.
    pub subscriptions: Subscriptions,
    /// Filters of what is forwarded upstream.
    pub forward: Vec<String>,
    /// Filters of what is not: what the daemon itself publishes there, and what is for this one alone.
    pub reserved: Vec<String>,
}

/// What else is to be known of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    /// Whether its publisher wants it to be retained.
    pub is_retained: bool,
    /// Whether another Vigie forwarded it here: it goes no further, so that two that forward to each other make no loop.
    pub was_forwarded: bool,
}

impl Wish {
    /// Of a PUBLISH, or a will.
    pub fn of(is_retained: bool, properties: Option<&PublishProperties>) -> Self {
        let mut properties = properties.into_iter().flat_map(|it| &it.user_properties);
        Self { is_retained, was_forwarded: properties.any(|(key, _)| *key == FORWARDED_PROPERTY) }
    }
}

/// The log did not take a message in time.
#[derive(Debug)]
pub(super) struct NotTaken;

impl PublishHook {
    /// Logs a message, unless it is none for the daemon.
    pub(super) async fn take(
        &self,
        topic: &str,
        payload: &[u8],
        qos: u8,
        wish: Wish,
    ) -> Result<Standing, NotTaken> {
        let is_forwarded = self.is_forwarded(topic, wish);
        if !is_forwarded && !self.subscriptions.takes(topic) {
            self.note_unclaimed(topic, payload);
            return Ok(Standing::PassedOn);
        }
        let is_description = self.subscriptions.is_description(topic);
        let arrival = Arrival {
            forward: is_forwarded.then_some(Forward { is_retained: wish.is_retained }),
            is_description,
            ..Arrival::live(Ingress::Embedded, topic, payload, qos)
        };
        let taken = tokio::time::timeout(PATIENCE, self.log.accept_async(&arrival)).await;
        if is_description {
            self.subscriptions.note_description(self.log.last());
        }
        taken.map(|()| Standing::Logged).map_err(|_elapsed| NotTaken)
    }

    /// Counts a message that no rule takes, for who looks for a device. It is not logged.
    fn note_unclaimed(&self, topic: &str, payload: &[u8]) {
        if !is_of(&self.reserved, topic) && self.subscriptions.is_unclaimed(topic) {
            self.subscriptions.heard().note_unclaimed(topic, payload, Utc::now());
        }
    }

    fn is_forwarded(&self, topic: &str, wish: Wish) -> bool {
        !wish.was_forwarded && is_of(&self.forward, topic) && !is_of(&self.reserved, topic)
    }
}

fn is_of(filters: &[String], topic: &str) -> bool {
    filters.iter().any(|filter| matches(filter, topic))
}
