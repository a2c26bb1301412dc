//! Messages within the broker.

use std::num::NonZeroU32;

use bytes::Bytes;
use bytestring::ByteString;
use rmqtt_codec::types::{Publish, QoS};
use rmqtt_codec::v5::{LastWill, PublishProperties};

/// Memory overhead beyond the bytes of topic and payload.
const OVERHEAD: usize = 200;

/// A published message, shared by all queues that hold it.
#[derive(Debug)]
pub(in crate::broker) struct Message {
    pub topic: ByteString,
    pub payload: Bytes,
    pub qos: QoS,
    pub retain: bool,
    /// Without topic alias and subscription identifiers.
    pub properties: PublishProperties,
    /// Expiry in ms since 1970.
    pub expires_at: Option<i64>,
}

impl Message {
    /// Copies the bytes out of the receive buffer.
    pub fn new(publish: &Publish, now: i64) -> Self {
        let properties = publish.properties.clone().unwrap_or_default();
        let properties = PublishProperties {
            topic_alias: None,
            subscription_ids: Vec::new(),
            correlation_data: properties.correlation_data.map(|it| Bytes::copy_from_slice(&it)),
            content_type: properties.content_type.as_deref().map(ByteString::from),
            response_topic: properties.response_topic.as_deref().map(ByteString::from),
            user_properties: properties.user_properties.iter().map(own).collect(),
            message_expiry_interval: properties.message_expiry_interval,
            is_utf8_payload: properties.is_utf8_payload,
        };
        Self {
            topic: ByteString::from(&*publish.topic),
            payload: Bytes::copy_from_slice(&publish.payload),
            qos: publish.qos,
            retain: publish.retain,
            expires_at: expires_at(properties.message_expiry_interval, now),
            properties,
        }
    }

    /// Message of a Last Will, to be published at an unknown time.
    pub fn of_will(will: &LastWill) -> Self {
        let properties = PublishProperties {
            correlation_data: will.correlation_data.as_ref().map(|it| Bytes::copy_from_slice(it)),
            content_type: will.content_type.as_deref().map(ByteString::from),
            response_topic: will.response_topic.as_deref().map(ByteString::from),
            user_properties: will.user_properties.iter().map(own).collect(),
            message_expiry_interval: will.message_expiry_interval,
            is_utf8_payload: will.is_utf8_payload.unwrap_or_default(),
            ..PublishProperties::default()
        };
        Self {
            topic: ByteString::from(&*will.topic),
            payload: Bytes::copy_from_slice(&will.message),
            qos: will.qos,
            retain: will.retain,
            properties,
            expires_at: None,
        }
    }

    /// Published at that time.
    pub fn at(self, now: i64) -> Self {
        Self { expires_at: expires_at(self.properties.message_expiry_interval, now), ..self }
    }

    /// Approximate memory size, in bytes.
    pub fn size(&self) -> usize {
        OVERHEAD + self.wire_size() + 64 * self.properties.user_properties.len()
    }

    /// Maximum size of its packet, in bytes, without subscription identifiers.
    pub fn wire_size(&self) -> usize {
        // Fixed header, lengths of topic and properties, packet id, expiry and payload format.
        const HEAD: usize = 5 + 2 + 4 + 2 + 5 + 2;
        let text = |text: &Option<ByteString>| text.as_ref().map_or(0, |text| text.len() + 3);
        let properties = &self.properties;
        HEAD + self.topic.len()
            + self.payload.len()
            + text(&properties.content_type)
            + text(&properties.response_topic)
            + properties.correlation_data.as_ref().map_or(0, |data| data.len() + 3)
            + properties.user_properties.iter().map(|(k, v)| k.len() + v.len() + 5).sum::<usize>()
    }

    /// Remaining message expiry interval, in seconds, if it has one.
    pub fn expiry_left(&self, now: i64) -> Result<Option<NonZeroU32>, Expired> {
        let Some(expires_at) = self.expires_at else { return Ok(None) };
        let left = u32::try_from((expires_at - now + 999) / 1000).unwrap_or(0);
        NonZeroU32::new(left).map(Some).ok_or(Expired)
    }
}

/// The message has expired.
#[derive(Debug)]
pub(in crate::broker) struct Expired;

fn own((key, value): &(ByteString, ByteString)) -> (ByteString, ByteString) {
    (ByteString::from(&**key), ByteString::from(&**value))
}

fn expires_at(interval: Option<NonZeroU32>, now: i64) -> Option<i64> {
    interval.map(|seconds| now + i64::from(seconds.get()) * 1000)
}
