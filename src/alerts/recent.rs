//! The memory by which a reading that comes a second time is recognised: a broker or a device sends
//! a message again when its acknowledgement was lost. Pure.
//!
//! Bounded: the oldest is forgotten for the newest. What is sent again comes within its sender's
//! in-flight window, a hundred or a thousand messages, while this remembers tens of thousands.

use std::collections::VecDeque;

use crate::domain::{Fingerprint, QuickSet};

/// Less than a megabyte, and a quarter of a minute at 2,000 readings a second.
const CAPACITY: usize = 32_768;

#[derive(Debug, Default)]
pub struct Recent {
    known: QuickSet<Fingerprint>,
    oldest_first: VecDeque<Fingerprint>,
}

impl Recent {
    /// Takes up where an earlier life left off.
    #[must_use]
    pub fn restore(oldest_first: Vec<Fingerprint>) -> Self {
        let mut recent = Self::default();
        for fingerprint in oldest_first {
            recent.is_new(fingerprint);
        }
        recent
    }

    /// Whether it was not here before; it is remembered from now on.
    pub fn is_new(&mut self, fingerprint: Fingerprint) -> bool {
        if !self.known.insert(fingerprint) {
            return false;
        }
        self.oldest_first.push_back(fingerprint);
        if self.oldest_first.len() > CAPACITY
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn fingerprint(number: usize) -> Fingerprint {
        let at = DateTime::from_timestamp_micros(i64::try_from(number).unwrap()).unwrap();
        Fingerprint::new("T", "temperature", 20.0, at)
    }

    #[test]
    fn the_second_time_is_recognised_until_it_is_long_ago() {
        let mut recent = Recent::restore((0..10).map(fingerprint).collect());
        assert!(!recent.is_new(fingerprint(9)));
        for number in 10..CAPACITY + 10 {
            assert!(recent.is_new(fingerprint(number)));
        }
        assert!(!recent.is_new(fingerprint(10)));
        assert!(recent.is_new(fingerprint(9)), "forgotten");
        assert_eq!((recent.known.len(), recent.oldest_first.len()), (CAPACITY, CAPACITY));
    }
}
