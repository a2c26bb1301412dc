//! `durability = "power"`: a record counts as appended once the device has it.
//!
//! Always: many who wait share one wait for the device; a record that a failed sync may have lost is appended
//! again by whoever waits for it. Never: a later sync taken for proof of an earlier one that failed.

use crate::domain::Position;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Log;
use super::journal::Journal;

/// What the device is known to have.
#[derive(Debug)]
pub(super) struct State {
    /// Position up to which the device has everything; locked by whoever waits for the device for all others.
    synced: tokio::sync::Mutex<Position>,
    /// Position up to which the device may have lost what it was given.
    doubtful: AtomicU64,
    /// How often the device was waited for.
    #[cfg(test)]
    num_syncs: AtomicU64,
}

impl State {
    /// Everything up to `synced` is on the device.
    pub fn new(synced: Position) -> Self {
        Self {
            synced: tokio::sync::Mutex::new(synced),
            doubtful: AtomicU64::new(0),
            #[cfg(test)]
            num_syncs: AtomicU64::new(0),
        }
    }
}

impl Log {
    /// Whether a record is on the device: waits for it, with all others who do.
    pub(super) async fn synced(self: &Arc<Self>, position: Position) -> bool {
        let mut synced = self.sync.synced.lock().await;
        if *synced < position {
            let log = self.clone();
            let through = tokio::task::spawn_blocking(move || log.sync()).await.ok().flatten();
            *synced = through.unwrap_or(*synced);
        }
        *synced >= position && self.sync.doubtful.load(Ordering::Acquire) < position
    }

    /// The device failed: what it was given may be gone, even if a later sync succeeds.
    pub(super) fn doubt(&self, journal: &mut Journal) {
        journal.abandon_segment();
        self.sync.doubtful.fetch_max(journal.last(), Ordering::AcqRel);
    }

    /// Waits for the device; the position up to which it has everything then. `None` when it failed.
    pub(super) fn sync(&self) -> Option<Position> {
        #[cfg(test)]
        self.sync.num_syncs.fetch_add(1, Ordering::Relaxed);
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
                self.note_disk_failure(&why);
                None
            }
        }
    }
}

#[cfg(test)]
impl Log {
    /// While this is held the device takes its time.
    pub(crate) async fn slow_device(&self) -> tokio::sync::MutexGuard<'_, Position> {
        self.sync.synced.lock().await
    }

    /// How often the device was waited for.
    pub(crate) fn num_syncs(&self) -> u64 {
        self.sync.num_syncs.load(Ordering::Relaxed)
    }
}
