//! Deletes what [`crate::store::retention`] releases, 1,000 rows per transaction, from the front.
//!
//! Invariant: rows are deleted in the order of their ids, never the newest, so ids are never reused, and freed
//! pages are contiguous and reused: the file stops growing. No VACUUM, which would copy it. Never: a step while
//! batches are pending, or a row that is not in the tiers.

use r2d2_sqlite::rusqlite::{self, Connection, OptionalExtension, TransactionBehavior, params};

use super::resume;
use super::rollups::Rollups;
use super::rollups::steps::table;
use crate::config::RetentionConfig;
use crate::domain::time;
use crate::store::retention;
use crate::store::rollups::{HOUR_MS, Tier};

/// Rows of one step.
const ROWS: i64 = 1000;

/// Series per step: most have nothing to delete.
const SERIES: usize = 200;

/// Between two passes over all buckets, and two warnings.
const DAY_MS: i64 = 24 * HOUR_MS;

/// A pass over the buckets of all series.
#[derive(Debug)]
struct Sweep {
    tier: Tier,
    series_after: i64,
    num_deleted: i64,
}

/// State of deletion, for the one writer.
#[derive(Debug)]
pub(in crate::store) struct Deletion {
    config: Option<RetentionConfig>,
    sweep: Option<Sweep>,
    next_sweep: i64,
    next_alerts: i64,
    next_warning: i64,
    /// How often the ages of buckets are halved for the size.
    num_halved: u32,
}

impl Deletion {
    pub const fn new(config: Option<RetentionConfig>) -> Self {
        Self {
            config,
            sweep: None,
            next_sweep: i64::MIN,
            next_alerts: i64::MIN,
            next_warning: i64::MIN,
            num_halved: 0,
        }
    }

    /// Deletes some expired rows; returns true if there may be more.
    pub fn step(
        &mut self,
        connection: &mut Connection,
        rollups: &Rollups,
        now: i64,
    ) -> rusqlite::Result<bool> {
        let Some(config) = self.config else { return Ok(false) };
        let is_too_large = match config.max_size {
            Some(max_size) => used_bytes(connection)? > max_size,
            None => false,
        };
        if let Some(before) = retention::rows_before(&config, now, is_too_large)
            && delete_rows(connection, rollups, before)?
        {
            return Ok(true);
        }
        if self.sweep.is_none() && (is_too_large || now >= self.next_sweep) {
            self.start_sweep(&config, is_too_large, now);
        }
        if let Some(sweep) = self.sweep.take() {
            self.sweep = sweep.step(connection, &config, now, self.num_halved)?;
            return Ok(true);
        }
        if now < self.next_alerts {
            return Ok(false);
        }
        if let Some(before) = retention::alerts_before(&config, now)
            && delete_alerts(connection, before)?
        {
            return Ok(true);
        }
        self.next_alerts = now + HOUR_MS;
        Ok(false)
    }

    /// Starts a pass: once a day; more often, with shorter ages, while the database is too large and has no rows to
    /// delete.
    fn start_sweep(&mut self, config: &RetentionConfig, is_too_large: bool, now: i64) {
        if !is_too_large {
            self.num_halved = 0;
        } else if retention::can_be_halved(config, now, self.num_halved) {
            self.num_halved += 1;
        } else {
            if now >= self.next_warning {
                self.next_warning = now + DAY_MS;
                log::warn!(target: "vigie::storage", "the database is larger than storage.retention.max_size, and nothing more may be deleted: make it larger, or hour and alerts shorter");
            }
            if now < self.next_sweep {
                return;
            }
        }
        self.next_sweep = now + DAY_MS;
        self.sweep = Some(Sweep { tier: Tier::Minute, series_after: 0, num_deleted: 0 });
    }
}

/// Used bytes of the file; the rest is free for new rows.
fn used_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let pages = number("page_count")? - number("freelist_count")?;
    Ok((pages * number("page_size")?).unsigned_abs())
}

/// The last row ids that had arrived by a time: of temperatures, others, alerts, actions.
fn arrived_before(connection: &Connection, ms: i64) -> rusqlite::Result<Option<[i64; 4]>> {
    let sql = "SELECT temperatures, others, alerts, actions FROM arrivals
               WHERE at <= ?1 ORDER BY at DESC LIMIT 1";
    let mut select = connection.prepare_cached(sql)?;
    select
        .query_row([ms], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]))
        .optional()
}

const FRONT_SQL: [&str; 2] = [
    "SELECT id, timestamp FROM sensor_readings WHERE id <= ?1 ORDER BY id LIMIT ?2",
    "SELECT id, timestamp FROM quantity_readings WHERE id <= ?1 ORDER BY id LIMIT ?2",
];

const DELETE_SQL: [&str; 2] =
    ["DELETE FROM sensor_readings WHERE id <= ?1", "DELETE FROM quantity_readings WHERE id <= ?1"];

/// Deletes the first rows of a table with expired ones; returns true if there was one.
fn delete_rows(
    connection: &mut Connection,
    rollups: &Rollups,
    before: i64,
) -> rusqlite::Result<bool> {
    let Some([temperatures, others, ..]) = arrived_before(connection, before)? else {
        return Ok(false);
    };
    let last = resume::last_ids(connection)?;
    let reread = resume::reread_after(connection)?;
    for (at, arrived) in [temperatures, others].into_iter().enumerate() {
        // Without the note every checkpoint would have to be queried.
        let reread = reread[at].unwrap_or(0);
        let limit = arrived.min(last[at] - retention::ROWS_KEPT).min(reread);
        let through = settled_through(connection, rollups, FRONT_SQL[at], limit)?;
        if let Some(through) = through {
            connection.prepare_cached(DELETE_SQL[at])?.execute([through])?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// Last of the first rows, all of which are in the tiers.
fn settled_through(
    connection: &Connection,
    rollups: &Rollups,
    front_sql: &str,
    limit: i64,
) -> rusqlite::Result<Option<i64>> {
    if limit <= 0 {
        return Ok(None);
    }
    let mut select = connection.prepare_cached(front_sql)?;
    let mut rows = select.query([limit, ROWS])?;
    let mut through = None;
    while let Some(row) = rows.next()? {
        let at = row.get_ref(1)?.as_str().ok().and_then(time::parse_stored);
        if at.is_some_and(|at| rollups.needs_row(at.timestamp_millis())) {
            break;
        }
        through = Some(row.get(0)?);
    }
    Ok(through)
}

impl Sweep {
    /// Deletes buckets of some series; `None` at the end.
    fn step(
        mut self,
        connection: &mut Connection,
        config: &RetentionConfig,
        now: i64,
        num_halved: u32,
    ) -> rusqlite::Result<Option<Self>> {
        let before = retention::buckets_before(config, self.tier, now, num_halved);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut is_over = before.is_none();
        let mut num_deleted = 0;
        for _ in 0..SERIES {
            let Some(before) = before.filter(|_| !is_over && num_deleted < ROWS) else { break };
            match self.series_step(&transaction, before, num_halved)? {
                Some(deleted) => num_deleted += deleted,
                None => is_over = true,
            }
        }
        transaction.commit()?;
        self.num_deleted += num_deleted;
        if !is_over {
            return Ok(Some(self));
        }
        let next = match self.tier {
            Tier::Minute => Some(Tier::Quarter),
            Tier::Quarter => Some(Tier::Hour),
            Tier::Hour => None,
        };
        if next.is_none() && self.num_deleted > 0 {
            log::info!(target: "vigie::storage", "history: {} buckets past their age deleted", self.num_deleted);
        }
        Ok(next.map(|tier| Self { tier, series_after: 0, ..self }))
    }

    /// Deletes some buckets of the next series, and advances when it has no more. Returns their number; `None` if
    /// no series is left.
    fn series_step(
        &mut self,
        connection: &Connection,
        before: i64,
        num_halved: u32,
    ) -> rusqlite::Result<Option<i64>> {
        let Some(series) = next_series(connection, self.tier, self.series_after)? else {
            return Ok(None);
        };
        let is_kept = num_halved == 0 && is_late(connection, series, before)?;
        let deleted =
            if is_kept { 0 } else { delete_buckets(connection, self.tier, series, before)? };
        if deleted == 0 {
            self.series_after = series;
        }
        Ok(Some(deleted))
    }
}

fn next_series(connection: &Connection, tier: Tier, after: i64) -> rusqlite::Result<Option<i64>> {
    let sql = format!("SELECT min(series) FROM {} WHERE series > ?1", table(tier));
    connection.prepare_cached(&sql)?.query_row([after], |row| row.get(0))
}

/// True if a series received readings long after their time since then: its oldest buckets may be new.
fn is_late(connection: &Connection, series: i64, since: i64) -> rusqlite::Result<bool> {
    let sql = "SELECT coalesce(late_at >= ?2, FALSE) FROM series WHERE id = ?1";
    let found = connection.prepare_cached(sql)?.query_row([series, since], |row| row.get(0));
    Ok(found.optional()?.unwrap_or(false))
}

/// Deletes the first buckets of a series before a time; returns their number.
fn delete_buckets(
    connection: &Connection,
    tier: Tier,
    series: i64,
    before: i64,
) -> rusqlite::Result<i64> {
    let sql = format!("SELECT min(t) FROM {} WHERE series = ?1", table(tier));
    let first: Option<i64> =
        connection.prepare_cached(&sql)?.query_row([series], |row| row.get(0))?;
    let Some(first) = first.filter(|first| *first < before) else { return Ok(0) };
    let until = before.min(first + ROWS * tier.step_ms());
    let sql = format!("DELETE FROM {} WHERE series = ?1 AND t < ?2", table(tier));
    let deleted = connection.prepare_cached(&sql)?.execute([series, until])?;
    Ok(i64::try_from(deleted).unwrap_or(i64::MAX))
}

/// Deletes some alert events and actions that arrived before a time; returns true if there were any.
fn delete_alerts(connection: &mut Connection, before: i64) -> rusqlite::Result<bool> {
    let Some([.., alerts, actions]) = arrived_before(connection, before)? else {
        return Ok(false);
    };
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let num_alerts = transaction.execute(
        "DELETE FROM alerts WHERE id IN
            (SELECT id FROM alerts
             WHERE id <= min(?1, coalesce((SELECT min(through) FROM receivers), ?1))
                AND NOT (announced AND published_at IS NULL)
                AND NOT EXISTS (SELECT 1 FROM standing_alerts s WHERE s.alert_id = alerts.alert_id)
                AND NOT EXISTS (SELECT 1 FROM alarm_states a
                    WHERE a.sensor_id = alerts.sensor_id AND a.rule = alerts.rule)
             ORDER BY id LIMIT ?2)",
        params![alerts, ROWS],
    )?;
    let num_actions = transaction.execute(
        "DELETE FROM operator_actions WHERE id IN
            (SELECT id FROM operator_actions WHERE id <= ?1 ORDER BY id LIMIT ?2)",
        params![actions, ROWS],
    )?;
    transaction.execute(
        "DELETE FROM arrivals WHERE at < (SELECT max(at) FROM arrivals WHERE at <= ?1)",
        [before],
    )?;
    transaction.commit()?;
    Ok(num_alerts + num_actions > 0)
}

#[cfg(test)]
mod tests;
