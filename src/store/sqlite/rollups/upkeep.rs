//! Decides the next step: seal an hour, write it, merge late buckets, or reload lost memory.
//!
//! Invariant: a call performs one step, in at most one transaction. The newest hours are written first, so that an
//! old installation's past doesn't delay the present.

use std::time::Duration;

use r2d2_sqlite::rusqlite::{self, Connection, TransactionBehavior, params};

use super::scan::{Scan, ScanFor, ScanJob};
use super::scanned::Scanned;
use super::state::Unwritten;
use super::steps::{Run, Source};
use super::{Memory, Rollups, late};
use crate::store::rollups::Tier;
use crate::store::sqlite::database::Database;
use crate::store::sqlite::resume;

/// Delay after an hour's end until it is sealed, for readings that are under way.
const SEAL_DELAY_MS: i64 = 2 * 60_000;

/// Interval between steps: batches have at least nine tenths of the writer's time.
const PACE: Duration = Duration::from_millis(50);

/// Until a scan is looked at again.
const SCAN_PAUSE: Duration = Duration::from_millis(100);

/// Interval of checks for work.
const REST: Duration = Duration::from_secs(10);

/// Until a scan that failed is tried again.
const SCAN_RETRY_MS: i64 = 60_000;

/// Late buckets are merged after this, while they are few: one page of each tier is written for each series.
const LATE_SOON_MS: i64 = 30_000;
const LATE_FEW: usize = 5000;

/// With a fleet that is late as a whole, merging waits for more readings that share pages.
const LATE_AT_LAST_MS: i64 = 10 * 60_000;
const LATE_MANY: usize = 100_000;

/// Sealed hours that stay in memory until they are written; further ones are read again.
const HOURS_IN_MEMORY: usize = 2;

/// The calendar's first hour, from which an installation without rollups is read.
const FIRST_HOUR: i64 = -62_167_219_200_000;

/// Seals the hours that have ended. Whether there were any.
pub(in crate::store) fn seal(database: &mut Database, now: i64) -> rusqlite::Result<bool> {
    let Database { connection, rollups, .. } = database;
    let target = Tier::Hour.floor(now.saturating_sub(SEAL_DELAY_MS));
    let sealed = rollups.boundary.sealed();
    if sealed.is_some_and(|sealed| sealed >= target) {
        return Ok(false);
    }
    let unwritten = rollups.seal_in_file(connection, sealed, target, now)?;
    rollups.boundary.seal(target);
    let from = sealed.unwrap_or(FIRST_HOUR);
    let num_in_memory = rollups.unwritten.iter().filter(|it| it.in_memory).count();
    let is_in_memory = rollups.memory == Memory::Whole && num_in_memory < HOURS_IN_MEMORY;
    if let Some(unwritten) = unwritten {
        rollups.unwritten.push(Unwritten { in_memory: is_in_memory, ..unwritten });
    }
    if !is_in_memory {
        let mut hours = rollups.hours.lock();
        while let Some(hour) = hours.first_hour(from, target) {
            hours.remove(hour);
        }
    }
    let asked_for = rollups.unwritten.iter().map(|it| it.next).min().unwrap_or(target);
    rollups.boundary.forget_ahead(asked_for);
    Ok(true)
}

/// Performs the next step; deletion, the least urgent, only if allowed. Returns the time until the next call.
pub(in crate::store) fn upkeep(
    database: &mut Database,
    now: i64,
    may_delete: bool,
) -> rusqlite::Result<Duration> {
    let pause = step(database, now, may_delete)?;
    database.checkpoints.note_commit(&database.connection);
    Ok(pause)
}

fn step(database: &mut Database, now: i64, may_delete: bool) -> rusqlite::Result<Duration> {
    if seal(database, now)? {
        return Ok(PACE);
    }
    let Database { connection, rollups, deletion, .. } = database;
    rollups.take_scanned(now);
    if rollups.run.is_some() {
        rollups.step(connection, now)?;
        return Ok(PACE);
    }
    if rollups.scan.is_some() {
        return Ok(SCAN_PAUSE);
    }
    if rollups.start(connection, now)? {
        return Ok(PACE);
    }
    if rollups.late.has_merged {
        rollups.late.has_merged = late::delete_merged(connection, rollups.late.after)?;
        return Ok(PACE);
    }
    if may_delete && deletion.step(connection, rollups, now)? {
        return Ok(PACE);
    }
    Ok(REST)
}

impl Rollups {
    /// The hours to be written, if any.
    fn seal_in_file(
        &self,
        connection: &mut Connection,
        sealed: Option<i64>,
        target: i64,
        now: i64,
    ) -> rusqlite::Result<Option<Unwritten>> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let through = resume::last_ids(&transaction)?;
        let next = sealed.unwrap_or(FIRST_HOUR);
        let is_any = match self.memory {
            Memory::Whole => self.hours.lock().first_hour(next, target).is_some(),
            Memory::Lost | Memory::Loading => through != [0, 0],
        };
        transaction.execute("UPDATE rollup_state SET sealed = ?1", [target])?;
        transaction.execute(
            "DELETE FROM hours_ahead WHERE hour < ?1
                AND hour < coalesce((SELECT min(next) FROM unwritten_hours), ?1)",
            [if is_any { next } else { target }],
        )?;
        transaction.execute(
            "INSERT OR REPLACE INTO arrivals (at, temperatures, others, alerts, actions)
             VALUES (?1, ?2, ?3, (SELECT coalesce(max(id), 0) FROM alerts),
                (SELECT coalesce(max(id), 0) FROM operator_actions))",
            params![now, through[0], through[1]],
        )?;
        if is_any {
            transaction.execute(
                "INSERT INTO unwritten_hours
                    (next, until, series_after, temperatures_through, others_through)
                 VALUES (?1, ?2, 0, ?3, ?4)",
                params![next, target, through[0], through[1]],
            )?;
        }
        let id = transaction.last_insert_rowid();
        transaction.commit()?;
        let unwritten =
            Unwritten { id, next, until: target, series_after: 0, through, in_memory: false };
        Ok(is_any.then_some(unwritten))
    }

    /// Takes the result of a completed scan.
    fn take_scanned(&mut self, now: i64) {
        let Some((what, scan)) = &mut self.scan else { return };
        let (what, Some(scanned)) = (*what, scan.ended()) else { return };
        self.scan = None;
        match (what, scanned) {
            (ScanFor::Memory, Ok(Scanned::Rows { mut hours, .. })) => {
                // Hours may have been sealed meanwhile.
                hours.forget_before(self.boundary.sealed().unwrap_or(i64::MIN));
                self.hours.lock().absorb(hours);
                self.memory = Memory::Whole;
            }
            (ScanFor::Unwritten(id), Ok(Scanned::Rows { hours, until })) => {
                self.run = Some(Run::Hours { id, source: Source::Rows(hours), until });
            }
            (ScanFor::Late, Ok(Scanned::Late { buckets, through, is_all })) => {
                self.late.is_any |= !is_all;
                if through > self.late.after {
                    self.run = Some(Run::Late { buckets, through });
                }
            }
            (_, Ok(_)) => {} // what was asked for is what comes
            (what, Err(error)) => self.scan_failed(what, &error, now),
        }
    }

    fn scan_failed(&mut self, what: ScanFor, error: &str, now: i64) {
        log::warn!(target: "vigie::storage", "history can't be summed up for now, trying again in a minute; the readings themselves are stored: {error}");
        self.no_scan_before = now + SCAN_RETRY_MS;
        match what {
            ScanFor::Memory => self.lose_memory(),
            ScanFor::Late => self.late.is_any = true,
            ScanFor::Unwritten(_) => {}
        }
    }

    /// Starts the next work; returns true if there is any.
    fn start(&mut self, connection: &Connection, now: i64) -> rusqlite::Result<bool> {
        let may_scan = now >= self.no_scan_before;
        let newest = self.unwritten.last().cloned();
        if let (Memory::Lost, Some((from, until)), true) =
            (self.memory, self.boundary.open(), may_scan)
        {
            let (through, boundary) = (resume::last_ids(connection)?, self.boundary.clone());
            self.hours.lock().forget_from(from);
            self.memory = Memory::Loading;
            let job = ScanJob::Rows { from, until, through, boundary, in_parts: false };
            self.start_scan(connection, ScanFor::Memory, job, now);
        } else if let Some(Unwritten { id, until, in_memory: true, .. }) = newest {
            self.run = Some(Run::Hours { id, source: Source::Memory, until });
        } else if let (Some(unwritten), true) = (newest, may_scan) {
            let Unwritten { id, next: from, until, through, .. } = unwritten;
            let boundary = self.boundary.clone();
            let job = ScanJob::Rows { from, until, through, boundary, in_parts: true };
            self.start_scan(connection, ScanFor::Unwritten(id), job, now);
        } else if may_scan && self.is_late_due(now) {
            let is_under_way = self.late.through > self.late.after;
            let through = if is_under_way { self.late.through } else { i64::MAX };
            self.late.is_any = is_under_way;
            (self.late.num_new, self.late.seen_at) = (0, None);
            let job = ScanJob::Late { after: self.late.after, through };
            self.start_scan(connection, ScanFor::Late, job, now);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn start_scan(&mut self, connection: &Connection, what: ScanFor, job: ScanJob, now: i64) {
        match Scan::start(connection.path().unwrap_or_default().as_ref(), job) {
            Ok(scan) => self.scan = Some((what, scan)),
            Err(error) => self.scan_failed(what, &error, now),
        }
    }

    fn is_late_due(&mut self, now: i64) -> bool {
        if self.late.through > self.late.after {
            return true;
        }
        if !self.late.is_any {
            return false;
        }
        let waited = now - *self.late.seen_at.get_or_insert(now);
        let are_few = self.late.num_new < LATE_FEW;
        self.late.num_new >= LATE_MANY
            || waited >= LATE_AT_LAST_MS
            || (are_few && waited >= LATE_SOON_MS)
    }
}
