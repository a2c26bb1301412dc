//! Stores every reading, alert and rejected message in a ledger, and pushes alert events to the gateway.
//!
//! [`Writer`] is the only writer; [`History`] reads beside it, for people. The neutral parts are here: the
//! [`backlog`] of batches, the [`push`] of alerts to the gateway, and the [`ledger`] interface of a backend. A
//! backend is a folder; nothing outside it uses its statements, row ids or errors.
//!
//! Invariants: the contents of a [`Store`](crate::messages::Store) are committed atomically, in the order sent,
//! exactly once, whatever fails in between. An alert event is published after its commit; before it only while a
//! commit is stuck, and never with `durability = "power"`. Never: a blocking call on an arbiter's thread, or a
//! change to a file of a newer version.

mod actor;
mod backlog;
mod backup;
mod gauges;
mod growth;
mod history;
mod holdings;
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
pub use backup::{CopyError, backup};
pub use gauges::{CommitFailure, StoreCounts, StoreGauges};
pub use growth::{Growth, GrowthFigures};
pub use history::{
    AlarmReport, AlertFilter, BucketColumns, BucketQuery, BucketSource, BucketValues, QueryError,
    ReadingFilter, ReadingRow, RejectedMessages, Sparklines, StoredAlert,
};
pub use holdings::Holdings;
use ledger::Backend;
pub use ledger::{LedgerError, LedgerReader, Progress, Settings};
pub use legacy::LegacyError;
pub use restore::{Finished, Restored, finish_restore, restore};
pub use sqlite::broker_state::BrokerStateTable;
#[cfg(test)]
pub(crate) use sqlite::fixtures;
pub use sqlite::query::History;
pub use watch::Watch;

pub use rollups::SharedHours;

use crate::config::Durability;

/// The ledger before the actors start: opened, migrated, and with the leftovers of an earlier version taken over.
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
    /// Counters of commits.
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

    /// Reader beside the writer; must be dropped before the writer closes the ledger.
    ///
    /// # Errors
    /// If the ledger can't be read.
    pub fn reader(&self) -> Result<Arc<dyn LedgerReader>, LedgerError> {
        self.backend.reader()
    }
}

/// Opens the ledger once, so that its errors are reported at the start; migrates it, which may take minutes.
/// Deletes the state of receivers that are not `named`.
///
/// # Errors
/// If the ledger is unusable.
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
