//! Late buckets on their way from their table into the tiers.

use r2d2_sqlite::rusqlite::{self, Connection, params};

use super::carry::number;
use super::scanned::Scanned;
use crate::store::rollups::{Bucket, LateBuckets};

/// Late buckets merged in one go: 20 MB of memory.
const AT_ONCE: i64 = 200_000;

/// Merged late buckets that are deleted in one step.
const DELETED_AT_ONCE: i64 = 2000;

/// The oldest after one id, up to another.
pub(super) fn read(connection: &Connection, after: i64, through: i64) -> rusqlite::Result<Scanned> {
    let sql = "SELECT id, series, t, min, max, sum, n FROM late_buckets
               WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3";
    let mut select = connection.prepare(sql)?;
    let mut rows = select.query(params![after, through, AT_ONCE])?;
    let (mut buckets, mut last, mut num_rows) = (LateBuckets::default(), after, 0);
    while let Some(row) = rows.next()? {
        last = row.get(0)?;
        num_rows += 1;
        if let Some(bucket) = Bucket::stored(row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?) {
            buckets.add(number(row.get(1)?), row.get(2)?, &bucket);
        }
    }
    Ok(Scanned::Late { buckets, through: last, is_all: num_rows < AT_ONCE })
}

/// Deletes some merged ones; returns true if there were any.
pub(super) fn delete_merged(connection: &Connection, after: i64) -> rusqlite::Result<bool> {
    let sql = "DELETE FROM late_buckets WHERE id IN
               (SELECT id FROM late_buckets WHERE id <= ?1 ORDER BY id LIMIT ?2)";
    let num_deleted = connection.prepare_cached(sql)?.execute([after, DELETED_AT_ONCE])?;
    Ok(num_deleted > 0)
}
