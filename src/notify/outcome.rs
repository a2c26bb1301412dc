//! What came of an attempt to tell a receiver. Pure.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// A receiver that asks for more is asked again all the same.
const LONGEST_AFTER: Duration = Duration::from_secs(3600);

/// Result of one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has accepted the notification.
    Delivered,
    /// There was no answer: nothing else can be told to this receiver either.
    Unreachable {
        /// Cause, for the log.
        why: String,
    },
    /// It can't take this one now; `after` is how long it asks to be left alone.
    Later {
        /// Cause, for the log.
        why: String,
        /// Delay that the receiver asks for.
        after: Option<Duration>,
    },
    /// It will never take this one.
    Refused {
        /// Cause, for the log.
        why: String,
    },
}

/// What an HTTP status means; `retry_after` is the header of that name.
#[must_use]
pub fn of_http(status: u16, retry_after: Option<&str>, now: DateTime<Utc>) -> Outcome {
    let why = format!("it answers with HTTP status {status}");
    match status {
        200..=299 => Outcome::Delivered,
        300..=399 => Outcome::Refused {
            why: format!("{why}, a redirection, which is not followed; correct its address"),
        },
        408 | 429 | 500.. => {
            Outcome::Later { why, after: retry_after.and_then(|text| seconds(text, now)) }
        }
        _ => Outcome::Refused { why },
    }
}

/// Seconds, or a date such as `Wed, 21 Oct 2015 07:28:00 GMT`.
fn seconds(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    let text = text.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = DateTime::parse_from_rfc2822(text).ok()?;
            (date.to_utc() - now).to_std().unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_sorted() {
        let of = |status| of_http(status, None, DateTime::UNIX_EPOCH);
        assert!([200, 202, 204].into_iter().all(|status| of(status) == Outcome::Delivered));
        for status in [408, 429, 500, 502, 503, 599] {
            assert!(matches!(of(status), Outcome::Later { after: None, .. }), "{status}");
        }
        for status in [301, 308, 400, 401, 403, 404, 410, 422] {
            assert!(matches!(of(status), Outcome::Refused { .. }), "{status}");
        }
    }

    #[test]
    fn a_wish_to_be_left_alone_is_heard_within_reason() {
        let now = DateTime::from_timestamp(1_445_412_480, 0).unwrap(); // 2015-10-21T07:28:00Z
        let after = |text| match of_http(429, Some(text), now) {
            Outcome::Later { after, .. } => after.map(|after| after.as_secs()),
            other => panic!("{other:?}"),
        };
        assert_eq!(after("7"), Some(7));
        assert_eq!(after(" 120 "), Some(120));
        assert_eq!(after("999999999"), Some(3600));
        assert_eq!(after("Wed, 21 Oct 2015 07:28:30 GMT"), Some(30));
        assert_eq!(after("Wed, 21 Oct 2015 07:00:00 GMT"), Some(0));
        assert_eq!((after("soon"), after("-1")), (None, None));
    }
}
