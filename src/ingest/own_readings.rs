//! The publication's cursor over the log: finds the daemon's own readings among all records.
//!
//! Always: each own reading behind the publication cursor comes out once, in order. Records of others are
//! passed over as they are read, and only up to the last own reading: where no own sensor runs, nothing is
//! read. Never: more than [`SCANNED`] records read at a time, on the caller's thread.

use std::sync::Arc;
use std::time::Duration;

use super::Log;
use super::journal::Reader;
use super::log::note_unreadable;
use super::record::{self, Body};
use crate::domain::{Position, Reading};

/// Own readings that may wait for publication, on disk: past it the oldest are skipped. Four sensors at 2 s ride
/// out seven hours without a broker, a hundred at 2 s a quarter of an hour.
pub const PUBLICATION_CAPACITY: u64 = 50_000;

/// Records read at a time at most: a few milliseconds.
const SCANNED: usize = 4096;
/// Between two polls of a log that can't be read, and of one whose wake-up was missed.
const POLL_AGAIN: Duration = Duration::from_secs(1);

/// An own reading that is to be published.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// Position of its record in the log.
    pub position: Position,
    /// The reading, exactly as it was measured.
    pub reading: Reading,
}

/// Reading end of a [`Log`] for publication; one at a time.
#[derive(Debug)]
pub struct OwnReadings {
    log: Arc<Log>,
    reader: Reader,
}

impl OwnReadings {
    /// Begins after the publication cursor.
    #[must_use]
    pub fn new(log: Arc<Log>) -> Self {
        let reader = Reader::new(log.folder(), log.published());
        Self { log, reader }
    }

    /// The next own readings, at most so many; fewer when there are no more, or when they lie far apart.
    pub fn poll(&mut self, at_most: usize) -> Vec<Published> {
        let through = self.log.last_own();
        let (mut found, mut scanned) = (Vec::new(), 0);
        while found.len() < at_most && scanned < SCANNED {
            let wanted = at_most - found.len();
            let read = self.reader.read_through(wanted, through, |frame| {
                if record::is_own_reading(frame.payload)
                    && let Some((_, Body::OwnReading(reading))) = record::decode(frame.payload)
                {
                    found.push(Published { position: frame.position, reading });
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
        self.reader.position() < self.log.last_own()
    }
}

/// Returns when own readings may have been appended since the last time. For one consumer.
pub async fn appended(log: &Log) {
    let _polls_anyway = tokio::time::timeout(POLL_AGAIN, log.appended_own()).await;
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::super::log::testing;
    use super::*;
    use crate::domain::{Location, Quantity, SensorId, Unit, Value};

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
        let mut own = OwnReadings::new(log.clone());
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
        let expected: Vec<_> = (0..).map(reading).zip(positions.iter().copied()).take(20).collect();
        let found: Vec<_> = found.into_iter().map(|it| (it.reading, it.position)).collect();
        assert_eq!(found, expected);
        assert!(!own.has_more());

        log.publish_through(positions[4], 5);
        assert_eq!(log.unpublished(), 15);
        let again = OwnReadings::new(log).poll(100);
        assert_eq!(again.first().map(|it| it.position), Some(positions[5]));
        assert_eq!(again.len(), 15);
    }
}
