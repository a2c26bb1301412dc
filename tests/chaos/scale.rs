//! How much of it: small counts among the other tests, full ones on their own.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Whether the counts of the promise are asked for.
pub fn is_full() -> bool {
    std::env::var("VIGIE_CHAOS").as_deref() == Ok("full")
}

pub fn pick<T>(small: T, full: T) -> T {
    if is_full() { full } else { small }
}

/// Random moments that can be had again.
pub struct Moments {
    pub seed: u64,
    rng: StdRng,
}

impl Moments {
    pub fn new() -> Self {
        let given = std::env::var("VIGIE_CHAOS_SEED").ok();
        let seed = given.map_or_else(rand::random, |seed| seed.parse().expect("a number"));
        Self { seed, rng: StdRng::seed_from_u64(seed) }
    }

    /// A random time between two.
    pub fn between(&mut self, least_ms: u64, most_ms: u64) -> Duration {
        Duration::from_millis(self.rng.random_range(least_ms..most_ms))
    }
}
