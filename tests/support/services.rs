//! Validators of notification services, each as strict as the published format: an unknown field, a wrong type or a wrong
//! length is refused with the service's own response.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::http::{Answer, Request};

pub const TELEGRAM_TOKEN: &str = "123456:AAE-s3cret_token";
pub const TELEGRAM_CHAT: i64 = -1_001_234_567_890;
pub const NTFY_TOPIC: &str = "plant-7f3a_s3cret";

/// Fault of a message.
type Checked = Result<(), String>;

fn check(is_right: bool, what: impl FnOnce() -> String) -> Checked {
    if is_right { Ok(()) } else { Err(what()) }
}

/// Checks that an object has all `needed` fields, and otherwise only those of `others`.
fn fields(value: &Value, needed: &[&str], others: &[&str]) -> Checked {
    let object = value.as_object().ok_or_else(|| format!("no object: {value}"))?;
    for name in needed {
        check(object.contains_key(*name), || format!("{name} is missing"))?;
    }
    for name in object.keys() {
        let is_known = needed.contains(&name.as_str()) || others.contains(&name.as_str());
        check(is_known, || format!("unknown field {name}"))?;
    }
    Ok(())
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, String> {
    value[name].as_str().ok_or_else(|| format!("{name} is no text"))
}

fn utf16(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Body of a POST with JSON.
fn json_of(request: &Request) -> Result<Value, String> {
    check(request.method == "POST", || format!("by {}", request.method))?;
    let kind = &request.headers["content-type"];
    check(kind == "application/json", || format!("content type {kind}"))?;
    serde_json::from_str(&request.body).map_err(|error| error.to_string())
}

/// An ntfy server: `POST /` with a topic, a bounded message and title, a priority from 1 to 5, and tags.
pub fn ntfy(request: &Request) -> Answer {
    let refuse = |code: u32, error: String| {
        let said = json!({ "code": code, "http": code / 100, "error": error });
        Answer::Said(u16::try_from(code / 100).unwrap(), said.to_string())
    };
    if request.path != "/" {
        return refuse(40_401, format!("page not found: {}", request.path));
    }
    if request.body.len() > 2 * 4_096 {
        return refuse(41_303, "JSON body too large".into());
    }
    let checked = json_of(request).and_then(|message| {
        let others = [
            "title", "message", "tags", "priority", "actions", "click", "attach", "markdown",
            "icon", "filename", "delay", "email", "call",
        ];
        fields(&message, &["topic"], &others)?;
        let topic = text(&message, "topic")?;
        let is_fit = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let is_topic = (1..=64).contains(&topic.len()) && topic.chars().all(is_fit);
        check(is_topic, || "topic invalid".into())?;
        check(topic == NTFY_TOPIC, || "another topic".into())?;
        let said = text(&message, "message")?;
        check((1..=4_096).contains(&said.len()), || "attachments not allowed".into())?;
        check(!text(&message, "title")?.contains('\n'), || "title in several lines".into())?;
        let priority = message["priority"].as_u64().unwrap_or_default();
        check((1..=5).contains(&priority), || "priority invalid".into())?;
        let tags = message["tags"].as_array().ok_or("tags are no list")?;
        check(tags.iter().all(Value::is_string), || "a tag is no text".into())
    });
    match checked {
        Ok(()) => Answer::Said(200, json!({ "id": "sPs71M8A2T", "event": "message" }).to_string()),
        Err(why) => refuse(40_024, why),
    }
}

/// An incoming webhook of Slack's: a text, and blocks that are sections of mrkdwn, in which `&`, `<` and `>` are escaped.
pub fn slack(request: &Request) -> Answer {
    if !request.path.starts_with("/services/T") {
        return Answer::Said(404, "no_service".into());
    }
    let checked = json_of(request).and_then(|message| {
        fields(&message, &["text"], &["blocks"])?;
        let fallback = text(&message, "text")?;
        check((1..=40_000).contains(&utf16(fallback)), || "no_text".into())?;
        is_escaped(fallback)?;
        let blocks = message["blocks"].as_array().ok_or("blocks are no list")?;
        check((1..=50).contains(&blocks.len()), || "number of blocks".into())?;
        let mut all = 0;
        for block in blocks {
            fields(block, &["type", "text"], &[])?;
            check(block["type"] == "section", || "block type".into())?;
            fields(&block["text"], &["type", "text"], &["verbatim"])?;
            check(block["text"]["type"] == "mrkdwn", || "text type".into())?;
            let said = text(&block["text"], "text")?;
            check((1..=3_000).contains(&utf16(said)), || "length of a section".into())?;
            all += utf16(said);
            is_escaped(said)?;
        }
        check(all <= 13_000, || "msg_blocks_too_long".into())
    });
    match checked {
        Ok(()) => Answer::Said(200, "ok".into()),
        Err(why) => Answer::Said(400, format!("invalid_blocks: {why}")),
    }
}

fn is_escaped(mrkdwn: &str) -> Checked {
    check(!mrkdwn.contains(['<', '>']), || format!("not escaped: {mrkdwn}"))?;
    let is_entity =
        |at: usize| ["&amp;", "&lt;", "&gt;"].iter().any(|entity| mrkdwn[at..].starts_with(entity));
    let is_well = mrkdwn.match_indices('&').all(|(at, _)| is_entity(at));
    check(is_well, || format!("a bare ampersand: {mrkdwn}"))
}

/// A Workflow of Teams: one Adaptive Card of text runs, 28 KB at most in either encoding.
pub fn teams(request: &Request) -> Answer {
    if !request.path.starts_with("/workflows/") {
        let said = json!({ "error": { "code": "WorkflowNotFound", "message": "no such flow" } });
        return Answer::Said(404, said.to_string());
    }
    let checked = json_of(request).and_then(|message| {
        let size = request.body.len().max(2 * utf16(&request.body));
        check(size <= 28_000, || format!("RequestEntityTooLarge: {size}"))?;
        fields(&message, &["type", "attachments"], &[])?;
        check(message["type"] == "message", || "type".into())?;
        let attachments = message["attachments"].as_array().ok_or("attachments are no list")?;
        let [attachment] = &attachments[..] else { return Err("more than one card".into()) };
        fields(attachment, &["contentType", "content"], &["contentUrl"])?;
        let kind = text(attachment, "contentType")?;
        check(kind == "application/vnd.microsoft.card.adaptive", || kind.to_owned())?;
        let card = &attachment["content"];
        fields(card, &["type", "version", "body"], &["$schema", "msteams"])?;
        check(card["type"] == "AdaptiveCard", || "type of the card".into())?;
        check(["1.2", "1.3", "1.4", "1.5"].contains(&text(card, "version")?), || "version".into())?;
        let body = card["body"].as_array().filter(|body| !body.is_empty()).ok_or("no body")?;
        body.iter().try_for_each(text_run)
    });
    match checked {
        Ok(()) => Answer::Status(202),
        Err(why) => {
            let said = json!({ "error": { "code": "TriggerInputSchemaMismatch", "message": why } });
            Answer::Said(400, said.to_string())
        }
    }
}

fn text_run(block: &Value) -> Checked {
    fields(block, &["type", "inlines"], &[])?;
    check(block["type"] == "RichTextBlock", || "type of a block".into())?;
    let inlines = block["inlines"].as_array().ok_or("inlines are no list")?;
    for inline in inlines {
        fields(inline, &["type", "text"], &["weight", "size"])?;
        check(inline["type"] == "TextRun", || "type of an inline".into())?;
        check(!text(inline, "text")?.is_empty(), || "an empty run".into())?;
    }
    Ok(())
}

/// Telegram: `sendMessage` of one bot to one chat.
pub fn telegram(request: &Request) -> Answer {
    let refuse = |code: u16, description: &str| {
        let said = json!({ "ok": false, "error_code": code, "description": description });
        Answer::Said(code, said.to_string())
    };
    if request.path != format!("/bot{TELEGRAM_TOKEN}/sendMessage") {
        return refuse(401, "Unauthorized");
    }
    let checked = json_of(request).and_then(|message| {
        let others = ["message_thread_id", "link_preview_options", "disable_notification"];
        fields(&message, &["chat_id", "text"], &others)?;
        fields(&message["link_preview_options"], &["is_disabled"], &[])?;
        check(message["chat_id"] == TELEGRAM_CHAT, || "chat not found".into())?;
        let said = text(&message, "text")?;
        check(!said.trim().is_empty(), || "message text is empty".into())?;
        check(utf16(said) <= 4_096, || "message is too long".into())
    });
    match checked {
        Ok(()) => {
            let result = json!({ "message_id": 1, "text": request.json()["text"] });
            Answer::Said(200, json!({ "ok": true, "result": result }).to_string())
        }
        Err(why) => refuse(400, &format!("Bad Request: {why}")),
    }
}

/// Alertmanager: a list of alerts, each with labels and times that make sense by the server's clock.
pub fn alertmanager(request: &Request) -> Answer {
    if request.path != "/am/api/v2/alerts" {
        return Answer::Said(404, "404 page not found\n".into());
    }
    let checked = json_of(request).and_then(|alerts| {
        let alerts = alerts.as_array().filter(|it| !it.is_empty()).ok_or("no list of alerts")?;
        alerts.iter().try_for_each(|alert| checked_alert(alert, request.now))
    });
    match checked {
        Ok(()) => Answer::Said(200, String::new()),
        Err(why) => Answer::Said(400, json!(why).to_string()),
    }
}

fn checked_alert(alert: &Value, now: DateTime<Utc>) -> Checked {
    fields(alert, &["labels", "startsAt", "endsAt"], &["annotations", "generatorURL"])?;
    for name in ["labels", "annotations"] {
        let pairs = alert[name].as_object().ok_or_else(|| format!("no {name}"))?;
        let is_name = |name: &str| {
            let mut characters = name.chars();
            characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
                && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        check(pairs.keys().all(|name| is_name(name)), || format!("invalid name in {name}"))?;
        check(pairs.values().all(Value::is_string), || format!("no text in {name}"))?;
    }
    check(!text(&alert["labels"], "alertname")?.is_empty(), || "no alertname".into())?;
    let time = |name: &str| {
        let time = DateTime::parse_from_rfc3339(text(alert, name)?);
        time.map(|time| time.to_utc()).map_err(|error| format!("{name}: {error}"))
    };
    let (starts_at, ends_at) = (time("startsAt")?, time("endsAt")?);
    check(starts_at <= now, || "start time is ahead".into())?;
    check(starts_at <= ends_at, || "start time must be before end time".into())
}
