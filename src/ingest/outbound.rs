//! The publication's cursor over the log: finds what is to be published among all records, own readings and messages
//! that are forwarded.
//!
//! Always: each such record behind the publication cursor comes out once, in order. Others are passed over as they are
//! read, and only up to the last such record: where nothing is to be published, nothing is read. Never: more than
//! [`SCANNED`] records read at a time, on the caller's thread.

use std::sync::Arc;
use std::time::Duration;

use super::Log;
use super::journal::Reader;
use super::log::note_unreadable;
use super::record::{self, Body, IncomingMessage};
use crate::domain::{Position, Reading};

/// Own readings that may wait for publication, on disk: past it the oldest are skipped. Four sensors at 2 s ride
/// out seven hours without a broker, a hundred at 2 s a quarter of an hour.
pub const PUBLICATION_CAPACITY: u64 = 50_000;

/// Records read at a time at most: a few milliseconds.
const SCANNED: usize = 4096;
/// Between two polls of a log that can't be read, and of one whose wake-up was missed.
const POLL_AGAIN: Duration = Duration::from_secs(1);

/// Something that is to be published.
#[derive(Debug, Clone, PartialEq)]
pub struct Outbound {
    /// Position of its record in the log.
    pub position: Position,
    /// What it is.
    pub content: OutboundContent,
}

/// What is to be published.
#[derive(Debug, Clone, PartialEq)]
pub enum OutboundContent {
    /// An own reading, exactly as it was measured.
    Reading(Reading),
    /// A device's message, as the device sent it.
    Forwarded {
        /// Its topic.
        topic: String,
        /// Its payload.
        payload: Vec<u8>,
        /// Whether it is to be retained.
        is_retained: bool,
    },
}

/// Reading end of a [`Log`] for publication; one at a time.
#[derive(Debug)]
pub struct OutboundReader {
    log: Arc<Log>,
    reader: Reader,
}

impl OutboundReader {
    /// Begins after the publication cursor.
    #[must_use]
    pub fn new(log: Arc<Log>) -> Self {
        let reader = Reader::new(log.folder(), log.published());
        Self { log, reader }
    }

    /// What is next, at most so many; fewer when there are no more, or when they lie far apart.
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

/// Returns when something may have been appended that is to be published, since the last time. For one consumer.
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
    async fn own_readings_are_found_among_records_of_others() {
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
    async fn messages_that_are_forwarded_come_in_their_turn() {
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
        // Too large to be taken, and so to be forwarded.
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
