//! Delivery of a message to one client: its memory and its packets.

use std::num::{NonZeroU16, NonZeroU32};
use std::sync::Arc;

use rmqtt_codec::types::{Publish, QoS};
use rmqtt_codec::v5::{Packet, PublishAck2, PublishAck2Reason, PublishProperties};

use super::message::Message;

/// Packet ids.
pub(super) const NUM_IDS: u64 = u16::MAX as u64;

/// A message for one client.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub message: Arc<Message>,
    pub qos: QoS,
    pub retain: bool,
    pub ids: Vec<NonZeroU32>,
    /// Within its session, of QoS 1 and 2.
    pub number: u64,
    /// Group of changes that must be written before it is sent.
    pub after: u64,
    /// It may have been sent before a restart.
    pub is_restored: bool,
}

/// Memory of a subscription identifier.
pub(super) const ID_BYTES: usize = 4;

impl Delivery {
    /// One that is not numbered yet.
    pub const fn new(message: Arc<Message>, qos: QoS, retain: bool, ids: Vec<NonZeroU32>) -> Self {
        Self { message, qos, retain, ids, number: 0, after: 0, is_restored: false }
    }

    /// Memory size, in bytes.
    pub fn size(&self) -> usize {
        self.message.size() + self.ids.len() * ID_BYTES
    }
}

/// Progress of a sent message.
#[derive(Debug)]
pub(super) enum Stage {
    Sent(Delivery),
    /// QoS 2: the client has it.
    Received,
}

#[derive(Debug)]
pub(super) struct Sent {
    pub number: u64,
    pub stage: Stage,
}

impl Sent {
    /// Packet for redelivery on a new connection, with its size.
    pub fn again(&self, now: i64) -> (Packet, usize) {
        let id = packet_id(self.number);
        match &self.stage {
            Stage::Received => (release(id), 0),
            Stage::Sent(delivery) => {
                // An expired message is still completed: the client may have it.
                let expiry = delivery.message.expiry_left(now).unwrap_or(Some(NonZeroU32::MIN));
                (publish(delivery, Some(id), true, expiry), delivery.size())
            }
        }
    }
}

pub(in crate::broker) fn completion(packet_id: NonZeroU16) -> PublishAck2 {
    PublishAck2 {
        packet_id,
        reason_code: PublishAck2Reason::Success,
        properties: Vec::new(),
        reason_string: None,
    }
}

pub(super) fn release(id: NonZeroU16) -> Packet {
    Packet::PublishRelease(completion(id))
}

pub(super) fn packet_id(number: u64) -> NonZeroU16 {
    let id = u16::try_from(number % NUM_IDS).unwrap_or_default();
    NonZeroU16::MIN.saturating_add(id)
}

pub(super) fn publish(
    delivery: &Delivery,
    packet_id: Option<NonZeroU16>,
    dup: bool,
    left: Option<NonZeroU32>,
) -> Packet {
    let Delivery { message, qos, retain, ids, .. } = delivery;
    Packet::Publish(Box::new(Publish {
        dup,
        retain: *retain,
        qos: *qos,
        topic: message.topic.clone(),
        packet_id,
        payload: message.payload.clone(),
        properties: Some(PublishProperties {
            message_expiry_interval: left,
            subscription_ids: ids.clone(),
            ..message.properties.clone()
        }),
    }))
}

/// Maximum size of the packet.
pub(super) fn wire_size(delivery: &Delivery) -> usize {
    delivery.message.wire_size() + 5 * delivery.ids.len()
}
