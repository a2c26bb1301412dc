//! Header of a database file, read beside SQLite: it distinguishes a file from an older copy of itself.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use crate::store::identity::Content;

/// Offset of the file change counter, a big-endian number of four bytes. With a write-ahead log it grows once for each
/// connection that writes the first page.
const CHANGE_COUNTER: u64 = 24;

/// Present header of an open file; a file too short for one has no changes.
pub(in crate::store) fn content(file: &File) -> io::Result<Content> {
    let metadata = file.metadata()?;
    let mut counter = [0; 4];
    let changes = match file.read_exact_at(&mut counter, CHANGE_COUNTER) {
        Ok(()) => u32::from_be_bytes(counter),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
        Err(error) => return Err(error),
    };
    Ok(Content { links: metadata.nlink(), bytes: metadata.len(), changes })
}

#[cfg(test)]
mod tests {
    use r2d2_sqlite::rusqlite::Connection;

    use super::*;

    #[test]
    fn the_counter_grows_with_the_file_and_a_copy_has_an_older_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let connection = Connection::open(&path).unwrap();
        let file = File::open(&path).unwrap();
        let empty = content(&file).unwrap();
        assert_eq!((empty.links, empty.bytes, empty.changes), (1, 0, 0));
        connection
            .execute_batch("PRAGMA journal_mode = wal; CREATE TABLE t (x); PRAGMA wal_checkpoint;")
            .unwrap();
        let first = content(&file).unwrap();
        let copy = std::fs::read(&path).unwrap();
        let grow = "INSERT INTO t VALUES (zeroblob(99999)); PRAGMA wal_checkpoint;";
        connection.execute_batch(grow).unwrap();
        let second = content(&file).unwrap();
        assert!(second.changes >= first.changes && second.bytes > first.bytes, "{second:?}");
        Connection::open(&path).unwrap().execute_batch(grow).unwrap();
        let third = content(&file).unwrap();
        assert!(third.changes > second.changes && third.bytes > second.bytes, "{third:?}");
        std::fs::write(&path, copy).unwrap();
        assert_eq!(content(&file).unwrap(), first);
    }
}
