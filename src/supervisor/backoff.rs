//! Exponential backoff. Pure: chance is an argument.

use std::time::Duration;

/// Exponential backoff: `first`, doubled with each failure in a row, at most `cap`, then moved by up to
/// `jitter_percent` either way so that many clients don't retry at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Delay before the first retry, before jitter.
    pub first: Duration,
    /// Longest delay, before jitter.
    pub cap: Duration,
    /// Largest deviation from the delay, in percent; at most 100.
    pub jitter_percent: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(100), cap: Duration::from_secs(30), jitter_percent: 25 }
    }
}

impl Backoff {
    /// Delay after `streak` earlier failures in a row. `random` is uniform in `0.0..1.0`.
    #[must_use]
    pub fn delay(&self, streak: u32, random: f64) -> Duration {
        self.delay_from(Duration::ZERO, streak, random)
    }

    /// Delay after `streak` earlier failures in a row; before jitter, `least` or more.
    #[must_use]
    pub fn delay_from(&self, least: Duration, streak: u32, random: f64) -> Duration {
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(streak));
        let plain = doubled.min(self.cap).max(least);
        let jitter = f64::from(self.jitter_percent.min(100)) / 100.0;
        plain.mul_f64((2.0 * random.clamp(0.0, 1.0) - 1.0).mul_add(jitter, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn backoff_doubles_up_to_its_cap() {
        let backoff = Backoff::default();
        let middle: Vec<_> = (0..11).map(|streak| backoff.delay(streak, 0.5).as_millis()).collect();
        let expected =
            [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000_u128];
        assert_eq!(middle, expected);
        assert_eq!(backoff.delay(u32::MAX, 0.5), MS(30_000));
        assert_eq!(backoff.delay(0, 0.0), MS(75));
        assert_eq!(backoff.delay(0, 1.0), MS(125));
    }

    proptest! {
        #[test]
        fn backoff_stays_within_its_bounds(streak in 0_u32..100, random in 0.0_f64..1.0) {
            let backoff = Backoff::default();
            let plain = backoff.delay(streak, 0.5);
            let delay = backoff.delay(streak, random);
            prop_assert!(delay >= plain.mul_f64(0.7499) && delay <= plain.mul_f64(1.2501));
            prop_assert!(delay >= MS(75) && delay <= MS(37_500));
        }
    }
}
