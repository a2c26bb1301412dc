//! Home Assistant's device class of a value, by unit and quantity. Pure.
//!
//! Always: a class comes with a unit that Home Assistant accepts for it, in its spelling: otherwise it rejects the
//! whole entity. If unit and quantity are ambiguous (litres of a tank or of a meter) there is no class, and the
//! value is still shown. Never: a unit that only the releases of the last year accept for a class.

use crate::domain::unit::{Dimension, spelling};
use crate::domain::{Quantity, Unit};

/// Home Assistant's description of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Class<'a> {
    /// Device class.
    pub device_class: Option<&'static str>,
    /// How its statistics treat the value.
    pub state_class: &'static str,
    /// Unit in its spelling; `None` for a bare number.
    pub unit: Option<&'a str>,
}

const MEASUREMENT: &str = "measurement";
/// State class of a meter, which grows and may restart at 0.
const METER: &str = "total_increasing";

/// An unambiguous quantity, its class, and the units of the class.
type Named = (&'static str, &'static str, &'static [&'static str]);

const MICROGRAMS: &[&str] = &["µg/m³"];
const DEPTHS: &[&str] = &["mm", "cm", "in"];
const WIND: &[&str] = &["m/s", "km/h", "mph", "kn", "ft/s"];

/// Quantity, class, units; no unit for a number that has none.
const BY_QUANTITY: &[Named] = &[
    ("humidity", "humidity", &["%"]),
    ("battery", "battery", &["%"]),
    ("moisture", "moisture", &["%"]),
    ("soil_moisture", "moisture", &["%"]),
    ("co2", "carbon_dioxide", &["ppm"]),
    ("co", "carbon_monoxide", &["ppm"]),
    ("pm1", "pm1", MICROGRAMS),
    ("pm25", "pm25", MICROGRAMS),
    ("pm2_5", "pm25", MICROGRAMS),
    ("pm10", "pm10", MICROGRAMS),
    ("no2", "nitrogen_dioxide", MICROGRAMS),
    ("ozone", "ozone", MICROGRAMS),
    ("so2", "sulphur_dioxide", MICROGRAMS),
    ("wind_speed", "wind_speed", WIND),
    ("wind_gust", "wind_speed", WIND),
    ("rain", "precipitation", DEPTHS),
    ("precipitation", "precipitation", DEPTHS),
    ("rssi", "signal_strength", &["dBm", "dB"]),
    ("signal_strength", "signal_strength", &["dBm", "dB"]),
    ("power_factor", "power_factor", &["%", ""]),
    ("ph", "ph", &[""]),
    ("aqi", "aqi", &[""]),
];

/// Meters: quantity, class, units.
const METERS: &[Named] =
    &[("water", "water", &["m³", "L", "ft³", "gal"]), ("gas", "gas", &["m³", "ft³"])];

/// Class of a dimension, and those of its units that the class accepts.
const fn by_dimension(
    dimension: Dimension,
) -> Option<(&'static str, &'static str, &'static [&'static str])> {
    Some(match dimension {
        Dimension::Temperature => ("temperature", MEASUREMENT, &["°C", "°F", "K"]),
        Dimension::Pressure => (
            "pressure",
            MEASUREMENT,
            &["Pa", "hPa", "kPa", "mbar", "cbar", "bar", "psi", "mmHg", "inHg"],
        ),
        Dimension::Power => ("power", MEASUREMENT, &["W", "kW"]),
        Dimension::ApparentPower => ("apparent_power", MEASUREMENT, &["VA"]),
        Dimension::ReactivePower => ("reactive_power", MEASUREMENT, &["var"]),
        Dimension::Energy => ("energy", METER, &["Wh", "kWh", "MWh", "MJ", "GJ"]),
        Dimension::Voltage => ("voltage", MEASUREMENT, &["V", "mV"]),
        Dimension::Current => ("current", MEASUREMENT, &["A", "mA"]),
        Dimension::Frequency => ("frequency", MEASUREMENT, &["Hz", "kHz", "MHz", "GHz"]),
        Dimension::Length => {
            ("distance", MEASUREMENT, &["mm", "cm", "m", "km", "in", "ft", "yd", "mi"])
        }
        Dimension::Speed => ("speed", MEASUREMENT, &["m/s", "km/h", "mph", "kn", "ft/s"]),
        Dimension::PrecipitationIntensity => {
            ("precipitation_intensity", MEASUREMENT, &["mm/h", "mm/d", "in/h", "in/d"])
        }
        Dimension::VolumeFlow => {
            ("volume_flow_rate", MEASUREMENT, &["m³/h", "L/min", "ft³/min", "gal/min"])
        }
        Dimension::Mass => ("weight", MEASUREMENT, &["µg", "mg", "g", "kg", "oz", "lb", "st"]),
        Dimension::Time => ("duration", MEASUREMENT, &["s", "min", "h", "d"]),
        Dimension::Illuminance => ("illuminance", MEASUREMENT, &["lx"]),
        Dimension::Irradiance => ("irradiance", MEASUREMENT, &["W/m²"]),
        _ => return None,
    })
}

/// Home Assistant's description of the values of a series.
pub(super) fn class<'a>(quantity: &Quantity, unit: &'a Unit) -> Class<'a> {
    let spelled = spelling(unit.as_str());
    let named = |table: &[Named]| {
        let found = table.iter().find(|(name, ..)| *name == quantity.as_str());
        found.filter(|(.., units)| units.contains(&spelled)).map(|(_, class, _)| *class)
    };
    let of_dimension = || {
        let (class, state, units) = by_dimension(Dimension::of(spelled)?)?;
        units.contains(&spelled).then_some((class, state))
    };
    let by_name = named(BY_QUANTITY).map(|class| (class, MEASUREMENT));
    let (device_class, state_class) = by_name
        .or_else(|| named(METERS).map(|class| (class, METER)))
        .or_else(of_dimension)
        .map_or((None, MEASUREMENT), |(class, state)| (Some(class), state));
    Class { device_class, state_class, unit: Some(spelled).filter(|it| !it.is_empty()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::unit::known;

    fn of(quantity: &str, unit: &str) -> (Option<&'static str>, &'static str, String) {
        let unit = Unit::new(unit);
        let class = class(&Quantity::new(quantity).unwrap(), &unit);
        (class.device_class, class.state_class, class.unit.unwrap_or_default().to_owned())
    }

    #[test]
    fn a_unit_is_spelled_as_home_assistant_does() {
        let expected = (Some("temperature"), MEASUREMENT, "°C".to_owned());
        for spelled in ["celsius", "C", "°C", " degC "] {
            assert_eq!(of("temperature", spelled), expected, "{spelled}");
        }
        assert_eq!(of("pressure", "hectopascal"), (Some("pressure"), MEASUREMENT, "hPa".into()));
        assert_eq!(of("energy", "kwh"), (Some("energy"), METER, "kWh".into()));
    }

    #[test]
    fn what_means_two_things_has_no_class() {
        for (quantity, unit, spelled) in [
            ("humidity", "", ""),         // a class without a unit is refused
            ("humidity", "g/m3", "g/m³"), // absolute humidity
            ("level", "percent", "%"),
            ("volume", "L", "L"), // of a tank, or of a meter
            ("pressure", "barg", "barg"),
            ("energy", "W·min", "W·min"),
            ("spin", "wobbles", "wobbles"),
            ("contact", "", ""),
            ("co2", "mg/m³", "mg/m³"),
        ] {
            assert_eq!(
                of(quantity, unit),
                (None, MEASUREMENT, spelled.into()),
                "{quantity} {unit}"
            );
        }
    }

    #[test]
    fn a_quantity_may_say_more_than_its_unit() {
        assert_eq!(of("wind_speed", "m/s").0, Some("wind_speed"));
        assert_eq!(of("belt", "m/s").0, Some("speed"));
        assert_eq!(of("rain", "mm").0, Some("precipitation"));
        assert_eq!(of("water", "m3"), (Some("water"), METER, "m³".into()));
        assert_eq!(of("water", "celsius").0, Some("temperature"), "the unit says what it is");
        assert_eq!(of("ph", "").0, Some("ph"));
    }

    #[test]
    fn every_unit_of_the_table_is_a_spelling() {
        let by_quantity = BY_QUANTITY.iter().chain(METERS).flat_map(|(.., units)| *units);
        for unit in by_quantity.filter(|unit| !unit.is_empty()) {
            assert_eq!(known(unit), Some(*unit), "{unit}");
        }
        for unit in ["°C", "hPa", "kW", "VA", "var", "kWh", "V", "A", "Hz", "m", "m/s", "mm/h"]
            .into_iter()
            .chain(["m³/h", "kg", "h", "lx", "W/m²"])
        {
            let (_, _, units) = by_dimension(Dimension::of(unit).unwrap()).unwrap();
            for unit in units {
                assert_eq!(known(unit), Some(*unit), "{unit}");
            }
        }
    }
}
