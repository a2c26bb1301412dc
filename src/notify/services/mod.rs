//! Formats of services: the request to each, and the meaning of its answer. Pure.
//!
//! Always: within the service's published limits, with long texts cut at a line; answers are quoted
//! in one short line without the request's secrets. Never: a notification given up for a fault of
//! the place, such as a deleted chat, whatever the status.

mod alertmanager_v2;
mod fit;
mod ntfy;
mod slack;
mod teams;
mod telegram;

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::notification::{Notification, one_line};
use super::outcome::{DeliveryOutcome, of_http};
use crate::config::ServiceConfig;
use crate::locale::NotifyWords;

/// Minimum length of a part of an address that counts as secret, in characters.
const SHORTEST_SECRET: usize = 8;

/// A request: its address and its body, which is JSON.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ServiceRequest {
    pub url: String,
    pub body: Vec<u8>,
}

/// Request that sends a notification to the server at `url`. `secret` is the service's topic or
/// token, or empty.
///
/// # Errors
/// If the address or secret can't be right; quotes neither.
pub(super) fn request(
    service: &ServiceConfig,
    (url, secret): (&str, &str),
    notification: &Notification,
    words: &NotifyWords,
    now: DateTime<Utc>,
) -> Result<ServiceRequest, String> {
    let (url, body) = match service {
        ServiceConfig::Ntfy { .. } => {
            (ntfy::endpoint(url)?, ntfy::message(secret, notification, words)?)
        }
        ServiceConfig::Slack => (url.to_owned(), slack::message(notification, words)),
        ServiceConfig::Teams => (url.to_owned(), teams::message(notification, words)),
        ServiceConfig::Telegram { chat, thread, .. } => (
            telegram::endpoint(url, secret)?,
            telegram::message(chat, *thread, notification, words),
        ),
        ServiceConfig::Alertmanager { holds_for } => (
            alertmanager_v2::endpoint(url)?,
            alertmanager_v2::alerts(notification, *holds_for, now),
        ),
    };
    Ok(ServiceRequest { url, body: body.to_string().into_bytes() })
}

/// Answer: status, `Retry-After`, and body if readable.
#[derive(Debug, Clone, Copy)]
pub(super) struct ServiceAnswer<'a> {
    pub status: u16,
    pub retry_after: Option<&'a str>,
    pub body: Option<&'a str>,
}

/// Outcome of an answer. Quoted texts have `secrets` removed.
pub(super) fn outcome(
    service: &ServiceConfig,
    answer: ServiceAnswer<'_>,
    secrets: &[&str],
    now: DateTime<Utc>,
) -> DeliveryOutcome {
    let ServiceAnswer { status, retry_after, body } = answer;
    let json = body.and_then(|body| serde_json::from_str::<Value>(body).ok());
    let outcome = match service {
        ServiceConfig::Telegram { .. } => telegram::outcome(answer, json.as_ref(), now),
        ServiceConfig::Teams => teams::outcome(answer, json.as_ref(), now),
        ServiceConfig::Ntfy { .. } | ServiceConfig::Slack | ServiceConfig::Alertmanager { .. } => {
            of_http(status, retry_after, now)
        }
    };
    let Some(said) = said(body.unwrap_or_default(), json.as_ref()) else { return outcome };
    // Cut afterwards: half a secret would not be found.
    let said = one_line(&without(said, secrets));
    let with = |why: String| format!("{why} (it says: {said})");
    match outcome {
        DeliveryOutcome::Delivered => DeliveryOutcome::Delivered,
        DeliveryOutcome::Unreachable { why } => DeliveryOutcome::Unreachable { why: with(why) },
        DeliveryOutcome::Denied { why, after } => DeliveryOutcome::Denied { why: with(why), after },
        DeliveryOutcome::Later { why, after } => DeliveryOutcome::Later { why: with(why), after },
        DeliveryOutcome::Refused { why } => DeliveryOutcome::Refused { why: with(why) },
    }
}

/// Outcome of a status 400 that concerns the place.
fn denied(status: u16, after: Option<Duration>) -> DeliveryOutcome {
    let why = format!("it answers with HTTP status {status}; check its settings");
    DeliveryOutcome::Denied { why, after }
}

/// Error message in an answer; `None` without one, or in a web page.
fn said<'a>(body: &'a str, json: Option<&'a Value>) -> Option<&'a str> {
    let text = match json {
        Some(Value::String(text)) => text,
        Some(json) => ["description", "message", "error"]
            .iter()
            .find_map(|key| json[key].as_str())
            .or_else(|| json["error"]["message"].as_str())?,
        None => Some(body).filter(|text| !text.trim_start().starts_with('<'))?,
    };
    Some(text.trim()).filter(|text| !text.is_empty())
}

/// Text with `***` in place of secrets: each whole, each long word, and each long part of one that
/// is an address.
fn without(text: &str, secrets: &[&str]) -> String {
    let mut parts: Vec<&str> = secrets.to_vec();
    parts.extend(secrets.iter().flat_map(|secret| secret.split_whitespace()));
    let of_address = |secret: &&'_ &str| secret.contains("://");
    for url in secrets.iter().filter(of_address) {
        let after_host = url.splitn(4, '/').nth(3).unwrap_or_default();
        parts.extend(after_host.split(['/', '?', '&', '=', '#']));
    }
    parts.retain(|part| part.len() >= SHORTEST_SECRET);
    parts.sort_unstable_by_key(|part| std::cmp::Reverse(part.len()));
    parts.iter().fold(text.to_owned(), |text, part| text.replace(part, "***"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said_of(body: &str) -> Option<String> {
        said(body, serde_json::from_str(body).ok().as_ref()).map(one_line)
    }

    #[test]
    fn an_error_is_quoted_in_one_line() {
        for (body, expected) in [
            ("invalid_payload", Some("invalid_payload")),
            (r#"{"code":40009,"http":400,"error":"topic invalid"}"#, Some("topic invalid")),
            (r#"{"ok":false,"description":"Bad Request:\nno"}"#, Some("Bad Request: no")),
            (r#"{"error":{"code":"X","message":"no flow"}}"#, Some("no flow")),
            (r#""start time missing""#, Some("start time missing")),
            ("<html>502</html>", None),
            ("{}", None),
            ("  ", None),
        ] {
            assert_eq!(said_of(body).as_deref(), expected, "{body}");
        }
        assert!(said_of(&"x".repeat(999)).is_some_and(|it| it.chars().count() == 200));
    }

    #[test]
    fn no_secret_of_the_request_is_in_an_error() {
        let url = "https://hooks.example/services/T0123456789/B1/s3cret-s3cret?sig=abcdefgh";
        let body =
            format!("no {url}, T0123456789, s3cret-s3cret, abcdefgh, 12:topsecret, tk_1234567");
        let answer = ServiceAnswer { status: 404, retry_after: None, body: Some(&body) };
        let slack = &ServiceConfig::Slack;
        let DeliveryOutcome::Denied { why, .. } = outcome(
            slack,
            answer,
            &[url, "12:topsecret", "Bearer tk_1234567"],
            DateTime::UNIX_EPOCH,
        ) else {
            panic!()
        };
        assert!(
            why.starts_with("it answers with HTTP status 404; check its address (it says: no ")
        );
        for secret in ["T0123456789", "s3cret", "abcdefgh", "topsecret", "tk_"] {
            assert!(!why.contains(secret), "{secret}: {why}");
        }
    }
}
