//! Buckets of a series for charts: the coarsest tier with at least one bucket per pixel, merged exactly.
//!
//! Invariant: open hours come from memory, and so do sealed ones until they are written. Memory is read before the
//! file, and hours found there are skipped in the file: whatever is written in between, a reading is counted once.

use chrono::{DateTime, Utc};
use r2d2_sqlite::rusqlite::{self, Connection, OptionalExtension, params};

use super::History;
use crate::domain::{Quantity, SensorId, time};
use crate::store::history::{
    BucketColumns, BucketQuery, BucketSource, BucketValues, QueryError, Sparklines,
};
use crate::store::rollups::{Bucket, Columns, Grid, MINUTE_MS, SeriesId, SharedHours, Tier};
use crate::store::sqlite::rollups::carry::find_series;
use crate::store::sqlite::rollups::steps::table;

/// Longer spans are not read from rows, which costs 100 ns for each row of any sensor in them.
const LONGEST_RAW_MS: i64 = 10 * MINUTE_MS;

/// Columns of raw readings are whole seconds.
const RAW_STEP_MS: i64 = 1000;

impl History {
    /// Buckets of a series; `None` for one that has never been stored.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn buckets(&self, query: &BucketQuery) -> Result<Option<BucketColumns>, QueryError> {
        let BucketQuery { sensor_id, quantity, from, until, px } = query;
        let connection = self.pool.get()?;
        let key = [sensor_id.as_str(), quantity.as_str()];
        let Some(series) = find_series(&connection, key)? else { return Ok(None) };
        let (from, until) = (from.timestamp_millis(), until.timestamp_millis());
        let px = i64::from(*px).max(2);
        let raw = if until - from <= LONGEST_RAW_MS {
            raw_columns(&connection, query, Grid::new(from, until, px, RAW_STEP_MS))?
        } else {
            None
        };
        let (columns, source) = match raw {
            Some(columns) => (columns, BucketSource::Raw),
            None => {
                let tier = Tier::for_span(until - from, px);
                let tier = tier_that_reaches(&connection, series, tier, from, until)?;
                let grid = Grid::new(from, until, px, tier.step_ms());
                let columns = tier_columns(&connection, &self.hours, series, tier, grid)?;
                (columns, tier.into())
            }
        };
        Ok(Some(BucketColumns {
            sensor_id: sensor_id.to_string(),
            quantity: quantity.as_str().to_owned(),
            unit: unit(&connection, key)?,
            t0: columns.grid.t0,
            step: columns.grid.step_ms / 1000,
            source,
            values: BucketValues::new(&columns),
            n: columns.buckets.iter().map(|it| it.as_ref().map_or(0, Bucket::count)).collect(),
        }))
    }

    /// The last hour of some series, by minute.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn sparklines(
        &self,
        keys: &[(SensorId, Quantity)],
        now: DateTime<Utc>,
    ) -> Result<Sparklines, QueryError> {
        let connection = self.pool.get()?;
        let len = i64::try_from(Sparklines::LEN).unwrap_or(i64::MAX);
        let t0 = Tier::Minute.floor(now.timestamp_millis()) - (len - 1) * MINUTE_MS;
        let grid = Grid { t0, step_ms: MINUTE_MS, len: Sparklines::LEN };
        let mut all = Vec::with_capacity(keys.len());
        for (sensor_id, quantity) in keys {
            let series = find_series(&connection, [sensor_id.as_str(), quantity.as_str()])?;
            all.push(match series {
                Some(series) => {
                    let of = tier_columns(&connection, &self.hours, series, Tier::Minute, grid)?;
                    Some(BucketValues::new(&of))
                }
                None => None,
            });
        }
        Ok(Sparklines { t0, series: all })
    }
}

fn unit(connection: &Connection, key: [&str; 2]) -> rusqlite::Result<String> {
    let sql = "SELECT unit FROM sensors WHERE sensor_id = ?1 AND quantity = ?2";
    let unit = connection.prepare_cached(sql)?.query_row(key, |row| row.get(0)).optional()?;
    Ok(unit.unwrap_or_default())
}

/// Columns of the readings themselves; `None` if there are none, or no more.
fn raw_columns(
    connection: &Connection,
    query: &BucketQuery,
    grid: Grid,
) -> rusqlite::Result<Option<Columns>> {
    let sql = if query.quantity.is_temperature() {
        "SELECT timestamp, temperature FROM sensor_readings INDEXED BY sensor_readings_by_time
         WHERE timestamp >= ?1 AND timestamp < ?2 AND sensor_id = ?3 AND ?4 = 'temperature'"
    } else {
        "SELECT timestamp, value FROM quantity_readings INDEXED BY quantity_readings_by_time
         WHERE timestamp >= ?1 AND timestamp < ?2 AND sensor_id = ?3 AND quantity = ?4"
    };
    let bound = |ms| time::stored_bound(DateTime::from_timestamp_millis(ms).unwrap_or_default());
    let mut select = connection.prepare_cached(sql)?;
    let (sensor_id, quantity) = (query.sensor_id.as_str(), query.quantity.as_str());
    let mut rows = select.query(params![bound(grid.t0), bound(grid.end()), sensor_id, quantity])?;
    let mut columns = Columns::new(grid);
    while let Some(row) = rows.next()? {
        let at = row.get_ref(0)?.as_str().ok().and_then(time::parse_stored);
        let value = row.get::<_, f64>(1).ok().filter(|value| value.is_finite());
        if let (Some(at), Some(value)) = (at, value) {
            columns.add(at.timestamp_millis(), &Bucket::of(value));
        }
    }
    Ok((!columns.is_empty()).then_some(columns))
}

/// The requested tier, or the finest coarser one that reaches further back in the span: finer ones are kept for a
/// shorter time, and are missing for the least active of very many series.
fn tier_that_reaches(
    connection: &Connection,
    series: SeriesId,
    wanted: Tier,
    from: i64,
    until: i64,
) -> rusqlite::Result<Tier> {
    let mut tier = wanted;
    for coarser in Tier::ALL.into_iter().filter(|tier| *tier > wanted) {
        let sql = format!("SELECT min(t) FROM {} WHERE series = ?1", table(tier));
        let first: Option<i64> =
            connection.prepare_cached(&sql)?.query_row([series.0], |row| row.get(0))?;
        let first = first.unwrap_or(until).min(until);
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM {} WHERE series = ?1 AND t >= ?2 AND t < ?3)",
            table(coarser)
        );
        let begin = [coarser.floor(from), coarser.floor(first)];
        let reaches_back: bool = connection
            .prepare_cached(&sql)?
            .query_row(params![series.0, begin[0], begin[1]], |row| row.get(0))?;
        if reaches_back {
            tier = coarser;
        }
    }
    Ok(tier)
}

fn tier_columns(
    connection: &Connection,
    hours: &SharedHours,
    series: SeriesId,
    tier: Tier,
    grid: Grid,
) -> rusqlite::Result<Columns> {
    let mut columns = Columns::new(grid);
    let mut in_memory = Vec::new();
    {
        let hours = hours.lock();
        for (t, bucket) in hours.of(series) {
            in_memory.push(Tier::Hour.floor(t));
            columns.add(t, &bucket);
        }
    }
    in_memory.dedup();
    let sql = format!(
        "SELECT t, min, max, sum, n FROM {} WHERE series = ?1 AND t >= ?2 AND t < ?3",
        table(tier)
    );
    let mut select = connection.prepare_cached(&sql)?;
    let mut rows = select.query(params![series.0, grid.t0, grid.end()])?;
    while let Some(row) = rows.next()? {
        let t = row.get(0)?;
        let bucket = Bucket::stored(row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
        if let Some(bucket) = bucket.filter(|_| !in_memory.contains(&Tier::Hour.floor(t))) {
            columns.add(t, &bucket);
        }
    }
    Ok(columns)
}

#[cfg(test)]
mod tests;
