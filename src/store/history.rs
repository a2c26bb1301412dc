//! What people may ask of the history, and what they get: the neutral side of [`History`](super::History).

use std::io;

use chrono::{DateTime, Utc};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::domain::{AlertEvent, AlertState};
use crate::wire;

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

/// An alert event as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredAlert {
    pub event: AlertEvent,
    /// As it stands in the file, with its zone or without.
    pub timestamp: String,
    /// When the broker had it.
    pub published_at: Option<String>,
}

/// An event with the fields it is published with, in their order, and then what only storage has: the quantity
/// and unit by themselves, when the broker had it, the alarm's transition, and the operator.
impl Serialize for StoredAlert {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { event, timestamp, published_at } = self;
        let operator = event.operator.as_ref();
        let mut map = serializer.serialize_map(None)?;
        wire::write_alert(&mut map, event, timestamp)?;
        map.serialize_entry("quantity", event.quantity.as_str())?;
        map.serialize_entry("unit", event.unit.as_str())?;
        map.serialize_entry("published_at", published_at)?;
        map.serialize_entry("transition", event.change.as_str())?;
        map.serialize_entry("by", &operator.map(|operator| &*operator.by))?;
        map.serialize_entry("why", &operator.and_then(|operator| operator.why.as_deref()))?;
        map.end()
    }
}
