//! Builds the decoded message from the values that a family finds.

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use super::times::TimeReader;
use super::values::{self, Read};
use super::{names, units};
use crate::domain::{
    Availability, Location, Measurement, News, Presence, Reach, Reading, ReadingClock, SensorId,
    Unit, Value,
};
use crate::ingest::formats::{Decoded, Message};

/// Time of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// Not stated: the receipt time.
    Receipt,
    /// By the clock of the sender or a gateway.
    At(DateTime<Utc>),
    /// Measured then and sent later, as stated by the sender.
    StoredState(DateTime<Utc>),
}

impl From<Option<DateTime<Utc>>> for Stamp {
    fn from(at: Option<DateTime<Utc>>) -> Self {
        at.map_or(Self::Receipt, Self::At)
    }
}

/// Quantities that can't be truth values: a device that sends one is faulty.
const NEVER_TRUE: [&str; 7] =
    ["temperature", "humidity", "pressure", "illuminance", "co2", "voltage", "current"];

/// Longest unit, in bytes. A message, or an announcement, may give one unit to thousands of values.
const LONGEST_UNIT: usize = 256;

/// A decoded message under construction. An invalid value is a fault of its own and affects no other.
#[derive(Debug)]
pub struct Builder {
    received_at: DateTime<Utc>,
    location: Location,
    decoded: Decoded,
}

impl Builder {
    /// Empty builder.
    #[must_use]
    pub fn new(message: &Message<'_>) -> Self {
        let (location, decoded) = (Location::new(""), Decoded::default());
        Self { received_at: message.received_at, location, decoded }
    }

    /// Location of the sensors whose values are added from now on.
    pub fn set_location(&mut self, location: &str) {
        self.location = Location::new(location);
    }

    /// Adds a JSON value under the quantity's canonical name. `unit` is as published, or known of the format; empty
    /// to guess it from the quantity, if plausible. A truth value has no unit but a published one. "No value" adds
    /// nothing; anything but a number is a fault.
    pub fn add(&mut self, sensor: &str, quantity: &str, value: &Json, unit: &str, stamp: Stamp) {
        match values::read(value) {
            Read::Value(_) if value.is_boolean() && NEVER_TRUE.contains(&quantity) => {
                self.fault(format!("`{quantity}` of {sensor}: it is {value}, not a number"));
            }
            Read::Value(read) if value.is_boolean() => {
                self.push(sensor, quantity, read, units::spelling(unit), stamp);
            }
            Read::Value(value) => self.add_value(sensor, quantity, value, unit, stamp),
            Read::Nothing => {}
            Read::Wrong(why) => self.fault(format!("`{quantity}` of {sensor}: {why}")),
        }
    }

    /// Adds a parsed number.
    pub fn add_value(
        &mut self,
        sensor: &str,
        quantity: &str,
        value: Value,
        unit: &str,
        stamp: Stamp,
    ) {
        let unit = match units::spelling(unit) {
            "" => units::guess(quantity, value.get()),
            known => known,
        };
        self.push(sensor, quantity, value, unit, stamp);
    }

    fn push(&mut self, sensor: &str, quantity: &str, value: Value, unit: &str, stamp: Stamp) {
        if !units::is_possible(quantity, value.get(), unit) {
            return self.fault(format!("`{quantity}` of {sensor}: {value} is below absolute zero"));
        }
        match self.measurement(sensor, quantity, value, unit, stamp) {
            Ok(measurement) => self.decoded.measurements.push(measurement),
            Err(why) => self.fault(why),
        }
    }

    /// Adds an integer field with a decimal factor: `scaled` divided by ten to the power of `decimals`, rounded to
    /// the nearest number. `scaled` is below 2^53.
    pub fn add_decimal(
        &mut self,
        sensor: &str,
        quantity: &str,
        (scaled, decimals): (i64, u32),
        unit: &str,
        stamp: Stamp,
    ) {
        let number = scaled as f64 / f64::from(10_u32.saturating_pow(decimals));
        match Value::from_parts(number, decimals == 0) {
            Ok(value) => self.add_value(sensor, quantity, value, unit, stamp),
            Err(error) => self.fault(format!("`{quantity}` of {sensor}: {error}")),
        }
    }

    /// Adds a truth value: 1 or 0, without a unit.
    pub fn add_flag(&mut self, sensor: &str, quantity: &str, is_true: bool, stamp: Stamp) {
        let value = Value::from_parts(f64::from(u8::from(is_true)), true);
        let value = value.map_err(|error| error.to_string());
        match value.and_then(|value| self.measurement(sensor, quantity, value, "", stamp)) {
            Ok(measurement) => self.decoded.measurements.push(measurement),
            Err(why) => self.fault(why),
        }
    }

    fn measurement(
        &self,
        sensor: &str,
        quantity: &str,
        value: Value,
        unit: &str,
        stamp: Stamp,
    ) -> Result<Measurement, String> {
        if unit.len() > LONGEST_UNIT {
            return Err(format!("a unit is longer than {LONGEST_UNIT} bytes"));
        }
        let (timestamp, clock, news) = match stamp {
            Stamp::Receipt => (self.received_at, ReadingClock::Receipt, News::Live),
            Stamp::At(at) => (at, ReadingClock::Sender, News::Live),
            Stamp::StoredState(at) => (at, ReadingClock::Sender, News::Historical),
        };
        let reading = Reading {
            sensor_id: SensorId::new(sensor).map_err(|error| error.to_string())?,
            location: self.location.clone(),
            quantity: names::quantity(quantity)?,
            value,
            unit: Unit::new(unit),
            timestamp,
        };
        Ok(Measurement { reading, clock, news })
    }

    /// Timestamp of the following values. An unreadable one is a fault of its own, and the receipt time is used.
    pub fn stamp(&mut self, reader: &TimeReader, time: Option<&Json>) -> Stamp {
        match time.map_or(Ok(None), |time| reader.read(time)) {
            Ok(at) => at.into(),
            Err(why) => {
                self.fault(why);
                Stamp::Receipt
            }
        }
    }

    /// Adds the availability of a device: of the sensor with its id, and those below it (`ID/…`).
    pub fn availability(&mut self, device: &str, presence: Presence) {
        self.add_availability(device, Reach::Below, presence);
    }

    /// Adds the availability of a device with a single sensor, whose id may be a prefix of another's.
    pub fn sensor_availability(&mut self, sensor: &str, presence: Presence) {
        self.add_availability(sensor, Reach::Sensor, presence);
    }

    fn add_availability(&mut self, device: &str, reach: Reach, presence: Presence) {
        match SensorId::new(device) {
            Ok(device) => {
                let at = self.received_at;
                self.decoded.availability.push(Availability { device, reach, presence, at });
            }
            Err(error) => self.fault(error.to_string()),
        }
    }

    /// Adds a value that can't be used.
    pub fn fault(&mut self, why: impl Into<String>) {
        self.decoded.add_fault(why);
    }

    /// True if nothing was added, faults included.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.decoded.is_empty() && self.decoded.num_faults == 0
    }

    /// The decoded message; `why` is the reason if nothing was added.
    #[must_use]
    pub fn finish(mut self, why: &'static str) -> Decoded {
        if self.is_empty() {
            self.decoded.ignored = Some(why.into());
        }
        self.decoded
    }
}
