//! Rows back to what the daemon's other parts ask for: where evaluation goes on, alerts to publish.
//!
//! A row that can't be read (someone edited it) is logged and passed over: one bad row must not
//! keep the others from being published.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use r2d2_sqlite::rusqlite::{self, Connection, Row};

use super::events::{self, EVENT_COLUMNS};
use crate::domain::{
    AlarmState, AlertEvent, Location, Quantity, Reading, SensorId, StandingAlert, Unit, Value, time,
};
use crate::store::ledger::{PendingQuery, Progress};

pub(in crate::store) static PENDING_SQL: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM alerts INDEXED BY alerts_pending
         WHERE announced AND published_at IS NULL AND id > ?1 ORDER BY id",
        *EVENT_COLUMNS
    )
});

/// Readings of each table to recognise a redelivery by and to fill the windows of rules with: many times
/// what brokers and devices have in flight, and a few megabytes to hold for a moment.
const RECENT: i64 = 16_384;

const RECENT_SQL: [&str; 2] = [
    "SELECT sensor_id, location, quantity, value, unit, timestamp
     FROM quantity_readings ORDER BY id DESC LIMIT ?1",
    "SELECT r.sensor_id, r.location, 'temperature', r.temperature, coalesce(s.unit, ''), r.timestamp
     FROM sensor_readings r
     LEFT JOIN sensors s ON s.sensor_id = r.sensor_id AND s.quantity = 'temperature'
     ORDER BY r.id DESC LIMIT ?1",
];

/// Why a row is no alert.
pub(in crate::store) type Unreadable = Box<dyn std::error::Error>;

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

/// The oldest announced events that are not published.
pub(in crate::store) fn pending_alerts(
    connection: &Connection,
    which: &PendingQuery<'_>,
) -> rusqlite::Result<Vec<AlertEvent>> {
    let PendingQuery { after, at_most, except } = *which;
    let except: HashSet<&str> = except.iter().map(Quantity::as_str).collect();
    let mut select = connection.prepare_cached(&PENDING_SQL)?;
    let mut rows = select.query([after.cast_signed()])?;
    let mut alerts = Vec::new();
    while alerts.len() < at_most {
        let Some(row) = rows.next()? else { break };
        let quantity = row.get_ref("quantity")?.as_str().unwrap_or_default();
        if !except.contains(quantity) {
            alerts.extend(events::readable(row)?);
        }
    }
    Ok(alerts)
}

fn standing_alert(row: &Row<'_>) -> Result<StandingAlert, Unreadable> {
    Ok(StandingAlert {
        alert_id: text(row, 0)?,
        rule: text(row, 1)?,
        sensor_id: SensorId::new(&text(row, 2)?)?,
        since: moment(row, 3)?,
    })
}

/// How far the file reaches.
pub(in crate::store) fn progress(connection: &Connection) -> rusqlite::Result<Progress> {
    let last_event = last_event(connection)?;
    connection.prepare_cached("SELECT number, position, watch_us FROM ingest_position")?.query_row(
        [],
        |row| {
            let count = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
            let (batch, position) = (count(0)?, count(1)?);
            Ok(Progress { batch, position, watch: Duration::from_micros(count(2)?), last_event })
        },
    )
}

/// The number of the last alert event ever stored, though it may have been deleted since.
pub(in crate::store) fn last_event(connection: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'alerts'), 0),
        (SELECT coalesce(max(id), 0) FROM alerts))";
    let last: i64 = connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(last.unsigned_abs())
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

/// The last readings of each table, in the order they were stored.
pub(in crate::store) fn recent(connection: &Connection) -> rusqlite::Result<Vec<Reading>> {
    let mut recent = Vec::new();
    for sql in RECENT_SQL {
        let mut select = connection.prepare_cached(sql)?;
        let mut rows = select.query([RECENT])?;
        while let Some(row) = rows.next()? {
            recent.extend(reading(row));
        }
    }
    recent.reverse();
    Ok(recent)
}

/// Takes the columns of [`RECENT_SQL`]. A row that is no reading of Vigie's own can't come again either,
/// and has no rules.
fn reading(row: &Row<'_>) -> Option<Reading> {
    let text = |column| row.get_ref(column).ok()?.as_str().ok();
    Some(Reading {
        sensor_id: SensorId::new(text(0)?).ok()?,
        location: Location::new(text(1).unwrap_or_default()),
        quantity: Quantity::new(text(2)?).ok()?,
        value: Value::new(row.get(3).ok()?).ok()?,
        unit: Unit::new(text(4)?),
        timestamp: time::parse_stored(text(5)?)?,
    })
}

pub(in crate::store) fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<Arc<str>> {
    row.get(column)
}

pub(in crate::store) fn moment(row: &Row<'_>, column: usize) -> Result<DateTime<Utc>, Unreadable> {
    let text = text(row, column)?;
    time::parse_stored(&text).ok_or_else(|| format!("`{text}` is no timestamp").into())
}
