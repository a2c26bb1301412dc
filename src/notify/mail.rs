//! Tells a receiver by mail: one mail a notification. The only file that names the mail library.
//!
//! Never: a mail in clear where TLS was asked for, or a certificate unverified.

use std::path::Path;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{Message, SmtpTransport, Transport};

use super::notification::Notification;
use super::outcome::Outcome;
use crate::config::{EmailConfig, MailTls};
use crate::locale::NotifyWords;

/// Each step: the connection, each command and its answer.
const TIMEOUT: Duration = Duration::from_secs(10);

pub struct Mail {
    config: EmailConfig,
    words: &'static NotifyWords,
}

impl Mail {
    pub(super) const fn new(config: EmailConfig, words: &'static NotifyWords) -> Self {
        Self { config, words }
    }

    pub(super) fn send(&self, notification: &Notification) -> Outcome {
        let message = match self.message(notification) {
            Ok(message) => message,
            Err(why) => return Outcome::Refused { why },
        };
        let transport = match self.transport() {
            Ok(transport) => transport,
            Err(why) => return Outcome::Unreachable { why },
        };
        match transport.send(&message) {
            Ok(_) => Outcome::Delivered,
            Err(error) => self.failure(&error),
        }
    }

    fn message(&self, notification: &Notification) -> Result<Message, String> {
        let mailbox = |address: &String| {
            address.parse::<Mailbox>().map_err(|error| format!("`{address}`: {error}"))
        };
        let mut message = Message::builder()
            // The same for a notification sent twice: mail servers and readers know it by this.
            .message_id(Some(format!("<{}.{}@vigie>", notification.id, notification.receiver)))
            .from(mailbox(&self.config.from)?)
            .subject(notification.subject(self.words))
            .header(ContentType::TEXT_PLAIN);
        for address in &self.config.to {
            message = message.to(mailbox(address)?);
        }
        let text = notification.text(self.words);
        message.body(text).map_err(|error| error.to_string())
    }

    /// Password and certificates are read anew each time, so that a corrected file is seen.
    fn transport(&self) -> Result<SmtpTransport, String> {
        let EmailConfig { server, port, tls, credentials, ca_file, .. } = &self.config;
        let tls = match tls {
            MailTls::None => Tls::None,
            MailTls::StartTls => Tls::Required(tls_parameters(server, ca_file.as_deref())?),
            MailTls::Tls => Tls::Wrapper(tls_parameters(server, ca_file.as_deref())?),
        };
        // "Dangerous" is its default, no TLS, which is replaced here.
        let mut transport =
            SmtpTransport::builder_dangerous(server).port(*port).tls(tls).timeout(Some(TIMEOUT));
        if let Some(credentials) = credentials {
            let password =
                credentials.password.read().map_err(|why| format!("its password: {why}"))?;
            let password = password.reveal().to_owned();
            transport =
                transport.credentials(Credentials::new(credentials.username.clone(), password));
        }
        Ok(transport.build())
    }

    fn failure(&self, error: &smtp::Error) -> Outcome {
        let server = &self.config.server;
        let why = format!("{server}: {}", with_causes(error));
        let code = error.status().map(|code| code.to_string());
        match code.as_deref() {
            // A login that fails is a password to be corrected; the mail is none the worse.
            Some(code) if code.starts_with("53") => {
                Outcome::Unreachable { why: format!("{why}; check username and password") }
            }
            Some(_) if error.is_permanent() => Outcome::Refused { why },
            Some(_) => Outcome::Later { why, after: None },
            None => Outcome::Unreachable { why },
        }
    }
}

fn tls_parameters(server: &str, ca_file: Option<&Path>) -> Result<TlsParameters, String> {
    let mut parameters = TlsParameters::builder(server.to_owned());
    if let Some(file) = ca_file {
        let failed = |why: String| format!("its ca_file {}: {why}", file.display());
        let pem = std::fs::read(file).map_err(|error| failed(error.to_string()))?;
        let certificate = Certificate::from_pem(&pem).map_err(|error| failed(error.to_string()))?;
        parameters = parameters.add_root_certificate(certificate);
    }
    parameters.build().map_err(|error| format!("no TLS: {}", with_causes(&error)))
}

/// An error with what it came of, each said once.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}
