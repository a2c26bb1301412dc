//! An alert event as JSON:
//! `{"alert_type":…,"sensor_id":…,"location":…,"<quantity>":…,"threshold":…,"message":…,
//! "timestamp":…,"severity":…,"alert_id":…,"rule":…,"state":…}`.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::config::TimeStyle;
use crate::domain::AlertEvent;

/// Serializable form of an alert event.
#[derive(Debug, Clone, Copy)]
pub struct AlertJson<'a> {
    event: &'a AlertEvent,
    times: TimeStyle,
}

impl<'a> AlertJson<'a> {
    /// The JSON form of an alert event.
    #[must_use]
    pub const fn new(event: &'a AlertEvent, times: TimeStyle) -> Self {
        Self { event, times }
    }
}

/// Writes the fields of an alert event that are published, in their order.
///
/// # Errors
/// If the map can't be written.
pub fn write_alert<M: SerializeMap>(
    map: &mut M,
    event: &AlertEvent,
    timestamp: &str,
) -> Result<(), M::Error> {
    let AlertEvent {
        alert_id,
        rule,
        alert_type,
        sensor_id,
        location,
        quantity,
        value,
        threshold,
        severity,
        state,
        message,
        ..
    } = event;
    map.serialize_entry("alert_type", &**alert_type)?;
    map.serialize_entry("sensor_id", sensor_id.as_str())?;
    map.serialize_entry("location", location.as_str())?;
    map.serialize_entry(quantity.as_str(), value)?;
    map.serialize_entry("threshold", threshold)?;
    map.serialize_entry("message", message)?;
    map.serialize_entry("timestamp", timestamp)?;
    map.serialize_entry("severity", severity.as_str())?;
    map.serialize_entry("alert_id", &**alert_id)?;
    map.serialize_entry("rule", &**rule)?;
    map.serialize_entry("state", state.as_str())
}

impl Serialize for AlertJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(11))?;
        write_alert(&mut map, self.event, &self.times.write(self.event.timestamp))?;
        map.end()
    }
}
