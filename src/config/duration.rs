//! Durations as people write them: `2s`, `5m`, `1h30m`. Pure.

use std::fmt::Write as _;
use std::time::Duration;

use super::errors::{Mistake, quote};

/// Units in milliseconds, from large to small.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A century: far beyond use, and far below an overflow of any clock.
const LONGEST_MS: u64 = 36_525 * 86_400_000;

/// Parses whole numbers with units, from large to small, each unit at most once: `1h30m`, `500ms`.
///
/// # Errors
/// If `text` is not of that form, or exceeds 36525 days.
pub fn parse(text: &str) -> Result<Duration, Mistake> {
    let mut rest = text;
    let mut total_ms: u64 = 0;
    let mut units = UNITS.iter();
    loop {
        let (number, after) = split_where(rest, |c| !c.is_ascii_digit());
        if number.is_empty() {
            return Err(not_a_duration(text));
        }
        let (unit, after) = split_where(after, |c| c.is_ascii_digit());
        if unit.is_empty() {
            return Err(Mistake::new(
                format!("{} has no unit", quote(text)),
                "add one, as in 30s or 5m; units are ms, s, m, h, d",
            ));
        }
        // `units` moves on, so a unit that was passed is not found again.
        let Some((_, unit_ms)) = units.find(|(name, _)| *name == unit) else {
            return Err(unusable_unit(text, unit));
        };
        total_ms = number
            .parse()
            .ok()
            .and_then(|number: u64| number.checked_mul(*unit_ms)?.checked_add(total_ms))
            .filter(|total| *total <= LONGEST_MS)
            .ok_or_else(|| {
                Mistake::new(format!("{} is too long", quote(text)), "the longest is 36525d")
            })?;
        rest = after;
        if rest.is_empty() {
            return Ok(Duration::from_millis(total_ms));
        }
    }
}

/// Formats a duration so that [`parse`] reads it back; truncates to milliseconds.
#[must_use]
pub fn format(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (name, unit_ms) in UNITS {
        if rest >= unit_ms {
            // Writing to a string can't fail.
            let _ = write!(text, "{}{name}", rest / unit_ms);
            rest %= unit_ms;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
}

fn split_where(text: &str, stop: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(stop).unwrap_or(text.len()))
}

fn not_a_duration(text: &str) -> Mistake {
    Mistake::new(
        format!("{} is no duration", quote(text)),
        "write a whole number and a unit (ms, s, m, h, d): 500ms, 2s, 1h30m",
    )
}

fn unusable_unit(text: &str, unit: &str) -> Mistake {
    let known = UNITS.iter().any(|(name, _)| *name == unit);
    if known {
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
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, ms) in [
            ("2s", 2_000),
            ("5m", 300_000),
            ("1h", 3_600_000),
            ("500ms", 500),
            ("1d", 86_400_000),
            ("1h30m", 5_400_000),
            ("1d2h3m4s5ms", 93_784_005),
            ("90s", 90_000),
            ("0s", 0),
            ("36525d", LONGEST_MS),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

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

    #[test]
    fn writes_what_it_reads() {
        assert_eq!(format(Duration::ZERO), "0s");
        assert_eq!(format(Duration::from_millis(5_400_500)), "1h30m500ms");
    }

    proptest! {
        #[test]
        fn round_trips(ms in 0..=LONGEST_MS) {
            let duration = Duration::from_millis(ms);
            prop_assert_eq!(parse(&format(duration)), Ok(duration));
        }

        #[test]
        fn never_panics(text in "\\PC{0,12}", tight in "[0-9dhms. -]{0,24}") {
            let _ = parse(&text);
            let _ = parse(&tight);
        }
    }
}
