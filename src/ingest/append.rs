//! Appends to the log: messages, own readings, operators' actions, time marks, findings.
//!
//! Always: a record is on disk when its append returns (with `durability = "power"`: on the device). While the log refuses
//! records, callers wait and retry; asynchronous callers, of which there may be thousands, hold no thread.
//! Never: an action that is readable before the channel for its answer is registered.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::formats::MOST_DESCRIPTION_BYTES;
use super::log::Refusal;
use super::record::{self, IncomingMessage};
use super::traffic::CountedMessage;
use super::{ActionAnswer, Log, Now};
use crate::domain::{Finding, Ingress, OperatorAction, Position, Reading};

/// Delay of a retry after a refused append.
const TRY_AGAIN: Duration = Duration::from_millis(100);

impl Log {
    /// Appends a message, which may be acknowledged when this returns. Blocks its thread and retries while the log refuses
    /// records.
    pub fn accept(&self, message: &IncomingMessage<'_>) {
        let record = self.encode(message);
        loop {
            let is_appended = self.try_append(&record, |_| ()).is_some();
            if is_appended && (!self.is_durable() || self.sync().is_some()) {
                self.count(message);
                return self.note_accepted();
            }
            std::thread::sleep(TRY_AGAIN);
        }
    }

    fn encode(&self, message: &IncomingMessage<'_>) -> Vec<u8> {
        let Now { wall: at, clocks, .. } = self.now();
        let IncomingMessage { topic, payload, is_replayed: is_retained, .. } = *message;
        self.traffic.count_in(CountedMessage { topic, payload, at, is_retained });
        let most = if message.is_description {
            MOST_DESCRIPTION_BYTES
        } else {
            self.settings.max_payload_bytes
        };
        record::message(message, at, &clocks, most)
    }

    /// Counts a message that the gateway published.
    pub fn count_published(&self, topic: &str, payload: &[u8], is_retained: bool) {
        let at = self.now().wall;
        self.traffic.count_out(CountedMessage { topic, payload, at, is_retained });
    }

    /// Asynchronous form of [`Log::accept`]; concurrent callers share a sync. Not cancel-safe: if the future is dropped, the
    /// message may have been appended or not.
    pub async fn accept_async(self: &Arc<Self>, message: &IncomingMessage<'_>) {
        let record = self.encode(message);
        self.append_durably(&record, |_| ()).await;
        self.count(message);
    }

    fn count(&self, message: &IncomingMessage<'_>) {
        self.traffic.count_received(message.ingress.unwrap_or_default(), 1);
    }

    /// Appends own readings, in order; waits like [`Log::accept_async`]. After a failed sync all of them are appended again,
    /// and evaluation deduplicates.
    pub(super) async fn append_readings(self: &Arc<Self>, readings: &[Reading]) {
        let Now { wall: at, clocks, .. } = self.now();
        loop {
            let mut positions = Vec::with_capacity(readings.len());
            for reading in readings {
                let record = record::reading(reading, at, &clocks);
                positions.push(self.append_in_turn(&record, |_| ()).await);
            }
            if self.are_synced(&positions).await {
                self.traffic.count_received(Ingress::Own, readings.len());
                return self.note_accepted();
            }
            tokio::time::sleep(TRY_AGAIN).await;
        }
    }

    /// Whether all records are durable: with `durability = "power"` after a sync that included them.
    async fn are_synced(self: &Arc<Self>, positions: &[Position]) -> bool {
        let mut are_synced = true;
        for position in positions.iter().filter(|_| self.is_durable()) {
            are_synced &= self.is_synced(*position).await;
        }
        are_synced
    }

    /// Appends an operator's action. The answer is sent after the commit of its outcome.
    ///
    /// # Errors
    /// If the action has no JSON form.
    pub(super) async fn append_action(
        self: &Arc<Self>,
        action: &OperatorAction,
    ) -> serde_json::Result<oneshot::Receiver<ActionAnswer>> {
        let Now { wall: at, clocks, .. } = self.now();
        let record = record::action(action, at, &clocks)?;
        let mut waiting = None;
        self.append_durably(&record, |position| waiting = Some(self.replies.expect(position)))
            .await;
        // Every append registers the answer's channel, so the alternative is never used.
        Ok(waiting.unwrap_or_else(|| oneshot::channel().1))
    }

    /// Appends a time mark; `None` if the write failed. A full backlog does not refuse it.
    pub fn append_time_mark(&self) -> Option<Position> {
        let Now { wall: at, clocks, .. } = self.now();
        let appended = self.append_past_limit(&record::time_mark(at, &clocks));
        appended.map_err(|refusal| self.note(&refusal)).ok()
    }

    /// Appends a finding of the daemon about itself; `None` if the write failed. A full backlog does not refuse it.
    pub fn append_finding(&self, finding: &Finding) -> Option<Position> {
        let Now { wall: at, clocks, .. } = self.now();
        let record = record::finding(finding, at, &clocks).ok()?;
        let appended = self.append_past_limit(&record);
        appended.map_err(|refusal| self.note(&refusal)).ok()
    }

    /// Appends an own reading past the limit, without waiting.
    ///
    /// # Errors
    /// If the write fails or the log is closed.
    pub(super) fn append_reading_past_limit(&self, reading: &Reading) -> Result<(), String> {
        let Now { wall: at, clocks, .. } = self.now();
        let record = record::reading(reading, at, &clocks);
        self.append_past_limit(&record).map(drop).map_err(|refusal| match refusal {
            Refusal::Disk(error) => error.to_string(),
            _ => "the log takes nothing".into(),
        })
    }

    async fn append_durably(self: &Arc<Self>, record: &[u8], mut on_append: impl FnMut(Position)) {
        loop {
            let position = self.append_in_turn(record, &mut on_append).await;
            if !self.is_durable() || self.is_synced(position).await {
                return self.note_accepted();
            }
            tokio::time::sleep(TRY_AGAIN).await;
        }
    }

    /// Appends, and retries while the log refuses records. One caller at a time retries: thousands would occupy all threads
    /// with a full disk.
    async fn append_in_turn(&self, record: &[u8], mut on_append: impl FnMut(Position)) -> Position {
        if let Some(position) = self.try_append(record, &mut on_append) {
            return position;
        }
        let _turn = self.turn.lock().await;
        loop {
            if let Some(position) = self.try_append(record, &mut on_append) {
                return position;
            }
            tokio::time::sleep(TRY_AGAIN).await;
        }
    }

    /// Whether a record is on the device; waits for a sync, which concurrent callers share.
    pub(super) async fn is_synced(self: &Arc<Self>, position: Position) -> bool {
        let log = self.clone();
        self.sync.includes(position, move || log.sync()).await
    }

    /// Syncs the journal; returns the position up to which everything is on the device then, or `None` after a failure.
    /// Blocks its thread.
    fn sync(&self) -> Option<Position> {
        #[cfg(test)]
        self.sync.num_syncs.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (handle, last) = {
            let guard = self.lock();
            let journal = guard.as_ref()?;
            (journal.sync_handle(), journal.last())
        };
        let synced = handle.map_err(|error| error.to_string()).and_then(|file| {
            file.sync_data().map_err(|error| {
                format!("journal {}: can't sync it: {error}", self.folder().display())
            })
        });
        match synced {
            Ok(()) => Some(last),
            Err(why) => {
                if let Some(journal) = self.lock().as_mut() {
                    self.sync.doubt(journal);
                }
                self.note_disk_failure(&why);
                None
            }
        }
    }
}
