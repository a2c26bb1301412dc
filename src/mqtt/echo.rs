//! Detects a subscription that the broker grants but filters, as when the user has no right to read. The daemon's
//! own status is published on a topic that the subscription matches, so it must come back. Pure.

use std::time::{Duration, Instant};

/// Timeout from the PUBACK of the status to its echo.
const ECHO_TIMEOUT: Duration = Duration::from_secs(10);

/// Echo of the status published on one connection.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Echo {
    /// The status has no PUBACK yet.
    #[default]
    NotPublished,
    /// Acknowledged; no echo yet.
    Awaited {
        /// Time of the acknowledgement.
        since: Instant,
        /// Messages received before.
        messages_in: u64,
    },
    /// The status came back.
    Received,
    /// The status did not come back in time.
    TimedOut,
}

impl Echo {
    /// The broker acknowledged the status.
    pub fn published(&mut self, messages_in: u64, now: Instant) {
        if *self == Self::NotPublished {
            *self = Self::Awaited { since: now, messages_in };
        }
    }

    /// Notes a message on the status topic.
    pub const fn received(&mut self) {
        *self = Self::Received;
    }

    /// Returns true once, when the echo times out. Any other message received meanwhile is an echo as good.
    pub fn take_timeout(&mut self, messages_in: u64, now: Instant) -> bool {
        let Self::Awaited { since, messages_in: before } = *self else { return false };
        if messages_in > before {
            *self = Self::Received;
            return false;
        }
        let is_late = now.saturating_duration_since(since) >= ECHO_TIMEOUT;
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
        assert!(!echo.take_timeout(0, begin + ECHO_TIMEOUT));
        echo.published(5, begin);
        assert!(!echo.take_timeout(5, begin + ECHO_TIMEOUT / 2));
        assert!(echo.take_timeout(5, begin + ECHO_TIMEOUT));
        assert!(!echo.take_timeout(5, begin + ECHO_TIMEOUT * 2));
        echo.received();
        assert_eq!(echo, Echo::Received);
    }

    #[test]
    fn an_echo_may_precede_the_acknowledgement() {
        let begin = Instant::now();
        let mut echo = Echo::default();
        echo.received();
        echo.published(0, begin);
        assert!(!echo.take_timeout(0, begin + ECHO_TIMEOUT));
    }

    #[test]
    fn another_message_is_an_echo_as_good() {
        let begin = Instant::now();
        let mut echo = Echo::default();
        echo.published(5, begin);
        assert!(!echo.take_timeout(6, begin + ECHO_TIMEOUT));
        assert_eq!(echo, Echo::Received);
    }
}
