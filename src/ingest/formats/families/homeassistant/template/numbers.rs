//! Numeric conversion and rounding with Python's semantics.

use crate::domain::Value;
use crate::ingest::formats::kit::values::{self, Read};

/// Reason why a template yields no reading.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// The message carries no value: an absent key, `null`, or a placeholder such as `unavailable`.
    Nothing,
    /// The message carries an unusable value; holds the reason.
    Wrong(String),
}

/// Parses a string as a number, like Python's `float`.
///
/// # Errors
/// [`Failure::Nothing`] for a placeholder such as `unavailable`; [`Failure::Wrong`] for any other
/// string that is not numeric.
pub fn of_text(text: &str) -> Result<Value, Failure> {
    if is_truth_value(text) {
        return Err(Failure::Wrong(format!("{text:?} is not a number")));
    }
    match values::read_text(text) {
        Read::Value(value) => Ok(value),
        Read::Nothing => Err(Failure::Nothing),
        Read::Wrong(why) => Err(Failure::Wrong(why)),
    }
}

/// True for `true` and `false`, in any case and with surrounding white space.
pub fn is_truth_value(text: &str) -> bool {
    let text = text.trim();
    text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false")
}

/// Floating-point number.
///
/// # Errors
/// If it is not finite.
pub fn decimal(number: f64) -> Result<Value, Failure> {
    Value::new(number).map_err(|error| Failure::Wrong(error.to_string()))
}

/// Integer, truncated towards zero. Exact up to 2^53.
///
/// # Errors
/// If it is not finite.
pub fn whole(number: f64) -> Result<Value, Failure> {
    const MOST_EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    let number = number.trunc();
    Value::from_parts(number, number.abs() <= MOST_EXACT)
        .map_err(|error| Failure::Wrong(error.to_string()))
}

/// Rounding mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest number; ties to even.
    Nearest,
    /// Towards positive infinity.
    Ceiling,
    /// Towards negative infinity.
    Floor,
    /// To the nearest multiple of 0.5; ignores the number of digits.
    Half,
}

/// Rounds to `digits` decimal places; negative counts round to tens, hundreds, and so on. With 0
/// digits the result is an integer.
///
/// # Errors
/// If the result is not finite.
pub fn round(number: f64, digits: i32, rounding: Rounding) -> Result<Value, Failure> {
    let digits = digits.clamp(-308, 308);
    let factor = 10_f64.powi(digits);
    let rounded = match rounding {
        Rounding::Ceiling => (number * factor).ceil() / factor,
        Rounding::Floor => (number * factor).floor() / factor,
        Rounding::Half => (number * 2.0).round_ties_even() / 2.0,
        Rounding::Nearest => nearest(number, digits),
    };
    if digits == 0 { whole(rounded) } else { decimal(rounded) }
}

/// Rounds to nearest by decimal digits, which avoids the floating-point error of a scaled product.
fn nearest(number: f64, digits: i32) -> f64 {
    match usize::try_from(digits) {
        Ok(digits) => format!("{number:.digits$}").parse().unwrap_or(number),
        Err(_) => {
            let unit = 10_f64.powi(-digits);
            (number / unit).round_ties_even() * unit
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_as_python_does() {
        for (number, digits, expected) in [
            (1_646.083_333, 2, "1646.08"),
            (0.5, 0, "0"),
            (1.5, 0, "2"),
            (2.675, 2, "2.67"),
            (0.125, 2, "0.12"),
            (21.0, 1, "21.0"),
            (1250.0, -2, "1200.0"),
            (-3.7, 0, "-4"),
        ] {
            let rounded = round(number, digits, Rounding::Nearest).unwrap();
            assert_eq!(rounded.to_string(), expected, "{number} to {digits}");
        }
        assert_eq!(round(370.37, 0, Rounding::Floor).unwrap().to_string(), "370");
        assert_eq!(round(370.31, 1, Rounding::Ceiling).unwrap().to_string(), "370.4");
        assert_eq!(round(21.3, 1, Rounding::Half).unwrap().to_string(), "21.5");
        assert!(round(f64::NAN, 0, Rounding::Nearest).is_err());
    }

    #[test]
    fn texts_are_numbers_words_or_wrong() {
        assert_eq!(of_text(" 21.50 ").unwrap().to_string(), "21.5");
        assert_eq!(of_text("unavailable"), Err(Failure::Nothing));
        for wrong in ["True", "21,5", "inf", "on"] {
            assert!(matches!(of_text(wrong), Err(Failure::Wrong(_))), "{wrong}");
        }
        assert_eq!(whole(-21.9).unwrap().to_string(), "-21");
    }
}
