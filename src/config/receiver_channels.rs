//! Channels of a receiver: `webhook`, `template`, `email`, each with its keys. Those of services are in
//! `receiver_services`.
//!
//! An address may contain a token, and a header may be one: neither is ever quoted.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::credentials::login;
use super::errors::{Mistake, quote};
use super::inspector::At;
use super::model::Secret;
use super::reader::TableReader;
use super::receiver_mail::email;
use super::receiver_model::{
    ChannelConfig, HttpConfig, Method, PLACEHOLDERS, TemplateConfig, TextSource, UrlSource,
};
use super::receiver_services::Service;
use super::secrets::{self, plain_or_secret};
use super::similar::one_of;

/// Limit of a message's frame, without what is inserted.
const LONGEST_BODY_BYTES: usize = 64 * 1024;

/// Set by the client itself, or by `content_type`.
const OWN_HEADERS: [&str; 6] =
    ["content-type", "content-length", "host", "transfer-encoding", "connection", "user-agent"];

/// Headers whose values are secrets.
const SECRET_HEADERS: [&str; 4] = ["authorization", "proxy-authorization", "cookie", "x-api-key"];

#[derive(Debug, Clone, Copy)]
enum Kind {
    Webhook,
    Template,
    Email,
    Service(Service),
}

const KINDS: [(&str, Kind); 8] = [
    ("webhook", Kind::Webhook),
    ("template", Kind::Template),
    ("email", Kind::Email),
    ("ntfy", Kind::Service(Service::Ntfy)),
    ("slack", Kind::Service(Service::Slack)),
    ("teams", Kind::Service(Service::Teams)),
    ("telegram", Kind::Service(Service::Telegram)),
    ("alertmanager", Kind::Service(Service::Alertmanager)),
];

/// The way of a receiver's table; `None` when it can't be used, which has been reported.
pub(super) fn channel(table: &mut TableReader<'_>) -> Option<ChannelConfig> {
    let kind = table.choice("type", &KINDS);
    let hint = "write type = \"webhook\", \"template\", \"email\", \"ntfy\", \"slack\", \"teams\", \
                \"telegram\" or \"alertmanager\"";
    match table.require(kind, "type", hint)? {
        Kind::Webhook => Some(ChannelConfig::Webhook(http(table)?)),
        Kind::Template => {
            let (http, template) = (http(table), template(table));
            Some(ChannelConfig::Template(http?, template?))
        }
        Kind::Email => {
            let login = login(table);
            Some(ChannelConfig::Email(email(table, login)?))
        }
        Kind::Service(service) => {
            let http = http_at(table, service.usual_url());
            let service = service.read(table, http.as_ref().map(|http| &http.url));
            Some(ChannelConfig::Service(http?, service?))
        }
    }
}

pub(super) fn http(table: &mut TableReader<'_>) -> Option<HttpConfig> {
    http_at(table, None)
}

/// Request to an address, by default `usual`.
fn http_at(table: &mut TableReader<'_>, usual: Option<&str>) -> Option<HttpConfig> {
    let mut url = place(table, &URL);
    if URL.keys.iter().any(|key| table.has(key)) {
        // Usable, or reported.
    } else if let Some(usual) = usual {
        url = Some(UrlSource::Plain(Secret::new(usual.to_owned())));
    } else {
        table.missing("url", "add url = \"https://…\", or url_env or url_file if it has a token");
    }
    let proxy = place(table, &PROXY);
    let headers = headers(table);
    let ca_file = table.file("ca_file").map(|file| file.value);
    Some(HttpConfig { url: url?, proxy, headers, ca_file })
}

/// A secret address, with its alternative sources.
struct Place {
    /// Keys for the address itself, its variable and its file.
    keys: [&'static str; 3],
    /// Name in error messages.
    what: &'static str,
    schemes: &'static [&'static str],
    /// Expected form.
    form: &'static str,
    /// Where a user or password belongs.
    secrets: &'static str,
}

const URL: Place = Place {
    keys: ["url", "url_env", "url_file"],
    what: "address",
    schemes: &["http://", "https://"],
    form: "write https://host/path, or http:// for a connection without TLS",
    secrets: "secrets stay out of this file: use headers with { env = \"…\" }, or url_env",
};

const PROXY: Place = Place {
    keys: ["proxy", "proxy_env", "proxy_file"],
    what: "proxy",
    schemes: &["http://", "https://", "socks5h://", "socks5://", "socks4a://", "socks4://"],
    form: "write http://host:3128, or socks5h://host:1080",
    secrets: "secrets stay out of this file: use proxy_env or proxy_file",
};

fn place(table: &mut TableReader<'_>, place: &Place) -> Option<UrlSource> {
    let (plain, kept) = plain_or_secret(table, place.keys, place.what);
    if let Some(At { at, value }) = plain {
        let url = table.inspector.check(at, place.checked(value))?;
        return Some(UrlSource::Plain(Secret::new(url.to_owned())));
    }
    kept.map(UrlSource::Stored)
}

impl Place {
    fn checked<'a>(&self, url: &'a str) -> Result<&'a str, Mistake> {
        let Self { what, form, .. } = *self;
        let rest = self.schemes.iter().find_map(|scheme| url.strip_prefix(scheme));
        let Some(rest) = rest else {
            let schemes = self.schemes.join(" or ");
            return Err(Mistake::new(format!("the {what} does not start with {schemes}"), form));
        };
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if host.contains('@') {
            return Err(Mistake::new(
                format!("the {what} has a user or password in it"),
                self.secrets,
            ));
        }
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        if name.is_empty() {
            return Err(Mistake::new(format!("the {what} has no host"), form));
        }
        if url.contains(|c: char| c.is_whitespace() || !c.is_ascii()) {
            let what = format!("the {what} has a space or an accent in it");
            return Err(Mistake::new(what, "write it as %20"));
        }
        let port = host.strip_prefix(name).unwrap_or_default().trim_start_matches(':');
        if !port.is_empty() && port.parse::<u16>().is_err() && !host.ends_with(']') {
            let hint = "443 is usual with https, 80 with http, 3128 for a proxy";
            return Err(Mistake::new("the port is not a number from 1 to 65535", hint));
        }
        Ok(url)
    }
}

fn headers(table: &mut TableReader<'_>) -> BTreeMap<String, TextSource> {
    let mut headers = BTreeMap::new();
    if !table.has("headers") {
        // Known, for hints.
        table.item("headers");
        return headers;
    }
    let mut section = table.section("headers", "[receivers.headers]");
    for (name, value) in section.rest() {
        if let Some(value) = header(&section, name, value) {
            headers.insert(name.value.to_owned(), value);
        }
    }
    headers
}

fn header(
    section: &TableReader<'_>,
    At { at, value: name }: At<&str>,
    value: At<&DeValue<'_>>,
) -> Option<TextSource> {
    let lower = name.to_ascii_lowercase();
    let is_fit = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(is_fit) {
        let what = format!("{} is no name of a header", quote(name));
        section.wrong(at, what, "use letters from a to z, digits and `-`");
        return None;
    }
    if OWN_HEADERS.contains(&lower.as_str()) {
        let what = format!("the header {} is set by itself", quote(name));
        section.wrong(at, what, "remove it; a template has content_type = \"…\"");
        return None;
    }
    if value.value.is_table() {
        let hint = || "write { env = \"NAME\" } or { file = \"PATH\" }".to_owned();
        let name = format!("the header {}", quote(name));
        let mut table = section.as_table("headers", name, value, hint);
        let (env, file) = (table.text("env"), table.path("file"));
        let source = secrets::source(&table, env, file.map(|file| file.value));
        if env.is_none() && source.is_none() && !table.has("env") && !table.has("file") {
            table.missing("env", hint());
        }
        table.finish();
        return source.map(TextSource::Stored);
    }
    let Some(text) = value.value.as_str() else {
        let hint = format!("write {name} = \"…\", or {{ env = \"NAME\" }}");
        section.wrong(value.at, format!("the header {} is not text", quote(name)), hint);
        return None;
    };
    if SECRET_HEADERS.contains(&lower.as_str()) {
        let hint =
            format!("keep it elsewhere: {name} = {{ env = \"NAME\" }}, or {{ file = \"…\" }}");
        section.wrong(value.at, "a secret has no place in this file", hint);
        return None;
    }
    if text.contains(|c: char| c.is_control() || !c.is_ascii()) {
        let what = format!("the header {} has an accent or control character in it", quote(name));
        section.wrong(value.at, what, "keep to one line of plain text");
        return None;
    }
    Some(TextSource::Plain(text.to_owned()))
}

fn template(table: &mut TableReader<'_>) -> Option<TemplateConfig> {
    let methods = [("POST", Method::Post), ("PUT", Method::Put)];
    let method = table.choice("method", &methods).unwrap_or(Method::Post);
    let content_type = table.text("content_type").map_or("application/json", |it| it.value);
    let body = table.string("body");
    let hint = "say what is sent: body = '{\"text\": \"{subject}\"}'";
    let body = table.require(body, "body", hint)?;
    if body.value.len() > LONGEST_BODY_BYTES {
        let what = format!("`body` is longer than {LONGEST_BODY_BYTES} bytes");
        table.wrong(body.at, what, "say it shorter");
    }
    for mistake in mistakes_in_placeholders(body.value) {
        table.inspector.wrong(body.at, mistake);
    }
    let (content_type, body) = (content_type.to_owned(), body.value.to_owned());
    Some(TemplateConfig { method, content_type, body })
}

/// Each unknown placeholder in braces. Braces around anything but a word are JSON's.
fn mistakes_in_placeholders(body: &str) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (at, _) in body.match_indices('{') {
        let Some(end) = body[at..].find('}') else { break };
        let word = &body[at..=at + end];
        let inside = &word[1..word.len() - 1];
        let is_word = !inside.is_empty()
            && inside.chars().all(|c| c.is_ascii_alphabetic() || c == '_' || c == '-');
        if is_word && !PLACEHOLDERS.contains(&word) {
            let what = format!("{} in `body` stands for nothing", quote(word));
            mistakes.push(Mistake::new(what, one_of(word, PLACEHOLDERS.into_iter())));
        }
    }
    mistakes
}
