//! Vocabulary of keys: identifiers, timestamps, values, and units in a suffix. Pure.
//!
//! Always: a key with two plausible meanings has none here (`power_a` is a phase or in amperes, `mw` milli or mega).

use chrono::DateTime;

use super::fields::{Field, Leaf};
use crate::domain::Dimension;
use crate::domain::unit::quantity_default;
use crate::ingest::formats::kit::{names, units};

/// Keys that identify a sensor, in snake case; the most specific first.
pub const IDS: &[&str] = &[
    "sensor_id",
    "sensorid",
    "sensor",
    "device_id",
    "deviceid",
    "device",
    "dev_eui",
    "deveui",
    "eui",
    "dev",
    "node_id",
    "nodeid",
    "node",
    "mac",
    "mac_address",
    "addr",
    "address",
    "serial",
    "serial_number",
    "sn",
    "uuid",
    "uid",
    "id",
    "name",
    "n",
];

/// Identifiers that are unique without their gateway.
const WORLDWIDE: &[&str] =
    &["dev_eui", "deveui", "eui", "mac", "mac_address", "serial", "serial_number", "sn", "uuid"];

/// Keys that identify a gateway.
pub const GATEWAYS: &[&str] = &["gw", "gateway", "gw_id", "gateway_id", "hub", "hub_id", "bridge"];

/// Keys of the time of measurement, the best first.
pub const TIMES: &[&str] = &[
    "timestamp",
    "time",
    "ts",
    "datetime",
    "date_time",
    "measured_at",
    "recorded_at",
    "sent_at",
    "sent",
    "at",
    "epoch",
    "date",
    "utc",
    "t",
];

/// Suffixes of keys of other times: of the last contact, the start, the expiry.
const ENDS_OF_TIMES: &[&str] =
    &["_at", "_time", "_ts", "_timestamp", "_date", "_seen", "_since", "_epoch"];

/// Keys of a single value, which do not name its quantity.
pub const VALUES: &[&str] = &["value", "val", "v"];

/// Keys of numbers that are not measurements.
const NO_VALUES: &[&str] = &[
    "id", "seq", "sequence", "port", "f_port", "f_cnt", "channel", "msg_id", "counter", "model",
    "fw", "firmware", "hw", "hardware", "sw", "software", "ver", "version", "rev", "revision",
    "build", "schema", "proto", "protocol",
];

/// Suffixes of keys of versions.
const ENDS_OF_VERSIONS: &[&str] = &["_version", "_ver", "_rev", "_revision", "_fw", "_model"];

/// Keys of numbers by which a gateway describes itself or its message.
const HOUSEKEEPING: &[&str] = &[
    "uptime",
    "count",
    "num",
    "length",
    "size",
    "interval",
    "period",
    "heap",
    "free_heap",
    "rssi",
];

/// Short keys, each with its most frequent quantity.
const SHORT: [(&str, &str); 4] =
    [("t", "temperature"), ("h", "humidity"), ("p", "pressure"), ("u", "voltage")];

/// Suffixes in lower case, each with its unit; the case of the suffix does not matter.
const SUFFIXES: &[(&str, &str)] = &[
    ("mv", "mV"),
    ("kv", "kV"),
    ("volt", "V"),
    ("volts", "V"),
    ("ma", "mA"),
    ("amps", "A"),
    ("mah", "mAh"),
    ("kw", "kW"),
    ("watts", "W"),
    ("wh", "Wh"),
    ("kwh", "kWh"),
    ("hpa", "hPa"),
    ("kpa", "kPa"),
    ("mbar", "mbar"),
    ("bar", "bar"),
    ("psi", "psi"),
    ("pct", "%"),
    ("perc", "%"),
    ("percent", "%"),
    ("degc", "°C"),
    ("celsius", "°C"),
    ("degf", "°F"),
    ("fahrenheit", "°F"),
    ("ppm", "ppm"),
    ("ppb", "ppb"),
    ("lux", "lx"),
    ("hz", "Hz"),
    ("khz", "kHz"),
    ("db", "dB"),
    ("dbm", "dBm"),
    ("rpm", "rpm"),
    ("kmh", "km/h"),
    ("mps", "m/s"),
    ("mm", "mm"),
    ("cm", "cm"),
    ("kg", "kg"),
    ("ml", "mL"),
    ("lpm", "L/min"),
    ("ms", "ms"),
];

/// Suffixes whose case distinguishes milli from mega.
const CASED: &[&str] = &["mW", "MW", "mWh", "MWh", "mHz", "MHz"];

/// Suffixes of one letter: the quantity after which each is a unit, the letter, the unit.
const LETTERS: &[(&str, &str, &str)] = &[
    ("temperature", "c", "°C"),
    ("temperature", "f", "°F"),
    ("voltage", "v", "V"),
    ("battery", "v", "V"),
    ("power", "w", "W"),
];

/// Value from which a voltage is taken as mV.
const LEAST_MILLIVOLTS: f64 = 1000.0;

/// Whether an identifier is unique without its gateway.
pub fn is_worldwide(key: &str) -> bool {
    WORLDWIDE.contains(&key)
}

/// Whether a field holds the time of measurement.
pub fn is_time(field: &Field) -> bool {
    TIMES.contains(&field.key().as_str()) && is_date(&field.leaf)
}

/// Whether a field can identify a sensor: a string, or an integer that is not a count.
pub fn is_id(field: &Field) -> bool {
    match &field.leaf {
        Leaf::Text(_) => !is_date(&field.leaf),
        Leaf::Numeral(..) => true,
        Leaf::Number(number) => number.fract() == 0.0 && field.key() != "n",
        Leaf::Other => false,
    }
}

/// Whether a field is a measured number.
pub fn is_value(field: &Field) -> bool {
    let key = field.key();
    let is_number = match field.leaf {
        Leaf::Number(number) => number.fract() != 0.0 || key == "n" || !IDS.contains(&&*key),
        // A number in a string may as well be a version or an id.
        Leaf::Numeral(..) => VALUES.contains(&&*key) || is_known_quantity(&field.path),
        Leaf::Text(_) | Leaf::Other => false,
    };
    let ends = |ends: &[&str]| ends.iter().any(|end| key.ends_with(end));
    let is_named_time = TIMES.contains(&&*key) || ends(ENDS_OF_TIMES);
    let measures_nothing = NO_VALUES.contains(&&*key)
        || ends(ENDS_OF_VERSIONS)
        || (is_named_time && is_date(&field.leaf));
    is_number && !measures_nothing
}

/// Whether a field is a measurement of a sensor, not of the gateway itself.
pub fn is_measurement(field: &Field) -> bool {
    let key = field.key();
    is_value(field) && !HOUSEKEEPING.contains(&&*key) && !GATEWAYS.contains(&&*key)
}

/// Whether a leaf is a time from 2001 to 2099, as s, ms, µs or ns since 1970, or as RFC 3339 with its zone.
fn is_date(leaf: &Leaf) -> bool {
    match leaf {
        Leaf::Number(number) | Leaf::Numeral(number, _) => {
            [1.0, 1e3, 1e6, 1e9].iter().any(|parts| (1e9..4.1e9).contains(&(number / parts)))
        }
        Leaf::Text(text) => DateTime::parse_from_rfc3339(text.trim()).is_ok(),
        Leaf::Other => false,
    }
}

fn is_known_quantity(path: &[String]) -> bool {
    let Some(key) = path.last() else { return false };
    names::is_canonical(&quantity(key)) || unit_of(key).is_some()
}

/// Quantity that a key names.
fn quantity(key: &str) -> String {
    let short = SHORT.iter().find(|(short, _)| *short == key.to_lowercase());
    short.map_or_else(|| names::canonical(key), |(_, name)| (*name).to_owned())
}

/// Quantity and unit of a key and its value. The unit is empty if it can't be inferred.
pub fn named(key: &str, number: f64) -> (String, &'static str) {
    if let Some((stem, unit)) = unit_of(key) {
        return (without_unit(key, &stem, unit), unit);
    }
    let name = quantity(key);
    let unit = usual_unit(&name, number);
    (name, unit)
}

/// Usual unit of a quantity; empty if the value is implausible in that unit.
pub fn usual_unit(quantity: &str, number: f64) -> &'static str {
    let is_voltage = quantity == "voltage" || quantity.ends_with("_voltage");
    if is_voltage && number >= LEAST_MILLIVOLTS {
        return "mV";
    }
    units::spelling(units::guess(quantity, number))
}

/// Quantity of a key whose suffix is a unit: the key without the suffix, unless that is a quantity of another dimension.
fn without_unit(key: &str, stem: &str, unit: &str) -> String {
    let whole = names::canonical(key);
    if names::is_canonical(&whole) {
        return whole;
    }
    let name = quantity(stem);
    let dimension = Dimension::of(unit);
    let own = quantity_default(&name).and_then(Dimension::of);
    match own {
        Some(own) if Some(own) != dimension => {
            let is_battery = name == "battery" && dimension == Some(Dimension::Voltage);
            if is_battery { "battery_voltage".to_owned() } else { whole }
        }
        _ => name,
    }
}

/// Stem and unit of a key that ends in a unit.
pub fn unit_of(key: &str) -> Option<(String, &'static str)> {
    let snake = names::snake_case(key);
    if snake == "tempf" {
        return Some(("temp".to_owned(), "°F"));
    }
    [key, &snake].into_iter().find_map(|key| {
        let (stem, suffix) = key.rsplit_once(['_', '-', '.', ' '])?;
        let stem = names::snake_case(stem);
        let unit = unit_by_word(suffix).or_else(|| unit_by_letter(&stem, suffix))?;
        (!stem.is_empty()).then_some((stem, unit))
    })
}

/// Unit that a word of two or more letters means.
pub fn unit_by_word(word: &str) -> Option<&'static str> {
    if CASED.contains(&word) {
        return units::known(word);
    }
    let small = word.to_ascii_lowercase();
    let (_, unit) = SUFFIXES.iter().find(|(suffix, _)| *suffix == small)?;
    units::known(unit)
}

fn unit_by_letter(stem: &str, letter: &str) -> Option<&'static str> {
    let word = quantity(stem.rsplit('_').next().unwrap_or(stem));
    let small = letter.to_ascii_lowercase();
    let is_it = |(name, letter, _): &&(&str, &str, &str)| *name == word && *letter == small;
    LETTERS.iter().find(is_it).map(|(_, _, unit)| *unit)
}

/// Quantity that a unit implies; `None` for a unit of many quantities.
pub fn by_unit(unit: &str) -> Option<&'static str> {
    Some(match Dimension::of(unit)? {
        Dimension::Temperature => "temperature",
        Dimension::Pressure => "pressure",
        Dimension::Power => "power",
        Dimension::Energy => "energy",
        Dimension::Voltage => "voltage",
        Dimension::Current => "current",
        Dimension::Frequency => "frequency",
        Dimension::Illuminance => "illuminance",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(key: &str, leaf: Leaf) -> Field {
        Field { path: vec![key.to_owned()], leaf }
    }

    fn numeral(text: &str) -> Leaf {
        Leaf::Numeral(text.parse().unwrap(), text.to_owned())
    }

    #[test]
    fn a_suffix_is_a_unit_unless_it_is_ambiguous() {
        for (key, number, name, unit) in [
            ("batt_mv", 2890.0, "battery_voltage", "mV"),
            ("battMv", 2890.0, "battery_voltage", "mV"),
            ("batt_mV", 2890.0, "battery_voltage", "mV"),
            ("battery_v", 3.1, "battery_voltage", "V"),
            ("i_ma", 20.0, "i", "mA"),
            ("pressure_hpa", 12.0, "pressure", "hPa"),
            ("p_psi", 500.0, "pressure", "psi"),
            ("hum_pct", 48.0, "humidity", "%"),
            ("temp_f", 70.0, "temperature", "°F"),
            ("flow_temp_c", 42.0, "flow_temp", "°C"),
            ("temp_mv", 800.0, "temp_mv", "mV"),
            ("pump_mW", 3.0, "pump", "mW"),
            ("rssi_dbm", -70.0, "rssi", "dBm"),
            ("u", 3012.0, "voltage", "mV"),
            ("supply_voltage", 3012.0, "supply_voltage", "mV"),
            ("voltage", 231.0, "voltage", "V"),
            ("t", 21.5, "temperature", "°C"),
            // Milli or mega, a phase, a minimum, an inlet.
            ("pump_mw", 3.0, "pump_mw", ""),
            ("power_a", 3.0, "power_a", ""),
            ("temp_min", 3.0, "temp_min", ""),
            ("flow_in", 3.0, "flow_in", ""),
            ("power_l2", 3.0, "power_l2", ""),
            ("pm2_5", 3.0, "pm2_5", ""),
            ("_mv", 3.0, "mv", ""),
        ] {
            assert_eq!(named(key, number), (name.to_owned(), unit), "{key}");
        }
    }

    #[test]
    fn times_versions_and_ids_are_no_values() {
        for (key, leaf) in [
            ("sent", Leaf::Number(1.79e9)),
            ("lastSeen", Leaf::Number(1.79e12)),
            ("ts", Leaf::Number(1.79e18)),
            ("created_at", numeral("1790000000")),
            ("fw", Leaf::Number(3.1)),
            ("fw", numeral("3.1")),
            ("boot_version", Leaf::Number(2.0)),
            ("foo", numeral("3.1")),
            ("addr", Leaf::Number(17.0)),
            ("q", Leaf::Text("ok".into())),
        ] {
            assert!(!is_value(&field(key, leaf.clone())), "{key} {leaf:?}");
        }
        for (key, leaf) in [
            ("t10", Leaf::Number(-184.0)),
            ("temp", numeral("21.5")),
            ("batt_mv", numeral("2890")),
            ("v", numeral("7")),
            ("sensor", Leaf::Number(2.5)),
            ("at", Leaf::Number(7.0)),
            ("energy", Leaf::Number(1.79e9)),
        ] {
            assert!(is_value(&field(key, leaf.clone())), "{key} {leaf:?}");
        }
    }

    #[test]
    fn a_time_has_a_zone() {
        let is_time = |key: &str, text: &str| is_time(&field(key, Leaf::Text(text.to_owned())));
        assert!(
            is_time("date", "2025-10-09T08:00:00+02:00") && is_time("sent", "2025-10-09T08:00:00Z")
        );
        assert!(!is_time("date", "2025-10-09T08:00:00") && !is_time("date", "2025-10-09"));
        assert!(!is_time("name", "2025-10-09T08:00:00Z"));
    }
}
