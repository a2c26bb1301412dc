//! What is opened before anything is started, so that what is wrong with it is said at once: the
//! database, and the journal of what came in.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::Config;
use crate::ingest::journal::Recovery;
use crate::ingest::{self, Intake};
use crate::messages::Committed;
use crate::store::{self, Prepared};

/// The contract's: a larger payload is rejected.
const MAX_PAYLOAD_BYTES: usize = 64 * 1024;
/// Unreadable places that are named one by one.
const DAMAGES_NAMED: usize = 20;

/// Outlives every actor.
pub(super) struct Doors {
    pub intake: Arc<Intake>,
    pub committed: Arc<Committed>,
    pub storage: Prepared,
}

/// Opens all of it; migrates the database too.
///
/// # Errors
/// One line on what can't be used, and what to do.
pub(super) fn open(config: &Config, storage: store::Settings) -> Result<Doors, String> {
    let folder = beside(&storage.path, "journal");
    let receivers: Vec<&str> = config.receivers.iter().map(|receiver| &*receiver.name).collect();
    let storage = store::prepare(storage, &receivers).map_err(|error| error.to_string())?;
    let position = storage.progress.position;
    let committed = Arc::new(Committed::new(position));
    let settings = ingest::Settings {
        folder,
        durability: config.storage.durability,
        max_payload_bytes: MAX_PAYLOAD_BYTES,
    };
    let (intake, recovery) = Intake::open(settings, committed.clone())
        .map_err(|error| format!("{error}; check the folder, its owner, and the disk"))?;
    tell(&recovery);
    Ok(Doors { intake: Arc::new(intake), committed, storage })
}

/// `sensor_data.db` → `sensor_data.db.journal`
pub(super) fn beside(database: &Path, what: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".");
    path.push(what);
    path.into()
}

/// Says what an earlier run left behind, and what of it can't be read.
fn tell(recovery: &Recovery) {
    if recovery.records > 0 {
        log::info!(
            target: "vigie::intake",
            "{} messages came in before the last end and are not in the database yet: taking them up",
            recovery.records
        );
    }
    for (path, damage) in recovery.damages.iter().take(DAMAGES_NAMED) {
        let what: &dyn Display = if damage.is_tail {
            &"the last write was cut short there; unless the power failed, its message was not acknowledged and comes again"
        } else {
            &"what stood there is lost; check the disk"
        };
        log::error!(
            target: "vigie::intake",
            "journal {}: {damage}: {what}", path.display()
        );
    }
    if let Some(more @ 1..) = recovery.damages.len().checked_sub(DAMAGES_NAMED) {
        log::error!(target: "vigie::intake", "{more} more places of the journal can't be read");
    }
    for (first, last) in recovery.missing.iter().take(DAMAGES_NAMED) {
        log::error!(
            target: "vigie::intake",
            "messages {first} to {last} of the journal ({} in all) are missing and lost: a segment was removed or damaged",
            last - first + 1
        );
    }
}
