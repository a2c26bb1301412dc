//! Positions in the log.

/// Position of a record in the log: 1 for the first, then without gaps; 0 is before all.
pub type Position = u64;
