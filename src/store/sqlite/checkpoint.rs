//! Moves committed pages from the write-ahead log into the database file, on a thread of its own.
//!
//! SQLite would do it inside a commit, which then waits for the disk: some 20 ms, now and then
//! hundreds, in which nothing is stored. Here commits go on meanwhile.
//!
//! A log begins anew only when all of it has been moved. So checkpoints follow each other, each shorter than
//! the one before, until nothing has come meanwhile; the next commit then writes to the log's beginning.
//!
//! Holds always: nothing depends on it. While it is behind, or can't run, the log grows until the
//! writer's own checkpoint at [`BACKSTOP_PAGES`] cuts it back, which finds little left to do.
//! Never: a change to what is stored.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use r2d2_sqlite::rusqlite::{self, Connection, OpenFlags};

use super::database::{BUSY_TIMEOUT, OpenError, Reason};

/// The log is emptied inside a commit when it has grown to this: 64 MiB, of pages of 4 KiB.
pub(in crate::store) const BACKSTOP_PAGES: i64 = 16 * 1024;

/// Some 30 MB. Each checkpoint makes the disk busy for a while, however much it moves: eight times as many
/// as SQLite itself lets come together are an eighth of that.
const PAGES: usize = 8000;
/// While it is behind, so that the writer's own checkpoint finds hardly more than this, unless a reader at
/// work kept it back.
const PAGES_BEHIND: usize = 1000;
/// Commits go on meanwhile: a checkpoint of 8,000 pages takes 100 ms and leaves some 200, those take 5 ms and
/// leave 20. At 2,000 readings and 80 alerts a second six at most were needed.
const TRIES: usize = 8;
/// What a commit writes however small it is: the hot page of each table and index.
const PAGES_A_COMMIT: usize = 8;
/// How many rows and their index entries fill a page.
const ROWS_A_PAGE: usize = 16;

/// Asks its thread for a checkpoint when enough has been committed; ends it when dropped.
#[derive(Debug)]
pub(in crate::store) struct Checkpoints {
    /// One request may wait: more would ask for the same.
    ask: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Roughly what has been written since it was last asked.
    pages: usize,
    /// Whether the last request left something in the log.
    is_behind: Arc<AtomicBool>,
}

impl Checkpoints {
    /// Starts the thread on a connection of its own.
    ///
    /// # Errors
    /// When the file or a thread can't be had.
    pub fn start(path: &Path) -> Result<Self, OpenError> {
        let failed = |error| OpenError::sqlite(path, &error);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
        let (ask, asked) = sync_channel(1);
        let is_behind = Arc::new(AtomicBool::new(false));
        let says_so = is_behind.clone();
        let thread = std::thread::Builder::new()
            .name("checkpoint".into())
            .spawn(move || run(&connection, &asked, &says_so))
            .map_err(|error| OpenError::new(path, Reason::Other(error.to_string())))?;
        Ok(Self { ask: Some(ask), thread: Some(thread), pages: 0, is_behind })
    }

    /// That many rows have been committed.
    pub fn note(&mut self, rows: usize) {
        self.pages += PAGES_A_COMMIT + rows / ROWS_A_PAGE;
        let enough = if self.is_behind.load(Ordering::Relaxed) { PAGES_BEHIND } else { PAGES };
        if self.pages < enough {
            return;
        }
        self.pages = 0;
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

fn run(connection: &Connection, asked: &Receiver<()>, is_behind: &AtomicBool) {
    while asked.recv().is_ok() {
        let has_caught_up = catch_up(connection).unwrap_or_else(|error| {
            // Made up for by the next.
            log::debug!(target: "vigie::storage", "checkpoint: {error}");
            false
        });
        is_behind.store(!has_caught_up, Ordering::Relaxed);
    }
}

/// Moves what is in the log, and what is committed meanwhile. Whether nothing was left; a reader at work
/// may need what is in the log.
fn catch_up(connection: &Connection) -> rusqlite::Result<bool> {
    let mut before = 0;
    for _ in 0..TRIES {
        // "Passive" keeps nobody waiting. Its pages are those of the log as it began.
        let (is_busy, pages, moved) =
            connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
                Ok((row.get::<_, bool>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
            })?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::fixtures;

    fn asking(ask: SyncSender<()>) -> Checkpoints {
        Checkpoints { ask: Some(ask), thread: None, pages: 0, is_behind: Arc::default() }
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
    fn what_a_reader_needs_stays_and_keeps_it_behind() {
        let (_dir, writer, mover) = file();
        let (ask, asked) = sync_channel(1);
        let mut checkpoints = asking(ask);
        let reader = Connection::open(writer.path().unwrap()).unwrap();
        reader.execute_batch("BEGIN; SELECT count(*) FROM t;").unwrap();
        writer.execute("INSERT INTO t VALUES (1)", []).unwrap();
        assert!(!catch_up(&mover).unwrap());
        checkpoints.note((PAGES_BEHIND - PAGES_A_COMMIT) * ROWS_A_PAGE);
        assert!(asked.try_recv().is_err());
        checkpoints.is_behind.store(true, Ordering::Relaxed);
        checkpoints.note(1);
        assert!(asked.try_recv().is_ok(), "asked sooner");
        reader.execute_batch("COMMIT").unwrap();
        assert!(catch_up(&mover).unwrap());
    }

    #[test]
    fn commits_reach_the_file_while_it_is_open() {
        let dir = tempfile::tempdir().unwrap();
        let settings = fixtures::settings(&dir.path().join("sensor_data.db"));
        let mut database = super::super::database::open(&settings).unwrap();
        let size = || settings.path.metadata().unwrap().len();
        let before = size();
        let fill = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)
             INSERT INTO sensor_readings (sensor_id, timestamp) SELECT 'S', i FROM n";
        database.connection.execute(fill, []).unwrap();
        assert_eq!(size(), before, "all of it is in the log");
        database.checkpoints.note(PAGES * ROWS_A_PAGE);
        // Ends it once what was asked is done.
        drop(std::mem::replace(
            &mut database.checkpoints,
            Checkpoints::start(&settings.path).unwrap(),
        ));
        assert!(size() > before, "{} bytes", size());
    }

    #[test]
    fn a_few_commits_ask_for_nothing() {
        let (ask, asked) = sync_channel(1);
        let mut checkpoints = asking(ask);
        for _ in 0..PAGES / PAGES_A_COMMIT - 1 {
            checkpoints.note(1);
        }
        assert!(asked.try_recv().is_err());
        checkpoints.note(PAGES);
        checkpoints.note(PAGES * ROWS_A_PAGE);
        assert!(asked.try_recv().is_ok() && asked.try_recv().is_err(), "asked once");
    }
}
