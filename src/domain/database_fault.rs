//! Faults of the database file under a running daemon.

/// Why the database that is open is not the one that its path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseFault {
    /// The file was removed.
    Removed,
    /// The file was moved away: nothing is at its path.
    MovedAway,
    /// Another file is at its path.
    Replaced,
    /// The same file with other content: it was copied over.
    Overwritten,
    /// Its write-ahead log was removed or moved away.
    WriteAheadLogGone,
    /// The folder of the log was removed or moved away.
    JournalGone,
    /// Its path can't be looked at, for a reason.
    Unreachable(String),
}

impl DatabaseFault {
    /// True if only a restart recovers: the open file can't be used again.
    #[must_use]
    pub const fn lasts(&self) -> bool {
        matches!(self, Self::Overwritten | Self::WriteAheadLogGone)
    }
}
