//! ntfy: a message as JSON, published at the root of the server. Pure.

use serde_json::{Value, json};
use url::Url;

use super::fit::fit;
use crate::domain::Priority;
use crate::locale::NotifyWords;
use crate::notify::notification::Notification;
use crate::notify::status::Status;

/// Limit of a message: the server accepts 4,096 bytes; longer ones become a file or are refused.
const LONGEST_MESSAGE: usize = 4_000;
/// Limit of the escaped message: the server reads 8,192 bytes of JSON.
const LONGEST_ESCAPED: usize = 6_000;
const LONGEST_TITLE: usize = 250;
const LONGEST_TOPIC: usize = 64;

/// Address for publishing JSON.
///
/// # Errors
/// If the address is that of a topic: people would be shown the JSON.
pub(super) fn endpoint(url: &str) -> Result<String, String> {
    match Url::parse(url) {
        Ok(parsed) if parsed.path() == "/" && parsed.query().is_none() => Ok(url.to_owned()),
        Ok(_) => Err("its address has a path in it; keep the topic in topic".to_owned()),
        Err(_) => Ok(url.to_owned()), // said when it is used
    }
}

/// JSON of a message.
///
/// # Errors
/// If the topic is invalid.
pub(super) fn message(
    topic: &str,
    notification: &Notification,
    words: &NotifyWords,
) -> Result<Value, String> {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if topic.is_empty() || topic.len() > LONGEST_TOPIC || !topic.chars().all(is_fit) {
        return Err("its topic is no name of a topic".to_owned());
    }
    let status = notification.status();
    let text = notification.text(words);
    Ok(json!({
        "topic": topic,
        "title": fit(&notification.subject(words), LONGEST_TITLE, str::len, words.cut),
        "message": fit(text.trim_end(), LONGEST_MESSAGE, size, words.cut),
        "priority": priority(status, notification.priority()),
        "tags": [status.as_str(), notification.priority().as_str().to_lowercase()],
    }))
}

/// Size of a text by both limits: bytes, or bytes of its JSON, scaled; the larger counts.
fn size(text: &str) -> usize {
    let escaped = Value::from(text).to_string().len() - 2;
    text.len().max((escaped * LONGEST_MESSAGE).div_ceil(LONGEST_ESCAPED))
}

/// ntfy priority, 1 to 5; 5 rings longest, and ends don't ring.
fn priority(status: Status, priority: Priority) -> u8 {
    let priority = match priority {
        Priority::Critical => 5,
        Priority::High => 4,
        Priority::Medium => 3,
        Priority::Low => 2,
    };
    match status {
        Status::Firing => priority,
        Status::Resolved => priority.min(3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locale::Language;
    use crate::notify::fixtures::{long, notification};

    #[test]
    fn a_message_names_its_topic_and_rings_by_priority() {
        let words = Language::English.words().notify;
        let mut it = notification();
        let said = message("plant", &it, words).unwrap();
        assert_eq!(said["topic"], "plant");
        assert_eq!(said["title"], "🚨 Hall \"3\", hot: 2 alarms active, 1 over");
        assert!(said["message"].as_str().unwrap().starts_with("Raised:\n  [HIGH] A is hot"));
        assert_eq!((&said["priority"], &said["tags"]), (&json!(4), &json!(["firing", "high"])));
        it.alarms.retain(|told| told.status == Status::Resolved);
        let over = message("plant", &it, words).unwrap();
        assert_eq!((&over["priority"], &over["tags"]), (&json!(3), &json!(["resolved", "high"])));
        assert_eq!(message("a/b", &it, words).unwrap_err(), "its topic is no name of a topic");
    }

    #[test]
    fn it_goes_to_the_root_alone() {
        assert_eq!(endpoint("https://ntfy.sh").unwrap(), "https://ntfy.sh");
        assert!(endpoint("https://ntfy.sh/s3cret").is_err_and(|why| !why.contains("s3cret")));
    }

    #[test]
    fn the_longest_is_taken() {
        for character in ["é", "\"", "🚨", "\\", "x"] {
            let said = message("p", &long(character), Language::French.words().notify).unwrap();
            assert!(said["message"].as_str().unwrap().len() <= 4_096);
            assert!(said.to_string().len() <= 8_192, "{character}: {}", said.to_string().len());
        }
    }
}
