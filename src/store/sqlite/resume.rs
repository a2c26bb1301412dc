//! Resume point of evaluation: cursors, clocks, checkpoints of series, and the readings stored after them.

use std::collections::HashMap;
use std::time::Duration;

use chrono::DateTime;
use r2d2_sqlite::rusqlite::types::ValueRef;
use r2d2_sqlite::rusqlite::{self, Connection, OptionalExtension, Row, params};

use super::pool::PooledConnection;
use super::recall;
use crate::domain::{
    Fingerprint, Ingress, ListeningClocks, Location, Quantity, Reading, ReadingCounts, SensorId,
    SeriesPart, SeriesState, Unit, Value, time,
};
use crate::messages::{ReadingStream, RecentReadings};
use crate::store::ledger::Progress;

/// Rows read at a time.
const ROWS_AT_ONCE: i64 = 1000;

/// Minimum rows of each table that are read again even if no checkpoint requires it, so that new rules have some
/// past.
const ROWS_AT_LEAST: i64 = 16_384;

pub(in crate::store) fn progress(connection: &Connection) -> rusqlite::Result<Progress> {
    let last_event = recall::last_event(connection)?;
    let sql = "SELECT position, number, received_us, watch_us, embedded_us, remote_us, published,
                   latest_received_us
               FROM ingest_position";
    connection.prepare_cached(sql)?.query_row([], |row| {
        let count = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
        let mut clocks = ListeningClocks::default();
        for (column, ingress) in (3..).zip(Ingress::ALL) {
            clocks.set_at_least(ingress, Duration::from_micros(count(column)?));
        }
        let time = |column| -> rusqlite::Result<_> {
            Ok(row.get::<_, Option<i64>>(column)?.and_then(DateTime::from_timestamp_micros))
        };
        Ok(Progress {
            position: count(0)?,
            batch: count(1)?,
            received_at: time(2)?,
            latest_received_at: time(7)?,
            clocks,
            published: count(6)?,
            last_event,
        })
    })
}

/// One of the two tables of readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Table {
    Temperatures,
    Others,
}

impl Table {
    const ALL: [Self; 2] = [Self::Temperatures, Self::Others];

    const fn of(is_temperature: bool) -> Self {
        if is_temperature { Self::Temperatures } else { Self::Others }
    }

    const fn last_id_sql(self) -> &'static str {
        match self {
            Self::Temperatures => "SELECT coalesce(max(id), 0) FROM sensor_readings",
            Self::Others => "SELECT coalesce(max(id), 0) FROM quantity_readings",
        }
    }

    /// Columns for [`reading`], of rows after `?1`, at most `?2`.
    const fn after_sql(self) -> &'static str {
        match self {
            Self::Temperatures => {
                "SELECT r.id, r.sensor_id, r.location, 'temperature', r.temperature,
                    coalesce(s.unit, ''), r.timestamp, r.alert_triggered
                 FROM sensor_readings r
                 LEFT JOIN sensors s ON s.sensor_id = r.sensor_id AND s.quantity = 'temperature'
                 WHERE r.id > ?1 ORDER BY r.id LIMIT ?2"
            }
            Self::Others => {
                "SELECT id, sensor_id, location, quantity, value, unit, timestamp, alert_triggered
                 FROM quantity_readings WHERE id > ?1 ORDER BY id LIMIT ?2"
            }
        }
    }

    const fn holds_sql(self) -> &'static str {
        match self {
            Self::Temperatures => {
                "SELECT 1 FROM sensor_readings
                 WHERE timestamp IN (?1, ?2) AND sensor_id = ?3 AND temperature = ?4"
            }
            Self::Others => {
                "SELECT 1 FROM quantity_readings
                 WHERE timestamp IN (?1, ?2) AND sensor_id = ?3 AND value = ?4 AND quantity = ?5"
            }
        }
    }
}

fn last_id(connection: &Connection, table: Table) -> rusqlite::Result<i64> {
    connection.prepare_cached(table.last_id_sql())?.query_row([], |row| row.get(0))
}

/// Row ids of the last rows, by [`Table::ALL`].
pub(in crate::store) fn last_ids(connection: &Connection) -> rusqlite::Result<[i64; 2]> {
    Ok([last_id(connection, Table::Temperatures)?, last_id(connection, Table::Others)?])
}

/// Writes checkpoints of series, as of the rows that were inserted before. Part of a commit.
pub(in crate::store) fn put_series(
    connection: &Connection,
    series: &[SeriesState],
) -> rusqlite::Result<()> {
    if series.is_empty() {
        return Ok(());
    }
    let reached = last_ids(connection)?;
    for SeriesState { sensor_id, quantity, part, state } in series {
        let key = (sensor_id.as_str(), quantity.as_str(), part.as_str());
        let Some(state) = state else {
            connection
                .prepare_cached(
                    "DELETE FROM series_states
                     WHERE sensor_id = ?1 AND quantity = ?2 AND part = ?3",
                )?
                .execute(key)?;
            continue;
        };
        let reaches = reached[usize::from(!quantity.is_temperature())];
        connection
            .prepare_cached(
                "INSERT INTO series_states (sensor_id, quantity, part, state, reaches)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET state = excluded.state, reaches = excluded.reaches",
            )?
            .execute(params![key.0, key.1, key.2, state, reaches])?;
    }
    Ok(())
}

/// The row ids, by [`Table::ALL`], after which a restart reads on top of checkpoints.
pub(in crate::store) fn read_after(
    connection: &Connection,
    since: ReadingCounts,
) -> rusqlite::Result<[i64; 2]> {
    let before_last = |table, count: u64| {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        last_id(connection, table).map(|last| last.saturating_sub(count).max(0))
    };
    Ok([
        before_last(Table::Temperatures, since.temperatures)?,
        before_last(Table::Others, since.others)?,
    ])
}

/// Noted row ids after which a restart reads, by [`Table::ALL`]; `None` if every checkpoint must be queried.
pub(in crate::store) fn reread_after(
    connection: &Connection,
) -> rusqlite::Result<[Option<i64>; 2]> {
    let sql = "SELECT temperatures_after, others_after FROM ingest_position";
    connection.prepare_cached(sql)?.query_row([], |row| Ok([row.get(0)?, row.get(1)?]))
}

/// Row ids that checkpoints reach, by series.
type Reaches = HashMap<(SensorId, Quantity), i64>;

/// Checkpoints of all series.
pub(in crate::store) struct SeriesStates {
    pub states: Vec<SeriesState>,
    /// Readings stored after each of them.
    pub since: ReadingStream,
    /// Number of newest readings that contain them.
    pub since_checkpoints: ReadingCounts,
}

/// Checkpoints of all series, and the readings stored since, which `reader` reads lazily.
pub(in crate::store) fn series(
    connection: &Connection,
    reader: PooledConnection,
) -> rusqlite::Result<SeriesStates> {
    let (states, reaches) = series_states(connection)?;
    let noted = reread_after(connection)?;
    let mut from = Vec::new();
    let mut counts = [0; 2];
    for ((table, noted), count) in Table::ALL.into_iter().zip(noted).zip(&mut counts) {
        let last = last_id(connection, table)?;
        let of_table = reaches
            .iter()
            .filter(|((_, quantity), _)| Table::of(quantity.is_temperature()) == table);
        let least = || of_table.map(|(_, reach)| *reach).min().unwrap_or(i64::MAX);
        let after = noted.unwrap_or_else(least).min(last.saturating_sub(ROWS_AT_LEAST)).max(0);
        *count = last.saturating_sub(after).unsigned_abs();
        from.push(Unread { table, begin: after, after });
    }
    from.reverse(); // taken from the end
    let since = Since { reader, reaches, from, rows: Vec::new().into_iter() };
    let [temperatures, others] = counts;
    Ok(SeriesStates {
        states,
        since: ReadingStream::new(since),
        since_checkpoints: ReadingCounts { temperatures, others },
    })
}

fn series_states(connection: &Connection) -> rusqlite::Result<(Vec<SeriesState>, Reaches)> {
    let sql = "SELECT sensor_id, quantity, part, state, reaches FROM series_states";
    let (mut states, mut reaches) = (Vec::new(), Reaches::new());
    let mut select = connection.prepare(sql)?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let text = |column| row.get::<_, String>(column);
        let (sensor_id, quantity, part) = (text(0)?, text(1)?, text(2)?);
        let (Ok(sensor_id), Ok(quantity), Ok(part)) =
            (SensorId::new(&sensor_id), Quantity::new(&quantity), part.parse())
        else {
            log::error!(target: "vigie::storage", "a row of series_states can't be read: `{sensor_id}`, `{quantity}`, `{part}`");
            continue;
        };
        if matches!(part, SeriesPart::Windows | SeriesPart::Dropped) {
            let reach = reaches.entry((sensor_id.clone(), quantity.clone())).or_default();
            *reach = row.get::<_, i64>(4)?.max(*reach);
        }
        states.push(SeriesState { sensor_id, quantity, part, state: Some(row.get(3)?) });
    }
    Ok((states, reaches))
}

/// A table to read.
#[derive(Debug, Clone, Copy)]
struct Unread {
    table: Table,
    /// Row id that reading began after.
    begin: i64,
    /// Row id to continue after.
    after: i64,
}

/// Readings stored after the checkpoints of their series, read in pages.
struct Since {
    reader: PooledConnection,
    reaches: Reaches,
    /// Tables still to be read, the next one last.
    from: Vec<Unread>,
    /// Each with the number of rows of its table before it.
    rows: std::vec::IntoIter<(i64, u64, Option<Reading>)>,
}

impl Since {
    /// False at the end.
    fn load(&mut self) -> rusqlite::Result<bool> {
        while let Some(Unread { table, begin, after }) = self.from.last_mut() {
            let begin = *begin;
            let rows: Vec<_> = self
                .reader
                .prepare_cached(table.after_sql())?
                .query_map(params![*after, ROWS_AT_ONCE], |row| {
                    let id: i64 = row.get(0)?;
                    // One that was not judged is in no window.
                    let is_judged = row.get_ref(7)? != ValueRef::Null;
                    let reading = is_judged.then(|| reading(row)).flatten();
                    Ok((id, (id - begin - 1).unsigned_abs(), reading))
                })?
                .collect::<rusqlite::Result<_>>()?;
            if let Some((last, ..)) = rows.last() {
                *after = *last;
                self.rows = rows.into_iter();
                return Ok(true);
            }
            self.from.pop();
        }
        Ok(false)
    }
}

impl Iterator for Since {
    type Item = Result<(u64, Reading), String>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            for (id, num_before, reading) in self.rows.by_ref() {
                let Some(reading) = reading else { continue };
                let key = (reading.sensor_id, reading.quantity);
                let is_later = self.reaches.get(&key).is_none_or(|reach| id > *reach);
                let (sensor_id, quantity) = key;
                if is_later {
                    return Some(Ok((num_before, Reading { sensor_id, quantity, ..reading })));
                }
            }
            match self.load() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(format!("can't read the database: {error}"))),
            }
        }
    }
}

/// Fingerprints of the last readings stored.
pub(in crate::store) fn recent(connection: &Connection) -> rusqlite::Result<RecentReadings> {
    let of = |table: Table| -> rusqlite::Result<Vec<Fingerprint>> {
        let at_most = i64::try_from(RecentReadings::CAPACITY).unwrap_or(i64::MAX);
        let after = last_id(connection, table)?.saturating_sub(at_most);
        let mut select = connection.prepare(table.after_sql())?;
        let mut rows = select.query(params![after, at_most])?;
        let mut fingerprints = Vec::new();
        while let Some(row) = rows.next()? {
            fingerprints.extend(reading(row).as_ref().map(Fingerprint::from));
        }
        Ok(fingerprints)
    };
    Ok(RecentReadings { temperatures: of(Table::Temperatures)?, others: of(Table::Others)? })
}

/// Reading from the columns of [`Table::after_sql`]. `None` for a row that is no reading of Vigie's: it can't be
/// redelivered, and has no rules.
fn reading(row: &Row<'_>) -> Option<Reading> {
    let text = |column| row.get_ref(column).ok()?.as_str().ok();
    Some(Reading {
        sensor_id: SensorId::new(text(1)?).ok()?,
        location: Location::new(text(2).unwrap_or_default()),
        quantity: Quantity::new(text(3)?).ok()?,
        value: Value::new(row.get(4).ok()?).ok()?,
        unit: Unit::new(text(5)?),
        timestamp: time::parse_stored(text(6)?)?,
    })
}

/// Fingerprints of those readings that are stored.
pub(in crate::store) fn find_stored(
    connection: &Connection,
    readings: &[Reading],
) -> rusqlite::Result<Vec<Fingerprint>> {
    let mut found = Vec::new();
    for reading in readings {
        if is_stored(connection, reading)? {
            found.push(Fingerprint::from(reading));
        }
    }
    Ok(found)
}

fn is_stored(connection: &Connection, reading: &Reading) -> rusqlite::Result<bool> {
    let table = Table::of(reading.quantity.is_temperature());
    let mut select = connection.prepare_cached(table.holds_sql())?;
    // The row may have been written with another setting of `timestamps`.
    let forms = [false, true].map(|naive| time::stored(reading.timestamp, naive));
    let (id, value) = (reading.sensor_id.as_str(), reading.value.get());
    let found = match table {
        Table::Temperatures => {
            select.query_row(params![forms[0], forms[1], id, value], |_| Ok(())).optional()?
        }
        Table::Others => {
            let quantity = reading.quantity.as_str();
            select
                .query_row(params![forms[0], forms[1], id, value, quantity], |_| Ok(()))
                .optional()?
        }
    };
    Ok(found.is_some())
}

#[cfg(test)]
#[path = "resume_tests.rs"]
mod tests;
