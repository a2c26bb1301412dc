//! The tables, and the migration of a file of an older version.
//!
//! A file's version is its `PRAGMA user_version`. A new file, or one with the origin's table alone, gets the present
//! schema (`schema.sql`) in one transaction, and one of version 8 is migrated to it in another. Both ways give the same
//! tables.

use r2d2_sqlite::rusqlite::{self, Connection, TransactionBehavior};

/// Schema version that this program reads and writes.
pub(in crate::store) const VERSION: u32 = 12;

/// The earlier schema version that can be migrated; those between were never released.
pub(in crate::store) const MIGRATED_VERSION: u32 = 8;

const SCHEMA: &str = include_str!("schema.sql");
const FROM_8: &str = include_str!("schema_from_8.sql");

/// Columns of the origin's table.
const ORIGIN_COLUMNS: [&str; 6] =
    ["id", "sensor_id", "location", "temperature", "timestamp", "alert_triggered"];

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Found {
    /// A new file, without tables.
    Empty,
    /// The origin's table without a version: to be adopted with its rows.
    Origin,
    /// A database of Vigie, of any version.
    Version(u32),
    /// A database of another program.
    Foreign,
}

/// Identifies a file without changing it.
pub(in crate::store) fn examine(connection: &Connection) -> rusqlite::Result<Found> {
    let version =
        connection.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0))?;
    if version > VERSION {
        return Ok(Found::Version(version));
    }
    let columns = connection
        .prepare("SELECT name FROM pragma_table_info('sensor_readings') ORDER BY cid")?
        .query_map([], |row| row.get::<_, String>(0))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let num_objects: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok(match version {
        0 if num_objects == 0 => Found::Empty,
        0 if columns == ORIGIN_COLUMNS => Found::Origin,
        0 => Found::Foreign,
        _ if columns == ORIGIN_COLUMNS => Found::Version(version),
        _ => Found::Foreign,
    })
}

/// True for a version that this program reads, after a migration if need be.
pub(in crate::store) const fn is_supported(version: u32) -> bool {
    version == VERSION || version == MIGRATED_VERSION
}

/// Brings a file to the present version, unless it is. The file must be one that [`examine`] found to be new, the origin's,
/// or of version 8; any other is left unchanged.
pub(in crate::store) fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    // The version is read under the lock: another process may have been faster.
    let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: u32 = step.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let sql = match version {
        0 => SCHEMA,
        MIGRATED_VERSION => FROM_8,
        _ => return Ok(()),
    };
    step.execute_batch(sql)?;
    step.pragma_update(None, "user_version", VERSION)?;
    step.commit()
}

/// Makes a new file one of version 8, as installations of that version have it.
#[cfg(test)]
pub(in crate::store) fn make_version_8(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(include_str!("schema_8.sql"))
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
