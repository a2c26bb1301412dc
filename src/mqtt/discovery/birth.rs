//! Birth messages of Home Assistant, which trigger publishing everything again. Pure.
//!
//! Always: after a random delay, so that many daemons don't answer at once, and at most once per [`AT_MOST_EVERY`].

use std::time::{Duration, Instant};

/// Payload of Home Assistant's birth message.
pub(in crate::mqtt) const ONLINE: &[u8] = b"online";
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
/// Added to the shortest pause, times a random share of 1.
const SPREAD: Duration = Duration::from_millis(3_500);
const AT_MOST_EVERY: Duration = Duration::from_secs(10);

/// Births received and answered.
#[derive(Debug, Default)]
pub(super) struct Births {
    due_at: Option<Instant>,
    last: Option<Instant>,
}

impl Births {
    /// Notes a birth; `share` is random, 0 to 1.
    pub fn hear(&mut self, now: Instant, share: f64) {
        if self.due_at.is_some() {
            return;
        }
        let at = now + SHORTEST_PAUSE + SPREAD.mul_f64(share.clamp(0.0, 1.0));
        self.due_at = Some(self.last.map_or(at, |last| at.max(last + AT_MOST_EVERY)));
    }

    /// Whether everything is to be published now.
    pub fn take_due(&mut self, now: Instant) -> bool {
        let is_due = self.due_at.is_some_and(|at| at <= now);
        if is_due {
            (self.due_at, self.last) = (None, Some(now));
        }
        is_due
    }

    /// Everything is published anyway.
    pub const fn forget(&mut self) {
        self.due_at = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_answers_after_a_pause_and_not_too_often() {
        let begin = Instant::now();
        let at = |millis| begin + Duration::from_millis(millis);
        let mut births = Births::default();
        assert!(!births.take_due(at(0)));
        births.hear(at(0), 0.0);
        births.hear(at(100), 0.9); // answered by the same
        assert!(!births.take_due(at(499)));
        assert!(births.take_due(at(500)));
        assert!(!births.take_due(at(9_000)), "once");
        births.hear(at(1_000), 1.0);
        assert!(!births.take_due(at(10_499)));
        assert!(births.take_due(at(10_500)));
        births.hear(at(60_000), 1.0);
        assert!(!births.take_due(at(63_999)));
        births.forget();
        assert!(!births.take_due(at(64_000)));
    }
}
