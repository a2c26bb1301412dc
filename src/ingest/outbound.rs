//! Consumer of the publication: selects outbound records (own readings and forwarded messages) from the log.
//!
//! Always: each outbound record after the publication cursor is returned once, in order. Reads end at the last outbound
//! record, so an empty backlog costs no read.
//! Never: more than [`SCANNED`] records read in one call, on the caller's thread.

use std::sync::Arc;
use std::time::Duration;

use super::Log;
use super::journal::Reader;
use super::log::note_unreadable;
use super::record::{self, Body, IncomingMessage};
use crate::domain::{Position, Reading};

/// Limit of the publication backlog in records, on disk; past it the oldest are skipped. It bridges seven hours without a
/// broker for four sensors at 2 s, a quarter of an hour for a hundred.
pub const PUBLICATION_CAPACITY: u64 = 50_000;

/// Limit of records read in one call: a few milliseconds.
const SCANNED: usize = 4096;
/// Delay until the next poll after a failed read or a missed wake-up.
const POLL_AGAIN: Duration = Duration::from_secs(1);

/// Outbound record.
#[derive(Debug, Clone, PartialEq)]
pub struct Outbound {
    /// Position of its record in the log.
    pub position: Position,
    /// Content of the record.
    pub content: OutboundContent,
}

/// Content of an outbound record.
#[derive(Debug, Clone, PartialEq)]
pub enum OutboundContent {
    /// An own reading, exactly as it was measured.
    Reading(Reading),
    /// A device's message, unchanged.
    Forwarded {
        /// Its topic.
        topic: String,
        /// Its payload.
        payload: Vec<u8>,
        /// Whether it is to be retained.
        is_retained: bool,
    },
}

/// Consumer of a [`Log`] for publication; one at a time.
#[derive(Debug)]
pub struct OutboundReader {
    log: Arc<Log>,
    reader: Reader,
}

impl OutboundReader {
    /// Consumer that begins after the publication cursor.
    #[must_use]
    pub fn new(log: Arc<Log>) -> Self {
        let reader = Reader::new(log.folder(), log.published());
        Self { log, reader }
    }

    /// Returns the next `at_most` outbound records; fewer at the end of the log, or if they lie far apart.
    pub fn poll(&mut self, at_most: usize) -> Vec<Outbound> {
        let through = self.log.last_outbound();
        let (mut found, mut scanned) = (Vec::new(), 0);
        while found.len() < at_most && scanned < SCANNED {
            let wanted = at_most - found.len();
            let read = self.reader.read_through(wanted, through, |frame| {
                if record::is_outbound(frame.payload)
                    && let Some((_, body)) = record::decode(frame.payload)
                    && let Some(content) = content(body)
                {
                    found.push(Outbound { position: frame.position, content });
                }
            });
            match read {
                Ok(0) => break,
                Ok(records) => scanned += records,
                Err(error) => {
                    note_unreadable(&error);
                    break;
                }
            }
        }
        found
    }

    /// Whether there may be more to poll.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.reader.position() < self.log.last_outbound()
    }
}

fn content(body: Body<'_>) -> Option<OutboundContent> {
    match body {
        Body::OwnReading(reading) => Some(OutboundContent::Reading(reading)),
        Body::Message(IncomingMessage { topic, payload, forward: Some(forward), .. }) => {
            Some(OutboundContent::Forwarded {
                topic: topic.to_owned(),
                payload: payload.to_vec(),
                is_retained: forward.is_retained,
            })
        }
        _ => None,
    }
}

/// Waits for the next outbound record, or [`POLL_AGAIN`] at most. For one consumer.
pub async fn appended(log: &Log) {
    let _polls_anyway = tokio::time::timeout(POLL_AGAIN, log.appended_outbound()).await;
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::super::log::testing;
    use super::super::record::Forward;
    use super::*;
    use crate::domain::{Ingress, Location, Quantity, SensorId, Unit, Value};

    fn reading(number: i64) -> Reading {
        Reading {
            sensor_id: SensorId::new("T").unwrap(),
            location: Location::new(""),
            quantity: Quantity::temperature(),
            value: Value::new(20.0).unwrap(),
            unit: Unit::new("celsius"),
            timestamp: DateTime::from_timestamp(number, 0).unwrap(),
        }
    }

    #[actix::test]
    async fn own_readings_are_selected_among_other_records() {
        let (_folder, log) = testing::log(100);
        let mut own = OutboundReader::new(log.clone());
        assert!(!own.has_more() && own.poll(10).is_empty());
        let mut positions = Vec::new();
        for number in 0..20 {
            log.accept_message("a", b"foreign");
            log.append_readings(&[reading(number)]).await;
            positions.push(log.last());
        }
        log.accept_message("a", b"foreign");
        assert_eq!(log.unpublished(), 20);
        let mut found = own.poll(7);
        assert_eq!(found.len(), 7);
        found.append(&mut own.poll(100));
        let expected: Vec<_> = (0..)
            .map(reading)
            .map(OutboundContent::Reading)
            .zip(positions.iter().copied())
            .take(20)
            .collect();
        let found: Vec<_> = found.into_iter().map(|it| (it.content, it.position)).collect();
        assert_eq!(found, expected);
        assert!(!own.has_more());

        log.publish_through(positions[4], 5);
        assert_eq!(log.unpublished(), 15);
        let again = OutboundReader::new(log).poll(100);
        assert_eq!(again.first().map(|it| it.position), Some(positions[5]));
        assert_eq!(again.len(), 15);
    }

    #[actix::test]
    async fn forwarded_messages_come_in_the_order_of_the_log() {
        let (_folder, log) = testing::log(100);
        let mut outbound = OutboundReader::new(log.clone());
        let forwarded = |topic, payload, is_retained| IncomingMessage {
            forward: Some(Forward { is_retained }),
            ..IncomingMessage::live(Ingress::Embedded, topic, payload, 1)
        };
        log.accept_async(&forwarded("a", b"1", false)).await;
        log.accept_message("b", b"foreign");
        log.append_readings(&[reading(1)]).await;
        log.accept_async(&forwarded("c", b"2", true)).await;
        // Over the size limit, so it is not forwarded.
        log.accept_async(&forwarded("d", &vec![0; log.max_payload_bytes() + 1], false)).await;
        assert_eq!(log.unpublished(), 3);
        assert!(log.unpublished_bytes() > 0);
        let message = |topic: &str, payload: &[u8], is_retained| OutboundContent::Forwarded {
            topic: topic.to_owned(),
            payload: payload.to_vec(),
            is_retained,
        };
        let found: Vec<_> = outbound.poll(10).into_iter().map(|it| it.content).collect();
        let own = OutboundContent::Reading(reading(1));
        assert_eq!(found, [message("a", b"1", false), own, message("c", b"2", true)]);
    }
}
