//! An append-only journal on disk: a folder of segments, each a file of checksummed frames ([`frame`] has their layout).
//!
//! One writer appends to the open segment ([`open_segment`]) and rotates it when it is full. Readers follow. A segment is
//! deleted once all of its records are declared done.
//!
//! Always: when `append` returns, a record survives the end of the process; after `sync`, loss of power too. Positions grow
//! by one. Damage costs the bytes that it covers and nothing else, and is reported.
//! Never: a record rewritten, or deleted before it was declared done.

mod frame;
mod open_segment;
mod reader;
mod segment;
mod writer;

pub use frame::{Frame, MAX_PAYLOAD_BYTES};
pub use reader::{Reader, Record};
pub use writer::{Journal, Recovery, lock};

use std::path::PathBuf;

/// Failed operation on the journal's files.
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
