//! Values as devices send them: numbers, numeric texts, truth values, and the many words for "no value".

use serde_json::Value as Json;

use super::json;
use crate::domain::Value;

/// A JSON value, or a text, read as a measurement.
#[derive(Debug, Clone, PartialEq)]
pub enum Read {
    /// A value; true is 1, false is 0.
    Value(Value),
    /// The device reports that it has no value: `null`, `nan`, `unavailable`, or nothing.
    Nothing,
    /// Neither; with the reason.
    Wrong(String),
}

/// Words for "no value", in lower case.
const NOTHING: [&str; 10] =
    ["", "null", "nan", "-nan", "none", "unavailable", "unknown", "n/a", "na", "undefined"];

/// Reads a JSON value.
#[must_use]
pub fn read(value: &Json) -> Read {
    match value {
        Json::Null => Read::Nothing,
        Json::Bool(is_true) => from_bool(*is_true),
        Json::Number(number) => Value::from_json(number)
            .map_or_else(|_| Read::Wrong(format!("{number} is out of range")), Read::Value),
        Json::String(text) => read_text(text),
        Json::Array(_) | Json::Object(_) => {
            Read::Wrong(format!("it is {}, not a number", json::kind(value)))
        }
    }
}

/// Reads a text: a number with a decimal point, `true`, `false`, or a word for "no value", in any case.
#[must_use]
pub fn read_text(text: &str) -> Read {
    let text = text.trim();
    if NOTHING.iter().any(|word| text.eq_ignore_ascii_case(word)) {
        return Read::Nothing;
    }
    if text.eq_ignore_ascii_case("true") {
        return from_bool(true);
    }
    if text.eq_ignore_ascii_case("false") {
        return from_bool(false);
    }
    number(text).map_or_else(|| Read::Wrong(not_a_number(text)), Read::Value)
}

/// Truth value of a word for the state of a switch, contact or door, in any case: `ON`, `closed`, `true`.
#[must_use]
pub fn truth(word: &str) -> Option<bool> {
    let is_of = |words: &[&str]| words.iter().any(|it| it.eq_ignore_ascii_case(word.trim()));
    if is_of(&["on", "open", "opened", "true", "yes"]) {
        Some(true)
    } else if is_of(&["off", "close", "closed", "false", "no"]) {
        Some(false)
    } else {
        None
    }
}

/// A finite number in a text: digits with a decimal point, sign and exponent as in JSON, also with a leading `+`,
/// zeros or point, or a trailing point.
#[must_use]
pub fn number(text: &str) -> Option<Value> {
    let is_plain =
        text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    if !is_plain {
        return None;
    }
    let number: f64 = text.parse().ok().filter(|number: &f64| number.is_finite())?;
    let is_integer = !text.contains(['.', 'e', 'E']) && number.abs() <= 9_007_199_254_740_992.0;
    Value::from_parts(number, is_integer).ok()
}

/// A number followed by its unit, such as `3.386 V` or `21.50 °C`; the unit may be missing.
#[must_use]
pub fn number_with_unit(text: &str) -> Option<(Value, &str)> {
    let text = text.trim();
    let is_of_number = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.');
    let end = text.find(|c: char| !is_of_number(c)).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    number(digits).map(|value| (value, unit.trim()))
}

/// Bytes of a hexadecimal text in either case; `None` for anything else.
#[must_use]
pub fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let (pairs, rest) = text.trim().as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    rest.is_empty().then(|| bytes.collect())?
}

fn from_bool(is_true: bool) -> Read {
    // Never an error: 0 and 1 are finite.
    Value::from_parts(f64::from(u8::from(is_true)), true)
        .map_or_else(|error| Read::Wrong(error.to_string()), Read::Value)
}

fn not_a_number(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    format!("{short:?} is not a number")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(value: &Json) -> String {
        match read(value) {
            Read::Value(value) => value.to_string(),
            Read::Nothing => "nothing".into(),
            Read::Wrong(why) => why,
        }
    }

    #[test]
    fn values_in_every_spelling() {
        for (value, expected) in [
            (json!(38), "38"),
            (json!(38.0), "38.0"),
            (json!("21.5 "), "21.5"),
            (json!("+021"), "21"),
            (json!(".5"), "0.5"),
            (json!(true), "1"),
            (json!("False"), "0"),
            (json!(null), "nothing"),
            (json!("NULL"), "nothing"),
            (json!("unavailable"), "nothing"),
            (json!("NaN"), "nothing"),
            (json!("21,5"), "\"21,5\" is not a number"),
            (json!("inf"), "\"inf\" is not a number"),
            (json!("1e999"), "\"1e999\" is not a number"),
            (json!({}), "it is an object, not a number"),
        ] {
            assert_eq!(shown(&value), expected, "{value}");
        }
    }

    #[test]
    fn hexadecimal_texts() {
        assert_eq!(hex("00fFa5"), Some(vec![0, 255, 0xA5]));
        assert_eq!(hex(""), Some(vec![]));
        assert_eq!((hex("0"), hex("0g"), hex("é0")), (None, None, None));
    }

    #[test]
    fn words_of_a_switch() {
        let read = ["ON", "off", " open", "Closed", "close", "stop", "1", ""].map(truth);
        let (on, off) = (Some(true), Some(false));
        assert_eq!(read, [on, off, on, off, off, None, None, None]);
    }

    #[test]
    fn a_number_and_its_unit() {
        let read = |text| number_with_unit(text).map(|(value, unit)| (value.get(), unit));
        assert_eq!(read("3.386 V"), Some((3.386, "V")));
        assert_eq!(read("-21.50°C"), Some((-21.5, "°C")));
        assert_eq!(read("7"), Some((7.0, "")));
        assert_eq!(read("V 7"), None);
    }
}
