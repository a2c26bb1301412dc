//! The memory by which a reading that comes a second time is recognised: a broker or a device sends
//! a message again when its acknowledgement was lost. Pure.
//!
//! Bounded: two generations, of which the older is forgotten when the younger is full. What is sent again
//! comes within its sender's in-flight window, a hundred or a thousand messages, while this remembers
//! tens of thousands.

use crate::domain::{Fingerprint, QuickSet};

/// What 32,768 places of a hash table hold, some 300 kB; a quarter of a minute at 2,000 readings a second.
const GENERATION: usize = 28_672;

#[derive(Debug, Default)]
pub struct Recent {
    younger: QuickSet<Fingerprint>,
    older: QuickSet<Fingerprint>,
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
        if self.older.contains(&fingerprint) || !self.younger.insert(fingerprint) {
            return false;
        }
        if self.younger.len() == GENERATION {
            std::mem::swap(&mut self.younger, &mut self.older);
            self.younger.clear();
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
        let mut newest = 9;
        while newest < 3 * GENERATION {
            newest += 1;
            assert!(recent.is_new(fingerprint(newest)));
            assert!(!recent.is_new(fingerprint(newest + 1 - GENERATION.min(newest))));
            assert!(recent.younger.len() < GENERATION && recent.older.len() <= GENERATION);
        }
        assert!(recent.is_new(fingerprint(9)), "forgotten");
    }
}
