//! What has been heard, for people to see: as the API has it, and the commands read it.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::claimed::{Claimed, Fault, Rule, Sensor, Series};
use super::proposal::{self, Proposal};
use super::shapes::{TopicShape, TopicShapes};
use crate::domain::{Presence, SensorId};

/// What has been heard since a time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DevicesReport {
    /// Start of the daemon: nothing from before is counted.
    pub since: DateTime<Utc>,
    /// Where the embedded broker listens; `None` without one.
    pub broker: Option<String>,
    /// Sensors in the order of their ids.
    pub devices: Vec<DeviceReport>,
    /// Readings of sensors for which there was no room.
    pub unlisted_readings: u64,
    /// Rules in the order in which they are asked.
    pub rules: Vec<RuleReport>,
    /// Topics that no rule takes, by shape; those with the most messages first.
    pub unclaimed: Vec<UnclaimedReport>,
    /// Messages on shapes for which there was no room.
    pub unlisted_messages: u64,
}

/// A sensor that was heard.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeviceReport {
    /// Id of the sensor.
    pub sensor_id: String,
    /// Rule that took its last reading.
    pub rule: String,
    /// Receipt of its last reading; `None` where a broker replayed all of them.
    pub last_seen: Option<DateTime<Utc>>,
    /// Last availability that it or its gateway reported; `None` without a report.
    pub availability: Option<Presence>,
    /// What it measures.
    pub quantities: Vec<SeriesReport>,
}

/// A quantity of a sensor.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SeriesReport {
    /// Name of the quantity.
    pub quantity: String,
    /// Unit of the last reading.
    pub unit: String,
    /// Readings.
    pub readings: u64,
    /// Receipt of the last one.
    pub last_seen: Option<DateTime<Utc>>,
}

/// What a rule took.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RuleReport {
    /// Name of the rule.
    pub rule: String,
    /// Messages on its topics.
    pub messages: u64,
    /// Messages that were not meant as readings.
    pub ignored: u64,
    /// Messages of which nothing can be used.
    pub rejected: u64,
    /// Values that can't be used, of messages of which others can.
    pub rejected_parts: u64,
    /// Time of the last message.
    pub last_seen: Option<DateTime<Utc>>,
    /// What could not be used last.
    pub last_fault: Option<FaultReport>,
    /// What its table points to and no message has.
    pub never_there: Vec<String>,
}

/// A message, or a value of it, that can't be used.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FaultReport {
    /// Topic of the message.
    pub topic: String,
    /// Why.
    pub why: String,
    /// Time of receipt.
    pub at: DateTime<Utc>,
}

/// A shape of topics that no rule takes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UnclaimedReport {
    /// Shape: `+` stands for a level that names a device.
    pub shape: String,
    /// Messages.
    pub messages: u64,
    /// Time of the first message.
    pub first_seen: DateTime<Utc>,
    /// Time of the last message.
    pub last_seen: DateTime<Utc>,
    /// Topic of the last message.
    pub topic: String,
    /// Beginning of its payload.
    pub payload: String,
    /// Whether the payload is longer.
    pub is_cut: bool,
    /// Keys of the payload.
    pub keys: Vec<String>,
    /// Lines of configuration that take it, as far as they can be told.
    pub config: Option<String>,
    /// What else is to be said of it.
    pub note: Option<String>,
}

/// Sensors and rules.
pub(super) fn claimed(claimed: &Claimed) -> (Vec<DeviceReport>, Vec<RuleReport>) {
    let device = |(id, sensor): (&SensorId, &Sensor)| DeviceReport {
        sensor_id: id.as_str().to_owned(),
        rule: claimed.rules.get(sensor.rule).map_or_else(String::new, |rule| rule.name.to_string()),
        last_seen: sensor.series.iter().filter_map(|it| it.last_seen).max(),
        availability: claimed.availability.of(id),
        quantities: sensor.series.iter().map(series).collect(),
    };
    let mut devices: Vec<_> = claimed.sensors.iter().map(device).collect();
    devices.sort_by(|a, b| a.sensor_id.cmp(&b.sensor_id));
    (devices, claimed.rules.iter().map(rule).collect())
}

fn series(series: &Series) -> SeriesReport {
    SeriesReport {
        quantity: series.quantity.as_str().to_owned(),
        unit: series.unit.as_str().to_owned(),
        readings: series.readings,
        last_seen: series.last_seen,
    }
}

fn rule(rule: &Rule) -> RuleReport {
    let fault = |fault: &Fault| FaultReport {
        topic: fault.topic.clone(),
        why: fault.why.clone(),
        at: fault.at,
    };
    let never = |line: &String| {
        // What is missing stands before what is there instead.
        let (what, rest) = line.split_once("; ").map_or((&**line, ""), |(what, rest)| (what, rest));
        let rest = if rest.is_empty() { String::new() } else { format!("; {rest}") };
        format!("{what} in {} messages{rest}", rule.looked_at)
    };
    RuleReport {
        rule: rule.name.to_string(),
        messages: rule.messages,
        ignored: rule.ignored,
        rejected: rule.rejected,
        rejected_parts: rule.rejected_parts,
        last_seen: rule.last_seen,
        last_fault: rule.last_fault.as_ref().map(fault),
        never_there: rule.misses.iter().map(never).collect(),
    }
}

/// Shapes, with the lines of configuration that would take them.
#[must_use]
pub fn unclaimed<T: Default>(shapes: &mut TopicShapes<T>) -> Vec<UnclaimedReport> {
    shapes.refresh();
    let shapes = shapes.sorted();
    let proposals = proposal::all(&shapes);
    shapes
        .into_iter()
        .zip(proposals)
        .map(|(shape, proposal)| shape_report(shape, proposal))
        .collect()
}

fn shape_report<T>(shape: &TopicShape<T>, proposal: Proposal) -> UnclaimedReport {
    UnclaimedReport {
        shape: shape.text(),
        messages: shape.count,
        first_seen: shape.first_seen,
        last_seen: shape.last_seen,
        topic: shape.topic.clone(),
        payload: String::from_utf8_lossy(&shape.payload).into_owned(),
        is_cut: shape.is_cut,
        keys: shape.structure.keys(),
        config: proposal.config,
        note: proposal.note.map(Cow::into_owned),
    }
}
