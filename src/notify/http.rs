//! Tells a receiver by HTTP: one request a notification. The only file that names the HTTP library.
//!
//! Never: a certificate unverified, a redirection followed, or more of an address in an error than
//! its host, for the rest may be a secret.

#![expect(clippy::disallowed_methods, reason = "Retry-After may be a date")]

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use chrono::Utc;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};
use ureq::{Agent, Error};

use super::notification::Notification;
use super::outcome::{Outcome, of_http};
use super::{alertmanager, template};
use crate::config::{HttpConfig, Method, TemplateConfig};
use crate::locale::NotifyWords;

/// All of a request, from the look-up of the host to the answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What is sent.
pub enum Body {
    /// Version 4 of its webhook.
    Alertmanager,
    Template(TemplateConfig, &'static NotifyWords),
}

pub struct Http {
    config: HttpConfig,
    body: Body,
}

impl Http {
    pub(super) const fn new(config: HttpConfig, body: Body) -> Self {
        Self { config, body }
    }

    pub(super) fn send(&self, notification: &Notification) -> Outcome {
        match self.try_send(notification) {
            Ok(outcome) => outcome,
            Err(why) => Outcome::Unreachable { why },
        }
    }

    /// Secrets and certificates are read anew each time, so that a corrected file is seen.
    fn try_send(&self, notification: &Notification) -> Result<Outcome, String> {
        let url = self.config.url.read().map_err(|why| format!("its address: {why}"))?;
        let agent = self.agent()?;
        let (method, content_type, body) = self.request(notification);
        let mut request = match method {
            Method::Post => agent.post(url.reveal()),
            Method::Put => agent.put(url.reveal()),
        };
        request = request
            .header("Content-Type", content_type)
            // A draft of the IETF's: the same notification sent twice can be told by it.
            .header("Idempotency-Key", format!("\"{}\"", notification.id));
        for (name, value) in &self.config.headers {
            let value = value.read().map_err(|why| format!("its header {name}: {why}"))?;
            request = request.header(name, value.reveal());
        }
        let answer = request.send(&body[..]);
        let answer = answer.map_err(|error| failure(&error, host(url.reveal())))?;
        let retry_after = answer.headers().get("Retry-After").and_then(|it| it.to_str().ok());
        Ok(of_http(answer.status().as_u16(), retry_after, Utc::now()))
    }

    /// A request without a body, for the sake of having come.
    ///
    /// # Errors
    /// When nobody answers, or with a status other than 2xx.
    pub(super) fn get(&self) -> Result<(), String> {
        let url = self.config.url.read().map_err(|why| format!("its address: {why}"))?;
        let mut request = self.agent()?.get(url.reveal());
        for (name, value) in &self.config.headers {
            let value = value.read().map_err(|why| format!("its header {name}: {why}"))?;
            request = request.header(name, value.reveal());
        }
        let host = host(url.reveal());
        let status = request.call().map_err(|error| failure(&error, host))?.status();
        if status.is_success() {
            Ok(())
        } else {
            Err(format!("{host} answers with HTTP status {}", status.as_u16()))
        }
    }

    fn request(&self, notification: &Notification) -> (Method, &str, Vec<u8>) {
        match &self.body {
            Body::Alertmanager => {
                (Method::Post, "application/json", alertmanager::json(notification))
            }
            Body::Template(config, words) => {
                let text = template::filled(&config.body, config.format(), notification, words);
                (config.method, &config.content_type, text.into_bytes())
            }
        }
    }

    fn agent(&self) -> Result<Agent, String> {
        let roots = match &self.config.ca_file {
            None => RootCerts::PlatformVerifier,
            Some(file) => RootCerts::new_with_certs(&certificates(file)?),
        };
        let tls = TlsConfig::builder().provider(TlsProvider::NativeTls).root_certs(roots).build();
        let config = Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .user_agent(concat!("vigie/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls)
            // They would be idle for minutes, and closed when they are wanted.
            .max_idle_connections(0)
            .build();
        Ok(config.into())
    }
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

/// The host and port of an address; of what is no address, nothing: it may be a secret all the same.
fn host(url: &str) -> &str {
    let Some(start) = url.find("://").map(|at| at + 3) else { return "its host" };
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
    // A user and password before the host are refused where they can be seen; elsewhere they can't.
    url[start..end].rsplit('@').next().unwrap_or_default()
}

/// Why there is no answer. Not the error's own text where that could quote the address.
fn failure(error: &Error, host: &str) -> String {
    match error {
        Error::BadUri(_) | Error::Http(_) | Error::RequireHttpsOnly(_) => {
            "its address or a header is not valid".to_owned()
        }
        Error::HostNotFound => format!("there is no host {host}"),
        Error::ConnectionFailed => format!("nothing listens at {host}"),
        Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => {
            format!("nothing listens at {host}")
        }
        Error::Timeout(_) => format!("{host} does not answer within {} s", TIMEOUT.as_secs()),
        Error::Io(error) => format!("{host}: {error}"),
        Error::NativeTls(error) => {
            format!("{host}: no secure connection: {error}; check its certificate, or add ca_file")
        }
        Error::Tls(error) => format!("{host}: no secure connection: {error}"),
        Error::Protocol(_) => format!("{host} does not answer as a web server should"),
        _ => format!("{host}: the request failed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let error = failure(&Error::BadUri("https://h/s3cret".into()), "h");
        assert!(!error.contains("s3cret"), "{error}");
    }
}
