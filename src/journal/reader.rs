//! The reading end of a journal: follows the writer, one segment at a time.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::JournalError;
use super::frame::{self, Found, Position};
use super::segment;
use super::writer::list;

/// One record, as it was appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub position: Position,
    pub payload: Vec<u8>,
}

/// Reads records in their order, each once. Holds at most one segment in memory.
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
    bytes: Vec<u8>,
    /// How much of them was made into records.
    used: usize,
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

    /// The next records, at most so many; none when it has caught up with the writer.
    ///
    /// # Errors
    /// When a segment can't be read; it may be tried again.
    pub fn read(&mut self, at_most: usize) -> Result<Vec<Record>, JournalError> {
        let mut records = Vec::new();
        while records.len() < at_most {
            if let Some(record) = self.next_loaded() {
                self.after = record.position;
                records.push(record);
            } else if !self.load_more()? {
                break;
            }
        }
        Ok(records)
    }

    /// The next whole frame in memory that was not read yet.
    fn next_loaded(&mut self) -> Option<Record> {
        let after = self.after;
        let loaded = self.segment.as_mut()?;
        while loaded.used < loaded.bytes.len() {
            let rest = &loaded.bytes[loaded.used..];
            match frame::read(rest) {
                Found::Frame(frame, size) => {
                    loaded.used += size;
                    if frame.position > after {
                        let payload = frame.payload.to_vec();
                        return Some(Record { position: frame.position, payload });
                    }
                }
                // The writer may be in the middle of it.
                Found::Torn => return None,
                Found::Damaged => match frame::resume_at(rest) {
                    Some(ahead) => loaded.used += ahead,
                    None => return None,
                },
            }
        }
        None
    }

    /// Loads what was added to this segment, or the next one. False when there is nothing new.
    fn load_more(&mut self) -> Result<bool, JournalError> {
        // Before what was added is read, so that nothing more can come in a segment that has another
        // after it.
        let segments = list(&self.folder)?;
        if let Some(loaded) = &mut self.segment {
            let before = loaded.bytes.len();
            loaded.grow(&self.folder)?;
            if loaded.bytes.len() > before {
                return Ok(true);
            }
            // There, what looks torn may be a damaged length, with whole frames behind it.
            if segments.back().is_some_and(|last| *last > loaded.first)
                && let Some(ahead) = frame::resume_at(&loaded.bytes[loaded.used..])
            {
                loaded.used += ahead;
                return Ok(true);
            }
        }
        let next = match &self.segment {
            // A segment is never grown once there is another after it.
            Some(loaded) => segments.iter().find(|first| **first > loaded.first),
            None => segments.iter().rfind(|first| **first <= self.after + 1).or(segments.front()),
        };
        let Some(first) = next.copied() else { return Ok(false) };
        let mut loaded = Loaded { first, bytes: Vec::new(), used: 0 };
        loaded.grow(&self.folder)?;
        self.segment = Some(loaded);
        Ok(true)
    }
}

impl Loaded {
    /// Reads what the file has beyond what is loaded. A file that is gone has nothing more.
    fn grow(&mut self, folder: &Path) -> Result<(), JournalError> {
        let path = segment::path(folder, self.first);
        let mut read = || -> std::io::Result<()> {
            let mut file = match File::open(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                file => file?,
            };
            file.seek(SeekFrom::Start(self.bytes.len() as u64))?;
            file.read_to_end(&mut self.bytes)?;
            Ok(())
        };
        read().map_err(|error| JournalError::new(&path, "read it", error))
    }
}
