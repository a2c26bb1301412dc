//! Interface of a storage backend: a ledger that commits batches, and concurrent readers.
//!
//! A backend is a folder with one [`Backend`]; no other module uses its library, statements or errors. Alert events
//! and batches are identified by their numbers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::config::{Durability, RetentionConfig, StorageConfig};
use crate::domain::{AlertEvent, Fingerprint, ListeningClocks, Position, Quantity, Reading};
use crate::messages::{LoadAlerts, ResumePoint, SaveReceiver, SavedReceiver, Store};

/// Storage settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Path of the database file.
    pub path: PathBuf,
    /// What a commit survives: the end of the process, or a loss of power.
    pub durability: Durability,
    /// Limit of stored rejected messages, and of actions without effect; older ones are only counted.
    pub rejected_keep: u64,
    /// Whether timestamps are written without their zone (they are UTC either way).
    pub naive: bool,
    /// Retention; `None` deletes nothing.
    pub retention: Option<RetentionConfig>,
}

impl Settings {
    /// Settings of the configured storage; `naive` timestamps are written without their zone.
    #[must_use]
    pub fn new(config: &StorageConfig, naive: bool) -> Self {
        Self {
            path: config.path.clone(),
            durability: config.durability,
            rejected_keep: config.rejected_keep,
            naive,
            retention: config.retention,
        }
    }
}

/// Why the ledger can't be opened, read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LedgerError {
    /// True if the same call may succeed later without a restart: locked, or disk full.
    pub is_transient: bool,
    /// Cause and remedy, as text for people.
    pub message: String,
}

/// A kind of database. Cheap to clone.
pub trait Backend: Send + Sync {
    /// Opens the ledger for its one writer, made or migrated as needed.
    ///
    /// # Errors
    /// If the database is unusable.
    fn open(&self) -> Result<Box<dyn Ledger>, LedgerError>;

    /// Reader that runs beside the writer without blocking it.
    ///
    /// # Errors
    /// If there is no ledger, or it can't be read.
    fn reader(&self) -> Result<Arc<dyn LedgerReader>, LedgerError>;
}

/// The open ledger.
pub trait Ledger: Send {
    /// Commits the work in one transaction, skipping what was committed before, together with the publication
    /// cursor.
    ///
    /// # Errors
    /// On an error nothing of it is committed.
    fn commit(&mut self, work: &[Work<'_>], published: Position) -> Result<(), LedgerError>;

    /// Seals the hours of history that have ended, so that readings committed from now on are late for them. Called
    /// before each commit; usually does nothing.
    ///
    /// # Errors
    /// On an error nothing has changed.
    fn seal(&mut self, now: DateTime<Utc>) -> Result<(), LedgerError>;

    /// Performs one step of deferred work: rollups, and retention if deletion is allowed. Returns the time until
    /// the next step is due.
    ///
    /// # Errors
    /// On an error nothing has changed.
    fn upkeep(&mut self, now: DateTime<Utc>, may_delete: bool) -> Result<Duration, LedgerError>;

    /// Checkpoints the write-ahead log into the open file, wherever that is, and empties it: so that the file is
    /// complete by itself, and another one at its path gets none of it.
    ///
    /// # Errors
    /// If a reader is at work, or the disk fails; to be tried again.
    fn empty_log(&mut self) -> Result<(), LedgerError>;

    /// Renames the write-ahead log: the file at the path is no longer the one it belongs to.
    ///
    /// # Errors
    /// If it can't be renamed.
    fn set_log_aside(&mut self) -> Result<(), LedgerError>;

    /// How far the ledger reaches.
    ///
    /// # Errors
    /// If it can't be read.
    fn progress(&self) -> Result<Progress, LedgerError>;

    /// Loads the state from which evaluation resumes.
    ///
    /// # Errors
    /// If it can't be read.
    fn resume(&self) -> Result<ResumePoint, LedgerError>;

    /// The state of a receiver of notifications.
    ///
    /// # Errors
    /// If it can't be read.
    fn receiver(&self, name: &str) -> Result<SavedReceiver, LedgerError>;

    /// Deletes the state of all receivers but these: one that returns later is new.
    ///
    /// # Errors
    /// If it can't be written.
    fn retain_receivers(&mut self, names: &[&str]) -> Result<(), LedgerError>;

    /// Alert events for receivers of notifications.
    ///
    /// # Errors
    /// If they can't be read.
    fn alerts(&self, which: &LoadAlerts) -> Result<Vec<AlertEvent>, LedgerError>;
}

/// Reads on its own connection. Shared by threads; never waits for a commit.
pub trait LedgerReader: Send + Sync {
    /// The oldest announced events that are not published.
    ///
    /// # Errors
    /// If they can't be read.
    fn pending(&self, which: &PendingQuery<'_>) -> Result<Vec<AlertEvent>, LedgerError>;

    /// Fingerprints of those readings that are committed.
    ///
    /// # Errors
    /// If they can't be read.
    fn find_stored(&self, readings: &[Reading]) -> Result<Vec<Fingerprint>, LedgerError>;
}

/// Which events are to be published.
#[derive(Debug, Clone, Copy)]
pub struct PendingQuery<'a> {
    /// Number after which events are read.
    pub after: u64,
    /// Row limit; keeps the oldest.
    pub at_most: usize,
    /// Quantities whose events are left out.
    pub except: &'a [Quantity],
}

/// How far a ledger reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Number of the last batch committed; 0 for none.
    pub batch: u64,
    /// The last record of the log that is committed.
    pub position: Position,
    /// Receipt time of that record; `None` before the first commit.
    pub received_at: Option<DateTime<Utc>>,
    /// The latest receipt that was ever committed.
    pub latest_received_at: Option<DateTime<Utc>>,
    /// Listening clocks as of that record.
    pub clocks: ListeningClocks,
    /// Own readings up to this position are published or skipped.
    pub published: Position,
    /// Number of the last alert event ever stored; 0 for none.
    pub last_event: u64,
}

/// One part of a commit. Repeated, each kind changes nothing.
#[derive(Debug, Clone, Copy)]
pub enum Work<'a> {
    Store(&'a Store),
    /// The broker has the alert events of these numbers.
    Delivered {
        numbers: &'a [u64],
        at: DateTime<Utc>,
    },
    Receiver(&'a SaveReceiver),
}

impl Work<'_> {
    /// Rows written, roughly.
    #[must_use]
    pub const fn num_rows(&self) -> usize {
        match self {
            Self::Store(store) => store.num_rows(),
            Self::Delivered { numbers, .. } => numbers.len(),
            Self::Receiver(keep) => 1 + keep.parts.len(),
        }
    }
}
