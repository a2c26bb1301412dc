//! Measured numbers that print as they were sent.
//!
//! A value is always finite. `38` prints as `38` and `38.0` as `38.0`: the sender's form is preserved, and alerts
//! quote it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A finite number that remembers whether it was written as an integer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Value {
    number: f64,
    is_integer: bool,
}

/// Why a number can't be a [`Value`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value is not a finite number")]
pub struct ValueError;

impl Value {
    /// Value with a decimal point.
    ///
    /// # Errors
    /// If `number` is infinite or not a number.
    pub fn new(number: f64) -> Result<Self, ValueError> {
        if number.is_finite() { Ok(Self { number, is_integer: false }) } else { Err(ValueError) }
    }

    /// Value of a JSON number, in its form.
    ///
    /// # Errors
    /// If the number does not fit a finite `f64`.
    pub fn from_json(number: &serde_json::Number) -> Result<Self, ValueError> {
        let is_integer = number.is_i64() || number.is_u64();
        let value = Self::new(number.as_f64().ok_or(ValueError)?)?;
        // Past 2^53 an `f64` skips integers: print as a float.
        Ok(Self {
            is_integer: is_integer && value.number.abs() <= 9_007_199_254_740_992.0,
            ..value
        })
    }

    /// The number, and whether it was written as an integer.
    #[must_use]
    pub const fn parts(self) -> (f64, bool) {
        (self.number, self.is_integer)
    }

    /// Value from its [`parts`](Self::parts).
    ///
    /// # Errors
    /// If `number` is infinite or not a number.
    pub fn from_parts(number: f64, is_integer: bool) -> Result<Self, ValueError> {
        Ok(Self { is_integer, ..Self::new(number)? })
    }

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.number
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_integer {
            write!(f, "{}", self.number)
        } else {
            // `Debug` prints the shortest text that parses to the same number, with its point.
            write!(f, "{:?}", self.number)
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_integer {
            #[allow(clippy::cast_possible_truncation)] // at most 2^53 in size, by `from_json`
            serializer.serialize_i64(self.number as i64)
        } else {
            serializer.serialize_f64(self.number)
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        Self::from_json(&number).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carried(text: &str) -> String {
        let number: serde_json::Number = serde_json::from_str(text).unwrap();
        let value = Value::from_json(&number).unwrap();
        assert_eq!(serde_json::to_string(&value).unwrap(), value.to_string());
        value.to_string()
    }

    #[test]
    fn prints_as_carried() {
        for text in ["38.2", "38", "38.0", "-0.5", "74.93588199999998", "0"] {
            assert_eq!(carried(text), text);
        }
    }

    #[test]
    fn refuses_what_is_not_finite() {
        assert_eq!(Value::new(f64::NAN), Err(ValueError));
        assert_eq!(Value::new(f64::INFINITY), Err(ValueError));
    }
}
