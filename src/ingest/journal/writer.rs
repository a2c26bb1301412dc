//! Writer of a journal: appends, rotates, deletes segments whose records are done.
//!
//! Always: after a failed append the next record goes to a new segment, so that half a frame damages nothing else.
//! Never: two writers of one folder, which a file lock prevents.

use crate::domain::Position;
use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::JournalError;
use super::frame::{self, Frame};
use super::open_segment::OpenSegment;
use super::segment::{self, Damage};

/// Size in bytes at which a segment is closed: small enough to read at once, large enough for some ten thousand records.
const SEGMENT_BYTES: u64 = 8 << 20;

/// State of the journal on disk at the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Records that are not done.
    pub records: u64,
    /// Damage, each with its file.
    pub damages: Vec<(PathBuf, Damage)>,
    /// Gaps: first and last position of each range of missing records.
    pub missing: Vec<(Position, Position)>,
}

/// An open journal. It has one writer, in one process.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    segment_bytes: u64,
    /// First position of each segment on disk, oldest first; the last one is open.
    segments: VecDeque<Position>,
    open: OpenSegment,
    /// Whether the next append begins a new segment.
    must_rotate: bool,
    /// Whether closed segments are synced: see [`Journal::durable`].
    is_durable: bool,
    next: Position,
    buffer: Vec<u8>,
    /// Lock that excludes a second writer.
    _lock: File,
}

impl Journal {
    /// Opens the journal in `folder`, which is created if missing. Deletes segments whose records are all `done` (a position),
    /// and checks and counts the other records. Appends go to a new segment.
    ///
    /// # Errors
    /// If the folder or a segment can't be read or created.
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

    /// Opens the journal like [`Journal::open`] and calls `visit` for each readable record on disk. Deletes nothing: the caller
    /// may find by the records that it still needs them.
    ///
    /// # Errors
    /// If the folder or a segment can't be read or created.
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
        // A segment without a readable frame may have the name of the new one, which replaces it.
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

    /// Makes rotation sync the closed segment and the folder. Then a [`sync`](Self::sync), or a sync by a
    /// [`sync_handle`](Self::sync_handle), makes all earlier records survive a loss of power.
    ///
    /// # Errors
    /// If the device reports a failure.
    pub fn durable(mut self) -> Result<Self, JournalError> {
        self.is_durable = true;
        sync_folder(&self.folder)?;
        Ok(self)
    }

    /// Appends one record of at most [`MAX_PAYLOAD_BYTES`](super::MAX_PAYLOAD_BYTES).
    ///
    /// # Errors
    /// If the write fails. A retry is safe.
    pub fn append(&mut self, payload: &[u8]) -> Result<Position, JournalError> {
        if self.needs_rotation() || self.open.num_bytes() >= self.segment_bytes {
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

    /// Syncs all appended records to the device.
    ///
    /// # Errors
    /// If the device reports a failure.
    pub fn sync(&self) -> Result<(), JournalError> {
        self.open.sync().map_err(|error| self.error("sync it", error))
    }

    /// Handle by which another thread can sync while this one appends: its `sync_data` includes all records appended before
    /// this call.
    ///
    /// # Errors
    /// If the process has no handles left.
    pub fn sync_handle(&self) -> Result<File, JournalError> {
        self.open.handle().map_err(|error| self.error("get a handle to it", error))
    }

    /// Makes the next append begin a new segment, since the open one may have lost records.
    pub const fn abandon_segment(&mut self) {
        self.must_rotate = true;
    }

    /// Declares all records up to `done` done, and deletes segments that hold no others. A file that can't be deleted is left
    /// for the next start.
    pub fn delete_through(&mut self, done: Position) {
        while let (Some(first), Some(second)) =
            (self.segments.front().copied(), self.segments.get(1).copied())
            && second <= done.saturating_add(1)
        {
            let _ = fs::remove_file(segment::path(&self.folder, first));
            self.segments.pop_front();
        }
    }

    /// Position of the last record; 0 before the first.
    #[must_use]
    pub const fn last(&self) -> Position {
        self.next - 1
    }

    /// Declares all records done, and replaces all segments by a new one.
    ///
    /// # Errors
    /// If no new segment can be created; then nothing is deleted.
    pub fn begin_anew(&mut self) -> Result<(), JournalError> {
        fs::create_dir_all(&self.folder)
            .map_err(|error| JournalError::new(&self.folder, "make the folder", error))?;
        self.rotate()?;
        self.delete_through(self.last());
        Ok(())
    }

    /// Size of the records after a position, in bytes; an estimate by whole segments.
    #[must_use]
    pub fn num_bytes_after(&self, position: Position) -> u64 {
        let begins_later = |first: &&Position| **first > position.saturating_add(1);
        let closed = self.segments.iter().rev().take_while(begins_later).count();
        // Closed segments that begin later, and the closed one that contains the position.
        let closed = closed.min(self.segments.len().saturating_sub(1)) as u64;
        closed * self.segment_bytes + self.open.num_bytes()
    }

    /// Closes the journal. Deletes segments whose records are all `done`, the open one included.
    pub fn close(mut self, done: Position) {
        self.delete_through(done);
        if done >= self.last()
            && let Some(first) = self.segments.pop_front()
        {
            let _ = fs::remove_file(segment::path(&self.folder, first));
        }
    }

    /// Number of segments on disk.
    #[must_use]
    pub fn num_segments(&self) -> usize {
        self.segments.len()
    }

    fn rotate(&mut self) -> Result<(), JournalError> {
        if self.is_durable && !self.needs_rotation() {
            self.sync()?;
        }
        if self.segments.back() == Some(&self.next) {
            // The segment has at most half a frame.
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

    /// Whether the open segment may end with half a frame, or was abandoned.
    const fn needs_rotation(&self) -> bool {
        self.must_rotate || self.open.is_torn()
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

/// Syncs a folder, which makes the name of a new file durable.
fn sync_folder(folder: &Path) -> Result<(), JournalError> {
    let sync = || File::open(folder)?.sync_all();
    sync().map_err(|error| JournalError::new(folder, "sync the folder", error))
}

/// Locks the folder of a journal for as long as the returned file is open.
///
/// # Errors
/// If another process holds the lock, or the folder can't be written.
pub fn lock(folder: &Path) -> Result<File, JournalError> {
    let path = folder.join("lock");
    let file = OpenOptions::new().create(true).append(true).open(&path);
    let file = file.map_err(|error| JournalError::new(&path, "open it", error))?;
    // Any process that can read the file can lock it, hence the mode. It fails for a file of another owner, which set it.
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

/// First positions of the segments in `folder`, oldest first.
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
