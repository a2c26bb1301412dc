//! The previous version's outbox: own readings that it had not published yet, in a journal of their own.
//!
//! They are appended to the log once, at the first start, as own readings; then the folder is removed. Killed in
//! between, the next start appends them again, and evaluation recognises them.
//!
//! Layout of its records: `01`, then a reading as in `own_reading.rs`; or `02` and the position (8 bytes,
//! little-endian) up to which every record is done with.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use super::journal::{Journal, JournalError, Reader, Recovery};
use super::{Log, own_reading};
use crate::domain::{Position, Reading};

const READING: u8 = 1;
const DONE: u8 = 2;
/// Records read at a time.
const READ_AT_ONCE: usize = 1000;

/// What was found in an outbox.
#[derive(Debug, Default)]
pub struct OutboxMigration {
    /// Readings appended to the log.
    pub appended: usize,
    /// Readings that are in the database already: published, stored, and not marked as done.
    pub stored: usize,
    /// Records that can't be understood.
    pub unknown: usize,
    /// What can't be read.
    pub recovery: Recovery,
}

/// Appends what waits in the outbox at `folder` to the log, and removes the folder. `None` where there is no
/// outbox. Readings that `is_stored` knows are left out.
///
/// # Errors
/// When the folder can't be used, or the log does not take a reading; it may be tried again.
pub fn migrate_outbox(
    folder: &Path,
    log: &Arc<Log>,
    mut is_stored: impl FnMut(&Reading) -> Result<bool, String>,
) -> Result<Option<OutboxMigration>, String> {
    if !folder.is_dir() {
        return Ok(None);
    }
    let failed = |error: JournalError| error.to_string();
    let (journal, recovery) = Journal::open(folder, 0).map_err(failed)?;
    let mut found = OutboxMigration { recovery, ..OutboxMigration::default() };
    for reading in waiting(folder, &mut found.unknown).map_err(failed)? {
        if is_stored(&reading)? {
            found.stored += 1;
            continue;
        }
        log.append_reading_past_limit(&reading)?;
        found.appended += 1;
    }
    drop(journal);
    std::fs::remove_dir_all(folder)
        .map_err(|error| format!("can't remove `{}`: {error}; remove it", folder.display()))?;
    Ok(Some(found))
}

fn waiting(folder: &Path, unknown: &mut usize) -> Result<VecDeque<Reading>, JournalError> {
    let mut waiting: VecDeque<(Position, Reading)> = VecDeque::new();
    let mut reader = Reader::new(folder, 0);
    loop {
        let records = reader.read(READ_AT_ONCE)?;
        if records.is_empty() {
            return Ok(waiting.into_iter().map(|(_, reading)| reading).collect());
        }
        for record in records {
            match record.payload.split_first() {
                Some((&READING, rest)) if let Some(reading) = own_reading::read(rest) => {
                    waiting.push_back((record.position, reading));
                }
                Some((&DONE, rest)) if let Ok(done) = rest.try_into() => {
                    let done = Position::from_le_bytes(done);
                    while waiting.pop_front_if(|(position, _)| *position <= done).is_some() {}
                }
                _ => *unknown += 1,
            }
        }
    }
}
