//! Places in the log.

/// A record's place in its journal: 1 for the first ever, one more for each after; 0 is before all of them.
pub type Position = u64;
