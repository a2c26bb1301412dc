//! Quantities and units of the paths of Venus OS, by their last level.

use crate::ingest::formats::kit::names;

/// Canonical quantity of a path's last level.
pub fn quantity(last: &str) -> String {
    match last {
        "P" => "power".into(),
        "V" => "voltage".into(),
        "I" => "current".into(),
        "F" => "frequency".into(),
        "S" => "apparent_power".into(),
        "Q" => "reactive_power".into(),
        "Luminosity" => "illuminance".into(),
        _ => names::canonical(last),
    }
}

/// Units with the last levels that have them.
const WHOLE: [(&str, &[&str]); 19] = [
    ("V", &["V"]),
    ("A", &["I"]),
    ("W", &["P"]),
    ("VA", &["S"]),
    ("var", &["Q"]),
    ("Hz", &["F", "Frequency"]),
    (
        "%",
        &[
            "Soc",
            "Soh",
            "Level",
            "Humidity",
            "Load",
            "FieldDrive",
            "MidVoltageDeviation",
            "Dimming",
        ],
    ),
    (
        "Ah",
        &[
            "ConsumedAmphours",
            "InstalledCapacity",
            "DeepestDischarge",
            "LastDischarge",
            "AverageDischarge",
        ],
    ),
    ("Ah", &["TotalAhDrawn"]),
    (
        "s",
        &[
            "TimeToGo",
            "TimeRemaining",
            "TimeSinceLastFullCharge",
            "TimeSinceLastSun",
            "ChargingTime",
            "ServiceCounter",
        ],
    ),
    ("min", &["TimeInBulk", "TimeInAbsorption", "TimeInFloat"]),
    ("ppm", &["CO2"]),
    ("lx", &["Luminosity"]),
    ("µg/m³", &["PM25"]),
    ("W/m²", &["Irradiance"]),
    ("m/s", &["WindSpeed"]),
    ("rpm", &["RPM"]),
    ("°", &["Course", "WindDirection", "Latitude", "Longitude"]),
    ("m", &["Altitude"]),
];

/// Units with the suffixes of last levels that have them.
const ENDINGS: [(&str, &[&str]); 9] = [
    ("V", &["Voltage"]),
    ("A", &["Current", "CurrentLimit"]),
    ("W", &["Power", "PowerSetpoint", "PowerSetPoint"]),
    ("kWh", &["Energy", "Yield", "EnergyIn", "EnergyOut"]),
    ("%", &["Soc", "SocLimit", "Percentage"]),
    ("°C", &["Temperature"]),
    ("Ah", &["Ah"]),
    ("s", &["Runtime"]),
    ("kPa", &["OilPressure"]),
];

/// Unit of a value; empty if it has none or is unknown. `device` is
/// `<portal>/<service>/<instance>`.
pub fn unit(device: &str, path: &str) -> &'static str {
    let mut levels = path.rsplit('/');
    let (last, parent) = (levels.next().unwrap_or_default(), levels.next().unwrap_or_default());
    if path.split('/').any(|level| level == "Alarms") {
        // Alarm levels (0 to 2) with names such as `LowVoltage`.
        return "";
    }
    let service = device.split('/').nth(1).unwrap_or_default();
    match (service, parent, last) {
        ("gps", _, "Speed") => return "m/s",
        (_, _, "Speed") => return "rpm",
        ("tank", _, "Capacity" | "Remaining") => return "m³",
        ("battery", _, "Capacity") => return "Ah",
        ("temperature", _, "Pressure") => return "hPa",
        (_, "Session", "Time") => return "s",
        (_, "Energy", _) | (_, "Yield", "User" | "System") => return "kWh",
        (_, "Voltages", _) => return "V",
        _ => {}
    }
    let whole = WHOLE.iter().find(|(_, names)| names.contains(&last));
    let ends = |names: &[&str]| names.iter().any(|name| last.ends_with(name));
    let known = whole.or_else(|| ENDINGS.iter().find(|(_, names)| ends(names)));
    known.map_or("", |(unit, _)| unit)
}
