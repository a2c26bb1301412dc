//! Entry of readings, acknowledgements and forwarded messages: a PUBLISH is appended to the [`Log`] before it has
//! any other effect, including its acknowledgement.
//!
//! Invariants: an acknowledged reading is in the log; while the log refuses appends, no reading is acknowledged.
//! Never: a client that waits longer than [`PATIENCE`].

#![expect(clippy::disallowed_methods, reason = "what nobody takes is counted at its receipt")]

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use rmqtt_codec::v5::PublishProperties;

use super::hub::{Standing, matches};
use crate::domain::Ingress;
use crate::ingest::{FORWARDED_PROPERTY, Forward, IncomingMessage, Log, Subscriptions};

/// Maximum wait for an append. Then the client is cut off, and redelivers after it reconnects.
pub(super) const PATIENCE: Duration = Duration::from_secs(4);

/// Destination of readings that are published to the embedded broker.
#[derive(Clone)]
pub struct PublishHook {
    /// Log to which each message is appended before it is acknowledged.
    pub log: Arc<Log>,
    /// Filters of the messages to log.
    pub subscriptions: Subscriptions,
    /// Filters of the messages to forward upstream.
    pub forward: Vec<String>,
    /// Filters never forwarded: what the daemon itself publishes there, and what is for this daemon alone.
    pub reserved: Vec<String>,
}

/// Attributes of a message that concern the hook.
#[derive(Debug, Clone, Copy)]
pub(super) struct PublishAttributes {
    /// Retain flag of the publisher.
    pub is_retained: bool,
    /// Whether another Vigie forwarded it here. Such a message is not forwarded again, so that two that forward to
    /// each other make no loop.
    pub was_forwarded: bool,
}

impl PublishAttributes {
    /// Attributes of a PUBLISH or a will.
    pub fn of(is_retained: bool, properties: Option<&PublishProperties>) -> Self {
        let mut properties = properties.into_iter().flat_map(|it| &it.user_properties);
        Self { is_retained, was_forwarded: properties.any(|(key, _)| *key == FORWARDED_PROPERTY) }
    }
}

/// The log did not take a message in time.
#[derive(Debug)]
pub(super) struct HookTimeout;

impl PublishHook {
    /// Logs a message, unless it is none for the daemon.
    pub(super) async fn take(
        &self,
        topic: &str,
        payload: &[u8],
        qos: u8,
        wish: PublishAttributes,
    ) -> Result<Standing, HookTimeout> {
        let is_forwarded = self.is_forwarded(topic, wish);
        if !is_forwarded && !self.subscriptions.takes(topic) {
            self.note_unclaimed(topic, payload);
            return Ok(Standing::PassedOn);
        }
        let is_description = self.subscriptions.is_description(topic);
        let arrival = IncomingMessage {
            forward: is_forwarded.then_some(Forward { is_retained: wish.is_retained }),
            is_description,
            ..IncomingMessage::live(Ingress::Embedded, topic, payload, qos)
        };
        let taken = tokio::time::timeout(PATIENCE, self.log.accept_async(&arrival)).await;
        if is_description {
            self.subscriptions.note_description(self.log.last());
        }
        taken.map(|()| Standing::Logged).map_err(|_elapsed| HookTimeout)
    }

    /// Counts an unclaimed message, for the list of unclaimed topics. It is not logged.
    fn note_unclaimed(&self, topic: &str, payload: &[u8]) {
        if !is_of(&self.reserved, topic) && self.subscriptions.is_unclaimed(topic) {
            self.subscriptions.inventory().note_unclaimed(topic, payload, Utc::now());
        }
    }

    fn is_forwarded(&self, topic: &str, wish: PublishAttributes) -> bool {
        !wish.was_forwarded && is_of(&self.forward, topic) && !is_of(&self.reserved, topic)
    }
}

fn is_of(filters: &[String], topic: &str) -> bool {
    filters.iter().any(|filter| matches(filter, topic))
}
