//! Rollups: readings of a series summed up in buckets of a minute, a quarter of an hour and an hour. Pure.
//!
//! Each stored reading has one *carrier* that brings it into the tier tables, and [`Boundary`] says which, from
//! its hour and series alone:
//!
//! * **memory**, for an open hour: [`OpenHours`] holds its buckets until the hour is sealed, two minutes after
//!   its end, and written. When memory is lost, the hour's rows are read again instead.
//! * **a late bucket**, for an hour that is sealed: committed in the transaction of the reading, and merged into
//!   the tiers later.
//!
//! Holds always: everything is *merged* into the tiers, never put in the place of something, and progress
//! commits with what it is the progress of. So the order doesn't matter, nothing is counted twice, and no hour is
//! read again because a reading came late: it makes no difference whether raw rows are still there.
//! Never: a clock, a statement, or more memory a series than the minutes in which it was heard.

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
