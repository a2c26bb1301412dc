//! Microsoft Teams: an Adaptive Card for a Workflow that begins with "When a Teams webhook request
//! is received". Pure.
//!
//! Text runs are not interpreted: no name of a sensor is markup.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::fit::{fit, utf16};
use super::{ServiceAnswer, denied};
use crate::locale::NotifyWords;
use crate::notify::notification::Notification;
use crate::notify::outcome::{DeliveryOutcome, of_http};

/// Share of the message's 28 KB for its lines, by either encoding.
const LONGEST_TEXT: usize = 22_000;
/// Bytes around a line's text, at two bytes a character.
const AROUND: usize = 2 * 80;
const LONGEST_TITLE: usize = 1_000;

pub(super) fn message(notification: &Notification, words: &NotifyWords) -> Value {
    let title = fit(&notification.subject(words), LONGEST_TITLE, str::len, words.cut);
    let mut body = vec![json!({
        "type": "RichTextBlock",
        "inlines": [{ "type": "TextRun", "text": title, "weight": "Bolder", "size": "Medium" }],
    })];
    let text = notification.text(words);
    let text = fit(&text, LONGEST_TEXT, size, words.cut);
    body.extend(text.lines().filter(|line| !line.trim().is_empty()).map(
        |line| json!({ "type": "RichTextBlock", "inlines": [{ "type": "TextRun", "text": line }] }),
    ));
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "msteams": { "width": "Full" },
                "body": body,
            },
        }],
    })
}

/// Bytes in UTF-8 or UTF-16, whichever are more, with the overhead of each line.
fn size(text: &str) -> usize {
    let escaped = Value::from(text).to_string();
    let around = AROUND * text.matches('\n').count();
    around + (escaped.len() - 2).max(2 * (utf16(&escaped) - 2))
}

/// A disabled or deleted Workflow answers 400, which is no fault of the message.
pub(super) fn outcome(
    answer: ServiceAnswer<'_>,
    json: Option<&Value>,
    now: DateTime<Utc>,
) -> DeliveryOutcome {
    let code = json.and_then(|json| json["error"]["code"].as_str()).unwrap_or_default();
    if answer.status == 400 && ["Workflow", "DirectApi"].iter().any(|it| code.starts_with(it)) {
        return denied(answer.status, None);
    }
    of_http(answer.status, answer.retry_after, now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locale::Language;
    use crate::notify::fixtures::{long, notification};

    #[test]
    fn a_card_has_a_title_and_a_line_for_each_alarm() {
        let said = message(&notification(), Language::English.words().notify);
        let card = &said["attachments"][0]["content"];
        let text = |index: usize| card["body"][index]["inlines"][0]["text"].as_str().unwrap();
        assert_eq!(text(0), "🚨 Hall \"3\", hot: 2 alarms active, 1 over");
        assert_eq!(text(1), "Raised:");
        assert!(text(2).contains("[HIGH] A is hot (A, Hall \"3\")"), "{}", text(2));
    }

    #[test]
    fn a_card_is_small_enough_in_either_encoding() {
        for character in ["é", "\"", "🚨", "\n", "x"] {
            let said = message(&long(character), Language::English.words().notify).to_string();
            assert!(said.len() <= 28_000, "{character:?}: {}", said.len());
            assert!(2 * utf16(&said) <= 28_000, "{character:?}: {}", 2 * utf16(&said));
        }
    }

    #[test]
    fn a_workflow_that_is_off_gives_nothing_up() {
        let of = |code: &str| {
            let json = json!({ "error": { "code": code, "message": "no" } });
            let answer = ServiceAnswer { status: 400, retry_after: None, body: None };
            outcome(answer, Some(&json), DateTime::UNIX_EPOCH)
        };
        assert!(matches!(of("WorkflowTriggerIsNotEnabled"), DeliveryOutcome::Denied { .. }));
        assert!(matches!(of("TriggerInputSchemaMismatch"), DeliveryOutcome::Refused { .. }));
    }
}
