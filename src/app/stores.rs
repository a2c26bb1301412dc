//! Files opened before any actor starts, so that their errors are reported at once: the database and the log.

#![expect(clippy::disallowed_methods, reason = "a start that waits says since when")]

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crate::broker::{self, BrokerStore};
use crate::config::{Config, Durability, Endpoint};
use crate::domain::{BrokerStateChange, Ingress, Position, Reading};
use crate::ingest::journal::Recovery;
use crate::ingest::{Log, LogResume, LogSettings, OutboxMigration, migrate_outbox};
use crate::locale::Words;
use crate::messages::{Cursor, Cursors};
use crate::store::{self, BrokerStateTable, Finished, Prepared};

/// The contract's: a larger payload is rejected.
const MAX_PAYLOAD_BYTES: usize = 64 * 1024;
/// Between two tries to open a database that another program holds, and between two lines about it.
const TRY_AGAIN: Duration = Duration::from_secs(1);
const SAY_AGAIN: Duration = Duration::from_secs(60);
/// Damaged places in the log that are reported one by one.
const DAMAGES_NAMED: usize = 20;

/// State that outlives every actor.
pub(super) struct Stores {
    pub log: Arc<Log>,
    pub cursors: Arc<Cursors>,
    pub storage: Prepared,
    /// Persistent state of the embedded broker, if there is one, and the installation's id.
    pub kept: Option<(Arc<dyn BrokerStore>, String)>,
}

/// Opens all files, migrates the database, and takes over what an earlier version left beside it.
///
/// # Errors
/// One line: the unusable file, and the remedy.
pub(super) fn open(config: &Config, storage: &store::Settings) -> Result<Stores, String> {
    let database = storage.path.clone();
    finish_restore(&database)?;
    let receivers: Vec<&str> = config.receivers.iter().map(|receiver| &*receiver.name).collect();
    let storage = prepare(storage, &receivers)?;
    let progress = storage.progress();
    let cursors = Arc::new(Cursors {
        evaluation: Cursor::new(progress.position),
        verified: Cursor::new(progress.position),
        publication: Cursor::new(progress.published),
        has_database_fault: AtomicBool::new(false),
    });
    let settings = LogSettings {
        folder: beside(&database, "journal"),
        durability: config.storage.durability,
        max_payload_bytes: MAX_PAYLOAD_BYTES,
    };
    let resume = LogResume { cursors: cursors.clone(), clocks: progress.clocks };
    let (log, recovery) = Log::open(settings, resume)
        .map_err(|error| format!("{error}; check the folder, its owner, and the disk"))?;
    storage.watch().watch_journal(log.folder());
    tell(&recovery, progress.position);
    let log = Arc::new(log);
    take_over(&beside(&database, "outbox"), &log, &storage)?;
    tell_unpublished(&log, config.language.words());
    if matches!(config.mqtt.endpoint, Endpoint::Remote { .. }) {
        log.set_open(Ingress::Remote, false); // until the gateway is connected
    }
    let kept = config.broker.as_ref().map(|_| open_kept(&database, config)).transpose()?;
    Ok(Stores { log, cursors, storage, kept })
}

/// Opens the database, waiting for it as long as another program holds it, or its disk is full.
fn prepare(settings: &store::Settings, receivers: &[&str]) -> Result<Prepared, String> {
    let began = Instant::now();
    let mut said: Option<Instant> = None;
    loop {
        let error = match store::prepare(settings.clone(), receivers) {
            Ok(prepared) => {
                if said.is_some() {
                    log::info!(target: "vigie::storage", "the database is free after {:.1} s", began.elapsed().as_secs_f64());
                }
                return Ok(prepared);
            }
            Err(error) if error.is_transient() => error,
            Err(error) => return Err(error.to_string()),
        };
        if said.is_none_or(|at| at.elapsed() >= SAY_AGAIN) {
            said = Some(Instant::now());
            log::warn!(target: "vigie::storage", "waiting for the database, trying each second: {error}");
        }
        std::thread::sleep(TRY_AGAIN);
    }
}

/// Key of the installation's id, before all keys of the broker.
const INSTALLATION: &[u8] = &[0];

/// Persistent state of the embedded broker.
struct BrokerFile(BrokerStateTable);

impl BrokerStore for BrokerFile {
    fn each(&self, show: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), String> {
        self.0.each(&mut |key, value| {
            if key != INSTALLATION {
                show(key, value);
            }
        })
    }

    fn apply(&self, changes: &mut dyn Iterator<Item = BrokerStateChange>) -> Result<(), String> {
        self.0.apply(changes)
    }
}

fn open_kept(database: &Path, config: &Config) -> Result<(Arc<dyn BrokerStore>, String), String> {
    let path = beside(database, "broker");
    let kept = open_broker_file(&path, config.storage.durability)?;
    let mark = installation(&kept).map_err(|why| {
        format!("can't read or write `{}`: {why}; check the file and the disk", path.display())
    })?;
    Ok((Arc::new(BrokerFile(kept)), mark))
}

fn open_broker_file(path: &Path, durability: Durability) -> Result<BrokerStateTable, String> {
    let (kept, aside) =
        BrokerStateTable::open(path, durability).map_err(|error| error.to_string())?;
    if let Some(aside) = aside {
        log::error!(
            target: "vigie::broker",
            "sessions and retained messages of the embedded broker can't be read: `{}` is moved to `{}`; check the disk",
            path.display(),
            aside.display(),
        );
    }
    Ok(kept)
}

/// Random id of this installation, for as long as it keeps its files.
fn installation(kept: &BrokerStateTable) -> Result<String, String> {
    if let Some(known) = kept.get(INSTALLATION)? {
        return Ok(String::from_utf8_lossy(&known).into_owned());
    }
    let made = broker::random_mark();
    let put = BrokerStateChange::Put(INSTALLATION.to_vec(), made.clone().into_bytes());
    kept.apply(&mut std::iter::once(put))?;
    Ok(made)
}

/// Brings a restore that was interrupted to its end.
fn finish_restore(database: &Path) -> Result<(), String> {
    match store::finish_restore(database, &|| forget_installation(database))? {
        Some(Finished::Completed { aside }) => {
            let aside = aside.map_or_else(
                || "nothing was there before".into(),
                |aside| format!("what was there before is in `{}`", aside.display()),
            );
            log::warn!(target: "vigie::storage", "a restore that was interrupted is completed: the database is the restored one; {aside}");
        }
        Some(Finished::Undone) => {
            log::warn!(target: "vigie::storage", "a restore that was interrupted is undone: the database is as it was before; restore again");
        }
        None => {}
    }
    Ok(())
}

/// Makes the next start generate a new installation id. The embedded broker's state for its clients stays.
pub(super) fn forget_installation(database: &Path) -> Result<(), String> {
    let path = beside(database, "broker");
    if !path.exists() {
        return Ok(());
    }
    let kept = open_broker_file(&path, Durability::Power)?;
    let delete = BrokerStateChange::Delete(INSTALLATION.to_vec());
    kept.apply(&mut std::iter::once(delete)).map_err(|why| {
        format!("can't write `{}`: {why}; check the file and the disk", path.display())
    })
}

/// Own readings that the previous version had not published yet.
fn take_over(outbox: &Path, log: &Arc<Log>, storage: &Prepared) -> Result<(), String> {
    if !outbox.is_dir() {
        return Ok(());
    }
    let reader = storage.reader().map_err(|error| error.to_string())?;
    let is_stored = |reading: &Reading| {
        let found = reader.find_stored(std::slice::from_ref(reading));
        found.map(|found| !found.is_empty()).map_err(|error| error.to_string())
    };
    let found = migrate_outbox(outbox, log, is_stored).map_err(|error| {
        let advice = "check its owner, its permissions and the disk, or correct storage.path";
        format!("can't take over the outbox `{}`: {error}; {advice}", outbox.display())
    })?;
    let Some(OutboxMigration { appended, stored, unknown, recovery }) = found else {
        return Ok(());
    };
    log::info!(
        target: "vigie::intake",
        "outbox of the previous version taken over: {appended} readings to be stored and published, {stored} stored already"
    );
    let damages = recovery.damages.len() + recovery.missing.len() + unknown;
    if damages > 0 {
        log::error!(target: "vigie::intake", "{damages} places of the outbox can't be read, the readings in them are lost; check the disk");
    }
    Ok(())
}

fn tell_unpublished(log: &Log, words: &Words) {
    let unpublished = usize::try_from(log.unpublished()).unwrap_or(usize::MAX);
    if unpublished > 0 {
        log::info!(target: "vigie::gateway", "{}", (words.unpublished_found)(unpublished));
    }
}

/// `sensor_data.db` → `sensor_data.db.journal`
fn beside(database: &Path, what: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".");
    path.push(what);
    path.into()
}

/// Logs what an earlier run left, and what of it is unreadable.
fn tell(recovery: &Recovery, committed: Position) {
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
        if *first == committed + 1 {
            log::warn!(
                target: "vigie::intake",
                "the log begins with record {}, the database ends with {committed}: what is between them was stored in another database that was at this path, or a segment of the log was removed",
                last + 1
            );
            continue;
        }
        log::error!(
            target: "vigie::intake",
            "messages {first} to {last} of the journal ({} in all) are missing and lost: a segment was removed or damaged",
            last - first + 1
        );
    }
}
