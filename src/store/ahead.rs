//! Alerts go out ahead of SQLite: what was judged is appended to a journal, the gateway is told, and the
//! commit follows in its own time.
//!
//! A commit takes a quarter of a millisecond, and as long as it likes while the file is locked or the disk
//! busy; an append takes microseconds. So a message with an alert to publish is appended, after all before
//! it that are not committed yet. A record is one [`Store`] in JSON, without what is marked there as
//! skipped; the folder is a journal like that of the intake. Another version of Vigie takes a record up if
//! its fields are the same, or else leaves it to be judged again.
//!
//! Holds always: what is here is in the backlog too and committed from there, or, after the death of the
//! process, by the next [`Ahead::open`], before anything is judged. So whoever was told of an alert will
//! find it in the database.
//! Never: with `durability = "power"`, where an append would wait for the device like a commit; before the
//! database holds anything, for then another that is put in its place could not be told from it; or with a
//! record of more than a mebibyte. Such alerts, and those behind them, are told of when they are committed.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::backlog::Backlog;
use super::sqlite::database::{Database, OpenError};
use super::sqlite::recall;
use super::sqlite::write::{self, Work};
use crate::config::Durability;
use crate::ingest::journal::{
    Journal, JournalError, MAX_PAYLOAD_BYTES, Position, Reader, Recovery,
};
use crate::messages::Store;

/// Readings that may wait for their commit: of more, the commit is under way, and takes hardly longer
/// than to append them, unless it is stuck.
const MOST_READINGS: usize = 1000;
/// Records read at a time at the start.
const READ_AT_ONCE: usize = 100;

/// Why it can't be used.
#[derive(Debug, thiserror::Error)]
pub enum AheadError {
    #[error("{0}; check the folder, its owner, and the disk")]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Database(#[from] OpenError),
}

/// Clones are the same.
#[derive(Debug, Clone)]
pub struct Ahead {
    state: Arc<Mutex<State>>,
    /// Of the alerts in the database when this was opened.
    last_alert_row: i64,
}

#[derive(Debug, Default)]
struct State {
    /// `None` where alerts wait for their commit, and at the end.
    journal: Option<Journal>,
    /// The number of the last message in it.
    through: u64,
    /// Messages that are not known to be committed, and their records.
    records: VecDeque<(u64, Position)>,
    /// Whether the database holds anything.
    is_begun: bool,
    is_failing: bool,
}

impl Ahead {
    /// Commits what an earlier run has told of and not committed, and begins anew.
    ///
    /// # Errors
    /// When the folder can't be used, or what it holds not be committed.
    pub fn open(
        folder: &Path,
        durability: Durability,
        database: &mut Database,
    ) -> Result<Self, AheadError> {
        let is_used = durability == Durability::Process;
        let mut state = State::default();
        if is_used || folder.is_dir() {
            let (mut journal, recovery) = Journal::open(folder, 0)?;
            tell(&recovery);
            commit_left(folder, database)?;
            journal.begin_anew()?;
            if is_used {
                state.journal = Some(journal);
            } else {
                let last = journal.last();
                journal.close(last);
            }
        }
        let last_alert_row =
            recall::last_alert_row(&database.connection).map_err(|error| database.error(&error))?;
        state.is_begun = last_committed(database)? > 0;
        Ok(Self { state: Arc::new(Mutex::new(state)), last_alert_row })
    }

    pub(super) const fn last_alert_row(&self) -> i64 {
        self.last_alert_row
    }

    /// Takes what the backlog has, up to its end or to what must wait for its commit. `is_stuck` while no
    /// commit comes to an end.
    pub(super) fn keep(&self, backlog: &Backlog, is_stuck: bool) {
        let mut state = self.lock();
        let is_too_much = || backlog.num_readings_after(state.through) > MOST_READINGS;
        if !state.is_begun || (!is_stuck && is_too_much()) {
            return;
        }
        let kept = backlog.stores_after(state.through, |store| state.append(store));
        let was_failing = std::mem::replace(&mut state.is_failing, kept.is_err());
        if let (Err(error), false) = (kept, was_failing) {
            log::warn!(target: "vigie::storage", "alerts go out after their commit for now, which takes longer: {error}");
        }
    }

    /// The number of the last message that is here.
    pub(super) fn through(&self) -> u64 {
        self.lock().through
    }

    /// What is in the database need not be here.
    pub(super) fn committed(&self, number: u64) {
        let mut state = self.lock();
        state.is_begun = true;
        let mut done = None;
        while let Some((_, position)) = state.records.pop_front_if(|(it, _)| *it <= number) {
            done = Some(position);
        }
        if let (Some(done), Some(journal)) = (done, &mut state.journal) {
            journal.delete_through(done);
        }
    }

    /// All is committed.
    pub(super) fn close(&self) {
        if let Some(journal) = self.lock().journal.take() {
            let last = journal.last();
            journal.close(last);
        }
    }

    /// Each change is whole: a poisoned lock is as good.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// False when it is not for here.
    fn append(&mut self, store: &Store) -> Result<bool, JournalError> {
        let Some(journal) = &mut self.journal else { return Ok(false) };
        // JSON has no form for infinity or NaN, and would write null: the config takes neither.
        let Ok(record) = serde_json::to_vec(store) else { return Ok(false) };
        if record.len() > MAX_PAYLOAD_BYTES {
            return Ok(false);
        }
        let position = journal.append(&record)?;
        self.records.push_back((store.number, position));
        self.through = store.number;
        Ok(true)
    }
}

/// The number of the last message in the database; 0 for none.
fn last_committed(database: &Database) -> Result<u64, OpenError> {
    database.progress().map(|progress| progress.number)
}

/// Says what can't be read.
fn tell(recovery: &Recovery) {
    for (path, damage) in &recovery.damages {
        let path = path.display();
        if damage.is_tail {
            log::warn!(target: "vigie::storage", "alerts' journal {path}: {damage}: the last write was cut short there, and is judged again");
        } else {
            log::error!(target: "vigie::storage", "alerts' journal {path}: {damage}: what stood there is judged again; check the disk");
        }
    }
}

/// Commits what follows on what the database has. After a gap (another file was put there, or a record
/// can't be read) the rest is left out: it comes of messages that are in the intake's journal still, and
/// is judged again.
fn commit_left(folder: &Path, database: &mut Database) -> Result<(), AheadError> {
    let (left, num_strange) = read_left(folder, last_committed(database)?)?;
    if num_strange > 0 {
        log::warn!(target: "vigie::storage", "{num_strange} records in {} don't follow on the database: an alert may be published a second time", folder.display());
    }
    if left.is_empty() {
        return Ok(());
    }
    let alerts: usize = left.iter().map(|store| store.alerts.len()).sum();
    let work: Vec<_> = left.iter().map(Work::Store).collect();
    write::commit(database, &work).map_err(|error| database.error(&error))?;
    log::info!(target: "vigie::storage", "{alerts} alert events that went out before the last end are in the database now");
    Ok(())
}

/// The messages that follow on the one of that number, and how many there are that don't.
fn read_left(folder: &Path, committed: u64) -> Result<(Vec<Store>, usize), JournalError> {
    let (mut left, mut num_strange) = (Vec::new(), 0);
    let (mut number, is_begun) = (committed, committed > 0);
    let mut reader = Reader::new(folder, 0);
    loop {
        let records = reader.read(READ_AT_ONCE)?;
        if records.is_empty() {
            return Ok((left, num_strange));
        }
        for record in records {
            match serde_json::from_slice::<Store>(&record.payload) {
                Ok(store) if store.number <= number => {}
                Ok(store) if store.number == number + 1 && num_strange == 0 && is_begun => {
                    number = store.number;
                    left.push(store);
                }
                Ok(_) | Err(_) => num_strange += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests;
