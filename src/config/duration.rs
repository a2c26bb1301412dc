//! Durations of the configuration, with hints for mistakes. Pure.

use std::time::Duration;

pub use crate::domain::duration::format;
use crate::domain::duration::{self, DurationError, is_unit};

use super::errors::{Mistake, quote};

/// Parses whole numbers with units, from large to small, each unit at most once: `1h30m`, `500ms`.
///
/// # Errors
/// If `text` is not of that form, or exceeds 36525 days.
pub fn parse(text: &str) -> Result<Duration, Mistake> {
    duration::parse(text).map_err(|error| match error {
        DurationError::NoNumber => Mistake::new(
            format!("{} is no duration", quote(text)),
            "write a whole number and a unit (ms, s, m, h, d): 500ms, 2s, 1h30m",
        ),
        DurationError::NoUnit => Mistake::new(
            format!("{} has no unit", quote(text)),
            "add one, as in 30s or 5m; units are ms, s, m, h, d",
        ),
        DurationError::Unit(unit) => unusable_unit(text, unit),
        DurationError::TooLong => {
            Mistake::new(format!("{} is too long", quote(text)), "the longest is 36525d")
        }
    })
}

fn unusable_unit(text: &str, unit: &str) -> Mistake {
    if is_unit(unit) {
        return Mistake::new(
            format!("{} has its units out of order", quote(text)),
            "go from large to small, each unit once: 1h30m",
        );
    }
    if unit.starts_with('.') {
        return Mistake::new(
            format!("{} has a fraction", quote(text)),
            "use whole numbers and a smaller unit: 1500ms, 1h30m",
        );
    }
    Mistake::new(
        format!("{} is no unit of time", quote(unit)),
        "units are ms, s, m, h, d, written right after the number: 500ms, 2s, 1h30m",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_wrong() {
        for (text, what) in [
            ("", "`` is no duration"),
            ("s", "`s` is no duration"),
            ("-2s", "`-2s` is no duration"),
            ("30", "`30` has no unit"),
            ("1h30", "`1h30` has no unit"),
            ("2 s", "` s` is no unit of time"),
            ("2sec", "`sec` is no unit of time"),
            ("1m1h", "`1m1h` has its units out of order"),
            ("1s1s", "`1s1s` has its units out of order"),
            ("1.5s", "`1.5s` has a fraction"),
            ("36526d", "`36526d` is too long"),
            ("99999999999999999999d", "`99999999999999999999d` is too long"),
        ] {
            assert_eq!(parse(text).unwrap_err().what, what);
        }
    }
}
