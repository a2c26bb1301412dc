//! Values under keys chosen by the device maker: numbers, numeric strings with and without a unit,
//! switch positions, and the names and words next to them.
//!
//! Always: a string under the name of a measured quantity is a value or a fault. Never: a reading
//! of a serial number.

use serde_json::Value as Json;

use crate::domain::Value;
use crate::ingest::formats::kit::values::{self, Read};
use crate::ingest::formats::kit::{Builder, Stamp, units};

/// Quantities that are always numeric; booleans and words are faults.
const MEASURED: [&str; 15] = [
    "temperature",
    "humidity",
    "pressure",
    "illuminance",
    "co2",
    "voltage",
    "current",
    "apparent_power",
    "reactive_power",
    "frequency",
    "battery_voltage",
    "moisture",
    "pm2_5",
    "pm10",
    "energy",
];

/// Units accepted in strings, in addition to those of the kit.
const MORE_UNITS: [&str; 12] =
    ["cm", "km", "kg", "g", "°", "mS/cm", "uS/cm", "µS/cm", "dS/m", "MPa", "Ah", "MWh"];

/// Last words of keys whose value is an identifier.
const NAMING: [&str; 11] =
    ["id", "sn", "eui", "mac", "imei", "imsi", "iccid", "uuid", "serial", "version", "number"];

/// Words for switch and contact positions, and whether they mean 1.
const POSITIONS: [(&str, bool); 8] = [
    ("on", true),
    ("off", false),
    ("open", true),
    ("opened", true),
    ("close", false),
    ("closed", false),
    ("yes", true),
    ("no", false),
];

/// Adds a value under a canonical quantity. `unit` is the unit implied by the key; empty if
/// unknown.
///
/// Lists, objects and strings that are neither numbers nor positions add nothing; a string under a
/// measured quantity is a fault.
pub fn add(
    builder: &mut Builder,
    sensor: &str,
    quantity: &str,
    value: &Json,
    unit: &str,
    stamp: Stamp,
) {
    match value {
        Json::Number(_) => builder.add(sensor, quantity, value, unit, stamp),
        Json::Bool(_) if !is_measured(quantity) => {
            builder.add(sensor, quantity, value, unit, stamp);
        }
        Json::Bool(_) => {
            builder.fault(format!("`{quantity}` of {sensor}: it is a truth value, not a number"));
        }
        Json::String(text) => add_text(builder, sensor, quantity, text, unit, stamp),
        Json::Null | Json::Array(_) | Json::Object(_) => {}
    }
}

/// Whether the value of a quantity must be a number.
#[must_use]
pub fn is_measured(quantity: &str) -> bool {
    MEASURED.contains(&quantity)
}

/// Whether a key in snake case is an identifier, such as a serial number, version or address.
#[must_use]
pub fn is_naming(key: &str) -> bool {
    let last = key.rsplit('_').next().unwrap_or(key);
    NAMING.contains(&last)
}

fn add_text(
    builder: &mut Builder,
    sensor: &str,
    quantity: &str,
    text: &str,
    unit: &str,
    stamp: Stamp,
) {
    let text = text.trim();
    if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") {
        let value = Json::from(text.eq_ignore_ascii_case("true"));
        return add(builder, sensor, quantity, &value, unit, stamp);
    }
    match values::read_text(text) {
        Read::Nothing => {}
        Read::Value(_) if is_naming(quantity) => {}
        Read::Value(value) => builder.add_value(sensor, quantity, value, unit, stamp),
        Read::Wrong(_) => {
            if let Some((value, unit)) = with_unit(text) {
                let quantity = if unit.ends_with('V') && quantity == "battery" {
                    "battery_voltage"
                } else {
                    quantity
                };
                builder.add_value(sensor, quantity, value, unit, stamp);
            } else if is_measured(quantity) {
                let short = Json::from(text.chars().take(40).collect::<String>());
                builder.fault(format!("`{quantity}` of {sensor}: {short} is not a number"));
            } else if let Some(value) = position(text) {
                builder.add(sensor, quantity, &Json::from(value), unit, stamp);
            }
        }
    }
}

/// Parses a number with a known unit.
fn with_unit(text: &str) -> Option<(Value, &str)> {
    let (value, unit) = values::number_with_unit(text)?;
    (units::is_known(unit) || MORE_UNITS.contains(&unit)).then_some((value, unit))
}

/// Position of a switch or contact: true for on or open; `None` for other words.
#[must_use]
pub fn position(text: &str) -> Option<bool> {
    let known = POSITIONS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
    known.map(|(_, is_on)| *is_on)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use serde_json::json;

    use super::*;
    use crate::ingest::formats::Message;

    #[track_caller]
    fn check(quantity: &str, value: &Json, expected: &str) {
        let message = Message {
            topic: "t",
            payload: b"",
            received_at: DateTime::UNIX_EPOCH,
            is_replayed: false,
        };
        let mut builder = Builder::new(&message);
        add(&mut builder, "s", quantity, value, "", Stamp::Receipt);
        let decoded = builder.finish("nothing");
        let mut shown: Vec<String> = decoded.faults;
        for it in &decoded.measurements {
            let reading = &it.reading;
            shown.push(format!("{} {} {}", reading.quantity, reading.value, reading.unit.as_str()));
        }
        assert_eq!(shown.join(", ").trim(), expected, "{quantity} {value}");
    }

    #[test]
    fn numbers_come_in_every_spelling() {
        check("temperature", &json!(4.5), "temperature 4.5 °C");
        check("temperature", &json!("4.50"), "temperature 4.5 °C");
        check("battery", &json!("3.1 V"), "battery_voltage 3.1 V");
        check("distance", &json!("812 mm"), "distance 812 mm");
        check("conductivity", &json!("77 uS/cm"), "conductivity 77 µS/cm");
    }

    #[test]
    fn words_are_positions_or_nothing() {
        check("door", &json!("Opened"), "door 1");
        check("door", &json!("ajar"), "");
        check("at", &json!("12:30"), "");
        check("count", &json!("3 doors"), "");
        check("running", &json!(true), "running 1");
        check("power", &json!("True"), "power 1");
        check("temperature", &json!("NULL"), "");
        check("shape", &json!({ "a": 1 }), "");
    }

    #[test]
    fn a_measured_quantity_is_a_number_or_a_fault() {
        check("temperature", &json!(true), "`temperature` of s: it is a truth value, not a number");
        check(
            "temperature",
            &json!("true"),
            "`temperature` of s: it is a truth value, not a number",
        );
        check("temperature", &json!("hot"), "`temperature` of s: \"hot\" is not a number");
        check("temperature", &json!(-500), "`temperature` of s: -500 is below absolute zero");
    }

    #[test]
    fn what_names_a_thing_is_no_value() {
        check("serial", &json!("00417"), "");
        check("firmware_version", &json!("1.4"), "");
        assert!(is_naming("sn") && is_naming("dev_eui") && !is_naming("humidity"));
    }
}
