//! Readings into rows, many by one statement.
//!
//! Most of what an insert costs comes with the statement, not with the row: cursors to open and close,
//! the counter of the origin's `AUTOINCREMENT` to look up and write back. So rows share one, as far as
//! [`TOGETHER`] goes.
//!
//! Holds always: the rows of a table come in the order of the readings.

use std::sync::LazyLock;

use r2d2_sqlite::rusqlite::{self, Statement, ToSql, Transaction};

use crate::domain::time;
use crate::messages::Judged;

/// Rows of one statement, the largest share first: 32 take half as long as one by one, and with more the
/// gain is gone. What comes with an alert at 2,000 a second is fewer, so some go by eight.
const TOGETHER: [usize; 3] = [32, 8, 1];

/// The quantity whose readings live in the origin's table.
const TEMPERATURE: &str = "temperature";

static TEMPERATURES: LazyLock<Inserts> = LazyLock::new(|| {
    let columns = "sensor_id, location, temperature, timestamp, alert_triggered";
    Inserts::new("sensor_readings", columns)
});
static OTHERS: LazyLock<Inserts> = LazyLock::new(|| {
    let columns = "sensor_id, location, value, timestamp, alert_triggered, quantity, unit";
    Inserts::new("quantity_readings", columns)
});

/// The statements of a table, for as many rows each as [`TOGETHER`] says.
struct Inserts([String; TOGETHER.len()]);

impl Inserts {
    fn new(table: &str, columns: &str) -> Self {
        let row = format!("({})", vec!["?"; columns.split(',').count()].join(","));
        let rows = |number| vec![row.as_str(); number].join(",");
        let insert = |number| format!("INSERT INTO {table} ({columns}) VALUES {}", rows(number));
        Self(TOGETHER.map(insert))
    }
}

/// Inserts them all, each into its quantity's table.
pub(in crate::store) fn insert(
    transaction: &Transaction<'_>,
    readings: &[Judged],
    naive: bool,
) -> rusqlite::Result<()> {
    let is_temperature = |judged: &&Judged| judged.reading.quantity.as_str() == TEMPERATURE;
    let (temperatures, others): (Vec<_>, Vec<_>) = readings.iter().partition(is_temperature);
    insert_into(&TEMPERATURES, transaction, &temperatures, |parameters, judged| {
        parameters.bind_common(judged, naive)
    })?;
    insert_into(&OTHERS, transaction, &others, |parameters, judged| {
        parameters.bind_common(judged, naive)?;
        parameters.bind(judged.reading.quantity.as_str())?;
        parameters.bind(judged.reading.unit.as_str())
    })
}

fn insert_into(
    inserts: &Inserts,
    transaction: &Transaction<'_>,
    readings: &[&Judged],
    bind: impl Fn(&mut Parameters<'_, '_>, &Judged) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut left = readings;
    for (number, sql) in TOGETHER.into_iter().zip(&inserts.0) {
        let chunks = left.chunks_exact(number);
        left = chunks.remainder();
        if chunks.len() == 0 {
            continue;
        }
        let mut statement = transaction.prepare_cached(sql)?;
        for chunk in chunks {
            let mut parameters = Parameters { statement: &mut statement, bound: 0 };
            chunk.iter().try_for_each(|judged| bind(&mut parameters, judged))?;
            statement.raw_execute()?;
        }
    }
    Ok(())
}

/// A statement's parameters, bound in their order.
struct Parameters<'a, 'b> {
    statement: &'a mut Statement<'b>,
    bound: usize,
}

impl Parameters<'_, '_> {
    fn bind(&mut self, value: impl ToSql) -> rusqlite::Result<()> {
        self.bound += 1;
        self.statement.raw_bind_parameter(self.bound, value)
    }

    /// What both tables begin with.
    fn bind_common(&mut self, judged: &Judged, naive: bool) -> rusqlite::Result<()> {
        let Judged { reading, alert_triggered } = judged;
        self.bind(reading.sensor_id.as_str())?;
        self.bind(reading.location.as_str())?;
        self.bind(reading.value.get())?;
        self.bind(time::stored(reading.timestamp, naive))?;
        self.bind(alert_triggered)
    }
}
