//! The open segment: the file that records are appended to.
//!
//! A record is put into a window of memory that is the file's next stretch. The system has it at once,
//! as after a `write`, without the call: the thread that takes messages in had spent a tenth of its time
//! on those, and a backlog comes in by a sixth faster. Before that the stretch is written, with zeros, so
//! that a disk that is full says so with an error there; once the room is taken, putting a record there
//! can't fail. What follows the last record is zeros, then, until they are cut off.
//!
//! Where a file can't be mapped, records are written one by one.
//!
//! Holds always: after `append` the record is the system's, whatever becomes of the process; after an
//! error it is not there, or the segment is [spoilt](OpenSegment::is_spoilt). Never: a window past
//! the file's end, where touching it would end the process. (So would someone who cuts the file short
//! from outside, or a device that has lost a page: then nothing more is acknowledged either.)

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::window::Window;

/// Room taken at a time: a thousand readings, and little to have in memory.
const ROOM_BYTES: u64 = 256 << 10;
/// Windows begin at multiples of this: the largest page of any system.
const PAGE_BYTES: u64 = 64 << 10;

#[derive(Debug)]
pub struct OpenSegment {
    file: Arc<File>,
    /// Of records.
    bytes: u64,
    /// Where the zeros behind them end.
    room: u64,
    window: Option<Window>,
    can_map: bool,
    is_spoilt: bool,
}

impl OpenSegment {
    /// Makes the file; one that is there already goes.
    ///
    /// # Errors
    /// When the disk doesn't take it.
    pub fn create(path: &Path) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        Ok(Self {
            file: Arc::new(file),
            bytes: 0,
            room: 0,
            window: None,
            can_map: true,
            is_spoilt: false,
        })
    }

    /// # Errors
    /// When the disk doesn't take it; it may be tried again, unless the segment is spoilt now.
    pub fn append(&mut self, frame: &[u8]) -> io::Result<()> {
        let end = self.bytes + frame.len() as u64;
        if self.can_map && end > self.room {
            self.make_room(end)?;
        }
        match &self.window {
            Some(window) => window.put(self.bytes, frame)?,
            None => self.write(frame)?,
        }
        self.bytes = end;
        Ok(())
    }

    /// Of records.
    pub const fn num_bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether half a record may be at its end: nothing may be appended behind it.
    pub const fn is_spoilt(&self) -> bool {
        self.is_spoilt
    }

    /// Begins it again, the same file, since a reader may have it open.
    ///
    /// # Errors
    /// When the disk doesn't let go of what was there.
    pub fn clear(&mut self) -> io::Result<()> {
        self.window = None;
        (self.bytes, self.room) = (0, 0);
        self.file.set_len(0)?;
        self.is_spoilt = false;
        Ok(())
    }

    /// Waits until everything appended is on the device.
    ///
    /// # Errors
    /// When the device says that it failed.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// # Errors
    /// When the system gives no more handles.
    pub fn handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Takes room up to `end` at least, and opens a window there.
    fn make_room(&mut self, end: u64) -> io::Result<()> {
        let start = self.bytes / PAGE_BYTES * PAGE_BYTES;
        let until = end.next_multiple_of(PAGE_BYTES).max(start + ROOM_BYTES);
        if let Err(error) = fill(&self.file, self.room, until) {
            // Zeros that stay do no harm.
            let _ = self.file.set_len(self.room);
            return Err(error);
        }
        self.room = until;
        self.window = Window::open(&self.file, start, until - start).ok();
        if self.window.is_none() {
            self.can_map = false;
            self.cut();
        }
        Ok(())
    }

    fn write(&mut self, frame: &[u8]) -> io::Result<()> {
        self.file.write_all_at(frame, self.bytes).inspect_err(|_| {
            // Half of it may be there. It is taken back, or left behind in a closed segment.
            self.is_spoilt = self.file.set_len(self.bytes).is_err();
        })
    }

    /// Cuts the zeros off. Where that fails they are passed over.
    fn cut(&mut self) {
        self.window = None;
        if self.room > self.bytes && self.file.set_len(self.bytes).is_ok() {
            self.room = self.bytes;
        }
    }

    /// As on a file system that can't map.
    #[cfg(test)]
    pub const fn never_map(&mut self) {
        self.can_map = false;
    }
}

impl Drop for OpenSegment {
    fn drop(&mut self) {
        self.cut();
    }
}

fn fill(file: &File, from: u64, until: u64) -> io::Result<()> {
    let zeros = [0; 16 << 10];
    let mut at = from;
    while at < until {
        let some = usize::try_from(until - at).unwrap_or(usize::MAX).min(zeros.len());
        file.write_all_at(&zeros[..some], at)?;
        at += some as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn segment() -> (tempfile::TempDir, OpenSegment) {
        let folder = tempfile::tempdir().unwrap();
        let segment = OpenSegment::create(&folder.path().join("s")).unwrap();
        (folder, segment)
    }

    fn content(folder: &tempfile::TempDir) -> Vec<u8> {
        fs::read(folder.path().join("s")).unwrap()
    }

    /// Parts of all sizes, in windows of which none fits them.
    #[test]
    fn what_is_appended_is_in_the_file_at_once_and_zeros_behind_it_until_it_is_closed() {
        let (folder, mut segment) = segment();
        let mut expected = Vec::new();
        for (n, size) in (1..=u8::MAX)
            .zip([1, 19, 300, 70_000, 5, 400_000, 1_100_000, 3].into_iter().cycle())
            .take(24)
        {
            let part = vec![n; size];
            segment.append(&part).unwrap();
            expected.extend(part);
            assert!(segment.window.is_some(), "mapped");
            let content = content(&folder);
            assert!(content.starts_with(&expected));
            assert!(content[expected.len()..].iter().all(|byte| *byte == 0));
            assert!(content.len() - expected.len() <= usize::try_from(ROOM_BYTES).unwrap());
        }
        drop(segment);
        assert!(content(&folder) == expected, "the zeros are gone");
    }

    #[test]
    fn where_files_cannot_be_mapped_it_writes() {
        let (folder, mut segment) = segment();
        segment.never_map();
        segment.append(b"one").unwrap();
        segment.append(b"two").unwrap();
        assert_eq!(content(&folder), b"onetwo");
    }

    #[test]
    fn begun_again_it_is_empty() {
        let (folder, mut segment) = segment();
        segment.append(b"one").unwrap();
        segment.clear().unwrap();
        assert_eq!(content(&folder), b"");
        segment.append(b"two").unwrap();
        assert!(content(&folder).starts_with(b"two\0"));
    }

    /// A disk that takes nothing, though it opens.
    #[test]
    fn a_full_disk_is_an_error_and_not_a_signal() {
        let file = OpenOptions::new().read(true).write(true).open("/dev/full").unwrap();
        let error = fill(&file, 0, ROOM_BYTES).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
    }
}
