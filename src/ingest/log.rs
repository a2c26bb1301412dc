//! The one log: its state, what may be appended, and what is deleted once both cursors are past it. Who appends
//! what is in `append`.
//!
//! Always: a record has its position and its time (wall clock, listening clocks) from the append; positions
//! grow by one; an append that returned is on disk. Back-pressure counts what waits for evaluation; what is
//! kept for publication alone, or until the database was looked at, does not count.
//! Never: a call that blocks an arbiter (but for a short append), or a caller kept waiting after
//! [`Log::stop_backpressure`].

#![expect(clippy::disallowed_methods, reason = "the log owns the clocks that stamp its records")]

mod opening;

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

use super::ActionAnswer;
use super::journal::{Journal, JournalError};
use super::listening::Listening;
use super::record;
use super::replies::Replies;
use super::stall::Stall;
use super::sync::DeviceSync;
use super::traffic::Traffic;
use super::unpublished::Unpublished;
use crate::config::Durability;
use crate::domain::{Ingress, ListeningClocks, Position};
use crate::messages::Cursors;

/// Bytes of log that may wait for evaluation and storage: a million readings or so, an hour of a locked
/// database at 300 a second. Past it nothing more is accepted.
const LIMIT_BYTES: u64 = 256 << 20;

/// What a log is made from.
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// Folder of the journal; made where it is missing.
    pub folder: PathBuf,
    /// What an append waits for: the system, or the device.
    pub durability: Durability,
    /// Payload limit in bytes; a longer payload is rejected at evaluation.
    pub max_payload_bytes: usize,
}

/// Where a log resumes.
#[derive(Debug, Clone, Default)]
pub struct LogResume {
    /// Positions of evaluation and publication; segments behind both are deleted.
    pub cursors: Arc<Cursors>,
    /// Listening clocks as of the evaluation cursor.
    pub clocks: ListeningClocks,
}

/// All clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The wall clock.
    pub wall: DateTime<Utc>,
    /// Listening clocks, one for each way in.
    pub clocks: ListeningClocks,
    /// Which listening clocks advance, by [`Ingress::index`].
    pub runs: [bool; Ingress::ALL.len()],
}

impl Now {
    /// Whether a listening clock advances.
    #[must_use]
    pub const fn runs(&self, ingress: Ingress) -> bool {
        self.runs[ingress.index()]
    }
}

/// The log. Shared by all who append to it and read it.
#[derive(Debug)]
pub struct Log {
    pub(super) settings: LogSettings,
    limit_bytes: u64,
    journal: Mutex<Option<Journal>>,
    /// Position of the last record.
    last: AtomicU64,
    unpublished: Unpublished,
    appended: Notify,
    pub(super) sync: DeviceSync,
    cursors: Arc<Cursors>,
    listening: Mutex<Listening>,
    pub(super) replies: Replies,
    /// Held by the one who retries, of those who wait without a thread.
    pub(super) turn: tokio::sync::Mutex<()>,
    /// The daemon stops: nobody may be kept waiting for storage any more.
    ignores_limit: AtomicBool,
    stall: Mutex<Stall>,
    pub(super) traffic: Traffic,
}

/// Why a record was not appended this time.
pub(super) enum Refusal {
    Disk(JournalError),
    /// Too much waits for storage.
    Full,
    /// The database is not at its path.
    DatabaseFault,
    /// The log is closed.
    Closed,
}

impl Log {
    /// Ends back-pressure: the daemon stops, and whoever waits for room would hold it up. What still comes is
    /// bounded by what the broker has in flight.
    pub fn stop_backpressure(&self) {
        self.ignores_limit.store(true, Ordering::Relaxed);
    }

    /// The end: nothing is appended any more, and what both cursors are past leaves the disk.
    pub fn close(&self) {
        if let Some(journal) = self.lock().take() {
            journal.close(self.done_through());
        }
    }

    /// Opens or closes a way in, which starts or stops its listening clock.
    pub fn set_open(&self, ingress: Ingress, is_open: bool) {
        let is_accepting = self.is_accepting();
        self.listening().set_open(ingress, is_open, is_accepting, Instant::now());
    }

    /// Reads all clocks. To be called each second at least, or the listening clocks fall behind.
    pub fn now(&self) -> Now {
        let now = Instant::now();
        let is_accepting = !self.has_database_fault() && !self.stall().has_waiting_callers(now);
        let mut listening = self.listening();
        let clocks = listening.read(is_accepting, now);
        let runs = Ingress::ALL.map(|ingress| listening.runs(ingress));
        Now { wall: Utc::now(), clocks, runs }
    }

    /// Position of the last record.
    #[must_use]
    pub fn last(&self) -> Position {
        self.last.load(Ordering::Acquire)
    }

    /// Position of the last record that is to be published.
    pub(super) fn last_outbound(&self) -> Position {
        self.unpublished.last()
    }

    /// Position up to which records are judged, and what came of them committed to a database that was seen in its place
    /// since.
    #[must_use]
    pub fn verified(&self) -> Position {
        self.cursors.verified.position()
    }

    /// Records after the evaluation cursor.
    #[must_use]
    pub fn uncommitted(&self) -> u64 {
        self.last().saturating_sub(self.cursors.evaluation.position())
    }

    /// Records after the publication cursor that are to be published.
    #[must_use]
    pub fn unpublished(&self) -> u64 {
        self.unpublished.num()
    }

    /// Position of the publication cursor.
    #[must_use]
    pub fn published(&self) -> Position {
        self.cursors.publication.position()
    }

    /// Bytes of log that wait for publication, roughly.
    #[must_use]
    pub fn unpublished_bytes(&self) -> u64 {
        let published = self.published();
        let bytes = |journal: &Journal| journal.num_bytes_after(published);
        if published < self.last_outbound() { self.lock().as_ref().map_or(0, bytes) } else { 0 }
    }

    /// Moves the publication cursor to a position, past `records` that were to be published.
    pub fn publish_through(&self, position: Position, records: u64) {
        self.unpublished.subtract(records);
        self.cursors.publication.advance(position);
    }

    /// Reports the outcome of an action to the operator who waits for it.
    pub fn answer(&self, position: Position, answer: ActionAnswer) {
        self.replies.answer(position, answer);
    }

    /// Tells operators whose actions are committed, and whose outcome was lost with an evaluator.
    pub fn give_up_answers_through(&self, position: Position) {
        self.replies.give_up_through(position);
    }

    /// Whether what is sent is accepted: nobody is kept waiting for a disk or for storage.
    #[must_use]
    pub fn is_accepting(&self) -> bool {
        !self.has_database_fault() && !self.stall().has_waiting_callers(Instant::now())
    }

    /// Whether the database is not at its path.
    #[must_use]
    pub fn has_database_fault(&self) -> bool {
        self.cursors.has_database_fault.load(Ordering::Relaxed)
    }

    /// Payload limit in bytes; a longer payload is rejected at evaluation.
    #[must_use]
    pub const fn max_payload_bytes(&self) -> usize {
        self.settings.max_payload_bytes
    }

    /// Folder of the journal.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.settings.folder
    }

    /// Returns when something was appended since the last time. For one consumer.
    pub(super) async fn appended(&self) {
        self.appended.notified().await;
    }

    /// Returns when a record that is to be published was appended since the last time. For one consumer.
    pub(super) async fn appended_outbound(&self) {
        self.unpublished.appended().await;
    }

    /// Messages in and out, and topics.
    #[must_use]
    pub const fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    pub(super) fn is_durable(&self) -> bool {
        self.settings.durability == Durability::Power
    }

    /// `None` when there is no room for now. `on_append` runs before anybody can read the record.
    pub(super) fn try_append(
        &self,
        record: &[u8],
        on_append: impl FnMut(Position),
    ) -> Option<Position> {
        self.append(record, on_append).map_err(|refusal| self.note(&refusal)).ok()
    }

    pub(super) fn note(&self, refusal: &Refusal) {
        match refusal {
            Refusal::Disk(error) => self.note_disk_failure(error),
            Refusal::Full => self.stall().full(self.uncommitted(), Instant::now()),
            Refusal::DatabaseFault => self.stall().database_fault(Instant::now()),
            Refusal::Closed => {}
        }
    }

    /// Records that the disk or the device failed, for the log lines and for [`Log::is_accepting`].
    pub(super) fn note_disk_failure(&self, why: &dyn Display) {
        self.stall().disk(why, Instant::now());
    }

    /// Records that a message got in: present trouble is over.
    pub(super) fn note_accepted(&self) {
        let mut stall = self.stall();
        // Each message comes by here: the clock is read only where there is something to say.
        if stall.is_active() {
            stall.end(Instant::now());
        }
    }

    fn append(&self, record: &[u8], on_append: impl FnMut(Position)) -> Result<Position, Refusal> {
        let mut guard = self.lock();
        let journal = guard.as_mut().ok_or(Refusal::Closed)?;
        journal.delete_through(self.done_through());
        let waiting_bytes = journal.num_bytes_after(self.cursors.evaluation.position());
        if self.ignores_limit.load(Ordering::Relaxed) {
            // What a stop can't wait for is in the log for the next start.
        } else if self.has_database_fault() {
            return Err(Refusal::DatabaseFault);
        } else if waiting_bytes >= self.limit_bytes {
            return Err(Refusal::Full);
        }
        self.append_to(journal, record, on_append)
    }

    pub(super) fn append_past_limit(&self, record: &[u8]) -> Result<Position, Refusal> {
        let mut guard = self.lock();
        let journal = guard.as_mut().ok_or(Refusal::Closed)?;
        self.append_to(journal, record, |_| ())
    }

    fn append_to(
        &self,
        journal: &mut Journal,
        record: &[u8],
        mut on_append: impl FnMut(Position),
    ) -> Result<Position, Refusal> {
        let position = match journal.append(record) {
            Ok(position) => position,
            Err(error) => {
                if self.is_durable() {
                    self.sync.doubt(journal); // it may have been a sync that failed
                }
                return Err(Refusal::Disk(error));
            }
        };
        on_append(position);
        let is_outbound = record::is_outbound(record);
        if is_outbound {
            self.unpublished.add(position);
        }
        self.last.store(position, Ordering::Release);
        self.appended.notify_one();
        if is_outbound {
            self.unpublished.notify();
        }
        Ok(position)
    }

    /// Records that no cursor needs any more end here. While the database is not at its path, another one may need all.
    fn done_through(&self) -> Position {
        if self.has_database_fault() {
            return 0;
        }
        let verified = self.cursors.verified.position();
        let published = self.published();
        if published < self.last_outbound() { verified.min(published) } else { verified }
    }

    fn stall(&self) -> MutexGuard<'_, Stall> {
        self.stall.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listening(&self) -> MutexGuard<'_, Listening> {
        self.listening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Option<Journal>> {
        // Nothing panics while it holds the lock, and the journal is whole between any two steps.
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reports a failed read, which the reader repeats.
pub(super) fn note_unreadable(error: &JournalError) {
    log::error!(target: "vigie::intake", "{error}; what lies there is judged once it can be read, trying again each second");
}

#[cfg(test)]
pub mod testing;
#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
