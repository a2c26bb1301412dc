//! Backup: a copy of the database in one file, made beside the writing daemon.
//!
//! Always: the copy gets its name after it is complete, checked and synced; until then it is `NAME.partial`. Never:
//! overwrites an existing file, or is readable by other users.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::holdings::Holdings;
use super::sqlite::copies;

/// Why a copy could not be made or put in place, with the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// The file that was named is not one for that.
    #[error("{0}")]
    Refused(String),
    /// The database, its folder or the disk fail.
    #[error("{0}")]
    Unavailable(String),
}

/// Copies the database into a new file. Returns its contents.
///
/// # Errors
/// If the file exists or can't be written, or the database can't be read.
pub fn backup(database: &Path, file: &Path) -> Result<Holdings, CopyError> {
    let shown = file.display();
    let exists =
        || CopyError::Refused(format!("`{shown}` exists already: name another file, or remove it"));
    if file.symlink_metadata().is_ok() {
        return Err(exists());
    }
    let partial = with(file, ".partial");
    let unwritable = |error: io::Error| {
        CopyError::Unavailable(format!(
            "can't write `{}`: {error}; check its folder and the disk",
            partial.display()
        ))
    };
    let held = make(&partial).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => CopyError::Unavailable(format!(
            "another backup is being written to `{}`: wait for it, or name another file",
            partial.display()
        )),
        _ => unwritable(error),
    })?;
    let copied = copies::copy(database, &partial)
        .map_err(|error| CopyError::Unavailable(error.to_string()))
        .and_then(|holdings| {
            held.sync_all().map_err(unwritable)?;
            rename_new(&partial, file).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => exists(),
                _ => unwritable(error),
            })?;
            sync_folder_of(file).map_err(unwritable)?;
            Ok(holdings)
        });
    if copied.is_err() {
        let _ = fs::remove_file(&partial); // the error says what went wrong
    }
    copied
}

/// Makes an empty, private, locked file; replaces the leftover of an ended process.
pub(super) fn make(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(path)?;
    file.try_lock()?;
    file.set_len(0)?;
    Ok(file)
}

/// Renames to a name that nothing has.
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // A file system without it.
        Err(Errno::INVAL | Errno::NOSYS) if to.symlink_metadata().is_ok() => {
            Err(io::ErrorKind::AlreadyExists.into())
        }
        Err(Errno::INVAL | Errno::NOSYS) => fs::rename(from, to),
        result => Ok(result?),
    }
}

/// Syncs the folder of a path: a rename survives a power cut only after that.
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Path with a suffix added to its name.
pub(super) fn with(path: &Path, more: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(more);
    path.into()
}
