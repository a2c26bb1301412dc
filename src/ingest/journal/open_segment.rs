//! The open segment: the file that frames are appended to, one `write` each.
//!
//! Always: after `append` the frame is in the page cache, so it survives the end of the process. After an error the frame is
//! not in the file, or the segment is [torn](OpenSegment::is_torn). Never: a frame after half of one.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::Path;

#[derive(Debug)]
pub struct OpenSegment {
    file: File,
    /// Size of the complete frames in bytes.
    num_bytes: u64,
    is_torn: bool,
}

impl OpenSegment {
    /// Creates the file, in place of an existing one.
    ///
    /// # Errors
    /// If the file can't be created.
    pub fn create(path: &Path) -> io::Result<Self> {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new().write(true).create_new(true).open(path)?;
        Ok(Self { file, num_bytes: 0, is_torn: false })
    }

    /// Appends a frame.
    ///
    /// # Errors
    /// If the write fails. A retry is safe, unless the segment is torn now.
    pub fn append(&mut self, frame: &[u8]) -> io::Result<()> {
        self.file.write_all_at(frame, self.num_bytes).inspect_err(|_| {
            // Part of the frame may be written. It is truncated, or stays at the end of a closed segment.
            self.is_torn = self.file.set_len(self.num_bytes).is_err();
        })?;
        self.num_bytes += frame.len() as u64;
        Ok(())
    }

    /// Size of the complete frames in bytes.
    pub const fn num_bytes(&self) -> u64 {
        self.num_bytes
    }

    /// Whether the file may end with half a frame, so that nothing may be appended to it.
    pub const fn is_torn(&self) -> bool {
        self.is_torn
    }

    /// Truncates the file to 0 bytes. Keeps the file itself, since a reader may have it open.
    ///
    /// # Errors
    /// If the file can't be truncated.
    pub fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.num_bytes = 0;
        self.is_torn = false;
        Ok(())
    }

    /// Syncs the appended frames to the device.
    ///
    /// # Errors
    /// If the device reports a failure.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Duplicates the file handle.
    ///
    /// # Errors
    /// If the process has no handles left.
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
    fn an_appended_frame_is_in_the_file_at_once_and_a_cleared_file_is_empty() {
        let (folder, mut segment) = segment();
        segment.append(b"one").unwrap();
        segment.append(b"two").unwrap();
        assert_eq!(content(&folder), b"onetwo");
        segment.clear().unwrap();
        assert_eq!(content(&folder), b"");
        segment.append(b"two").unwrap();
        assert_eq!(content(&folder), b"two");
    }

    /// `/dev/full` opens, but fails writes and truncation.
    #[test]
    fn a_full_disk_is_an_error_and_tears_the_segment() {
        let file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut segment = OpenSegment { file, num_bytes: 0, is_torn: false };
        let error = segment.append(b"one").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert!(segment.is_torn());
        assert_eq!(segment.num_bytes(), 0);
    }
}
