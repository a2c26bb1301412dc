//! Slack: message of an incoming webhook, in blocks of mrkdwn. Pure.
//!
//! Texts are escaped, so that no sensor's name mentions a channel.

use serde_json::{Value, json};

use super::fit::{fit, utf16};
use crate::locale::NotifyWords;
use crate::notify::notification::Notification;

/// Limit of a section's text, in characters.
const LONGEST_SECTION: usize = 3_000;
/// Limit of all sections, in characters: 13,200 were refused as too long, well below the published
/// 40,000.
const LONGEST_TEXT: usize = 10_000;

pub(super) fn message(notification: &Notification, words: &NotifyWords) -> Value {
    let subject = escaped(&notification.subject(words));
    let text = notification.text(words);
    let text = fit(text.trim_end(), LONGEST_TEXT, size, words.cut);
    let mut blocks = vec![section(&bold(&subject))];
    blocks.extend(sections(&text, words.cut).iter().map(|text| section(text)));
    // Shown where blocks are not: in the notification of a phone.
    json!({ "text": subject, "blocks": blocks })
}

fn section(mrkdwn: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": mrkdwn } })
}

/// Bold text, unless it contains an asterisk.
fn bold(escaped: &str) -> String {
    if escaped.contains('*') { escaped.to_owned() } else { format!("*{escaped}*") }
}

/// Escapes the three reserved characters.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn size(text: &str) -> usize {
    utf16(&escaped(text))
}

/// Lines, as many as fit in a section, escaped.
fn sections(text: &str, cut: &str) -> Vec<String> {
    let mut sections: Vec<String> = Vec::new();
    for line in text.lines() {
        let line = escaped(&fit(line, LONGEST_SECTION, size, cut));
        match sections.last_mut() {
            Some(last) if utf16(last) + 1 + utf16(&line) <= LONGEST_SECTION => {
                *last += "\n";
                *last += &line;
            }
            // Empty sections are refused.
            _ if line.is_empty() => {}
            _ => sections.push(line),
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locale::Language;
    use crate::notify::fixtures::{long, notification};

    #[test]
    fn what_is_said_pings_nobody() {
        let mut it = notification();
        it.alarms[0].event.message = "<!channel> & > *bold*".into();
        it.group_labels.insert("location".into(), "<@U1>".into());
        let said = message(&it, Language::English.words().notify);
        assert_eq!(said["text"], "🚨 &lt;@U1&gt;, hot: 2 alarms active, 1 over");
        let head = &said["blocks"][0]["text"];
        assert_eq!(head["text"], "*🚨 &lt;@U1&gt;, hot: 2 alarms active, 1 over*");
        let body = said["blocks"][1]["text"]["text"].as_str().unwrap();
        assert!(body.contains("[HIGH] &lt;!channel&gt; &amp; &gt; *bold* (A,"), "{body}");
        assert!(!said.to_string().contains(['<', '>']), "{said}");
    }

    #[test]
    fn sections_and_all_of_them_keep_their_limits() {
        for character in ["é", "&", "🚨", "\n"] {
            let said = message(&long(character), Language::English.words().notify);
            let blocks = said["blocks"].as_array().unwrap();
            let sizes: Vec<_> =
                blocks.iter().map(|it| utf16(it["text"]["text"].as_str().unwrap())).collect();
            assert!(sizes.iter().all(|size| (1..=LONGEST_SECTION).contains(size)), "{sizes:?}");
            assert!(sizes.iter().sum::<usize>() <= 12_000 && blocks.len() <= 50, "{sizes:?}");
        }
    }
}
