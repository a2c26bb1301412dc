//! Lock on a database by its identity: on the file itself, so that every path to it leads to the same lock.
//!
//! Always: held while the descriptor is open. SQLite's own locks are of another kind and don't interfere. Never:
//! blocked by a user who could not run a daemon on the file.

use std::fs::{self, File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Takes the lock for the life of the process.
///
/// # Errors
/// Names the holder and the remedy.
pub(super) fn take(file: &File, path: &Path) -> Result<(), String> {
    match file.try_lock() {
        // A file system without such locks: the log's folder has one too.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
        Err(TryLockError::WouldBlock) => match holder(file) {
            Some((pid, user)) if is_stranger(user, owner(file)) => {
                log::warn!(
                    target: "vigie::storage",
                    "process {pid} of user {user} holds a lock on the database `{}`, which may be no daemon's: starting without; take that user's right to read the file",
                    path.display()
                );
                Ok(())
            }
            Some((pid, _)) => {
                Err(format!("another process has it open (pid {pid}): stop that one first"))
            }
            None => Err("another process has it open: stop that one first".into()),
        },
    }
}

/// Whether a user could run no daemon on a file of this owner: a lock of theirs is not a daemon's.
fn is_stranger(user: u32, owner: Option<u32>) -> bool {
    let own = rustix::process::geteuid().as_raw();
    user != 0 && user != own && owner.is_some_and(|owner| owner != user)
}

fn owner(file: &File) -> Option<u32> {
    file.metadata().ok().map(|file| file.uid())
}

/// Process that holds a lock on the file, and its user; `None` if unknown.
fn holder(file: &File) -> Option<(u32, u32)> {
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let pid = pid_of(&locks, file.metadata().ok()?.ino())?;
    Some((pid, fs::metadata(format!("/proc/{pid}")).ok()?.uid()))
}

/// Process that holds a whole-file lock on an inode, by the system's list.
fn pid_of(locks: &str, inode: u64) -> Option<u32> {
    let inode = format!(":{inode}");
    locks.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (kind, _advisory, _mode) = (words.next()?, words.next()?, words.next()?);
        let (pid, place) = (words.next()?, words.next()?);
        let is_it = kind == "FLOCK" && place.ends_with(&inode);
        pid.parse().ok().filter(|pid| is_it && *pid != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_found_in_the_systems_list() {
        let locks = "1: POSIX  ADVISORY  READ 77 08:01:4711 128 128\n\
            2: FLOCK  ADVISORY  WRITE 88 08:01:14711 0 EOF\n\
            3: -> FLOCK  ADVISORY  WRITE 90 08:01:4711 0 EOF\n\
            4: FLOCK  ADVISORY  WRITE 0 08:01:99 0 EOF\n\
            5: FLOCK  ADVISORY  WRITE 99 08:01:4711 0 EOF\n";
        assert_eq!(pid_of(locks, 4711), Some(99));
        assert_eq!((pid_of(locks, 99), pid_of(locks, 5), pid_of("", 1)), (None, None, None));
    }

    #[test]
    fn a_lock_of_root_of_oneself_or_of_the_owner_may_be_a_daemons() {
        let own = rustix::process::geteuid().as_raw();
        let (service, other) = (own + 71, own + 72);
        assert!(!is_stranger(0, Some(own)) && !is_stranger(own, Some(own)));
        assert!(!is_stranger(service, Some(service)), "a daemon of the file's owner");
        assert!(!is_stranger(service, None), "whose file it is can't be seen");
        assert!(is_stranger(other, Some(own)) && is_stranger(other, Some(service)));
    }

    #[test]
    fn another_descriptor_of_the_file_gets_no_lock_by_any_name() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("a.db"), folder.path().join("link.db"));
        fs::write(&path, b"x").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let held = File::open(&path).unwrap();
        take(&held, &path).unwrap();
        let why = take(&File::open(&link).unwrap(), &link).unwrap_err();
        let pid = std::process::id();
        assert_eq!(why, format!("another process has it open (pid {pid}): stop that one first"));
        drop(held);
        take(&File::open(&link).unwrap(), &link).unwrap();
    }
}
