//! Durations as people write and read them: `1h30m` in files, commands and expressions, `1 h 30 min` in texts. Pure.

use std::fmt::Write as _;
use std::time::Duration;

/// Units in milliseconds, from large to small.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A century: far beyond use, and far below an overflow of any clock.
const LONGEST_MS: u64 = 36_525 * 86_400_000;

/// Why a text is no duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DurationError<'a> {
    /// Does not begin with a whole number.
    NoNumber,
    /// Ends with a number.
    NoUnit,
    /// The unit is unknown, repeated, or larger than the one before it.
    Unit(&'a str),
    /// Exceeds 36525 days.
    TooLong,
}

/// Parses whole numbers with units, from large to small, each unit at most once: `1h30m`, `500ms`.
///
/// # Errors
/// If `text` is not of that form, or exceeds 36525 days.
pub fn parse(text: &str) -> Result<Duration, DurationError<'_>> {
    let mut rest = text;
    let mut total_ms: u64 = 0;
    let mut units = UNITS.iter();
    loop {
        let (number, after) = split_where(rest, |c| !c.is_ascii_digit());
        if number.is_empty() {
            return Err(DurationError::NoNumber);
        }
        let (unit, after) = split_where(after, |c| c.is_ascii_digit());
        if unit.is_empty() {
            return Err(DurationError::NoUnit);
        }
        // `units` moves on, so a unit that was passed is not found again.
        let Some((_, unit_ms)) = units.find(|(name, _)| *name == unit) else {
            return Err(DurationError::Unit(unit));
        };
        total_ms = number
            .parse()
            .ok()
            .and_then(|number: u64| number.checked_mul(*unit_ms)?.checked_add(total_ms))
            .filter(|total| *total <= LONGEST_MS)
            .ok_or(DurationError::TooLong)?;
        rest = after;
        if rest.is_empty() {
            return Ok(Duration::from_millis(total_ms));
        }
    }
}

/// Whether a unit is known.
#[must_use]
pub fn is_unit(unit: &str) -> bool {
    UNITS.iter().any(|(name, _)| *name == unit)
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

/// Duration in its two largest units: `90 s`, `15 min`, `1 h 30 min`, `2 d`. `day` is the sign of a day, which differs
/// between languages.
#[must_use]
pub fn words(duration: Duration, day: &str) -> String {
    let seconds = duration.as_secs();
    let parts = [(86_400, day), (3600, "h"), (60, "min"), (1, "s")];
    let Some(first) = parts.iter().position(|(size, _)| seconds >= 2 * size || seconds == *size)
    else {
        return format!("{duration:?}");
    };
    let (size, name) = parts[first];
    let rest = seconds % size;
    match parts.get(first + 1) {
        Some((next, lesser)) if rest >= *next => {
            format!("{} {name} {} {lesser}", seconds / size, rest / next)
        }
        _ => format!("{} {name}", seconds / size),
    }
}

fn split_where(text: &str, stop: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(stop).unwrap_or(text.len()))
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
    fn writes_what_it_reads() {
        assert_eq!(format(Duration::ZERO), "0s");
        assert_eq!(format(Duration::from_millis(5_400_500)), "1h30m500ms");
    }

    #[test]
    fn words_are_short() {
        let words = |seconds| super::words(Duration::from_secs(seconds), "d");
        assert_eq!(
            [90, 60, 900, 3600, 5400, 172_800].map(words),
            ["90 s", "1 min", "15 min", "1 h", "90 min", "2 d"]
        );
        assert_eq!(words(3 * 3600 + 90), "3 h 1 min");
        assert_eq!(super::words(Duration::from_millis(500), "d"), "500ms");
    }

    proptest! {
        #[test]
        fn round_trips(ms in 0..=LONGEST_MS) {
            let duration = Duration::from_millis(ms);
            let text = format(duration);
            prop_assert_eq!(parse(&text), Ok(duration));
        }

        #[test]
        fn never_panics(text in "\\PC{0,12}", tight in "[0-9dhms. -]{0,24}") {
            let _ = parse(&text);
            let _ = parse(&tight);
        }
    }
}
