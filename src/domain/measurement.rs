//! Measurements: decoded readings with the origin of their time and what they may change.

use chrono::{DateTime, TimeDelta, Utc};

use super::Reading;

/// A timestamp further ahead of its receipt comes from an unset clock.
const MOST_AHEAD: TimeDelta = TimeDelta::minutes(5);

/// 2001-01-01T00:00:00Z. An earlier timestamp comes from an unset clock.
const EARLIEST_UNIX_S: i64 = 978_307_200;

/// A reading with the attributes that evaluation needs beyond its fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// Reading. Its timestamp is the receipt time if `clock` says so.
    pub reading: Reading,
    /// Clock that the timestamp is of.
    pub clock: ReadingClock,
    /// Which state the reading may change.
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

/// Which state a reading may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Judged and stored.
    Live,
    /// Delivered late, declared so by its sender: stored, without effect on live value, alarms and silence.
    Historical,
    /// Replayed by a broker from its retained messages: shown if nothing newer is known; never stored, judged or
    /// counted as a sign of life.
    Replayed,
}

impl Measurement {
    /// A live reading with its own time.
    #[must_use]
    pub const fn live(reading: Reading) -> Self {
        Self { reading, clock: ReadingClock::Sender, news: News::Live }
    }

    /// Replaces a time that only an unset clock can show (before 2001, or more than 5 minutes after the receipt) by
    /// the receipt time. Returns true if it did.
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
