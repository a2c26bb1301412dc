//! Keeps every reading, alert and rejected message in a ledger, and hands alert events to the gateway.
//!
//! [`Writer`] is the only one that writes; [`History`] reads for people, beside it. What is neutral is here: the
//! batches' [`backlog`], what is [`push`]ed to the gateway, and the [`ledger`] that a backend implements. A
//! backend is a folder; nothing outside it knows its statements, row ids or errors.
//!
//! Holds always: what a [`Store`](crate::messages::Store) carries is committed whole or not yet, in the order
//! sent, exactly once while the process lives, whatever fails in between. An alert event goes out after its
//! commit; before it only while a commit is stuck, and never with `durability = "power"`.
//! Never: a blocking call on an arbiter's thread, or a file of a newer version touched.

mod actor;
mod backlog;
mod backup;
mod gauges;
mod growth;
mod history;
mod identity;
mod ledger;
mod legacy;
mod lock;
mod push;
mod restore;
mod retention;
mod rollups;
mod sqlite;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use actor::Writer;
pub use backup::{CopyError, Holdings, backup};
pub use gauges::{StoreCounts, StoreGauges, StoreTrouble};
pub use growth::{Growth, GrowthFigures};
pub use history::{
    AlarmReport, AlertFilter, BucketColumns, BucketQuery, BucketSource, BucketValues, QueryError,
    ReadingFilter, ReadingRow, RejectedMessages, Sparklines, StoredAlert,
};
use ledger::Backend;
pub use ledger::{LedgerError, LedgerReader, Progress, Settings};
pub use legacy::LegacyError;
pub use restore::{Finished, Restored, finish_restore, restore};
#[cfg(test)]
pub(crate) use sqlite::fixtures;
pub use sqlite::kept::Kept;
pub use sqlite::query::History;
pub use watch::Watch;

pub use rollups::SharedHours;

use crate::config::Durability;

/// The ledger before any actor is started: opened, migrated, and free of what an earlier version left.
#[derive(Clone)]
pub struct Prepared {
    pub(in crate::store) backend: Arc<dyn Backend>,
    pub(in crate::store) durability: Durability,
    progress: Progress,
    hours: SharedHours,
    gauges: Arc<StoreGauges>,
    growth: Growth,
    watch: Arc<Watch>,
    is_deleting: bool,
}

impl Prepared {
    /// Counts of what the writer commits.
    #[must_use]
    pub fn gauges(&self) -> Arc<StoreGauges> {
        self.gauges.clone()
    }

    /// How far the ledger reaches.
    #[must_use]
    pub const fn progress(&self) -> Progress {
        self.progress
    }

    /// Handle to the hours of history that are not written yet.
    #[must_use]
    pub fn hours(&self) -> SharedHours {
        self.hours.clone()
    }

    /// Handle to the figures of the database's size.
    #[must_use]
    pub fn growth(&self) -> Growth {
        self.growth.clone()
    }

    /// Handle to the watch over the database's files.
    #[must_use]
    pub fn watch(&self) -> Arc<Watch> {
        self.watch.clone()
    }

    /// Reads beside the writer; to be dropped before the writer closes the ledger.
    ///
    /// # Errors
    /// When the ledger can't be read.
    pub fn reader(&self) -> Result<Arc<dyn LedgerReader>, LedgerError> {
        self.backend.reader()
    }
}

/// Opens the ledger once, so that what is wrong with it is reported at once; migrates it, which may take
/// minutes. Forgets the receivers of notifications that are not `named`.
///
/// # Errors
/// When it can't be used.
pub fn prepare(settings: Settings, receivers: &[&str]) -> Result<Prepared, LegacyError> {
    let durability = settings.durability;
    let left = beside(&settings.path, "alerts");
    let (growth, is_deleting) = (Growth::new(&settings.path), settings.retention.is_some());
    let watch = Arc::new(Watch::new(&settings.path));
    let hours = SharedHours::default();
    let backend: Arc<dyn Backend> = Arc::new(sqlite::Sqlite(settings, hours.clone()));
    watch.claim()?;
    let mut ledger = backend.open()?;
    watch.opened()?;
    ledger.retain_receivers(receivers)?;
    legacy::take_over(&left, &mut *ledger)?;
    let progress = ledger.progress()?;
    drop(ledger);
    watch.closed();
    let gauges = Arc::default();
    Ok(Prepared { backend, durability, progress, hours, gauges, growth, watch, is_deleting })
}

/// `sensor_data.db` → `sensor_data.db.alerts`
fn beside(database: &Path, what: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".");
    path.push(what);
    path.into()
}
