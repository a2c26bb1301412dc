//! Rollups: readings of a series summed up in buckets of a minute, a quarter of an hour and an hour. Pure.
//!
//! Each stored reading has one *carrier* into the tier tables, decided by [`Boundary`] from its hour and series
//! alone:
//!
//! * **memory**, for an open hour: [`OpenHours`] holds its buckets until the hour is sealed, two minutes after
//!   its end, and written. When memory is lost, the hour's rows are read again instead.
//! * **a late bucket**, for an hour that is sealed: committed in the transaction of the reading, and merged into
//!   the tiers later.
//!
//! Invariants: everything is *merged* into the tiers, never overwritten, and progress commits with the merge. So
//! order doesn't matter, nothing is counted twice, and no hour is read again for a late reading: it makes no
//! difference whether raw rows still exist. Never: a clock, a statement, or more memory per series than its minutes
//! with readings.

mod boundary;
mod bucket;
mod grid;
mod late;
mod open;

pub use boundary::{Boundary, Carrier};
pub use bucket::{Bucket, HOUR_MS, MINUTE_MS, SeriesId, Tier, TierRow};
pub use grid::{Columns, Grid};
pub use late::{LateBuckets, LatePlace};
#[cfg(test)]
pub use open::HourBuckets;
pub use open::{OpenHours, SharedHours};

#[cfg(test)]
mod tests;
