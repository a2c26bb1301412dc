//! Queries on the history and their results: the neutral side of [`History`](super::History).

use std::io;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::rollups::{Bucket, Columns, MINUTE_MS, Tier};
use crate::alarms::report::Measures;
use crate::domain::{
    AlertEvent, AlertState, Location, Quantity, Reading, SensorId, Unit, Value, time,
};
use crate::wire;

/// Why a query ended early.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The file can't be read; holds the cause.
    #[error("can't read the database: {0}")]
    Database(String),
    /// The consumer of the rows failed.
    #[error(transparent)]
    Output(#[from] io::Error),
}

/// Which readings; `Default` is all of them, oldest first.
#[derive(Debug, Clone, Default)]
pub struct ReadingFilter {
    /// Sensor id, exact match; `None` for all sensors.
    pub sensor: Option<String>,
    /// Name of the quantity; `None` for all quantities.
    pub quantity: Option<String>,
    /// Earliest time, included; `None` for no bound.
    pub since: Option<DateTime<Utc>>,
    /// Latest time, excluded; `None` for no bound.
    pub until: Option<DateTime<Utc>>,
    /// Row limit; keeps the newest.
    pub newest: Option<u64>,
    /// Whether rows are ordered newest first.
    pub newest_first: bool,
}

/// One row of the view `readings`.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ReadingRow {
    /// Sensor that measured.
    pub sensor_id: String,
    /// Location in the reading; may be empty.
    pub location: String,
    /// Name of the quantity.
    pub quantity: String,
    /// Measured value, in `unit`; `None` if the column is NULL.
    pub value: Option<f64>,
    /// Unit of the value, as the sensor gave it.
    pub unit: String,
    /// Time of the reading as stored, with or without its zone.
    pub timestamp: String,
    /// Whether the reading itself broke an alarm rule.
    pub alert_triggered: bool,
}

impl ReadingRow {
    /// Reading of the row; `None` for a row of another program that holds none.
    #[must_use]
    pub fn reading(&self) -> Option<Reading> {
        Some(Reading {
            sensor_id: SensorId::new(&self.sensor_id).ok()?,
            location: Location::new(&self.location),
            quantity: Quantity::new(&self.quantity).ok()?,
            value: Value::new(self.value?).ok()?,
            unit: Unit::new(&self.unit),
            timestamp: time::parse_stored(&self.timestamp)?,
        })
    }
}

/// Buckets of one series over a span of time, for a chart.
#[derive(Debug, Clone)]
pub struct BucketQuery {
    /// Sensor.
    pub sensor_id: SensorId,
    /// Quantity.
    pub quantity: Quantity,
    /// Beginning of the span.
    pub from: DateTime<Utc>,
    /// End of the span, excluded.
    pub until: DateTime<Utc>,
    /// Column limit; 2 or more.
    pub px: u16,
}

/// Source of the buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BucketSource {
    /// Readings.
    Raw,
    /// Buckets of a minute.
    Minute,
    /// Buckets of 15 minutes.
    Quarter,
    /// Buckets of an hour.
    Hour,
}

impl From<Tier> for BucketSource {
    fn from(tier: Tier) -> Self {
        match tier {
            Tier::Minute => Self::Minute,
            Tier::Quarter => Self::Quarter,
            Tier::Hour => Self::Hour,
        }
    }
}

/// Answer to a [`BucketQuery`]: columns of equal length, in order of time, as JSON carries them.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct BucketColumns {
    /// Sensor.
    pub sensor_id: String,
    /// Quantity.
    pub quantity: String,
    /// Unit of the sensor's last reading.
    pub unit: String,
    /// Beginning of the first bucket, in ms since 1970.
    pub t0: i64,
    /// Length of each bucket in seconds.
    pub step: i64,
    /// Source of the buckets.
    pub source: BucketSource,
    /// Statistics of each bucket.
    #[serde(flatten)]
    pub values: BucketValues,
    /// Number of readings in each bucket.
    pub n: Vec<u64>,
}

/// Statistics of consecutive buckets; `None` for gaps.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize)]
pub struct BucketValues {
    /// Smallest values.
    pub min: Vec<Option<f64>>,
    /// Largest values.
    pub max: Vec<Option<f64>>,
    /// Mean values.
    pub mean: Vec<Option<f64>>,
}

impl BucketValues {
    pub(super) fn new(columns: &Columns) -> Self {
        let of = |value: fn(&Bucket) -> f64| {
            columns.buckets.iter().map(|bucket| bucket.as_ref().map(value)).collect()
        };
        Self { min: of(Bucket::min), max: of(Bucket::max), mean: of(Bucket::mean) }
    }
}

/// The last hour of some series, by minute.
#[derive(Debug, Clone, PartialEq)]
pub struct Sparklines {
    /// Beginning of the first minute, in ms since 1970.
    pub t0: i64,
    /// In the order requested, each of [`Sparklines::LEN`] minutes, the last of which is incomplete; `None` for a
    /// series without stored readings.
    pub series: Vec<Option<BucketValues>>,
}

impl Sparklines {
    /// Minutes of a sparkline.
    pub const LEN: usize = 60;
    /// Length of a bucket in seconds.
    pub const STEP: i64 = MINUTE_MS / 1000;
}

/// The messages that could not be used.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RejectedMessages {
    /// Messages rejected over the life of the database, including deleted ones.
    pub total: u64,
    /// The newest of them, newest first.
    #[serde(rename = "rejected")]
    pub newest: Vec<RejectedRow>,
}

/// A message that could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RejectedRow {
    /// Receipt time as stored, with or without its zone.
    pub at: String,
    /// Topic of the message.
    pub topic: String,
    /// First 4 KiB of the payload; invalid UTF-8 is replaced.
    pub payload: String,
    /// Length of the payload.
    pub payload_bytes: u64,
    /// Why it could not be used.
    pub reason: String,
}

/// Which alert events; `Default` is all of them.
#[derive(Debug, Clone, Default)]
pub struct AlertFilter {
    /// Sensor id, exact match; `None` for all sensors.
    pub sensor: Option<String>,
    /// State the event announced; `None` for both.
    pub state: Option<AlertState>,
    /// Earliest time, included; `None` for no bound.
    pub since: Option<DateTime<Utc>>,
    /// Latest time, excluded; `None` for no bound.
    pub until: Option<DateTime<Utc>>,
    /// Number of the last event before the first row, excluded; `None` for no bound.
    pub after_number: Option<u64>,
    /// Number of the last event, included; `None` for no bound.
    pub up_to_number: Option<u64>,
    /// Whether rows are in the order of their numbers, which pages are cut by, and not of their times.
    pub by_number: bool,
    /// Row limit; keeps the newest.
    pub newest: Option<u64>,
    /// Only events that raised a still active alert.
    pub standing: bool,
}

/// A stored alert event.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredAlert {
    /// The event.
    pub event: AlertEvent,
    /// Time of the event as stored, with or without its zone.
    pub timestamp: String,
    /// Time of the completed delivery to the broker, as stored; `None` before it.
    pub published_at: Option<String>,
}

/// How well the alarm system did, from the stored alert events.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AlarmReport {
    /// Stored events whose time or state can't be read; they are not measured.
    pub unreadable: u64,
    /// The measures.
    #[serde(flatten)]
    pub measures: Measures,
}

/// The published fields of the event, in their order, followed by those that only storage has: quantity and unit,
/// time of publication, the alarm's transition, and the operator.
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
