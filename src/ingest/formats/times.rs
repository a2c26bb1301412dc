//! Timestamps that come in.
//!
//! Accepted: RFC 3339 with any offset, the same without an offset (taken in the configured zone),
//! and epoch seconds or milliseconds, as a number or as its text. Pure; never reads a clock.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Number, Value};

use crate::domain::time;

/// Epoch numbers of this size and more are milliseconds: as seconds they would be in the year 5138,
/// and as milliseconds smaller ones would be in the first weeks of 1973.
const LEAST_MILLISECONDS: f64 = 1e11;
/// Nothing above this is milliseconds either (it would be that same year 5138).
const MOST_MILLISECONDS: f64 = 1e14;

/// Reads a timestamp as a message carried it.
///
/// # Errors
/// Says what is wrong with it, for a person to read.
pub fn parse(timestamp: &Value, zone: Tz) -> Result<DateTime<Utc>, String> {
    match timestamp {
        Value::String(text) => parse_text(text, zone),
        Value::Number(number) => parse_epoch(number),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            Err("the timestamp is neither a text nor a number".into())
        }
    }
}

/// Reads a timestamp that came as a text.
///
/// # Errors
/// Says what is wrong with it, for a person to read.
pub fn parse_text(text: &str, zone: Tz) -> Result<DateTime<Utc>, String> {
    let text = text.trim();
    if let Ok(time) = time::parse(text, zone) {
        return Ok(time);
    }
    match serde_json::from_str::<Number>(text) {
        Ok(number) => parse_epoch(&number),
        Err(_) => Err(format!(
            "the timestamp `{}` is neither RFC 3339 nor epoch seconds or milliseconds",
            text.chars().take(64).collect::<String>()
        )),
    }
}

fn parse_epoch(number: &Number) -> Result<DateTime<Utc>, String> {
    let value = number.as_f64().ok_or_else(|| out_of_range(&number.to_string()))?;
    let microseconds = match value.abs() {
        size if size < LEAST_MILLISECONDS => value * 1e6,
        size if size < MOST_MILLISECONDS => value * 1e3,
        _ => return Err(out_of_range(&number.to_string())),
    };
    #[allow(clippy::cast_possible_truncation)] // below 1e17, by the bounds above
    DateTime::from_timestamp_micros(microseconds.round() as i64)
        .ok_or_else(|| out_of_range(&number.to_string()))
}

fn out_of_range(timestamp: &str) -> String {
    format!("the timestamp {timestamp} is out of range")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::config::TimeStyle;

    const UTC: TimeStyle = TimeStyle { naive: false, zone: Tz::UTC };
    const NAIVE: TimeStyle = TimeStyle { naive: true, zone: Tz::Europe__Paris };

    #[track_caller]
    fn reads(timestamp: &Value, zone: Tz, expected: &str) {
        let time = parse(timestamp, zone).unwrap();
        assert_eq!(UTC.write(time), expected, "{timestamp}");
    }

    #[test]
    fn every_promised_form_is_read() {
        let expected = "2024-08-14T10:30:00.123456+00:00";
        for timestamp in [
            json!("2024-08-14T10:30:00.123456"),
            json!("2024-08-14T10:30:00.123456Z"),
            json!("2024-08-14T12:30:00.123456+02:00"),
            json!("2024-08-14T00:00:00.123456-10:30"),
            json!("2024-08-14 10:30:00.123456"),
            json!(1_723_631_400.123_456),
            json!("1723631400.123456"),
            json!(1_723_631_400_123.456),
        ] {
            reads(&timestamp, Tz::UTC, expected);
        }
        reads(&json!(1_723_631_400), Tz::UTC, "2024-08-14T10:30:00.000000+00:00");
        reads(&json!(1_723_631_400_123_i64), Tz::UTC, "2024-08-14T10:30:00.123000+00:00");
        reads(&json!("1723631400123"), Tz::UTC, "2024-08-14T10:30:00.123000+00:00");
        reads(&json!("2024-08-14T10:30:00"), Tz::UTC, "2024-08-14T10:30:00.000000+00:00");
        reads(&json!(-1.5), Tz::UTC, "1969-12-31T23:59:58.500000+00:00");
    }

    #[test]
    fn zone_less_times_are_in_the_configured_zone() {
        let paris = Tz::Europe__Paris;
        reads(&json!("2024-08-14T10:30:00"), paris, "2024-08-14T08:30:00.000000+00:00");
        reads(&json!("2024-08-14T10:30:00Z"), paris, "2024-08-14T10:30:00.000000+00:00");
        // 02:30 came twice that night, and never on the other.
        reads(&json!("2024-10-27T02:30:00"), paris, "2024-10-27T00:30:00.000000+00:00");
        reads(&json!("2024-03-31T02:30:00"), paris, "2024-03-31T01:30:00.000000+00:00");
    }

    #[test]
    fn the_origins_form_is_written() {
        let time = parse(&json!("2024-08-14T10:30:00.123456"), Tz::Europe__Paris).unwrap();
        assert_eq!(NAIVE.write(time), "2024-08-14T10:30:00.123456");
    }

    #[test]
    fn what_is_no_time_is_refused_with_a_reason() {
        for (timestamp, reason) in [
            (json!("yesterday"), "`yesterday` is neither"),
            (json!(""), "is neither"),
            (json!("2024-13-01T00:00:00"), "is neither"),
            (json!("2024-08-14"), "is neither"),
            (json!(true), "neither a text nor a number"),
            (json!([1]), "neither a text nor a number"),
            (json!(1e15), "out of range"),
            (json!(u64::MAX), "out of range"),
        ] {
            let error = parse(&timestamp, Tz::UTC).unwrap_err();
            assert!(error.contains(reason), "{timestamp}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(micros in -62_000_000_000_000_000_i64..250_000_000_000_000_000) {
            let time = DateTime::from_timestamp_micros(micros).unwrap();
            prop_assert_eq!(parse(&json!(UTC.write(time)), Tz::Asia__Tokyo), Ok(time));
            let naive = TimeStyle { naive: true, zone: Tz::UTC };
            prop_assert_eq!(parse(&json!(naive.write(time)), Tz::UTC), Ok(time));
        }

        #[test]
        fn no_text_panics(text in ".{0,80}") {
            let _ = parse(&json!(text), Tz::America__New_York);
        }
    }
}
