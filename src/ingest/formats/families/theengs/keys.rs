//! Keys of decoded advertisements, with quantity and unit.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use crate::ingest::formats::kit::{Builder, Stamp, names};

/// Measured keys: key, quantity, unit. Their values may be strings.
const MEASURED: [(&str, &str, &str); 39] = [
    ("hum", "humidity", "%"),
    ("pres", "pressure", "hPa"),
    ("batt", "battery", "%"),
    ("volt", "voltage", "V"),
    ("lux", "illuminance", "lx"),
    ("darkness", "darkness", "lx"),
    ("moi", "moisture", "%"),
    ("fer", "fer", "µS/cm"),
    ("co2", "co2", "ppm"),
    ("pm25", "pm2_5", "µg/m³"),
    ("pm10", "pm10", "µg/m³"),
    ("for", "for", "mg/m³"),
    ("dp", "dew_point", "°C"),
    ("weight", "weight", "g"),
    ("impedance", "impedance", "Ω"),
    ("lvl_cm", "lvl", "cm"),
    ("lvl_in", "lvl", "in"),
    ("level", "level", "%"),
    ("position", "position", "%"),
    ("rot", "rot", "°"),
    ("gravity", "gravity", "SG"),
    ("energy", "energy", "kWh"),
    ("power", "power", "W"),
    ("current", "current", "A"),
    ("litres", "litres", "L"),
    ("seconds", "seconds", "s"),
    ("duration", "duration", "s"),
    ("bpm", "bpm", "bpm"),
    ("act_bpm", "act_bpm", "bpm"),
    ("avg", "avg", ""),
    ("sum", "sum", ""),
    ("accx", "accx", "m/s²"),
    ("accy", "accy", "m/s²"),
    ("accz", "accz", "m/s²"),
    ("x_axis", "x_axis", "m/s²"),
    ("y_axis", "y_axis", "m/s²"),
    ("z_axis", "z_axis", "m/s²"),
    ("tempc2_dp", "dew_point", "°C"),
    ("tempf2_dp", "dew_point", "°F"),
];

/// Numeric and boolean keys without a measurement: radio, decoder and device properties, packet
/// counters, and button events.
const NOT_MEASURED: [&str; 31] = [
    "rssi",
    "tx",
    "txpower",
    "distance",
    "mac_type",
    "adv_type",
    "channel",
    "cidc",
    "acts",
    "cont",
    "track",
    "ctrl",
    "prmac",
    "encr",
    "seq",
    "packet",
    "major",
    "minor",
    "serial",
    "modeltype",
    "time",
    "time_max",
    "time_min",
    "session",
    "button",
    "button1",
    "button2",
    "button3",
    "button4",
    "unixtime",
    "UTCtime",
];

/// Decoded values that mean "not available" for a RuuviTag with data format 5.
const RUUVI_NOTHING: [(&str, f64); 9] = [
    ("tempc", -163.84),
    ("tempf", -262.912),
    ("hum", 163.8375),
    ("pres", 1155.35),
    ("volt", 3.647),
    ("accx", -321.344_307_2),
    ("accy", -321.344_307_2),
    ("accz", -321.344_307_2),
    ("mov", 255.0),
];

/// Adds the measured values of a decoded advertisement.
pub fn add(fields: &Map<String, Json>, sensor: &str, stamp: Stamp, builder: &mut Builder) {
    for (key, value) in fields {
        let is_measured = !has_metric_twin(key, fields) && !is_nothing(key, value, fields);
        let Some(meaning) = meaning(key, value).filter(|_| is_measured) else { continue };
        let sensor = match meaning.probe {
            Some(probe) => Cow::Owned(format!("{sensor}/{probe}")),
            None => Cow::Borrowed(sensor),
        };
        let unit = unit_beside(key, fields).unwrap_or(meaning.unit);
        builder.add(&sensor, &meaning.quantity, value, unit, stamp);
    }
}

/// Quantity, unit and probe of a key.
struct Meaning<'a> {
    probe: Option<&'a str>,
    quantity: Cow<'static, str>,
    unit: &'static str,
}

fn meaning<'a>(key: &'a str, value: &Json) -> Option<Meaning<'a>> {
    let known = |key: &str| MEASURED.iter().find(|(known, ..)| *known == key);
    if let Some(&(_, quantity, unit)) = known(key) {
        return Some(Meaning { probe: None, quantity: quantity.into(), unit });
    }
    if let Some((unit, rest)) = temperature(key) {
        let quantity =
            format!("temperature{}", rest.trim_start_matches(|c: char| c.is_ascii_digit()));
        let (_, probe) = names::numbered(key);
        return Some(Meaning { probe, quantity: quantity.into(), unit });
    }
    let (stem, probe) = names::numbered(key);
    if let Some(&(_, quantity, unit)) = known(stem) {
        return Some(Meaning { probe, quantity: quantity.into(), unit });
    }
    // Other numbers and booleans, such as those of later decoder versions. Strings are states and
    // names.
    let is_value = value.is_number() || value.is_boolean();
    if !is_value || NOT_MEASURED.contains(&key) {
        return None;
    }
    Some(Meaning { probe: None, quantity: names::canonical(key).into(), unit: "" })
}

/// Unit of a temperature key, and its suffix: a probe number, `_max` or `_min`.
fn temperature(key: &str) -> Option<(&'static str, &str)> {
    let celsius = key.strip_prefix("tempc").map(|rest| ("°C", rest));
    let (unit, rest) = celsius.or_else(|| Some(("°F", key.strip_prefix("tempf")?)))?;
    let is_number = rest.bytes().all(|byte| byte.is_ascii_digit());
    (is_number || matches!(rest, "_max" | "_min")).then_some((unit, rest))
}

/// Whether the message also contains the same value in a metric unit.
fn has_metric_twin(key: &str, fields: &Map<String, Json>) -> bool {
    let metric = match key.strip_prefix("tempf") {
        Some(rest) => format!("tempc{rest}"),
        None if key == "lvl_in" => "lvl_cm".to_owned(),
        None => return false,
    };
    fields.get(&metric).is_some_and(|value| !value.is_null())
}

/// Unit in a separate field of the message, or implied by the model.
fn unit_beside<'a>(key: &str, fields: &'a Map<String, Json>) -> Option<&'a str> {
    let text = |key| fields.get(key).and_then(Json::as_str);
    match key {
        "weight" => text("unit"),
        "avg" => text("avgu"),
        "sum" => text("sumu"),
        "pres" if text("model_id") == Some("TPMS") => Some("bar"),
        _ => None,
    }
}

fn is_nothing(key: &str, value: &Json, fields: &Map<String, Json>) -> bool {
    let is_ruuvi = fields.get("model_id").and_then(Json::as_str) == Some("RuuviTag_RAWv2");
    let Some(number) = value.as_f64().filter(|_| is_ruuvi) else { return false };
    let code = RUUVI_NOTHING.iter().find(|(known, _)| *known == key);
    code.is_some_and(|(_, code)| (number - code).abs() < 1e-6)
}
