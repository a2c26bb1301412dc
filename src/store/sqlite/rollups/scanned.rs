//! Result of a scan.

use crate::store::rollups::{LateBuckets, OpenHours};

/// Result of a scan.
#[derive(Debug)]
pub(super) enum Scanned {
    /// All that there is before a time.
    Rows { hours: OpenHours, until: i64 },
    /// Late buckets up to an id, and whether those were all.
    Late { buckets: LateBuckets, through: i64, is_all: bool },
}
