//! Decoded messages as lines of text, for tests.

use chrono::{DateTime, SecondsFormat, Utc};

use crate::domain::{Measurement, News, Presence, ReadingClock};
use crate::ingest::formats::{Decoded, Format, Message};

/// A table of a preset with default settings.
pub(crate) fn preset_table(
    preset: crate::config::Preset,
    base: Option<&str>,
) -> crate::config::PresetTable {
    let base = base.map(str::to_owned);
    crate::config::PresetTable { preset, base, topic: None, device: None, precision: None }
}

/// Decodes a message received at a time, and applies its state changes.
pub(crate) fn decode_at(
    format: &mut dyn Format,
    topic: &str,
    payload: &[u8],
    received_at: &str,
) -> Vec<String> {
    let received_at: DateTime<Utc> = received_at.parse().unwrap();
    let message = Message { topic, payload, received_at, is_replayed: false };
    let mut changes = Vec::new();
    let decoded = format.decode(&message, &mut changes);
    for (key, value) in changes {
        format.remember(&key, value.as_deref());
    }
    lines(decoded)
}

/// Decodes a message received on 2026-03-01 at 12:00 UTC.
pub(crate) fn decode(format: &mut dyn Format, topic: &str, payload: &str) -> Vec<String> {
    decode_at(format, topic, payload.as_bytes(), "2026-03-01T12:00:00Z")
}

/// Decodes one message received at second 1,760,000,000, without applying state changes.
pub(crate) fn decode_once(
    format: &dyn Format,
    topic: &str,
    payload: &[u8],
) -> Result<Decoded, String> {
    let received_at = DateTime::from_timestamp(1_760_000_000, 0).unwrap();
    let message = Message { topic, payload, received_at, is_replayed: false };
    format.decode(&message, &mut Vec::new())
}

/// Readings as `sensor quantity value unit @second`, and faults.
pub(crate) fn with_seconds(decoded: Decoded) -> Vec<String> {
    let readings = decoded.measurements.iter().map(|it| {
        let (at, it) = (it.reading.timestamp.timestamp(), &it.reading);
        format!("{} {} {} {} @{at}", it.sensor_id, it.quantity, it.value, it.unit.as_str())
    });
    readings.chain(decoded.faults).collect()
}

/// Readings as `sensor quantity=value unit`, with `@time` where the message has one; availability, faults, the reason
/// for none, the error.
fn lines(decoded: Result<Decoded, String>) -> Vec<String> {
    let decoded = match decoded {
        Ok(decoded) => decoded,
        Err(why) => return vec![format!("error: {why}")],
    };
    let mut lines: Vec<String> = decoded.measurements.iter().map(reading).collect();
    for it in decoded.availability {
        let word = match it.presence {
            Presence::Online => "online",
            Presence::Offline => "offline",
            Presence::Removed => "removed",
        };
        lines.push(format!("{} is {word}", it.device.as_str()));
    }
    lines.extend(decoded.faults.into_iter().map(|why| format!("fault: {why}")));
    lines.extend(decoded.ignored.map(|why| format!("ignored: {why}")));
    lines
}

fn reading(measurement: &Measurement) -> String {
    let reading = &measurement.reading;
    let (sensor, quantity) = (reading.sensor_id.as_str(), reading.quantity.as_str());
    let line = format!("{sensor} {quantity}={} {}", reading.value, reading.unit.as_str());
    let mut line = line.trim_end().to_owned();
    if measurement.clock == ReadingClock::Sender {
        line += " @";
        line += &reading.timestamp.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    }
    if measurement.news == News::Historical {
        line += " (historical)";
    }
    line
}
