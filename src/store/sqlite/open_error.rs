//! Why a database file can't be used, with the remedy.

use std::path::{Path, PathBuf};

use r2d2_sqlite::rusqlite::{self, ErrorCode};

use super::schema::{MIGRATED_VERSION, VERSION};

/// Why the database can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("can't use the database `{}`: {reason}", path.display())]
pub struct OpenError {
    /// Path of the database file.
    pub path: PathBuf,
    /// Cause.
    pub reason: Reason,
}

/// Cause and remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    #[error("there is no such file: start `vigie run` first, or correct storage.path")]
    Missing,
    #[error("its folder doesn't exist: create it, or correct storage.path")]
    NoFolder,
    #[error(
        "its write-ahead log `{}` is there without it: put the database back beside it, or move \
         that file away to begin with a new database", .0.display()
    )]
    LogAlone(PathBuf),
    #[error("it is a folder: name a file in storage.path")]
    IsFolder,
    #[error("the file is no SQLite database: move it away, or correct storage.path")]
    NotADatabase,
    #[error(
        "it was made by something else (its tables aren't Vigie's): move it away, or correct \
         storage.path"
    )]
    Foreign,
    #[error(
        "it was written by a newer Vigie (schema version {found}, this one knows {VERSION}): use \
         that one, or another file"
    )]
    Newer { found: u32 },
    #[error(
        "it has schema version {found}, which no release had: only version {MIGRATED_VERSION} and \
         {VERSION} are read; move it away to begin with a new database"
    )]
    Unsupported { found: u32 },
    #[error("it was not written by this version yet: start `vigie run` once, which converts it")]
    Older,
    #[error("it can't be written: check who owns the file and its folder, and their permissions")]
    ReadOnly,
    #[error(
        "its place can't hold a write-ahead log (SQLite chose `{0}` instead): use a file on a \
         local disk"
    )]
    NoWal(String),
    /// Locked by another program, or the disk is full: worth another try.
    #[error("{0}: close the program that holds it, or free some space")]
    Busy(String),
    #[error("{0}: check the file, its folder, and the disk")]
    Other(String),
}

impl OpenError {
    pub(in crate::store) fn new(path: &Path, reason: Reason) -> Self {
        Self { path: path.to_owned(), reason }
    }

    pub(in crate::store) fn sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        Self::new(path, Reason::from(error))
    }
}

impl From<&rusqlite::Error> for Reason {
    fn from(error: &rusqlite::Error) -> Self {
        if is_transient(error) {
            return Self::Busy(error.to_string());
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotADatabase,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly,
            _ => Self::Other(error.to_string()),
        }
    }
}

/// True if the same statement may succeed later without a restart.
pub(in crate::store) fn is_transient(error: &rusqlite::Error) -> bool {
    use ErrorCode::{DatabaseBusy, DatabaseLocked, DiskFull};
    matches!(error.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked | DiskFull))
}
