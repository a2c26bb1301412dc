//! Conversion of rows to the resume point of evaluation, and to alerts to publish.
//!
//! An unreadable row (edited by hand) is logged and skipped: it must not keep the others from being published.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use r2d2_sqlite::rusqlite::{self, Connection, Row};

use super::columns::{Unreadable, moment, text};
use super::events::{self, EVENT_COLUMNS};
use crate::domain::{AlarmState, AlertEvent, Quantity, SensorId, StandingAlert};
use crate::store::ledger::PendingQuery;

pub(in crate::store) static PENDING_SQL: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM alerts INDEXED BY alerts_pending
         WHERE announced AND published_at IS NULL AND id > ?1 ORDER BY id",
        *EVENT_COLUMNS
    )
});

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
                log::error!(target: "vigie::storage", "a row of standing_alerts can't be read: {error}");
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

/// Number of the last stored alert event, which may have been deleted since.
pub(in crate::store) fn last_event(connection: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT max(coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'alerts'), 0),
        (SELECT coalesce(max(id), 0) FROM alerts))";
    let last: i64 = connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(last.unsigned_abs())
}

/// Sensor and rule of a row.
pub(in crate::store) type StateKey = (Arc<str>, Arc<str>);

/// Alarms with stored state, by sensor and rule: up to `at_most` rows after a row, and the last of these, if there
/// may be more.
pub(in crate::store) fn alarm_states_after(
    connection: &Connection,
    after: Option<&StateKey>,
    at_most: usize,
) -> rusqlite::Result<(Vec<AlarmState>, Option<StateKey>)> {
    let mut select = connection.prepare_cached(
        "SELECT sensor_id, rule, state FROM alarm_states WHERE (sensor_id, rule) > (?1, ?2)
         ORDER BY sensor_id, rule LIMIT ?3",
    )?;
    // No sensor's id is empty.
    let (sensor, rule) = after.map_or(("", ""), |(sensor, rule)| (&**sensor, &**rule));
    let mut rows = select.query((sensor, rule, i64::try_from(at_most).unwrap_or(i64::MAX)))?;
    let (mut alarms, mut num_rows, mut last) = (Vec::new(), 0, None);
    while let Some(row) = rows.next()? {
        num_rows += 1;
        last = Some((text(row, 0)?, text(row, 1)?));
        alarms.extend(readable(row));
    }
    Ok((alarms, last.filter(|_| num_rows == at_most)))
}

/// All alarms with stored state.
pub(in crate::store) fn alarm_states(connection: &Connection) -> rusqlite::Result<Vec<AlarmState>> {
    let mut select =
        connection.prepare_cached("SELECT sensor_id, rule, state FROM alarm_states")?;
    let mut rows = select.query([])?;
    let mut alarms = Vec::new();
    while let Some(row) = rows.next()? {
        alarms.extend(readable(row));
    }
    Ok(alarms)
}

fn readable(row: &Row<'_>) -> Option<AlarmState> {
    let why = |error: &Unreadable| {
        log::error!(target: "vigie::storage", "a row of alarm_states can't be read: {error}");
    };
    alarm_state(row).inspect_err(why).ok()
}

fn alarm_state(row: &Row<'_>) -> Result<AlarmState, Unreadable> {
    let sensor_id = SensorId::new(&text(row, 0)?)?;
    Ok(AlarmState { sensor_id, rule: text(row, 1)?, state: Some(row.get(2)?) })
}
