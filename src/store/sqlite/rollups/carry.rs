//! Part of a commit: assigns each reading its carrier.

use std::sync::LazyLock;

use r2d2_sqlite::rusqlite::{self, Connection, OptionalExtension, ToSql};

use super::{Memory, Rollups};
use crate::domain::{Quantity, Reading, SensorId, time};
use crate::store::rollups::{Bucket, Carrier, LateBuckets, SeriesId, Tier};

/// Readings of the transaction under way, by their carriers.
#[derive(Debug, Default)]
pub(in crate::store) struct Carried {
    /// Series, beginning of the minute, value.
    memory: Vec<(SeriesId, i64, f64)>,
    late: LateBuckets,
    /// Hours sealed before their time.
    ahead: Vec<i64>,
}

impl Carried {
    /// Assigns a reading its carrier.
    pub fn add(&mut self, rollups: &mut Rollups, series: SeriesId, reading: &Reading) {
        let ms = time::as_stored(reading.timestamp).timestamp_millis();
        let hour = Tier::Hour.floor(ms);
        if rollups.boundary.seals_ahead(hour) {
            rollups.boundary.seal_ahead(hour);
            self.ahead.push(hour);
        }
        let value = reading.value.get();
        match rollups.boundary.carrier(hour, series) {
            Carrier::Memory => self.memory.push((series, Tier::Minute.floor(ms), value)),
            Carrier::LateBucket => self.late.add(series, ms, &Bucket::of(value)),
            Carrier::Row => {}
        }
    }

    /// Writes the late buckets.
    pub fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        for hour in &self.ahead {
            connection
                .prepare_cached("INSERT OR IGNORE INTO hours_ahead (hour) VALUES (?1)")?
                .execute([hour])?;
        }
        let late: Vec<_> = self.late.iter().collect();
        if late.is_empty() {
            return Ok(()); // by far the most
        }
        let (many, few) = late.as_chunks::<TOGETHER>();
        insert_late(connection, &INSERTS[0], many.iter().map(<[_; TOGETHER]>::as_slice))?;
        insert_late(connection, &INSERTS[1], few.chunks(1))
    }
}

/// Late buckets per statement: in a backlog that is hours old, each reading may have one.
const TOGETHER: usize = 32;

/// Statements for that many, and for one.
static INSERTS: LazyLock<[String; 2]> = LazyLock::new(|| {
    [TOGETHER, 1].map(|number| {
        let rows = vec!["(?, ?, ?, ?, ?, ?)"; number].join(", ");
        format!("INSERT INTO late_buckets (series, t, min, max, sum, n) VALUES {rows}")
    })
});

fn insert_late<'c, 'b: 'c>(
    connection: &Connection,
    sql: &str,
    chunks: impl Iterator<Item = &'c [(SeriesId, i64, &'b Bucket)]>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(sql)?;
    for chunk in chunks {
        let mut bound = 0;
        for (series, t, bucket) in chunk {
            let count = i64::try_from(bucket.count()).unwrap_or(i64::MAX);
            let (min, max, sum) = (bucket.min(), bucket.max(), bucket.sum());
            let columns: [&dyn ToSql; 6] = [&series.0, t, &min, &max, &sum, &count];
            for column in columns {
                bound += 1;
                statement.raw_bind_parameter(bound, column)?;
            }
        }
        statement.raw_execute()?;
    }
    Ok(())
}

impl Rollups {
    /// Compares with the last batch in the file before a commit.
    pub(in crate::store) fn expect(&mut self, committed: u64) {
        if self.last_batch != committed {
            self.lose_memory();
            self.late.is_any = true;
            self.last_batch = committed;
        }
    }

    /// The transaction is committed; `last` is the last batch in it.
    pub(in crate::store) fn committed(&mut self, carried: &Carried, last: Option<u64>) {
        self.last_batch = last.unwrap_or(self.last_batch);
        let num_late = carried.late.iter().count();
        self.late.is_any |= num_late > 0;
        self.late.num_new += num_late;
        if self.memory != Memory::Lost && !carried.memory.is_empty() {
            let mut hours = self.hours.lock();
            for (series, t, value) in &carried.memory {
                hours.add(*series, *t, &Bucket::of(*value));
            }
        }
    }

    /// The transaction failed.
    pub(in crate::store) fn not_committed(&mut self, carried: &Carried) {
        self.boundary.unseal_ahead(&carried.ahead);
    }
}

/// Id of a series, inserted if new.
pub(in crate::store) fn series_id(
    connection: &Connection,
    sensor_id: &SensorId,
    quantity: &Quantity,
) -> rusqlite::Result<SeriesId> {
    let key = [sensor_id.as_str(), quantity.as_str()];
    let known = find_series(connection, key)?;
    if let Some(id) = known {
        return Ok(id);
    }
    connection
        .prepare_cached("INSERT INTO series (sensor_id, quantity) VALUES (?1, ?2)")?
        .execute(key)?;
    Ok(number(connection.last_insert_rowid()))
}

/// Id of a known series, by sensor and quantity.
pub(in crate::store) fn find_series(
    connection: &Connection,
    key: [&str; 2],
) -> rusqlite::Result<Option<SeriesId>> {
    connection
        .prepare_cached("SELECT id FROM series WHERE sensor_id = ?1 AND quantity = ?2")?
        .query_row(key, |row| row.get(0).map(number))
        .optional()
}

/// Four thousand million series are never reached.
pub(super) fn number(id: i64) -> SeriesId {
    SeriesId(u32::try_from(id).unwrap_or(u32::MAX))
}
