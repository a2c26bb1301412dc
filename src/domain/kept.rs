//! Keys and values, in bytes, that a part of the daemon keeps over a restart of the process.

/// A change of what is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptChange {
    /// A key has this value now.
    Put(Vec<u8>, Vec<u8>),
    /// A key is gone.
    Delete(Vec<u8>),
    /// All keys that begin so are gone.
    DeleteAll(Vec<u8>),
}
