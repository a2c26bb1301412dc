//! Telegram: a bot's `sendMessage`, in plain text. Pure.
//!
//! The status alone is ambiguous: 400 is a message that is too long as well as a deleted chat.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::fit::{fit, utf16};
use super::{ServiceAnswer, denied};
use crate::config::TelegramChat;
use crate::locale::NotifyWords;
use crate::notify::notification::Notification;
use crate::notify::outcome::{DeliveryOutcome, LONGEST_AFTER, of_http};

const LONGEST_TEXT: usize = 4_096;

/// Errors that concern the message.
const OF_THE_MESSAGE: [&str; 4] =
    ["message is too long", "message text is empty", "text must be", "can't parse"];

/// Address of the method.
///
/// # Errors
/// If the token is invalid; doesn't quote it.
pub(super) fn endpoint(url: &str, token: &str) -> Result<String, String> {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_');
    if !token.contains(':') || !token.chars().all(is_fit) {
        return Err("its token is no token of a bot: it should look like 123456:ABC…".to_owned());
    }
    Ok(format!("{}/bot{token}/sendMessage", url.trim_end_matches('/')))
}

pub(super) fn message(
    chat: &TelegramChat,
    thread: Option<u64>,
    notification: &Notification,
    words: &NotifyWords,
) -> Value {
    let text = format!("{}\n\n{}", notification.subject(words), notification.text(words));
    let mut message = json!({
        "chat_id": match chat {
            TelegramChat::Number(number) => json!(number),
            TelegramChat::Name(name) => json!(name),
        },
        "text": fit(text.trim_end(), LONGEST_TEXT, utf16, words.cut),
        "link_preview_options": { "is_disabled": true },
    });
    if let Some(thread) = thread {
        message["message_thread_id"] = json!(thread);
    }
    message
}

pub(super) fn outcome(
    answer: ServiceAnswer<'_>,
    json: Option<&Value>,
    now: DateTime<Utc>,
) -> DeliveryOutcome {
    let ServiceAnswer { status, retry_after, body } = answer;
    let Some(json) = json.filter(|json| json["ok"].is_boolean()) else {
        return match body {
            // Another server answered, such as a captive portal.
            Some(_) if matches!(status, 200..=299) => {
                let why = "what answers there is not Telegram; check its address".to_owned();
                DeliveryOutcome::Denied { why, after: None }
            }
            _ => of_http(status, retry_after, now),
        };
    };
    if json["ok"] == true {
        return DeliveryOutcome::Delivered;
    }
    let status = json["error_code"].as_u64().and_then(|code| u16::try_from(code).ok());
    let status = status.filter(|status| !matches!(status, 200..=299)).unwrap_or(400);
    let description = json["description"].as_str().unwrap_or_default();
    if status == 400 && !OF_THE_MESSAGE.iter().any(|it| description.contains(it)) {
        return denied(status, None);
    }
    match (of_http(status, retry_after, now), json["parameters"]["retry_after"].as_u64()) {
        (DeliveryOutcome::Later { why, .. }, Some(seconds)) => DeliveryOutcome::Later {
            why,
            after: Some(Duration::from_secs(seconds).min(LONGEST_AFTER)),
        },
        (outcome, _) => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locale::Language;
    use crate::notify::fixtures::{long, notification};

    #[test]
    fn it_is_asked_at_the_bots_address() {
        let url = endpoint("https://api.telegram.org/", "12:Ab-c_").unwrap();
        assert_eq!(url, "https://api.telegram.org/bot12:Ab-c_/sendMessage");
        for token in ["s3cret", "12:s3cret/../x", "12:s3cret x", ""] {
            assert!(endpoint("https://h", token).is_err_and(|why| !why.contains("s3cret")));
        }
    }

    #[test]
    fn a_message_is_plain_text_for_a_chat() {
        let words = Language::English.words().notify;
        let said = message(&TelegramChat::Number(-100_123), Some(7), &notification(), words);
        let text = said["text"].as_str().unwrap();
        assert!(
            text.starts_with("🚨 Hall \"3\", hot: 2 alarms active, 1 over\n\nRaised:\n"),
            "{text}"
        );
        assert_eq!((&said["chat_id"], &said["message_thread_id"]), (&json!(-100_123), &json!(7)));
        assert_eq!(said.get("parse_mode"), None, "nothing is markup");
        let name = TelegramChat::Name("@plant".into());
        assert_eq!(message(&name, None, &notification(), words)["chat_id"], "@plant");
    }

    #[test]
    fn the_longest_is_taken() {
        for character in ["é", "🚨", "x"] {
            let it = long(character);
            let said =
                message(&TelegramChat::Number(1), None, &it, Language::French.words().notify);
            let size = utf16(said["text"].as_str().unwrap());
            assert!((3_900..=LONGEST_TEXT).contains(&size), "{character}: {size}");
        }
    }

    #[test]
    fn an_answer_is_told_by_what_it_says() {
        let of = |status, body: &str| {
            let json: Option<Value> = serde_json::from_str(body).ok();
            let answer = ServiceAnswer { status, retry_after: None, body: Some(body) };
            outcome(answer, json.as_ref(), DateTime::UNIX_EPOCH)
        };
        let no = |code: u16, description: &str| {
            let json = json!({ "ok": false, "error_code": code, "description": description });
            of(code, &json.to_string())
        };
        assert_eq!(of(200, r#"{"ok":true,"result":{}}"#), DeliveryOutcome::Delivered);
        assert!(matches!(of(200, "<html>log in</html>"), DeliveryOutcome::Denied { .. }));
        assert!(matches!(no(400, "Bad Request: chat not found"), DeliveryOutcome::Denied { .. }));
        assert!(matches!(
            no(400, "Bad Request: message is too long"),
            DeliveryOutcome::Refused { .. }
        ));
        assert!(matches!(no(403, "Forbidden: bot was kicked"), DeliveryOutcome::Denied { .. }));
        assert!(matches!(no(500, "Internal"), DeliveryOutcome::Later { after: None, .. }));
        let busy = r#"{"ok":false,"error_code":429,"parameters":{"retry_after":7}}"#;
        for status in [200, 429] {
            let DeliveryOutcome::Later { after, .. } = of(status, busy) else { panic!() };
            assert_eq!(after, Some(Duration::from_secs(7)), "{status}");
        }
    }
}
