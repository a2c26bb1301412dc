//! The tier tables and their upkeep: [`crate::store::rollups`] on SQLite.
//!
//! A commit assigns each reading its carrier ([`carry`]); [`upkeep`] seals hours, writes them and merges late
//! buckets, one step at a time between commits; a [`scan`] reads rows again after memory was lost.
//!
//! Invariant: memory holds exactly what is committed, once it is loaded. A commit whose success was not noticed (it
//! returned an error) is detected by its number, and memory is loaded again from the rows. Never: a step of more
//! than some hundreds of rows, or a scan on the writer's connection.

pub(super) mod carry;
mod late;
mod scan;
mod scanned;
mod state;
pub(super) mod steps;
pub(super) mod upkeep;

use r2d2_sqlite::rusqlite::{self, Connection};

use self::carry::number;
use self::scan::{Scan, ScanFor};
use self::state::{LateState, Unwritten, unwritten};
use self::steps::{ROWS_A_STEP, Run};
use crate::store::rollups::{Boundary, LatePlace, SharedHours, Tier};
use crate::store::sqlite::resume;

/// Whether memory has the open hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Memory {
    /// Readings are not added to it.
    Lost,
    /// New readings are added while earlier ones are loaded.
    Loading,
    Whole,
}

/// State of rollups, for the one writer.
#[derive(Debug)]
pub(in crate::store) struct Rollups {
    hours: SharedHours,
    boundary: Boundary,
    /// Oldest first.
    unwritten: Vec<Unwritten>,
    late: LateState,
    memory: Memory,
    /// Write in progress.
    run: Option<Run>,
    /// Scan in progress, for the write or for memory.
    scan: Option<(ScanFor, Scan)>,
    /// After a scan that failed, in ms since 1970.
    no_scan_before: i64,
    /// The last batch that was carried.
    last_batch: u64,
    /// Rows of one step, but for the rest of a series' hour.
    rows_a_step: usize,
}

impl Rollups {
    /// True if rows of this time may still be needed: their hour is open, or sealed and unwritten. Rows further
    /// ahead would stay for ever if they waited for their hour.
    pub(super) fn needs_row(&self, ms: i64) -> bool {
        let hour = Tier::Hour.floor(ms);
        let Some((sealed, end)) = self.boundary.open() else { return true };
        let first = self.unwritten.iter().map(|it| it.next).min().unwrap_or(sealed);
        (first..end).contains(&hour) && !self.boundary.is_ahead(hour)
    }

    /// Reloads memory that may be inconsistent.
    fn lose_memory(&mut self) {
        self.memory = Memory::Lost;
        self.hours.lock().clear();
        self.unwritten.iter_mut().for_each(|unwritten| unwritten.in_memory = false);
        if self.run.as_ref().is_some_and(Run::is_from_memory) {
            self.run = None;
        }
        if self.scan.as_ref().is_some_and(|(what, _)| *what == ScanFor::Memory) {
            self.scan = None;
        }
    }

    /// The state that is stored; nothing is in memory.
    pub(in crate::store) fn load(
        connection: &Connection,
        hours: SharedHours,
    ) -> rusqlite::Result<Self> {
        hours.lock().clear();
        let sql = "SELECT sealed, late_after, late_through, late_series, late_hour
                   FROM rollup_state";
        let (sealed, late) = connection.query_row(sql, [], |row| {
            let late = LateState {
                after: row.get(1)?,
                through: row.get(2)?,
                place: LatePlace { series: number(row.get(3)?), hour: row.get(4)? },
                is_any: true,
                has_merged: true,
                ..LateState::default()
            };
            Ok((row.get(0)?, late))
        })?;
        let ahead = connection
            .prepare("SELECT hour FROM hours_ahead")?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        Ok(Self {
            hours,
            boundary: Boundary::new(sealed, ahead),
            unwritten: unwritten(connection)?,
            late,
            memory: Memory::Lost,
            run: None,
            scan: None,
            no_scan_before: i64::MIN,
            last_batch: resume::progress(connection)?.batch,
            rows_a_step: ROWS_A_STEP,
        })
    }
}

#[cfg(test)]
mod tests;
