//! The writing end of a journal: appends, rotates, deletes what is done with.
//!
//! Always: after a failed append the next record goes to a fresh segment, so that half a frame damages nothing else.
//! Never: two writers of one folder, which a lock on a file prevents.

use crate::domain::Position;
use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::JournalError;
use super::frame::{self, Frame};
use super::open_segment::OpenSegment;
use super::segment::{self, Damage};

/// A segment is closed when it has grown to this: small enough to read at once, large enough that
/// files come and go every few ten thousand records.
const SEGMENT_BYTES: u64 = 8 << 20;

/// What was found on disk at the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Records that are still to be passed on.
    pub records: u64,
    /// Unreadable places, each with its file.
    pub damages: Vec<(PathBuf, Damage)>,
    /// Positions that should be there and are not: first and last of each gap.
    pub missing: Vec<(Position, Position)>,
}

/// An open journal. One process at a time, one writer.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    segment_bytes: u64,
    /// First positions of the segments on disk, oldest first; the last one is open.
    segments: VecDeque<Position>,
    open: OpenSegment,
    /// The open segment can't be trusted any more.
    must_rotate: bool,
    /// Whether what is written outlives the power too: see [`Journal::durable`].
    is_durable: bool,
    next: Position,
    buffer: Vec<u8>,
    /// Held while the journal is open: a second writer would tear it.
    _lock: File,
}

impl Journal {
    /// Opens the journal in `folder`, making it if need be. Records up to `done` are deleted, as far
    /// as whole segments go; the rest is counted and checked. What is appended goes to a new segment.
    ///
    /// # Errors
    /// When the folder or a segment can't be read or made.
    pub fn open(folder: &Path, done: Position) -> Result<(Self, Recovery), JournalError> {
        Self::open_with(folder, done, SEGMENT_BYTES)
    }

    pub(super) fn open_with(
        folder: &Path,
        done: Position,
        segment_bytes: u64,
    ) -> Result<(Self, Recovery), JournalError> {
        let (mut journal, recovery) = Self::open_at(folder, done, segment_bytes, |_| ())?;
        journal.delete_through(done);
        Ok((journal, recovery))
    }

    /// Opens the journal like [`Journal::open`], shows each readable record that is on disk to `visit`, and
    /// deletes nothing: what else is done with, the caller knows once it has seen them.
    ///
    /// # Errors
    /// When the folder or a segment can't be read or made.
    pub fn open_visiting(
        folder: &Path,
        done: Position,
        visit: impl FnMut(Frame<'_>),
    ) -> Result<(Self, Recovery), JournalError> {
        Self::open_at(folder, done, SEGMENT_BYTES, visit)
    }

    fn open_at(
        folder: &Path,
        done: Position,
        segment_bytes: u64,
        mut visit: impl FnMut(Frame<'_>),
    ) -> Result<(Self, Recovery), JournalError> {
        fs::create_dir_all(folder)
            .map_err(|error| JournalError::new(folder, "make the folder", error))?;
        let lock = lock(folder)?;
        let mut segments = list(folder)?;
        let mut recovery = Recovery::default();
        let mut last = done;
        for first in &segments {
            let path = segment::path(folder, *first);
            let bytes =
                fs::read(&path).map_err(|error| JournalError::new(&path, "read it", error))?;
            let damages = segment::scan(&bytes, |frame| {
                visit(frame);
                if frame.position <= done {
                    return;
                }
                if frame.position > last + 1 {
                    recovery.missing.push((last + 1, frame.position - 1));
                }
                recovery.records += 1;
                last = last.max(frame.position);
            });
            recovery.damages.extend(damages.into_iter().map(|damage| (path.clone(), damage)));
        }
        let next = last.max(segments.back().map_or(0, |first| first.saturating_sub(1))) + 1;
        // A segment without a single readable frame may have the very name the new one needs.
        segments.retain(|first| *first != next);
        let open = create(folder, next)?;
        segments.push_back(next);
        let journal = Self {
            folder: folder.to_owned(),
            segment_bytes,
            segments,
            open,
            must_rotate: false,
            is_durable: false,
            next,
            buffer: Vec::new(),
            _lock: lock,
        };
        Ok((journal, recovery))
    }

    /// From here on a segment is synced before the next one is begun, and so is the folder: after
    /// [`sync`](Self::sync), or one of a [`sync_handle`](Self::sync_handle), everything appended
    /// before survives a loss of power.
    ///
    /// # Errors
    /// When the device says that it failed.
    pub fn durable(mut self) -> Result<Self, JournalError> {
        self.is_durable = true;
        sync_folder(&self.folder)?;
        Ok(self)
    }

    /// Appends one record of at most [`MAX_PAYLOAD_BYTES`](super::MAX_PAYLOAD_BYTES).
    ///
    /// # Errors
    /// When the disk doesn't take it; it may be tried again.
    pub fn append(&mut self, payload: &[u8]) -> Result<Position, JournalError> {
        if self.is_distrusted() || self.open.num_bytes() >= self.segment_bytes {
            self.rotate()?;
        }
        self.buffer.clear();
        frame::write(&mut self.buffer, self.next, payload);
        if let Err(error) = self.open.append(&self.buffer) {
            return Err(self.error("append to it", error));
        }
        let position = self.next;
        self.next += 1;
        Ok(position)
    }

    /// Waits until everything appended is on the device.
    ///
    /// # Errors
    /// When the device says that it failed.
    pub fn sync(&self) -> Result<(), JournalError> {
        self.open.sync().map_err(|error| self.error("sync it", error))
    }

    /// A handle by which another thread may wait for the device while this one goes on appending:
    /// `sync_data` of it covers all that was appended before.
    ///
    /// # Errors
    /// When the system gives no more handles.
    pub fn sync_handle(&self) -> Result<File, JournalError> {
        self.open.handle().map_err(|error| self.error("get a handle to it", error))
    }

    /// The next record begins a new segment: this one can't be trusted any more.
    pub const fn abandon_segment(&mut self) {
        self.must_rotate = true;
    }

    /// Declares all records up to `done` done with: deletes the segments they fill. A file that
    /// can't be deleted is left for the next start.
    pub fn delete_through(&mut self, done: Position) {
        while let (Some(first), Some(second)) =
            (self.segments.front().copied(), self.segments.get(1).copied())
            && second <= done.saturating_add(1)
        {
            let _ = fs::remove_file(segment::path(&self.folder, first));
            self.segments.pop_front();
        }
    }

    /// The position of the last record, 0 before the first.
    #[must_use]
    pub const fn last(&self) -> Position {
        self.next - 1
    }

    /// Declares all records done with, and deletes all segments for a new one.
    ///
    /// # Errors
    /// When no new segment can be made; then nothing was deleted.
    pub fn begin_anew(&mut self) -> Result<(), JournalError> {
        fs::create_dir_all(&self.folder)
            .map_err(|error| JournalError::new(&self.folder, "make the folder", error))?;
        self.rotate()?;
        self.delete_through(self.last());
        Ok(())
    }

    /// About how many bytes the records after a position take on disk: whole segments are counted.
    #[must_use]
    pub fn num_bytes_after(&self, position: Position) -> u64 {
        let begins_later = |first: &&Position| **first > position.saturating_add(1);
        let closed = self.segments.iter().rev().take_while(begins_later).count();
        // The segments that begin later, and the one that the position lies in, but for the open one.
        let closed = closed.min(self.segments.len().saturating_sub(1)) as u64;
        closed * self.segment_bytes + self.open.num_bytes()
    }

    /// Closes it, and deletes the open segment too if all is done with: what is left on disk is
    /// what is still to be passed on.
    pub fn close(mut self, done: Position) {
        self.delete_through(done);
        if done >= self.last()
            && let Some(first) = self.segments.pop_front()
        {
            let _ = fs::remove_file(segment::path(&self.folder, first));
        }
    }

    /// How many segments are on disk.
    #[must_use]
    pub fn num_segments(&self) -> usize {
        self.segments.len()
    }

    fn rotate(&mut self) -> Result<(), JournalError> {
        if self.is_durable && !self.is_distrusted() {
            self.sync()?;
        }
        if self.segments.back() == Some(&self.next) {
            // Nothing but half a frame in it.
            self.open.clear().map_err(|error| self.error("begin it again", error))?;
            self.must_rotate = false;
            return Ok(());
        }
        self.open = create(&self.folder, self.next)?;
        if self.is_durable {
            sync_folder(&self.folder)?;
        }
        self.segments.push_back(self.next);
        self.must_rotate = false;
        Ok(())
    }

    /// The last append failed, and half a frame may be left; or the segment was given up.
    const fn is_distrusted(&self) -> bool {
        self.must_rotate || self.open.is_spoilt()
    }

    fn error(&self, doing: &'static str, error: std::io::Error) -> JournalError {
        let first = self.segments.back().copied().unwrap_or(self.next);
        JournalError::new(segment::path(&self.folder, first), doing, error)
    }
}

fn create(folder: &Path, first: Position) -> Result<OpenSegment, JournalError> {
    let path = segment::path(folder, first);
    OpenSegment::create(&path).map_err(|error| JournalError::new(&path, "begin it", error))
}

/// The name of a new file is safe once its folder is.
fn sync_folder(folder: &Path) -> Result<(), JournalError> {
    let sync = || File::open(folder)?.sync_all();
    sync().map_err(|error| JournalError::new(folder, "sync the folder", error))
}

/// Locks the folder of a journal, as long as the file is open: nobody else opens it meanwhile.
///
/// # Errors
/// When another process has it open, or the folder can't be written.
pub fn lock(folder: &Path) -> Result<File, JournalError> {
    let path = folder.join("lock");
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let file = file.map_err(|error| JournalError::new(&path, "open it", error))?;
    // Whoever may read it may lock it. Where its owner is another, that one has seen to it.
    let _ = file.set_permissions(Permissions::from_mode(0o600));
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let error = std::io::Error::other("another process has it open; stop that one first");
            Err(JournalError::new(folder, "open it", error))
        }
        Err(TryLockError::Error(error)) => Err(JournalError::new(&path, "lock it", error)),
    }
}

/// The segments in `folder`, oldest first.
pub(super) fn list(folder: &Path) -> Result<VecDeque<Position>, JournalError> {
    let failed = |error| JournalError::new(folder, "list the folder", error);
    let mut segments = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        segments.extend(segment::first_position(&entry.map_err(failed)?.path()));
    }
    segments.sort_unstable();
    Ok(segments.into())
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
