//! Keys of `rtl_433` messages, with quantity and unit. The suffix of a key is its unit.

use crate::ingest::formats::kit::names;

/// A parsed key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key<'a> {
    /// Probe number; `None` for devices with a single probe.
    pub probe: Option<&'a str>,
    /// Canonical name of the quantity.
    pub quantity: String,
    /// Unit; empty if the key has none.
    pub unit: &'static str,
    /// Whether the unit is imperial. A metric value of the same quantity takes precedence.
    pub is_imperial: bool,
    /// Type of the value.
    pub kind: Kind,
}

/// Type of a key's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number; any other string is a fault.
    Number,
    /// A number or boolean on some devices, a word on others. Words are not readings.
    State,
    /// Signal quality; a reading only beside other values.
    Link,
}

/// Suffix of a key, unit, and whether the unit is imperial. Longer suffixes precede those that they
/// end with.
const UNITS: [(&str, &str, bool); 36] = [
    ("_C", "°C", false),
    ("_F", "°F", true),
    ("_hPa", "hPa", false),
    ("_kPa", "kPa", false),
    ("_bar", "bar", false),
    ("_PSI", "psi", true),
    ("_psi", "psi", true),
    ("_inHg", "inHg", true),
    ("_km_h", "km/h", false),
    ("_m_s", "m/s", false),
    ("_mi_h", "mph", true),
    ("_mph", "mph", true),
    ("_mm_h", "mm/h", false),
    ("_in_h", "in/h", true),
    ("_mm", "mm", false),
    ("_cm", "cm", false),
    ("_km", "km", false),
    ("_in", "in", true),
    ("_ug_m3", "µg/m³", false),
    ("_m3", "m³", false),
    ("_l", "L", false),
    ("_gal", "gal", true),
    ("_klx", "klx", false),
    ("_lux", "lx", false),
    ("_mV", "mV", false),
    ("_V", "V", false),
    ("_mA", "mA", false),
    ("_A", "A", false),
    ("_kWh", "kWh", false),
    ("_Wh", "Wh", false),
    ("_VA", "VA", false),
    ("_kW", "kW", false),
    ("_W", "W", false),
    ("_deg", "°", false),
    ("_pct", "%", false),
    ("_ppm", "ppm", false),
];

/// Measured keys without a unit suffix, and their unit.
const NUMBERS: [(&str, &str); 16] = [
    ("humidity", "%"),
    ("moisture", "%"),
    ("battery_ok", ""),
    ("lux", "lx"),
    ("uv", ""),
    ("uvi", ""),
    ("uv_index", ""),
    ("strike_count", ""),
    ("strike_distance", ""),
    ("storm_dist", ""),
    ("consumption", ""),
    ("consumption_data", ""),
    ("reading", ""),
    ("daily_reading", ""),
    ("hcho_ppb", "ppb"),
    ("conductivity", ""),
];

/// States of contacts, detectors and power supplies.
const STATES: [&str; 18] = [
    "alarm",
    "battery_low",
    "closed",
    "contact_open",
    "detect_wet",
    "ext_power",
    "leak",
    "leak_detected",
    "leaking",
    "motion",
    "moving",
    "open",
    "opened",
    "physical_tamper",
    "reed_open",
    "tamper",
    "tampered",
    "water",
];

/// Signal quality. The level is relative to the receiver's full scale, hence in dB.
const LINK: [&str; 2] = ["rssi", "snr"];

/// Parses a key; `None` if it describes the device, its protocol or the radio.
#[must_use]
pub fn read(key: &str) -> Option<Key<'_>> {
    let (stem, unit, is_imperial, kind) = parts(key)?;
    let (name, probe) = names::numbered(stem);
    let quantity = match (name, unit) {
        ("battery", "V" | "mV") => "battery_voltage".to_owned(),
        ("light", "lx" | "klx") => "illuminance".to_owned(),
        _ => names::canonical(name),
    };
    Some(Key { probe, quantity, unit, is_imperial, kind })
}

/// Whether a key is a measurement other than signal quality.
#[must_use]
pub fn is_measured(key: &str) -> bool {
    parts(key).is_some_and(|(.., kind)| kind != Kind::Link)
}

/// Key without its unit suffix, the unit, whether it is imperial, and the type of the value.
fn parts(key: &str) -> Option<(&str, &'static str, bool, Kind)> {
    if LINK.contains(&key) {
        return Some((key, "dB", false, Kind::Link));
    }
    if STATES.contains(&key) {
        return Some((key, "", false, Kind::State));
    }
    let (name, _) = names::numbered(key);
    if let Some((_, unit)) = NUMBERS.iter().find(|(known, _)| *known == name) {
        return Some((key, unit, false, Kind::Number));
    }
    let with_unit = |&(end, unit, is_imperial): &(&'static str, &'static str, bool)| {
        let stem = key.strip_suffix(end).filter(|stem| !stem.is_empty())?;
        Some((stem, unit, is_imperial, Kind::Number))
    };
    UNITS.iter().find_map(with_unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_ends_with_its_unit() {
        for (key, probe, quantity, unit) in [
            ("temperature_C", None, "temperature", "°C"),
            ("temperature_3_F", Some("3"), "temperature", "°F"),
            ("temp4_C", Some("4"), "temperature", "°C"),
            ("pressure_PSI", None, "pressure", "psi"),
            ("wind_max_km_h", None, "wind_max", "km/h"),
            ("rain_rate_in_h", None, "rain_rate", "in/h"),
            ("battery_V", None, "battery_voltage", "V"),
            ("battery_pct", None, "battery", "%"),
            ("light_klx", None, "illuminance", "klx"),
            ("lux", None, "illuminance", "lx"),
            ("humidity_2", Some("2"), "humidity", "%"),
            ("pm2_5_ug_m3", None, "pm2_5", "µg/m³"),
            ("pm10_0_ug_m3", None, "pm10", "µg/m³"),
            ("co2_ppm", None, "co2", "ppm"),
            ("depth_cm", None, "depth", "cm"),
            ("volume_m3", None, "volume", "m³"),
            ("power2_W", Some("2"), "power", "W"),
            ("reed_open", None, "reed_open", ""),
            ("snr", None, "snr", "dB"),
        ] {
            let read = read(key).unwrap();
            let found = (read.probe, &*read.quantity, read.unit);
            assert_eq!(found, (probe, quantity, unit), "{key}");
        }
    }

    #[test]
    fn what_tells_about_the_radio_is_not_measured() {
        for key in [
            "id",
            "time",
            "mic",
            "flags",
            "sequence_num",
            "freq1",
            "_C",
            "duration_s",
            "rssi",
            "state",
            "",
        ] {
            assert!(!is_measured(key), "{key}");
        }
    }
}
