//! The messages that could not be used.

use r2d2_sqlite::rusqlite::OptionalExtension;

use super::{History, text};
use crate::store::history::{QueryError, RejectedMessages, RejectedRow};

impl History {
    /// The newest rejected messages, newest first, and how many there were in all.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn rejected(&self, at_most: u64) -> Result<RejectedMessages, QueryError> {
        let connection = self.pool.get()?;
        let total: Option<i64> = connection
            .prepare_cached("SELECT value FROM counters WHERE name = 'rejected_total'")?
            .query_row([], |row| row.get(0))
            .optional()?;
        let mut select = connection.prepare_cached(
            "SELECT received_at, topic, payload, payload_bytes, reason FROM rejected_messages
             ORDER BY id DESC LIMIT ?1",
        )?;
        let newest = select
            .query_map([i64::try_from(at_most).unwrap_or(i64::MAX)], |row| {
                Ok(RejectedRow {
                    at: text(row, 0)?,
                    topic: text(row, 1)?,
                    payload: text(row, 2)?,
                    payload_bytes: row.get::<_, i64>(3)?.unsigned_abs(),
                    reason: text(row, 4)?,
                })
            })?
            .collect::<Result<_, _>>()?;
        Ok(RejectedMessages { total: total.unwrap_or_default().unsigned_abs(), newest })
    }
}
