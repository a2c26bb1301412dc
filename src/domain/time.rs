//! Timestamps as text: how people and devices write them, and how the daemon does.
//!
//! Always microseconds and a fixed width, so that texts in the database sort by time. Written as Unix time: a leap
//! second is its successor. Years are 0000 to 9999 (RFC 3339); a time beyond is clamped.

use chrono::{DateTime, Datelike, LocalResult, NaiveDateTime, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

/// Why a text is no timestamp.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no timestamp: use RFC 3339, such as 2024-08-14T10:30:00.123456+00:00")]
pub struct TimeError(pub String);

/// Zone-less forms: the origin's, and that of spreadsheets and databases.
const ZONELESS: [&str; 2] = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"];

/// The longest part of a bad text that an error repeats.
const QUOTED_CHARS: usize = 40;

/// Parses RFC 3339 with any offset, or a zone-less form as local time of `zone`.
///
/// A local time that occurs twice is the earlier one. One skipped by the clock change comes from a clock that
/// wasn't changed, and is read as such.
///
/// # Errors
/// If the text has neither form.
pub fn parse(text: &str, zone: Tz) -> Result<DateTime<Utc>, TimeError> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    ZONELESS
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        .and_then(|local| in_zone(local, zone, None))
        .ok_or_else(|| TimeError(text.chars().take(QUOTED_CHARS).collect()))
}

/// Local time of a zone. One that occurs twice is the one nearer to `near`, or the earlier one. One skipped by the
/// clock change comes from a clock that wasn't changed, and is read as such.
#[must_use]
pub fn in_zone(
    local: NaiveDateTime,
    zone: Tz,
    near: Option<DateTime<Utc>>,
) -> Option<DateTime<Utc>> {
    let hour = TimeDelta::hours(1);
    let times = zone.from_local_datetime(&local);
    if let (LocalResult::Ambiguous(first, second), Some(near)) = (times, near) {
        let (first, second) = (first.to_utc(), second.to_utc());
        return Some(if (second - near).abs() < (first - near).abs() { second } else { first });
    }
    times.earliest().map(|time| time.to_utc()).or_else(|| {
        let earlier = zone.from_local_datetime(&local.checked_sub_signed(hour)?).earliest()?;
        earlier.to_utc().checked_add_signed(hour)
    })
}

/// 0000-01-01T00:00:00 and 9999-12-31T23:59:59.999999, in microseconds of Unix time.
const EARLIEST_MICROS: i64 = -62_167_219_200_000_000;
const LATEST_MICROS: i64 = 253_402_300_799_999_999;

const UTC_SUFFIX: &str = "+00:00";

/// Database form: UTC, `2024-08-14T10:30:00.123456+00:00`, or without the suffix.
///
/// The zone is UTC in both forms, because a local time runs backwards once a year.
#[must_use]
pub fn stored(at: DateTime<Utc>, naive: bool) -> String {
    digits(at.naive_utc(), if naive { "" } else { UTC_SUFFIX })
}

/// Message form: UTC, `2024-08-14T10:30:00.123456+00:00`, or zone-less in `naive_in`.
#[must_use]
pub fn on_wire(at: DateTime<Utc>, naive_in: Option<Tz>) -> String {
    match naive_in {
        None => digits(at.naive_utc(), UTC_SUFFIX),
        Some(zone) => {
            // Clamped first: near the ends of chrono's range there is no local time.
            let at = on_the_calendar(at.naive_utc()).and_utc();
            digits(at.with_timezone(&zone).naive_local(), "")
        }
    }
}

/// Lower bound in text: the smallest text that no [`stored`] form of `at` precedes.
///
/// `timestamp >= bound` includes and `timestamp < bound` excludes every row at `at`, whether written with a zone,
/// without one, or without a fraction (Python's form of a whole second).
#[must_use]
pub fn stored_bound(at: DateTime<Utc>) -> String {
    let mut text = stored(at, true);
    if text.ends_with(".000000") {
        text.truncate(text.len() - ".000000".len());
    }
    text
}

/// Parses either form that [`stored`] writes.
#[must_use]
pub fn parse_stored(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.with_timezone(&Utc));
    }
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok().map(|at| at.and_utc())
}

/// The time as storage returns it: to the microsecond, clamped to the calendar.
#[must_use]
pub fn as_stored(at: DateTime<Utc>) -> DateTime<Utc> {
    let at = on_the_calendar(at.naive_utc());
    at.with_nanosecond(at.nanosecond() / 1000 * 1000).unwrap_or(at).and_utc()
}

/// Written by hand instead of `strftime`: it runs for each row.
fn digits(at: NaiveDateTime, suffix: &str) -> String {
    let at = on_the_calendar(at);
    let mut text = String::with_capacity(32);
    let year = at.year().unsigned_abs();
    push_two(&mut text, year / 100);
    push_two(&mut text, year % 100);
    for (before, number) in [
        ("-", at.month()),
        ("-", at.day()),
        ("T", at.hour()),
        (":", at.minute()),
        (":", at.second()),
        (".", at.nanosecond() / 10_000_000),
        ("", at.nanosecond() / 100_000 % 100),
        ("", at.nanosecond() / 1000 % 100),
    ] {
        text.push_str(before);
        push_two(&mut text, number);
    }
    text.push_str(suffix);
    text
}

/// Clamps a time to what can be written; a leap second becomes its successor.
fn on_the_calendar(at: NaiveDateTime) -> NaiveDateTime {
    if (1..9999).contains(&at.year()) && at.nanosecond() < 1_000_000_000 {
        return at; // by far the most
    }
    let micros = at.and_utc().timestamp_micros().clamp(EARLIEST_MICROS, LATEST_MICROS);
    // Never the default: the clamped value is within chrono's range.
    DateTime::from_timestamp_micros(micros).unwrap_or_default().naive_utc()
}

/// A number below 100.
fn push_two(text: &mut String, number: u32) {
    for digit in [number / 10, number % 10] {
        text.push(char::from_digit(digit, 10).unwrap_or('0'));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().with_timezone(&Utc)
    }

    #[test]
    fn has_the_forms_of_the_contract() {
        let moment = at("2024-08-14T12:30:00.123456+02:00");
        assert_eq!(stored(moment, false), "2024-08-14T10:30:00.123456+00:00");
        assert_eq!(stored(moment, true), "2024-08-14T10:30:00.123456");
        assert_eq!(on_wire(moment, None), "2024-08-14T10:30:00.123456+00:00");
        assert_eq!(on_wire(moment, Some(Tz::Europe__Paris)), "2024-08-14T12:30:00.123456");
    }

    #[test]
    fn times_past_the_calendar_become_its_ends() {
        for naive in [true, false] {
            assert!(stored(DateTime::<Utc>::MIN_UTC, naive).starts_with("0000-01-01T00:00:00.000"));
            assert!(stored(DateTime::<Utc>::MAX_UTC, naive).starts_with("9999-12-31T23:59:59.999"));
        }
        let end = at("9999-12-31T23:30:00Z");
        assert_eq!(on_wire(end, Some(Tz::Asia__Tokyo)), "9999-12-31T23:59:59.999999");
        // As a message may carry it: a text of more than four digits a year.
        let end = parse("+262142-12-31T20:00:00", Tz::UTC).unwrap();
        assert_eq!(on_wire(end, Some(Tz::Asia__Tokyo)), "9999-12-31T23:59:59.999999");
        let start = parse("-262143-01-01T01:00:00", Tz::UTC).unwrap();
        assert_eq!(on_wire(start, Some(Tz::America__New_York)), "0000-01-01T00:00:00.000000");
    }

    #[test]
    fn a_leap_second_is_its_successor() {
        assert_eq!(stored(at("2016-12-31T23:59:60.5Z"), true), "2017-01-01T00:00:00.500000");
    }

    #[test]
    fn bounds_hold_for_every_form_of_the_same_time() {
        for (moment, texts) in [
            ("2024-08-14T10:30:00Z", &["", ".000000", ".000000+00:00"][..]),
            ("2024-08-14T10:30:00.5Z", &[".500000", ".500000+00:00"][..]),
        ] {
            let bound = stored_bound(at(moment));
            for form in texts {
                let text = format!("2024-08-14T10:30:00{form}");
                assert!(text.as_str() >= bound.as_str(), "{text} {bound}");
            }
            assert!("2024-08-14T10:29:59.999999+00:00" < bound.as_str());
        }
    }

    /// Any time of the calendar, with nanoseconds to lose.
    fn moments() -> impl Strategy<Value = DateTime<Utc>> {
        (EARLIEST_MICROS..=LATEST_MICROS, 0..1000_u32).prop_map(|(micros, nanos)| {
            DateTime::from_timestamp_micros(micros).unwrap()
                + chrono::TimeDelta::nanoseconds(i64::from(nanos))
        })
    }

    proptest! {
        #[test]
        fn order_of_texts_is_order_of_times(a in moments(), b in moments(), naive: bool) {
            let micros = a.timestamp_micros().cmp(&b.timestamp_micros());
            prop_assert_eq!(stored(a, naive).cmp(&stored(b, naive)), micros);
        }

        #[test]
        fn neighbours_keep_their_order(a in moments(), step in 1..2_000_000_i64, naive: bool) {
            let b = a + chrono::TimeDelta::microseconds(step);
            prop_assume!(b.timestamp_micros() <= LATEST_MICROS);
            prop_assert!(stored(a, naive) < stored(b, naive));
            prop_assert!(stored(a, naive) < stored_bound(b));
            prop_assert!(stored_bound(a) <= stored(a, naive));
        }

        #[test]
        fn what_is_written_is_read_back(a in moments(), naive: bool) {
            let text = stored(a, naive);
            prop_assert_eq!(text.len(), if naive { 26 } else { 32 });
            prop_assert_eq!(parse_stored(&text).unwrap().timestamp_micros(), a.timestamp_micros());
            prop_assert_eq!(parse_stored(&text).unwrap(), as_stored(a));
        }

        #[test]
        fn is_what_chrono_writes(a in moments()) {
            prop_assert_eq!(stored(a, true), a.format("%Y-%m-%dT%H:%M:%S%.6f").to_string());
        }
    }

    fn read(text: &str, zone: Tz) -> String {
        parse(text, zone).map_or_else(|error| error.to_string(), |time| time.to_rfc3339())
    }

    #[test]
    fn reads_what_people_write() {
        let paris = chrono_tz::Europe::Paris;
        for (text, expected) in [
            ("2024-08-14T10:30:00.123456", "2024-08-14T08:30:00.123456+00:00"),
            ("2024-08-14 10:30:00", "2024-08-14T08:30:00+00:00"),
            ("2024-08-14T10:30:00Z", "2024-08-14T10:30:00+00:00"),
            ("2024-08-14T10:30:00.5-05:00", "2024-08-14T15:30:00.500+00:00"),
            ("2024-10-27T02:30:00", "2024-10-27T00:30:00+00:00"),
        ] {
            assert_eq!(read(text, paris), expected);
        }
        assert_eq!(read("2024-03-31T02:30:00", paris), "2024-03-31T01:30:00+00:00");
        assert!(read("soon", paris).contains("`soon` is no timestamp"));
    }
}
