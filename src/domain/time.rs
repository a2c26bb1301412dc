//! Timestamps as text.
//!
//! Inside the daemon a time is a `DateTime<Utc>`; this is how it is read from people's and
//! devices' texts.

use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;

/// Why a text is no timestamp.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    #[error("`{0}` is no timestamp: use RFC 3339, such as 2024-08-14T10:30:00.123456+00:00")]
    Unreadable(String),
    #[error("`{0}` does not exist in {1}: clocks were put forward over it")]
    InGap(String, Tz),
}

/// Zone-less forms: the origin's, and the one spreadsheets and databases write.
const ZONELESS: [&str; 2] = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"];

/// The longest part of a bad text that an error repeats.
const QUOTED_CHARS: usize = 40;

/// Reads RFC 3339 with any offset, or a zone-less form as a local time of `zone` (the earlier
/// one where clocks were put back).
///
/// # Errors
/// When the text is of neither form, or names a time that `zone` skipped.
pub fn parse(text: &str, zone: Tz) -> Result<DateTime<Utc>, TimeError> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    let quoted = || text.chars().take(QUOTED_CHARS).collect::<String>();
    let local = ZONELESS
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
        .ok_or_else(|| TimeError::Unreadable(quoted()))?;
    let time = zone.from_local_datetime(&local).earliest();
    time.map(|time| time.to_utc()).ok_or_else(|| TimeError::InGap(quoted(), zone))
}

/// `2024-08-14T10:30:00.123456+00:00`: fixed width, so that the order of texts is that of times
/// (years 0 to 9999).
#[must_use]
pub fn to_utc_text(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string()
}

/// `2024-08-14T12:30:00.123456`, the local time of `zone` without saying so: the origin's form.
#[must_use]
pub fn to_local_text(time: DateTime<Utc>, zone: Tz) -> String {
    time.with_timezone(&zone).format("%Y-%m-%dT%H:%M:%S%.6f").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(read("2024-03-31T02:30:00", paris).contains("clocks were put forward"));
        assert!(read("soon", paris).contains("`soon` is no timestamp"));
    }
}
