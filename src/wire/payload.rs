//! JSON payloads that the daemon publishes: readings, alerts and its own status, fields in the origin's order.
//! Pure.

use chrono::{DateTime, Utc};
use serde::Serializer;
use serde::ser::SerializeMap;

use super::AlertJson;
use crate::config::TimeStyle;
use crate::domain::{AlertEvent, Location, Reading};

type Fields<'a> = <&'a mut serde_json::Serializer<&'a mut Vec<u8>> as Serializer>::SerializeMap;
type Outcome = Result<(), serde_json::Error>;

/// `{"sensor_id":…,"location":…,"temperature":…,"timestamp":…,"unit":…}`
#[must_use]
pub fn reading(reading: &Reading, style: TimeStyle) -> Vec<u8> {
    object(|fields| {
        fields.serialize_entry("sensor_id", reading.sensor_id.as_str())?;
        fields.serialize_entry("location", reading.location.as_str())?;
        fields.serialize_entry(reading.quantity.as_str(), &reading.value)?;
        fields.serialize_entry("timestamp", &style.write(reading.timestamp))?;
        fields.serialize_entry("unit", reading.unit.as_str())
    })
}

/// The origin's alert, then `alert_id`, `rule` and `state`.
#[must_use]
pub fn alert(event: &AlertEvent, style: TimeStyle) -> Vec<u8> {
    // Infallible, as below.
    serde_json::to_vec(&AlertJson::new(event, style)).unwrap_or_default()
}

/// Alert payload within a size limit: location and message are truncated as needed.
#[must_use]
pub fn alert_within(event: &AlertEvent, style: TimeStyle, most_bytes: Option<usize>) -> Vec<u8> {
    let whole = alert(event, style);
    let excess = |payload: &[u8]| payload.len().saturating_sub(most_bytes.unwrap_or(usize::MAX));
    if excess(&whole) == 0 {
        return whole;
    }
    let location = shortened(event.location.as_str(), excess(&whole));
    let mut short = AlertEvent { location: Location::new(&location), ..event.clone() };
    short.message = shortened(&event.message, excess(&alert(&short, style)));
    alert(&short, style)
}

/// Text truncated by at least `without_bytes` bytes, with an ellipsis.
fn shortened(text: &str, without_bytes: usize) -> String {
    if without_bytes == 0 || text.len() <= ELLIPSIS.len() {
        return text.to_owned();
    }
    let keep = text.len().saturating_sub(without_bytes + ELLIPSIS.len());
    let end = (0..=keep).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    format!("{}{ELLIPSIS}", &text[..end])
}

const ELLIPSIS: &str = "…";

/// The system's own state, as the status topic carries it.
#[derive(Debug, Clone, Copy)]
pub struct Status<'a> {
    /// Whether the system is up.
    pub state: State,
    /// Time of the status; `None` for the Last Will, which is written long before it is published.
    pub timestamp: Option<DateTime<Utc>>,
    /// MQTT client id.
    pub client_id: &'a str,
    /// Version of the program.
    pub version: &'a str,
    /// How many sensors this daemon runs itself.
    pub sensors: usize,
}

/// Whether the system is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The system is connected.
    Online,
    /// The system is not connected.
    Offline {
        /// Cause: a stop, or a lost connection.
        reason: &'static str,
    },
}

/// `{"status":"online","timestamp":…,"client_id":…,"version":…,"sensors":…}`; offline, a `reason`.
#[must_use]
pub fn status(status: &Status<'_>, style: TimeStyle) -> Vec<u8> {
    object(|fields| {
        let word = if status.state == State::Online { "online" } else { "offline" };
        fields.serialize_entry("status", word)?;
        if let Some(timestamp) = status.timestamp {
            fields.serialize_entry("timestamp", &style.write(timestamp))?;
        }
        fields.serialize_entry("client_id", status.client_id)?;
        fields.serialize_entry("version", status.version)?;
        fields.serialize_entry("sensors", &status.sensors)?;
        match status.state {
            State::Online => Ok(()),
            State::Offline { reason } => fields.serialize_entry("reason", reason),
        }
    })
}

/// `{"timestamp":…,"client_id":…}`: a heartbeat.
#[must_use]
pub fn beat(timestamp: DateTime<Utc>, client_id: &str, style: TimeStyle) -> Vec<u8> {
    object(|fields| {
        fields.serialize_entry("timestamp", &style.write(timestamp))?;
        fields.serialize_entry("client_id", client_id)
    })
}

/// One JSON object. Writing texts and finite numbers under text keys into memory has no way to
/// fail, so the error is dropped; were there one, the payload would be cut short and refused on
/// the other side, which a test of every shape here would show.
fn object(fill: impl FnOnce(&mut Fields<'_>) -> Outcome) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(192);
    let mut serializer = serde_json::Serializer::new(&mut bytes);
    let _infallible = serializer
        .serialize_map(None)
        .and_then(|mut fields| fill(&mut fields).and_then(|()| SerializeMap::end(fields)));
    bytes
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use chrono_tz::Tz;

    use super::*;
    use crate::domain::{Location, Quantity, SensorId, Unit, Value};

    const UTC: TimeStyle = TimeStyle { naive: false, zone: Tz::UTC };
    const NAIVE: TimeStyle = TimeStyle { naive: true, zone: Tz::UTC };

    fn time() -> DateTime<Utc> {
        Utc.timestamp_micros(1_723_631_400_123_456).unwrap()
    }

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_reading_is_the_origins_to_the_letter() {
        let reading_ = Reading {
            sensor_id: SensorId::new("TEMP_001").unwrap(),
            location: Location::new("Atelier Production"),
            quantity: Quantity::temperature(),
            value: Value::new(24.5).unwrap(),
            unit: Unit::new("celsius"),
            timestamp: time(),
        };
        assert_eq!(
            text(reading(&reading_, NAIVE)),
            "{\"sensor_id\":\"TEMP_001\",\"location\":\"Atelier Production\",\"temperature\":24.5,\
             \"timestamp\":\"2024-08-14T10:30:00.123456\",\"unit\":\"celsius\"}"
        );
        assert!(text(reading(&reading_, UTC)).contains("\"2024-08-14T10:30:00.123456+00:00\""));
    }

    #[test]
    fn an_alert_is_the_origins_and_then_some() {
        let event = AlertEvent {
            alert_id: "a-1".into(),
            rule: "high-temperature".into(),
            alert_type: "HIGH_TEMPERATURE".into(),
            location: Location::new("Atelier Production"),
            value: Some(Value::new(38.2).unwrap()),
            unit: Unit::new("celsius"),
            threshold: 35.0,
            message: "Température élevée détectée: 38.2°C".into(),
            timestamp: time(),
            announced: true,
            ..AlertEvent::new(SensorId::new("TEMP_001").unwrap(), Quantity::temperature())
        };
        assert_eq!(
            text(alert(&event, NAIVE)),
            "{\"alert_type\":\"HIGH_TEMPERATURE\",\"sensor_id\":\"TEMP_001\",\
             \"location\":\"Atelier Production\",\"temperature\":38.2,\"threshold\":35.0,\
             \"message\":\"Température élevée détectée: 38.2°C\",\
             \"timestamp\":\"2024-08-14T10:30:00.123456\",\"severity\":\"HIGH\",\
             \"alert_id\":\"a-1\",\"rule\":\"high-temperature\",\"state\":\"active\"}"
        );
    }

    #[test]
    fn the_status_says_online_and_why_offline() {
        let online = Status {
            state: State::Online,
            timestamp: Some(time()),
            client_id: "vigie",
            version: "0.1.0",
            sensors: 4,
        };
        assert_eq!(
            text(status(&online, UTC)),
            "{\"status\":\"online\",\"timestamp\":\"2024-08-14T10:30:00.123456+00:00\",\
             \"client_id\":\"vigie\",\"version\":\"0.1.0\",\"sensors\":4}"
        );
        let will = Status {
            state: State::Offline { reason: "connection lost" },
            timestamp: None,
            ..online
        };
        assert_eq!(
            text(status(&will, UTC)),
            "{\"status\":\"offline\",\"client_id\":\"vigie\",\"version\":\"0.1.0\",\"sensors\":4,\
             \"reason\":\"connection lost\"}"
        );
    }

    #[test]
    fn an_alert_is_shortened_to_what_fits() {
        let mut event = AlertEvent::new(SensorId::new("A").unwrap(), Quantity::temperature());
        event.location = Location::new(&"é".repeat(200));
        event.message = "High temperature detected: 38.2°C".into();
        let whole = alert(&event, UTC);
        assert_eq!(alert_within(&event, UTC, None), whole);
        assert_eq!(alert_within(&event, UTC, Some(whole.len())), whole);
        for most in (whole.len() - 390)..whole.len() {
            let short = alert_within(&event, UTC, Some(most));
            assert!(short.len() <= most, "{} of {most}", short.len());
            let json: serde_json::Value = serde_json::from_slice(&short).unwrap();
            assert!(json["location"].as_str().unwrap().ends_with('…'));
            assert_eq!(json["message"], event.message);
        }
        let shortest = alert_within(&event, UTC, Some(1));
        let json: serde_json::Value = serde_json::from_slice(&shortest).unwrap();
        assert_eq!((&json["location"], &json["message"]), (&"…".into(), &"…".into()));
    }
}
