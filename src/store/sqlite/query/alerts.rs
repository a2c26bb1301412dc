//! Queries of alert events and alarm states.

use std::io;
use std::ops::ControlFlow;

use chrono::{DateTime, Utc};
use r2d2_sqlite::rusqlite::{self, Row};

use super::{History, Terms};
use crate::alarms::report::{Change, Period, Tally, Transition};
use crate::domain::{AlarmKey, AlarmState, AlertState, time};
use crate::store::history::{AlarmReport, AlertFilter, QueryError, StoredAlert};
use crate::store::sqlite::events::{self, EVENT_COLUMNS};
use crate::store::sqlite::recall;

/// Alarm states per query: about 500 kB.
const STATES_AT_ONCE: usize = 1_000;

/// Condition for events that start or end an alert; others are details in between.
const TELLING: &str = "(announced OR transition IS NULL
     OR transition IN ('raised', 'still-active', 'returned', 'closed', 'reset'))";

/// Condition for events that the alarm report measures: announced ones, and all ends. Withheld events and summaries
/// are not alarms that people were notified of.
const MEASURED: &str = "(announced OR (state = 'resolved' AND (transition IS NULL
     OR transition IN ('returned', 'closed', 'reset'))))
     AND alert_type <> 'FLOOD' AND alert_type NOT GLOB 'CHATTERING_*'";

impl History {
    /// Passes the alert events, oldest first, to `each` until it fails: by time, or by number after a given one.
    /// Returns the number of unreadable rows.
    ///
    /// # Errors
    /// If the file can't be read, or `each` failed.
    pub fn alerts(
        &self,
        filter: &AlertFilter,
        each: &mut dyn FnMut(StoredAlert) -> io::Result<()>,
    ) -> Result<u64, QueryError> {
        let mut terms = Terms::default();
        if filter.standing {
            terms.always(
                "id IN (SELECT min(a.id) FROM standing_alerts s JOIN alerts a
                 ON a.timestamp = s.since AND a.alert_id = s.alert_id GROUP BY s.alert_id)",
            );
        }
        terms.add("sensor_id = ?", filter.sensor.clone());
        if filter.state == Some(AlertState::Resolved) {
            terms.always(TELLING);
        }
        terms.add("state = ?", filter.state.map(|state| state.as_str().to_owned()));
        terms.add("timestamp >= ?", filter.since.map(time::stored_bound));
        terms.add("timestamp < ?", filter.until.map(time::stored_bound));
        terms.add("id > ?", filter.after_number.map(u64::cast_signed));
        let by_number = filter.by_number || filter.after_number.is_some();
        // The plus keeps SQLite from preferring the row order over the index by time.
        let up_to = if by_number { "id <= ?" } else { "+id <= ?" };
        terms.add(up_to, filter.up_to_number.map(u64::cast_signed));
        let select = select() + &terms.sql();
        let by: &[_] = if by_number { &["id"] } else { &["timestamp", "id"] };
        let sql = terms.ordered(&select, by, filter.newest, false);
        self.each_alert(&sql, terms, each)
    }

    /// Passes the announced alert events of all sensors before `until`, and all ends, by time, to `each` until it
    /// fails. Returns the number of unreadable rows.
    ///
    /// # Errors
    /// If the file can't be read, or `each` failed.
    pub fn alerts_until(
        &self,
        until: DateTime<Utc>,
        each: &mut dyn FnMut(StoredAlert) -> io::Result<()>,
    ) -> Result<u64, QueryError> {
        let mut terms = Terms::default();
        terms.always(MEASURED);
        terms.add("timestamp < ?", Some(time::stored_bound(until)));
        let select = select() + &terms.sql();
        let sql = terms.ordered(&select, &["timestamp", "id"], None, false);
        self.each_alert(&sql, terms, each)
    }

    /// Measures the alarm system over a period, from the stored alert events; `is_late` ends it early.
    ///
    /// # Errors
    /// If the file can't be read, or `is_late` returned true.
    pub fn alarm_report(
        &self,
        period: Period,
        is_late: &dyn Fn() -> bool,
    ) -> Result<AlarmReport, QueryError> {
        let mut tally = Tally::new(period);
        let unreadable = self.alerts_until(period.to(), &mut |row| {
            tally.take(&measured(row));
            if is_late() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
        })?;
        Ok(AlarmReport { unreadable, measures: tally.finish() })
    }

    /// Hands on the readable rows; returns the number of the others.
    fn each_alert(
        &self,
        sql: &str,
        terms: Terms,
        each: &mut dyn FnMut(StoredAlert) -> io::Result<()>,
    ) -> Result<u64, QueryError> {
        let mut num_unreadable = 0;
        self.each_row(sql, terms, &mut |row| {
            match stored_alert(row)? {
                Some(alert) => each(alert)?,
                None => num_unreadable += 1,
            }
            Ok(())
        })?;
        Ok(num_unreadable)
    }

    /// The number of the last alert event ever stored; 0 for none.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn last_event(&self) -> Result<u64, QueryError> {
        Ok(recall::last_event(&*self.pool.get()?)?)
    }

    /// Stored alarm states, by sensor and rule, after an alarm. Passes one at a time until told to stop.
    ///
    /// # Errors
    /// If the file can't be read, or `each` fails.
    pub fn alarm_states(
        &self,
        after: Option<&AlarmKey>,
        each: &mut dyn FnMut(AlarmState) -> io::Result<ControlFlow<()>>,
    ) -> Result<(), QueryError> {
        let connection = self.pool.get()?;
        let mut after = after.map(|it| (it.sensor_id.as_str().into(), it.rule.clone()));
        loop {
            // In pages: no read transaction stays open while a client reads slowly.
            let (states, last) =
                recall::alarm_states_after(&connection, after.as_ref(), STATES_AT_ONCE)?;
            for state in states {
                if each(state)?.is_break() {
                    return Ok(());
                }
            }
            if last.is_none() {
                return Ok(());
            }
            after = last;
        }
    }
}

/// Transition of an event, as the report measures it.
fn measured(StoredAlert { event, .. }: StoredAlert) -> Transition {
    Transition {
        at: event.timestamp,
        rule: event.rule,
        sensor_id: event.sensor_id.as_str().into(),
        location: event.location.as_str().into(),
        priority: Some(event.severity),
        change: match event.state {
            AlertState::Active => Change::Raised,
            AlertState::Resolved => Change::Returned,
        },
    }
}

/// Columns for [`stored_alert`].
fn select() -> String {
    format!("SELECT {}, published_at FROM alerts", *EVENT_COLUMNS)
}

/// `None` for a row that is no alert event: someone edited it.
fn stored_alert(row: &Row<'_>) -> rusqlite::Result<Option<StoredAlert>> {
    let Ok(event) = events::read(row) else { return Ok(None) };
    let (timestamp, published_at) = (row.get("timestamp")?, row.get("published_at")?);
    Ok(Some(StoredAlert { event, timestamp, published_at }))
}
