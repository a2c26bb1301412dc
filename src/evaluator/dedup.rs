//! Dedup: the memory by which a reading that comes a second time is recognised. A broker or a device sends a
//! message again when its acknowledgement was lost; an own reading comes back from the broker. Pure.
//!
//! Always: of temperatures and of all other quantities the last [`CAPACITY`] readings each are remembered, which
//! is what a store can give back in order, so a restart changes no answer. What is sent again comes within its
//! sender's in-flight window, a hundred or a thousand messages.

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
    /// Continues from what is stored.
    #[must_use]
    pub fn restore(recent: RecentReadings) -> Self {
        let RecentReadings { temperatures, others } = recent;
        Self { temperatures: Memory::restore(temperatures), others: Memory::restore(others) }
    }

    /// Whether the reading is not remembered; it is from now on.
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
