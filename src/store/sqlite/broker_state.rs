//! Key-value file, in bytes: the embedded broker's persistent state.
//!
//! Invariants: changes that are made together are stored together, also after a SIGKILL, and after a power cut with
//! `durability = "power"`. An unreadable file is moved aside, never deleted.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use r2d2_sqlite::rusqlite::{self, Connection, ErrorCode, OptionalExtension as _, Transaction};

use super::connect::open_to_write;
use super::open_error::{OpenError, Reason};
use crate::config::Durability;
use crate::domain::BrokerStateChange;

/// `application_id` of the file (`VgBk`).
const APPLICATION: i32 = 0x5667_426B;

/// Layout version.
const VERSION: i32 = 1;

/// The open file.
#[derive(Debug)]
pub struct BrokerStateTable(Mutex<Connection>);

impl BrokerStateTable {
    /// Opens the file, created as needed. Returns the path to which an unreadable file was moved.
    ///
    /// # Errors
    /// If the file can't be written, or belongs to another program.
    pub fn open(path: &Path, durability: Durability) -> Result<(Self, Option<PathBuf>), OpenError> {
        let failed = |error: rusqlite::Error| OpenError::sqlite(path, &error);
        match connect(path, durability) {
            Ok(connection) => Ok((Self(Mutex::new(connection)), None)),
            Err(error) if is_damaged(&error) => {
                let aside = move_aside(path)
                    .map_err(|error| OpenError::new(path, Reason::Other(error.to_string())))?;
                let connection = connect(path, durability).map_err(failed)?;
                Ok((Self(Mutex::new(connection)), Some(aside)))
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Shows all keys in their order, with their values.
    ///
    /// # Errors
    /// Error text: what can't be read.
    pub fn each(&self, show: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), String> {
        let connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut read = || {
            let mut all = connection.prepare("SELECT key, value FROM kept ORDER BY key")?;
            let mut rows = all.query([])?;
            while let Some(row) = rows.next()? {
                show(row.get_ref(0)?.as_blob()?, row.get_ref(1)?.as_blob()?);
            }
            Ok(())
        };
        read().map_err(|error: rusqlite::Error| error.to_string())
    }

    /// The value of a key.
    ///
    /// # Errors
    /// Error text: what can't be read.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, String> {
        let connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let get = "SELECT value FROM kept WHERE key = ?";
        let value = connection.query_row(get, [key], |row| row.get(0)).optional();
        value.map_err(|error: rusqlite::Error| error.to_string())
    }

    /// Makes changes, all or none.
    ///
    /// # Errors
    /// Error text: what can't be written.
    pub fn apply(
        &self,
        changes: &mut dyn Iterator<Item = BrokerStateChange>,
    ) -> Result<(), String> {
        let mut connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let write = || {
            let transaction = connection.transaction()?;
            for change in changes {
                make(&transaction, &change)?;
            }
            transaction.commit()
        };
        write().map_err(|error: rusqlite::Error| error.to_string())
    }
}

fn make(transaction: &Transaction<'_>, change: &BrokerStateChange) -> rusqlite::Result<()> {
    match change {
        BrokerStateChange::Put(key, value) => {
            let mut put =
                transaction.prepare_cached("INSERT OR REPLACE INTO kept VALUES (?, ?)")?;
            put.execute([key, value])
        }
        BrokerStateChange::Delete(key) => {
            transaction.prepare_cached("DELETE FROM kept WHERE key = ?")?.execute([key])
        }
        BrokerStateChange::DeleteAll(prefix) => {
            // The first key beyond them; a prefix begins with its kind, which is not the last.
            let mut beyond = prefix.clone();
            while beyond.pop_if(|last| *last == u8::MAX).is_some() {}
            if let Some(last) = beyond.last_mut() {
                *last += 1;
            }
            let mut delete =
                transaction.prepare_cached("DELETE FROM kept WHERE key >= ? AND key < ?")?;
            delete.execute([prefix, &beyond])
        }
    }
    .map(drop)
}

fn connect(path: &Path, durability: Durability) -> rusqlite::Result<Connection> {
    let connection = open_to_write(path)?;
    let synchronous = match durability {
        Durability::Process => "NORMAL",
        Durability::Power => "FULL",
    };
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "application_id", APPLICATION)?;
    connection.pragma_update(None, "user_version", VERSION)?;
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS kept (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    )?;
    // Reads the whole file once: a damaged page would stop the broker at each start.
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT);
        return Err(rusqlite::Error::SqliteFailure(code, Some(verdict)));
    }
    Ok(connection)
}

fn is_damaged(error: &rusqlite::Error) -> bool {
    use ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}

fn move_aside(path: &Path) -> std::io::Result<PathBuf> {
    let with = |more: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(more);
        PathBuf::from(name)
    };
    for log in ["-wal", "-shm"] {
        match std::fs::remove_file(with(log)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    let aside = with(".damaged");
    std::fs::rename(path, &aside)?;
    Ok(aside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(kept: &BrokerStateTable) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut all = Vec::new();
        kept.each(&mut |key, value| all.push((key.to_vec(), value.to_vec()))).expect("read");
        all
    }

    fn put(key: &[u8], value: &[u8]) -> BrokerStateChange {
        BrokerStateChange::Put(key.to_vec(), value.to_vec())
    }

    #[test]
    fn what_was_put_is_there_in_order_until_it_is_deleted() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("kept");
        let open = || BrokerStateTable::open(&path, Durability::Process).expect("opened").0;
        let changes = [
            put(&[2, 255, 1], b"c"),
            put(&[1, 9], b"a"),
            put(&[2, 255], b"b"),
            put(&[3], b"d"),
            put(&[3], b"e"),
            put(&[4], b""),
        ];
        open().apply(&mut changes.into_iter()).expect("written");
        let value = |key: &[u8], value: &[u8]| (key.to_vec(), value.to_vec());
        let (a, b, c) = (value(&[1, 9], b"a"), value(&[2, 255], b"b"), value(&[2, 255, 1], b"c"));
        let (e, empty) = (value(&[3], b"e"), value(&[4], b""));
        assert_eq!(all(&open()), [a.clone(), b, c, e.clone(), empty.clone()]);
        assert_eq!(open().get(&[1, 9]), Ok(Some(b"a".to_vec())));
        assert_eq!(open().get(&[9]), Ok(None));
        let kept = open();
        kept.apply(&mut [BrokerStateChange::DeleteAll(vec![2, 255])].into_iter()).expect("written");
        assert_eq!(all(&kept), [a, e.clone(), empty.clone()]);
        kept.apply(&mut [BrokerStateChange::Delete(vec![1, 9])].into_iter()).expect("written");
        assert_eq!(all(&kept), [e, empty]);
    }

    #[test]
    fn a_page_that_cannot_be_read_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("kept");
        let (kept, _) = BrokerStateTable::open(&path, Durability::Process).expect("opened");
        let many = (0..2000_u32).map(|number| put(&number.to_be_bytes(), &[7; 100]));
        kept.apply(&mut many.into_iter()).expect("written");
        drop(kept);
        let mut bytes = std::fs::read(&path).expect("read");
        let middle = bytes.len() / 2 / 4096 * 4096;
        bytes[middle..middle + 4096].fill(0xA5);
        std::fs::write(&path, bytes).expect("written");
        let (kept, aside) = BrokerStateTable::open(&path, Durability::Process).expect("opened");
        assert!(aside.is_some() && all(&kept).is_empty());
    }

    #[test]
    fn a_file_that_cannot_be_read_is_moved_aside() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("kept");
        std::fs::write(&path, vec![7; 10_000]).expect("written");
        let (kept, aside) = BrokerStateTable::open(&path, Durability::Power).expect("opened");
        assert_eq!(std::fs::read(aside.expect("moved")).expect("there"), vec![7; 10_000]);
        assert_eq!(all(&kept), []);
        kept.apply(&mut [put(b"k", b"v")].into_iter()).expect("written");
        drop(kept);
        let (kept, aside) = BrokerStateTable::open(&path, Durability::Power).expect("opened");
        assert_eq!((all(&kept).len(), aside), (1, None));
    }
}
