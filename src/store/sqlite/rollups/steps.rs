//! One step: some rows into the tiers, with the progress, in one transaction.
//!
//! Invariant: rows are merged with existing ones, since late buckets may have come first.

use std::sync::LazyLock;

use r2d2_sqlite::rusqlite::{self, Connection, Transaction, TransactionBehavior, params};

use super::Rollups;
use super::state::Unwritten;
use crate::store::rollups::{
    HOUR_MS, LateBuckets, OpenHours, SeriesId, SharedHours, Tier, TierRow,
};

/// Value for [`Rollups::rows_a_step`](super::Rollups). A page of each tier is read per series, possibly from disk.
pub(super) const ROWS_A_STEP: usize = 500;

/// Readings older than this mark a series as `late_at`: the age of its rollups doesn't show when they arrived.
const LATE_MS: i64 = 24 * HOUR_MS;

/// Write in progress.
#[derive(Debug)]
pub(super) enum Run {
    /// Sealed hours: all from memory, or those before a time from rows.
    Hours { id: i64, source: Source, until: i64 },
    /// Late buckets up to an id.
    Late { buckets: LateBuckets, through: i64 },
}

/// Source of the hours' buckets.
#[derive(Debug)]
pub(super) enum Source {
    Memory,
    Rows(OpenHours),
}

impl Run {
    pub const fn is_from_memory(&self) -> bool {
        matches!(self, Self::Hours { source: Source::Memory, .. })
    }
}

impl Rollups {
    /// Writes some rows of the write in progress, which may complete it.
    pub(super) fn step(&mut self, connection: &mut Connection, now: i64) -> rusqlite::Result<()> {
        match self.run.take() {
            None => Ok(()),
            Some(run @ Run::Hours { .. }) => self.hours_step(connection, run),
            Some(Run::Late { buckets, through }) => {
                self.late_step(connection, now, buckets, through)
            }
        }
    }

    fn hours_step(&mut self, connection: &mut Connection, run: Run) -> rusqlite::Result<()> {
        let Run::Hours { id, source, until } = &run else { return Ok(()) };
        let Some(at) = self.unwritten.iter().position(|it| it.id == *id) else { return Ok(()) };
        let mut job = self.unwritten[at].clone();
        let found = source.rows(&self.hours, &job, *until, self.rows_a_step);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let written = found.as_ref().map(|found| (found.hour, found.last));
        match found {
            Some(found) => {
                merge(&transaction, &found.rows)?;
                (job.next, job.series_after) = match found.last {
                    Some(last) => (found.hour, last.0),
                    None => (found.hour + HOUR_MS, 0),
                };
            }
            None => (job.next, job.series_after) = ((*until).max(job.next), 0),
        }
        let is_done = job.next >= job.until;
        put_progress(&transaction, &job)?;
        transaction.commit()?;
        if let (Source::Memory, Some((hour, last))) = (source, written) {
            match last {
                Some(last) => self.hours.lock().forget_through(hour, last),
                None => drop(self.hours.lock().remove(hour)),
            }
        }
        if is_done {
            self.unwritten.remove(at);
        } else {
            self.unwritten[at] = job;
            // The end of what was read: the next part follows.
            self.run = written.is_some().then_some(run);
        }
        Ok(())
    }

    fn late_step(
        &mut self,
        connection: &mut Connection,
        now: i64,
        buckets: LateBuckets,
        through: i64,
    ) -> rusqlite::Result<()> {
        let (rows, next) = buckets.rows_after(self.late.place, self.rows_a_step);
        let place = next.unwrap_or_default();
        let after = if next.is_some() { self.late.after } else { through };
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        merge(&transaction, &rows)?;
        note_late(&transaction, &rows, now)?;
        transaction
            .prepare_cached(
                "UPDATE rollup_state SET late_after = ?1, late_through = ?2, late_series = ?3,
                    late_hour = ?4",
            )?
            .execute(params![after, through, place.series.0, place.hour])?;
        transaction.commit()?;
        (self.late.after, self.late.through, self.late.place) = (after, through, place);
        if next.is_some() {
            self.run = Some(Run::Late { buckets, through });
        } else {
            self.late.has_merged = true;
        }
        Ok(())
    }
}

/// Rows of one hour.
struct FoundRows {
    hour: i64,
    rows: Vec<TierRow>,
    /// The last series of them; `None` at the end of the hour.
    last: Option<SeriesId>,
}

impl Source {
    /// Rows of the first hour; `None` if there are none.
    fn rows(
        &self,
        memory: &SharedHours,
        job: &Unwritten,
        until: i64,
        at_most: usize,
    ) -> Option<FoundRows> {
        let of = |hours: &OpenHours| {
            let hour = hours.first_hour(job.next, until)?;
            let after = if hour == job.next { job.series_after } else { 0 };
            let (rows, last) = hours.hour(hour)?.rows_after(hour, after, at_most);
            Some(FoundRows { hour, rows, last })
        };
        match self {
            Self::Memory => of(&memory.lock()),
            Self::Rows(hours) => of(hours),
        }
    }
}

fn put_progress(transaction: &Transaction<'_>, job: &Unwritten) -> rusqlite::Result<()> {
    let Unwritten { id, next, until, series_after, .. } = job;
    if next >= until {
        transaction.execute("DELETE FROM unwritten_hours WHERE id = ?1", [id])?;
    } else {
        let sql = "UPDATE unwritten_hours SET next = ?2, series_after = ?3 WHERE id = ?1";
        transaction.prepare_cached(sql)?.execute(params![id, next, series_after])?;
    }
    Ok(())
}

/// Sums stay finite, as in [`Bucket`](crate::store::rollups::Bucket).
static MERGE_SQL: LazyLock<[String; Tier::ALL.len()]> = LazyLock::new(|| {
    Tier::ALL.map(|tier| {
        format!(
            "INSERT INTO {} (series, t, min, max, sum, n) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET min = min(min, excluded.min), max = max(max, excluded.max),
                 sum = max({min:e}, min({max:e}, sum + excluded.sum)), n = n + excluded.n",
            table(tier),
            min = f64::MIN,
            max = f64::MAX,
        )
    })
});

/// Table of a tier.
pub(in crate::store) const fn table(tier: Tier) -> &'static str {
    match tier {
        Tier::Minute => "minute_rollups",
        Tier::Quarter => "quarter_rollups",
        Tier::Hour => "hour_rollups",
    }
}

fn merge(transaction: &Transaction<'_>, rows: &[TierRow]) -> rusqlite::Result<()> {
    for (tier, sql) in Tier::ALL.into_iter().zip(&*MERGE_SQL) {
        let mut statement = transaction.prepare_cached(sql)?;
        for row in rows.iter().filter(|row| row.tier == tier) {
            let (bucket, count) = (&row.bucket, row.bucket.count().cast_signed());
            let (min, max, sum) = (bucket.min(), bucket.max(), bucket.sum());
            statement.execute(params![row.series.0, row.t, min, max, sum, count])?;
        }
    }
    Ok(())
}

/// Notes series that have got readings long after their time.
fn note_late(transaction: &Transaction<'_>, rows: &[TierRow], now: i64) -> rusqlite::Result<()> {
    let mut late: Vec<_> =
        rows.iter().filter(|row| row.t < now - LATE_MS).map(|row| row.series).collect();
    late.dedup();
    let mut update = transaction.prepare_cached("UPDATE series SET late_at = ?2 WHERE id = ?1")?;
    for series in late {
        update.execute(params![series.0, now])?;
    }
    Ok(())
}
