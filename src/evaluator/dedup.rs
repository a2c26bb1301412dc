//! Deduplication of readings. A broker or device redelivers a message whose acknowledgement was lost; an own
//! reading comes back from the broker. Pure.
//!
//! Always: remembers the last [`CAPACITY`] readings of temperatures, and as many of all other quantities, which
//! storage can return in order; so a restart changes no answer. A redelivery comes within its sender's in-flight
//! window of a hundred or a thousand messages.

use std::collections::VecDeque;

use crate::domain::{Fingerprint, QuickSet, Reading};
use crate::messages::RecentReadings;

const CAPACITY: usize = RecentReadings::CAPACITY;

#[derive(Debug, Default)]
pub(super) struct Dedup {
    temperatures: Memory,
    others: Memory,
}

impl Dedup {
    /// Restores the memory from storage.
    #[must_use]
    pub fn restore(recent: RecentReadings) -> Self {
        let RecentReadings { temperatures, others } = recent;
        Self { temperatures: Memory::restore(temperatures), others: Memory::restore(others) }
    }

    /// True if the reading is new. Remembers it.
    pub fn is_new(&mut self, reading: &Reading) -> bool {
        let memory = if reading.quantity.is_temperature() {
            &mut self.temperatures
        } else {
            &mut self.others
        };
        memory.is_new(Fingerprint::from(reading))
    }

    /// Whether the reading is remembered.
    #[must_use]
    pub fn knows(&self, reading: &Reading) -> bool {
        let memory =
            if reading.quantity.is_temperature() { &self.temperatures } else { &self.others };
        memory.known.contains(&Fingerprint::from(reading))
    }
}

/// The last fingerprints, in order.
#[derive(Debug, Default)]
struct Memory {
    known: QuickSet<Fingerprint>,
    oldest_first: VecDeque<Fingerprint>,
}

impl Memory {
    fn restore(oldest_first: Vec<Fingerprint>) -> Self {
        let mut memory = Self::default();
        for fingerprint in oldest_first {
            memory.is_new(fingerprint);
        }
        memory
    }

    fn is_new(&mut self, fingerprint: Fingerprint) -> bool {
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
        let mut memory = Memory::restore((0..10).map(fingerprint).collect());
        assert!(!memory.is_new(fingerprint(9)));
        let mut newest = 9;
        while newest < 3 * CAPACITY {
            newest += 1;
            assert!(memory.is_new(fingerprint(newest)));
            assert!(!memory.is_new(fingerprint(newest + 1 - CAPACITY.min(newest))));
            assert!(memory.known.len() <= CAPACITY && memory.oldest_first.len() <= CAPACITY);
        }
        assert!(memory.is_new(fingerprint(9)), "forgotten");
    }
}
