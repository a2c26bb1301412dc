//! A series shown to Home Assistant, and which parts of it are published. Pure.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::alarms::Key;
use super::description::unrepeated;
use crate::domain::{SeriesDescription, SeriesFlags, Value};
use crate::wire::series_id;

/// One thing that is published of a series, in the order in which they go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    AlarmState,
    ValueConfig,
    AlarmConfig,
    ValueState,
}

impl Part {
    pub const ALL: [Self; 4] =
        [Self::AlarmState, Self::ValueConfig, Self::AlarmConfig, Self::ValueState];
}

/// A series shown to Home Assistant.
pub(super) struct Entry {
    pub of: SeriesDescription,
    pub id: String,
    pub value: Option<Value>,
    pub at: Option<DateTime<Utc>>,
    pub flags: SeriesFlags,
    /// Which parts are due, by index in [`Part::ALL`].
    pub due: [bool; Part::ALL.len()],
    pub sent_value: Option<Sent>,
    pub sent_alarm: Option<Vec<u8>>,
}

/// The value last published.
#[derive(Clone, Copy)]
pub(super) struct Sent {
    pub value: Value,
    pub at: Option<DateTime<Utc>>,
    pub when: Instant,
}

impl Entry {
    /// A series with nothing published.
    pub fn new(of: SeriesDescription) -> Self {
        Self {
            id: series_id(&of.sensor_id, &of.quantity),
            of,
            value: None,
            at: None,
            flags: SeriesFlags::default(),
            due: Default::default(),
            sent_value: None,
            sent_alarm: None,
        }
    }

    pub fn key(&self) -> Key {
        (self.of.sensor_id.clone(), self.of.quantity.clone())
    }

    /// True if the value changed, or, if silence counts, if an equal one was not republished for a while.
    pub fn is_value_due(&self, now: Instant) -> bool {
        let Some(value) = self.value else { return false };
        let Some(sent) = self.sent_value else { return true };
        let is_again = || {
            let silence = self.of.stale_after.and_then(|it| Duration::try_from_secs_f32(it).ok());
            let since = now.saturating_duration_since(sent.when);
            sent.at != self.at && silence.is_some_and(|it| since >= unrepeated(it))
        };
        sent.value != value || is_again()
    }
}
