//! The outbox on disk: a journal of the readings taken on, and of how far they are done with.
//!
//! Always: a reading that [`Disk::keep`] gave a place is there after the death of the process (with
//! `durability = "power"`, of the power too) until it was declared done; only whole segments of done
//! records are deleted. A disk that takes nothing is no failure of the gateway: those readings have
//! no place, and the next ones are tried again. Never: two processes on one folder.
//!
//! How far it is done is written lazily: after a kill a few readings that the broker had already
//! acknowledged are sent again, and recognised behind it.
//!
//! Called on the gateway's arbiter. An append is some hundred bytes into the page cache, with room for
//! the next thousand now and then, and nobody else waits for this arbiter; `durability = "power"` makes
//! each parcel wait for the device, as its user asked for.

use std::collections::VecDeque;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use super::Taken;
use super::record::{self, Record};
use crate::config::Durability;
use crate::domain::Reading;
use crate::ingest::journal::{
    Journal, JournalError, MAX_PAYLOAD_BYTES, Position, Reader, Recovery,
};

/// Records read at a time at the start.
const READ_AT_ONCE: usize = 1000;

#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
    durability: Durability,
    journal: Journal,
    /// The place of the last reading.
    last: Position,
    /// Everything up to here is done with, by what is on disk.
    marked: Position,
    failing: bool,
    buffer: Vec<u8>,
}

/// What the disk does that should be said.
#[derive(Debug)]
pub enum News {
    /// It did not take something.
    Trouble(JournalError),
    /// It takes things again.
    Over,
}

/// What an earlier run left.
#[derive(Debug, Default)]
pub struct Left {
    /// Those that still wait, in their order.
    pub readings: Vec<Taken>,
    /// What can't be read: damages and missing positions.
    pub recovery: Recovery,
    /// Records that are there and can't be understood.
    pub strange: u64,
}

impl Disk {
    /// Opens the outbox in `folder`, making it if need be.
    ///
    /// # Errors
    /// When the folder can't be used, or another process uses it.
    pub fn open(folder: &Path, durability: Durability) -> Result<(Self, Left), JournalError> {
        let (mut journal, mut recovery) = Journal::open(folder, 0)?;
        if durability == Durability::Power {
            journal = journal.durable()?;
        }
        let mut pending = Pending::default();
        let mut read = 0;
        let mut reader = Reader::new(folder, 0);
        loop {
            let records = reader.read(READ_AT_ONCE)?;
            if records.is_empty() {
                break;
            }
            read += records.len() as u64;
            for record in records {
                pending.add(record.position, record::read(&record.payload));
            }
        }
        let done = pending.done;
        journal.delete_through(done);
        // Of the done ones nothing needs to be there.
        recovery.missing.retain(|(_, last)| *last > done);
        for (first, _) in &mut recovery.missing {
            *first = (*first).max(done + 1);
        }
        let strange = pending.strange.len() as u64 + recovery.records.saturating_sub(read);
        let readings = Vec::from(pending.readings);
        let disk = Self {
            folder: folder.to_owned(),
            durability,
            journal,
            last: readings.last().and_then(|taken| taken.place).unwrap_or(done),
            marked: done,
            failing: false,
            buffer: Vec::new(),
        };
        Ok((disk, Left { readings, recovery, strange }))
    }

    /// Puts readings on disk, in order, before anything else is done with them.
    pub fn keep(&mut self, readings: Vec<Reading>) -> (Vec<Taken>, Option<News>) {
        if readings.is_empty() {
            return (Vec::new(), None);
        }
        let mut trouble = None;
        let place = |reading| {
            // After a failure the rest of the parcel is not tried: it would fail the same way.
            let place = trouble.is_none().then(|| self.append(&reading));
            let place = place.and_then(|place| place.map_err(|error| trouble = Some(error)).ok());
            Taken { reading, place }
        };
        let taken = readings.into_iter().map(place).collect();
        if self.durability == Durability::Power
            && let Err(error) = self.journal.sync()
        {
            trouble.get_or_insert(error);
        }
        (taken, self.note(trouble))
    }

    /// Declares done what lies before the oldest reading that waits, or all. Written when it is
    /// more than the last time.
    pub fn mark(&mut self, oldest: Option<Position>) -> Option<News> {
        let before = |oldest: Position| oldest.saturating_sub(1);
        if oldest.map_or(self.last, before) <= self.marked {
            return None;
        }
        // With no reading left, older records of this kind are done with too.
        let done = oldest.map_or(self.journal.last(), before);
        let record = record::done(done);
        let mut written = self.journal.append(&record);
        // Also when the disk is full: this is what makes room.
        self.journal.delete_through(done);
        if written.is_err() && oldest.is_none() {
            // The open segment may be what fills the disk.
            written = self.journal.begin_anew().and_then(|()| self.journal.append(&record));
        }
        if written.is_ok() {
            self.marked = done;
        }
        self.note(written.err())
    }

    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn append(&mut self, reading: &Reading) -> Result<Position, JournalError> {
        record::write_reading(&mut self.buffer, reading);
        if self.buffer.len() > MAX_PAYLOAD_BYTES {
            let error = Error::new(ErrorKind::InvalidInput, "its texts are too long");
            return Err(refusal(&self.folder, "hold a reading", error));
        }
        self.last = self.journal.append(&self.buffer)?;
        Ok(self.last)
    }

    fn note(&mut self, trouble: Option<JournalError>) -> Option<News> {
        let was_failing = std::mem::replace(&mut self.failing, trouble.is_some());
        match trouble {
            Some(error) => Some(News::Trouble(error)),
            None => was_failing.then_some(News::Over),
        }
    }
}

/// What of a journal still waits: its records are added in their order.
#[derive(Debug, Default)]
struct Pending {
    readings: VecDeque<Taken>,
    strange: VecDeque<Position>,
    done: Position,
}

impl Pending {
    fn add(&mut self, position: Position, record: Option<Record>) {
        match record {
            Some(Record::Reading(reading)) => {
                self.readings.push_back(Taken { reading, place: Some(position) });
            }
            Some(Record::Done(done)) => self.finish(done),
            None => self.strange.push_back(position),
        }
    }

    fn finish(&mut self, done: Position) {
        self.done = self.done.max(done);
        while self.readings.front().is_some_and(|taken| taken.place <= Some(self.done)) {
            self.readings.pop_front();
        }
        while self.strange.front().is_some_and(|position| *position <= self.done) {
            self.strange.pop_front();
        }
    }
}

fn refusal(path: &Path, doing: &'static str, error: Error) -> JournalError {
    JournalError { path: path.to_owned(), doing, error }
}

#[cfg(test)]
#[path = "disk_tests.rs"]
mod tests;
