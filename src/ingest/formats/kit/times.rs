//! Received timestamps.
//!
//! Accepted: RFC 3339 with any offset, also `+0000`, `+01` and `hh:mmZ`; the same without an offset, as local time
//! of a zone; and epoch seconds, milliseconds, microseconds or nanoseconds, inferred from their size, as a number
//! or a text. Pure; never reads a clock.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::{Number, Value};

use crate::config::Precision;
use crate::domain::time;

/// How the timestamps of one message are read.
#[derive(Debug, Clone, Copy)]
pub struct TimeReader {
    /// Zone of timestamps without one.
    pub zone: Tz,
    /// Receipt time of the message: of two times that an ambiguous local one may be, the nearer counts.
    pub received_at: DateTime<Utc>,
    /// Unit of numbers; `None` infers it from their size.
    pub precision: Option<Precision>,
}

/// Epoch numbers below are seconds: they end in the year 5138, and as milliseconds they would be in the first weeks of
/// 1973. A thousand times as much bounds milliseconds, and so on.
const MOST_SECONDS: f64 = 1e11;

/// Local forms: with `T` or a space, with or without seconds.
const LOCAL_FORMS: [&str; 4] =
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y/%m/%dT%H:%M:%S%.f", "%Y/%m/%dT%H:%M"];

impl TimeReader {
    /// Reader that infers the unit of numbers from their size.
    #[must_use]
    pub const fn new(zone: Tz, received_at: DateTime<Utc>) -> Self {
        Self { zone, received_at, precision: None }
    }

    /// Reads a timestamp as a message carried it; `None` for `null` and an empty text, as if it were absent.
    ///
    /// # Errors
    /// Error text for people.
    pub fn read(&self, timestamp: &Value) -> Result<Option<DateTime<Utc>>, String> {
        match timestamp {
            Value::Null => Ok(None),
            Value::String(text) => self.read_text(text),
            Value::Number(number) => self.read_number(number).map(Some),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                Err("the timestamp is neither a text nor a number".into())
            }
        }
    }

    /// Reads a timestamp in a text; `None` for an empty one.
    ///
    /// # Errors
    /// Error text for people.
    pub fn read_text(&self, text: &str) -> Result<Option<DateTime<Utc>>, String> {
        let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
        if text.is_empty() {
            return Ok(None);
        }
        if let Some(time) = self.calendar(text) {
            return Ok(Some(time));
        }
        match serde_json::from_str::<Number>(text) {
            Ok(number) => self.read_number(&number).map(Some),
            Err(_) => Err(format!(
                "the timestamp `{}` is neither RFC 3339 nor a number of seconds, or a part of them, since 1970",
                text.chars().take(64).collect::<String>()
            )),
        }
    }

    /// Reads a number of seconds, milliseconds, microseconds or nanoseconds since 1970.
    ///
    /// # Errors
    /// If it is beyond the calendar.
    pub fn read_number(&self, number: &Number) -> Result<DateTime<Utc>, String> {
        let size =
            number.as_f64().filter(|it| it.is_finite()).ok_or_else(|| out_of_range(number))?;
        let precision = match (self.precision, size.abs()) {
            (Some(precision), _) => precision,
            (None, size) if size < MOST_SECONDS => Precision::Seconds,
            (None, size) if size < MOST_SECONDS * 1e3 => Precision::Milliseconds,
            (None, size) if size < MOST_SECONDS * 1e6 => Precision::Microseconds,
            (None, _) => Precision::Nanoseconds,
        };
        let micros = match (precision, number.as_i64()) {
            (Precision::Nanoseconds, Some(whole)) => Some(whole.div_euclid(1000)),
            (Precision::Microseconds, Some(whole)) => Some(whole),
            (Precision::Milliseconds, Some(whole)) => whole.checked_mul(1000),
            (Precision::Seconds, Some(whole)) => whole.checked_mul(1_000_000),
            (Precision::Seconds, None) => rounded(size * 1e6),
            (Precision::Milliseconds, None) => rounded(size * 1e3),
            (Precision::Microseconds, None) => rounded(size),
            (Precision::Nanoseconds, None) => rounded(size / 1e3),
        };
        let time = micros.and_then(DateTime::from_timestamp_micros);
        time.filter(|time| (0..=9999).contains(&chrono::Datelike::year(time)))
            .ok_or_else(|| out_of_range(number))
    }

    /// Date and time, with an offset or in the zone.
    fn calendar(&self, text: &str) -> Option<DateTime<Utc>> {
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Some(time.to_utc());
        }
        let (text, offset) = split_offset(text);
        let text = text.trim_end().replacen(' ', "T", 1);
        let mut locals = LOCAL_FORMS.iter().map(|form| NaiveDateTime::parse_from_str(&text, form));
        let local = locals.find_map(Result::ok)?;
        match offset {
            Some(offset) => local.checked_sub_signed(offset).map(|utc| utc.and_utc()),
            None => time::in_zone(local, self.zone, Some(self.received_at)),
        }
    }
}

/// Text without its offset, and the offset: `Z`, `UTC`, `+hh:mm`, `+hhmm`, `+hh`.
fn split_offset(text: &str) -> (&str, Option<TimeDelta>) {
    for zero in ["Z", "z", "UTC", "GMT"] {
        if let Some(rest) = text.strip_suffix(zero) {
            return (rest, Some(TimeDelta::zero()));
        }
    }
    // A sign in the date stands before the time's first colon.
    let Some(colon) = text.find(':') else { return (text, None) };
    let Some(sign) = text[colon..].find(['+', '-', '\u{2212}']).map(|at| colon + at) else {
        return (text, None);
    };
    let (local, offset) = text.split_at(sign);
    let mut characters = offset.chars();
    let is_west = characters.next() != Some('+');
    let digits: String = characters.as_str().split(':').collect();
    let is_plain = matches!(digits.len(), 2 | 4) && digits.bytes().all(|b| b.is_ascii_digit());
    let number: Option<i64> = is_plain.then(|| digits.parse().ok()).flatten();
    let minutes = match (number, digits.len()) {
        (Some(hours), 2) => hours * 60,
        (Some(both), _) => both / 100 * 60 + both % 100,
        (None, _) => return (text, None),
    };
    (local, Some(TimeDelta::minutes(if is_west { -minutes } else { minutes })))
}

#[expect(clippy::cast_possible_truncation, reason = "below 2^63 by the check")]
fn rounded(micros: f64) -> Option<i64> {
    (micros.abs() < 9e18).then(|| micros.round() as i64)
}

fn out_of_range(number: &Number) -> String {
    format!("the timestamp {number} is out of range")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::config::TimeStyle;

    const UTC: TimeStyle = TimeStyle { naive: false, zone: Tz::UTC };
    const NAIVE: TimeStyle = TimeStyle { naive: true, zone: Tz::Europe__Paris };

    fn parse(timestamp: &Value, zone: Tz) -> Result<DateTime<Utc>, String> {
        TimeReader::new(zone, DateTime::UNIX_EPOCH).read(timestamp).map(Option::unwrap)
    }

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
            json!("2024-08-14T10:30:00.123456+0000"),
            json!("2024-08-14 12:30:00.123456 +02:00"),
            json!("2024-08-14T05:30:00.123456-05"),
            json!("2024-08-14 10:30:00.123456 UTC"),
            json!("2024/08/14 10:30:00.123456"),
            json!(1_723_631_400_123_456_i64),
            json!(1_723_631_400_123_456_789_i64),
            json!("1723631400123456789"),
            json!(" 2024-08-14T10:30:00.123456Z\u{0}"),
        ] {
            reads(&timestamp, Tz::UTC, expected);
        }
        reads(&json!(1_723_631_400), Tz::UTC, "2024-08-14T10:30:00.000000+00:00");
        reads(&json!(1_723_631_400_123_i64), Tz::UTC, "2024-08-14T10:30:00.123000+00:00");
        reads(&json!("1723631400123"), Tz::UTC, "2024-08-14T10:30:00.123000+00:00");
        reads(&json!("2024-08-14T10:30:00"), Tz::UTC, "2024-08-14T10:30:00.000000+00:00");
        reads(&json!("2024-08-14T10:30Z"), Tz::UTC, "2024-08-14T10:30:00.000000+00:00");
        reads(&json!(-1.5), Tz::UTC, "1969-12-31T23:59:58.500000+00:00");
    }

    #[test]
    fn zone_less_times_are_in_the_configured_zone() {
        let paris = Tz::Europe__Paris;
        reads(&json!("2024-08-14T10:30:00"), paris, "2024-08-14T08:30:00.000000+00:00");
        reads(&json!("2024-08-14T10:30:00Z"), paris, "2024-08-14T10:30:00.000000+00:00");
        // 02:30 came twice that night, and never on the other.
        let near = |hour| {
            let received_at = time::parse(&format!("2024-10-27T{hour}:00Z"), paris).unwrap();
            let read = TimeReader::new(paris, received_at).read_text("2024-10-27T02:30:00");
            UTC.write(read.unwrap().unwrap())
        };
        assert_eq!(near("00:31"), "2024-10-27T00:30:00.000000+00:00");
        assert_eq!(near("01:29"), "2024-10-27T01:30:00.000000+00:00");
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
            (json!("2024-13-01T00:00:00"), "is neither"),
            (json!("2024-08-14"), "is neither"),
            (json!(true), "neither a text nor a number"),
            (json!([1]), "neither a text nor a number"),
            (json!(1e300), "out of range"),
            (json!("2024-08-14T10:30:00+1"), "is neither"),
        ] {
            let error = parse(&timestamp, Tz::UTC).unwrap_err();
            assert!(error.contains(reason), "{timestamp}: {error}");
        }
    }

    #[test]
    fn an_empty_time_is_none_and_a_unit_may_be_given() {
        let mut reader = TimeReader::new(Tz::UTC, DateTime::UNIX_EPOCH);
        assert_eq!(reader.read(&json!(" ")), Ok(None));
        assert_eq!(reader.read(&Value::Null), Ok(None));
        reader.precision = Some(Precision::Milliseconds);
        let read = reader.read(&json!(37_000)).unwrap().unwrap();
        assert_eq!(read.timestamp(), 37);
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
            let reader = TimeReader::new(Tz::America__New_York, DateTime::UNIX_EPOCH);
            let _ = reader.read_text(&text);
        }
    }
}
