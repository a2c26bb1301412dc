//! Rows back to what the daemon's other parts ask for: where evaluation goes on, alerts to publish.
//!
//! A row that can't be read (someone edited it) is logged and passed over: one bad row must not
//! keep the others from being published.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use r2d2_sqlite::rusqlite::{self, Connection, Row, types};

use crate::domain::{
    AlarmState, AlertEvent, AlertState, Change, Location, Operator, Priority, Quantity, SensorId,
    StandingAlert, Unit, Value, time,
};
use crate::messages::PendingAlert;

/// The columns that [`readable`] takes.
macro_rules! event_columns {
    () => {
        "id, alert_id, rule, alert_type, sensor_id, location, quantity, value, unit, threshold,
         severity, state, message, timestamp, in_flood, transition, \"by\", why, announced,
         silent_end"
    };
}
pub(in crate::store) const EVENT_COLUMNS: &str = event_columns!();

pub(in crate::store) const PENDING_SQL: &str = concat!(
    "SELECT ",
    event_columns!(),
    " FROM alerts INDEXED BY alerts_pending",
    " WHERE announced AND published_at IS NULL AND id > ?1 ORDER BY id"
);

/// Why a row is no alert.
type Unreadable = Box<dyn std::error::Error>;

pub(in crate::store) fn standing_alerts(
    connection: &Connection,
) -> rusqlite::Result<Vec<StandingAlert>> {
    let mut select = connection
        .prepare_cached("SELECT alert_id, rule, sensor_id, since FROM standing_alerts")?;
    let mut rows = select.query([])?;
    let mut alerts = Vec::new();
    while let Some(row) = rows.next()? {
        match standing_alert(row) {
            Ok(alert) => alerts.push(alert),
            Err(error) => {
                log::error!(target: "vigie::storage", "a row of standing_alerts can't be read: {error}")
            }
        }
    }
    Ok(alerts)
}

/// The oldest alert events still to be published, with a row past `after_row_id`, but for those `done` by
/// what is not committed yet.
pub(in crate::store) fn pending_alerts(
    connection: &Connection,
    after_row_id: i64,
    at_most: usize,
    done: &HashSet<i64>,
) -> rusqlite::Result<Vec<PendingAlert>> {
    let mut select = connection.prepare_cached(PENDING_SQL)?;
    let mut rows = select.query([after_row_id])?;
    let mut alerts = Vec::new();
    while alerts.len() < at_most {
        let Some(row) = rows.next()? else { break };
        if !done.contains(&row.get(0)?) {
            alerts.extend(readable(row)?);
        }
    }
    Ok(alerts)
}

/// The alert event of a row with [`EVENT_COLUMNS`]; `None`, and a word in the log, for one
/// that can't be read.
pub(in crate::store) fn readable(row: &Row<'_>) -> rusqlite::Result<Option<PendingAlert>> {
    let row_id = row.get(0)?;
    match alert_event(row) {
        Ok(event) => Ok(Some(PendingAlert { row_id, event })),
        Err(error) => {
            log::error!(target: "vigie::storage", "row {row_id} of alerts can't be read: {error}");
            Ok(None)
        }
    }
}

fn standing_alert(row: &Row<'_>) -> Result<StandingAlert, Unreadable> {
    Ok(StandingAlert {
        alert_id: text(row, 0)?,
        rule: text(row, 1)?,
        sensor_id: SensorId::new(&text(row, 2)?)?,
        since: moment(row, 3)?,
    })
}

/// The row that the last alert event ever stored has had.
pub(in crate::store) fn last_alert_row(connection: &Connection) -> rusqlite::Result<i64> {
    let sql =
        "SELECT max((SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'alerts'),
        (SELECT coalesce(max(id), 0) FROM alerts))";
    connection.query_row(sql, [], |row| row.get(0))
}

/// The alarms of which anything is kept.
pub(in crate::store) fn alarm_states(connection: &Connection) -> rusqlite::Result<Vec<AlarmState>> {
    let mut select =
        connection.prepare_cached("SELECT sensor_id, rule, state FROM alarm_states")?;
    let mut rows = select.query([])?;
    let mut alarms = Vec::new();
    while let Some(row) = rows.next()? {
        match alarm_state(row) {
            Ok(alarm) => alarms.push(alarm),
            Err(error) => {
                log::error!(target: "vigie::storage", "a row of alarm_states can't be read: {error}")
            }
        }
    }
    Ok(alarms)
}

fn alarm_state(row: &Row<'_>) -> Result<AlarmState, Unreadable> {
    let sensor_id = SensorId::new(&text(row, 0)?)?;
    Ok(AlarmState { sensor_id, rule: text(row, 1)?, state: Some(row.get(2)?) })
}

/// Takes [`EVENT_COLUMNS`].
fn alert_event(row: &Row<'_>) -> Result<AlertEvent, Unreadable> {
    Ok(AlertEvent {
        alert_id: text(row, 1)?,
        rule: text(row, 2)?,
        alert_type: text(row, 3)?,
        sensor_id: SensorId::new(&text(row, 4)?)?,
        location: Location::new(&text(row, 5)?),
        quantity: Quantity::new(&text(row, 6)?)?,
        value: value(row, 7)?,
        unit: Unit::new(&text(row, 8)?),
        threshold: row.get(9)?,
        severity: text(row, 10)?.parse::<Priority>()?,
        state: text(row, 11)?.parse::<AlertState>()?,
        change: change(row, 15)?,
        operator: operator(row, 16)?,
        message: row.get(12)?,
        timestamp: moment(row, 13)?,
        announced: row.get(18)?,
        is_silent_end: row.get(19)?,
        in_flood: row.get(14)?,
    })
}

/// A row from before transitions were kept was raised or returned.
fn change(row: &Row<'_>, column: usize) -> Result<Change, Unreadable> {
    match row.get::<_, Option<Arc<str>>>(column)? {
        Some(change) => Ok(change.parse::<Change>()?),
        None if &*text(row, 11)? == AlertState::Resolved.as_str() => Ok(Change::Returned),
        None => Ok(Change::Raised),
    }
}

fn operator(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Operator>> {
    let by: Option<Arc<str>> = row.get(column)?;
    let why = row.get(column + 1)?;
    Ok(by.map(|by| Operator { by, why }))
}

fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<Arc<str>> {
    row.get(column)
}

fn moment(row: &Row<'_>, column: usize) -> Result<DateTime<Utc>, Unreadable> {
    let text = text(row, column)?;
    time::parse_stored(&text).ok_or_else(|| format!("`{text}` is no timestamp").into())
}

/// An integer was carried as one, a real as a real; an empty text is none.
fn value(row: &Row<'_>, column: usize) -> Result<Option<Value>, Unreadable> {
    Ok(match row.get(column)? {
        types::Value::Integer(number) => Some(Value::from_json(&number.into())?),
        types::Value::Real(number) => Some(Value::new(number)?),
        types::Value::Text(text) if text.is_empty() => None,
        other => return Err(format!("{other:?} is no value").into()),
    })
}
