//! Keep-alive requests that some devices need to go on sending, published while the connection is open.
//!
//! Always: the first request of a connection, and a periodic one, asks for unchanged values too. They are sent at
//! no other time, and without them the device would seem silent.

use std::time::{Duration, Instant};

use crate::ingest::formats::REQUEST_SECONDS;

/// Requests between two for all values: five minutes.
const FOR_ALL_EVERY: u32 = 10;

/// Times of the requests sent on this connection.
#[derive(Debug, Default)]
pub(super) struct Requesting {
    last: Option<Instant>,
    count: u32,
    number: u64,
}

impl Requesting {
    /// Number of the next request.
    pub(super) const fn next_number(&mut self) -> u64 {
        self.number = self.number.wrapping_add(1);
        self.number
    }

    /// Whether requests are due, and whether for all values.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<bool> {
        let every = Duration::from_secs(REQUEST_SECONDS);
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < every) {
            return None;
        }
        self.last = Some(now);
        let is_for_all = self.count.is_multiple_of(FOR_ALL_EVERY);
        self.count = self.count.wrapping_add(1);
        Some(is_for_all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_connection_and_each_tenth_ask_for_all() {
        let mut requesting = Requesting::default();
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert_eq!(requesting.take_due(at(0)), Some(true));
        assert_eq!(requesting.take_due(at(29)), None);
        let rest: Vec<_> = (1..=10).map(|turn| requesting.take_due(at(turn * 30))).collect();
        assert_eq!(rest, [vec![Some(false); 9], vec![Some(true)]].concat());
    }
}
