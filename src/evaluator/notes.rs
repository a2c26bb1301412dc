//! What a record brought beside what is stored of it. Pure.

use chrono::{DateTime, Utc};

use crate::alarms::units::UnitNotice;
use crate::domain::{ActionRecord, Measurement, Position, SensorId};

/// Something that the log of the daemon should say.
#[derive(Debug)]
pub(super) enum Note {
    /// A reading that was stored already.
    Redelivered(SensorId),
    /// The readings of a sensor were late for so long that its clock must have gone back.
    ClockWentBack { sensor_id: SensorId, from: DateTime<Utc>, to: DateTime<Utc> },
    /// A sensor is not judged: there are too many others.
    OneTooMany(SensorId),
    /// A sensor that was heard once only is no longer judged: there are too many others.
    MadeRoom(SensorId),
    /// A sensor's clock is not set: its readings have the time of their receipt. Once a sensor.
    ClockUnset { sensor_id: SensorId, says: DateTime<Utc> },
    /// This machine's clock is behind what it has shown before, or is no longer.
    OwnClockBehind { is_behind: bool, now: DateTime<Utc>, newest: DateTime<Utc> },
    /// An operator's action was applied or refused.
    Operated(ActionRecord),
    /// Readings and a rule in different units.
    Units(UnitNotice),
    /// What was kept of an alarm can't be read.
    Unreadable { rule: std::sync::Arc<str>, sensor_id: SensorId },
}

/// What a record brought beside the batch.
#[derive(Default)]
pub(super) struct Effects {
    /// Log lines, in the order of their records.
    pub notes: Vec<Note>,
    /// Actions by the API, to be answered after their commit.
    pub answers: Vec<(Position, ActionRecord)>,
    /// Readings that a broker replayed: to be shown where nothing newer is known.
    pub replayed: Vec<Measurement>,
}
