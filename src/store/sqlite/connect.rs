//! Connections to a database file, and which files are accepted.

use std::path::Path;
use std::time::Duration;

use r2d2_sqlite::rusqlite::{self, Connection, OpenFlags};

use super::open_error::{OpenError, Reason};
use super::schema::{self, Found, VERSION};

/// Timeout of a statement for another program's lock. Short, because the writer retries itself, and a stop must not
/// wait for it.
pub(in crate::store) const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// Checks that the path can be that of a file.
pub(in crate::store) fn check_place(path: &Path) -> Result<(), OpenError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_some_and(|folder| !folder.is_dir()) {
        Err(OpenError::new(path, Reason::NoFolder))
    } else if path.is_dir() {
        Err(OpenError::new(path, Reason::IsFolder))
    } else {
        Ok(())
    }
}

/// Connection that may write; creates the file if need be.
pub(in crate::store) fn open_to_write(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// Read-only connection, which no writer blocks.
pub(in crate::store) fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// Rejects a file of another program, or of an unsupported version.
pub(in crate::store) fn accept(path: &Path, found: Found) -> Result<(), OpenError> {
    match found {
        Found::Foreign => Err(OpenError::new(path, Reason::Foreign)),
        Found::Version(found) if found > VERSION => {
            Err(OpenError::new(path, Reason::Newer { found }))
        }
        Found::Version(found) if !schema::is_supported(found) => {
            Err(OpenError::new(path, Reason::Unsupported { found }))
        }
        Found::Empty | Found::Origin | Found::Version(_) => Ok(()),
    }
}
