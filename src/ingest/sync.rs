//! `durability = "power"`: a record counts as appended once the device has it.
//!
//! Always: callers that wait at the same time share one sync (group commit). A record that a failed sync may have lost
//! stays doubtful, so its caller appends it again.
//! Never: a later sync taken as proof of an earlier one that failed.

use std::sync::atomic::{AtomicU64, Ordering};

use super::journal::Journal;
use crate::domain::Position;

/// Positions that are on the device, and positions that a failed sync may have lost.
#[derive(Debug)]
pub(super) struct DeviceSync {
    /// Position up to which everything is on the device. Locked during a sync, so that later callers share its result.
    synced: tokio::sync::Mutex<Position>,
    /// Position up to which a failed sync may have lost records.
    doubtful: AtomicU64,
    /// Syncs so far.
    #[cfg(test)]
    pub num_syncs: AtomicU64,
}

impl DeviceSync {
    /// Everything up to `synced` is on the device.
    pub fn new(synced: Position) -> Self {
        Self {
            synced: tokio::sync::Mutex::new(synced),
            doubtful: AtomicU64::new(0),
            #[cfg(test)]
            num_syncs: AtomicU64::new(0),
        }
    }

    /// Whether a record is on the device, after a `sync` unless an earlier one included the record. `sync` blocks its
    /// thread and returns the position up to which it succeeded.
    pub async fn includes(
        &self,
        position: Position,
        sync: impl FnOnce() -> Option<Position> + Send + 'static,
    ) -> bool {
        let mut synced = self.synced.lock().await;
        if *synced < position {
            let through = tokio::task::spawn_blocking(sync).await.ok().flatten();
            *synced = through.unwrap_or(*synced);
        }
        *synced >= position && self.doubtful.load(Ordering::Acquire) < position
    }

    /// Marks all records so far as doubtful after a failed sync. They may be lost even if a later sync succeeds.
    pub fn doubt(&self, journal: &mut Journal) {
        journal.abandon_segment();
        self.doubtful.fetch_max(journal.last(), Ordering::AcqRel);
    }
}

#[cfg(test)]
impl DeviceSync {
    /// Delays every sync while the guard is held; it holds the position up to which everything is on the device.
    pub async fn slow_device(&self) -> tokio::sync::MutexGuard<'_, Position> {
        self.synced.lock().await
    }
}
