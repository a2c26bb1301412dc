//! Keys of reports: their quantities and units.

use serde_json::{Map, Value as Json};

use crate::ingest::formats::kit::names;

/// Units that a device chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Units<'a> {
    temperature: &'a str,
    pressure: &'a str,
    speed: &'a str,
}

impl Default for Units<'_> {
    fn default() -> Self {
        Self { temperature: "°C", pressure: "hPa", speed: "" }
    }
}

impl<'a> Units<'a> {
    /// Units with those given replaced.
    pub fn with(
        self,
        temperature: Option<&'a str>,
        pressure: Option<&'a str>,
        speed: Option<&'a str>,
    ) -> Self {
        Self {
            temperature: temperature.unwrap_or(self.temperature),
            pressure: pressure.unwrap_or(self.pressure),
            speed: speed.unwrap_or(self.speed),
        }
    }

    /// Units with those that an object names replaced.
    pub fn of(self, fields: &'a Map<String, Json>) -> Self {
        let unit = |key| fields.get(key).and_then(Json::as_str);
        self.with(unit("TempUnit"), unit("PressureUnit"), unit("SpeedUnit"))
    }
}

/// Meaning of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning<'a> {
    pub quantity: String,
    /// Number at the key's end that counts probes: `Temperature2`.
    pub probe: Option<&'a str>,
    /// Unit; empty for none, or for the usual one of the quantity.
    pub unit: &'a str,
    /// Whether the firmware sends numbers under this key, so that another text is nonsense.
    pub is_number: bool,
}

/// Unit that a device may configure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dimension {
    Temperature,
    Pressure,
    Speed,
    Fixed(&'static str),
}

/// Keys with a unit that the firmware defines.
const FIXED: [(&str, &str); 52] = [
    ("aHumidity", "g/m³"),
    ("ActivePower", "W"),
    ("Ambient", "lx"),
    ("ApparentPower", "VA"),
    ("Battery", "%"),
    ("BatteryPercentage", "%"),
    ("BatteryVoltage", "V"),
    ("CCT", "K"),
    ("CF1", "µg/m³"),
    ("CF10", "µg/m³"),
    ("CF2.5", "µg/m³"),
    ("CarbonDioxide", "ppm"),
    ("Current", "A"),
    ("CurrentNeutral", "A"),
    ("Energy", "kWh"),
    ("ExportActive", "kWh"),
    ("ExportPower", "W"),
    ("ExportReactive", "kvarh"),
    ("ExportTariff", "kWh"),
    ("Factor", ""),
    ("Frequency", "Hz"),
    ("Humidity", "%"),
    ("Illuminance", "lx"),
    ("ImportActive", "kWh"),
    ("ImportPower", "W"),
    ("ImportReactive", "kvarh"),
    ("LinkQuality", ""),
    ("MaxPower", "W"),
    ("Moisture", "%"),
    ("PM1", "µg/m³"),
    ("PM10", "µg/m³"),
    ("PM2.5", "µg/m³"),
    ("PhaseAngle", "°"),
    ("Power", "W"),
    ("Pv1Current", "A"),
    ("Pv1Power", "W"),
    ("Pv1Voltage", "V"),
    ("Pv2Current", "A"),
    ("Pv2Power", "W"),
    ("Pv2Voltage", "V"),
    ("RMSCurrent", "A"),
    ("RMSVoltage", "V"),
    ("RSSI", "dBm"),
    ("ReactivePower", "var"),
    ("SolarPower", "W"),
    ("TVOC", "ppb"),
    ("TodaySumExport", "kWh"),
    ("TodaySumImport", "kWh"),
    ("TotalTariff", "kWh"),
    ("Voltage", "V"),
    ("Weight", "kg"),
    ("eCO2", "ppm"),
];

/// Keys of the component `ENERGY` that mean nothing without it.
const ENERGY: [(&str, &str); 4] =
    [("Total", "kWh"), ("Yesterday", "kWh"), ("Today", "kWh"), ("Period", "Wh")];

/// Components that count something else under `Energy`: a thunderstorm, a radar's echo.
const NO_ENERGY_METERS: [&str; 2] = ["AS3935", "LD2410"];

/// Components that measure a distance in centimetres.
const RANGE_FINDERS: [&str; 2] = ["SR04", "LD2410"];

/// Meaning of a key below the objects that lead to it.
pub fn meaning<'a>(path: &[&str], key: &'a str, units: Units<'a>) -> Meaning<'a> {
    let component = path.last().copied().unwrap_or_default();
    if let Some((_, unit)) = ENERGY.iter().find(|(it, _)| *it == key && component == "ENERGY") {
        let quantity = format!("energy_{}", names::snake_case(key));
        return Meaning { quantity, probe: None, unit, is_number: true };
    }
    if let Some(dimension) = dimension(component, key) {
        let unit = dimension.unit(units);
        return Meaning { quantity: names::canonical(key), probe: None, unit, is_number: true };
    }
    let stem = key.trim_end_matches(|c: char| c.is_ascii_digit());
    if let Some(dimension) = dimension(component, stem) {
        let (quantity, probe) = (names::canonical(stem), Some(&key[stem.len()..]));
        return Meaning { quantity, probe, unit: dimension.unit(units), is_number: true };
    }
    let unit = of_phase(key).or_else(|| of_parent(path, units)).unwrap_or_default();
    Meaning { quantity: names::canonical(key), probe: None, unit, is_number: false }
}

impl Dimension {
    const fn unit(self, units: Units<'_>) -> &str {
        match self {
            Self::Temperature => units.temperature,
            Self::Pressure => units.pressure,
            Self::Speed => units.speed,
            Self::Fixed(unit) => unit,
        }
    }
}

fn dimension(component: &str, key: &str) -> Option<Dimension> {
    let is_of = |components: &[&str]| components.iter().any(|it| component.starts_with(it));
    match key {
        "Temp" | "DewPoint" | "OBJTMP" | "AMBTMP" | "HeatIndex" | "FeelsLike" => {
            Some(Dimension::Temperature)
        }
        _ if key.ends_with("Temperature") => Some(Dimension::Temperature),
        "Pressure" | "SeaPressure" => Some(Dimension::Pressure),
        "Speed" => Some(Dimension::Speed),
        "Energy" if is_of(&NO_ENERGY_METERS) => None,
        "Distance" if is_of(&RANGE_FINDERS) => Some(Dimension::Fixed("cm")),
        _ => FIXED.iter().find(|(it, _)| *it == key).map(|(_, unit)| Dimension::Fixed(unit)),
    }
}

/// Unit of a phase, as scripts for meters have them: `Voltage_L1`.
fn of_phase(key: &str) -> Option<&'static str> {
    let (stem, phase) = key.split_once('_')?;
    let number = phase.strip_prefix(['L', 'l', 'P', 'p'])?;
    let is_phase = matches!(number, "1" | "2" | "3");
    match stem {
        "Voltage" if is_phase => Some("V"),
        "Current" if is_phase => Some("A"),
        _ => None,
    }
}

/// Unit of the figures below an object that is a quantity: `Speed` with `Act`, `Avg`, `Max`.
fn of_parent<'a>(path: &[&str], units: Units<'a>) -> Option<&'a str> {
    path.iter().rev().find_map(|parent| match *parent {
        "Temperature" => Some(units.temperature),
        "Pressure" => Some(units.pressure),
        "Speed" => Some(units.speed),
        _ => None,
    })
}
