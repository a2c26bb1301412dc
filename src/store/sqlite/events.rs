//! Alert events as rows of `alerts`. [`COLUMNS`] is the one list of their columns: the statements and both
//! directions of the conversion are made from it.

use std::sync::{Arc, LazyLock};

use r2d2_sqlite::rusqlite::types::{ToSqlOutput, Value as Sql};
use r2d2_sqlite::rusqlite::{self, Connection, Row, TransactionBehavior};

use super::columns::{Unreadable, moment, text};
use crate::domain::{
    AlertEvent, AlertState, Change, Location, Operator, Priority, Quantity, SensorId, Unit, Value,
    time,
};

/// A column: its name, its value for an event (times without zone if the flag is set), and the inverse, which may
/// use earlier columns.
struct Column(
    &'static str,
    for<'e> fn(&'e AlertEvent, bool) -> ToSqlOutput<'e>,
    fn(&mut AlertEvent, &Row<'_>, usize) -> Result<(), Unreadable>,
);

const COLUMNS: [Column; 20] = [
    Column(
        "id",
        |event, _| ToSqlOutput::Owned(Sql::Integer(event.number.cast_signed())),
        |event, row, at| put(&mut event.number, row.get::<_, i64>(at)?.unsigned_abs()),
    ),
    Column(
        "alert_id",
        |event, _| (*event.alert_id).into(),
        |event, row, at| put(&mut event.alert_id, text(row, at)?),
    ),
    Column(
        "rule",
        |event, _| (*event.rule).into(),
        |event, row, at| put(&mut event.rule, text(row, at)?),
    ),
    Column(
        "alert_type",
        |event, _| (*event.alert_type).into(),
        |event, row, at| put(&mut event.alert_type, text(row, at)?),
    ),
    Column(
        "sensor_id",
        |event, _| event.sensor_id.as_str().into(),
        |event, row, at| put(&mut event.sensor_id, SensorId::new(&text(row, at)?)?),
    ),
    Column(
        "location",
        |event, _| event.location.as_str().into(),
        |event, row, at| put(&mut event.location, Location::new(&text(row, at)?)),
    ),
    Column(
        "quantity",
        |event, _| event.quantity.as_str().into(),
        |event, row, at| put(&mut event.quantity, Quantity::new(&text(row, at)?)?),
    ),
    Column(
        "value",
        |event, _| ToSqlOutput::Owned(event.value.map_or_else(no_value, as_carried)),
        |event, row, at| put(&mut event.value, value(row, at)?),
    ),
    Column(
        "unit",
        |event, _| event.unit.as_str().into(),
        |event, row, at| put(&mut event.unit, Unit::new(&text(row, at)?)),
    ),
    Column(
        "threshold",
        |event, _| event.threshold.into(),
        |event, row, at| put(&mut event.threshold, row.get(at)?),
    ),
    Column(
        "severity",
        |event, _| event.severity.as_str().into(),
        |event, row, at| put(&mut event.severity, text(row, at)?.parse::<Priority>()?),
    ),
    Column(
        "state",
        |event, _| event.state.as_str().into(),
        |event, row, at| put(&mut event.state, text(row, at)?.parse::<AlertState>()?),
    ),
    Column(
        "message",
        |event, _| event.message.as_str().into(),
        |event, row, at| put(&mut event.message, row.get(at)?),
    ),
    Column(
        "timestamp",
        |event, naive| ToSqlOutput::Owned(Sql::Text(time::stored(event.timestamp, naive))),
        |event, row, at| put(&mut event.timestamp, moment(row, at)?),
    ),
    Column(
        "announced",
        |event, _| event.announced.into(),
        |event, row, at| put(&mut event.announced, row.get(at)?),
    ),
    Column(
        "silent_end",
        |event, _| event.is_silent_end.into(),
        |event, row, at| put(&mut event.is_silent_end, row.get(at)?),
    ),
    Column(
        "in_flood",
        |event, _| event.in_flood.into(),
        |event, row, at| put(&mut event.in_flood, row.get(at)?),
    ),
    Column(
        "transition",
        |event, _| event.change.as_str().into(),
        |event, row, at| put(&mut event.change, change(event.state, row.get(at)?)?),
    ),
    Column(
        "\"by\"",
        |event, _| optional(event.operator.as_ref().map(|operator| &*operator.by)),
        |event, row, at| {
            let by: Option<Arc<str>> = row.get(at)?;
            put(&mut event.operator, by.map(|by| Operator { by, why: None }))
        },
    ),
    Column(
        "why",
        |event, _| optional(event.operator.as_ref().and_then(|operator| operator.why.as_deref())),
        |event, row, at| match &mut event.operator {
            Some(operator) => put(&mut operator.why, row.get(at)?),
            None => Ok(()),
        },
    ),
];

/// Columns added since the table was made, and their declarations: nullable or with a default, so that an older
/// version can still write the file. They are added whenever a file is opened that lacks them.
const ADDED: &[(&str, &str)] = &[];

/// Columns for [`readable`], in the order of a SELECT.
pub(in crate::store) static EVENT_COLUMNS: LazyLock<String> =
    LazyLock::new(|| COLUMNS.map(|Column(name, ..)| name).join(", "));

static INSERT: LazyLock<String> = LazyLock::new(|| {
    let places = vec!["?"; COLUMNS.len()].join(", ");
    format!("INSERT INTO alerts ({}) VALUES ({places})", *EVENT_COLUMNS)
});

/// Adds the columns that the file lacks.
pub(in crate::store) fn add_columns(connection: &mut Connection) -> rusqlite::Result<()> {
    add_missing(connection, ADDED)
}

fn add_missing(connection: &mut Connection, columns: &[(&str, &str)]) -> rusqlite::Result<()> {
    let missing = |connection: &Connection| -> rusqlite::Result<Vec<_>> {
        let known = connection
            .prepare("SELECT name FROM pragma_table_info('alerts')")?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<Vec<String>>>()?;
        Ok(columns.iter().filter(|(name, _)| !known.iter().any(|it| it == name)).collect())
    };
    if columns.is_empty() || missing(connection)?.is_empty() {
        return Ok(());
    }
    // Checked again under the lock: another process may have been faster.
    let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for (name, declaration) in missing(&step)? {
        step.execute_batch(&format!("ALTER TABLE alerts ADD COLUMN {name} {declaration}"))?;
    }
    step.commit()
}

/// Inserts an event under its number.
pub(in crate::store) fn insert(
    connection: &Connection,
    event: &AlertEvent,
    naive: bool,
) -> rusqlite::Result<()> {
    let values = COLUMNS.iter().map(|Column(_, write, _)| write(event, naive));
    connection.prepare_cached(&INSERT)?.execute(rusqlite::params_from_iter(values)).map(drop)
}

/// The alert event of a row with [`EVENT_COLUMNS`]; `None`, and a line in the log, for one that can't be read.
pub(in crate::store) fn readable(row: &Row<'_>) -> rusqlite::Result<Option<AlertEvent>> {
    match read(row) {
        Ok(event) => Ok(Some(event)),
        Err(error) => {
            let id: i64 = row.get("id")?;
            log::error!(target: "vigie::storage", "row {id} of alerts can't be read: {error}");
            Ok(None)
        }
    }
}

/// The alert event of a row with [`EVENT_COLUMNS`].
pub(in crate::store) fn read(row: &Row<'_>) -> Result<AlertEvent, Unreadable> {
    let (sensor_id, quantity): (Arc<str>, Arc<str>) = (row.get("sensor_id")?, row.get("quantity")?);
    let mut event = AlertEvent::new(SensorId::new(&sensor_id)?, Quantity::new(&quantity)?);
    for (at, Column(_, _, read)) in COLUMNS.iter().enumerate() {
        read(&mut event, row, at)?;
    }
    Ok(event)
}

#[expect(clippy::unnecessary_wraps, reason = "the last step of those that may fail")]
fn put<T>(attribute: &mut T, value: T) -> Result<(), Unreadable> {
    *attribute = value;
    Ok(())
}

fn optional(text: Option<&str>) -> ToSqlOutput<'_> {
    text.map_or(ToSqlOutput::Owned(Sql::Null), ToSqlOutput::from)
}

/// A row from before transitions were stored was raised or returned.
fn change(state: AlertState, stored: Option<Arc<str>>) -> Result<Change, Unreadable> {
    match (stored, state) {
        (Some(change), _) => Ok(change.parse::<Change>()?),
        (None, AlertState::Resolved) => Ok(Change::Returned),
        (None, AlertState::Active) => Ok(Change::Raised),
    }
}

/// Placeholder for a missing value in a column that is NOT NULL.
const fn no_value() -> Sql {
    Sql::Text(String::new())
}

/// 38 as an integer and 38.0 as a real, so that it is read back as it was sent.
fn as_carried(value: Value) -> Sql {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::Number(number)) if number.is_i64() => {
            number.as_i64().map_or(Sql::Null, Sql::Integer)
        }
        _ => Sql::Real(value.get()),
    }
}

/// An integer was sent as one, a real as a real; an empty text is a missing value.
fn value(row: &Row<'_>, column: usize) -> Result<Option<Value>, Unreadable> {
    Ok(match row.get(column)? {
        Sql::Integer(number) => Some(Value::from_json(&number.into())?),
        Sql::Real(number) => Some(Value::new(number)?),
        Sql::Text(text) if text.is_empty() => None,
        other => return Err(format!("{other:?} is no value").into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::fixtures::{event, settings};

    #[test]
    fn an_event_is_read_back_as_it_was_inserted() {
        let folder = tempfile::tempdir().unwrap();
        let database =
            super::super::database::open(&settings(&folder.path().join("a.db"))).unwrap();
        let raised = event("a", "TEMP_é", 5, AlertState::Active);
        let full = AlertEvent {
            number: 7,
            value: None,
            threshold: 0.1 + 0.2,
            severity: Priority::Critical,
            state: AlertState::Resolved,
            change: Change::ReturnedToService,
            operator: Some(Operator::new("Zoé", Some("\"checked\"")).unwrap()),
            announced: false,
            is_silent_end: true,
            in_flood: true,
            ..raised.clone()
        };
        let raised = AlertEvent { number: 3, ..raised };
        for (naive, event) in [(false, &raised), (true, &full)] {
            insert(&database.connection, event, naive).unwrap();
        }
        let sql = format!("SELECT {} FROM alerts ORDER BY id", *EVENT_COLUMNS);
        let mut select = database.connection.prepare(&sql).unwrap();
        let found = select.query_map([], readable).unwrap();
        let found: Vec<_> = found.map(|event| event.unwrap().unwrap()).collect();
        assert_eq!(found, [raised, full]);
    }

    #[test]
    fn columns_that_a_file_lacks_are_added_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let mut database = super::super::database::open(&settings(&path)).unwrap();
        insert(&database.connection, &event("a", "T", 0, AlertState::Active), false).unwrap();
        let columns = [("plant", "TEXT NOT NULL DEFAULT 'Lyon'"), ("why", "TEXT")];
        for _ in 0..2 {
            add_missing(&mut database.connection, &columns).unwrap();
        }
        let sql = "SELECT plant FROM alerts";
        let plant: String = database.connection.query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(plant, "Lyon");
    }
}
