//! Encoding and decoding. MQTT 3.1.1 is translated to and from MQTT 5, so all other modules know one version.
//!
//! Invariant: a packet from [`Wire::decode`] is well-formed and has a topic. Never: a buffer larger than its
//! packet; the size is checked first ([`announced`]).

mod v3;

use std::num::NonZeroU16;

use bytes::BytesMut;
use bytestring::ByteString;
use rmqtt_codec::error::{DecodeError, EncodeError};
use rmqtt_codec::types::{Publish, QoS};
use rmqtt_codec::v3::Codec as CodecV3;
use rmqtt_codec::v5::{self, DisconnectReasonCode, Packet};
use rmqtt_codec::version::{ProtocolVersion, VersionCodec};
use tokio_util::codec::{Decoder, Encoder};

use super::hub::is_valid_topic;
use crate::domain::QuickMap;

/// Topic aliases per client.
pub(super) const MAX_ALIASES: u16 = 16;

/// Bytes of all of a client's alias topics: some hundred each.
const MAX_ALIAS_BYTES: usize = 8 * 1024;

/// Input that is not a valid packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Another protocol, or an unknown version.
    Version,
    /// The client id is missing where one is required.
    ClientId,
    /// Reason code for CONNACK or DISCONNECT, if the version has them.
    Reason(DisconnectReasonCode),
}

/// Codec of a connection.
#[derive(Debug)]
pub(super) enum Wire {
    /// Before the version is known from the CONNECT.
    Unknown,
    V3(CodecV3),
    V5(Box<V5>),
}

#[derive(Debug)]
pub(super) struct V5 {
    codec: v5::Codec,
    aliases: QuickMap<NonZeroU16, ByteString>,
    alias_bytes: usize,
    /// Aliases used towards the client.
    sent_aliases: QuickMap<ByteString, NonZeroU16>,
    sent_alias_bytes: usize,
    /// Topic alias maximum of the client.
    most_sent_aliases: u16,
}

/// Packet size in the header at the beginning of a buffer; `None` until that is complete.
pub(super) fn announced(buffer: &[u8]) -> Option<usize> {
    let mut length = 0_usize;
    for (at, byte) in buffer.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            return Some(length + at + 2);
        }
    }
    None
}

/// True if a complete packet, or an invalid one, is in the buffer. The codec needs complete packets: it consumes a
/// header and keeps it internally.
pub(super) fn is_whole(buffer: &[u8]) -> bool {
    const LONGEST_HEADER: usize = 5;
    announced(buffer).map_or(buffer.len() >= LONGEST_HEADER, |size| buffer.len() >= size)
}

impl Wire {
    pub const fn is_v5(&self) -> bool {
        matches!(self, Self::V5(_))
    }

    /// Next packet; `None` until it is complete.
    pub fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Packet>, Fault> {
        if matches!(self, Self::Unknown) {
            match VersionCodec.decode(buffer) {
                Ok(None) => return Ok(None),
                Ok(Some(ProtocolVersion::MQTT3)) => *self = Self::V3(CodecV3::new(0)),
                Ok(Some(ProtocolVersion::MQTT5)) => {
                    let codec = v5::Codec::new(0, 0);
                    *self = Self::V5(Box::new(V5 {
                        codec,
                        aliases: QuickMap::default(),
                        alias_bytes: 0,
                        sent_aliases: QuickMap::default(),
                        sent_alias_bytes: 0,
                        most_sent_aliases: 0,
                    }));
                }
                Err(_) => return Err(Fault::Version),
            }
        }
        match self {
            Self::Unknown => Ok(None),
            Self::V3(codec) => match codec.decode(buffer) {
                Ok(Some((packet, _))) => v3::from_v3(packet).map(Some),
                Ok(None) => Ok(None),
                Err(error) => Err(fault(&error)),
            },
            Self::V5(v5) => match v5.codec.decode(buffer) {
                Ok(Some((packet, _))) => v5.accept(packet).map(Some),
                Ok(None) => Ok(None),
                Err(error) => Err(fault(&error)),
            },
        }
    }

    /// Encodes a packet into the output. What the version can't express is left out.
    pub fn encode(&mut self, packet: Packet, out: &mut BytesMut) -> Result<(), EncodeError> {
        match self {
            Self::Unknown => Ok(()),
            Self::V3(codec) => match v3::to_v3(packet) {
                Some(packet) => codec.encode(packet, out),
                None => Ok(()),
            },
            Self::V5(v5) => {
                let packet = v5.shorten(packet);
                v5.codec.encode(packet, out)
            }
        }
    }

    /// Sets the client's maximum packet size and topic alias maximum.
    pub fn set_most(&mut self, packet_bytes: u32, aliases: u16) {
        if let Self::V5(v5) = self {
            v5.codec.set_max_outbound_size(packet_bytes);
            v5.most_sent_aliases = aliases.min(MAX_ALIASES);
        }
    }
}

impl V5 {
    /// Assigns a topic alias, or uses the topic's.
    fn shorten(&mut self, packet: Packet) -> Packet {
        let Packet::Publish(mut publish) = packet else { return packet };
        let known = self.sent_aliases.get(&publish.topic).copied();
        let next = u16::try_from(self.sent_aliases.len() + 1).unwrap_or(u16::MAX);
        let next = NonZeroU16::new(next).filter(|_| {
            let bytes = self.sent_alias_bytes + publish.topic.len();
            next <= self.most_sent_aliases && bytes <= MAX_ALIAS_BYTES
        });
        if let Some(alias) = known.or(next) {
            if known.is_some() {
                publish.topic = ByteString::new();
            } else {
                self.sent_alias_bytes += publish.topic.len();
                self.sent_aliases.insert(publish.topic.clone(), alias);
            }
            publish.properties.get_or_insert_default().topic_alias = Some(alias);
        }
        Packet::Publish(publish)
    }

    /// Validates what the codec does not, and resolves aliases.
    fn accept(&mut self, packet: Packet) -> Result<Packet, Fault> {
        let Packet::Publish(mut publish) = packet else { return Ok(packet) };
        if let Some(alias) = publish.properties.as_mut().and_then(|it| it.topic_alias.take()) {
            if alias.get() > MAX_ALIASES {
                return Err(Fault::Reason(DisconnectReasonCode::TopicAliasInvalid));
            }
            if publish.topic.is_empty() {
                let known = self.aliases.get(&alias);
                let known = known.ok_or(Fault::Reason(DisconnectReasonCode::ProtocolError))?;
                publish.topic = known.clone();
            } else {
                // Copied out of the receive buffer.
                let old = self.aliases.insert(alias, ByteString::from(&*publish.topic));
                self.alias_bytes += publish.topic.len();
                self.alias_bytes -= old.map_or(0, |old| old.len());
                if self.alias_bytes > MAX_ALIAS_BYTES {
                    return Err(Fault::Reason(DisconnectReasonCode::QuotaExceeded));
                }
            }
        }
        checked(publish).map(Packet::Publish)
    }
}

fn checked(publish: Box<Publish>) -> Result<Box<Publish>, Fault> {
    let has_ids = publish.properties.as_ref().is_some_and(|it| !it.subscription_ids.is_empty());
    let reason = if publish.topic.contains('\0') || (publish.dup && publish.qos == QoS::AtMostOnce)
    {
        DisconnectReasonCode::MalformedPacket
    } else if publish.topic.is_empty() || has_ids {
        DisconnectReasonCode::ProtocolError
    } else if is_valid_topic(&publish.topic) {
        return Ok(publish);
    } else {
        DisconnectReasonCode::TopicNameInvalid
    };
    Err(Fault::Reason(reason))
}

fn fault(error: &DecodeError) -> Fault {
    Fault::Reason(match error {
        DecodeError::UnsupportedProtocolLevel => return Fault::Version,
        DecodeError::InvalidClientId => return Fault::ClientId,
        DecodeError::MaxSizeExceeded { .. } => DisconnectReasonCode::PacketTooLarge,
        DecodeError::InvalidTopicName => DisconnectReasonCode::TopicNameInvalid,
        DecodeError::InvalidTopicFilter => DisconnectReasonCode::ProtocolError,
        _ => DisconnectReasonCode::MalformedPacket,
    })
}

#[cfg(test)]
mod tests {
    use rmqtt_codec::v5::{ConnectAck, ConnectAckReason, Disconnect};

    use super::*;

    /// CONNECT of a version, with the flags of a clean session.
    fn connect(name: &[u8], level: u8) -> BytesMut {
        let name = [&[0, u8::try_from(name.len()).expect("short")], name].concat();
        let properties: &[u8] = if level == 5 { &[0] } else { &[] };
        let body = [&name[..], &[level, 2, 0, 60], properties, &[0, 1, b'c']].concat();
        packet(0x10, &body)
    }

    fn packet(kind: u8, body: &[u8]) -> BytesMut {
        let head = [kind, u8::try_from(body.len()).expect("short")];
        BytesMut::from(&[&head[..], body].concat()[..])
    }

    /// PUBLISH of MQTT 5 at QoS 0 with these properties.
    fn publish(topic: &str, properties: &[u8]) -> BytesMut {
        let length = u8::try_from(topic.len()).expect("short");
        let count = u8::try_from(properties.len()).expect("short");
        let body = [&[0, length][..], topic.as_bytes(), &[count], properties, b"x"].concat();
        packet(0x30, &body)
    }

    fn connected(level: u8) -> Wire {
        let mut wire = Wire::Unknown;
        let first = wire.decode(&mut connect(b"MQTT", level));
        assert!(matches!(first, Ok(Some(Packet::Connect(_)))), "{first:?}");
        wire
    }

    fn reason(result: &Result<Option<Packet>, Fault>) -> Option<DisconnectReasonCode> {
        match result {
            Err(Fault::Reason(reason)) => Some(*reason),
            _ => None,
        }
    }

    #[test]
    fn the_versions_that_are_known_are_told_apart() {
        for (name, level, is_v5) in
            [(&b"MQIsdp"[..], 3, false), (b"MQTT", 4, false), (b"MQTT", 5, true)]
        {
            let mut wire = Wire::Unknown;
            let whole = connect(name, level);
            let mut input = BytesMut::new();
            for byte in &whole[..whole.len() - 1] {
                input.extend_from_slice(&[*byte]);
                assert_eq!(wire.decode(&mut input), Ok(None), "{level}");
            }
            input.extend_from_slice(&whole[whole.len() - 1..]);
            assert!(matches!(wire.decode(&mut input), Ok(Some(Packet::Connect(_)))), "{level}");
            assert_eq!(wire.is_v5(), is_v5);
        }
        for mut other in
            [connect(b"MQTT", 6), connect(b"HTTP", 4), packet(0x30, &[0, 1, b'a', b'x'])]
        {
            assert_eq!(Wire::Unknown.decode(&mut other), Err(Fault::Version));
        }
    }

    #[test]
    fn the_announced_size_is_known_before_the_packet_is_there() {
        assert_eq!(announced(&[0x30]), None);
        assert_eq!(announced(&[0x30, 0x80]), None);
        assert_eq!(announced(&[0x30, 5]), Some(7));
        assert_eq!(announced(&[0x30, 0xFF, 0xFF, 0xFF, 0x7F]), Some(268_435_460));
        // Longer than MQTT allows: the codec says so.
        assert_eq!(announced(&[0x30, 0xFF, 0xFF, 0xFF, 0xFF, 1]), None);
        let too_long = reason(
            &connected(5).decode(&mut BytesMut::from(&[0x30, 0xFF, 0xFF, 0xFF, 0xFF, 1][..])),
        );
        assert_eq!(too_long, Some(DisconnectReasonCode::MalformedPacket));
    }

    #[test]
    fn topics_by_alias() {
        let mut wire = connected(5);
        let topic = |wire: &mut Wire, mut bytes| match wire.decode(&mut bytes) {
            Ok(Some(Packet::Publish(publish))) => Ok(publish.topic.to_string()),
            other => Err(reason(&other)),
        };
        assert_eq!(topic(&mut wire, publish("a", &[0x23, 0, 1])), Ok("a".into()));
        assert_eq!(topic(&mut wire, publish("", &[0x23, 0, 1])), Ok("a".into()));
        assert_eq!(topic(&mut wire, publish("b", &[0x23, 0, 1])), Ok("b".into()));
        assert_eq!(topic(&mut wire, publish("", &[0x23, 0, 1])), Ok("b".into()));
        for (bytes, why) in [
            (publish("", &[0x23, 0, 2]), DisconnectReasonCode::ProtocolError),
            (publish("", &[]), DisconnectReasonCode::ProtocolError),
            (publish("a", &[0x23, 0, 17]), DisconnectReasonCode::TopicAliasInvalid),
            (publish("a", &[0x23, 0, 0]), DisconnectReasonCode::MalformedPacket),
        ] {
            assert_eq!(topic(&mut connected(5), bytes), Err(Some(why)));
        }
    }

    #[test]
    fn a_client_is_sent_aliases_as_far_as_it_takes_them() {
        let mut wire = connected(5);
        wire.set_most(0, 2);
        let mut sent = |topic: &str| {
            let Ok(Some(packet)) = connected(5).decode(&mut publish(topic, &[])) else {
                panic!("{topic}")
            };
            let mut out = BytesMut::new();
            wire.encode(packet, &mut out).expect("encoded");
            out.to_vec()
        };
        assert_eq!(sent("a"), b"\x30\x08\0\x01a\x03\x23\0\x01x");
        assert_eq!(sent("b"), b"\x30\x08\0\x01b\x03\x23\0\x02x");
        assert_eq!(sent("c"), b"\x30\x05\0\x01c\0x", "no third");
        assert_eq!(sent("a"), b"\x30\x07\0\0\x03\x23\0\x01x");
        assert_eq!(sent("b"), b"\x30\x07\0\0\x03\x23\0\x02x");
    }

    #[test]
    fn what_mqtt_forbids_has_its_reason() {
        let subscribe = |options| packet(0x82, &[0, 1, 0, 0, 1, b'a', options]);
        for (mut bytes, why) in [
            (publish("a/+", &[]), DisconnectReasonCode::TopicNameInvalid),
            (publish("a\0", &[]), DisconnectReasonCode::MalformedPacket),
            (packet(0x36, &[0, 1, b'a', 0, 1, 0]), DisconnectReasonCode::MalformedPacket),
            (packet(0x32, &[0, 1, b'a', 0, 0, 0]), DisconnectReasonCode::MalformedPacket),
            (packet(0x38, &[0, 1, b'a', 0]), DisconnectReasonCode::MalformedPacket),
            (publish("a", &[0x0B, 1]), DisconnectReasonCode::ProtocolError),
            (subscribe(3), DisconnectReasonCode::MalformedPacket),
            (packet(0x82, &[0, 1, 0]), DisconnectReasonCode::ProtocolError),
            (packet(0x00, &[]), DisconnectReasonCode::MalformedPacket),
        ] {
            assert_eq!(reason(&connected(5).decode(&mut bytes)), Some(why), "{bytes:?}");
        }
    }

    #[test]
    fn a_client_of_3_1_1_is_told_what_its_version_has_words_for() {
        let mut wire = connected(4);
        let mut out = BytesMut::new();
        let refused = ConnectAck {
            reason_code: ConnectAckReason::BadUserNameOrPassword,
            ..ConnectAck::default()
        };
        wire.encode(Packet::ConnectAck(Box::new(refused)), &mut out).expect("encoded");
        assert_eq!(&out[..], [0x20, 2, 0, 4]);
        out.clear();
        let disconnect = Disconnect::new(DisconnectReasonCode::QuotaExceeded);
        wire.encode(Packet::Disconnect(disconnect), &mut out).expect("left out");
        assert!(out.is_empty());
    }
}
