//! The reading end of a journal: follows the writer, one segment at a time.
//!
//! Always: each record after the start comes out once, in the order of positions; an unreadable place is passed
//! over. Never: a record beyond the position up to which the caller asks, or a write.

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

/// Bytes read from a segment at a time at most: some three hundred readings.
const CHUNK_BYTES: u64 = 64 << 10;
/// A record is about as long: what is read beyond the last one wanted is for nothing.
const RECORD_BYTES: u64 = 256;
/// But at least these.
const LEAST_BYTES: u64 = 4 << 10;

/// Reads records in their order, each once.
#[derive(Debug)]
pub struct Reader {
    folder: PathBuf,
    /// The last record read.
    after: Position,
    segment: Option<Loaded>,
}

/// What has been read of a segment.
#[derive(Debug)]
struct Loaded {
    first: Position,
    file: File,
    /// Read from the file and not yet made into records, from `used` on.
    bytes: Vec<u8>,
    used: usize,
    end: End,
}

/// How much is known of a segment's end. Each step is taken only when a read brought nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// More may come.
    Open,
    /// Another segment was seen after it: what is in the file now is all.
    Closed,
    /// All of it is in memory.
    Reached,
}

impl Reader {
    /// A reader of the records after a position.
    #[must_use]
    pub fn new(folder: &Path, after: Position) -> Self {
        Self { folder: folder.to_owned(), after, segment: None }
    }

    /// The last record read.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.after
    }

    /// The next records, at most so many; none when there are no more. For a journal that nobody
    /// writes meanwhile.
    ///
    /// # Errors
    /// When a segment can't be read; it may be tried again.
    pub fn read(&mut self, at_most: usize) -> Result<Vec<Record>, JournalError> {
        let mut records = Vec::new();
        let read = self.read_through(at_most, Position::MAX, |Frame { position, payload }| {
            records.push(Record { position, payload: payload.to_vec() });
        });
        // What was read before an error counts; the error comes again with the next call.
        if records.is_empty() { read.map(|_| records) } else { Ok(records) }
    }

    /// Hands on the next records up to a position that the writer has gone past, at most so many; how
    /// many there were, none when it has caught up. Beyond that position the writer may be in the
    /// middle of a record, or take half of one back.
    ///
    /// # Errors
    /// When a segment can't be read; it may be tried again, and goes on after what was handed on.
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
            loaded.forget_the_rest(&self.folder)?;
        }
        Ok(num_read)
    }

    /// Loads more of this segment, or the beginning of the next one, for so many records. False when
    /// there is no more.
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

    /// `None` when it has just been deleted.
    fn open(&self, first: Position) -> Result<Option<File>, JournalError> {
        let path = segment::path(&self.folder, first);
        match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            file => file.map(Some).map_err(|error| JournalError::new(&path, "read it", error)),
        }
    }
}

impl Loaded {
    /// The next whole frame in memory that comes after a position.
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
                // The rest is not read yet, or the writer is in the middle of it.
                Found::Torn if self.end != End::Reached => return None,
                Found::Torn | Found::Damaged => match frame::resume_at(rest) {
                    Some(ahead) => self.used += ahead,
                    None => return None,
                },
            }
        }
        None
    }

    /// What was read beyond the last record may be half of one, and other bytes the next time.
    fn forget_the_rest(&mut self, folder: &Path) -> Result<(), JournalError> {
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

    /// Reads on. False when the file has nothing more.
    fn grow(&mut self, folder: &Path, wanted: u64) -> Result<bool, JournalError> {
        self.bytes.drain(..self.used);
        self.used = 0;
        let bytes = wanted.saturating_mul(RECORD_BYTES).clamp(LEAST_BYTES, CHUNK_BYTES);
        let more = (&self.file).take(bytes).read_to_end(&mut self.bytes);
        let path = || segment::path(folder, self.first);
        Ok(more.map_err(|error| JournalError::new(path(), "read it", error))? > 0)
    }
}
