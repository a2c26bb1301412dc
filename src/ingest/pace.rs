//! Message rate, by which the consumer decides whether to wait for a larger batch. Each batch wakes three threads, which
//! costs more than the evaluation of two or three messages. Pure.

use std::time::{Duration, Instant};

/// Time span in which messages are counted.
const WINDOW: Duration = Duration::from_millis(20);
/// Messages within a [`WINDOW`] from which the rate counts as high: 8,000 a second.
const MANY: u64 = 160;

/// Rate of messages over the last [`WINDOW`].
#[derive(Debug)]
pub struct Pace {
    since: Instant,
    messages: u64,
    is_high: bool,
}

impl Pace {
    /// Low rate; the first window begins at `now`.
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self { since: now, messages: 0, is_high: false }
    }

    /// Counts messages that were polled at `now`.
    pub fn note(&mut self, messages: u64, now: Instant) {
        self.messages += messages;
        let elapsed = now.saturating_duration_since(self.since);
        if elapsed >= WINDOW {
            let windows = elapsed.as_secs_f64() / WINDOW.as_secs_f64();
            let in_one = self.messages as f64 / windows;
            *self = Self { since: now, messages: 0, is_high: in_one >= MANY as f64 };
        }
    }

    /// Whether the last complete window had [`MANY`] messages or more.
    #[must_use]
    pub const fn is_high(&self) -> bool {
        self.is_high
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes `each` messages a millisecond, for a time.
    fn run(pace: &mut Pace, from: Instant, milliseconds: u64, each: u64) -> Instant {
        for millisecond in 1..=milliseconds {
            pace.note(each, from + Duration::from_millis(millisecond));
        }
        from + Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_steady_stream_of_thousands_is_a_high_rate_and_a_burst_is_not() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let now = run(&mut pace, start, 100, 2);
        assert!(!pace.is_high(), "2,000 a second");
        pace.note(30, now);
        assert!(!pace.is_high());
        let now = run(&mut pace, now, 40, 20);
        assert!(pace.is_high(), "20,000 a second");
        pace.note(1, now + Duration::from_secs(1));
        assert!(!pace.is_high(), "a lone one after a pause");
    }
}
