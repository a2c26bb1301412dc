//! Clocks of senders: which readings get their receipt time, and whether this machine's own clock can be trusted
//! for that. Pure.
//!
//! Always: compared with the receipt time in the record, never with the present time, so a repeated evaluation
//! gives the same times. Never: distrusts a sender while this machine's own clock is behind what it has shown
//! before, or behind the build time of the program.

use chrono::{DateTime, TimeDelta, Utc};

use super::notes::LogNote;
use crate::domain::{Measurement, QuickSet, SensorId};

/// Backward step of the clock that is tolerated: a correction by NTP.
const CORRECTION: TimeDelta = TimeDelta::minutes(1);

/// Maximum age of a correct reading from a sender that is trusted more than this machine's clock.
const DELAY: TimeDelta = TimeDelta::hours(1);

/// Sensors whose unset clock was logged, at most: a device may invent ids.
const MOST_SAID: usize = 10_000;

/// Which senders' clocks are set.
#[derive(Debug, Default)]
pub(super) struct SenderClocks {
    /// The latest time of receipt; `None` before the first record of an installation.
    newest: Option<DateTime<Utc>>,
    is_own_behind: bool,
    said: QuickSet<SensorId>,
    num_unset: u64,
}

impl SenderClocks {
    /// Begins with a time before which this machine's clock can't be right.
    pub fn begin(&mut self, newest: Option<DateTime<Utc>>) {
        self.newest = newest;
    }

    /// Follows this machine's clock. Returns a note when it is found to be behind, and when that ends.
    pub fn advance(&mut self, now: DateTime<Utc>) -> Option<LogNote> {
        let newest = self.newest.map_or(now, |newest| newest.max(now));
        self.newest = Some(newest);
        let is_behind = newest.signed_duration_since(now) > CORRECTION;
        if is_behind == self.is_own_behind {
            return None;
        }
        self.is_own_behind = is_behind;
        Some(LogNote::OwnClockBehind { is_behind, now, newest })
    }

    /// Replaces a time of an unset sender's clock by the receipt time. Returns a note once per sensor.
    pub fn check(
        &mut self,
        measurement: &mut Measurement,
        received_at: DateTime<Utc>,
    ) -> Option<LogNote> {
        let says = measurement.reading.timestamp;
        let may_be_right =
            self.newest.is_some_and(|newest| newest.signed_duration_since(says) <= DELAY);
        if (self.is_own_behind && may_be_right) || !measurement.distrust_unset_clock(received_at) {
            return None;
        }
        self.num_unset += 1;
        let sensor_id = &measurement.reading.sensor_id;
        if self.said.len() >= MOST_SAID || !self.said.insert(sensor_id.clone()) {
            return None;
        }
        Some(LogNote::ClockUnset { sensor_id: sensor_id.clone(), says })
    }

    /// Number of readings with a replaced time.
    pub const fn num_unset(&self) -> u64 {
        self.num_unset
    }

    /// Whether this machine's clock is behind.
    pub const fn is_own_behind(&self) -> bool {
        self.is_own_behind
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Location, Quantity, Reading, ReadingClock, Unit, Value};

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + minute * 60, 0).unwrap()
    }

    /// The time and clock that a reading has in the end, and whether its sensor is said to be unset.
    fn checked(
        clocks: &mut SenderClocks,
        says: DateTime<Utc>,
        received_at: DateTime<Utc>,
    ) -> (DateTime<Utc>, ReadingClock, bool) {
        let mut measurement = Measurement::live(Reading {
            sensor_id: SensorId::new("T").unwrap(),
            location: Location::new(""),
            quantity: Quantity::temperature(),
            value: Value::new(1.0).unwrap(),
            unit: Unit::new("celsius"),
            timestamp: says,
        });
        let note = clocks.check(&mut measurement, received_at);
        (measurement.reading.timestamp, measurement.clock, note.is_some())
    }

    #[test]
    fn a_time_that_no_clock_shows_gives_way_to_the_receipt_and_is_said_once_a_sensor() {
        use ReadingClock::{Receipt, Sender};
        let mut clocks = SenderClocks::default();
        clocks.begin(Some(at(0)));
        assert!(clocks.advance(at(0)).is_none());
        for (says, expected) in [
            (at(5), (at(5), Sender, false)),
            (at(-600), (at(-600), Sender, false)),
            (at(6), (at(0), Receipt, true)),
            (DateTime::from_timestamp(37, 0).unwrap(), (at(0), Receipt, false)),
            (DateTime::<Utc>::MAX_UTC, (at(0), Receipt, false)),
        ] {
            assert_eq!(checked(&mut clocks, says, at(0)), expected, "{says}");
        }
        assert_eq!(clocks.num_unset(), 3);
    }

    #[test]
    fn a_machine_whose_clock_is_behind_trusts_a_sender_that_may_be_right() {
        use ReadingClock::{Receipt, Sender};
        let mut clocks = SenderClocks::default();
        clocks.begin(Some(at(0)));
        assert!(clocks.advance(at(-1)).is_none(), "a correction");
        let Some(LogNote::OwnClockBehind { is_behind: true, .. }) = clocks.advance(at(-120)) else {
            panic!("two hours");
        };
        assert_eq!(checked(&mut clocks, at(1), at(-120)), (at(1), Sender, false));
        assert_eq!(checked(&mut clocks, at(-59), at(-120)), (at(-59), Sender, false));
        assert_eq!(checked(&mut clocks, at(-100), at(-120)), (at(-120), Receipt, true));
        assert_eq!(checked(&mut clocks, at(-121), at(-120)), (at(-121), Sender, false));
        assert!(clocks.is_own_behind());
        let back = clocks.advance(at(0));
        assert!(matches!(back, Some(LogNote::OwnClockBehind { is_behind: false, .. })));
        assert_eq!(checked(&mut clocks, at(10), at(0)), (at(0), Receipt, false));
    }
}
