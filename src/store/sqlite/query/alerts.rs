//! The alert events, and what is kept of alarms.

use std::io;

use chrono::{DateTime, Utc};
use r2d2_sqlite::rusqlite::types::ValueRef;
use r2d2_sqlite::rusqlite::{self, Row};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{History, QueryError, Terms, number, text};
use crate::domain::{AlarmState, AlertState, time};
use crate::store::sqlite::recall;

const ALERT_COLUMNS: &str = "id, alert_id, rule, alert_type, sensor_id, location, quantity, \
     value, unit, threshold, severity, state, message, timestamp, published_at, transition, \"by\", why, \
     announced";

/// The events that say whether an alarm stands; the others are the history of one that does, or doesn't.
const TELLING: &str = "(announced OR transition IS NULL
     OR transition IN ('raised', 'still-active', 'returned', 'closed', 'reset'))";

/// What the alarm system's own report measures: what people were told, and all ends. What was withheld, and
/// summaries, are no alarms that people were told.
const MEASURED: &str = "(announced OR (state = 'resolved' AND (transition IS NULL
     OR transition IN ('returned', 'closed', 'reset'))))
     AND alert_type <> 'FLOOD' AND alert_type NOT GLOB 'CHATTERING_*'";

/// Which alert events; `Default` is all of them.
#[derive(Debug, Clone, Default)]
pub struct AlertFilter {
    pub sensor: Option<String>,
    pub state: Option<AlertState>,
    /// At this time or later.
    pub since: Option<DateTime<Utc>>,
    /// After the event of this number.
    pub after_number: Option<u64>,
    /// Up to the event of this number.
    pub up_to_number: Option<u64>,
    /// At most so many, the newest of them.
    pub newest: Option<u64>,
    /// Only the events that raised an alert which still stands.
    pub standing: bool,
}

/// One row of `alerts`.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertRow {
    pub number: u64,
    pub alert_id: String,
    pub rule: String,
    pub alert_type: String,
    pub sensor_id: String,
    pub location: String,
    pub quantity: String,
    /// An integer where the reading carried one.
    pub value: serde_json::Value,
    pub unit: String,
    pub threshold: Option<f64>,
    pub severity: String,
    pub state: String,
    pub message: String,
    /// As it stands in the file.
    pub timestamp: String,
    pub published_at: Option<String>,
    /// What the alarm did; `None` in rows from before that was kept.
    pub transition: Option<String>,
    /// Who did it, where somebody did.
    pub by: Option<String>,
    pub why: Option<String>,
    /// Whether people were told.
    pub announced: bool,
}

/// An event with the fields it is published with, in their order, and then what only the file knows: the
/// quantity and unit by themselves, when the broker had it, what the alarm did, and by whose word.
impl Serialize for AlertRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("alert_type", &self.alert_type)?;
        map.serialize_entry("sensor_id", &self.sensor_id)?;
        map.serialize_entry("location", &self.location)?;
        map.serialize_entry(&self.quantity, &self.value)?;
        map.serialize_entry("threshold", &self.threshold)?;
        map.serialize_entry("message", &self.message)?;
        map.serialize_entry("timestamp", &self.timestamp)?;
        map.serialize_entry("severity", &self.severity)?;
        map.serialize_entry("alert_id", &self.alert_id)?;
        map.serialize_entry("rule", &self.rule)?;
        map.serialize_entry("state", &self.state)?;
        map.serialize_entry("quantity", &self.quantity)?;
        map.serialize_entry("unit", &self.unit)?;
        map.serialize_entry("published_at", &self.published_at)?;
        map.serialize_entry("transition", &self.transition)?;
        map.serialize_entry("by", &self.by)?;
        map.serialize_entry("why", &self.why)?;
        map.end()
    }
}

impl History {
    /// Hands on the alert events, oldest first, until `each` fails: in order of time, or of their numbers
    /// after a given one.
    ///
    /// # Errors
    /// When the file can't be read, or `each` failed.
    pub fn alerts(
        &self,
        filter: &AlertFilter,
        each: &mut dyn FnMut(AlertRow) -> io::Result<()>,
    ) -> Result<(), QueryError> {
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
        terms.add("id > ?", filter.after_number.map(u64::cast_signed));
        // The plus keeps SQLite from choosing the rows' order over the index by time.
        terms.add("+id <= ?", filter.up_to_number.map(u64::cast_signed));
        let select = format!("SELECT {ALERT_COLUMNS} FROM alerts{}", terms.sql());
        let by: &[_] = if filter.after_number.is_some() { &["id"] } else { &["timestamp", "id"] };
        let sql = terms.ordered(&select, by, filter.newest, false);
        self.each_row(&sql, terms, &mut |row| Ok(each(alert_row(row)?)?))
    }

    /// Hands on the alert events of all sensors before `until` that people were told, and all ends, in
    /// order of time, until `each` fails.
    ///
    /// # Errors
    /// When the file can't be read, or `each` failed.
    pub fn alerts_until(
        &self,
        until: DateTime<Utc>,
        each: &mut dyn FnMut(AlertRow) -> io::Result<()>,
    ) -> Result<(), QueryError> {
        let mut terms = Terms::default();
        terms.always(MEASURED);
        terms.add("timestamp < ?", Some(time::stored_bound(until)));
        let select = format!("SELECT {ALERT_COLUMNS} FROM alerts{}", terms.sql());
        let sql = terms.ordered(&select, &["timestamp", "id"], None, false);
        self.each_row(&sql, terms, &mut |row| Ok(each(alert_row(row)?)?))
    }

    /// The number of the last alert event ever stored; 0 for none.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn last_event(&self) -> Result<u64, QueryError> {
        Ok(recall::last_event(&*self.pool.get()?)?)
    }

    /// What evaluation keeps of its alarms, as it wrote it, by sensor and rule.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn alarm_states(&self) -> Result<Vec<AlarmState>, QueryError> {
        let mut states = recall::alarm_states(&*self.pool.get()?)?;
        states.sort_by(|a, b| (&a.sensor_id, &a.rule).cmp(&(&b.sensor_id, &b.rule)));
        Ok(states)
    }
}

/// Takes [`ALERT_COLUMNS`].
fn alert_row(row: &Row<'_>) -> rusqlite::Result<AlertRow> {
    Ok(AlertRow {
        number: row.get::<_, i64>(0)?.unsigned_abs(),
        alert_id: text(row, 1)?,
        rule: text(row, 2)?,
        alert_type: text(row, 3)?,
        sensor_id: text(row, 4)?,
        location: text(row, 5)?,
        quantity: text(row, 6)?,
        value: match row.get_ref(7)? {
            ValueRef::Integer(integer) => integer.into(),
            ValueRef::Real(real) => real.into(),
            _ => serde_json::Value::Null,
        },
        unit: text(row, 8)?,
        threshold: number(row, 9)?,
        severity: text(row, 10)?,
        state: text(row, 11)?,
        message: text(row, 12)?,
        timestamp: text(row, 13)?,
        published_at: Some(text(row, 14)?).filter(|at| !at.is_empty()),
        transition: Some(text(row, 15)?).filter(|text| !text.is_empty()),
        by: Some(text(row, 16)?).filter(|text| !text.is_empty()),
        why: Some(text(row, 17)?).filter(|text| !text.is_empty()),
        announced: number(row, 18)?.is_some_and(|flag| flag != 0.0),
    })
}
