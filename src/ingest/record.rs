//! One message in the intake journal, byte by byte. Pure.
//!
//! ```text
//! offset  bytes  what
//!      0      1  layout: 1
//!      1      8  time of receipt, microseconds since 1970, little-endian
//!      9      4  the payload's true length, little-endian
//!     13      2  the topic's length, little-endian
//!     15      …  topic, UTF-8
//!      …      …  payload; of one that is too long, the beginning
//! ```
//!
//! Integers are little-endian, like the frame around it (`journal/frame.rs`).

use chrono::{DateTime, Utc};

const LAYOUT: u8 = 1;
const HEADER_BYTES: usize = 15;
/// How much of a payload that can't be used is kept to be looked at.
pub const KEPT_BYTES: usize = 4096;

/// A message as it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival<'a> {
    pub topic: &'a str,
    /// Cut short if it is over the limit.
    pub payload: &'a [u8],
    /// The payload's true length.
    pub payload_bytes: usize,
    pub received_at: DateTime<Utc>,
}

/// The record of a message. MQTT bounds a topic by 65,535 bytes; a longer one would be cut.
#[must_use]
pub fn encode(
    topic: &str,
    payload: &[u8],
    received_at: DateTime<Utc>,
    max_payload_bytes: usize,
) -> Vec<u8> {
    let kept = match payload.len() {
        fits if fits <= max_payload_bytes => payload,
        longer => &payload[..KEPT_BYTES.min(longer)],
    };
    let mut topic_end = topic.len().min(u16::MAX.into());
    while !topic.is_char_boundary(topic_end) {
        topic_end -= 1;
    }
    let topic = &topic.as_bytes()[..topic_end];
    let topic_bytes = u16::try_from(topic.len()).unwrap_or(u16::MAX);
    let payload_bytes = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut record = Vec::with_capacity(HEADER_BYTES + topic.len() + kept.len());
    record.push(LAYOUT);
    record.extend_from_slice(&received_at.timestamp_micros().to_le_bytes());
    record.extend_from_slice(&payload_bytes.to_le_bytes());
    record.extend_from_slice(&topic_bytes.to_le_bytes());
    record.extend_from_slice(topic);
    record.extend_from_slice(kept);
    record
}

/// The message of a record; `None` for one of another layout.
#[must_use]
pub fn decode(record: &[u8]) -> Option<Arrival<'_>> {
    let (layout, rest) = record.split_first()?;
    let (micros, rest) = rest.split_first_chunk::<8>()?;
    let (payload_bytes, rest) = rest.split_first_chunk::<4>()?;
    let (topic_bytes, rest) = rest.split_first_chunk::<2>()?;
    let (topic, payload) = rest.split_at_checked(u16::from_le_bytes(*topic_bytes).into())?;
    (*layout == LAYOUT).then_some(Arrival {
        topic: std::str::from_utf8(topic).ok()?,
        payload,
        payload_bytes: u32::from_le_bytes(*payload_bytes) as usize,
        received_at: DateTime::from_timestamp_micros(i64::from_le_bytes(*micros))?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(micros: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(micros).unwrap()
    }

    #[test]
    fn lies_as_documented() {
        let record = encode("a/b", b"xyz", at(0x0102), 100);
        assert_eq!(record[..15], [1, 2, 1, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 3, 0]);
        assert_eq!(record[15..], *b"a/bxyz");
    }

    #[test]
    fn of_a_payload_over_the_limit_the_beginning_is_kept() {
        let payload = vec![b' '; 10_001];
        let record = encode("t", &payload, at(0), 10_000);
        let arrival = decode(&record).unwrap();
        assert_eq!((arrival.payload.len(), arrival.payload_bytes), (KEPT_BYTES, 10_001));
        let record = encode("t", &payload, at(0), 10_001);
        assert_eq!(decode(&record).unwrap().payload.len(), 10_001);
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            topic in "\\PC{0,40}", payload in prop::collection::vec(any::<u8>(), 0..300), micros in 0..1_i64 << 52,
        ) {
            let record = encode(&topic, &payload, at(micros), 1000);
            let expected = Arrival {
                topic: &topic, payload: &payload, payload_bytes: payload.len(), received_at: at(micros),
            };
            prop_assert_eq!(decode(&record), Some(expected));
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = decode(&bytes);
        }
    }
}
