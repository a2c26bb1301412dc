//! Hash maps and sets for look-ups per reading: the standard ones with a faster hash, randomly seeded, so that
//! chosen sensor ids can't degrade them.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

/// Hash map with a fast hash that is seeded for each process.
pub type QuickMap<K, V> = HashMap<K, V, RandomState>;
/// Hash set with a fast hash that is seeded for each process.
pub type QuickSet<T> = HashSet<T, RandomState>;
