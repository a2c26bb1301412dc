//! The intake: from a message the broker carried to readings, by way of a journal on disk.
//!
//! Two doors lead in: the MQTT client's subscription (`gateway/`) and the embedded broker's publish
//! hook (`broker/`). Both call an [`Intake`] and acknowledge the message when that returns. Out
//! leads a [`Feed`], which reads the journal, decodes, and goes on where storage has got to.
//!
//! Holds always: once a message was accepted it is on disk (with `durability = "power"`: on the
//! device), and stays there until its rows are committed. When the disk doesn't take it, or too
//! much waits for storage, nothing is accepted, so nothing is acknowledged: the broker keeps it.
//! Never: a message in memory alone, or a panic in `accept` (a caller is C).

mod availability;
pub mod codec;
mod feed;
mod fields;
pub mod journal;
mod pace;
mod record;
#[cfg(test)]
mod tests;
mod times;
mod trouble;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::Utc;
use tokio::sync::Notify;

pub use feed::{Asked, Batch, Feed};
use trouble::Trouble;

use crate::config::Durability;
pub use crate::ingest::journal::Position;
use crate::ingest::journal::{Journal, JournalError, Recovery};
use crate::messages::Committed;

/// Journal on disk that may wait for storage: a million readings or so, an hour of a locked database
/// at 300 a second. Past it nothing more is accepted.
const LIMIT_BYTES: u64 = 256 << 20;
/// Between two tries to get in.
const TRY_AGAIN: Duration = Duration::from_millis(100);

/// What an intake is made from.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The journal's.
    pub folder: PathBuf,
    pub durability: Durability,
    /// A payload of more bytes is rejected.
    pub max_payload_bytes: usize,
}

/// Where messages come in.
#[derive(Debug)]
pub struct Intake {
    settings: Settings,
    limit_bytes: u64,
    journal: Mutex<Option<Journal>>,
    /// Of the journal's last record.
    last: AtomicU64,
    appended: Notify,
    /// Up to where the device has it; held by whoever waits for the device for all others.
    synced: tokio::sync::Mutex<Position>,
    /// Up to where the device may have lost what it was given: whoever waits for a record among these
    /// appends it again.
    doubtful: AtomicU64,
    committed: Arc<Committed>,
    /// Whose turn it is to try, of those who wait without a thread.
    turn: tokio::sync::Mutex<()>,
    /// The daemon stops: nobody may be kept waiting for storage any more.
    is_open_wide: AtomicBool,
    trouble: Mutex<Trouble>,
    /// How often the device was waited for.
    #[cfg(test)]
    num_syncs: AtomicU64,
}

/// Why a message did not get in this time.
enum Refusal {
    Disk(JournalError),
    /// Too much waits for storage.
    Full,
    /// The daemon is at its end.
    Closed,
}

impl Intake {
    /// Opens the journal; what is in it and not committed comes out of a [`Feed`] that begins at
    /// `committed`.
    ///
    /// # Errors
    /// When the journal can't be read or made, or another process has it open.
    pub fn open(
        settings: Settings,
        committed: Arc<Committed>,
    ) -> Result<(Self, Recovery), JournalError> {
        Self::open_with(settings, committed, LIMIT_BYTES)
    }

    fn open_with(
        settings: Settings,
        committed: Arc<Committed>,
        limit_bytes: u64,
    ) -> Result<(Self, Recovery), JournalError> {
        let (mut journal, recovery) = Journal::open(&settings.folder, committed.position())?;
        if settings.durability == Durability::Power {
            journal = journal.durable()?;
        }
        let intake = Self {
            settings,
            limit_bytes,
            last: AtomicU64::new(journal.last()),
            synced: tokio::sync::Mutex::new(journal.last()),
            journal: Mutex::new(Some(journal)),
            appended: Notify::new(),
            doubtful: AtomicU64::new(0),
            committed,
            turn: tokio::sync::Mutex::default(),
            is_open_wide: AtomicBool::new(false),
            trouble: Mutex::default(),
            #[cfg(test)]
            num_syncs: AtomicU64::new(0),
        };
        Ok((intake, recovery))
    }

    /// Takes a message in, waiting for room as long as it takes: when this returns, it may be
    /// acknowledged. Blocks its thread.
    pub fn accept(&self, topic: &str, payload: &[u8]) {
        let record = self.record(topic, payload);
        loop {
            let taken = self.try_append(&record).is_some();
            if taken && (!self.is_durable() || self.sync().is_some()) {
                return self.trouble().is_over();
            }
            std::thread::sleep(TRY_AGAIN);
        }
    }

    /// The same without blocking a thread. Many at once share one wait for the device. Dropped
    /// halfway, the message may have got in or not.
    pub async fn accept_async(self: &Arc<Self>, topic: &str, payload: &[u8]) {
        let record = self.record(topic, payload);
        loop {
            let position = self.append_in_turn(&record).await;
            if !self.is_durable() || self.synced(position).await {
                return self.trouble().is_over();
            }
            tokio::time::sleep(TRY_AGAIN).await;
        }
    }

    /// Of those who wait one at a time tries: thousands would keep everybody's threads busy with a
    /// disk that is full.
    async fn append_in_turn(&self, record: &[u8]) -> Position {
        if let Some(position) = self.try_append(record) {
            return position;
        }
        let _turn = self.turn.lock().await;
        loop {
            if let Some(position) = self.try_append(record) {
                return position;
            }
            tokio::time::sleep(TRY_AGAIN).await;
        }
    }

    /// Lets everybody in from now on, whatever waits for storage: the daemon stops, and who waits
    /// would hold it up. What still comes is bounded by what the broker has in flight.
    pub fn open_wide(&self) {
        self.is_open_wide.store(true, Ordering::Relaxed);
    }

    /// The end: nothing gets in any more, and what is committed leaves the disk.
    pub fn close(&self) {
        if let Some(journal) = self.lock().take() {
            journal.close(self.committed.position());
        }
    }

    /// The last record's position.
    #[must_use]
    pub fn last(&self) -> Position {
        self.last.load(Ordering::Acquire)
    }

    /// How many messages were accepted and are not committed yet.
    #[must_use]
    pub fn uncommitted(&self) -> u64 {
        self.last().saturating_sub(self.committed.position())
    }

    /// Whether what is sent gets in: nobody is kept waiting for a disk or for storage.
    #[must_use]
    pub fn is_taking(&self) -> bool {
        !self.trouble().keeps_waiting(Instant::now())
    }

    #[must_use]
    pub const fn max_payload_bytes(&self) -> usize {
        self.settings.max_payload_bytes
    }

    fn folder(&self) -> &Path {
        &self.settings.folder
    }

    /// Returns when something was appended since the last time.
    async fn appended(&self) {
        self.appended.notified().await;
    }

    fn note_unreadable(&self, error: &JournalError) {
        log::error!(target: "vigie::intake", "{error}; trying again each second, nothing is lost");
    }

    fn record(&self, topic: &str, payload: &[u8]) -> Vec<u8> {
        record::encode(topic, payload, Utc::now(), self.settings.max_payload_bytes)
    }

    fn is_durable(&self) -> bool {
        self.settings.durability == Durability::Power
    }

    /// `None` when there is no getting in for now.
    fn try_append(&self, record: &[u8]) -> Option<Position> {
        match self.append(record) {
            Ok(position) => return Some(position),
            Err(Refusal::Disk(error)) => self.trouble().disk(&error),
            Err(Refusal::Full) => self.trouble().full(self.uncommitted()),
            Err(Refusal::Closed) => {}
        }
        None
    }

    fn append(&self, record: &[u8]) -> Result<Position, Refusal> {
        let mut guard = self.lock();
        let journal = guard.as_mut().ok_or(Refusal::Closed)?;
        journal.delete_through(self.committed.position());
        let is_open_wide = self.is_open_wide.load(Ordering::Relaxed);
        if journal.num_bytes() >= self.limit_bytes && !is_open_wide {
            return Err(Refusal::Full);
        }
        let position = match journal.append(record) {
            Ok(position) => position,
            Err(error) => {
                if self.is_durable() {
                    self.doubt(journal); // it may have been a sync that failed
                }
                return Err(Refusal::Disk(error));
            }
        };
        self.last.store(position, Ordering::Release);
        drop(guard);
        self.appended.notify_one();
        Ok(position)
    }

    /// Whether a record is on the device: waits for it, with all others who do.
    async fn synced(self: &Arc<Self>, position: Position) -> bool {
        let mut synced = self.synced.lock().await;
        if *synced < position {
            let intake = self.clone();
            let through = tokio::task::spawn_blocking(move || intake.sync()).await.ok().flatten();
            *synced = through.unwrap_or(*synced);
        }
        *synced >= position && self.doubtful.load(Ordering::Acquire) < position
    }

    /// The device failed: what it was given may be gone, even if it says later that all is well.
    fn doubt(&self, journal: &mut Journal) {
        journal.abandon_segment();
        self.doubtful.fetch_max(journal.last(), Ordering::AcqRel);
    }

    /// Waits for the device; up to where it has everything then. `None` when it failed.
    fn sync(&self) -> Option<Position> {
        #[cfg(test)]
        self.num_syncs.fetch_add(1, Ordering::Relaxed);
        let (handle, last) = {
            let guard = self.lock();
            let journal = guard.as_ref()?;
            (journal.sync_handle(), journal.last())
        };
        let synced = handle.map_err(|error| error.to_string()).and_then(|file| {
            file.sync_data().map_err(|error: io::Error| {
                format!("journal {}: can't sync it: {error}", self.folder().display())
            })
        });
        match synced {
            Ok(()) => Some(last),
            Err(why) => {
                if let Some(journal) = self.lock().as_mut() {
                    self.doubt(journal);
                }
                self.trouble().disk(&why);
                None
            }
        }
    }

    fn trouble(&self) -> MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Journal>> {
        // Nothing panics while it holds the lock, and the journal is whole between any two steps.
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For tests of those who take in and those who feed on it.
#[cfg(test)]
pub mod testing {
    use tempfile::TempDir;

    use super::*;

    /// An intake in a folder of its own, with nothing committed.
    #[must_use]
    pub fn intake(max_payload_bytes: usize) -> (TempDir, Arc<Intake>) {
        make(Durability::Process, max_payload_bytes, LIMIT_BYTES)
    }

    /// One that waits for the device too.
    #[must_use]
    pub fn durable_intake() -> (TempDir, Arc<Intake>) {
        make(Durability::Power, 65_536, LIMIT_BYTES)
    }

    /// One that takes nothing before it is opened wide.
    #[must_use]
    pub fn full_intake() -> (TempDir, Arc<Intake>) {
        make(Durability::Process, 65_536, 0)
    }

    fn make(
        durability: Durability,
        max_payload_bytes: usize,
        limit_bytes: u64,
    ) -> (TempDir, Arc<Intake>) {
        let folder = tempfile::tempdir().unwrap();
        let settings =
            Settings { folder: folder.path().join("journal"), durability, max_payload_bytes };
        let (intake, _) = Intake::open_with(settings, Arc::default(), limit_bytes).unwrap();
        (folder, Arc::new(intake))
    }

    impl Intake {
        /// While this is held the device takes its time.
        pub async fn slow_device(&self) -> tokio::sync::MutexGuard<'_, Position> {
            self.synced.lock().await
        }

        pub fn num_syncs(&self) -> u64 {
            self.num_syncs.load(Ordering::Relaxed)
        }

        /// Topic and true payload length of all that came in.
        pub fn contents(&self) -> Vec<(String, usize)> {
            let records =
                crate::ingest::journal::Reader::new(self.folder(), 0).read(10_000).unwrap();
            let arrivals = records.iter().map(|record| record::decode(&record.payload).unwrap());
            arrivals.map(|arrival| (arrival.topic.to_owned(), arrival.payload_bytes)).collect()
        }
    }
}
