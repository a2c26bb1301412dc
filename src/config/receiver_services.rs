//! The keys of receivers that are services with a format of their own: ntfy, Slack, Teams, Telegram, Alertmanager.
//!
//! Topics and tokens are secrets: none is ever quoted.

use std::time::Duration;

use toml::de::DeValue;
use url::Url;

use super::errors::quote;
use super::inspector::At;
use super::model::SecretSource;
use super::reader::TableReader;
use super::receiver_model::{ServiceConfig, TelegramChat, TextSource, UrlSource};
use super::secrets::plain_or_secret;

/// ntfy's own bound.
const LONGEST_TOPIC: usize = 64;

/// Replaced by the value derived from `repeat_interval` once that has been read.
const HOLDS_FOR: Duration = Duration::ZERO;

/// A service with a built-in format.
#[derive(Debug, Clone, Copy)]
pub(super) enum Service {
    Ntfy,
    Slack,
    Teams,
    Telegram,
    Alertmanager,
}

impl Service {
    /// Public address of the service, if it has one.
    pub(super) const fn usual_url(self) -> Option<&'static str> {
        match self {
            Self::Ntfy => Some("https://ntfy.sh"),
            Self::Telegram => Some("https://api.telegram.org"),
            Self::Slack | Self::Teams | Self::Alertmanager => None,
        }
    }

    /// Keys of the service besides those of the request, which goes to `url`.
    pub(super) fn read(
        self,
        table: &mut TableReader<'_>,
        url: Option<&UrlSource>,
    ) -> Option<ServiceConfig> {
        match self {
            Self::Ntfy => {
                check_ntfy_url(table, url);
                topic(table).map(|topic| ServiceConfig::Ntfy { topic })
            }
            Self::Slack => Some(ServiceConfig::Slack),
            Self::Teams => Some(ServiceConfig::Teams),
            Self::Telegram => {
                let (token, chat) = (token(table), chat(table));
                let thread = table.integer("thread_id").map(|thread| thread.value);
                Some(ServiceConfig::Telegram { token: token?, chat: chat?, thread })
            }
            Self::Alertmanager => Some(ServiceConfig::Alertmanager { holds_for: HOLDS_FOR }),
        }
    }
}

/// A message with its topic must be sent to the server's root; the topic's address would show the JSON as text.
fn check_ntfy_url(table: &TableReader<'_>, url: Option<&UrlSource>) {
    let Some(UrlSource::Plain(url)) = url else { return };
    let Ok(url) = Url::parse(url.reveal()) else { return };
    if url.path() != "/" || url.query().is_some() {
        let hint = "write url = \"https://host\" and topic = \"…\"";
        let at = table.place_of("url").unwrap_or(table.at());
        table.wrong(at, "the address of an ntfy server has a path in it", hint);
    }
}

fn topic(table: &mut TableReader<'_>) -> Option<TextSource> {
    let keys = ["topic", "topic_env", "topic_file"];
    let (plain, kept) = plain_or_secret(table, keys, "topic");
    if !keys.iter().any(|key| table.has(key)) {
        table.missing("topic", "add topic = \"…\", or topic_env or topic_file");
    }
    let Some(At { at, value }) = plain else { return kept.map(TextSource::Stored) };
    let is_fit = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if value.len() > LONGEST_TOPIC || !value.chars().all(is_fit) {
        let hint = "use letters from a to z, digits, `-` and `_`, at most 64 of them";
        table.wrong(at, "this is no name of a topic", hint);
        return None;
    }
    Some(TextSource::Plain(value.to_owned()))
}

fn token(table: &mut TableReader<'_>) -> Option<SecretSource> {
    if let Some(at) = table.refused("token") {
        let hint = "keep it elsewhere: token_env = \"…\" or token_file = \"…\"";
        table.wrong(at, "a secret has no place in this file", hint);
        return None;
    }
    let (_, kept) = plain_or_secret(table, ["token", "token_env", "token_file"], "token");
    if !table.has("token_env") && !table.has("token_file") {
        table.missing("token_env", "name the variable that holds the bot's token, or token_file");
    }
    kept
}

fn chat(table: &mut TableReader<'_>) -> Option<TelegramChat> {
    let hint = "a number such as -1001234567890, or \"@name\" of a public channel";
    let item = table.item("chat_id");
    let At { at, value } = table.require(item, "chat_id", &format!("say who is told: {hint}"))?;
    let number = match value {
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok(),
        DeValue::String(text) => text.parse().ok(),
        _ => None,
    };
    if let Some(number) = number {
        return Some(TelegramChat::Number(number));
    }
    let is_fit = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name = value.as_str().unwrap_or_default();
    match name.strip_prefix('@') {
        Some(rest) if !rest.is_empty() && rest.chars().all(is_fit) => {
            Some(TelegramChat::Name(name.to_owned()))
        }
        _ => {
            let what = match value.as_str() {
                Some(name) => format!("{} is no chat", quote(name)),
                None => "`chat_id` is no chat".to_owned(),
            };
            table.wrong(at, what, hint);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::Secret;
    use super::super::receiver_model::{ChannelConfig, HttpConfig};
    use super::super::testing::{accepted, hint, said};
    use super::*;

    /// The table of a receiver; its keys begin on line 4 of the text.
    fn table(keys: &str) -> String {
        format!("[broker]\n[[receivers]]\nname = \"r\"\n{keys}\n")
    }

    fn service(keys: &str) -> (HttpConfig, ServiceConfig) {
        match accepted(&table(keys)).receivers.remove(0).channel {
            ChannelConfig::Service(http, service) => (http, service),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn ntfy_has_a_topic_and_a_public_server() {
        let (http, ntfy) = service("type = \"ntfy\"\ntopic = \"plant_7-x\"");
        assert_eq!(http.url, UrlSource::Plain(Secret::new("https://ntfy.sh".into())));
        assert_eq!(ntfy, ServiceConfig::Ntfy { topic: TextSource::Plain("plant_7-x".into()) });
        assert!(!format!("{ntfy:?}").contains("plant"), "{ntfy:?}");
        let keys = "type = \"ntfy\"\nurl = \"http://h:8080/\"\ntopic_env = \"T\"";
        let config = accepted(&table(keys));
        assert_eq!(config.receivers[0].channel.secrets(), [&SecretSource::Env("T".into())]);
        for (keys, what) in [
            ("", "2: `topic` is missing in [[receivers]]"),
            ("topic = \"a b\"", "5: this is no name of a topic"),
            ("topic = \"a\"\ntopic_file = \"b\"", "6: the topic is given twice"),
            (
                "url = \"https://ntfy.sh/plant\"\ntopic = \"plant\"",
                "5: the address of an ntfy server has a path in it",
            ),
        ] {
            assert_eq!(said(&table(&format!("type = \"ntfy\"\n{keys}"))), [what]);
        }
    }

    #[test]
    fn slack_teams_and_alertmanager_have_an_address() {
        for (name, expected) in [("slack", ServiceConfig::Slack), ("teams", ServiceConfig::Teams)] {
            let (_, service) = service(&format!("type = \"{name}\"\nurl_env = \"URL\""));
            assert_eq!((service.as_str(), &service), (name, &expected));
            let without = table(&format!("type = \"{name}\""));
            assert_eq!(said(&without), ["2: `url` is missing in [[receivers]]"]);
        }
        let odd = table("type = \"slack\"\nurl = \"https://h/x\"\ntopic = \"a\"");
        assert_eq!(said(&odd), ["6: unknown key `topic` in [[receivers]]"]);
        assert_eq!(hint(&table("type = \"slak\"")), "did you mean `slack`?");
    }

    #[test]
    fn alertmanager_is_told_at_once_and_often_enough() {
        let receiver = |keys: &str| {
            let keys = format!("type = \"alertmanager\"\nurl = \"http://h:9093\"\n{keys}");
            accepted(&table(&keys)).receivers.remove(0)
        };
        let holds_for = |keys: &str| match receiver(keys).channel {
            ChannelConfig::Service(_, ServiceConfig::Alertmanager { holds_for }) => {
                holds_for.as_secs()
            }
            other => panic!("{other:?}"),
        };
        let usual = receiver("");
        let waits = [usual.group_wait, usual.group_interval, usual.repeat_interval];
        assert_eq!(waits.map(|wait| wait.as_secs()), [0, 1, 60]);
        assert_eq!(holds_for(""), 240);
        assert_eq!(holds_for("repeat_interval = \"10s\""), 90, "an attempt may take long");
        assert_eq!(holds_for("repeat_interval = \"10s\"\ngroup_interval = \"1h\""), 4 * 3600);
    }

    #[test]
    fn telegram_has_a_token_elsewhere_and_a_chat() {
        let keys = "type = \"telegram\"\ntoken_env = \"BOT\"\nchat_id = -1001234567890";
        let (http, telegram) = service(keys);
        let url = UrlSource::Plain(Secret::new("https://api.telegram.org".into()));
        assert_eq!(http.url, url);
        let token = SecretSource::Env("BOT".into());
        let chat = TelegramChat::Number(-1_001_234_567_890);
        assert_eq!(telegram, ServiceConfig::Telegram { token, chat, thread: None });
        let named = keys.replace("-1001234567890", "\"@plant_7\"\nthread_id = 12");
        let (_, ServiceConfig::Telegram { chat, thread, .. }) = service(&named) else { panic!() };
        assert_eq!((chat, thread), (TelegramChat::Name("@plant_7".into()), Some(12)));
        for (keys, what) in [
            ("chat_id = 1", "2: `token_env` is missing in [[receivers]]"),
            ("token_env = \"B\"", "2: `chat_id` is missing in [[receivers]]"),
            ("token_env = \"B\"\nchat_id = \"plant\"", "6: `plant` is no chat"),
            ("token_env = \"B\"\nchat_id = 1.5", "6: `chat_id` is no chat"),
            ("token = \"1:s3cret\"\nchat_id = 1", "5: a secret has no place in this file"),
        ] {
            let said = said(&table(&format!("type = \"telegram\"\n{keys}")));
            assert_eq!(said, [what]);
        }
    }
}
