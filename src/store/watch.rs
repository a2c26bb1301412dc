//! Checks the paths of storage's open files, and keeps the state of [`identity`](super::identity).
//!
//! Always: the database file is open here, on one descriptor for the life of the process. Closing it would drop
//! SQLite's locks on the file in this process. Never: a check on an arbiter's thread; [`Watch::look`] blocks.

#![expect(clippy::disallowed_methods, reason = "the last look is the present one")]

use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chrono::{DateTime, Utc};

use super::identity::{FileId, Identity, IdentityChange, IdentityCheck, Opened, PathCheck};
use super::ledger::LedgerError;
use super::{lock, sqlite};
use crate::domain::DatabaseFault;
use crate::messages::Cursors;

/// Identity check of one database's files, shared by the writer's incarnations and status readers.
#[derive(Debug)]
pub struct Watch {
    /// Configured path of the database.
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The database file, locked.
    file: Option<Arc<File>>,
    open: Option<Open>,
    /// Folder of the log.
    journal: Option<(PathBuf, FileId)>,
    identity: Identity,
    /// Beginning of the present fault.
    since: Option<DateTime<Utc>>,
}

/// Open files.
#[derive(Debug, Clone)]
struct Open {
    file: Arc<File>,
    database: FileId,
    /// Path of the write-ahead log, and the one that is open.
    write_ahead_log: (PathBuf, Option<FileId>),
}

impl Watch {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), state: Mutex::default() }
    }

    /// Present fault, and its beginning.
    #[must_use]
    pub fn fault(&self) -> Option<(DatabaseFault, DateTime<Utc>)> {
        let state = self.lock();
        state.identity.fault().cloned().zip(state.since)
    }

    /// Locks the file, if it exists, against other daemons, whatever path they use.
    ///
    /// # Errors
    /// If another daemon holds it, or the file has several names.
    pub(super) fn claim(&self) -> Result<(), LedgerError> {
        let failed = |why: String| LedgerError {
            is_transient: false,
            message: format!("can't use the database `{}`: {why}", self.path.display()),
        };
        let mut state = self.lock();
        // The backend reports errors of the path.
        if state.file.is_none()
            && let Ok(file) = File::open(&self.path)
        {
            lock::take(&file, &self.path).map_err(failed)?;
            let is_file = |it: &Metadata| it.is_file() && it.nlink() > 1;
            if let Ok(links) = file.metadata()
                && is_file(&links)
            {
                return Err(failed(format!(
                    "the file has {} names (hard links), and its write-ahead log lies beside one of them alone: \
                     remove the others, or copy it",
                    links.nlink()
                )));
            }
            state.file = Some(Arc::new(file));
        }
        Ok(())
    }

    /// Notes which files are open: the database has just been opened by its path.
    ///
    /// # Errors
    /// If the file at the path is not the one this process started with, or another daemon holds it.
    pub(super) fn opened(&self) -> Result<(), LedgerError> {
        self.claim()?;
        let failed = |why: &dyn std::fmt::Display| LedgerError {
            is_transient: true,
            message: format!("can't look at the database `{}`: {why}", self.path.display()),
        };
        let mut state = self.lock();
        let there = self.path.metadata().map(|file| id(&file)).map_err(|error| failed(&error))?;
        let file = state.file.clone().ok_or_else(|| failed(&"it is gone"))?;
        let database = file.metadata().map(|file| id(&file)).map_err(|error| failed(&error))?;
        if there != database {
            return Err(failed(&"another file is in its place"));
        }
        let log = sqlite::write_ahead_log(&self.path);
        let there = log.metadata().ok().map(|file| id(&file));
        state.open = Some(Open { file, database, write_ahead_log: (log, there) });
        Ok(())
    }

    /// Watches over the folder of the log too.
    pub fn watch_journal(&self, folder: &Path) {
        let there = folder.metadata().ok().map(|folder| id(&folder));
        self.lock().journal = there.map(|there| (folder.to_owned(), there));
    }

    /// The database is closed, and its write-ahead log with it.
    pub(super) fn closed(&self) {
        if let Some(open) = &mut self.lock().open {
            open.write_ahead_log.1 = None;
        }
    }

    /// Looks at all paths. Blocks; `None` before the database was opened.
    pub(super) fn look(&self) -> Option<IdentityCheck> {
        let (open, journal) = {
            let state = self.lock();
            (state.open.clone()?, state.journal.clone())
        };
        Some(IdentityCheck {
            database: seen(&self.path),
            write_ahead_log: seen(&open.write_ahead_log.0),
            journal: journal.map_or(PathCheck::Missing, |(folder, _)| seen(&folder)),
            content: sqlite::header::content(&open.file).map_err(|error| error.to_string()),
        })
    }

    /// Applies a check, and logs the beginning or end of a fault. Returns the consequence.
    pub(super) fn judge(
        &self,
        look: &IdentityCheck,
        at: Instant,
        now: DateTime<Utc>,
    ) -> IdentityChange {
        let mut state = self.lock();
        let Some(opened) = state.opened() else { return IdentityChange::Unverified };
        let turn = state.identity.judge(&opened, look, at);
        match &turn {
            IdentityChange::Begins(fault) => {
                state.since = Some(now);
                log::error!(
                    target: "vigie::storage",
                    "intake stopped: database `{}`: {}; no message is acknowledged, brokers keep them; {}",
                    self.path.display(),
                    what(fault),
                    advice(fault),
                );
            }
            IdentityChange::Ends(after) => {
                state.since = None;
                log::info!(
                    target: "vigie::storage",
                    "intake goes on after {:.1} s: database `{}` is at its path again",
                    after.as_secs_f64(),
                    self.path.display(),
                );
            }
            IdentityChange::Verified | IdentityChange::Unverified => {}
        }
        turn
    }

    /// Final check after the last commit: what is unverified stays in the log for the next start. Blocks.
    pub fn look_at_last(&self, cursors: &Cursors) {
        let Some(look) = self.look() else { return };
        if self.judge(&look, Instant::now(), Utc::now()) == IdentityChange::Verified {
            cursors.verified.advance(cursors.evaluation.position());
        }
    }

    // Updates are atomic, so a poisoned lock is still consistent.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn opened(&self) -> Option<Opened> {
        let open = self.open.as_ref()?;
        Some(Opened {
            database: open.database,
            write_ahead_log: open.write_ahead_log.1,
            journal: self.journal.as_ref().map(|(_, folder)| *folder),
        })
    }
}

fn id(file: &Metadata) -> FileId {
    FileId { device: file.dev(), inode: file.ino() }
}

fn seen(path: &Path) -> PathCheck {
    match path.metadata() {
        Ok(file) => PathCheck::There(id(&file)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            PathCheck::Missing
        }
        Err(error) => PathCheck::Failed(error.to_string()),
    }
}

fn what(fault: &DatabaseFault) -> String {
    match fault {
        DatabaseFault::Removed => "the file was removed".into(),
        DatabaseFault::MovedAway => "the file was moved away".into(),
        DatabaseFault::Replaced => "another file was put in its place".into(),
        DatabaseFault::Overwritten => "something was copied over the file".into(),
        DatabaseFault::WriteAheadLogGone => {
            "its write-ahead log (`-wal`) was removed or moved away".into()
        }
        DatabaseFault::JournalGone => "its folder `.journal` was removed or moved away".into(),
        DatabaseFault::Unreachable(why) => format!("its path can't be looked at ({why})"),
    }
}

const fn advice(fault: &DatabaseFault) -> &'static str {
    match fault {
        DatabaseFault::Removed => {
            "put a backup in its place, or nothing, and start Vigie again: what came in of late is in its log and is stored then"
        }
        DatabaseFault::MovedAway => {
            "move it back, or start Vigie again for a new one: what came in of late is in its log and is stored then"
        }
        DatabaseFault::Replaced => {
            "put the file back that was there, or start Vigie again to go on with this one: what came in of late is in its log and is stored then"
        }
        DatabaseFault::Overwritten => {
            "start Vigie again to go on with what is there: what came in of late is in its log and is stored then"
        }
        DatabaseFault::WriteAheadLogGone => {
            "start Vigie again: what was in it is moved into the database"
        }
        DatabaseFault::JournalGone => "move it back, or start Vigie again for a new one",
        DatabaseFault::Unreachable(_) => {
            "check the disk, the network and the permissions of its folders; it goes on by itself"
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const PAGE: [u8; 4096] = [7; 4096];

    struct Files {
        _folder: tempfile::TempDir,
        database: PathBuf,
        watch: Watch,
    }

    impl Files {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let database = folder.path().join("a.db");
            fs::write(&database, PAGE).unwrap();
            fs::write(sqlite::write_ahead_log(&database), b"log").unwrap();
            let watch = Watch::new(&database);
            assert!(watch.look().is_none());
            watch.opened().unwrap();
            watch.watch_journal(folder.path());
            Self { _folder: folder, database, watch }
        }

        fn judge(&self) -> IdentityChange {
            self.watch.judge(&self.watch.look().unwrap(), Instant::now(), Utc::now())
        }
    }

    #[test]
    fn a_file_that_is_moved_away_and_back_is_the_same() {
        let files = Files::new();
        assert_eq!((files.judge(), files.watch.fault()), (IdentityChange::Verified, None));
        let away = files.database.with_extension("away");
        fs::rename(&files.database, &away).unwrap();
        assert_eq!(files.judge(), IdentityChange::Begins(DatabaseFault::MovedAway));
        let (fault, _since) = files.watch.fault().unwrap();
        assert_eq!(fault, DatabaseFault::MovedAway);
        assert!(files.watch.opened().is_err());
        fs::rename(&away, &files.database).unwrap();
        assert!(matches!(files.judge(), IdentityChange::Ends(_)));
        assert_eq!(files.watch.fault(), None);
        files.watch.opened().unwrap();
    }

    #[test]
    fn a_removed_file_and_another_in_its_place_are_told_apart() {
        let files = Files::new();
        fs::remove_file(&files.database).unwrap();
        assert_eq!(files.judge(), IdentityChange::Begins(DatabaseFault::Removed));
        fs::write(&files.database, PAGE).unwrap();
        files.judge();
        let (fault, _since) = files.watch.fault().unwrap();
        assert_eq!(fault, DatabaseFault::Replaced);
        assert!(files.watch.opened().is_err(), "another file is not opened in its place");
    }

    #[test]
    fn a_closed_database_has_no_write_ahead_log() {
        let files = Files::new();
        fs::remove_file(sqlite::write_ahead_log(&files.database)).unwrap();
        assert_eq!(files.judge(), IdentityChange::Unverified);
        files.watch.closed();
        assert_eq!(files.judge(), IdentityChange::Verified);
    }
}
