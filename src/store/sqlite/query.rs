//! Queries for people, beside the writer and without blocking it.
//!
//! Rows are passed on one by one as SQLite finds them: a history may have a hundred million. Adopted rows may hold
//! anything, so nothing here fails on a missing or odd column. Never: a write, not even of the schema.

mod alerts;
mod buckets;
mod rejected;

use std::io;
use std::path::Path;

use r2d2_sqlite::rusqlite::types::{Value, ValueRef};
use r2d2_sqlite::rusqlite::{self, Row, params_from_iter};

use super::database::check_readable;
use super::pool::{self, Pool};
use crate::domain::time;
use crate::store::history::{QueryError, ReadingFilter, ReadingRow};
use crate::store::ledger::LedgerError;
use crate::store::rollups::SharedHours;

const READING_COLUMNS: &str =
    "sensor_id, location, quantity, value, unit, timestamp, alert_triggered";

impl From<rusqlite::Error> for QueryError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.to_string())
    }
}

impl From<r2d2::Error> for QueryError {
    fn from(error: r2d2::Error) -> Self {
        Self::Database(error.to_string())
    }
}

/// Pool of read-only connections, and the hours that are not in the file yet.
pub struct History {
    pool: Pool,
    hours: SharedHours,
}

impl History {
    /// Opens the database read-only; its connections are made as they are needed.
    ///
    /// # Errors
    /// If there is no file of this version at `path`.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Self::open_sharing(path, SharedHours::default())
    }

    /// Opens the history with the open hours of the writer in this process.
    ///
    /// # Errors
    /// If there is no file of this version at `path`.
    pub fn open_sharing(path: &Path, hours: SharedHours) -> Result<Self, LedgerError> {
        check_readable(path)?;
        Ok(Self { pool: pool::open(path)?, hours })
    }

    /// Hands on the readings in order of time, until `each` fails.
    ///
    /// # Errors
    /// If the file can't be read, or `each` failed.
    pub fn readings(
        &self,
        filter: &ReadingFilter,
        each: &mut dyn FnMut(ReadingRow) -> io::Result<()>,
    ) -> Result<(), QueryError> {
        let mut terms = Terms::default();
        terms.add("sensor_id = ?", filter.sensor.clone());
        terms.add("quantity = ?", filter.quantity.clone());
        terms.add("timestamp >= ?", filter.since.map(time::stored_bound));
        terms.add("timestamp < ?", filter.until.map(time::stored_bound));
        let source = self.source(filter)?;
        let select = format!("SELECT {READING_COLUMNS} FROM {source}{}", terms.sql());
        let sql = terms.ordered(&select, &["timestamp"], filter.newest, filter.newest_first);
        self.each_row(&sql, terms, &mut |row| Ok(each(reading_row(row)?)?))
    }

    /// Table or view with all of a filter's readings. One half of `readings`, if possible: the last rows of a
    /// sensor that isn't in a half are found only by reading all of it.
    fn source(&self, filter: &ReadingFilter) -> Result<&'static str, QueryError> {
        let (temperatures, others) = ("temperature_readings", "quantity_readings");
        match (filter.quantity.as_deref(), &filter.sensor) {
            (Some("temperature"), _) => return Ok(temperatures),
            (Some(_), _) => return Ok(others),
            (None, None) => return Ok("readings"),
            (None, Some(_)) => {}
        }
        let (in_temperatures, in_others): (bool, bool) = self.pool.get()?.query_row(
            "SELECT coalesce(max(quantity = 'temperature'), 0),
                    coalesce(max(quantity <> 'temperature'), 0)
             FROM sensors WHERE sensor_id = ?1",
            [&filter.sensor],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        Ok(match (in_temperatures, in_others) {
            (true, true) => "readings",
            (false, true) => others,
            // Also for an unknown one: another program may have written the origin's table.
            (_, false) => temperatures,
        })
    }

    fn each_row(
        &self,
        sql: &str,
        terms: Terms,
        each: &mut dyn FnMut(&Row<'_>) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let connection = self.pool.get()?;
        let mut select = connection.prepare_cached(sql)?;
        let mut rows = select.query(params_from_iter(terms.values))?;
        while let Some(row) = rows.next()? {
            each(row)?;
        }
        Ok(())
    }
}

/// Conditions of a query, with their parameters.
#[derive(Default)]
struct Terms {
    conditions: Vec<&'static str>,
    values: Vec<Value>,
}

impl Terms {
    fn always(&mut self, condition: &'static str) {
        self.conditions.push(condition);
    }

    fn add(&mut self, condition: &'static str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.conditions.push(condition);
            self.values.push(value.into());
        }
    }

    fn sql(&self) -> String {
        if self.conditions.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", self.conditions.join(" AND "))
        }
    }

    /// The newest rows of a select, by these columns, in either order.
    fn ordered(
        &mut self,
        select: &str,
        by: &[&str],
        newest: Option<u64>,
        newest_first: bool,
    ) -> String {
        let falling = by.iter().map(|column| format!("{column} DESC")).collect::<Vec<_>>();
        let (rising, falling) = (by.join(", "), falling.join(", "));
        let Some(newest) = newest else {
            return format!("{select} ORDER BY {}", if newest_first { falling } else { rising });
        };
        self.values.push(i64::try_from(newest).unwrap_or(i64::MAX).into());
        let sql = format!("{select} ORDER BY {falling} LIMIT ?");
        if newest_first { sql } else { format!("SELECT * FROM ({sql}) ORDER BY {rising}") }
    }
}

fn reading_row(row: &Row<'_>) -> rusqlite::Result<ReadingRow> {
    Ok(ReadingRow {
        sensor_id: text(row, 0)?,
        location: text(row, 1)?,
        quantity: text(row, 2)?,
        value: number(row, 3)?,
        unit: text(row, 4)?,
        timestamp: text(row, 5)?,
        alert_triggered: number(row, 6)?.is_some_and(|flag| flag != 0.0),
    })
}

/// A text as it is, a number as text, NULL as an empty text.
fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into(),
        ValueRef::Integer(integer) => integer.to_string(),
        ValueRef::Real(real) => real.to_string(),
        ValueRef::Null => String::new(),
    })
}

fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<f64>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Real(real) => Some(real),
        #[allow(clippy::cast_precision_loss)] // for people to read, or a flag
        ValueRef::Integer(integer) => Some(integer as f64),
        ValueRef::Text(_) | ValueRef::Blob(_) | ValueRef::Null => None,
    })
}

#[cfg(test)]
mod tests;
