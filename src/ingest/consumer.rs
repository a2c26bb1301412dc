//! The evaluator's log consumer: polls records and decodes them, in order.
//!
//! Always: each record after the start position is returned once, with its time: as readings and availability, an
//! operator's action, a finding, a rejected message, or nothing. Records are read from disk, so memory holds one poll,
//! whatever the lag.
//! Never: a record dropped without an entry.

#![expect(clippy::disallowed_methods, reason = "polls and log lines are paced by time")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Log;
use super::formats::{Decoded, DecodedMessage, Decoders, MOST_DESCRIPTION_BYTES, Message};
use super::inventory::Inventory;
use super::journal::{Frame, Reader};
use super::log::note_unreadable;
use super::pace::Pace;
use super::record::{self, Body, IncomingMessage, KEPT_BYTES, Receipt};
use super::subscriptions::Subscriptions;
use crate::domain::{
    Availability, DecoderChange, Finding, Ingress, Measurement, OperatorAction, Position, Rejected,
};
use crate::logging::LineLimit;

/// Limit of records in one poll: enough to amortise a hand-over, few enough to hold an arbiter for a few milliseconds only.
const BATCH: usize = 256;
/// Delay before a poll at a high message rate, to collect a larger batch.
const GATHER: Duration = Duration::from_millis(4);
/// Delay until the next poll after a failed read or a missed wake-up.
const POLL_AGAIN: Duration = Duration::from_secs(1);
/// Limit of log lines on rejected messages: 5 every 10 seconds.
const REJECTED_LINES: (u64, Duration) = (5, Duration::from_secs(10));

/// Entries of one poll.
#[derive(Debug, Default)]
pub struct Polled {
    /// Position before the first entry.
    pub after: Position,
    /// Position of the last entry.
    pub through: Position,
    /// Entries in the order of the log; positions grow, and may have gaps where the log was damaged.
    pub entries: Vec<LogEntry>,
}

/// One record, decoded.
#[derive(Debug)]
pub struct LogEntry {
    /// Position of the record in the log.
    pub position: Position,
    /// Time of the append. A record of an unknown layout has 1970 and no listening clocks.
    pub receipt: Receipt,
    /// Ingress; `None` for a message that the previous version logged.
    pub ingress: Option<Ingress>,
    /// Decoded content.
    pub content: EntryContent,
    /// Changes of decoder state by this record.
    pub decoders: Vec<DecoderChange>,
}

/// Decoded content of a record.
#[derive(Debug)]
pub enum EntryContent {
    /// Readings and availability of one message, or one own reading.
    Data(DeviceData),
    /// An operator's action, by message or by the API.
    Action {
        /// Requested action.
        action: OperatorAction,
        /// Message that carried the action, kept for inspection if the action fails; `None` for the API's.
        message: Option<Rejected>,
    },
    /// A message that can't be decoded, with the reason.
    Rejected(Rejected),
    /// A finding of the daemon about itself.
    Finding(Finding),
    /// A time mark, or a message without readings.
    Nothing,
}

/// Readings and availability that one message carried.
#[derive(Debug, Default)]
pub struct DeviceData {
    /// Changes of availability; they precede the readings.
    pub availability: Vec<Availability>,
    /// Readings in the order of the payload.
    pub measurements: Vec<Measurement>,
    /// The message itself, kept for inspection if some of its values can't be used.
    pub faulty: Option<Rejected>,
    /// Whether the readings come from Home Assistant's discovery.
    pub is_home_assistants: bool,
}

/// Consumer of a [`Log`] for the evaluator; one at a time.
pub struct LogConsumer {
    log: Arc<Log>,
    subscriptions: Subscriptions,
    decoders: Decoders,
    reader: Reader,
    pace: Pace,
    lines: LineLimit,
}

impl LogConsumer {
    /// Consumer that begins after a position, with the decoder state as of it.
    #[must_use]
    pub fn new(
        log: Arc<Log>,
        subscriptions: Subscriptions,
        decoders: Vec<DecoderChange>,
        after: Position,
    ) -> Self {
        let mut decoders = Decoders::new(subscriptions.formats(), decoders);
        // Position 0 has every topic logged until the learned filters are restored.
        subscriptions.note_evaluated(0);
        subscriptions.learn(decoders.take_filters().unwrap_or_default(), decoders.requests());
        subscriptions.note_evaluated(after);
        let reader = Reader::new(log.folder(), after);
        let (burst, window) = REJECTED_LINES;
        Self {
            log,
            subscriptions,
            decoders,
            reader,
            pace: Pace::new(Instant::now()),
            lines: LineLimit::new(burst, window),
        }
    }

    /// Waits for the next entries. Cancel-safe: a dropped future has consumed nothing.
    pub async fn next(&mut self) -> Polled {
        if self.pace.is_high() && self.lag() < BATCH as u64 {
            tokio::time::sleep(GATHER).await;
        }
        loop {
            // A record appended after this poll leaves a wake-up behind.
            if self.lag() > 0
                && let Some(polled) = self.poll()
            {
                self.pace.note(polled.through - polled.after, Instant::now());
                return polled;
            }
            let _polls_anyway = tokio::time::timeout(POLL_AGAIN, self.log.appended()).await;
        }
    }

    /// Lag: records that are not read yet.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.log.last().saturating_sub(self.reader.position())
    }

    /// Reads a file on the caller's thread; the data is mostly in the page cache.
    fn poll(&mut self) -> Option<Polled> {
        let through = self.log.last();
        let Self { log, subscriptions, decoders, reader, lines, .. } = self;
        let inventory = subscriptions.inventory();
        let after = reader.position();
        let mut polled = Polled { after, through: after, entries: Vec::with_capacity(BATCH) };
        let limit = log.max_payload_bytes();
        let read = reader.read_through(BATCH, through, |frame| {
            polled.through = frame.position;
            let entry = decode(decoders, inventory, limit, frame);
            if let EntryContent::Data(data) = &entry.content {
                subscriptions.note_origin(&data.measurements, data.is_home_assistants);
            }
            match &entry.content {
                EntryContent::Rejected(rejected)
                | EntryContent::Data(DeviceData { faulty: Some(rejected), .. }) => {
                    log_rejected(lines, rejected);
                }
                _ => {}
            }
            polled.entries.push(entry);
        });
        if let Err(error) = read {
            note_unreadable(&error);
        }
        if let Some(filters) = self.decoders.take_filters() {
            self.subscriptions.learn(filters, self.decoders.requests());
        }
        self.subscriptions.note_evaluated(polled.through);
        (polled.through > after).then_some(polled)
    }
}

fn decode(
    decoders: &mut Decoders,
    inventory: &Inventory,
    limit: usize,
    frame: Frame<'_>,
) -> LogEntry {
    let position = frame.position;
    let Some((receipt, body)) = record::decode(frame.payload) else {
        let reason = "its record in the log has an unknown layout".to_owned();
        let receipt = Receipt { at: chrono::DateTime::UNIX_EPOCH, clocks: None };
        let incoming = IncomingMessage::live(Ingress::Own, "", frame.payload, 0);
        let content = EntryContent::Rejected(reject(&incoming, receipt, reason));
        return LogEntry { position, receipt, ingress: None, content, decoders: Vec::new() };
    };
    let own = Some(Ingress::Own);
    let mut changes = Vec::new();
    let (ingress, content) = match body {
        Body::Message(incoming) => (
            incoming.ingress,
            content(decoders, inventory, limit, &incoming, receipt, &mut changes),
        ),
        Body::OwnReading(reading) => {
            let measurements = vec![Measurement::live(reading)];
            (own, EntryContent::Data(DeviceData { measurements, ..DeviceData::default() }))
        }
        Body::Action(action) => (own, EntryContent::Action { action, message: None }),
        Body::TimeMark => (own, EntryContent::Nothing),
        Body::Finding(finding) => (own, EntryContent::Finding(finding)),
    };
    LogEntry { position, receipt, ingress, content, decoders: changes }
}

fn content(
    decoders: &mut Decoders,
    inventory: &Inventory,
    limit: usize,
    incoming: &IncomingMessage<'_>,
    receipt: Receipt,
    changes: &mut Vec<DecoderChange>,
) -> EntryContent {
    let bytes = incoming.payload_bytes;
    let may_be_large = || {
        let is_description = || decoders.is_description(incoming.topic);
        decoders.ignores(incoming.topic) || bytes <= MOST_DESCRIPTION_BYTES && is_description()
    };
    if bytes > limit && !may_be_large() {
        let reason = format!("the payload has {bytes} bytes, more than the {limit} that are taken");
        return EntryContent::Rejected(reject(incoming, receipt, reason));
    }
    let IncomingMessage { topic, payload, is_replayed, .. } = *incoming;
    let message = Message { topic, payload, received_at: receipt.at, is_replayed };
    let Some(DecodedMessage { place, decoded, is_home_assistants, .. }) =
        decoders.decode(&message, changes)
    else {
        inventory.note_unclaimed(topic, payload, receipt.at);
        // The message is only forwarded; or it was logged while a description was pending that turned out not to name its
        // topic; or it comes from an earlier subscription of a persistent session.
        return EntryContent::Nothing;
    };
    count_in_inventory(inventory, decoders, place, &message, &decoded);
    match decoded {
        Ok(Decoded { action: Some(action), .. }) => {
            let message = Some(reject(incoming, receipt, String::new()));
            EntryContent::Action { action, message }
        }
        Ok(decoded) if decoded.is_empty() => EntryContent::Nothing,
        Ok(Decoded { availability, measurements, faults, num_faults, .. }) => {
            let faulty = (num_faults > 0).then(|| {
                reject(
                    incoming,
                    receipt,
                    format!("{num_faults} of its values can't be used: {}", faults.join("; ")),
                )
            });
            EntryContent::Data(DeviceData {
                availability,
                measurements,
                faulty,
                is_home_assistants,
            })
        }
        Err(reason) => EntryContent::Rejected(reject(incoming, receipt, reason)),
    }
}

/// Counts a claimed message, and samples which of its table's pointers find nothing.
fn count_in_inventory(
    inventory: &Inventory,
    decoders: &Decoders,
    place: usize,
    message: &Message<'_>,
    decoded: &Result<Decoded, String>,
) {
    let at = message.received_at;
    if !inventory.note_claimed(place, message.topic, decoded, at) {
        return;
    }
    let lines = decoders.explain(message);
    // A message without values and without misses was not meant to carry a value.
    let has_values = decoded.as_ref().is_ok_and(|it| !it.measurements.is_empty());
    if has_values || !lines.is_empty() {
        inventory.note_misses(place, lines, at);
    }
}

fn log_rejected(lines: &mut LineLimit, rejected: &Rejected) {
    if let Some(suppressed_before) = lines.admit(Instant::now()) {
        if suppressed_before > 0 {
            log::warn!(target: "vigie::intake", "rejected {suppressed_before} more messages; they are kept for inspection");
        }
        // Quoted, so that a topic can't forge a log line.
        log::warn!(target: "vigie::intake", "rejected a message on {:?}: {}", rejected.topic, rejected.reason);
    }
}

fn reject(incoming: &IncomingMessage<'_>, receipt: Receipt, reason: String) -> Rejected {
    Rejected {
        topic: incoming.topic.to_owned(),
        payload: incoming.payload[..KEPT_BYTES.min(incoming.payload.len())].to_vec(),
        payload_bytes: incoming.payload_bytes,
        reason,
        received_at: receipt.at,
    }
}

#[cfg(test)]
#[path = "consumer_tests.rs"]
mod tests;
