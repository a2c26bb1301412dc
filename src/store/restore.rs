//! Replaces the database by a backup, and sets the old one aside.
//!
//! The backup is copied to `NAME.restore-partial` and prepared. Renaming it to `NAME.restore-TIME` commits the
//! restore: from then on the next `restore` or `run` completes it. The old installation gets names that begin with
//! `NAME.before-TIME` and is complete under that name: database, write-ahead log, log.
//!
//! Always: killed at any moment, the next `restore` or `run` finds the old state complete, or the new one. The copy
//! is locked from its creation, and the lock stays with it at its path. Never: anything deleted, or a running
//! daemon's files touched.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

use super::backup::{CopyError, make, rename_new, sync_folder_of, with};
use super::holdings::Holdings;
use super::sqlite::copies;
use super::{Watch, lock};
use crate::ingest::journal;

/// Symbolic links that are followed; the system's own limit.
const MOST_LINKS: usize = 40;

/// Files and folders beside a database that belong to its content.
const BESIDE: [&str; 3] = [".journal", ".outbox", ".alerts"];

/// Time in the names of what a restore sets aside, in UTC.
const STAMP_FORMAT: &str = "%Y%m%dT%H%M%SZ";

/// Result of a restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// An earlier restore that was interrupted.
    pub earlier: Option<Finished>,
    /// Contents of the database.
    pub holdings: Holdings,
    /// Database that was there before, under its present name.
    pub aside: Option<PathBuf>,
}

/// Outcome of an interrupted restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finished {
    /// It was completed.
    Completed {
        /// New path of the former database; `None` if there was none.
        aside: Option<PathBuf>,
    },
    /// Nothing had been changed: the database is the one of before.
    Undone,
}

/// Removes the identity of the installation that the backup was made of.
pub type ForgetInstallation<'a> = &'a dyn Fn() -> Result<(), String>;

/// Replaces a database that no daemon has open by a copy of a backup.
///
/// # Errors
/// If the file is no backup of this program, a daemon runs, or the disk fails.
pub fn restore(
    database: &Path,
    backup: &Path,
    now: DateTime<Utc>,
    forget: ForgetInstallation<'_>,
) -> Result<Restored, CopyError> {
    let place = Place::new(database);
    let unavailable = CopyError::Unavailable;
    let earlier = place.finish(forget).map_err(unavailable)?;
    let mut claims = place.claim().map_err(unavailable)?;
    let refused = |why: &dyn std::fmt::Display| {
        CopyError::Refused(format!(
            "can't restore `{}`: {why}; nothing was changed",
            backup.display()
        ))
    };
    if backup.canonicalize().is_ok_and(|it| Some(it) == place.real.canonicalize().ok()) {
        return Err(refused(&"it is the database itself"));
    }
    let staging = place.staging();
    let failed = |error: io::Error| {
        CopyError::Unavailable(format!(
            "can't write `{}`: {error}; check its folder and the disk",
            staging.display()
        ))
    };
    let held = make(&staging).map_err(failed)?;
    let staged = copies::stage(backup, &staging, now).map_err(|why| refused(&why)).and_then(|it| {
        place.give_to_owner(&held);
        held.sync_all().map_err(failed)?;
        Ok(it)
    });
    let holdings = match staged {
        Ok(holdings) => holdings,
        Err(error) => {
            let _ = fs::remove_file(&staging); // the error says what went wrong
            return Err(error);
        }
    };
    let stamp = place.free_stamp(now);
    rename_new(&staging, &place.committed(&stamp)).map_err(failed)?;
    sync_folder_of(&staging).map_err(failed)?;
    let aside = place.switch(&stamp, &mut claims, forget).map_err(unavailable)?;
    Ok(Restored { earlier, holdings, aside })
}

/// Brings a restore that was interrupted to its end. To be called before a database is opened by its daemon.
///
/// # Errors
/// If a restore is under way, or can't be completed.
pub fn finish_restore(
    database: &Path,
    forget: ForgetInstallation<'_>,
) -> Result<Option<Finished>, String> {
    Place::new(database).finish(forget)
}

/// Paths of a database.
struct Place {
    /// As configured: the files beside it derive their names from it.
    named: PathBuf,
    /// Without symbolic links: SQLite's own files lie beside this one.
    real: PathBuf,
}

/// Locks that keep a daemon from starting, and detect a running one.
struct Claims {
    database: Watch,
    _journal: Option<File>,
}

impl Place {
    fn new(database: &Path) -> Self {
        let mut real = database.to_owned();
        for _ in 0..MOST_LINKS {
            let Ok(target) = fs::read_link(&real) else { break };
            real = real.parent().map_or(target.clone(), |folder| folder.join(&target));
        }
        Self { named: database.to_owned(), real }
    }

    fn staging(&self) -> PathBuf {
        with(&self.real, ".restore-partial")
    }

    fn committed(&self, stamp: &str) -> PathBuf {
        with(&self.real, &format!(".restore-{stamp}"))
    }

    /// Locks the database and its log, if they exist.
    fn claim(&self) -> Result<Claims, String> {
        let database = Watch::new(&self.named);
        database.claim().map_err(|error| error.to_string())?;
        let folder = with(&self.named, ".journal");
        let journal = if folder.is_dir() {
            // A daemon whose database was removed still has its log.
            Some(journal::lock(&folder).map_err(|error| error.to_string())?)
        } else {
            None
        };
        Ok(Claims { database, _journal: journal })
    }

    /// Renames, in order. The write-ahead log moves before its database: beside another one it would be deleted.
    fn moves(&self, stamp: &str) -> Vec<(PathBuf, PathBuf)> {
        let before = format!(".before-{stamp}");
        let (real, named) = (with(&self.real, &before), with(&self.named, &before));
        let of_sqlite =
            ["-wal", "-shm", ""].map(|more| (with(&self.real, more), with(&real, more)));
        let others = BESIDE.map(|more| (with(&self.named, more), with(&named, more)));
        of_sqlite.into_iter().chain(others).collect()
    }

    /// A time that is in no name of an installation set aside.
    fn free_stamp(&self, now: DateTime<Utc>) -> String {
        let mut at = now;
        loop {
            let stamp = at.format(STAMP_FORMAT).to_string();
            let is_taken = |path: &Path| path.symlink_metadata().is_ok();
            if !self.moves(&stamp).iter().any(|(_, to)| is_taken(to)) {
                return stamp;
            }
            at += TimeDelta::seconds(1);
        }
    }

    /// A restore as root must not take the file from the user of the daemon.
    fn give_to_owner(&self, staged: &File) {
        if let Ok(before) = self.real.metadata() {
            // Without the right to do that, the caller is the owner.
            let _ = fchown(staged, Some(before.uid()), Some(before.gid()));
        }
    }

    /// Sets the old files aside, and moves the staged copy to the path. Idempotent: repeated, it continues where it
    /// was interrupted.
    fn switch(
        &self,
        stamp: &str,
        claims: &mut Claims,
        forget: ForgetInstallation<'_>,
    ) -> Result<Option<PathBuf>, String> {
        let says = |from: &Path, error: &dyn std::fmt::Display| {
            format!(
                "can't rename `{}`: {error}; check its folder and the disk, and try again: the restore is brought to its end",
                from.display()
            )
        };
        forget()?;
        let moves = self.moves(stamp);
        let place = (self.committed(stamp), self.real.clone());
        for (from, to) in moves.iter().chain([&place]) {
            if from.symlink_metadata().is_err() {
                continue;
            }
            if *from == self.real {
                // One that was not there at the beginning.
                claims.database.claim().map_err(|error| error.to_string())?;
            }
            let moved = rename_new(from, to).and_then(|()| sync_folder_of(to));
            moved.map_err(|error| says(from, &error))?;
        }
        let aside = moves.into_iter().find_map(|(from, to)| (from == self.real).then_some(to));
        Ok(aside.filter(|aside| aside.exists()))
    }

    /// The time of a restore that is committed and not at its end.
    fn pending(&self) -> io::Result<Option<String>> {
        let folder = self.real.parent().filter(|folder| !folder.as_os_str().is_empty());
        let Some(name) = self.real.file_name().and_then(|name| name.to_str()) else {
            return Ok(None);
        };
        let begins = format!("{name}.restore-");
        let mut found = Vec::new();
        let entries = match fs::read_dir(folder.unwrap_or(Path::new("."))) {
            Ok(entries) => entries,
            // Opening the database reports what is wrong with its folder.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?.file_name();
            let stamp = entry.to_str().and_then(|entry| entry.strip_prefix(&begins));
            let is_ours = |stamp: &&str| NaiveDateTime::parse_from_str(stamp, STAMP_FORMAT).is_ok();
            found.extend(stamp.filter(is_ours).map(str::to_owned));
        }
        Ok(found.into_iter().min())
    }

    fn finish(&self, forget: ForgetInstallation<'_>) -> Result<Option<Finished>, String> {
        let shown = self.real.display();
        let under_way =
            |why: String| format!("a restore of the database `{shown}` is under way: {why}");
        let failed = |error: io::Error| format!("can't look for a restore of `{shown}`: {error}");
        if let Some(stamp) = self.pending().map_err(failed)? {
            let staged = self.committed(&stamp);
            let held = File::open(&staged).map_err(failed)?;
            lock::take(&held, &staged).map_err(under_way)?;
            let aside = self.switch(&stamp, &mut self.claim()?, forget)?;
            return Ok(Some(Finished::Completed { aside }));
        }
        let staging = self.staging();
        let held = match File::open(&staging) {
            Ok(held) => held,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        lock::take(&held, &staging).map_err(under_way)?;
        for left in [with(&staging, "-journal"), staging] {
            match fs::remove_file(&left) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            }
        }
        Ok(Some(Finished::Undone))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: &str = "20261201T120000Z";

    /// An installation whose restore is committed.
    fn committed(folder: &Path) -> Place {
        let place = Place::new(&folder.join("a.db"));
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
        ["a.db", "a.db-wal", "a.db-shm"].iter().for_each(|name| write(name, name));
        fs::create_dir(folder.join("a.db.journal")).unwrap();
        write("a.db.journal/segment", "segment");
        write("a.db.broker", "sessions");
        write(&format!("a.db.restore-{STAMP}"), "new");
        place
    }

    fn check(folder: &Path) {
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        assert_eq!((read("a.db"), read("a.db.broker")), ("new".into(), "sessions".into()));
        let aside = |more: &str| read(&format!("a.db.before-{STAMP}{more}"));
        assert_eq!((aside(""), aside("-wal")), ("a.db".into(), "a.db-wal".into()));
        assert_eq!(
            (aside("-shm"), aside(".journal/segment")),
            ("a.db-shm".into(), "segment".into())
        );
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name()).collect();
        names.retain(|name| !name.to_str().unwrap().contains(".before-"));
        names.sort();
        assert_eq!(names, ["a.db", "a.db.broker"]);
    }

    #[test]
    fn interrupted_after_any_step_it_is_brought_to_its_end() {
        for steps in 0..=7 {
            let folder = tempfile::tempdir().unwrap();
            let place = committed(folder.path());
            let last = (place.committed(STAMP), place.real.clone());
            let done = place.moves(STAMP).into_iter().chain([last]).take(steps);
            for (from, to) in done.filter(|(from, _)| from.exists()) {
                fs::rename(from, to).unwrap();
            }
            let finished = place.finish(&|| Ok(())).unwrap();
            let aside = Some(folder.path().join(format!("a.db.before-{STAMP}")));
            // After the last step there is nothing to do.
            let expected = (steps < 7).then_some(Finished::Completed { aside });
            assert_eq!(finished, expected, "after {steps} steps");
            check(folder.path());
            assert_eq!(place.finish(&|| Err("once is enough".into())).unwrap(), None);
        }
    }

    #[test]
    fn what_was_not_committed_is_undone() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(&folder.path().join("a.db"));
        fs::write(&place.real, "old").unwrap();
        fs::write(place.staging(), "half").unwrap();
        fs::write(with(&place.staging(), "-journal"), "half").unwrap();
        assert_eq!(place.finish(&|| Ok(())).unwrap(), Some(Finished::Undone));
        let names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
        assert_eq!(names, ["a.db"]);
    }

    #[test]
    fn one_that_is_under_way_is_let_be() {
        for name in ["a.db.restore-partial".to_owned(), format!("a.db.restore-{STAMP}")] {
            let folder = tempfile::tempdir().unwrap();
            let place = Place::new(&folder.path().join("a.db"));
            let held = make(&folder.path().join(&name)).unwrap();
            let why = place.finish(&|| Ok(())).unwrap_err();
            assert!(why.contains("is under way: another process has it open (pid"), "{why}");
            assert!(folder.path().join(&name).exists());
            drop(held);
        }
    }

    #[test]
    fn a_link_leads_to_what_it_names_whether_that_is_there_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let (disk, link) = (folder.path().join("disk"), folder.path().join("a.db"));
        fs::create_dir(&disk).unwrap();
        std::os::unix::fs::symlink("disk/real.db", &link).unwrap();
        let place = Place::new(&link);
        assert_eq!(place.real, disk.join("real.db"));
        let [(log, _), _, (database, aside), (journal, _), ..] = &place.moves(STAMP)[..] else {
            panic!("the moves");
        };
        assert_eq!((log, database), (&disk.join("real.db-wal"), &disk.join("real.db")));
        assert_eq!(aside, &disk.join(format!("real.db.before-{STAMP}")));
        assert_eq!(journal, &folder.path().join("a.db.journal"));
    }

    #[test]
    fn a_time_of_its_own_is_in_the_names() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(&folder.path().join("a.db"));
        let now = "2026-12-01T12:00:00Z".parse().unwrap();
        assert_eq!(place.free_stamp(now), STAMP);
        fs::create_dir(folder.path().join(format!("a.db.before-{STAMP}.journal"))).unwrap();
        assert_eq!(place.free_stamp(now), "20261201T120001Z");
    }
}
