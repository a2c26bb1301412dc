//! Pool of read-only connections, for readers beside the writer.
//!
//! Never: a write, not even of the schema, or a wait for a commit.

use std::path::Path;
use std::time::Duration;

use r2d2_sqlite::SqliteConnectionManager;
use r2d2_sqlite::rusqlite::OpenFlags;

use super::connect::BUSY_TIMEOUT;
use super::open_error::{OpenError, Reason};

pub(super) type Pool = r2d2::Pool<SqliteConnectionManager>;

/// Connection that returns to the pool when dropped.
pub(super) type PooledConnection = r2d2::PooledConnection<SqliteConnectionManager>;

/// Concurrent readers: one for each command, and some for a page with several queries at once.
const READERS: u32 = 4;

/// Timeout of the wait for a connection.
const TURN_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn open(path: &Path) -> Result<Pool, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let manager = SqliteConnectionManager::file(path).with_flags(flags).with_init(|connection| {
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "query_only", true)
    });
    r2d2::Pool::builder()
        .max_size(READERS)
        .min_idle(Some(1))
        .connection_timeout(TURN_TIMEOUT)
        .build(manager)
        .map_err(|error| OpenError::new(path, Reason::Other(error.to_string())))
}
