//! Binary layout of a log record. Pure.
//!
//! A record is a device's message, a reading of an own sensor, an operator's action by the API, a time mark (the clocks
//! alone), or a finding of the daemon about itself. Evaluation depends on nothing else.
//!
//! ```text
//! offset  bytes  field
//!      0      1  version: 2
//!      1      1  kind: 1 message, 2 own reading, 3 operator's action, 4 time mark, 5 finding
//!      2      8  time of receipt: microseconds since 1970, signed
//!     10     24  listening clocks at the receipt, in microseconds: own, embedded, remote
//!     34         by kind:
//!
//!                message                         own reading (`own_reading.rs`)
//!      0      1  bits 0-1: ingress (0 own,       operator's action: JSON of `OperatorAction`
//!                1 embedded, 2 remote)           time mark: nothing
//!                bit 2: replayed by the broker   finding: JSON of `Finding`
//!                bits 3-4: QoS
//!                bit 5: to be forwarded upstream,
//!                bit 6: and retained there
//!      1      4  the payload's true length
//!      5      2  the topic's length
//!      7      …  topic, UTF-8
//!      …      …  payload; of one over the limit, the beginning
//! ```
//!
//! Integers are little-endian, as in the enclosing frame (`journal/frame.rs`). Version 1, by the previous version of the
//! program, is a live message without clocks: `1`, time of receipt (8), payload length (4), topic length (2), topic,
//! payload.
//!
//! Always: decoding inverts encoding. Never: a panic, whatever the bytes.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::own_reading;
use crate::domain::{Finding, Ingress, ListeningClocks, OperatorAction, Reading};

const VERSION: u8 = 2;
const VERSION_BEFORE: u8 = 1;

const MESSAGE: u8 = 1;
const OWN_READING: u8 = 2;
const ACTION: u8 = 3;
const TIME_MARK: u8 = 4;
const FINDING: u8 = 5;

const HEADER_BYTES: usize = 34;

/// MQTT 5 user property of forwarded messages.
pub const FORWARDED_PROPERTY: &str = "vigie-forwarded";

/// Flags of a message.
const FORWARD: u8 = 1 << 5;
const RETAINED: u8 = 1 << 6;

/// Bytes kept of a rejected payload, for inspection.
pub const KEPT_BYTES: usize = 4096;

/// Time of an append, by the wall clock and the listening clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Wall clock, in UTC.
    pub at: DateTime<Utc>,
    /// `None` in records of version 1.
    pub clocks: Option<ListeningClocks>,
}

/// A message as it was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IncomingMessage<'a> {
    /// Topic, at most 65,535 bytes.
    pub topic: &'a str,
    /// Payload. A record keeps the first [`KEPT_BYTES`] of one over the limit.
    pub payload: &'a [u8],
    /// The payload's true length in bytes.
    pub payload_bytes: usize,
    /// `None` in records of version 1.
    pub ingress: Option<Ingress>,
    /// Whether the broker replayed it from its retained messages, at a subscription.
    pub is_replayed: bool,
    /// Quality of service it arrived with: 0, 1 or 2.
    pub qos: u8,
    /// Options of forwarding upstream; `None` if it is not forwarded.
    pub forward: Option<Forward>,
    /// Whether it is a description, which may be larger than a reading. Not recorded, as it follows from the topic.
    pub is_description: bool,
}

/// Options of forwarding upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forward {
    /// Whether the upstream broker retains it.
    pub is_retained: bool,
}

impl<'a> IncomingMessage<'a> {
    /// A live message.
    #[must_use]
    pub const fn live(ingress: Ingress, topic: &'a str, payload: &'a [u8], qos: u8) -> Self {
        let payload_bytes = payload.len();
        Self {
            topic,
            payload,
            payload_bytes,
            ingress: Some(ingress),
            is_replayed: false,
            qos,
            forward: None,
            is_description: false,
        }
    }
}

/// Content of a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Body<'a> {
    /// Message of a device, or an operator's action by MQTT.
    Message(IncomingMessage<'a>),
    /// Reading of one of the daemon's own sensors.
    OwnReading(Reading),
    /// Operator's action by the API.
    Action(OperatorAction),
    /// The clocks alone.
    TimeMark,
    /// Finding of the daemon about itself.
    Finding(Finding),
}

/// Whether a record is outbound: an own reading, or a message that is forwarded.
#[must_use]
pub fn is_outbound(record: &[u8]) -> bool {
    match record {
        [VERSION, OWN_READING, ..] => true,
        [VERSION, MESSAGE, ..] => {
            record.get(HEADER_BYTES).is_some_and(|flags| flags & FORWARD != 0)
        }
        _ => false,
    }
}

fn header(kind: u8, at: DateTime<Utc>, clocks: &ListeningClocks) -> Vec<u8> {
    let mut record = Vec::with_capacity(HEADER_BYTES + 256);
    record.extend_from_slice(&[VERSION, kind]);
    record.extend_from_slice(&at.timestamp_micros().to_le_bytes());
    for ingress in Ingress::ALL {
        let micros = u64::try_from(clocks.get(ingress).as_micros()).unwrap_or(u64::MAX);
        record.extend_from_slice(&micros.to_le_bytes());
    }
    record
}

/// Record of a message. MQTT bounds a topic by 65,535 bytes; a longer one is cut.
#[must_use]
pub fn message(
    message: &IncomingMessage<'_>,
    at: DateTime<Utc>,
    clocks: &ListeningClocks,
    max_payload_bytes: usize,
) -> Vec<u8> {
    let kept = match message.payload.len() {
        fits if fits <= max_payload_bytes => message.payload,
        longer => &message.payload[..KEPT_BYTES.min(longer)],
    };
    let mut topic_end = message.topic.len().min(u16::MAX.into());
    while !message.topic.is_char_boundary(topic_end) {
        topic_end -= 1;
    }
    let topic = &message.topic.as_bytes()[..topic_end];
    let ingress = message.ingress.map_or(0, Ingress::index);
    let flags = u8::try_from(ingress).unwrap_or_default()
        | u8::from(message.is_replayed) << 2
        | (message.qos & 3) << 3
        // A truncated payload is not forwarded; evaluation rejects it.
        | match message.forward.filter(|_| message.payload.len() <= max_payload_bytes) {
            None => 0,
            Some(Forward { is_retained: false }) => FORWARD,
            Some(Forward { is_retained: true }) => FORWARD | RETAINED,
        };
    let mut record = header(MESSAGE, at, clocks);
    record.push(flags);
    let payload_bytes = u32::try_from(message.payload_bytes).unwrap_or(u32::MAX);
    record.extend_from_slice(&payload_bytes.to_le_bytes());
    record.extend_from_slice(&u16::try_from(topic.len()).unwrap_or(u16::MAX).to_le_bytes());
    record.extend_from_slice(topic);
    record.extend_from_slice(kept);
    record
}

/// Record of an own sensor's reading.
#[must_use]
pub fn reading(reading: &Reading, at: DateTime<Utc>, clocks: &ListeningClocks) -> Vec<u8> {
    let mut record = header(OWN_READING, at, clocks);
    own_reading::write(&mut record, reading);
    record
}

/// Record of an operator's action.
///
/// # Errors
/// If it has no JSON form.
pub fn action(
    action: &OperatorAction,
    at: DateTime<Utc>,
    clocks: &ListeningClocks,
) -> serde_json::Result<Vec<u8>> {
    let mut record = header(ACTION, at, clocks);
    serde_json::to_writer(&mut record, action)?;
    Ok(record)
}

/// Record of a time mark.
#[must_use]
pub fn time_mark(at: DateTime<Utc>, clocks: &ListeningClocks) -> Vec<u8> {
    header(TIME_MARK, at, clocks)
}

/// Record of a finding.
///
/// # Errors
/// If it has no JSON form.
pub fn finding(
    finding: &Finding,
    at: DateTime<Utc>,
    clocks: &ListeningClocks,
) -> serde_json::Result<Vec<u8>> {
    let mut record = header(FINDING, at, clocks);
    serde_json::to_writer(&mut record, finding)?;
    Ok(record)
}

/// Decodes a record; `None` for an unknown layout.
#[must_use]
pub fn decode(record: &[u8]) -> Option<(Receipt, Body<'_>)> {
    let (version, rest) = record.split_first()?;
    match *version {
        VERSION => decode_current(rest),
        VERSION_BEFORE => {
            let (at, rest) = take_time(rest)?;
            let message = take_message(rest)?;
            Some((Receipt { at, clocks: None }, Body::Message(message)))
        }
        _ => None,
    }
}

fn decode_current(rest: &[u8]) -> Option<(Receipt, Body<'_>)> {
    let (kind, rest) = rest.split_first()?;
    let (at, mut rest) = take_time(rest)?;
    let mut clocks = ListeningClocks::default();
    for ingress in Ingress::ALL {
        let (micros, behind) = rest.split_first_chunk()?;
        clocks.set_at_least(ingress, Duration::from_micros(u64::from_le_bytes(*micros)));
        rest = behind;
    }
    let body = match *kind {
        MESSAGE => {
            let (flags, rest) = rest.split_first()?;
            let mut message = take_message(rest)?;
            message.ingress = Ingress::ALL.get(usize::from(flags & 3)).copied();
            message.is_replayed = flags & 4 != 0;
            message.qos = flags >> 3 & 3;
            message.forward =
                (flags & FORWARD != 0).then_some(Forward { is_retained: flags & RETAINED != 0 });
            Body::Message(message)
        }
        OWN_READING => Body::OwnReading(own_reading::read(rest)?),
        ACTION => Body::Action(serde_json::from_slice(rest).ok()?),
        TIME_MARK => Body::TimeMark,
        FINDING => Body::Finding(serde_json::from_slice(rest).ok()?),
        _ => return None,
    };
    Some((Receipt { at, clocks: Some(clocks) }, body))
}

fn take_time(rest: &[u8]) -> Option<(DateTime<Utc>, &[u8])> {
    let (micros, rest) = rest.split_first_chunk()?;
    Some((DateTime::from_timestamp_micros(i64::from_le_bytes(*micros))?, rest))
}

/// Lengths, topic and payload, which are the same in both versions.
fn take_message(rest: &[u8]) -> Option<IncomingMessage<'_>> {
    let (payload_bytes, rest) = rest.split_first_chunk()?;
    let (topic_bytes, rest) = rest.split_first_chunk()?;
    let (topic, payload) = rest.split_at_checked(u16::from_le_bytes(*topic_bytes).into())?;
    Some(IncomingMessage {
        topic: std::str::from_utf8(topic).ok()?,
        payload,
        payload_bytes: u32::from_le_bytes(*payload_bytes) as usize,
        ingress: None,
        is_replayed: false,
        qos: 0,
        forward: None,
        is_description: false,
    })
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
