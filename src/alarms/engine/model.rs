//! What the engine returns, and what it resumes from.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::alarms::machine::Transition;
use crate::alarms::quiet::Summary;
use crate::alarms::rule::Rule;
use crate::domain::{
    AlarmState, Ingress, ListeningClocks, Location, Operator, Quantity, ReadingCounts, SensorId,
    SeriesState, StandingAlert, Unit, Value,
};

/// Transition of an alarm, or a summary of several, with all attributes of an alert event.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Rule of the alarm.
    pub rule: Arc<Rule>,
    /// `HIGH_TEMPERATURE`, …
    pub alert_type: Arc<str>,
    /// Limit that the rule sets, in the unit of [`Kind::threshold`](crate::alarms::rule::Kind::threshold), converted into that of
    /// the value.
    pub threshold: f64,
    /// Id of the alert, from its raise to its return.
    pub alert_id: Arc<str>,
    /// Sensor of the alarm's series; `*` for what concerns all alarms.
    pub sensor_id: SensorId,
    /// Location in the sensor's newest reading; may be empty.
    pub location: Location,
    /// Unit of the value.
    pub unit: Unit,
    /// Newest value of the series; `None` without any reading.
    pub value: Option<Value>,
    /// Change of the alarm, with the state it led to.
    pub transition: Transition,
    /// Whether its sensor was reported offline.
    pub is_offline: bool,
    /// Summary, if it isn't the transition of one alarm.
    pub summary: Option<Summary>,
    /// True for an end that would be announced if its rule announced ends.
    pub is_silent_end: bool,
    /// Whether it is part of a flood.
    pub in_flood: bool,
    /// Operator who caused it; `None` for all others.
    pub operator: Option<Operator>,
}

/// Verdict on one reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Whether the reading itself violates a rule, regardless of delays.
    pub is_broken: bool,
    /// Newest time of the series before, if its clock went back with this reading.
    pub clock_went_back_from: Option<DateTime<Utc>>,
    /// Whether it was not judged because [`MOST_SERIES`](super::MOST_SERIES) is reached.
    pub is_one_too_many: bool,
    /// Whether its unit does not convert into that of a rule: by a strict rule it was not judged.
    pub is_unfit: bool,
}

/// Stored state that an engine resumes from, as of one commit.
#[derive(Debug, Default)]
pub struct StoredState {
    /// Listening clocks, one for each way in.
    pub clocks: ListeningClocks,
    /// Wall clock at the last record; `None` as an earlier version left it.
    pub received_at: Option<DateTime<Utc>>,
    /// Ingress of state that an earlier version stored with a single listening clock.
    pub former_ingress: Ingress,
    /// Last checkpoints.
    pub series: Vec<SeriesState>,
    /// Readings stored since the oldest checkpoint that others were stored after.
    pub since_checkpoints: ReadingCounts,
    /// Stored states of alarms.
    pub alarms: Vec<AlarmState>,
    /// Active alerts by their events.
    pub standing: Vec<StandingAlert>,
}

/// A series that is expected to send readings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Sensor that should send readings.
    pub sensor_id: SensorId,
    /// Measured quantity.
    pub quantity: Quantity,
    /// Location, until a reading has another; may be empty.
    pub location: Location,
    /// Unit, until a reading has another.
    pub unit: Unit,
}
