//! The origin's format: accepted messages, and reasons for rejection.

use chrono::{DateTime, TimeZone, Utc};
use proptest::prelude::*;

use super::*;
use crate::config::{ReadingTopic, TimeStyle};
use crate::wire::payload as wire;

const SHARED: &str = "factory/sensors/temperature";

fn format(reading_topic: ReadingTopic) -> OriginJson {
    OriginJson::new(Topics::new("factory", reading_topic), Tz::UTC)
}

fn received_at() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2024, 8, 14, 12, 0, 0).unwrap()
}

fn decode(topic: &str, payload: &[u8]) -> Result<Decoded, String> {
    let message = Message { topic, payload, received_at: received_at(), is_replayed: false };
    format(ReadingTopic::Shared).decode_message(&message)
}

#[track_caller]
fn one(topic: &str, payload: &str) -> Reading {
    match decode(topic, payload.as_bytes()) {
        Ok(decoded) if decoded.measurements.len() == 1 => decoded.measurements[0].reading.clone(),
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
        Ok(Decoded { action: Some(action), .. }) => action,
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
        assert!(decode(topic, b"whatever").unwrap().is_empty(), "{topic}");
    }
}

#[test]
fn each_refusal_says_why() {
    refused(b" \n", "empty");
    refused(b"\xff{}", "not UTF-8 from byte 0");
    refused(b"online", "not JSON");
    refused(b"{\"temperature\":1", "not JSON: EOF");
    refused(b"[1,2]", "not an object");
    refused(b"24.5", "not an object");
    refused(br#"{"sensor_id":"T"}"#, "no `temperature`");
    refused(br#"{"sensor_id":"T","temperature":"24,5"}"#, "is the text \"24,5\", not a number");
    refused(br#"{"sensor_id":"T","temperature":"inf"}"#, "not a number");
    refused(br#"{"sensor_id":"T","temperature":null}"#, "is null, not a number");
    refused(br#"{"sensor_id":"T","temperature":true}"#, "is a truth value");
    refused(br#"{"sensor_id":"T","temperature":NaN}"#, "not finite");
    refused(br#"{"temperature": -Infinity, "sensor_id":"T"}"#, "not finite");
    refused(b"{\"sensor_id\":\"T\",\n \"temperature\":Infinity}", "not finite");
    refused(br#"{"sensor_id":"T","temperature":1e999}"#, "not finite");
    refused(br#"{"temperature":1}"#, "no `sensor_id`");
    refused(br#"{"sensor_id":"","temperature":1}"#, "sensor id is empty");
    refused(br#"{"sensor_id":[],"temperature":1}"#, "`sensor_id` is a list, not a text");
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

#[test]
fn what_has_one_meaning_only_is_read() {
    let sent = "2024-08-14T10:30:00+00:00";
    for payload in [
        "{\"sensor_id\":\"T\",\"temperature\":50,\"timestamp\":1723631400}\0",
        "\u{feff}{\"sensor_id\":\"T\",\"temperature\":50,\"timestamp\":\"2024-08-14T10:30:00+0000\"}\n",
        r#"{"sensor_id":"T","temperature":"50","timestamp":"2024-08-14T10:30Z"}"#,
        r#"{"sensor_id":"T","temperature":50,"timestamp":1723631400000000}"#,
        r#"{"sensor_id":"T","temperature":50,"timestamp":1723631400000000000}"#,
    ] {
        let reading = one(SHARED, payload);
        assert_eq!(
            (reading.value.get(), reading.timestamp.to_rfc3339().as_str()),
            (50.0, sent),
            "{payload}"
        );
    }
    let reading = one(SHARED, r#"{"sensor_id":17,"temperature":1,"timestamp":""}"#);
    assert_eq!((reading.sensor_id.as_str(), reading.timestamp), ("17", received_at()));
    assert!(decode(SHARED, b"").unwrap().is_empty(), "a retained message that was cleared");
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
            let message = Message { topic: &topic, payload: &payload, received_at: received_at(), is_replayed: false };
            prop_assert_eq!(
                format(reading_topic).decode_message(&message),
                Ok(Decoded {
                    measurements: vec![Measurement::live(reading.clone())],
                    ..Decoded::default()
                })
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

    /// A message with one altered byte is either a reading or rejected with a reason; it never
    /// panics.
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
