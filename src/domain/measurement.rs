//! A reading as a message carried it: with where its time comes from, and whether it is news.

use chrono::{DateTime, TimeDelta, Utc};

use super::Reading;

/// A timestamp so much later than its receipt is the word of a clock that is not set.
const MOST_AHEAD: TimeDelta = TimeDelta::minutes(5);

/// 2001-01-01T00:00:00Z: a timestamp before is the word of a clock that is not set.
const EARLIEST_UNIX_S: i64 = 978_307_200;

/// A reading with what evaluation must know about it beside its fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// The reading; its timestamp is the time of receipt where `clock` says so.
    pub reading: Reading,
    /// Clock that the timestamp is of.
    pub clock: ReadingClock,
    /// What the reading may change.
    pub news: News,
}

/// Clock that gave a reading its timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadingClock {
    /// The sender's, or a gateway's between.
    Sender,
    /// This machine's at the receipt: the message has no time, or one that can't be true.
    Receipt,
}

/// What a reading may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Judged and stored.
    Live,
    /// Sent later than it was measured, by its sender's own word: stored, and never changes a live value, an alarm
    /// or a sign of life.
    Historical,
    /// Replayed by a broker from its retained messages: shown where nothing newer is known, and never stored, judged or
    /// taken for a sign of life.
    Replayed,
}

impl Measurement {
    /// A live reading with a time of its own.
    #[must_use]
    pub const fn live(reading: Reading) -> Self {
        Self { reading, clock: ReadingClock::Sender, news: News::Live }
    }

    /// Puts the time of receipt in the place of a time that only a clock that is not set can have shown: before 2001,
    /// or more than 5 minutes after the receipt. Returns whether it did.
    pub fn distrust_unset_clock(&mut self, received_at: DateTime<Utc>) -> bool {
        let at = self.reading.timestamp;
        let is_ahead = at.signed_duration_since(received_at) > MOST_AHEAD;
        let is_set = at.timestamp() >= EARLIEST_UNIX_S && !is_ahead;
        if self.clock == ReadingClock::Receipt || is_set {
            return false;
        }
        (self.reading.timestamp, self.clock) = (received_at, ReadingClock::Receipt);
        true
    }
}
