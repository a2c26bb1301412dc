//! Values in few letters, as `promtool test rules` has them. Pure.
//!
//! | written | stands for |
//! |---|---|
//! | `4.5` | one value |
//! | `4.5x3` | a value and three more of it: `4.5 4.5 4.5 4.5` |
//! | `4+0.5x3` | a value and three steps: `4 4.5 5 5.5` |
//! | `8-2x3` | the same downwards: `8 6 4 2` |
//! | `_` | no reading |
//! | `_x3` | three times no reading |
//!
//! Steps are taken in decimals, so that `0.1+0.1x2` ends at 0.3 and a message says so.

use crate::config::errors::{Mistake, quote};
use crate::domain::Value;

/// Eleven days of a value a second: more is a slip.
const MOST_VALUES: usize = 1_000_000;

/// As many digits as a value keeps exactly.
const MOST_DIGITS: usize = 15;

/// The values that `text` stands for, one an interval; `None` where no reading comes.
///
/// # Errors
/// Says which piece can't be read, and what one looks like.
pub(super) fn values(text: &str) -> Result<Vec<Option<Value>>, Mistake> {
    let mut values = Vec::new();
    for piece in text.split_whitespace() {
        let Piece { first, more } = read(piece).ok_or_else(|| unreadable(piece))?;
        if more >= MOST_VALUES || values.len() + more >= MOST_VALUES {
            let what = format!("these are more than {MOST_VALUES} values");
            return Err(Mistake::new(what, "take a longer interval, or a shorter time"));
        }
        match first {
            None => values.extend(std::iter::repeat_n(None, more)),
            Some(steps) => {
                for step in 0..=more {
                    values.push(Some(steps.value(step).ok_or_else(|| unreadable(piece))?));
                }
            }
        }
    }
    if values.is_empty() {
        return Err(unreadable(text));
    }
    Ok(values)
}

fn unreadable(piece: &str) -> Mistake {
    Mistake::new(
        format!("{} stands for no values", quote(piece)),
        "write 4.5, 4.5x10 (ten more), 4+0.5x10 (ten steps), _ or _x10 (no reading)",
    )
}

/// One word of the notation.
struct Piece {
    /// `None`: no readings.
    first: Option<Steps>,
    /// How many more; of no readings, how many.
    more: usize,
}

/// A decimal and a step, both as whole numbers of the last place.
struct Steps {
    first: i128,
    step: i128,
    places: usize,
}

fn read(piece: &str) -> Option<Piece> {
    let (body, times) = match piece.split_once('x') {
        Some((body, times)) => (body, Some(times)),
        None => (piece, None),
    };
    let times = match times {
        Some(times) if times.bytes().all(|byte| byte.is_ascii_digit()) => Some(times.parse().ok()?),
        Some(_) => return None,
        None => None,
    };
    if body == "_" {
        return Some(Piece { first: None, more: times.unwrap_or(1) });
    }
    // The first character may be the number's own sign.
    let sign = body.char_indices().skip(1).find(|(_, c)| matches!(c, '+' | '-'));
    let (first, step) = match sign {
        // A step is taken so many times.
        Some(_) if times.is_none() => return None,
        Some((at, '-')) => (&body[..at], format!("-{}", &body[at + 1..])),
        Some((at, _)) if body[at + 1..].starts_with('-') => return None,
        Some((at, _)) => (&body[..at], body[at + 1..].to_owned()),
        None => (body, "0".to_owned()),
    };
    let places = places(first).max(places(&step));
    let (first, step) = (scaled(first, places)?, scaled(&step, places)?);
    Some(Piece { first: Some(Steps { first, step, places }), more: times.unwrap_or(0) })
}

/// Digits after the point.
fn places(decimal: &str) -> usize {
    decimal.split_once('.').map_or(0, |(_, after)| after.len())
}

/// A decimal as a whole number of its last place.
fn scaled(decimal: &str, places: usize) -> Option<i128> {
    let (is_negative, digits) = match decimal.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, decimal),
    };
    let (whole, after) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(after) || whole.len() + places > MOST_DIGITS {
        return None;
    }
    let after = if digits.contains('.') { after } else { "" };
    let number: i128 = format!("{whole}{after:0<places$}").parse().ok()?;
    Some(if is_negative { -number } else { number })
}

impl Steps {
    fn value(&self, taken: usize) -> Option<Value> {
        let number = self.first + self.step * i128::try_from(taken).ok()?;
        let sign = if number < 0 { "-" } else { "" };
        let digits = format!("{:0width$}", number.unsigned_abs(), width = self.places + 1);
        let (whole, after) = digits.split_at(digits.len() - self.places);
        let point = if self.places > 0 { "." } else { "" };
        let json = serde_json::from_str(&format!("{sign}{whole}{point}{after}")).ok()?;
        Value::from_json(&json).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The values as text, `_` where there is none.
    fn said(text: &str) -> String {
        let said = values(text).unwrap().into_iter();
        let said = said.map(|value| value.map_or_else(|| "_".into(), |value| value.to_string()));
        said.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_form_stands_for_what_promtool_takes_it_for() {
        for (text, expected) in [
            ("4.5", "4.5"),
            ("4", "4"),
            ("1 -2", "1 -2"),
            ("4.5x3", "4.5 4.5 4.5 4.5"),
            ("4+0.5x3", "4.0 4.5 5.0 5.5"),
            ("-2+4x3", "-2 2 6 10"),
            ("8-2x3", "8 6 4 2"),
            ("-1-1x2", "-1 -2 -3"),
            ("_", "_"),
            ("_x3 1", "_ _ _ 1"),
            ("1x0", "1"),
            ("0.1+0.1x2", "0.1 0.2 0.3"),
            ("0.05-0.1x1", "0.05 -0.05"),
            ("  1\n 2  ", "1 2"),
        ] {
            assert_eq!(said(text), expected, "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_forms() {
        for text in [
            "",
            "a",
            "1x",
            "x3",
            "1x-3",
            "1x1.5",
            "1+2",
            "1+x3",
            "_1",
            "__",
            "1..2",
            ".5",
            "5.",
            "1e3",
            "nan",
            "+1",
            "--1",
            "1+-1x2",
            "1x2x3",
            "1234567890123456",
        ] {
            let mistake = values(text).unwrap_err();
            assert_eq!(mistake.what, format!("`{text}` stands for no values"));
        }
        assert!(values("1x999999").is_ok());
        for text in ["1x1000000", "1x999999 1", "_x99999999999999999", "_x18446744073709551615 1"] {
            assert!(values(text).unwrap_err().what.contains("1000000 values"), "{text}");
        }
        assert!(values("1x99999999999999999999").is_err());
    }

    proptest! {
        #[test]
        fn steps_are_exact(first in -9999i32..9999, step in 0i32..9999, taken in 0usize..50) {
            let decimal = |hundredths: i32| {
                let sign = if hundredths < 0 { "-" } else { "" };
                format!("{sign}{}.{:02}", hundredths.abs() / 100, hundredths.abs() % 100)
            };
            let text = format!("{}+{}x{taken}", decimal(first), decimal(step));
            let last = values(&text).unwrap().last().unwrap().unwrap();
            let expected = first + step * i32::try_from(taken).unwrap();
            prop_assert_eq!(last.get(), decimal(expected).parse::<f64>().unwrap());
        }

        #[test]
        fn never_panics(any in "\\PC{0,20}", tight in "[0-9x_.+ -]{0,20}") {
            let _ = values(&any);
            let _ = values(&tight);
        }
    }
}
