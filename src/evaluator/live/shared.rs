//! Texts that many series have alike, each held once: a series has its number. Pure.
//!
//! Always: a number is good until the next [`Shared::tidy`].

use std::hash::Hash;

use crate::domain::QuickMap;

/// Texts that are held without being counted.
const ALLOWANCE: usize = 1024;

/// Values by their numbers, and numbers by their values.
#[derive(Debug)]
pub(super) struct Shared<T> {
    values: Vec<T>,
    numbers: QuickMap<T, u32>,
    /// Values that were in use at the last look.
    num_used: usize,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self { values: Vec::new(), numbers: QuickMap::default(), num_used: 0 }
    }
}

impl<T: Clone + Eq + Hash> Shared<T> {
    /// Number of a value.
    pub fn number(&mut self, value: &T) -> u32 {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        // By `tidy` there are fewer than series, whose numbers have this size.
        let number = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        self.values.push(value.clone());
        self.numbers.insert(value.clone(), number);
        number
    }

    /// Value that has a number.
    pub fn get(&self, number: u32) -> &T {
        &self.values[number as usize]
    }

    /// True if most values may be unused, as with sensors that name another location in each reading.
    pub fn is_untidy(&self) -> bool {
        self.values.len() > 2 * self.num_used + ALLOWANCE
    }

    /// Drops unused values and renumbers the others.
    pub fn tidy<'a>(&mut self, used: impl Iterator<Item = &'a mut u32>) {
        let before = std::mem::take(self);
        for number in used {
            *number = self.number(&before.values[*number as usize]);
        }
        self.num_used = self.values.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_one_number_and_what_nobody_uses_goes() {
        let mut shared = Shared::default();
        let mut used = [shared.number(&"a"), shared.number(&"b"), shared.number(&"a")];
        assert_eq!(used, [0, 1, 0]);
        used[0] = shared.number(&"c");
        used[2] = used[0];
        assert!(!shared.is_untidy());
        shared.tidy(used.iter_mut());
        assert_eq!((shared.values.len(), used), (2, [0, 1, 0]));
        assert_eq!((*shared.get(used[0]), *shared.get(used[1])), ("c", "b"));
    }
}
