//! What comes out of the intake: the journal's records, decoded, in order.
//!
//! Holds always: each record after the place it began at comes out once, as readings, as an operator's
//! action, as a rejected message, or as nothing when it was not meant as a reading. It follows the journal on disk, so it
//! holds no more than a batch in memory however far behind it is. Never: drops a record in silence.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::codec::{Codec, Decoded, Message};
use super::pace::Pace;
use super::record::{self, Arrival, KEPT_BYTES};
use super::{Intake, Position};
use crate::domain::{Availability, OperatorAction, Reading, Rejected};
use crate::ingest::journal::{Frame, Reader};
use crate::logging::LineLimit;

/// Messages in one batch: enough to spread the cost of a hand-over, few enough not to hold an
/// arbiter for more than a few milliseconds.
const BATCH: usize = 256;
/// How long messages that come by the thousand are let come together.
const GATHER: Duration = Duration::from_millis(4);
/// Between two looks at a journal that can't be read, and at one whose wake-up was missed.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Lines on rejected messages: 5 every 10 seconds.
const REJECTED_LINES: (u64, Duration) = (5, Duration::from_secs(10));

/// What one look brought, in the order it arrived.
#[derive(Debug, Default)]
pub struct Batch {
    /// The record before the first of these.
    pub after: Position,
    /// The last of these.
    pub through: Position,
    pub readings: Vec<Reading>,
    /// Each with the number of readings that came before it.
    pub availability: Vec<(usize, Availability)>,
    pub rejected: Vec<Rejected>,
    pub actions: Vec<Asked>,
}

/// An operator's action, and its place among what came in with it.
#[derive(Debug)]
pub struct Asked {
    pub action: OperatorAction,
    /// How many of the batch's readings came before it.
    pub after_readings: usize,
    /// Its message, to be kept if it turns out to be of no use; the reason is yet to be filled in.
    pub message: Rejected,
}

/// The reading end of an [`Intake`]. One at a time has a use.
pub struct Feed {
    intake: Arc<Intake>,
    codec: Arc<dyn Codec>,
    reader: Reader,
    pace: Pace,
    lines: LineLimit,
}

impl Feed {
    /// Begins after a position.
    #[must_use]
    pub fn new(intake: Arc<Intake>, codec: Arc<dyn Codec>, after: Position) -> Self {
        let reader = Reader::new(intake.folder(), after);
        let (burst, window) = REJECTED_LINES;
        Self {
            intake,
            codec,
            reader,
            pace: Pace::new(Instant::now()),
            lines: LineLimit::new(burst, window),
        }
    }

    /// Waits until there is something. One that is dropped while it waits has taken nothing.
    pub async fn next(&mut self) -> Batch {
        if self.pace.is_high() && self.waiting() < BATCH as u64 {
            tokio::time::sleep(GATHER).await;
        }
        loop {
            // A record appended after this look leaves a wake-up behind.
            if self.waiting() > 0
                && let Some(batch) = self.look()
            {
                self.pace.note(batch.through - batch.after, Instant::now());
                return batch;
            }
            let _looks_anyway = tokio::time::timeout(LOOK_AGAIN, self.intake.appended()).await;
        }
    }

    /// Records that wait to be read.
    fn waiting(&self) -> u64 {
        self.intake.last().saturating_sub(self.reader.position())
    }

    /// Reads a file on the caller's thread: a moment, mostly from the system's cache.
    fn look(&mut self) -> Option<Batch> {
        let through = self.intake.last();
        let Self { intake, codec, reader, lines, .. } = self;
        let after = reader.position();
        let readings = Vec::with_capacity(BATCH);
        let mut batch = Batch { after, through: after, readings, ..Batch::default() };
        let limit = intake.max_payload_bytes();
        let read = reader.read_through(BATCH, through, |frame| {
            batch.through = frame.position;
            match decode(codec.as_ref(), limit, frame) {
                Ok(Decoded::Readings(mut readings)) => batch.readings.append(&mut readings),
                Ok(Decoded::Availability(heard)) => {
                    batch.availability.push((batch.readings.len(), heard));
                }
                Ok(Decoded::Action(action)) => {
                    let after_readings = batch.readings.len();
                    // What was decoded has the layout that is known.
                    if let Some(arrival) = record::decode(frame.payload) {
                        let message = reject(&arrival, String::new());
                        batch.actions.push(Asked { action, after_readings, message });
                    }
                }
                Ok(Decoded::Ignored) => {}
                Err(rejected) => {
                    log_rejected(lines, &rejected);
                    batch.rejected.push(rejected);
                }
            }
        });
        if let Err(error) = read {
            intake.note_unreadable(&error);
        }
        (batch.through > after).then_some(batch)
    }
}

fn decode(codec: &dyn Codec, limit: usize, frame: Frame<'_>) -> Result<Decoded, Rejected> {
    let Some(arrival) = record::decode(frame.payload) else {
        let reason = "its record in the intake journal has an unknown layout".to_owned();
        return Err(reject(&unknown(frame.payload), reason));
    };
    let decoded = if arrival.payload_bytes > limit {
        let bytes = arrival.payload_bytes;
        Err(format!("the payload has {bytes} bytes, more than the {limit} that are taken"))
    } else {
        let Arrival { topic, payload, received_at, .. } = arrival;
        let message = Message { topic, payload, received_at };
        // A message that makes it panic would come out of the journal again and again.
        catch_unwind(AssertUnwindSafe(|| codec.decode(&message)))
            .unwrap_or_else(|_| Err("the decoder panicked on it".into()))
    };
    decoded.map_err(|reason| reject(&arrival, reason))
}

fn log_rejected(lines: &mut LineLimit, rejected: &Rejected) {
    if let Some(suppressed_before) = lines.admit(Instant::now()) {
        if suppressed_before > 0 {
            log::warn!(target: "vigie::intake", "rejected {suppressed_before} more messages; they are kept for inspection");
        }
        // Quoted, so that a topic can't forge a line of the log.
        log::warn!(target: "vigie::intake", "rejected a message on {:?}: {}", rejected.topic, rejected.reason);
    }
}

fn unknown(payload: &[u8]) -> Arrival<'_> {
    Arrival { topic: "", payload, payload_bytes: payload.len(), received_at: chrono::Utc::now() }
}

fn reject(arrival: &Arrival<'_>, reason: String) -> Rejected {
    Rejected {
        topic: arrival.topic.to_owned(),
        payload: arrival.payload[..KEPT_BYTES.min(arrival.payload.len())].to_vec(),
        payload_bytes: arrival.payload_bytes,
        reason,
        received_at: arrival.received_at,
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::super::codec::OriginJson;
    use super::super::testing::intake;
    use super::*;
    use crate::config::ReadingTopic;
    use crate::wire::Topics;

    const TOPIC: &str = "factory/sensors/temperature";

    fn feed(intake: &Arc<Intake>, after: Position) -> Feed {
        let codec = OriginJson::new(Topics::new("factory", ReadingTopic::Shared), Tz::UTC);
        Feed::new(intake.clone(), Arc::new(codec), after)
    }

    #[actix::test]
    async fn a_batch_is_sorted_in_order() {
        let (_folder, intake) = intake(100);
        for payload in [
            r#"{"sensor_id":"A","temperature":1}"#,
            "online",
            r#"{"sensor_id":"B","temperature":2}"#,
        ] {
            intake.accept(TOPIC, payload.as_bytes());
        }
        intake.accept("factory/sensors/status", b"online");
        intake.accept(TOPIC, &[b' '; 101]);
        let batch = feed(&intake, 0).next().await;
        let ids: Vec<_> = batch.readings.iter().map(|r| r.sensor_id.as_str()).collect();
        assert_eq!(ids, ["A", "B"]);
        assert_eq!((batch.after, batch.through, batch.rejected.len()), (0, 5, 2));
        assert_eq!(batch.rejected[0].payload, b"online");
        assert_eq!(batch.rejected[1].payload_bytes, 101);
        assert!(batch.rejected[1].reason.contains("101 bytes, more than the 100"));
    }

    #[actix::test]
    async fn each_batch_goes_on_where_the_one_before_ended() {
        let (_folder, intake) = intake(100);
        let mut feed = feed(&intake, 0);
        let mut values = Vec::new();
        for number in 0..1000 {
            let reading = format!(r#"{{"sensor_id":"A","temperature":{number}}}"#);
            intake.accept(TOPIC, reading.as_bytes());
        }
        while values.len() < 1000 {
            let batch = feed.next().await;
            assert_eq!(batch.after, values.len() as u64);
            assert!(batch.readings.len() <= BATCH);
            values.extend(batch.readings.iter().map(|reading| reading.value.get()));
        }
        assert_eq!(values, (0..1000).map(f64::from).collect::<Vec<_>>());
    }

    struct Fragile;

    impl Codec for Fragile {
        fn decode(&self, message: &Message<'_>) -> Result<Decoded, String> {
            assert!(message.payload != b"poison");
            Ok(Decoded::Ignored)
        }
    }

    #[actix::test]
    async fn a_message_that_makes_the_decoder_panic_is_rejected() {
        let (_folder, intake) = intake(100);
        for payload in [b"a".as_slice(), b"poison", b"b"] {
            intake.accept(TOPIC, payload);
        }
        let batch = Feed::new(intake, Arc::new(Fragile), 0).next().await;
        assert_eq!((batch.through, batch.rejected.len()), (3, 1));
        assert_eq!(batch.rejected[0].payload, b"poison");
    }

    #[actix::test]
    async fn an_action_keeps_its_place_among_the_readings() {
        let (_folder, intake) = intake(100);
        let mut feed = feed(&intake, 0);
        let reading = br#"{"sensor_id":"T","temperature":1}"#;
        intake.accept(TOPIC, reading);
        intake.accept("factory/alarms/0123456789abcdef/ack", b"{}");
        intake.accept(TOPIC, reading);
        let batch = feed.next().await;
        let [asked] = &batch.actions[..] else { panic!("{batch:?}") };
        assert_eq!((batch.readings.len(), asked.after_readings), (2, 1));
        assert_eq!(asked.message.payload, b"{}");
    }

    #[actix::test]
    async fn one_who_waits_is_woken() {
        let (_folder, intake) = intake(100);
        let mut feed = feed(&intake, 0);
        let waiting = actix_rt::spawn(async move { feed.next().await });
        tokio::task::yield_now().await;
        intake.accept(TOPIC, b"x");
        assert_eq!(waiting.await.unwrap().rejected.len(), 1);
    }
}
