//! Components of generation 2 and later: measured fields of their state, with quantity and unit.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use crate::ingest::formats::kit::{Builder, Stamp, names};

/// The only component without an instance number that has a reading.
const RADIO: &str = "wifi";

/// Keys with a known quantity and unit: key, quantity, unit.
const KEYS: [(&str, &str, &str); 20] = [
    ("tC", "temperature", "°C"),
    ("current_C", "temperature", "°C"),
    ("rh", "humidity", "%"),
    ("lux", "illuminance", "lx"),
    ("apower", "power", "W"),
    ("act_power", "power", "W"),
    ("aprt_power", "apparent_power", "VA"),
    ("aprtpower", "apparent_power", "VA"),
    ("voltage", "voltage", "V"),
    ("current", "current", "A"),
    ("pf", "power_factor", ""),
    ("freq", "frequency", "Hz"),
    ("battery", "battery", "%"),
    ("rssi", "rssi", "dBm"),
    ("percent", "percent", "%"),
    ("brightness", "brightness", "%"),
    ("current_pos", "current_pos", "%"),
    ("slat_pos", "slat_pos", "%"),
    ("pos", "pos", "%"),
    ("ct", "ct", "K"),
];

/// Fields of nested objects that belong to the component: object, key, quantity, unit.
const NESTED: [(&str, &str, &str, &str); 5] = [
    ("temperature", "tC", "temperature", "°C"),
    ("battery", "percent", "battery", "%"),
    ("battery", "V", "battery_voltage", "V"),
    ("aenergy", "total", "energy", "Wh"),
    ("ret_aenergy", "total", "returned_energy", "Wh"),
];

/// Suffixes of energy-meter keys and their units. The prefix is a phase (`a_`, `b_`, `c_`, `n_`) or
/// `total_`.
const METER_ENDS: [(&str, &str); 8] = [
    ("current", "A"),
    ("voltage", "V"),
    ("act_power", "W"),
    ("aprt_power", "VA"),
    ("pf", ""),
    ("freq", "Hz"),
    ("act_energy", "Wh"),
    ("act_ret_energy", "Wh"),
];

/// Boolean fields that are states of the environment; all others describe the device itself.
const STATES: [&str; 6] = ["output", "state", "alarm", "value", "motion", "open"];

/// Numeric fields without a measurement: settings, targets, message counters and timestamps.
const NO_VALUES: [&str; 7] = ["id", "tF", "ts", "packet_id", "rsv", "flags", "move_timeout"];

/// Whether a component may have readings: numbered components except scripts, schedules, groups and
/// buttons; and the radio.
pub fn is_measuring(component: &str) -> bool {
    match component.split_once(':') {
        Some((kind, number)) => {
            !matches!(kind, "" | "script" | "schedule" | "group" | "button") && !number.is_empty()
        }
        None => component == RADIO,
    }
}

/// Timestamp of a component that relays other devices, as a Unix time in seconds.
pub fn time(fields: &Map<String, Json>) -> Option<&Json> {
    fields.get("last_updated_ts").or_else(|| fields.get("last_update_ts"))
}

/// Adds the readings of a component's state, which may be partial. The radio contributes its signal
/// strength only.
pub fn add_all(
    builder: &mut Builder,
    device: &str,
    component: &str,
    fields: &Map<String, Json>,
    stamp: Stamp,
) {
    let sensor = format!("{device}/{component}");
    if component != RADIO {
        add_fields(builder, &sensor, fields, stamp);
    } else if let Some(rssi) = fields.get("rssi") {
        builder.add(&sensor, "rssi", rssi, "dBm", stamp);
    }
}

fn add_fields(builder: &mut Builder, sensor: &str, fields: &Map<String, Json>, stamp: Stamp) {
    for (key, value) in fields {
        if let Json::Object(parts) = value {
            add_nested(builder, sensor, key, parts, stamp);
        } else if let Some((quantity, unit)) = meaning(key, value) {
            builder.add(sensor, &quantity, value, unit, stamp);
        }
    }
}

fn add_nested(
    builder: &mut Builder,
    sensor: &str,
    object: &str,
    parts: &Map<String, Json>,
    stamp: Stamp,
) {
    for (_, key, quantity, unit) in NESTED.iter().filter(|(of, ..)| *of == object) {
        if let Some(value) = parts.get(*key) {
            builder.add(sensor, quantity, value, unit, stamp);
        }
    }
    if object == "counts" {
        add_fields(builder, &format!("{sensor}/counts"), parts, stamp);
    }
}

/// Quantity and unit of a field; `None` if the field is not a measurement.
fn meaning<'a>(key: &'a str, value: &Json) -> Option<(Cow<'a, str>, &'static str)> {
    if let Some((_, quantity, unit)) = KEYS.iter().find(|(known, ..)| *known == key) {
        return (!value.is_array()).then_some((Cow::Borrowed(*quantity), unit));
    }
    match value {
        Json::Bool(_) => STATES.contains(&key).then_some((key.into(), "")),
        Json::Number(_) if !is_no_value(key) => {
            Some((names::snake_case(key).into(), unit_of_meter(key)))
        }
        _ => None,
    }
}

fn is_no_value(key: &str) -> bool {
    NO_VALUES.contains(&key)
        || ["_ts", "_F", "_rev"].iter().any(|end| key.ends_with(end))
        || ["timer_", "target_", "last_"].iter().any(|start| key.starts_with(start))
}

fn unit_of_meter(key: &str) -> &'static str {
    if matches!(key, "total_act" | "total_act_ret") {
        return "Wh";
    }
    let Some((phase, end)) = key.split_once('_') else { return "" };
    if !matches!(phase, "a" | "b" | "c" | "n" | "total") {
        return "";
    }
    let end = end.strip_prefix("total_").unwrap_or(end);
    METER_ENDS.iter().find(|(known, _)| *known == end).map_or("", |(_, unit)| unit)
}
