//! What people may ask of the history, and what they get: the neutral side of [`History`](super::History).

use std::io;

use chrono::{DateTime, Utc};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::domain::AlertState;

/// Why a query ended early.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    #[error("can't read the database: {0}")]
    Database(String),
    /// The consumer of the rows failed.
    #[error(transparent)]
    Output(#[from] io::Error),
}

/// Which readings; `Default` is all of them, oldest first.
#[derive(Debug, Clone, Default)]
pub struct ReadingFilter {
    pub sensor: Option<String>,
    pub quantity: Option<String>,
    /// At this time or later.
    pub since: Option<DateTime<Utc>>,
    /// Before this time.
    pub until: Option<DateTime<Utc>>,
    /// At most so many, the newest of them.
    pub newest: Option<u64>,
    pub newest_first: bool,
}

/// One row of the view `readings`.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ReadingRow {
    pub sensor_id: String,
    pub location: String,
    pub quantity: String,
    pub value: Option<f64>,
    pub unit: String,
    /// As it stands in the file.
    pub timestamp: String,
    pub alert_triggered: bool,
}

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
