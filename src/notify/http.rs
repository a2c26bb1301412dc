//! HTTP channel: one request per notification. The only file that names the HTTP library.
//!
//! Never: an unverified certificate, a redirect to another host, or more of an address in an error
//! than its host, since the rest may be a secret; the same for a proxy.

#![expect(clippy::disallowed_methods, reason = "Retry-After may be a date, and an alarm end ahead")]

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use chrono::Utc;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::{Agent, Error, Proxy, RequestBuilder};

use super::notification::Notification;
use super::outcome::{DeliveryOutcome, of_http, of_proxy};
use super::redirect::{MOST_HOPS, followed};
use super::services::{self, ServiceAnswer};
use super::{alertmanager, proxy, template};
use crate::config::{HttpConfig, Method, Secret, ServiceConfig, TemplateConfig};
use crate::locale::NotifyWords;

/// Timeout of a request, from the lookup of the host to the answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Limit of an answer, in bytes; Telegram repeats the message in its own.
const LONGEST_ANSWER: u64 = 64 * 1024;

const JSON: &str = "application/json";

/// Body of a request.
pub enum Body {
    /// Alertmanager's webhook, version 4.
    Alertmanager,
    Template(TemplateConfig, &'static NotifyWords),
    Service(ServiceConfig, &'static NotifyWords),
}

/// Content of a request.
struct Content<'a> {
    method: Method,
    content_type: &'a str,
    bytes: Vec<u8>,
    /// Id of the notification.
    id: &'a str,
}

type Answer = ureq::http::Response<ureq::Body>;

pub struct Http {
    config: HttpConfig,
    body: Body,
}

impl Http {
    pub(super) const fn new(config: HttpConfig, body: Body) -> Self {
        Self { config, body }
    }

    pub(super) fn send(&self, notification: &Notification) -> DeliveryOutcome {
        self.outcome(Some(notification))
    }

    /// Sends a heartbeat: a request without a body.
    pub(super) fn beat(&self) -> DeliveryOutcome {
        self.outcome(None)
    }

    fn outcome(&self, notification: Option<&Notification>) -> DeliveryOutcome {
        match self.try_send(notification) {
            Ok(outcome) => outcome,
            Err(why) => DeliveryOutcome::Unreachable { why },
        }
    }

    /// Secrets and certificates are read for each request, so that changed files take effect.
    fn try_send(&self, notification: Option<&Notification>) -> Result<DeliveryOutcome, String> {
        let given = self.config.url.read().map_err(|why| format!("its address: {why}"))?;
        let secret = self.secret()?;
        let mut url = given.reveal().to_owned();
        let content = match notification {
            Some(notification) => Some(self.content(&mut url, secret.reveal(), notification)?),
            None => None,
        };
        let mut headers = Vec::with_capacity(self.config.headers.len());
        for (name, value) in &self.config.headers {
            let value = value.read().map_err(|why| format!("its header {name}: {why}"))?;
            headers.push((name.as_str(), value));
        }
        let mut hops = 0;
        loop {
            let mut answer = match self.try_once(&url, &headers, content.as_ref())? {
                Ok(answer) => answer,
                Err(outcome) => return Ok(outcome),
            };
            let header = |name| answer.headers().get(name).and_then(|it| it.to_str().ok());
            let status = answer.status().as_u16();
            match header("Location").and_then(|location| followed(&url, status, location)) {
                Some(next) if hops < MOST_HOPS => (url, hops) = (next, hops + 1),
                _ => {
                    let mut secrets = vec![given.reveal(), &*url, secret.reveal()];
                    secrets.extend(headers.iter().map(|(_, value)| value.reveal()));
                    return Ok(self.meaning(&mut answer, &secrets));
                }
            }
        }
    }

    /// Secret of a service besides those in the request's own keys.
    fn secret(&self) -> Result<Secret, String> {
        match &self.body {
            Body::Service(service, _) => service.read_secret(),
            Body::Alertmanager | Body::Template(..) => Ok(Secret::new(String::new())),
        }
    }

    /// Outcome of an answer. Only services' bodies are read.
    fn meaning(&self, answer: &mut Answer, secrets: &[&str]) -> DeliveryOutcome {
        let header = answer.headers().get("Retry-After").and_then(|it| it.to_str().ok());
        let (status, retry_after) = (answer.status().as_u16(), header.map(ToOwned::to_owned));
        let retry_after = retry_after.as_deref();
        let Body::Service(service, _) = &self.body else {
            return of_http(status, retry_after, Utc::now());
        };
        let body = answer.body_mut().with_config().limit(LONGEST_ANSWER).read_to_string().ok();
        let answer = ServiceAnswer { status, retry_after, body: body.as_deref() };
        services::outcome(service, answer, secrets, Utc::now())
    }

    /// One request to one address. Failures without an answer are outcomes too.
    fn try_once(
        &self,
        url: &str,
        headers: &[(&str, Secret)],
        content: Option<&Content<'_>>,
    ) -> Result<Result<Answer, DeliveryOutcome>, String> {
        let proxy = self.proxy(url)?;
        let agent = self.agent(proxy.clone())?;
        let answer = if let Some(content) = content {
            let request = match content.method {
                Method::Post => agent.post(url),
                Method::Put => agent.put(url),
            };
            with(request, headers)
                .header("Content-Type", content.content_type)
                // A draft of the IETF: receivers can deduplicate by it.
                .header("Idempotency-Key", format!("\"{}\"", content.id))
                .send(&content.bytes[..])
        } else {
            with(agent.get(url), headers).call()
        };
        let proxy = proxy.map(|it| format!("{}:{}", it.host(), it.port()));
        Ok(answer.map_err(|error| failure(&error, host(url), proxy.as_deref())))
    }

    /// Proxy for an address: the receiver's own, or that of the environment.
    fn proxy(&self, url: &str) -> Result<Option<Proxy>, String> {
        let text = match &self.config.proxy {
            Some(own) => own.read().map_err(|why| format!("its proxy: {why}"))?,
            None => match proxy::of_environment(url, |name| std::env::var(name).ok()) {
                Some(text) => Secret::new(text),
                None => return Ok(None),
            },
        };
        // Not the error's own text, nor the address, which may contain a password.
        Proxy::new(text.reveal()).map(Some).map_err(|_| "its proxy has no valid address".to_owned())
    }

    /// Content of the request. A service may have another path below the given address.
    fn content<'a>(
        &'a self,
        url: &mut String,
        secret: &str,
        notification: &'a Notification,
    ) -> Result<Content<'a>, String> {
        let (method, content_type, bytes) = match &self.body {
            Body::Alertmanager => (Method::Post, JSON, alertmanager::json(notification)),
            Body::Template(config, words) => {
                let text = template::filled(&config.body, config.format(), notification, words);
                (config.method, &*config.content_type, text.into_bytes())
            }
            Body::Service(service, words) => {
                let now = Utc::now();
                let made = services::request(service, (url, secret), notification, words, now)?;
                *url = made.url;
                (Method::Post, JSON, made.body)
            }
        };
        Ok(Content { method, content_type, bytes, id: &notification.id })
    }

    fn agent(&self, proxy: Option<Proxy>) -> Result<Agent, String> {
        let roots = match &self.config.ca_file {
            None => RootCerts::PlatformVerifier,
            Some(file) => RootCerts::new_with_certs(&certificates(file)?),
        };
        let tls = TlsConfig::builder().provider(TlsProvider::NativeTls).root_certs(roots).build();
        let config = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(proxy)
            .user_agent(concat!("vigie/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls)
            // They would be idle for minutes, and closed when needed.
            .max_idle_connections(0)
            .build();
        Ok(config.into())
    }
}

fn with<B>(mut request: RequestBuilder<B>, headers: &[(&str, Secret)]) -> RequestBuilder<B> {
    for (name, value) in headers {
        request = request.header(*name, value.reveal());
    }
    request
}

fn certificates(file: &Path) -> Result<Vec<Certificate<'static>>, String> {
    let failed = |why: String| format!("its ca_file {}: {why}", file.display());
    let pem = std::fs::read(file).map_err(|error| failed(error.to_string()))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(failed(error.to_string())),
        }
    }
    if certificates.is_empty() {
        return Err(failed("there is no certificate in it".into()));
    }
    Ok(certificates)
}

/// Host and port of an address; empty if it is invalid, since it may be a secret.
fn host(url: &str) -> &str {
    let Some(start) = url.find("://").map(|at| at + 3) else { return "its host" };
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
    // User and password before the host are refused in the configuration, but may come from a file.
    url[start..end].rsplit('@').next().unwrap_or_default()
}

/// Outcome without an answer. Avoids error texts that could quote an address. With a proxy, the
/// proxy is named: before the answer it is the only peer.
fn failure(error: &Error, host: &str, proxy: Option<&str>) -> DeliveryOutcome {
    if let (Error::ConnectProxyFailed(said), Some(proxy)) = (error, proxy) {
        return of_proxy(status_in(said), proxy, host);
    }
    let next = proxy.map_or_else(|| host.to_owned(), |proxy| format!("the proxy {proxy}"));
    let why = match error {
        Error::BadUri(_) | Error::Http(_) | Error::RequireHttpsOnly(_) => {
            "its address or a header is not valid".to_owned()
        }
        Error::HostNotFound => format!("{next} is not found: there is no host of this name"),
        Error::ConnectionFailed => format!("nothing listens at {next}"),
        Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => {
            format!("nothing listens at {next}")
        }
        Error::Timeout(_) => format!("{next} does not answer within {} s", TIMEOUT.as_secs()),
        Error::Io(error) => format!("{next}: {error}"),
        Error::NativeTls(error) => {
            format!("{host}: no secure connection: {error}; check its certificate, or add ca_file")
        }
        Error::Tls(error) => format!("{host}: no secure connection: {error}"),
        Error::Protocol(_) => format!("{next} does not answer as a web server should"),
        _ => format!("{next}: the request failed"),
    };
    DeliveryOutcome::Unreachable { why }
}

/// First number of three digits: the library has a proxy's status only in a text.
fn status_in(text: &str) -> Option<u16> {
    let mut words = text.split(|c: char| !c.is_ascii_digit());
    words.find(|word| word.len() == 3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_proxy_says_is_of_the_proxy() {
        let of = |error: &Error| match failure(error, "h", Some("p:3128")) {
            DeliveryOutcome::Unreachable { why } => ("away", why),
            DeliveryOutcome::Denied { why, .. } => ("denied", why),
            other => panic!("{other:?}"),
        };
        let said =
            |status| Error::ConnectProxyFailed(format!("proxy server responded {status}/{status}"));
        assert_eq!(of(&said(407)).0, "denied");
        assert_eq!(of(&said(502)).0, "away");
        let silent = Error::ConnectProxyFailed("proxy server did not respond".into());
        assert_eq!(of(&silent), ("away", "the proxy p:3128 does not answer as one".into()));
        assert_eq!(
            of(&Error::HostNotFound).1,
            "the proxy p:3128 is not found: there is no host of this name"
        );
    }

    #[test]
    fn of_an_address_only_the_host_is_told() {
        for (url, told) in [
            ("https://hooks.example/services/T0/s3cret?x=1", "hooks.example"),
            ("http://127.0.0.1:9/", "127.0.0.1:9"),
            ("https://h?token=s3cret", "h"),
            ("https://me:s3cret@h/x", "h"),
            ("s3cret", "its host"),
        ] {
            assert_eq!(host(url), told);
        }
        let outcome = failure(&Error::BadUri("https://h/s3cret".into()), "h", None);
        assert!(!format!("{outcome:?}").contains("s3cret"), "{outcome:?}");
    }
}
