//! Checkpoints the write-ahead log into the database file, on its own thread.
//!
//! SQLite would do it inside a commit, which then waits for the disk: about 20 ms, sometimes hundreds, in which
//! nothing is stored. Here commits continue meanwhile.
//!
//! The log restarts only after a complete checkpoint. So checkpoints follow each other, each shorter, until nothing
//! was added meanwhile; the next commit then writes to the log's start.
//!
//! Invariant: nothing depends on it. While it lags, or can't run, the log grows until the writer's own checkpoint
//! at [`BACKSTOP_PAGES`], which has little left to do. Never: a change to the stored data.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use r2d2_sqlite::rusqlite::{self, Connection, OpenFlags};

use super::connect::BUSY_TIMEOUT;
use super::open_error::{OpenError, Reason};

/// Size at which the log is checkpointed inside a commit: 64 MiB, in pages of 4 KiB.
pub(in crate::store) const BACKSTOP_PAGES: i64 = 16 * 1024;

/// Some 30 MB. Each checkpoint makes the disk busy for a while, however much it moves: eight times as many
/// as SQLite itself lets come together are an eighth of that.
const PAGES: i64 = 8000;
/// It is asked again after so many more, until the log has begun anew: so the writer's own checkpoint is reached
/// only while a reader at work keeps it back.
const PAGES_MORE: i64 = 1000;
/// Commits go on meanwhile: a checkpoint of 8,000 pages takes 100 ms and leaves some 200, those take 5 ms and
/// leave 20. At 2,000 readings and 80 alerts a second six at most were needed.
const TRIES: usize = 8;

/// Asks its thread for a checkpoint when enough has been committed; ends it when dropped.
#[derive(Debug)]
pub(in crate::store) struct Checkpoints {
    /// Capacity of one request: more would request the same.
    ask: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Pages in the log at which the next request is made.
    ask_at: i64,
}

impl Checkpoints {
    /// Starts the thread with its own connection.
    ///
    /// # Errors
    /// If the file can't be opened or the thread can't be created.
    pub fn start(path: &Path) -> Result<Self, OpenError> {
        let failed = |error| OpenError::sqlite(path, &error);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
        let (ask, asked) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("checkpoint".into())
            .spawn(move || run(&connection, &asked))
            .map_err(|error| OpenError::new(path, Reason::Other(error.to_string())))?;
        Ok(Self { ask: Some(ask), thread: Some(thread), ask_at: PAGES })
    }

    /// Something has been committed by this connection.
    pub fn note_commit(&mut self, connection: &Connection) {
        let (_, pages, _) = checkpoint(connection, "NOOP").unwrap_or_else(|error| {
            // Made up for by the next.
            log::debug!(target: "vigie::storage", "pages in the log: {error}");
            Default::default()
        });
        if pages < PAGES {
            self.ask_at = PAGES; // it has begun anew
        }
        if pages < self.ask_at {
            return;
        }
        self.ask_at = pages + PAGES_MORE;
        if let Some(ask) = &self.ask {
            let _ = ask.try_send(()); // full: it is asked already
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        drop(self.ask.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // nothing depends on how it ended
        }
    }
}

fn run(connection: &Connection, asked: &Receiver<()>) {
    while asked.recv().is_ok() {
        if let Err(error) = catch_up(connection) {
            // Made up for by the next.
            log::debug!(target: "vigie::storage", "checkpoint: {error}");
        }
    }
}

/// Checkpoints the log, and what is committed meanwhile. Returns true if nothing is left; an active reader may need
/// parts of the log.
fn catch_up(connection: &Connection) -> rusqlite::Result<bool> {
    let mut before = 0;
    for _ in 0..TRIES {
        // "Passive" blocks no one. Its pages are those of the log at its start.
        let (is_busy, pages, moved) = checkpoint(connection, "PASSIVE")?;
        if is_busy || moved < pages {
            return Ok(false);
        }
        if pages <= before {
            return Ok(true);
        }
        before = pages;
    }
    Ok(false)
}

/// Moves all that is in the log into the file, and cuts the log to nothing. False while a reader needs it.
pub(in crate::store) fn empty_log(connection: &Connection) -> rusqlite::Result<bool> {
    checkpoint(connection, "TRUNCATE").map(|(is_busy, ..)| !is_busy)
}

/// Whether it was blocked, pages in the log, and how many of them are checkpointed.
fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<(bool, i64, i64)> {
    let sql = format!("PRAGMA wal_checkpoint({mode})");
    connection
        .prepare_cached(&sql)?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::fixtures;

    fn asking(ask: SyncSender<()>) -> Checkpoints {
        Checkpoints { ask: Some(ask), thread: None, ask_at: PAGES }
    }

    /// Commits so many pages.
    fn write(connection: &Connection, pages: i64) {
        connection
            .execute_batch("CREATE TABLE IF NOT EXISTS blobs (x); DELETE FROM blobs;")
            .unwrap();
        connection.execute("INSERT INTO blobs VALUES (zeroblob(?1))", [pages * 4096]).unwrap();
    }

    /// A file with pages in its log, the second connection's for checkpoints.
    fn file() -> (tempfile::TempDir, Connection, Connection) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.db");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(
                "PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0;
                 CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(100000));",
            )
            .unwrap();
        (dir, connection, Connection::open(&path).unwrap())
    }

    fn pages_in_log(connection: &Connection) -> i64 {
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(1)).unwrap()
    }

    #[test]
    fn the_log_begins_anew_once_all_of_it_is_moved() {
        let (_dir, writer, mover) = file();
        assert!(catch_up(&mover).unwrap());
        writer.execute("INSERT INTO t VALUES (1)", []).unwrap();
        let pages = pages_in_log(&mover);
        assert!(pages < 5, "{pages}");
    }

    #[test]
    fn what_a_reader_needs_stays() {
        let (_dir, writer, mover) = file();
        let reader = Connection::open(writer.path().unwrap()).unwrap();
        reader.execute_batch("BEGIN; SELECT count(*) FROM t;").unwrap();
        writer.execute("INSERT INTO t VALUES (1)", []).unwrap();
        assert!(!catch_up(&mover).unwrap());
        reader.execute_batch("COMMIT").unwrap();
        assert!(catch_up(&mover).unwrap());
    }

    #[test]
    fn it_is_asked_by_the_pages_in_the_log_until_that_begins_anew() {
        let (_dir, writer, mover) = file();
        let (ask, asked) = sync_channel(1);
        let mut checkpoints = asking(ask);
        let mut is_asked = || {
            checkpoints.note_commit(&writer);
            asked.try_recv().is_ok()
        };
        write(&writer, PAGES / 2);
        assert!(!is_asked(), "too few");
        write(&writer, PAGES / 2);
        assert!(is_asked());
        assert!(!is_asked(), "nothing came meanwhile");
        write(&writer, PAGES_MORE);
        assert!(is_asked(), "it has not begun anew");
        assert!(catch_up(&mover).unwrap());
        write(&writer, PAGES / 2);
        assert!(!is_asked(), "it has begun anew");
        write(&writer, PAGES / 2);
        assert!(is_asked());
    }

    #[test]
    fn commits_reach_the_file_while_it_is_open() {
        let dir = tempfile::tempdir().unwrap();
        let settings = fixtures::settings(&dir.path().join("sensor_data.db"));
        let mut database = super::super::database::open(&settings).unwrap();
        let size = || settings.path.metadata().unwrap().len();
        let before = size();
        write(&database.connection, PAGES);
        assert_eq!(size(), before, "all of it is in the log");
        database.checkpoints.note_commit(&database.connection);
        // Ends it once what was asked is done.
        drop(std::mem::replace(
            &mut database.checkpoints,
            Checkpoints::start(&settings.path).unwrap(),
        ));
        assert!(size() > before, "{} bytes", size());
    }
}
