//! Interpretation of scalars by a table: numbers, numbers with units, words, and placeholders for
//! missing values.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::numbers;
use crate::domain::Value;
use crate::ingest::formats::kit::{json, units, values};

/// Interpretation of the scalars of one value.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reader {
    /// Numbers assigned to words.
    pub map: BTreeMap<String, f64>,
    /// Numbers that mean "no value", before scaling.
    pub invalid: Vec<f64>,
    /// Words that mean "no value".
    pub invalid_words: Vec<String>,
    /// Decimal mark of numbers in strings; `None` is a point without digit grouping.
    pub decimal: Option<char>,
}

/// Interpretation of a scalar.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// A number, with its unit if the string contains one.
    Number(Value, Option<&'static str>),
    /// A number assigned by `map`.
    Mapped(Value),
    /// A boolean, or a word for one.
    Truth(bool),
    /// No value, with the reason.
    Nothing(Cow<'static, str>),
    /// A string that is not a number.
    Word(String),
    /// An invalid value, with the reason.
    Wrong(String),
}

/// Words for booleans, in lower case.
const TRUTHS: [(&str, bool); 6] =
    [("on", true), ("off", false), ("yes", true), ("no", false), ("open", true), ("closed", false)];

/// Words of availability, which are not values.
const AVAILABILITY: [&str; 2] = ["online", "offline"];

/// Words for infinity, in lower case and without sign.
const INFINITE: [&str; 3] = ["inf", "infinity", "∞"];

impl Reader {
    /// Interprets a JSON value.
    #[must_use]
    pub fn read(&self, value: &Json) -> Scalar {
        match value {
            Json::Null => Scalar::Nothing("it is null".into()),
            Json::Bool(is_true) => {
                let word = if *is_true { "true" } else { "false" };
                self.mapped(word).unwrap_or(Scalar::Truth(*is_true))
            }
            Json::Number(number) => match Value::from_json(number) {
                Ok(value) => self.number(value, None, || number.to_string()),
                Err(_) => Scalar::Wrong(format!("{number} is out of range")),
            },
            Json::String(text) => self.read_text(text),
            Json::Array(_) | Json::Object(_) => {
                Scalar::Wrong(format!("it is {}, not a number", json::kind(value)))
            }
        }
    }

    /// Interprets a string.
    #[must_use]
    pub fn read_text(&self, text: &str) -> Scalar {
        let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
        if let Some(mapped) = self.mapped(text) {
            return mapped;
        }
        if self.invalid_words.iter().any(|word| word == text) || is_nothing(text) {
            return Scalar::Nothing(format!("{} stands for no value", quote(text)).into());
        }
        if let Some((value, rest)) = numbers::split(text, self.decimal)
            && let Some(unit) = unit_after(rest)
        {
            return self.number(value, unit, || text.to_owned());
        }
        self.word(text)
    }

    fn number(
        &self,
        value: Value,
        unit: Option<&'static str>,
        text: impl Fn() -> String,
    ) -> Scalar {
        if self.invalid.contains(&value.get()) {
            return Scalar::Nothing(format!("{value} is listed in `invalid`").into());
        }
        let mapped = if self.map.is_empty() { None } else { self.mapped(&text()) };
        mapped.unwrap_or(Scalar::Number(value, unit))
    }

    /// Interprets a string that is not a number.
    fn word(&self, text: &str) -> Scalar {
        let is = |word: &str| word.eq_ignore_ascii_case(text);
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        if INFINITE.iter().any(|word| word.eq_ignore_ascii_case(unsigned)) {
            return Scalar::Wrong(format!("{} is not finite", quote(text)));
        }
        if !self.map.is_empty() {
            return Scalar::Nothing(format!("{} is not in `map`", quote(text)).into());
        }
        if AVAILABILITY.iter().any(|word| is(word)) {
            return Scalar::Nothing(format!("{} is a word of availability", quote(text)).into());
        }
        let truths = TRUTHS.iter().chain(&[("true", true), ("false", false)]);
        match truths.into_iter().find(|(word, _)| is(word)) {
            Some((_, is_true)) => Scalar::Truth(*is_true),
            None => Scalar::Word(text.to_owned()),
        }
    }

    /// Number assigned to a word: by exact match, otherwise by a unique case-insensitive match.
    fn mapped(&self, word: &str) -> Option<Scalar> {
        let number = self.map.get(word).copied().or_else(|| {
            let mut same = self.map.iter().filter(|(known, _)| known.eq_ignore_ascii_case(word));
            match (same.next(), same.next()) {
                (Some((_, number)), None) => Some(*number),
                _ => None,
            }
        })?;
        Value::from_parts(number, number.fract() == 0.0).ok().map(Scalar::Mapped)
    }
}

/// Whether a string is a placeholder for "no value", including variants of NaN such as `-nan(ind)`
/// of C libraries.
fn is_nothing(text: &str) -> bool {
    let nan = text.strip_prefix('-').unwrap_or(text);
    let is_nan = nan.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("nan"));
    let after_nan = if is_nan { &nan[3..] } else { "x" };
    values::read_text(text) == values::Read::Nothing
        || after_nan.starts_with('(')
        || unit_after(after_nan.trim()).is_some()
}

/// Unit after a number: `Some(None)` if nothing follows, `None` if the rest is not a known unit.
#[expect(clippy::option_option, reason = "no unit is as right as a known one")]
fn unit_after(rest: &str) -> Option<Option<&'static str>> {
    if rest.is_empty() {
        return Some(None);
    }
    // `Â°` is the UTF-8 encoding of `°` misread as Latin-1.
    if rest.contains('Â') {
        units::known(&rest.replace('Â', "")).map(Some)
    } else {
        units::known(rest).map(Some)
    }
}

/// Quotes a string for a message: escaped, and at most 40 characters.
#[must_use]
pub fn quote(text: &str) -> String {
    format!("{:?}", text.chars().take(40).collect::<String>())
}

/// Reason why a string is not a number, with a hint if it has a decimal comma.
#[must_use]
pub fn not_a_number(word: &str) -> String {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let is_comma = digits > 0 && word.bytes().filter(|byte| *byte == b',').count() == 1;
    let hint =
        if is_comma { "; with a comma as its decimal mark, write decimal = \",\"" } else { "" };
    format!("{} is not a number{hint}", quote(word))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(reader: &Reader, value: &Json) -> String {
        match reader.read(value) {
            Scalar::Number(value, unit) => format!("{value}{}", unit.unwrap_or_default()),
            Scalar::Mapped(value) => format!("mapped {value}"),
            Scalar::Truth(is_true) => is_true.to_string(),
            Scalar::Nothing(_) => "nothing".into(),
            Scalar::Word(word) => format!("word {word}"),
            Scalar::Wrong(why) => why,
        }
    }

    #[test]
    fn values_and_units() {
        for (value, expected) in [
            (json!(7), "7"),
            (json!("18.5 kPa"), "18.5kPa"),
            (json!("3 Â°F"), "3°F"),
            (json!("44 %RH"), "44%"),
            (json!("12 monkeys"), "word 12 monkeys"),
            (json!("1,5"), "word 1,5"),
            (json!("Yes"), "true"),
            (json!("CLOSED"), "false"),
            (json!("N/A"), "nothing"),
            (json!("-NaN(0x8)"), "nothing"),
            (json!("nan °C"), "nothing"),
            (json!("nano"), "word nano"),
            (json!("Offline"), "nothing"),
            (json!("-inf"), "\"-inf\" is not finite"),
            (json!([1]), "it is a list, not a number"),
        ] {
            assert_eq!(shown(&Reader::default(), &value), expected, "{value}");
        }
    }

    #[test]
    fn the_table_says_what_is_no_value_and_what_words_mean() {
        let reader = Reader {
            map: [("Idle".to_owned(), 0.0), ("Busy".to_owned(), 2.5), ("9".to_owned(), 1.0)].into(),
            invalid: vec![-99.9],
            invalid_words: vec!["ERR".into()],
            decimal: None,
        };
        for (value, expected) in [
            (json!("Idle"), "mapped 0"),
            (json!("BUSY"), "mapped 2.5"),
            (json!(9), "mapped 1"),
            (json!(8), "8"),
            (json!("-99.90"), "nothing"),
            (json!("ERR"), "nothing"),
            (json!("err"), "nothing"),
            (json!("Asleep"), "nothing"),
            (json!("inf"), "\"inf\" is not finite"),
        ] {
            assert_eq!(shown(&reader, &value), expected, "{value}");
        }
    }

    #[test]
    fn a_comma_gets_its_hint() {
        assert!(not_a_number("4,5").ends_with("decimal = \",\""));
        assert_eq!(not_a_number("four, five"), "\"four, five\" is not a number");
    }
}
