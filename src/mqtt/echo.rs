//! Detects a subscription that the broker grants and filters, as when the user has no right to read. This daemon's own
//! status is published on a topic that the subscription matches, so it must come back. Pure.

use std::time::{Duration, Instant};

/// Timeout from the PUBACK of the status to its echo.
const ECHO_TIMEOUT: Duration = Duration::from_secs(10);

/// Echo of the status published on one connection.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Echo {
    /// The status has no PUBACK yet.
    #[default]
    NotPublished,
    /// Acknowledged at this time; no echo yet.
    Awaited(Instant),
    /// The status came back.
    Received,
    /// The status did not come back in time.
    TimedOut,
}

impl Echo {
    /// The broker acknowledged the status.
    pub fn published(&mut self, now: Instant) {
        if *self == Self::NotPublished {
            *self = Self::Awaited(now);
        }
    }

    /// A message arrived on the status topic. Returns whether the echo had timed out.
    pub fn received(&mut self) -> bool {
        std::mem::replace(self, Self::Received) == Self::TimedOut
    }

    /// Returns true once, when the echo times out.
    pub fn take_timeout(&mut self, now: Instant) -> bool {
        let is_late =
            matches!(self, Self::Awaited(at) if now.saturating_duration_since(*at) >= ECHO_TIMEOUT);
        if is_late {
            *self = Self::TimedOut;
        }
        is_late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_times_out_once() {
        let begin = Instant::now();
        let mut echo = Echo::default();
        assert!(!echo.take_timeout(begin + ECHO_TIMEOUT));
        echo.published(begin);
        assert!(!echo.take_timeout(begin + ECHO_TIMEOUT / 2));
        assert!(echo.take_timeout(begin + ECHO_TIMEOUT));
        assert!(!echo.take_timeout(begin + ECHO_TIMEOUT * 2));
        assert!(echo.received() && !echo.received());
    }

    #[test]
    fn an_echo_may_precede_the_acknowledgement() {
        let begin = Instant::now();
        let mut echo = Echo::default();
        assert!(!echo.received());
        echo.published(begin);
        assert!(!echo.take_timeout(begin + ECHO_TIMEOUT));
    }
}
