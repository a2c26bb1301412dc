//! Well-known attributes, for devices without a definition.

use serde_json::{Map, Value as Json};

use crate::ingest::formats::kit::values::{self, Read};
use crate::ingest::formats::kit::{Builder, Stamp, names};

/// Numeric attributes and their units.
const NUMBERS: [(&str, &str); 29] = [
    ("ac_frequency", "Hz"),
    ("battery", "%"),
    ("co2", "ppm"),
    ("current", "A"),
    ("current_phase_b", "A"),
    ("current_phase_c", "A"),
    ("device_temperature", "°C"),
    ("eco2", "ppm"),
    ("energy", "kWh"),
    ("humidity", "%"),
    ("illuminance", "lx"),
    ("illuminance_lux", "lx"),
    ("linkquality", "lqi"),
    ("local_temperature", "°C"),
    ("pm1", "µg/m³"),
    ("pm10", "µg/m³"),
    ("pm25", "µg/m³"),
    ("power", "W"),
    ("power_apparent", "VA"),
    ("power_factor", ""),
    ("power_phase_b", "W"),
    ("power_phase_c", "W"),
    ("power_reactive", "var"),
    ("pressure", "hPa"),
    ("produced_energy", "kWh"),
    ("soil_moisture", "%"),
    ("temperature", "°C"),
    ("voltage_phase_b", "V"),
    ("voltage_phase_c", "V"),
];

/// Binary attributes.
const BINARIES: [&str; 14] = [
    "battery_low",
    "carbon_monoxide",
    "contact",
    "gas",
    "moving",
    "noise_detected",
    "occupancy",
    "presence",
    "rain",
    "smoke",
    "tamper",
    "vibration",
    "water_leak",
    "window_open",
];

/// Threshold between units of `voltage`: values from here on are millivolts, as batteries report;
/// smaller ones are volts.
const LEAST_MILLIVOLTS: f64 = 1000.0;

/// Adds the readings of a device's state object. Unknown attributes are ignored, since their
/// meaning is undefined.
pub fn add_all(builder: &mut Builder, device: &str, fields: &Map<String, Json>, stamp: Stamp) {
    let has_lux = fields.contains_key("illuminance_lux");
    for (property, value) in fields {
        let quantity = names::canonical(property);
        let number = NUMBERS.iter().find(|(known, _)| known == property);
        match (number, value) {
            _ if property == "illuminance" && has_lux => {}
            (Some(_), Json::Bool(_)) => {
                builder
                    .fault(format!("`{property}` of {device}: it is a truth value, not a number"));
            }
            (Some((_, unit)), _) => builder.add(device, &quantity, value, unit, stamp),
            (None, _) if property == "voltage" => {
                builder.add(device, &quantity, value, unit_of_voltage(value), stamp);
            }
            (None, Json::Bool(_)) if BINARIES.contains(&property.as_str()) => {
                builder.add(device, &quantity, value, "", stamp);
            }
            _ => {}
        }
    }
}

fn unit_of_voltage(value: &Json) -> &'static str {
    match values::read(value) {
        Read::Value(value) if value.get() >= LEAST_MILLIVOLTS => "mV",
        _ => "V",
    }
}
