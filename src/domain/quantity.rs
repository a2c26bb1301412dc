//! Quantities: what is measured.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Unit;

/// A measured quantity: `temperature`, `humidity`, `co2`, or another name of the same form.
///
/// The name is a topic level, a JSON key and part of an alert type, hence the form: lower-case letters, digits and
/// `_`, starting with a letter, at most 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Quantity(Arc<str>);

/// Why a text is no quantity's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no name of a quantity: use lower-case letters, digits and `_`, starting with a letter"
)]
pub struct QuantityError(pub String);

/// Limit in characters, each one byte.
pub(super) const LONGEST_NAME: usize = 64;

/// Keys of a reading's JSON that can't name its value.
const RESERVED: [&str; 5] = ["sensor_id", "location", "timestamp", "unit", "status"];

impl Quantity {
    /// # Errors
    /// If `name` is not of the form described on the type.
    pub fn new(name: &str) -> Result<Self, QuantityError> {
        let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase());
        let continues_well =
            name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if starts_well && continues_well && name.len() <= LONGEST_NAME && !RESERVED.contains(&name)
        {
            Ok(Self(name.into()))
        } else {
            Err(QuantityError(name.chars().take(LONGEST_NAME).collect()))
        }
    }

    /// The default quantity.
    #[must_use]
    pub fn temperature() -> Self {
        Self("temperature".into())
    }

    /// True for the default quantity, whose readings are stored in the origin's table.
    #[must_use]
    pub fn is_temperature(&self) -> bool {
        &*self.0 == "temperature"
    }

    /// Name of the quantity.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The unit of a reading that names none.
    #[must_use]
    pub fn default_unit(&self) -> Unit {
        Unit::new(match self.as_str() {
            "temperature" => "celsius",
            "humidity" => "percent",
            "pressure" => "hectopascal",
            "co2" => "ppm",
            "voltage" => "volt",
            _ => "",
        })
    }
}

impl TryFrom<String> for Quantity {
    type Error = QuantityError;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        Self::new(&name)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_topic_levels_and_json_keys() {
        assert!(Quantity::new("co2").is_ok());
        for bad in ["", "CO2", "a/b", "+", "2co", "é", "sensor_id", &"x".repeat(65)] {
            assert!(Quantity::new(bad).is_err(), "{bad}");
        }
    }
}
