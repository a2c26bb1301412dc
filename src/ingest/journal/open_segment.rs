//! The open segment: the file that records are appended to, one `write` each.
//!
//! Always: after `append` the record is the system's, whatever becomes of the process; after an error it is not
//! there, or the segment is [spoilt](OpenSegment::is_spoilt). Never: half a record with another behind it.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::Path;

#[derive(Debug)]
pub struct OpenSegment {
    file: File,
    /// Bytes of whole records.
    num_bytes: u64,
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
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        Ok(Self { file, num_bytes: 0, is_spoilt: false })
    }

    /// # Errors
    /// When the disk doesn't take it; it may be tried again, unless the segment is spoilt now.
    pub fn append(&mut self, frame: &[u8]) -> io::Result<()> {
        self.file.write_all_at(frame, self.num_bytes).inspect_err(|_| {
            // Part of it may be there. It is taken back, or left behind in a closed segment.
            self.is_spoilt = self.file.set_len(self.num_bytes).is_err();
        })?;
        self.num_bytes += frame.len() as u64;
        Ok(())
    }

    /// Bytes of whole records.
    pub const fn num_bytes(&self) -> u64 {
        self.num_bytes
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
        self.file.set_len(0)?;
        self.num_bytes = 0;
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

    #[test]
    fn what_is_appended_is_in_the_file_at_once_and_begun_again_it_is_empty() {
        let (folder, mut segment) = segment();
        segment.append(b"one").unwrap();
        segment.append(b"two").unwrap();
        assert_eq!(content(&folder), b"onetwo");
        segment.clear().unwrap();
        assert_eq!(content(&folder), b"");
        segment.append(b"two").unwrap();
        assert_eq!(content(&folder), b"two");
    }

    /// A disk that takes nothing, though it opens, and lets nothing be taken back.
    #[test]
    fn a_full_disk_is_an_error_and_spoils_the_segment() {
        let file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut segment = OpenSegment { file, num_bytes: 0, is_spoilt: false };
        let error = segment.append(b"one").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert!(segment.is_spoilt());
        assert_eq!(segment.num_bytes(), 0);
    }
}
