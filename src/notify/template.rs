//! Body of a `template` receiver: placeholders are filled in, each escaped for the body's format.
//! Pure.

use url::form_urlencoded;

use super::alertmanager;
use super::notification::Notification;
use super::status::Status;
use crate::config::{BodyFormat, PLACEHOLDERS};
use crate::domain::placeholders;
use crate::locale::NotifyWords;

/// A body with its placeholders filled in.
#[must_use]
pub fn filled(
    template: &str,
    format: BodyFormat,
    notification: &Notification,
    words: &NotifyWords,
) -> String {
    placeholders::fill(template, |from| {
        let name = PLACEHOLDERS.iter().find(|name| from.starts_with(**name))?;
        Some((value(name, format, notification, words), name.len()))
    })
}

fn value(
    name: &str,
    format: BodyFormat,
    notification: &Notification,
    words: &NotifyWords,
) -> String {
    let plain = match name {
        "{subject}" => notification.subject(words),
        "{text}" => notification.text(words),
        "{status}" => notification.status().as_str().to_owned(),
        "{severity}" => notification.priority().as_str().to_lowercase(),
        "{group}" => notification.group_name(),
        "{receiver}" => notification.receiver.to_string(),
        "{firing}" => notification.num(Status::Firing).to_string(),
        "{resolved}" => notification.num(Status::Resolved).to_string(),
        "{truncated}" => notification.truncated.to_string(),
        "{id}" => notification.id.clone(),
        // Already JSON; inserted unescaped in a JSON body.
        "{alerts}" if format == BodyFormat::Json => return alertmanager::alerts_json(notification),
        "{alerts}" => alertmanager::alerts_json(notification),
        _ => String::new(), // none other is in PLACEHOLDERS
    };
    match format {
        BodyFormat::Json => json_inside(&plain),
        BodyFormat::Form => form_urlencoded::byte_serialize(plain.as_bytes()).collect(),
        BodyFormat::Plain => plain,
    }
}

/// Content of a JSON string literal.
fn json_inside(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locale::Language;
    use crate::notify::fixtures::notification;

    fn filled_in(template: &str, format: BodyFormat) -> String {
        filled(template, format, &notification(), Language::English.words().notify)
    }

    #[test]
    fn every_placeholder_stands_for_something() {
        for placeholder in PLACEHOLDERS {
            assert_ne!(filled_in(placeholder, BodyFormat::Plain), "", "{placeholder}");
        }
        let plain =
            "{status} {severity} {group} {receiver} {firing} {resolved} {truncated} {id} {x} {";
        assert_eq!(
            filled_in(plain, BodyFormat::Plain),
            "firing high Hall \"3\", hot on-call 2 1 2 0123456789abcdef {x} {"
        );
    }

    #[test]
    fn what_is_filled_in_keeps_to_the_bodys_format() {
        let body = filled_in(r#"{"g":"{group}","t":"{text}","a":{alerts}}"#, BodyFormat::Json);
        let json: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(json["g"], "Hall \"3\", hot");
        assert!(json["t"].as_str().unwrap().starts_with("Raised:\n  [HIGH] A is hot"));
        assert_eq!(json["a"].as_array().unwrap().len(), 3);
        assert_eq!(filled_in("g={group}", BodyFormat::Form), "g=Hall+%223%22%2C+hot");
    }
}
