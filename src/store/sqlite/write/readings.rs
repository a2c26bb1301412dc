//! Readings into rows, many by one statement.
//!
//! Most of an insert's cost is in the statement, not the row: cursors to open and close, the counter of the
//! origin's `AUTOINCREMENT` to look up and write back. So rows share statements, up to [`TOGETHER`].
//!
//! Invariant: the rows of a table are in the order of the readings.

use std::sync::LazyLock;

use r2d2_sqlite::rusqlite::{self, Statement, ToSql, Transaction};

use crate::domain::time;
use crate::messages::Judged;

/// Rows per statement, largest first: 32 take half the time of one by one, and more gain nothing. An alert at 2,000
/// readings a second comes with fewer, so some go by eight.
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

/// Statements of a table, for the row counts of [`TOGETHER`].
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

/// Parameters of a statement, bound in order.
struct Parameters<'a, 'b> {
    statement: &'a mut Statement<'b>,
    bound: usize,
}

impl Parameters<'_, '_> {
    fn bind(&mut self, value: impl ToSql) -> rusqlite::Result<()> {
        self.bound += 1;
        self.statement.raw_bind_parameter(self.bound, value)
    }

    /// Binds the columns that both tables start with.
    fn bind_common(&mut self, judged: &Judged, naive: bool) -> rusqlite::Result<()> {
        let Judged { reading, alert_triggered } = judged;
        self.bind(reading.sensor_id.as_str())?;
        self.bind(reading.location.as_str())?;
        self.bind(reading.value.get())?;
        self.bind(time::stored(reading.timestamp, naive))?;
        self.bind(alert_triggered)
    }
}
