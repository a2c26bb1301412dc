//! The log: its state, admission of records, and deletion behind both cursors. `append` has an operation for each kind
//! of record.
//!
//! Always: a record gets its position and its time (wall clock, listening clocks) at the append; positions grow by one; an
//! append that returned is on disk. Back-pressure counts records that wait for evaluation. Records that are kept for
//! publication alone, or until the database is verified, do not count.
//! Never: a call that blocks an arbiter (apart from a short append), or a caller that waits after
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

/// Limit of the evaluation backlog in bytes; past it nothing is accepted. It holds about a million readings: an hour of a
/// locked database at 300 a second.
const LIMIT_BYTES: u64 = 256 << 20;

/// Settings of the log.
#[derive(Debug, Clone)]
pub struct LogSettings {
    /// Folder of the journal; created if missing.
    pub folder: PathBuf,
    /// Durability of an append: `process` ends with the write, `power` with a sync of the device.
    pub durability: Durability,
    /// Payload limit in bytes; a longer payload is rejected at evaluation.
    pub max_payload_bytes: usize,
}

/// State from which a log resumes.
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
    /// Listening clocks, one for each ingress.
    pub clocks: ListeningClocks,
    /// Whether each listening clock advances, by [`Ingress::index`].
    pub runs: [bool; Ingress::ALL.len()],
}

impl Now {
    /// Whether a listening clock advances.
    #[must_use]
    pub const fn runs(&self, ingress: Ingress) -> bool {
        self.runs[ingress.index()]
    }
}

/// The log. Shared by its producers and consumers.
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
    /// Held by the one asynchronous caller that retries a refused append; the others wait for it.
    pub(super) turn: tokio::sync::Mutex<()>,
    /// Whether back-pressure has ended because the daemon stops.
    ignores_limit: AtomicBool,
    stall: Mutex<Stall>,
    pub(super) traffic: Traffic,
}

/// Reason why an append was refused. The caller may retry, except after `Closed`.
pub(super) enum Refusal {
    Disk(JournalError),
    /// The evaluation backlog is at its limit.
    Full,
    /// The database is not at its path.
    DatabaseFault,
    /// The log is closed.
    Closed,
}

impl Log {
    /// Ends back-pressure because the daemon stops: waiting callers would delay it. Messages that still arrive are bounded
    /// by the broker's in-flight window.
    pub fn stop_backpressure(&self) {
        self.ignores_limit.store(true, Ordering::Relaxed);
    }

    /// Closes the log: later appends are refused, and records behind both cursors are deleted from disk.
    pub fn close(&self) {
        if let Some(journal) = self.lock().take() {
            journal.close(self.done_through());
        }
    }

    /// Opens or closes an ingress, which starts or stops its listening clock.
    pub fn set_open(&self, ingress: Ingress, is_open: bool) {
        let is_accepting = self.is_accepting();
        self.listening().set_open(ingress, is_open, is_accepting, Instant::now());
    }

    /// Reads all clocks. Call it at least once a second, or the listening clocks fall behind.
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

    /// Position up to which records are evaluated and committed, to a database whose path was verified after the commit.
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

    /// Sends the outcome of an action to its operator.
    pub fn answer(&self, position: Position, answer: ActionAnswer) {
        self.replies.answer(position, answer);
    }

    /// Fails the unanswered actions up to a committed position: an evaluator that failed has lost their outcome.
    pub fn give_up_answers_through(&self, position: Position) {
        self.replies.give_up_through(position);
    }

    /// Whether records are accepted: the database is in place, and no caller waits for the disk or storage.
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

    /// Returns after the next append, or at once if there was one since the last call. For one consumer.
    pub(super) async fn appended(&self) {
        self.appended.notified().await;
    }

    /// Like [`Log::appended`], for records that are to be published. For one consumer.
    pub(super) async fn appended_outbound(&self) {
        self.unpublished.appended().await;
    }

    /// Counts of messages, and the busiest topics.
    #[must_use]
    pub const fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    pub(super) fn is_durable(&self) -> bool {
        self.settings.durability == Durability::Power
    }

    /// Appends unless the log refuses the record; then notes the refusal. `on_append` runs before the record is readable.
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

    /// Notes a failed write or sync, for log lines and [`Log::is_accepting`].
    pub(super) fn note_disk_failure(&self, why: &dyn Display) {
        self.stall().disk(why, Instant::now());
    }

    /// Notes an accepted record, which ends a stall.
    pub(super) fn note_accepted(&self) {
        let mut stall = self.stall();
        // Every message passes here, so the clock is read only during a stall.
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
            // The next start evaluates what this stop can't wait for.
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

    /// Position up to which no cursor needs records. 0 while the database is not at its path: the one that replaces it may
    /// need all of them.
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
        // The journal is consistent between any two steps, so a poisoned lock is as good.
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Logs a failed read, which the consumer retries.
pub(super) fn note_unreadable(error: &JournalError) {
    log::error!(target: "vigie::intake", "{error}; what lies there is judged once it can be read, trying again each second");
}

#[cfg(test)]
pub mod testing;
#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
