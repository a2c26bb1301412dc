//! Maps and sets for what is looked up at each reading: the standard ones with a quicker hash, seeded at
//! random like the standard one, so that chosen sensor ids can't slow them down by much.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

/// Hash map with a fast hash that is seeded for each process.
pub type QuickMap<K, V> = HashMap<K, V, RandomState>;
/// Hash set with a fast hash that is seeded for each process.
pub type QuickSet<T> = HashSet<T, RandomState>;
