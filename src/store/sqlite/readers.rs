//! Pooled read-only connections to the file, for the daemon's own questions that must not wait for the writer.

use std::path::Path;
use std::time::Duration;

use r2d2_sqlite::SqliteConnectionManager;
use r2d2_sqlite::rusqlite::OpenFlags;

use super::database::BUSY_TIMEOUT;

/// Connections at a time: the evaluator's and the gateway's questions, and one to spare.
const READERS: u32 = 3;

/// How long a question waits for a connection.
const TURN_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that is given back when it is dropped.
pub(in crate::store) type PooledReader = r2d2::PooledConnection<SqliteConnectionManager>;

/// The pool. Cloning is shallow.
#[derive(Debug, Clone)]
pub(in crate::store) struct Readers(r2d2::Pool<SqliteConnectionManager>);

impl Readers {
    /// A pool that opens its connections when they are asked for.
    pub fn new(path: &Path) -> Self {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let manager =
            SqliteConnectionManager::file(path).with_flags(flags).with_init(|connection| {
                connection.busy_timeout(BUSY_TIMEOUT)?;
                connection.pragma_update(None, "query_only", true)
            });
        let pool = r2d2::Pool::builder()
            .max_size(READERS)
            .min_idle(Some(0))
            .connection_timeout(TURN_TIMEOUT);
        Self(pool.build_unchecked(manager))
    }

    /// Waits for a connection, on a thread that may block.
    ///
    /// # Errors
    /// Says why the file can't be read.
    pub fn get(&self) -> Result<PooledReader, String> {
        self.0.get().map_err(|error| format!("can't read the database: {error}"))
    }
}
