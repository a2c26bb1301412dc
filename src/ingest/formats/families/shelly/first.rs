//! Generation 1: one value per topic, and the JSON reports of devices that publish no single
//! values.

use std::borrow::Cow;

use serde_json::Value as Json;

use crate::ingest::formats::kit::values::{self, Read};
use crate::ingest::formats::kit::{Builder, Stamp, json, names};
use crate::ingest::formats::{Decoded, Message};

/// Topic levels below a device id that carry commands, settings, events, or duplicates of other
/// topics.
const NO_REPORTS: [&str; 22] = [
    "act_reasons",
    "announce",
    "command",
    "debug",
    "error",
    "events",
    "ext_temperature_f",
    "input_event",
    "longpush",
    "mute",
    "operation",
    "overpower_value",
    "rpc",
    "self_test",
    "set",
    "settings",
    "source",
    "start_self_test",
    "temperature_f",
    "temperature_status",
    "unmute",
    "wakeupevent",
];

/// Numeric keys: key, quantity, unit.
const NUMBERS: [(&str, &str, &str); 24] = [
    ("adc", "adc", "V"),
    ("battery", "battery", "%"),
    ("concentration", "concentration", "ppm"),
    ("current", "current", "A"),
    ("energy", "energy", "W·min"),
    ("ext_humidity", "ext_humidity", "%"),
    ("ext_temperature", "ext_temperature", "°C"),
    ("humidity", "humidity", "%"),
    ("ixsum", "ixsum", "A"),
    ("loaderror", "loaderror", ""),
    ("lux", "illuminance", "lx"),
    ("overload", "overload", ""),
    ("overpower", "overpower", ""),
    ("overtemperature", "overtemperature", ""),
    ("pf", "power_factor", ""),
    ("pos", "pos", "%"),
    ("power", "power", "W"),
    ("reactive_power", "reactive_power", "var"),
    ("returned_energy", "returned_energy", "W·min"),
    ("temperature", "temperature", "°C"),
    ("tilt", "tilt", "°"),
    ("total", "energy_total", "Wh"),
    ("total_returned", "energy_total_returned", "Wh"),
    ("voltage", "voltage", "V"),
];

/// Fields in the report of a motion sensor: JSON pointer, quantity, unit.
const MOTION_REPORT: [(&str, &str, &str); 9] = [
    ("/motion", "motion", ""),
    ("/vibration", "vibration", ""),
    ("/lux", "illuminance", "lx"),
    ("/bat", "battery", "%"),
    ("/sensor/motion", "motion", ""),
    ("/sensor/vibration", "vibration", ""),
    ("/lux/value", "illuminance", "lx"),
    ("/bat/value", "battery", "%"),
    ("/tmp/value", "temperature", "°C"),
];

/// Whether the part of a topic after the device id carries a value or a report.
pub fn is_report(part: &str) -> bool {
    let is_no_report = part.split('/').any(|level| NO_REPORTS.contains(&level));
    // The status of a light or roller duplicates the topics next to it.
    !is_no_report && !part.ends_with("/status") && !part.starts_with("status/")
}

/// Decodes a value or a report.
///
/// # Errors
/// Human-readable reason why the message is invalid.
pub fn decode(id: &str, part: &str, message: &Message<'_>) -> Result<Decoded, String> {
    let text = json::text(message.payload)?;
    if text.is_empty() {
        return Ok(Decoded::ignored("an empty payload"));
    }
    let mut builder = Builder::new(message);
    if matches!(part, "status" | "info") {
        let Some(report) = json::parse_object(message.payload)? else {
            return Ok(Decoded::ignored("an empty payload"));
        };
        add_report(&mut builder, id, &Json::Object(report));
        return Ok(builder.finish("its values come on topics of their own"));
    }
    add_value(&mut builder, id, &Place::of(id, part), text);
    Ok(builder.finish("the device has no value"))
}

fn add_value(builder: &mut Builder, id: &str, place: &Place<'_>, text: &str) {
    let known = NUMBERS.iter().find(|(key, ..)| *key == place.key);
    let (name, unit) = match known {
        Some((_, name, unit)) => (Cow::Borrowed(*name), *unit),
        None => (Cow::Owned(names::canonical(place.key)), ""),
    };
    let quantity = place.quantity(&name);
    match (values::truth(text), values::read_text(text)) {
        (Some(_), _) if known.is_some() => {
            builder.fault(format!("`{name}` of {id}: {text:?} is not a number"));
        }
        // A roller publishes its direction while moving, and `stop` when it stands; neither is a
        // reading.
        (Some(is_on), _) if place.key != "roller" => {
            builder.add(&place.sensor, &quantity, &Json::Bool(is_on), "", Stamp::Receipt);
        }
        (_, Read::Value(value)) if !is_none(&name, value.get()) => {
            builder.add_value(&place.sensor, &quantity, value, unit, Stamp::Receipt);
        }
        (_, Read::Wrong(why)) if known.is_some() => {
            builder.fault(format!("`{name}` of {id}: {why}"));
        }
        // Other words (`normal`, `stop`, `overpower`) are not readings.
        _ => {}
    }
}

/// Whether a number is the device's code for "not measured".
fn is_none(quantity: &str, number: f64) -> bool {
    match quantity {
        "temperature" | "humidity" | "ext_temperature" | "ext_humidity" => number.abs() == 999.0,
        "battery" | "concentration" | "illuminance" | "pos" | "tilt" | "vibration" => {
            number == -1.0
        }
        _ => false,
    }
}

/// Sensor and quantity of a topic: `emeter/0/power` is the power of `<id>/emeter/0`; `relay/0` is
/// `relay_0` of `<id>`.
struct Place<'a> {
    sensor: String,
    key: &'a str,
    /// Channel number after the key; empty if absent.
    number: &'a str,
}

impl<'a> Place<'a> {
    fn of(id: &str, part: &'a str) -> Self {
        let (path, last) = part.rsplit_once('/').unwrap_or(("", part));
        let is_number = !path.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
        let (path, key, number) = if is_number {
            let (path, key) = path.rsplit_once('/').unwrap_or(("", path));
            (path, key, last)
        } else {
            (path, last, "")
        };
        let sensor = if path.is_empty() { id.to_owned() } else { format!("{id}/{path}") };
        Self { sensor, key, number }
    }

    fn quantity(&self, name: &str) -> String {
        if self.number.is_empty() { name.to_owned() } else { format!("{name}_{}", self.number) }
    }
}

/// Reports of motion sensors and valves, which publish nothing else. Reports of other devices
/// duplicate their topics.
fn add_report(builder: &mut Builder, id: &str, report: &Json) {
    let sensor = format!("{id}/sensor");
    let is_of_motion = report.get("motion").is_some() || report.pointer("/sensor/motion").is_some();
    if is_of_motion {
        for (pointer, quantity, unit) in MOTION_REPORT {
            add_at(builder, &sensor, report, (pointer, quantity, unit));
        }
    }
    let valves = report.get("thermostats").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    for (number, valve) in valves.iter().enumerate() {
        let sensor = format!("{id}/thermostat/{number}");
        let unit = valve.pointer("/tmp/units").and_then(Json::as_str).unwrap_or("C");
        add_at(builder, &sensor, valve, ("/tmp/value", "temperature", unit));
        add_at(builder, &sensor, valve, ("/pos", "pos", "%"));
    }
    if !valves.is_empty() {
        add_at(builder, &sensor, report, ("/bat/value", "battery", "%"));
    }
}

/// Adds the value at a JSON pointer; `at` is pointer, quantity, unit.
fn add_at(builder: &mut Builder, sensor: &str, report: &Json, at: (&str, &str, &str)) {
    let (pointer, quantity, unit) = at;
    let is_value = |value: &&Json| {
        !value.is_object() && !value.as_f64().is_some_and(|number| is_none(quantity, number))
    };
    if let Some(value) = report.pointer(pointer).filter(is_value) {
        builder.add(sensor, quantity, value, unit, Stamp::Receipt);
    }
}
