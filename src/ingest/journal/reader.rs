//! Reader of a journal: follows the writer, one segment at a time.
//!
//! Always: each record after the start is returned once, in order; damage is skipped. Never: a record after the position that
//! the caller gives as the end, or a write.

use crate::domain::Position;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::JournalError;
use super::frame::{self, Found, Frame};
use super::segment;
use super::writer::list;

/// One record, as it was appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Position of the record.
    pub position: Position,
    /// Payload as it was appended.
    pub payload: Vec<u8>,
}

/// Limit of bytes per read: about three hundred readings.
const CHUNK_BYTES: u64 = 64 << 10;
/// Estimate of a record's size, to avoid reading bytes that the caller does not need.
const RECORD_BYTES: u64 = 256;
/// Lower limit of bytes per read.
const LEAST_BYTES: u64 = 4 << 10;

/// Reads records in their order, each once.
#[derive(Debug)]
pub struct Reader {
    folder: PathBuf,
    /// Position of the last record read.
    after: Position,
    segment: Option<Loaded>,
}

/// Segment that is being read.
#[derive(Debug)]
struct Loaded {
    first: Position,
    file: File,
    /// Bytes read from the file; those from `used` on are not decoded yet.
    bytes: Vec<u8>,
    used: usize,
    end: End,
}

/// State of a segment's end. It advances only after a read that returned nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The writer may append more.
    Open,
    /// A later segment exists, so the file is complete.
    Closed,
    /// The file is complete and has been read to its end.
    Reached,
}

impl Reader {
    /// Reader of the records after a position.
    #[must_use]
    pub fn new(folder: &Path, after: Position) -> Self {
        Self { folder: folder.to_owned(), after, segment: None }
    }

    /// Position of the last record read.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.after
    }

    /// Reads the next `at_most` records; none at the end. For a journal without a concurrent writer.
    ///
    /// # Errors
    /// If a segment can't be read. A retry is safe.
    pub fn read(&mut self, at_most: usize) -> Result<Vec<Record>, JournalError> {
        let mut records = Vec::new();
        let read = self.read_through(at_most, Position::MAX, |Frame { position, payload }| {
            records.push(Record { position, payload: payload.to_vec() });
        });
        // Records read before an error are returned; the next call returns the error.
        if records.is_empty() { read.map(|_| records) } else { Ok(records) }
    }

    /// Calls `each` for the next `at_most` records up to the position `through`, and returns their number; 0 at the end. The
    /// writer must have passed `through`: a record after it may be incomplete, or be undone.
    ///
    /// # Errors
    /// If a segment can't be read. A retry continues after the last record passed to `each`.
    pub fn read_through(
        &mut self,
        at_most: usize,
        through: Position,
        mut each: impl FnMut(Frame<'_>),
    ) -> Result<usize, JournalError> {
        let mut num_read = 0;
        while num_read < at_most && self.after < through {
            let next = self.segment.as_mut().and_then(|loaded| loaded.next(self.after));
            if let Some(frame) = next {
                self.after = frame.position;
                num_read += 1;
                each(frame);
            } else if !self.load_more(through - self.after)? {
                break;
            }
        }
        if let Some(loaded) = &mut self.segment {
            loaded.discard_rest(&self.folder)?;
        }
        Ok(num_read)
    }

    /// Loads bytes for about `wanted` records, from this segment or the next one. False at the end of the journal.
    fn load_more(&mut self, wanted: u64) -> Result<bool, JournalError> {
        if let Some(loaded) = &mut self.segment {
            if loaded.grow(&self.folder, wanted)? {
                return Ok(true);
            }
            if loaded.end == End::Closed {
                loaded.end = End::Reached;
                return Ok(true);
            }
        }
        let segments = list(&self.folder)?;
        let next = match &self.segment {
            Some(loaded) => segments.iter().find(|first| **first > loaded.first),
            None => segments.iter().rfind(|first| **first <= self.after + 1).or(segments.front()),
        };
        let Some(first) = next.copied() else { return Ok(false) };
        if let Some(loaded) = &mut self.segment
            && loaded.end == End::Open
        {
            loaded.end = End::Closed;
            return Ok(true);
        }
        let Some(file) = self.open(first)? else { return Ok(false) };
        let mut loaded = Loaded { first, file, bytes: Vec::new(), used: 0, end: End::Open };
        loaded.grow(&self.folder, wanted)?;
        self.segment = Some(loaded);
        Ok(true)
    }

    /// Opens a segment; `None` if it has just been deleted.
    fn open(&self, first: Position) -> Result<Option<File>, JournalError> {
        let path = segment::path(&self.folder, first);
        match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            file => file.map(Some).map_err(|error| JournalError::new(&path, "read it", error)),
        }
    }
}

impl Loaded {
    /// Next complete frame in memory after a position.
    fn next(&mut self, after: Position) -> Option<Frame<'_>> {
        while self.used < self.bytes.len() {
            let rest = &self.bytes[self.used..];
            match frame::read(rest) {
                Found::Frame(frame, size) if frame.position > after => {
                    let (position, end) = (frame.position, self.used + size);
                    let payload = end - frame.payload.len()..end;
                    self.used = end;
                    return Some(Frame { position, payload: &self.bytes[payload] });
                }
                Found::Frame(_, size) => self.used += size,
                // The rest of the frame is not read, or not written yet.
                Found::Torn if self.end != End::Reached => return None,
                Found::Torn | Found::Damaged => match frame::resume_at(rest) {
                    Some(ahead) => self.used += ahead,
                    None => return None,
                },
            }
        }
        None
    }

    /// Discards bytes after the last record: they may be half a record that the writer replaces.
    fn discard_rest(&mut self, folder: &Path) -> Result<(), JournalError> {
        let rest = self.bytes.len() - self.used;
        self.bytes.clear();
        self.used = 0;
        if rest == 0 {
            return Ok(());
        }
        self.end = if self.end == End::Reached { End::Closed } else { self.end };
        let back = SeekFrom::Current(-i64::try_from(rest).unwrap_or(i64::MAX));
        let path = || segment::path(folder, self.first);
        self.file.seek(back).map(drop).map_err(|error| JournalError::new(path(), "read it", error))
    }

    /// Reads more of the file. False at its end.
    fn grow(&mut self, folder: &Path, wanted: u64) -> Result<bool, JournalError> {
        self.bytes.drain(..self.used);
        self.used = 0;
        let bytes = wanted.saturating_mul(RECORD_BYTES).clamp(LEAST_BYTES, CHUNK_BYTES);
        let more = (&self.file).take(bytes).read_to_end(&mut self.bytes);
        let path = || segment::path(folder, self.first);
        Ok(more.map_err(|error| JournalError::new(path(), "read it", error))? > 0)
    }
}
