//! Payloads: from a message on a topic to readings, or to the reason why there are none.
//!
//! A [`Codec`] knows one payload format. Pure: the time of receipt comes in with the message. Must
//! answer every sequence of bytes, in bounded time and stack, and never panics.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::Value as Json;

use super::availability;
use super::fields::{Field, Fields};
use super::times;
use crate::domain::{
    Action, AlarmNameError, Availability, Location, Operator, OperatorAction, Quantity, Reading,
    SensorId, Unit, Value, Via,
};
use crate::wire::{Subject, Topics};

/// A message as it came in.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// Topic the message was published on.
    pub topic: &'a str,
    /// Payload, whole: its size is checked before it is decoded.
    pub payload: &'a [u8],
    /// Time of receipt by the wall clock, in UTC; the reading's time where the payload has none.
    pub received_at: DateTime<Utc>,
}

/// What a message meant.
#[derive(Debug, Clone, PartialEq)]
pub enum Decoded {
    /// Readings in the order of the payload.
    Readings(Vec<Reading>),
    /// Whether a sensor is online.
    Availability(Availability),
    /// An operator's word on an alarm.
    Action(OperatorAction),
    /// Not meant as a reading; no mistake either.
    Ignored,
}

/// One payload format.
pub trait Codec: Send + Sync {
    /// Decodes a message, whatever its bytes.
    ///
    /// # Errors
    /// Says why the message can't be used, for a person to read.
    fn decode(&self, message: &Message<'_>) -> Result<Decoded, String>;
}

/// The format of the system Vigie grew from: one JSON object a reading, its value under the
/// quantity's name, which is the topic's level after `sensors`.
#[derive(Debug, Clone)]
pub struct OriginJson {
    topics: Topics,
    zone: Tz,
}

impl OriginJson {
    /// Zone-less timestamps are taken in `zone`.
    #[must_use]
    pub const fn new(topics: Topics, zone: Tz) -> Self {
        Self { topics, zone }
    }
}

impl Codec for OriginJson {
    fn decode(&self, message: &Message<'_>) -> Result<Decoded, String> {
        let (quantity, sensor) = match self.topics.subject(message.topic) {
            Subject::Status => return Ok(Decoded::Ignored),
            Subject::Foreign => return Err("the topic was not subscribed to".into()),
            Subject::Availability { sensor } => return availability::decode(sensor, message),
            Subject::Acknowledgement { alarm } => return acknowledgement(alarm, message),
            Subject::Reading { quantity, sensor } => (quantity, sensor),
        };
        let quantity =
            Quantity::new(quantity).map_err(|error| format!("the topic's level {error}"))?;
        let fields = parse_object(message.payload)?;
        let timestamp = match present(&fields, "timestamp") {
            Some(Field::Text(text)) => times::parse_text(text, self.zone)?,
            Some(Field::Other(json)) => times::parse(json, self.zone)?,
            // A device without a clock: the time of receipt is the best there is.
            None => message.received_at,
        };
        Ok(Decoded::Readings(vec![Reading {
            sensor_id: sensor_id(&fields, sensor)?,
            location: Location::new(text(&fields, "location")?.unwrap_or_default()),
            value: value(&fields, &quantity)?,
            unit: match text(&fields, "unit")? {
                Some(unit) => Unit::new(unit),
                None => quantity.default_unit(),
            },
            quantity,
            timestamp,
        }]))
    }
}

/// Who acknowledges an alarm when the message doesn't say: MQTT doesn't tell who sent it.
const NOBODY: &str = "mqtt";

/// The payload is empty, or `{"by":…,"why":…}`, either left out at will.
fn acknowledgement(alarm: &str, message: &Message<'_>) -> Result<Decoded, String> {
    let alarm = alarm.parse().map_err(|error: AlarmNameError| error.to_string())?;
    let operator = if message.payload.trim_ascii().is_empty() {
        Operator::new(NOBODY, None)
    } else {
        let fields = parse_object(message.payload)?;
        Operator::new(text(&fields, "by")?.unwrap_or(NOBODY), text(&fields, "why")?)
    };
    Ok(Decoded::Action(OperatorAction {
        what: Action::Acknowledge,
        alarm,
        operator: operator.map_err(|error| error.to_string())?,
        at: message.received_at,
        via: Via::Mqtt,
    }))
}

fn parse_object(payload: &[u8]) -> Result<Fields<'_>, String> {
    let text = std::str::from_utf8(payload).map_err(|error| {
        format!("the payload is not UTF-8 from byte {} on", error.valid_up_to())
    })?;
    if text.trim().is_empty() {
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

/// Whether the parser stumbled over `NaN`, `Infinity` or `-Infinity`, as Python writes them, or
/// over a number too large for any type.
fn names_no_number(text: &str, error: &serde_json::Error) -> bool {
    let Some(line) = text.lines().nth(error.line().saturating_sub(1)) else {
        return false;
    };
    // The column counts bytes from 1 and stands on the first or second one of the word.
    let around = line.as_bytes().get(error.column().saturating_sub(2)..).unwrap_or_default();
    let starts = |word: &[u8]| {
        around.starts_with(word) || around.get(1..).is_some_and(|rest| rest.starts_with(word))
    };
    starts(b"NaN") || starts(b"Infinity") || error.to_string().starts_with("number out of range")
}

/// A field that is there and not `null`.
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

/// The payload's own id, or else the topic's.
fn sensor_id(fields: &Fields<'_>, level: Option<&str>) -> Result<SensorId, String> {
    let id = text(fields, "sensor_id")?.or(level).ok_or("there is no `sensor_id` in it")?;
    SensorId::new(id).map_err(|error| error.to_string())
}

fn value(fields: &Fields<'_>, quantity: &Quantity) -> Result<Value, String> {
    match fields.get(quantity.as_str()) {
        Some(Field::Other(Json::Number(number))) => {
            Value::from_json(number).map_err(|error| error.to_string())
        }
        Some(other) => Err(format!("`{quantity}` is {}, not a number", kind(other))),
        None => Err(format!("there is no `{quantity}` in it")),
    }
}

const fn kind(field: &Field<'_>) -> &'static str {
    match field {
        Field::Other(Json::Null) => "null",
        Field::Other(Json::Bool(_)) => "a truth value",
        Field::Other(Json::Number(_)) => "a number",
        Field::Text(_) | Field::Other(Json::String(_)) => "a text",
        Field::Other(Json::Array(_)) => "a list",
        Field::Other(Json::Object(_)) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use proptest::prelude::*;

    use super::*;
    use crate::config::{ReadingTopic, TimeStyle};
    use crate::wire::payload as wire;

    const SHARED: &str = "factory/sensors/temperature";

    fn codec(reading_topic: ReadingTopic) -> OriginJson {
        OriginJson::new(Topics::new("factory", reading_topic), Tz::UTC)
    }

    fn received_at() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2024, 8, 14, 12, 0, 0).unwrap()
    }

    fn decode(topic: &str, payload: &[u8]) -> Result<Decoded, String> {
        let message = Message { topic, payload, received_at: received_at() };
        codec(ReadingTopic::Shared).decode(&message)
    }

    #[track_caller]
    fn one(topic: &str, payload: &str) -> Reading {
        match decode(topic, payload.as_bytes()) {
            Ok(Decoded::Readings(readings)) if readings.len() == 1 => readings[0].clone(),
            other => panic!("{payload}: {other:?}"),
        }
    }

    #[track_caller]
    fn refused(payload: &[u8], reason: &str) {
        match decode(SHARED, payload) {
            Err(error) => assert!(error.contains(reason), "{error}"),
            Ok(decoded) => panic!("{decoded:?}"),
        }
    }

    #[test]
    fn the_origins_reading_is_understood() {
        let reading = one(
            SHARED,
            r#"{"sensor_id":"TEMP_001","location":"Atelier Production","temperature":24.5,
                "timestamp":"2024-08-14T10:30:00.123456","unit":"celsius"}"#,
        );
        assert_eq!(reading.sensor_id.as_str(), "TEMP_001");
        assert_eq!(reading.location.as_str(), "Atelier Production");
        assert_eq!(reading.quantity, Quantity::temperature());
        assert_eq!(reading.value.to_string(), "24.5");
        assert_eq!(reading.unit.as_str(), "celsius");
        assert_eq!(reading.timestamp.to_rfc3339(), "2024-08-14T10:30:00.123456+00:00");
    }

    #[test]
    fn an_acknowledgement_may_say_who_and_why() {
        let topic = "factory/alarms/0123456789abcdef/ack";
        let acknowledged = |payload: &str| match decode(topic, payload.as_bytes()) {
            Ok(Decoded::Action(action)) => action,
            other => panic!("{payload}: {other:?}"),
        };
        for (payload, by, why) in [
            ("", "mqtt", None),
            ("{}", "mqtt", None),
            (r#"{"by":"anne","why":"seen","more":1}"#, "anne", Some("seen")),
            (r#"{"by":null,"why":""}"#, "mqtt", None),
        ] {
            let OperatorAction { what, alarm, operator, at, via } = acknowledged(payload);
            assert_eq!((what, via, at), (Action::Acknowledge, Via::Mqtt, received_at()));
            assert_eq!(alarm.to_string(), "0123456789abcdef");
            assert_eq!((&*operator.by, operator.why.as_deref()), (by, why), "{payload}");
        }
        for (topic, payload, what) in [
            (topic, "yes", "not JSON"),
            (topic, r#"{"by":1}"#, "`by` is a number, not a text"),
            (topic, r#"{"by":" "}"#, "`by` is empty"),
            ("factory/alarms/warm/ack", "", "names no alarm"),
        ] {
            let said = decode(topic, payload.as_bytes()).unwrap_err();
            assert!(said.contains(what), "{payload}: {said}");
        }
    }

    #[test]
    fn what_is_missing_has_a_default() {
        let reading = one("factory/sensors/humidity/H_1", r#"{"humidity":51,"extra":{"a":[1]}}"#);
        assert_eq!(reading.sensor_id.as_str(), "H_1", "from the topic");
        assert_eq!(reading.location.as_str(), "");
        assert_eq!(reading.unit.as_str(), "percent");
        assert_eq!(reading.timestamp, received_at());
        let named = one("factory/sensors/humidity/H_1", r#"{"humidity":51,"sensor_id":"H_2"}"#);
        assert_eq!(named.sensor_id.as_str(), "H_2", "the payload's own");
        let last = one(SHARED, r#"{"temperature":1,"temperature":2,"sensor_id":"T"}"#);
        assert_eq!(last.value.to_string(), "2", "the last of a double key, as in Python");
        let null = one(SHARED, r#"{"temperature":1,"sensor_id":"T","unit":null,"timestamp":null}"#);
        assert_eq!((null.unit.as_str(), null.timestamp), ("celsius", received_at()));
    }

    #[test]
    fn status_messages_are_no_readings() {
        for topic in ["factory/sensors/status", "factory/sensors/temperature/status"] {
            assert_eq!(decode(topic, b"whatever"), Ok(Decoded::Ignored), "{topic}");
        }
    }

    #[test]
    fn each_refusal_says_why() {
        refused(b"", "empty");
        refused(b" \n", "empty");
        refused(b"\xff{}", "not UTF-8 from byte 0");
        refused(b"online", "not JSON");
        refused(b"{\"temperature\":1", "not JSON: EOF");
        refused(b"[1,2]", "not an object");
        refused(b"24.5", "not an object");
        refused(br#"{"sensor_id":"T"}"#, "no `temperature`");
        refused(br#"{"sensor_id":"T","temperature":"24.5"}"#, "is a text, not a number");
        refused(br#"{"sensor_id":"T","temperature":null}"#, "is null, not a number");
        refused(br#"{"sensor_id":"T","temperature":true}"#, "is a truth value");
        refused(br#"{"sensor_id":"T","temperature":NaN}"#, "not finite");
        refused(br#"{"temperature": -Infinity, "sensor_id":"T"}"#, "not finite");
        refused(b"{\"sensor_id\":\"T\",\n \"temperature\":Infinity}", "not finite");
        refused(br#"{"sensor_id":"T","temperature":1e999}"#, "not finite");
        refused(br#"{"temperature":1}"#, "no `sensor_id`");
        refused(br#"{"sensor_id":"","temperature":1}"#, "sensor id is empty");
        refused(br#"{"sensor_id":7,"temperature":1}"#, "`sensor_id` is a number, not a text");
        refused(br#"{"sensor_id":"T","temperature":1,"location":7}"#, "`location` is a number");
        refused(br#"{"sensor_id":"T","temperature":1,"unit":[]}"#, "`unit` is a list");
        refused(br#"{"sensor_id":"T","temperature":1,"timestamp":"soon"}"#, "`soon` is neither");
        refused("[".repeat(60_000).as_bytes(), "not an object");
        let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(30_000), "]".repeat(30_000));
        refused(deep.as_bytes(), "recursion limit");
        let reason = decode("factory/sensors/Temp", b"{}").unwrap_err();
        assert!(reason.contains("`Temp` is no name of a quantity"), "{reason}");
        let reason = decode("factory/sensors/temperature/", br#"{"temperature":1}"#).unwrap_err();
        assert!(reason.contains("sensor id is empty"), "{reason}");
        assert!(decode("elsewhere", b"{}").is_err());
    }

    fn readings() -> impl Strategy<Value = Reading> {
        (
            "[a-z][a-z0-9_]{0,12}",
            "[^\\p{Cc}]{1,24}",
            "\\PC{0,24}",
            prop_oneof![
                any::<i64>().prop_map(|n| serde_json::Number::from(n >> 11)),
                any::<f64>().prop_filter_map("finite", serde_json::Number::from_f64),
            ],
            "\\PC{0,12}",
            -60_000_000_000_000_000_i64..250_000_000_000_000_000,
        )
            .prop_filter_map("names", |(quantity, id, location, number, unit, micros)| {
                Some(Reading {
                    quantity: Quantity::new(&quantity).ok()?,
                    sensor_id: SensorId::new(&id).ok()?,
                    location: Location::new(&location),
                    value: Value::from_json(&number).ok()?,
                    unit: Unit::new(&unit),
                    timestamp: DateTime::from_timestamp_micros(micros)?,
                })
            })
    }

    proptest! {
        #[test]
        fn what_is_published_reads_back(reading in readings(), naive: bool) {
            let style = TimeStyle { naive, zone: Tz::UTC };
            for reading_topic in [ReadingTopic::Shared, ReadingTopic::PerSensor] {
                let topic =
                    Topics::new("factory", reading_topic).reading(&reading.quantity, &reading.sensor_id);
                let payload = wire::reading(&reading, style);
                let message = Message { topic: &topic, payload: &payload, received_at: received_at() };
                prop_assert_eq!(
                    codec(reading_topic).decode(&message),
                    Ok(Decoded::Readings(vec![reading.clone()]))
                );
            }
        }

        #[test]
        fn no_bytes_panic(payload: Vec<u8>, topic in "factory/sensors/[a-z/]{0,12}") {
            let _ = decode(&topic, &payload);
        }

        #[test]
        fn no_text_near_json_panics(payload in r#"[\[\]{}",:a-z0-9 .eE+\\-]{0,60}"#) {
            let _ = decode(SHARED, payload.as_bytes());
        }

        /// A reading with one byte changed is another reading or refused for a reason; no panic.
        #[test]
        fn damage_is_survived(reading in readings(), at: prop::sample::Index, byte: u8) {
            let mut payload = wire::reading(&reading, TimeStyle { naive: false, zone: Tz::UTC });
            let at = at.index(payload.len());
            payload[at] = byte;
            let topic = format!("factory/sensors/{}", reading.quantity);
            if let Err(reason) = decode(&topic, &payload) {
                prop_assert!(!reason.is_empty());
            }
        }
    }
}
