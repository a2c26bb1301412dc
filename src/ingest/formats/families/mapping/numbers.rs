//! Numbers in strings: parsing with a configurable decimal mark and a trailing unit, and rounding
//! of results to 15 significant digits.

use crate::domain::Value;
use crate::ingest::formats::kit::values;

/// Splits a string into a leading number and the rest, both trimmed.
///
/// Without `decimal` the decimal mark is a point and digit grouping is rejected. With it, groups of
/// three digits may be separated by a point, comma, space or apostrophe, except by the decimal
/// mark. A typographic minus is accepted.
#[must_use]
pub fn split(text: &str, decimal: Option<char>) -> Option<(Value, &str)> {
    let mut digits = String::with_capacity(text.len().min(32));
    let mut rest = text.trim();
    if let Some(after) = rest.strip_prefix(['-', '\u{2212}', '+']) {
        digits.push(if rest.starts_with('+') { '+' } else { '-' });
        rest = after;
    }
    rest = match decimal {
        Some(mark) => take_groups(rest, mark, &mut digits),
        None => take_digits(rest, &mut digits),
    };
    let mark = decimal.unwrap_or('.');
    if let Some(fraction) = rest.strip_prefix(mark) {
        digits.push('.');
        rest = take_digits(fraction, &mut digits);
    }
    rest = take_exponent(rest, &mut digits);
    values::number(&digits).map(|value| (value, rest.trim()))
}

/// Moves the leading digits to `digits` and returns the rest.
fn take_digits<'a>(text: &'a str, digits: &mut String) -> &'a str {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    digits.push_str(&text[..end]);
    &text[end..]
}

/// Moves leading digits in groups of three, all with the same separator, and returns the rest.
fn take_groups<'a>(text: &'a str, decimal: char, digits: &mut String) -> &'a str {
    const PARTING: [char; 6] = ['.', ',', ' ', '\u{a0}', '\u{202f}', '\''];
    let mut rest = take_digits(text, digits);
    let is_first_group = (1..=3).contains(&(text.len() - rest.len()));
    let parting = rest.chars().next().filter(|c| *c != decimal && PARTING.contains(c));
    let (true, Some(parting)) = (is_first_group, parting) else { return rest };
    while let Some(group) = rest.strip_prefix(parting) {
        let num_digits = group.bytes().take_while(u8::is_ascii_digit).count();
        if num_digits != 3 {
            break;
        }
        digits.push_str(&group[..3]);
        rest = &group[3..];
    }
    rest
}

/// Moves an exponent such as `e-3` and returns the rest; without one, nothing is consumed.
fn take_exponent<'a>(text: &'a str, digits: &mut String) -> &'a str {
    let Some(exponent) = text.strip_prefix(['e', 'E']) else { return text };
    let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if !unsigned.starts_with(|c: char| c.is_ascii_digit()) {
        return text;
    }
    digits.push('e');
    digits.push_str(&exponent[..exponent.len() - unsigned.len()]);
    take_digits(unsigned, digits)
}

/// Rounds to 15 significant digits, which removes the error of binary fractions and preserves
/// decimals of up to 15 digits. Non-finite numbers are returned unchanged.
#[must_use]
pub fn without_noise(number: f64) -> f64 {
    if number.is_finite() { format!("{number:.14e}").parse().unwrap_or(number) } else { number }
}

/// `value * scale + offset`; an integer if all three are integers.
///
/// # Errors
/// If the result is not finite.
pub fn convert(value: Value, scale: Option<f64>, offset: Option<f64>) -> Result<Value, String> {
    if scale.is_none() && offset.is_none() {
        return Ok(value);
    }
    let (scale, offset) = (scale.unwrap_or(1.0), offset.unwrap_or(0.0));
    let (number, is_whole) = value.parts();
    let result = without_noise(number * scale + offset);
    let is_whole = is_whole && scale.fract() == 0.0 && offset.fract() == 0.0 && is_exact(result);
    Value::from_parts(result, is_whole).map_err(|error| error.to_string())
}

/// Whether a number is within ±2^53, where every integer has an exact double.
fn is_exact(number: f64) -> bool {
    number.abs() <= 9_007_199_254_740_992.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, decimal: Option<char>) -> Option<(String, &str)> {
        split(text, decimal).map(|(value, rest)| (value.to_string(), rest))
    }

    #[test]
    fn a_number_and_the_rest() {
        for (text, number, rest) in [
            ("17.25 kPa", "17.25", "kPa"),
            ("-8", "-8", ""),
            ("\u{2212}3.5°F", "-3.5", "°F"),
            ("+.5", "0.5", ""),
            ("2e3W", "2000.0", "W"),
            ("2 eV", "2", "eV"),
            ("1,5", "1", ",5"),
            ("0x1F", "0", "x1F"),
            ("9\u{a0}%", "9", "%"),
        ] {
            assert_eq!(read(text, None), Some((number.into(), rest)), "{text}");
        }
        for text in ["", "-", "about 3", "1e999", "٣", "e5", "."] {
            assert_eq!(read(text, None), None, "{text}");
        }
    }

    #[test]
    fn a_named_decimal_mark_lets_groups_be_parted() {
        for (text, decimal, number, rest) in [
            ("3,75", ',', "3.75", ""),
            ("12.345,6 L", ',', "12345.6", "L"),
            ("12.345", ',', "12345", ""),
            ("1 234 567,5", ',', "1234567.5", ""),
            ("1,234.5", '.', "1234.5", ""),
            ("3.75", ',', "3", ".75"),
            ("1.234.56", ',', "1234", ".56"),
            ("1234.567", ',', "1234", ".567"),
            ("7 W", ',', "7", "W"),
        ] {
            assert_eq!(read(text, Some(decimal)), Some((number.into(), rest)), "{text}");
        }
    }

    #[test]
    fn results_are_free_of_noise() {
        let converted = |number: i32, scale, offset| {
            let value = Value::from_parts(f64::from(number), true).unwrap();
            convert(value, scale, offset).unwrap().to_string()
        };
        assert_eq!(converted(3, Some(0.1), None), "0.3");
        assert_eq!(converted(2953, Some(0.1), Some(-273.15)), "22.15");
        assert_eq!(converted(7, Some(10.0), Some(-1.0)), "69");
        assert_eq!(converted(7, None, None), "7");
        assert_eq!(without_noise(65_535.0), 65_535.0);
        assert!(without_noise(f64::NAN).is_nan());
        assert!(convert(Value::new(1e300).unwrap(), Some(1e300), None).is_err());
    }
}
