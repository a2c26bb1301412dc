//! Outcome of an attempt to notify a receiver. Pure.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// Upper limit of a delay that a receiver asks for.
pub(super) const LONGEST_AFTER: Duration = Duration::from_secs(3600);

/// Result of one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The receiver has accepted the notification.
    Delivered,
    /// No answer: nothing else can be sent to this receiver either.
    Unreachable {
        /// Cause, for the log.
        why: String,
    },
    /// The sender is refused, or the address is not the receiver's: nothing else can be sent
    /// either, until someone corrects it. `after` is the delay that it asks for.
    Denied {
        /// Cause, for the log.
        why: String,
        /// Delay that the receiver asks for.
        after: Option<Duration>,
    },
    /// Refused for now; `after` is the delay that the receiver asks for.
    Later {
        /// Cause, for the log.
        why: String,
        /// Delay that the receiver asks for.
        after: Option<Duration>,
    },
    /// This notification is refused for good.
    Refused {
        /// Cause, for the log.
        why: String,
    },
}

/// Result of one attempt to deliver a notification.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AttemptResult {
    pub outcome: DeliveryOutcome,
    /// Mail addresses that will not get the notification, each with the cause; those worth a log line.
    pub undelivered: Vec<(String, String)>,
}

/// Outcome of an HTTP status; `retry_after` is the header of that name.
#[must_use]
pub fn of_http(status: u16, retry_after: Option<&str>, now: DateTime<Utc>) -> DeliveryOutcome {
    let why = format!("it answers with HTTP status {status}");
    let after = retry_after.and_then(|text| retry_delay(text, now));
    match status {
        200..=299 => DeliveryOutcome::Delivered,
        400 | 413 | 422 => DeliveryOutcome::Refused { why },
        408 | 429 | 500.. => DeliveryOutcome::Later { why, after },
        _ => DeliveryOutcome::Denied { why: format!("{why}{}", hint(status)), after },
    }
}

/// Remedy for a status that concerns the sender or the address.
const fn hint(status: u16) -> &'static str {
    match status {
        300..=399 => ", a redirection, which is not followed; correct its address",
        401 | 403 => "; check its token or password",
        404 | 405 | 410 => "; check its address",
        407 => "; check the user and password of the proxy",
        _ => "; check its settings",
    }
}

/// Outcome of a proxy's refusal to connect to `host`.
#[must_use]
pub fn of_proxy(status: Option<u16>, proxy: &str, host: &str) -> DeliveryOutcome {
    match status {
        Some(status @ 500..) => {
            let why = format!("the proxy {proxy} can't reach {host}: HTTP status {status}");
            DeliveryOutcome::Unreachable { why }
        }
        Some(status) => {
            let hint =
                if status == 407 { hint(status) } else { "; it may not let this host through" };
            let why = format!("the proxy {proxy} refuses: HTTP status {status}{hint}");
            DeliveryOutcome::Denied { why, after: None }
        }
        None => DeliveryOutcome::Unreachable {
            why: format!("the proxy {proxy} does not answer as one"),
        },
    }
}

/// Delay of a `Retry-After` header: seconds, or a date in any of the three formats of RFC 9110. A date with
/// a numeric zone, as in mail, is accepted too.
fn retry_delay(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    let text = text.trim();
    let delay = if let Ok(seconds) = text.parse::<u64>() {
        Duration::from_secs(seconds)
    } else {
        let date = match httpdate::parse_http_date(text) {
            Ok(date) => date.into(),
            Err(_) => DateTime::parse_from_rfc2822(text).ok()?.to_utc(),
        };
        (date - now).to_std().unwrap_or_default()
    };
    Some(delay.min(LONGEST_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_sorted() {
        let of = |status| of_http(status, None, DateTime::UNIX_EPOCH);
        assert!([200, 202, 204].into_iter().all(|status| of(status) == DeliveryOutcome::Delivered));
        for status in [408, 429, 500, 502, 503, 599] {
            assert!(matches!(of(status), DeliveryOutcome::Later { after: None, .. }), "{status}");
        }
        for status in [400, 413, 422] {
            assert!(matches!(of(status), DeliveryOutcome::Refused { .. }), "{status}");
        }
        for status in [301, 302, 303, 304, 307, 308, 401, 402, 403, 404, 405, 407, 409, 410, 451] {
            assert!(matches!(of(status), DeliveryOutcome::Denied { after: None, .. }), "{status}");
        }
    }

    #[test]
    fn retry_after_is_honoured_up_to_an_hour() {
        let now = DateTime::from_timestamp(1_445_412_480, 0).unwrap(); // 2015-10-21T07:28:00Z
        let after = |text| match of_http(429, Some(text), now) {
            DeliveryOutcome::Later { after, .. } => after.map(|after| after.as_secs()),
            other => panic!("{other:?}"),
        };
        assert_eq!(after("7"), Some(7));
        assert_eq!(after(" 120 "), Some(120));
        assert_eq!(after("999999999"), Some(3600));
        assert_eq!(after("Wed, 21 Oct 2015 07:28:30 GMT"), Some(30));
        assert_eq!(after("Wed, 21 Oct 2015 07:00:00 GMT"), Some(0));
        assert_eq!(after("Wednesday, 21-Oct-15 07:28:30 GMT"), Some(30));
        assert_eq!(after("Wed Oct 21 07:28:30 2015"), Some(30));
        assert_eq!(after("21 Oct 2015 09:28:30 +0200"), Some(30));
        assert_eq!((after("soon"), after("-1")), (None, None));
        let denied = of_http(403, Some("60"), now);
        assert!(
            matches!(denied, DeliveryOutcome::Denied { after: Some(it), .. } if it.as_secs() == 60)
        );
    }

    #[test]
    fn a_proxy_is_the_one_to_correct_unless_it_can_not_reach_the_host() {
        let of = |status| of_proxy(status, "proxy:3128", "h");
        for status in [302, 400, 403, 404, 407] {
            let DeliveryOutcome::Denied { why, .. } = of(Some(status)) else { panic!("{status}") };
            assert!(why.contains("the proxy proxy:3128 refuses"), "{why}");
        }
        for status in [Some(502), Some(503), Some(504), None] {
            assert!(matches!(of(status), DeliveryOutcome::Unreachable { .. }), "{status:?}");
        }
    }
}
