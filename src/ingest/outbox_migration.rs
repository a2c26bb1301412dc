//! Migration of the previous version's outbox: own readings that were not published yet, in a journal of their own.
//!
//! The first start appends them to the log as own readings and removes the folder. After a kill in between, the next start
//! appends them again, and evaluation deduplicates.
//!
//! Layout of its records: `01` and a reading as in `own_reading.rs`; or `02` and the position (8 bytes, little-endian) up to
//! which every record is published.

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

/// Result of a migration.
#[derive(Debug, Default)]
pub struct OutboxMigration {
    /// Readings appended to the log.
    pub appended: usize,
    /// Readings that are in the database already: published, stored, and not marked as done.
    pub stored: usize,
    /// Records of an unknown layout.
    pub unknown: usize,
    /// State of the journal: damage and gaps.
    pub recovery: Recovery,
}

/// Appends the unpublished readings of the outbox at `folder` to the log, and removes the folder; `None` without an
/// outbox. Skips readings for which `is_stored` returns true.
///
/// # Errors
/// If the folder can't be read or removed, or an append fails. A retry is safe.
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
