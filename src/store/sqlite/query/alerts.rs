//! The alert events, and what is kept of alarms.

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

/// States of alarms read at a time: some 500 kB.
const STATES_AT_ONCE: usize = 1_000;

/// The events that say whether an alarm stands; the others are the history of one that does, or doesn't.
const TELLING: &str = "(announced OR transition IS NULL
     OR transition IN ('raised', 'still-active', 'returned', 'closed', 'reset'))";

/// What the alarm system's own report measures: what people were told, and all ends. What was withheld, and
/// summaries, are no alarms that people were told.
const MEASURED: &str = "(announced OR (state = 'resolved' AND (transition IS NULL
     OR transition IN ('returned', 'closed', 'reset'))))
     AND alert_type <> 'FLOOD' AND alert_type NOT GLOB 'CHATTERING_*'";

impl History {
    /// Hands on the alert events, oldest first, until `each` fails: in order of time, or of their numbers
    /// after a given one. Returns the number of rows that can't be read.
    ///
    /// # Errors
    /// When the file can't be read, or `each` failed.
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
        // The plus keeps SQLite from choosing the rows' order over the index by time.
        let up_to = if by_number { "id <= ?" } else { "+id <= ?" };
        terms.add(up_to, filter.up_to_number.map(u64::cast_signed));
        let select = select() + &terms.sql();
        let by: &[_] = if by_number { &["id"] } else { &["timestamp", "id"] };
        let sql = terms.ordered(&select, by, filter.newest, false);
        self.each_alert(&sql, terms, each)
    }

    /// Hands on the alert events of all sensors before `until` that people were told, and all ends, in
    /// order of time, until `each` fails. Returns the number of rows that can't be read.
    ///
    /// # Errors
    /// When the file can't be read, or `each` failed.
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
    /// When the file can't be read, or `is_late` said so.
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
    /// When the file can't be read.
    pub fn last_event(&self) -> Result<u64, QueryError> {
        Ok(recall::last_event(&*self.pool.get()?)?)
    }

    /// What evaluation keeps of its alarms, as it wrote it, by sensor and rule; those after an alarm. Hands out one at a
    /// time, until it is told to stop.
    ///
    /// # Errors
    /// When the file can't be read, or `each` fails.
    pub fn alarm_states(
        &self,
        after: Option<&AlarmKey>,
        each: &mut dyn FnMut(AlarmState) -> io::Result<ControlFlow<()>>,
    ) -> Result<(), QueryError> {
        let connection = self.pool.get()?;
        let mut after = after.map(|it| (it.sensor_id.as_str().into(), it.rule.clone()));
        loop {
            // In pieces: no reading transaction stays open while somebody writes slowly.
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

/// An event as the report measures it.
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

/// What [`stored_alert`] takes.
fn select() -> String {
    format!("SELECT {}, published_at FROM alerts", *EVENT_COLUMNS)
}

/// `None` for a row that is no alert event: someone edited it.
fn stored_alert(row: &Row<'_>) -> rusqlite::Result<Option<StoredAlert>> {
    let Ok(event) = events::read(row) else { return Ok(None) };
    let (timestamp, published_at) = (row.get("timestamp")?, row.get("published_at")?);
    Ok(Some(StoredAlert { event, timestamp, published_at }))
}
