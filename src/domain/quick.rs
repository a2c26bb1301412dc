//! Maps and sets for what is looked up at each reading: the standard ones with a quicker hash, seeded at
//! random like the standard one, so that chosen sensor ids can't slow them down by much.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

pub type QuickMap<K, V> = HashMap<K, V, RandomState>;
pub type QuickSet<T> = HashSet<T, RandomState>;
