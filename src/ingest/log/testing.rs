//! Logs in temporary folders, for tests of producers and consumers.

use tempfile::TempDir;

use super::super::journal::Reader;
use super::super::record::{Body, IncomingMessage};
use super::*;
use crate::domain::Reading;

/// A log with nothing committed.
#[must_use]
pub fn log(max_payload_bytes: usize) -> (TempDir, Arc<Log>) {
    make(Durability::Process, max_payload_bytes, LIMIT_BYTES)
}

/// A log with `durability = "power"`.
#[must_use]
pub fn durable_log() -> (TempDir, Arc<Log>) {
    make(Durability::Power, 65_536, LIMIT_BYTES)
}

/// A log that refuses every record until its back-pressure ends.
#[must_use]
pub fn full_log() -> (TempDir, Arc<Log>) {
    make(Durability::Process, 65_536, 0)
}

fn make(durability: Durability, max_payload_bytes: usize, limit_bytes: u64) -> (TempDir, Arc<Log>) {
    let folder = tempfile::tempdir().unwrap();
    let settings =
        LogSettings { folder: folder.path().join("journal"), durability, max_payload_bytes };
    let (log, _) = Log::open_with(settings, LogResume::default(), limit_bytes).unwrap();
    (folder, Arc::new(log))
}

impl Log {
    /// Appends a live message from a remote broker.
    pub(crate) fn accept_message(&self, topic: &str, payload: &[u8]) {
        self.accept(&IncomingMessage::live(Ingress::Remote, topic, payload, 1));
    }

    /// Appends own readings.
    pub(crate) async fn append_own(self: &Arc<Self>, readings: &[Reading]) {
        self.append_readings(readings).await;
    }

    /// Topic and true payload length of all messages.
    pub(crate) fn contents(&self) -> Vec<(String, usize)> {
        let records = Reader::new(self.folder(), 0).read(10_000).unwrap();
        let messages = records.iter().filter_map(|it| match record::decode(&it.payload) {
            Some((_, Body::Message(message))) => {
                Some((message.topic.to_owned(), message.payload_bytes))
            }
            _ => None,
        });
        messages.collect()
    }

    /// Delays every sync while the guard is held; it holds the position up to which everything is on the device.
    pub(crate) async fn slow_device(&self) -> tokio::sync::MutexGuard<'_, Position> {
        self.sync.slow_device().await
    }

    /// Syncs so far.
    pub(crate) fn num_syncs(&self) -> u64 {
        self.sync.num_syncs.load(Ordering::Relaxed)
    }
}
