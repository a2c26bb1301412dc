//! Snapshots of the live table: series, their values, and alarms that are not normal.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{AlarmView, Location, Priority, Quantity, SensorId, Unit, Value};

/// State of a series in one number: its gravest active alarm's priority in the low three bits (1 is critical, 0
/// none), plus 8 unacknowledged, 16 silent, 32 withheld.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SeriesFlags(u8);

impl SeriesFlags {
    const PRIORITY: u8 = 7;
    const UNACKNOWLEDGED: u8 = 8;
    const SILENT: u8 = 16;
    const WITHHELD: u8 = 32;

    /// An alarm of the priority is active.
    pub fn set_standing(&mut self, priority: Priority) {
        let rank = match priority {
            Priority::Critical => 1,
            Priority::High => 2,
            Priority::Medium => 3,
            Priority::Low => 4,
        };
        let known = self.0 & Self::PRIORITY;
        if known == 0 || rank < known {
            self.0 = (self.0 & !Self::PRIORITY) | rank;
        }
    }

    /// An active or returned alarm is unacknowledged.
    pub const fn set_unacknowledged(&mut self) {
        self.0 |= Self::UNACKNOWLEDGED;
    }

    /// An alarm is active because the series is silent.
    pub const fn set_silent(&mut self) {
        self.0 |= Self::SILENT;
    }

    /// An alarm is shelved, suppressed or out of service.
    pub const fn set_withheld(&mut self) {
        self.0 |= Self::WITHHELD;
    }

    /// Number in JSON.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Priority of the gravest active alarm that is not withheld.
    #[must_use]
    pub const fn standing(self) -> Option<Priority> {
        match self.0 & Self::PRIORITY {
            1 => Some(Priority::Critical),
            2 => Some(Priority::High),
            3 => Some(Priority::Medium),
            4 => Some(Priority::Low),
            _ => None,
        }
    }

    /// Whether an alarm waits for its acknowledgement.
    #[must_use]
    pub const fn is_unacknowledged(self) -> bool {
        self.0 & Self::UNACKNOWLEDGED != 0
    }

    /// True if an alarm is active because the series is silent.
    #[must_use]
    pub const fn is_silent(self) -> bool {
        self.0 & Self::SILENT != 0
    }

    /// Whether an alarm is shelved, suppressed or out of service.
    #[must_use]
    pub const fn is_withheld(self) -> bool {
        self.0 & Self::WITHHELD != 0
    }
}

/// Description of a series: what rarely changes.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesDescription {
    /// Index of the series within the epoch of the table.
    pub index: u32,
    /// Id of the sensor.
    pub sensor_id: SensorId,
    /// Measured quantity.
    pub quantity: Quantity,
    /// Location in its newest reading; may be empty.
    pub location: Location,
    /// Unit of its newest reading; may be empty.
    pub unit: Unit,
    /// Highest low limit of its rules, in the unit of the readings.
    pub low: Option<f64>,
    /// Lowest high limit of its rules, in the unit of the readings.
    pub high: Option<f64>,
    /// Usual interval between its readings, in seconds; `None` while unknown.
    pub every: Option<f32>,
    /// Whether any rule holds for it.
    pub is_judged: bool,
    /// Shortest `after` of its `stale` rules, in seconds; `None` without one.
    pub stale_after: Option<f32>,
}

/// Values of a series: what each reading changes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeriesValue {
    /// Index of the series within the epoch of the table.
    pub index: u32,
    /// Newest value; `None` for an expected series without any reading.
    pub value: Option<Value>,
    /// Time of the newest reading, by the sensor's clock; `None` without any reading.
    pub at: Option<DateTime<Utc>>,
    /// Alarm state.
    pub flags: SeriesFlags,
}

/// Names an alarm.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AlarmKey {
    /// Name of the rule.
    pub rule: Arc<str>,
    /// Id of the sensor.
    pub sensor_id: SensorId,
}

impl fmt::Display for AlarmKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.rule, self.sensor_id)
    }
}

/// An alarm that is not normal.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveAlarm {
    /// The alarm as operators see it.
    pub view: AlarmView,
    /// Runbook: where the operator finds what to do.
    pub runbook: Option<Arc<str>>,
}

/// Versions of the last changes in a live table. A reader compares them without a lock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LiveHeads {
    /// Version in which a series changed last.
    pub series: u64,
    /// Version in which an alarm changed last.
    pub alarms: u64,
}

/// Snapshot of the changes after a version.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LiveChanges {
    /// Version of the table; the next poll starts from it.
    pub version: u64,
    /// True for a complete snapshot, which replaces what the reader had.
    pub is_full: bool,
    /// Changed descriptions, by index.
    pub descriptions: Vec<SeriesDescription>,
    /// Changed values, by index.
    pub values: Vec<SeriesValue>,
    /// Changed alarms.
    pub alarms: Vec<Arc<LiveAlarm>>,
    /// Alarms that are at rest now.
    pub gone: Vec<AlarmKey>,
}

impl LiveAlarm {
    /// Key of the alarm.
    #[must_use]
    pub fn key(&self) -> AlarmKey {
        let of = &self.view.of;
        AlarmKey { rule: of.rule.clone(), sensor_id: of.sensor_id.clone() }
    }
}

impl LiveChanges {
    /// Whether nothing changed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.descriptions.is_empty()
            && self.values.is_empty()
            && self.alarms.is_empty()
            && self.gone.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_travel_as_one_number_with_the_gravest_priority() {
        let mut flags = SeriesFlags::default();
        assert_eq!((flags.bits(), flags.standing()), (0, None));
        for (priority, bits) in [
            (Priority::Low, 4),
            (Priority::High, 2),
            (Priority::Medium, 2),
            (Priority::Critical, 1),
        ] {
            flags.set_standing(priority);
            assert_eq!(flags.bits(), bits);
        }
        assert_eq!(flags.standing(), Some(Priority::Critical));
        flags.set_unacknowledged();
        flags.set_silent();
        flags.set_withheld();
        assert_eq!(flags.bits(), 1 + 8 + 16 + 32);
        assert!(flags.is_unacknowledged() && flags.is_silent() && flags.is_withheld());
    }
}
