//! Effects of a record beyond what is stored. Pure.

use chrono::{DateTime, Utc};

use crate::alarms::units::UnitNotice;
use crate::domain::{ActionRecord, Measurement, Position, SensorId};

/// An event for the daemon's log.
#[derive(Debug)]
pub(super) enum LogNote {
    /// A reading that is stored already.
    Redelivered(SensorId),
    /// A sensor's readings were late for so long that its clock must have been set back.
    ClockWentBack { sensor_id: SensorId, from: DateTime<Utc>, to: DateTime<Utc> },
    /// A sensor is not judged: the limit of sensors is reached.
    OneTooMany(SensorId),
    /// A sensor that was received only once is no longer judged: the limit of sensors is reached.
    MadeRoom(SensorId),
    /// A sensor's clock is unset: its readings get their receipt time. Once per sensor.
    ClockUnset { sensor_id: SensorId, says: DateTime<Utc> },
    /// This machine's clock is behind what it has shown before, or no longer is.
    OwnClockBehind { is_behind: bool, now: DateTime<Utc>, newest: DateTime<Utc> },
    /// An operator's action was applied or refused.
    Operated(ActionRecord),
    /// Readings and a rule in different units.
    Units(UnitNotice),
    /// A stored alarm state is unreadable.
    Unreadable { rule: std::sync::Arc<str>, sensor_id: SensorId },
}

/// Effects of a record beyond the batch.
#[derive(Default)]
pub(super) struct Effects {
    /// Log lines, in the order of their records.
    pub notes: Vec<LogNote>,
    /// Actions by the API, to be answered after their commit.
    pub answers: Vec<(Position, ActionRecord)>,
    /// Readings replayed by a broker, to be shown if nothing newer is known.
    pub replayed: Vec<Measurement>,
}
