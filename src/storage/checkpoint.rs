//! Moves committed pages from the write-ahead log into the database file, on a thread of its own.
//!
//! SQLite would do it inside a commit, which then waits for the disk: some 20 ms, now and then
//! hundreds, in which no alert gets through. Here commits go on meanwhile.
//!
//! Holds always: nothing depends on it. While it is behind, or can't run, the log grows until the
//! writer's own checkpoint at [`BACKSTOP_PAGES`] cuts it back, which finds little left to do.
//! Never: a change to what is stored.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use r2d2_sqlite::rusqlite::{Connection, OpenFlags};

use super::database::{BUSY_TIMEOUT, OpenError, Reason};

/// The log is emptied inside a commit when it has grown to this: 64 MiB, of pages of 4 KiB.
pub(super) const BACKSTOP_PAGES: i64 = 16 * 1024;

/// Some 30 MB. Each checkpoint makes the disk busy for a while, however much it moves, and commits
/// feel it: eight times as many as SQLite itself lets come together are an eighth of that.
const PAGES: usize = 8000;
/// What a commit writes however small it is: the hot page of each table and index.
const PAGES_A_COMMIT: usize = 8;
/// How many rows and their index entries fill a page.
const ROWS_A_PAGE: usize = 16;

/// Asks its thread for a checkpoint when enough has been committed; ends it when dropped.
#[derive(Debug)]
pub(super) struct Checkpoints {
    /// One request may wait: more would ask for the same.
    ask: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Roughly what has been written since it was last asked.
    pages: usize,
}

impl Checkpoints {
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
        Ok(Self { ask: Some(ask), thread: Some(thread), pages: 0 })
    }

    /// That many rows have been committed.
    pub fn note(&mut self, rows: usize) {
        self.pages += PAGES_A_COMMIT + rows / ROWS_A_PAGE;
        if self.pages < PAGES {
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

fn run(connection: &Connection, asked: &Receiver<()>) {
    while asked.recv().is_ok() {
        // "Passive" keeps nobody waiting. One that fails is made up for by the next.
        let done = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = done {
            log::debug!(target: "vigie::storage", "checkpoint: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::fixtures;

    #[test]
    fn commits_reach_the_file_while_it_is_open() {
        let dir = tempfile::tempdir().unwrap();
        let settings = fixtures::settings(&dir.path().join("sensor_data.db"));
        let mut database = crate::storage::open(&settings).unwrap();
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
        let mut checkpoints = Checkpoints { ask: Some(ask), thread: None, pages: 0 };
        for _ in 0..PAGES / PAGES_A_COMMIT - 1 {
            checkpoints.note(1);
        }
        assert!(asked.try_recv().is_err());
        checkpoints.note(PAGES);
        checkpoints.note(PAGES * ROWS_A_PAGE);
        assert!(asked.try_recv().is_ok() && asked.try_recv().is_err(), "asked once");
    }
}
