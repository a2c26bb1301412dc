//! Slack: the message of an incoming webhook, in blocks of mrkdwn. Pure.
//!
//! What is said is escaped, so that no sensor's name pings a channel.

use serde_json::{Value, json};

use super::fit::{fit, utf16};
use crate::locale::NotifyWords;
use crate::notify::notification::Notification;

/// The text of a section has 3,000 characters at most.
const LONGEST_SECTION: usize = 3_000;
/// Blocks of 13,200 characters were refused as too long, all added up, well below the published 40,000.
const LONGEST_TEXT: usize = 10_000;

pub(super) fn message(notification: &Notification, words: &NotifyWords) -> Value {
    let subject = escaped(&notification.subject(words));
    let text = notification.text(words);
    let text = fit(text.trim_end(), LONGEST_TEXT, size, words.cut);
    let mut blocks = vec![section(&bold(&subject))];
    blocks.extend(sections(&text, words.cut).iter().map(|text| section(text)));
    // ReceiverCounts where blocks are not: in a notification of the phone.
    json!({ "text": subject, "blocks": blocks })
}

fn section(mrkdwn: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": mrkdwn } })
}

/// Text between asterisks is bold, unless it has one itself.
fn bold(escaped: &str) -> String {
    if escaped.contains('*') { escaped.to_owned() } else { format!("*{escaped}*") }
}

/// The three characters that mean something else.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn size(text: &str) -> usize {
    utf16(&escaped(text))
}

/// Line by line, as many as have room in a section, escaped.
fn sections(text: &str, cut: &str) -> Vec<String> {
    let mut sections: Vec<String> = Vec::new();
    for line in text.lines() {
        let line = escaped(&fit(line, LONGEST_SECTION, size, cut));
        match sections.last_mut() {
            Some(last) if utf16(last) + 1 + utf16(&line) <= LONGEST_SECTION => {
                *last += "\n";
                *last += &line;
            }
            // A section of nothing is refused.
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
