//! Model of `[[receivers]]`: alarms, channel and timing of each.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::connection_model::{Login, Secret, SecretSource};
use crate::domain::Priority;

/// Placeholders of a template's body.
pub const PLACEHOLDERS: [&str; 11] = [
    "{subject}",
    "{text}",
    "{status}",
    "{severity}",
    "{group}",
    "{receiver}",
    "{firing}",
    "{resolved}",
    "{truncated}",
    "{id}",
    "{alerts}",
];

/// A receiver of notifications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiverConfig {
    /// Its own among all receivers.
    pub name: Arc<str>,
    /// The way its notifications go.
    pub channel: ChannelConfig,
    /// Alarms that it is notified of.
    pub selection: AlarmSelection,
    /// Labels by which alarms are grouped.
    pub group_by: Vec<GroupLabel>,
    /// Delay of the first notification of a group.
    pub group_wait: Duration,
    /// Least time between notifications of a group that has changed.
    pub group_interval: Duration,
    /// Time after which a notification without news is repeated.
    pub repeat_interval: Duration,
    /// Whether resolved alarms are notified.
    pub send_resolved: bool,
    /// In one notification; above 0.
    pub max_alerts: usize,
    /// Whether it is told of starts, and for how long the daemon was down.
    pub tell_start: bool,
    /// Where its alarms go that nobody acknowledges.
    pub escalation: Option<EscalationConfig>,
    /// Whether it is notified of nothing but what another receiver escalates to it.
    pub only_escalated: bool,
}

/// What becomes of an alarm that nobody acknowledges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscalationConfig {
    /// Time from the first attempt to notify a receiver.
    pub after: Duration,
    /// Name of the receiver that is notified then.
    pub to: Arc<str>,
}

/// Which alarms a receiver hears of. An empty list takes all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlarmSelection {
    /// Priorities; empty for all.
    pub priorities: Vec<Priority>,
    /// Patterns of the rules' names.
    pub rules: Vec<Arc<str>>,
    /// Locations, which may contain `*`; empty for all.
    pub locations: Vec<Arc<str>>,
}

/// What the alarms of one notification have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupLabel {
    /// Location of the sensor.
    Location,
    /// Name of the rule.
    Rule,
    /// Id of the sensor.
    Sensor,
}

impl GroupLabel {
    /// As it is written in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Location => "location",
            Self::Rule => "rule",
            Self::Sensor => "sensor",
        }
    }
}

/// The way a notification goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelConfig {
    /// Alertmanager's JSON, version 4.
    Webhook(HttpConfig),
    /// An HTTP request with a body of the user's own.
    Template(HttpConfig, TemplateConfig),
    /// An HTTP request in the published format of a service.
    Service(HttpConfig, ServiceConfig),
    /// Mail by SMTP.
    Email(EmailConfig),
}

impl ChannelConfig {
    /// As it is written in the configuration.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Template(..) => "template",
            Self::Service(_, service) => service.as_str(),
            Self::Email(_) => "email",
        }
    }

    /// Places of the secrets it will need.
    #[must_use]
    pub fn secrets(&self) -> Vec<&SecretSource> {
        match self {
            Self::Webhook(http) | Self::Template(http, _) => http.secrets().collect(),
            Self::Service(http, service) => http.secrets().chain(service.secret()).collect(),
            Self::Email(email) => {
                email.credentials.iter().filter_map(|it| it.password.as_ref()).collect()
            }
        }
    }
}

impl ChannelConfig {
    /// Whether each secret can be read. A password may be empty, nothing else may.
    ///
    /// # Errors
    /// If one can't; never quotes it.
    pub fn check_secrets(&self) -> Result<(), String> {
        match self {
            Self::Webhook(_) | Self::Template(..) | Self::Service(..) => {
                self.secrets().into_iter().try_for_each(|secret| secret.read().map(drop))
            }
            Self::Email(email) => {
                email.credentials.iter().try_for_each(|login| login.read_password().map(drop))
            }
        }
    }
}

/// Address and headers of an HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfig {
    /// Address.
    pub url: UrlSource,
    /// Proxy, which may have a password in it; `None` for that of the environment, if any.
    pub proxy: Option<UrlSource>,
    /// Headers by name.
    pub headers: BTreeMap<String, TextSource>,
    /// The authority that signed the server's certificate; `None` for the system's.
    pub ca_file: Option<PathBuf>,
}

impl HttpConfig {
    /// Sources of its secrets.
    fn secrets(&self) -> impl Iterator<Item = &SecretSource> {
        let places = [Some(&self.url), self.proxy.as_ref()].into_iter().flatten();
        let places = places.filter_map(|place| match place {
            UrlSource::Stored(source) => Some(source),
            UrlSource::Plain(_) => None,
        });
        places.chain(self.headers.values().filter_map(TextSource::kept))
    }
}

/// An `http://` or `https://` address. It may contain a token, so it never prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UrlSource {
    /// In the configuration itself.
    Plain(Secret),
    /// In a file or the environment.
    Stored(SecretSource),
}

impl UrlSource {
    /// # Errors
    /// If its source can't be read.
    pub fn read(&self) -> Result<Secret, String> {
        match self {
            Self::Plain(url) => Ok(url.clone()),
            Self::Stored(source) => source.read(),
        }
    }
}

/// A text that may be a secret, so it never prints: a header's value, or the name of a topic.
#[derive(Clone, PartialEq, Eq)]
pub enum TextSource {
    /// In the configuration itself.
    Plain(String),
    /// In a file or the environment.
    Stored(SecretSource),
}

impl fmt::Debug for TextSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***") // a careless one may be a secret
    }
}

impl TextSource {
    const fn kept(&self) -> Option<&SecretSource> {
        match self {
            Self::Stored(source) => Some(source),
            Self::Plain(_) => None,
        }
    }

    /// # Errors
    /// If its source can't be read.
    pub fn read(&self) -> Result<Secret, String> {
        match self {
            Self::Plain(text) => Ok(Secret::new(text.clone())),
            Self::Stored(source) => source.read(),
        }
    }
}

/// A service with a built-in format, and its settings besides an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceConfig {
    /// A topic of an ntfy server.
    Ntfy {
        /// Name of the topic, which on a public server is as good as a password.
        topic: TextSource,
    },
    /// An incoming webhook of Slack.
    Slack,
    /// A Workflow webhook of Microsoft Teams.
    Teams,
    /// A chat with a Telegram bot.
    Telegram {
        /// Token of the bot.
        token: SecretSource,
        /// The chat.
        chat: TelegramChat,
        /// Topic of a group that has topics.
        thread: Option<u64>,
    },
    /// The second version of Alertmanager's API.
    Alertmanager {
        /// Time after which an active alarm ends there unless it is repeated.
        holds_for: Duration,
    },
}

impl ServiceConfig {
    /// Name in the configuration.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Ntfy { .. } => "ntfy",
            Self::Slack => "slack",
            Self::Teams => "teams",
            Self::Telegram { .. } => "telegram",
            Self::Alertmanager { .. } => "alertmanager",
        }
    }

    /// Secret topic or token besides the request's secrets; empty for a service without.
    ///
    /// # Errors
    /// If its source can't be read.
    pub fn read_secret(&self) -> Result<Secret, String> {
        match self {
            Self::Ntfy { topic } => topic.read().map_err(|why| format!("its topic: {why}")),
            Self::Telegram { token, .. } => token.read().map_err(|why| format!("its token: {why}")),
            Self::Slack | Self::Teams | Self::Alertmanager { .. } => Ok(Secret::new(String::new())),
        }
    }

    /// Source of the secret besides those of the request.
    const fn secret(&self) -> Option<&SecretSource> {
        match self {
            Self::Ntfy { topic } => topic.kept(),
            Self::Telegram { token, .. } => Some(token),
            Self::Slack | Self::Teams | Self::Alertmanager { .. } => None,
        }
    }
}

/// A Telegram chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TelegramChat {
    /// Its number, below zero for a group.
    Number(i64),
    /// `@name` of a public channel or group.
    Name(String),
}

/// The request that a template makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateConfig {
    /// HTTP method.
    pub method: Method,
    /// Value of the `Content-Type` header.
    pub content_type: String,
    /// Body with some of [`PLACEHOLDERS`].
    pub body: String,
}

impl TemplateConfig {
    /// Format of the body, which decides how values are escaped.
    #[must_use]
    pub fn format(&self) -> BodyFormat {
        let kind = self.content_type.split(';').next().unwrap_or_default().trim();
        match kind.to_ascii_lowercase().as_str() {
            "application/x-www-form-urlencoded" => BodyFormat::Form,
            kind if kind.ends_with("/json") || kind.ends_with("+json") => BodyFormat::Json,
            _ => BodyFormat::Plain,
        }
    }
}

/// HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// POST.
    Post,
    /// PUT.
    Put,
}

/// Format of a template's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFormat {
    /// JSON: inserted texts are escaped.
    Json,
    /// Form data (`application/x-www-form-urlencoded`).
    Form,
    /// Plain text: values are inserted unchanged.
    Plain,
}

/// Mail by SMTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailConfig {
    /// Host name or address of the SMTP server.
    pub server: String,
    /// TCP port.
    pub port: u16,
    /// TLS of the connection.
    pub tls: MailTls,
    /// Account at the server.
    pub credentials: Option<Login>,
    /// EHLO argument; `None` for the machine's full name, or its address.
    pub hello: Option<String>,
    /// PEM file of the authority that signs the server's certificate; `None` for the system's.
    pub ca_file: Option<PathBuf>,
    /// `name@host` or `Name <name@host>`, as in `to`.
    pub from: String,
    /// Recipients; at least one.
    pub to: Vec<String>,
}

/// TLS of an SMTP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// Plain at first, then TLS; no mail without it.
    StartTls,
    /// From the first byte.
    Tls,
    /// No TLS.
    None,
}
