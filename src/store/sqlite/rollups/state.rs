//! Stored progress of rollups, as of the opening of the file.

use r2d2_sqlite::rusqlite::{self, Connection};

use super::carry::number;
use crate::store::rollups::LatePlace;

/// Hours that are sealed and not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unwritten {
    pub id: i64,
    /// The first hour that is not written.
    pub next: i64,
    /// End of the last.
    pub until: i64,
    /// Series of the first hour that are written.
    pub series_after: u32,
    /// Row ids of the last of their readings, by table.
    pub through: [i64; 2],
    /// Whether memory has them.
    pub in_memory: bool,
}

/// How far late buckets are merged.
#[derive(Debug, Clone, Default)]
pub(super) struct LateState {
    /// Late buckets up to this id are merged and to be deleted.
    pub after: i64,
    /// Late buckets up to this id are being merged, if greater than `after`.
    pub through: i64,
    /// Progress of the merge.
    pub place: LatePlace,
    /// Whether there may be unmerged ones.
    pub is_any: bool,
    /// Committed since the last merge.
    pub num_new: usize,
    /// Time at which upkeep first found them, in ms since 1970.
    pub seen_at: Option<i64>,
    /// Whether there may be merged ones to delete.
    pub has_merged: bool,
}

pub(super) fn unwritten(connection: &Connection) -> rusqlite::Result<Vec<Unwritten>> {
    let sql = "SELECT id, next, until, series_after, temperatures_through, others_through
               FROM unwritten_hours ORDER BY id";
    let mut select = connection.prepare(sql)?;
    let rows = select.query_map([], |row| {
        Ok(Unwritten {
            id: row.get(0)?,
            next: row.get(1)?,
            until: row.get(2)?,
            series_after: number(row.get(3)?).0,
            through: [row.get(4)?, row.get(5)?],
            in_memory: false,
        })
    })?;
    rows.collect()
}
