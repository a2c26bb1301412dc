//! One measurement, and the message that could not become one.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Quantity, Unit, Value};

/// Longest sensor id, in bytes: ids are topic levels and index keys.
const LONGEST_ID: usize = 256;

/// Id of a sensor: not empty, at most 256 bytes, no control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct SensorId(Arc<str>);

/// Why a text is no sensor id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SensorIdError {
    /// The text is empty.
    #[error("the sensor id is empty")]
    Empty,
    /// The text exceeds the limit.
    #[error("the sensor id is longer than {LONGEST_ID} bytes")]
    TooLong,
    /// The text contains a control character.
    #[error("the sensor id has a control character in it")]
    ControlCharacter,
}

impl SensorId {
    /// # Errors
    /// If `id` is not of the form described on the type.
    pub fn new(id: &str) -> Result<Self, SensorIdError> {
        if id.trim().is_empty() {
            Err(SensorIdError::Empty)
        } else if id.len() > LONGEST_ID {
            Err(SensorIdError::TooLong)
        } else if id.chars().any(char::is_control) {
            Err(SensorIdError::ControlCharacter)
        } else {
            Ok(Self(id.into()))
        }
    }

    /// Text of the id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for SensorId {
    type Err = SensorIdError;

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        Self::new(id)
    }
}

impl TryFrom<String> for SensorId {
    type Error = SensorIdError;

    fn try_from(id: String) -> Result<Self, Self::Error> {
        Self::new(&id)
    }
}

impl From<SensorId> for Arc<str> {
    fn from(SensorId(id): SensorId) -> Self {
        id
    }
}

impl fmt::Display for SensorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Location of a sensor: free text, may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Location(Arc<str>);

impl Location {
    /// Location with a name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// Name of the location.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One measurement: the one form of a reading inside the daemon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// Id of the sensor.
    pub sensor_id: SensorId,
    /// Location of the sensor.
    pub location: Location,
    /// Quantity that was measured.
    pub quantity: Quantity,
    /// Measured value, in `unit`.
    pub value: Value,
    /// Unit of `value`.
    pub unit: Unit,
    /// Time of the measurement, by the sender's clock.
    pub timestamp: DateTime<Utc>,
}

/// Message that a device is online or offline, most often its Last Will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Availability {
    /// Id of the device.
    pub device: SensorId,
    /// Sensors affected.
    pub reach: Reach,
    /// Whether the device is online.
    pub presence: Presence,
    /// Receipt time; a Last Will has no time of its own.
    pub at: DateTime<Utc>,
}

/// Sensors that an availability message covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The sensor of the device's name alone.
    Sensor,
    /// The sensor with the device's id, and all ids below it (`ID/…`).
    Below,
}

/// Availability of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    /// Connected, or sleeping and expected to wake.
    Online,
    /// Offline by its Last Will, or by its gateway's message.
    Offline,
    /// Removed from the system that announced it.
    Removed,
}

impl Presence {
    /// Name in the output of commands and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
            Self::Removed => "removed",
        }
    }
}

/// A message that could not be decoded; stored with its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rejected {
    /// Topic of the message.
    pub topic: String,
    /// Payload, truncated to what storage keeps; `payload_bytes` is its full length.
    pub payload: Vec<u8>,
    /// Size of the full payload in bytes.
    pub payload_bytes: usize,
    /// What is wrong with it, as text for people.
    pub reason: String,
    /// Time of receipt.
    pub received_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_a_form() {
        assert!(SensorId::new("TEMP_001'; DROP TABLE sensor_readings;--").is_ok());
        assert_eq!(SensorId::new(" "), Err(SensorIdError::Empty));
        assert_eq!(SensorId::new("a\nb"), Err(SensorIdError::ControlCharacter));
        assert_eq!(SensorId::new(&"x".repeat(257)), Err(SensorIdError::TooLong));
    }
}
