//! What can become of the database under a running daemon.

/// Why the database that is open is not the one that its path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseFault {
    /// The file was removed.
    Removed,
    /// The file was moved away: nothing is at its path.
    MovedAway,
    /// Another file is at its path.
    Replaced,
    /// The same file, with another content: something was copied over it.
    Overwritten,
    /// Its write-ahead log was removed or moved away.
    WriteAheadLogGone,
    /// The folder of the log of what came in was removed or moved away.
    JournalGone,
    /// Its path can't be looked at, for a reason.
    Unreachable(String),
}

impl DatabaseFault {
    /// Whether only a new start ends it: what is open can't be used again.
    #[must_use]
    pub const fn lasts(&self) -> bool {
        matches!(self, Self::Overwritten | Self::WriteAheadLogGone)
    }
}
