//! Guessed units of values without one, and implausible values.

use crate::domain::unit::quantity_default;
pub use crate::domain::unit::{known, spelling};

/// True if a text is a known unit, in any spelling, or empty.
#[must_use]
pub fn is_known(unit: &str) -> bool {
    unit.is_empty() || known(unit).is_some()
}

/// Default unit of a quantity, if the value is plausible in it; else none.
#[must_use]
pub fn guess(quantity: &str, value: f64) -> &'static str {
    let plausible = match quantity {
        "temperature" => -273.15..=2000.0,
        "humidity" | "moisture" | "battery" => 0.0..=100.0,
        "pressure" => 300.0..=1100.0,
        "illuminance" => 0.0..=200_000.0,
        "co2" => 0.0..=100_000.0,
        "power" => -1e9..=1e9,
        "voltage" | "current" => -1e6..=1e6,
        _ => return "",
    };
    quantity_default(quantity).filter(|_| plausible.contains(&value)).unwrap_or("")
}

/// True if a value is not below absolute zero, by its unit; for an unknown unit, by the lowest scale. In kelvin,
/// differences are measured too: only what is called a temperature is one.
#[must_use]
pub fn is_possible(quantity: &str, value: f64, unit: &str) -> bool {
    let is_temperature = quantity.ends_with("temperature");
    let zero = match spelling(unit) {
        "°C" => -273.15,
        // Without a unit, the quantity's default.
        "" if quantity == "temperature" => -273.15,
        "K" if is_temperature => 0.0,
        "K" => return true,
        "°F" => -459.67,
        _ if is_temperature => -459.67,
        _ => return true,
    };
    value >= zero
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_units_come_in_any_spelling() {
        assert_eq!((known("deg C"), known("lqi")), (Some("°C"), None));
        assert!(is_known("uS/cm") && is_known("") && !is_known("lqi"));
    }

    #[test]
    fn a_guess_is_plausible_or_none() {
        assert_eq!(guess("pressure", 1013.2), "hPa");
        assert_eq!(guess("pressure", 4.5), "");
        assert_eq!(guess("battery", 3250.0), "");
        assert_eq!(guess("wind_avg", 3.0), "");
        assert_eq!(guess("energy", 3.0), "");
    }

    #[test]
    fn nothing_is_below_absolute_zero() {
        for (value, unit) in
            [(-273.15, "°C"), (-273.15, "celsius"), (-459.67, "°F"), (0.0, "K"), (-273.15, "")]
        {
            assert!(is_possible("temperature", value, unit), "{value} {unit}");
            assert!(!is_possible("temperature", value - 1.0, unit), "{value} {unit}");
        }
        assert!(is_possible("temperature", -459.0, "mystery"));
        assert!(!is_possible("temperature", -460.0, "mystery"));
        assert!(!is_possible("dew_point", -300.0, "°C") && is_possible("hysteresis", -2.0, "K"));
        assert!(is_possible("power", -3000.0, "W") && is_possible("power", -3000.0, ""));
    }
}
