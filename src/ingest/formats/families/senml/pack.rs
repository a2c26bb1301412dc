//! The records of a pack, resolved: base fields hold from their record on.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Number, Value as Json};

use super::units;
use crate::config::Precision;
use crate::domain::Value;
use crate::ingest::formats::kit::times::TimeReader;
use crate::ingest::formats::kit::{Builder, Stamp, json};

/// Labels of RFC 8428.
const LABELS: [&str; 15] =
    ["bn", "bt", "bu", "bv", "bs", "bver", "n", "u", "v", "vs", "vb", "vd", "s", "t", "ut"];

/// Versions are sets of features, a bit each (RFC 9100). Bits 0 to 3 are of RFC 8428, bit 4 is secondary units.
const KNOWN_FEATURES: u64 = 0b1_1111;

/// Times below are relative to now.
const LEAST_ABSOLUTE: f64 = 268_435_456.0;

/// Adds the values of all records.
///
/// # Errors
/// If the pack can't be used: an unknown label that must be understood, a later version, a base field of a wrong
/// type.
pub fn add(
    builder: &mut Builder,
    records: &[Json],
    received_at: DateTime<Utc>,
) -> Result<(), String> {
    let objects: Option<Vec<_>> = records.iter().map(Json::as_object).collect();
    let records = objects.ok_or("one of its records is no object")?;
    for record in &records {
        check(record)?;
    }
    let mut base = Base::default();
    for record in records {
        base.take(record)?;
        if let Err(why) = base.add(builder, record, received_at) {
            builder.fault(why);
        }
    }
    Ok(())
}

fn check(record: &Map<String, Json>) -> Result<(), String> {
    let unknown = record.keys().find(|key| key.ends_with('_') && !LABELS.contains(&key.as_str()));
    if let Some(label) = unknown {
        return Err(format!("the label `{label}` is unknown and must not be passed over"));
    }
    match record.get("bver") {
        None => Ok(()),
        Some(version) if version.as_u64().is_some_and(|it| it & !KNOWN_FEATURES == 0) => Ok(()),
        Some(version) => Err(format!("version {version} of SenML is unknown")),
    }
}

/// Base fields in force.
#[derive(Debug, Default)]
struct Base {
    name: String,
    unit: String,
    time: f64,
    value: Option<Number>,
    sum: Option<Number>,
}

impl Base {
    /// Applies the base fields of a record.
    fn take(&mut self, record: &Map<String, Json>) -> Result<(), String> {
        if let Some(name) = text(record, "bn")? {
            name.clone_into(&mut self.name);
        }
        if let Some(unit) = text(record, "bu")? {
            unit.clone_into(&mut self.unit);
        }
        if let Some(time) = number(record, "bt")? {
            self.time = time.as_f64().unwrap_or_default();
        }
        self.value = number(record, "bv")?.cloned().or(self.value.take());
        self.sum = number(record, "bs")?.cloned().or(self.sum.take());
        Ok(())
    }

    /// Adds the value of a record.
    fn add(
        &self,
        builder: &mut Builder,
        record: &Map<String, Json>,
        received_at: DateTime<Utc>,
    ) -> Result<(), String> {
        let name = format!("{}{}", self.name, text(record, "n")?.unwrap_or_default());
        let unit = text(record, "u")?.unwrap_or(&self.unit);
        let has = |keys: &[&str]| keys.iter().any(|key| record.contains_key(*key));
        if !has(&["v", "vb", "vs", "vd", "s"]) {
            // A record of base fields alone belongs to no sensor.
            let is_base = has(&["bn", "bt", "bu", "bv", "bs", "bver"]);
            return if is_base { Ok(()) } else { Err(format!("{name} has neither value nor sum")) };
        }
        if name.is_empty() {
            return Err("a record has no name".into());
        }
        let (quantity, spelling) = units::known(unit);
        let stamp = || self.stamp(record, received_at);
        if let Some(value) = number(record, "v")? {
            let value = sum(value, self.value.as_ref()).ok_or("a value is out of range")?;
            builder.add_value(&name, quantity, value, spelling, stamp()?);
        } else if let Some(value) = record.get("vb") {
            let is_truth = value.is_boolean() || value.is_null();
            let kind = json::kind(value);
            is_truth.then_some(()).ok_or_else(|| format!("`vb` of {name} is {kind}"))?;
            builder.add(&name, "state", value, "", stamp()?);
        } else if let Some(value) = number(record, "s")? {
            let value = sum(value, self.sum.as_ref()).ok_or("a sum is out of range")?;
            let unit = if unit.is_empty() { String::new() } else { format!("{spelling}·s") };
            builder.add_value(&name, &format!("{quantity}_sum"), value, &unit, stamp()?);
        }
        Ok(())
    }

    fn stamp(
        &self,
        record: &Map<String, Json>,
        received_at: DateTime<Utc>,
    ) -> Result<Stamp, String> {
        let time = number(record, "t")?.and_then(Number::as_f64).unwrap_or_default() + self.time;
        if time == 0.0 {
            return Ok(Stamp::Receipt);
        }
        if time.abs() < LEAST_ABSOLUTE {
            #[expect(clippy::cast_possible_truncation, reason = "below 2^28 seconds")]
            let micros = (time * 1e6).round() as i64;
            let at = received_at.checked_add_signed(TimeDelta::microseconds(micros));
            return Ok(Stamp::from(at));
        }
        let times = TimeReader {
            precision: Some(Precision::Seconds),
            ..TimeReader::new(Tz::UTC, received_at)
        };
        let number = Number::from_f64(time).ok_or("a time is out of range")?;
        times.read_number(&number).map(Stamp::At)
    }
}

/// Sum of a value and its base.
fn sum(value: &Number, base: Option<&Number>) -> Option<Value> {
    let value = Value::from_json(value).ok()?;
    let Some(base) = base else { return Some(value) };
    let (value, is_integer) = value.parts();
    let (base, is_base_integer) = Value::from_json(base).ok()?.parts();
    Value::from_parts(value + base, is_integer && is_base_integer).ok()
}

fn number<'a>(record: &'a Map<String, Json>, label: &str) -> Result<Option<&'a Number>, String> {
    match record.get(label) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Number(number)) => Ok(Some(number)),
        Some(other) => Err(format!("`{label}` is {}, not a number", json::kind(other))),
    }
}

fn text<'a>(record: &'a Map<String, Json>, label: &str) -> Result<Option<&'a str>, String> {
    match record.get(label) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(other) => Err(format!("`{label}` is {}, not a text", json::kind(other))),
    }
}
