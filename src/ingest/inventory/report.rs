//! Report of the inventory: the JSON of the API, which the CLI reads.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::claimed::{Claimed, Fault, Rule, Sensor, Series};
use super::proposal::{self, Proposal};
use super::shapes::{TopicShape, TopicShapes};
use crate::domain::{Presence, SensorId};

/// Report of the inventory.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DevicesReport {
    /// Start of counting, which is the start of the daemon.
    pub since: DateTime<Utc>,
    /// Address of the embedded broker; `None` without one.
    pub broker: Option<String>,
    /// Sensors by id, ascending.
    pub devices: Vec<DeviceReport>,
    /// Readings of sensors past the limit.
    pub unlisted_readings: u64,
    /// Rules in order of precedence.
    pub rules: Vec<RuleReport>,
    /// Shapes of unclaimed topics, by number of messages, descending.
    pub unclaimed: Vec<UnclaimedReport>,
    /// Messages on shapes past the limit.
    pub unlisted_messages: u64,
}

/// Report of a sensor.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeviceReport {
    /// Id of the sensor.
    pub sensor_id: String,
    /// Rule that claimed its last reading.
    pub rule: String,
    /// Time of receipt of its last reading; `None` if a broker replayed all of them.
    pub last_seen: Option<DateTime<Utc>>,
    /// Last availability, reported by the sensor or its gateway; `None` without a report.
    pub availability: Option<Presence>,
    /// Its quantities.
    pub quantities: Vec<SeriesReport>,
}

/// Report of one quantity of a sensor.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SeriesReport {
    /// Name of the quantity.
    pub quantity: String,
    /// Unit of the last reading.
    pub unit: String,
    /// Number of readings.
    pub readings: u64,
    /// Time of receipt of the last reading that was not replayed by a broker.
    pub last_seen: Option<DateTime<Utc>>,
}

/// Report of a rule.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RuleReport {
    /// Name of the rule.
    pub rule: String,
    /// Messages on its topics.
    pub messages: u64,
    /// Messages that were not meant as readings.
    pub ignored: u64,
    /// Messages of which nothing could be decoded.
    pub rejected: u64,
    /// Invalid values in messages with other, valid ones.
    pub rejected_parts: u64,
    /// Time of the last message.
    pub last_seen: Option<DateTime<Utc>>,
    /// Last fault: a rejected message or an invalid value.
    pub last_fault: Option<FaultReport>,
    /// Pointers of its table that found nothing in any message.
    pub never_there: Vec<String>,
}

/// Report of a rejected message, or of an invalid value of a message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FaultReport {
    /// Topic of the message.
    pub topic: String,
    /// Reason.
    pub why: String,
    /// Time of receipt.
    pub at: DateTime<Utc>,
}

/// Report of a shape of unclaimed topics.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UnclaimedReport {
    /// Shape: `+` stands for a level that names a device.
    pub shape: String,
    /// Number of messages.
    pub messages: u64,
    /// Time of the first message.
    pub first_seen: DateTime<Utc>,
    /// Time of the last message.
    pub last_seen: DateTime<Utc>,
    /// Topic of the last message.
    pub topic: String,
    /// Beginning of the last payload.
    pub payload: String,
    /// Whether the last payload is longer than `payload`.
    pub is_cut: bool,
    /// Keys of the payload.
    pub keys: Vec<String>,
    /// Proposed lines of configuration; `None` without a proposal.
    pub config: Option<String>,
    /// Note in addition to the proposal, or instead of one.
    pub note: Option<String>,
}

/// Reports of sensors and rules.
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
        // A line has the missing pointer first, then `; ` and what the message has instead.
        let (what, rest) = line.split_once("; ").map_or((&**line, ""), |(what, rest)| (what, rest));
        let rest = if rest.is_empty() { String::new() } else { format!("; {rest}") };
        format!("{what} in {} messages{rest}", rule.num_samples)
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

/// Reports of unclaimed shapes, with proposed configuration.
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
