//! An append-only journal on disk: what has been taken on and not yet passed on for good.
//!
//! A folder of segments, each a file of checksummed frames ([`frame`] has the layout byte by byte).
//! A writer appends (how: [`open_segment`]) and begins a new segment when one is full; a reader
//! follows behind; segments that are wholly done with are deleted.
//!
//! Holds always: a record is on disk when `append` returns, safe from the death of the process
//! (after `sync`, from power loss too); positions grow by one; an unreadable place costs what it
//! covers and nothing else, and is reported. Never: rewrites a record, or deletes one that was not
//! declared done.

mod frame;
mod open_segment;
mod reader;
mod segment;
mod writer;

pub use frame::{Frame, MAX_PAYLOAD_BYTES};
pub use reader::{Reader, Record};
pub use writer::{Journal, Recovery, lock};

use std::path::PathBuf;

/// Why the journal can't go on.
#[derive(Debug, thiserror::Error)]
#[error("journal {path}: can't {doing}: {error}", path = path.display())]
pub struct JournalError {
    /// File or folder that the operation failed on.
    pub path: PathBuf,
    /// Failed operation, as a verb phrase that follows "can't".
    pub doing: &'static str,
    /// Error of the operating system.
    pub error: std::io::Error,
}

impl JournalError {
    fn new(path: impl Into<PathBuf>, doing: &'static str, error: std::io::Error) -> Self {
        Self { path: path.into(), doing, error }
    }
}
