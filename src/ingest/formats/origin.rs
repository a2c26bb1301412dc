//! The origin's format and Vigie's own topics: readings, sensor availability, alarm
//! acknowledgements. Pure and stateless.
//!
//! The origin is the system from which Vigie was derived.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::Value as Json;

use super::fields::{Field, Fields};
use super::kit::json;
use super::kit::times::TimeReader;
use super::kit::values;
use super::{Claim, Decoded, Filter, Format, Message, StateChange, availability};
use crate::domain::{
    Action, AlarmNameError, Location, Measurement, News, Operator, OperatorAction, Quantity,
    Reading, ReadingClock, SensorId, Unit, Value, Via,
};
use crate::wire::{Subject, Topics};

/// The origin's format: one JSON object per reading, its value under the quantity's name, which is
/// the topic level after `sensors`.
#[derive(Debug, Clone)]
pub struct OriginJson {
    topics: Topics,
    zone: Tz,
}

impl OriginJson {
    /// Creates the format; timestamps without an offset are local times of `zone`.
    #[must_use]
    pub const fn new(topics: Topics, zone: Tz) -> Self {
        Self { topics, zone }
    }
}

impl Format for OriginJson {
    fn name(&self) -> &'static str {
        "vigie"
    }

    fn filters(&self) -> Vec<Filter> {
        let readings = self.topics.filters().into_iter().map(|text| (text, true));
        let others = [self.topics.availability_filter(), self.topics.acknowledgement_filter()];
        let all = readings.chain(others.map(|text| (text, false)));
        all.map(|(text, is_required)| Filter { text, is_required }).collect()
    }

    fn claim(&self, topic: &str) -> Claim {
        match self.topics.subject(topic) {
            Subject::Reading { .. }
            | Subject::Availability { .. }
            | Subject::Acknowledgement { .. } => Claim::Decodes,
            Subject::Status => Claim::Ignores,
            Subject::Foreign => Claim::Foreign,
        }
    }

    fn decode(&self, message: &Message<'_>, _: &mut Vec<StateChange>) -> Result<Decoded, String> {
        self.decode_message(message)
    }

    fn fresh(&self) -> Box<dyn Format> {
        Box::new(self.clone())
    }
}

impl OriginJson {
    fn decode_message(&self, message: &Message<'_>) -> Result<Decoded, String> {
        let (quantity, sensor) = match self.topics.subject(message.topic) {
            Subject::Status => return Ok(Decoded::ignored("a system's status")),
            Subject::Foreign => return Err("the topic was not subscribed to".into()),
            Subject::Availability { sensor } => return availability::decode(sensor, message),
            Subject::Acknowledgement { alarm } => return acknowledgement(alarm, message),
            Subject::Reading { quantity, sensor } => (quantity, sensor),
        };
        let text = json::text(message.payload)?;
        if text.is_empty() && message.payload.is_empty() {
            return Ok(Decoded::ignored("an empty payload clears a retained message"));
        }
        let quantity =
            Quantity::new(quantity).map_err(|error| format!("the topic's level {error}"))?;
        let fields = parse_object(text)?;
        let timestamp = self.timestamp(&fields, message)?;
        let reading = Reading {
            sensor_id: sensor_id(&fields, sensor)?,
            location: Location::new(self::text(&fields, "location")?.unwrap_or_default()),
            value: value(&fields, &quantity)?,
            unit: match self::text(&fields, "unit")? {
                Some(unit) => Unit::new(unit),
                None => quantity.default_unit(),
            },
            quantity,
            // A device without a clock: the receipt is the best available timestamp.
            timestamp: timestamp.unwrap_or(message.received_at),
        };
        let clock = if timestamp.is_some() { ReadingClock::Sender } else { ReadingClock::Receipt };
        let measurement = Measurement { reading, clock, news: News::Live };
        Ok(Decoded { measurements: vec![measurement], ..Decoded::default() })
    }

    fn timestamp(
        &self,
        fields: &Fields<'_>,
        message: &Message<'_>,
    ) -> Result<Option<DateTime<Utc>>, String> {
        let reader = TimeReader::new(self.zone, message.received_at);
        match present(fields, "timestamp") {
            Some(Field::Text(text)) => reader.read_text(text),
            Some(Field::Other(json)) => reader.read(json),
            None => Ok(None),
        }
    }
}

/// Operator of an acknowledgement without a name. MQTT does not identify the publisher.
const NOBODY: &str = "mqtt";

/// Decodes an acknowledgement: an empty payload, or `{"by":…,"why":…}` with optional members.
fn acknowledgement(alarm: &str, message: &Message<'_>) -> Result<Decoded, String> {
    let alarm = alarm.parse().map_err(|error: AlarmNameError| error.to_string())?;
    let operator = if message.payload.trim_ascii().is_empty() {
        Operator::new(NOBODY, None)
    } else {
        let fields = parse_object(json::text(message.payload)?)?;
        Operator::new(text(&fields, "by")?.unwrap_or(NOBODY), text(&fields, "why")?)
    };
    let action = OperatorAction {
        what: Action::Acknowledge,
        alarm,
        operator: operator.map_err(|error| error.to_string())?,
        at: message.received_at,
        via: Via::Mqtt,
    };
    Ok(Decoded { action: Some(action), ..Decoded::default() })
}

fn parse_object(text: &str) -> Result<Fields<'_>, String> {
    if text.is_empty() {
        return Err("the payload is empty".into());
    }
    serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => {
            format!("the payload is JSON, but not an object: {error}")
        }
        _ if names_no_number(text, &error) => {
            format!(
                "the payload holds a number that is not finite, which JSON has no word for: {error}"
            )
        }
        _ => format!("the payload is not JSON: {error}"),
    })
}

/// Whether the parse error was caused by `NaN`, `Infinity` or `-Infinity`, as written by Python, or
/// by a number out of range.
fn names_no_number(text: &str, error: &serde_json::Error) -> bool {
    let Some(line) = text.lines().nth(error.line().saturating_sub(1)) else {
        return false;
    };
    // The column is a byte count from 1 and points to the first or second byte of the word.
    let around = line.as_bytes().get(error.column().saturating_sub(2)..).unwrap_or_default();
    let starts = |word: &[u8]| {
        around.starts_with(word) || around.get(1..).is_some_and(|rest| rest.starts_with(word))
    };
    starts(b"NaN") || starts(b"Infinity") || error.to_string().starts_with("number out of range")
}

/// Value of a field; `None` if it is absent or `null`.
fn present<'a, 'b>(fields: &'b Fields<'a>, key: &str) -> Option<&'b Field<'a>> {
    fields.get(key).filter(|field| !matches!(field, Field::Other(Json::Null)))
}

fn text<'a>(fields: &'a Fields<'_>, key: &str) -> Result<Option<&'a str>, String> {
    match present(fields, key) {
        None => Ok(None),
        Some(Field::Text(text)) => Ok(Some(text)),
        Some(other) => Err(format!("`{key}` is {}, not a text", kind(other))),
    }
}

/// Sensor id from the payload, a string or number; otherwise from the topic.
fn sensor_id(fields: &Fields<'_>, level: Option<&str>) -> Result<SensorId, String> {
    let number = match present(fields, "sensor_id") {
        Some(Field::Other(Json::Number(number))) => Some(number.to_string()),
        _ => None,
    };
    let id = match &number {
        Some(number) => number,
        None => text(fields, "sensor_id")?.or(level).ok_or("there is no `sensor_id` in it")?,
    };
    SensorId::new(id).map_err(|error| error.to_string())
}

fn value(fields: &Fields<'_>, quantity: &Quantity) -> Result<Value, String> {
    match fields.get(quantity.as_str()) {
        Some(Field::Other(Json::Number(number))) => {
            Value::from_json(number).map_err(|error| error.to_string())
        }
        Some(Field::Text(text)) => values::number(text.trim())
            .ok_or_else(|| format!("`{quantity}` is the text {:?}, not a number", short(text))),
        Some(Field::Other(other)) => {
            Err(format!("`{quantity}` is {}, not a number", json::kind(other)))
        }
        None => Err(format!("there is no `{quantity}` in it")),
    }
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

const fn kind(field: &Field<'_>) -> &'static str {
    match field {
        Field::Text(_) => "a text",
        Field::Other(other) => json::kind(other),
    }
}

#[cfg(test)]
#[path = "origin_tests.rs"]
mod tests;
