//! Whether the next alert waits for the one before it to be completed. Pure.
//!
//! Two overlapping QoS 2 exchanges on one connection can delay each other: the broker's PUBREC for the second waits
//! for TCP's acknowledgement of its PUBCOMP for the first (Nagle's algorithm, which Mosquitto leaves on), and the
//! system here delays that for 40 ms or until it has something else to send (RFC 1122, 4.2.3.2), which is the next
//! alert, and so on for seconds. Measured: alerts half a millisecond apart took 25 ms each instead of one. In
//! sequence, each packet carries the acknowledgement of the one before. A burst sent in parallel has the same
//! effect: at 80 alerts a second, a stop of 100 ms was followed by bursts of four that took 50 ms each, as long as
//! alerts came.
//!
//! Always: an alert waits at most [`PATIENCE`], and [`WITH_A_CROWD`] with a burst behind it.

use std::time::{Duration, Instant};

/// Longer than TCP holds an acknowledgement back, so that exchanges that got entangled don't stay so.
const PATIENCE: Duration = Duration::from_millis(50);
/// With this many pending, waits are short: the broker is far away or stuck.
const CROWD: usize = 4;
/// Longer than an exchange with a broker nearby, so that a burst is sent one by one, a millisecond each; 200 a
/// second are started to one far away.
const WITH_A_CROWD: Duration = Duration::from_millis(5);

/// Time at which the last alert was sent.
#[derive(Debug, Default)]
pub struct Turns {
    last: Option<Instant>,
}

impl Turns {
    /// Wait of the next of `queued` alerts while `in_flight` are incomplete. To be queried again when either
    /// changes.
    #[must_use]
    pub fn wait(&self, queued: usize, in_flight: usize, now: Instant) -> Option<Duration> {
        if in_flight == 0 || queued == 0 {
            return None;
        }
        let patience = if queued < CROWD { PATIENCE } else { WITH_A_CROWD };
        let waited = now.saturating_duration_since(self.last?);
        let left = patience.checked_sub(waited).filter(|left| !left.is_zero())?;
        Some(left.min(WITH_A_CROWD))
    }

    /// An alert was sent at `now`.
    pub const fn take(&mut self, now: Instant) {
        self.last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_waits_for_the_one_before_but_not_for_long() {
        let start = Instant::now();
        let mut turns = Turns::default();
        assert_eq!(turns.wait(1, 0, start), None, "nothing is under way");
        turns.take(start);
        let later = start + Duration::from_millis(1);
        assert_eq!(turns.wait(1, 1, later), Some(WITH_A_CROWD), "then it is looked at again");
        let almost = start + Duration::from_millis(49);
        assert_eq!(turns.wait(1, 1, almost), Some(Duration::from_millis(1)));
        assert_eq!(turns.wait(1, 0, later), None, "it is completed");
        assert_eq!(turns.wait(1, 1, start + PATIENCE), None, "the broker is far away");
        assert_eq!(turns.wait(CROWD, 1, later), Some(Duration::from_millis(4)));
        assert_eq!(turns.wait(CROWD, 1, start + WITH_A_CROWD), None, "a crowd");
    }
}
