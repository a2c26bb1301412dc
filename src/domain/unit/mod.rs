//! Units: spelling, dimension and conversion. Pure.
//!
//! A reading keeps its unit as received. [`spelling`] gives the canonical spelling (Home Assistant's, if it has the
//! unit) for readings of other payload families and for messages. [`convert`] accepts any spelling.
//!
//! Always: only unambiguous texts are units; one with two meanings (`mw`, `KB`, `ton`) is unknown. Never: a
//! conversion that needs more than the two units. A fraction isn't converted to percent, since a number without a
//! unit is most often a count or an index; ppm not to mg/m³, which needs substance, temperature and pressure; bar
//! not to barg, since a `bar` may be either.

mod convert;
mod lookup;
mod table;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::convert::{Conversion, convert};

/// Name of a unit as received: `celsius`, `percent`, `ppm`, or any other; may be empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Unit(Arc<str>);

impl Unit {
    /// Unit with a name, which may be empty.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// Name of the unit.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How the unit follows a number, its space included: `°C`, ` hPa`.
    #[must_use]
    pub fn suffix(&self) -> String {
        match spelling(&self.0) {
            "" => String::new(),
            degrees if degrees.starts_with('°') && !degrees.contains('/') => degrees.to_owned(),
            other => format!(" {other}"),
        }
    }
}

/// Dimension of a unit. Units of one dimension convert into each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// Reference unit °C.
    Temperature,
    /// Reference unit Pa; absolute or relative, as the sensor measures.
    Pressure,
    /// Above the pressure of the surroundings; reference unit Pa.
    GaugePressure,
    /// Reference unit W.
    Power,
    /// Reference unit VA.
    ApparentPower,
    /// Reference unit var.
    ReactivePower,
    /// Reference unit J.
    Energy,
    /// Reference unit `VAh`.
    ApparentEnergy,
    /// Reference unit varh.
    ReactiveEnergy,
    /// Reference unit V.
    Voltage,
    /// Reference unit A.
    Current,
    /// Reference unit Ah.
    Charge,
    /// Reference unit Ω.
    Resistance,
    /// Reference unit Hz.
    Frequency,
    /// Reference unit rpm.
    RotationalSpeed,
    /// Reference unit °.
    Angle,
    /// Reference unit m.
    Length,
    /// Reference unit m².
    Area,
    /// Reference unit m/s.
    Speed,
    /// Reference unit m/s².
    Acceleration,
    /// Depth of rain a time; reference unit mm/h.
    PrecipitationIntensity,
    /// Reference unit L.
    Volume,
    /// Reference unit L/h.
    VolumeFlow,
    /// Reference unit g.
    Mass,
    /// Reference unit s.
    Time,
    /// Reference unit %.
    Percent,
    /// Reference unit ppm.
    PartsPer,
    /// Mass in a volume; reference unit µg/m³.
    Concentration,
    /// Reference unit Bq/m³.
    Radioactivity,
    /// Reference unit lx.
    Illuminance,
    /// Reference unit W/m².
    Irradiance,
    /// Reference unit µS/cm.
    Conductivity,
    /// Reference unit bit.
    DataSize,
    /// Reference unit bit/s.
    DataRate,
    /// A scale that converts into no other: dB, pH, …
    Other,
}

impl Dimension {
    /// Dimension of a unit in any spelling; `None` for a unit that is not in the table.
    #[must_use]
    pub fn of(unit: &str) -> Option<Self> {
        lookup::find(unit).map(|known| known.dimension)
    }
}

/// Canonical spelling of a unit; an unknown unit is returned as received, trimmed.
#[must_use]
pub fn spelling(unit: &str) -> &str {
    known(unit).unwrap_or(unit.trim())
}

/// The one spelling of a unit; `None` for a text that is no unit of the table.
#[must_use]
pub fn known(unit: &str) -> Option<&'static str> {
    lookup::find(unit).map(|known| known.spelling)
}

/// Default unit of a quantity, for limits and foreign readings without one. `None` if no unit is usual: `energy`
/// may be in Wh or in kWh.
///
/// Covers the quantities whose unit the documentation promises, and those with one unit only in Home Assistant.
#[must_use]
pub fn quantity_default(quantity: &str) -> Option<&'static str> {
    Some(match quantity {
        "temperature" => "°C",
        "humidity" | "moisture" | "battery" => "%",
        "pressure" => "hPa",
        "illuminance" => "lx",
        "co2" => "ppm",
        "power" => "W",
        "voltage" => "V",
        "current" => "A",
        "pm1" | "pm2_5" | "pm25" | "pm4" | "pm10" => "µg/m³",
        "wind_direction" => "°",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
