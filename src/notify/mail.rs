//! Mail channel: one mail per notification. The only file that names the mail library.
//!
//! Never: an unencrypted mail where TLS is configured, or an unverified certificate.

#![expect(clippy::disallowed_methods, reason = "a server is asked again by its own clock")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lettre::Message;
use lettre::address::Address;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{Certificate, SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use log::warn;

use super::ehlo::ehlo_name;
use super::log_target::TARGET;
use super::notification::Notification;
use super::outcome::{AttemptResult, DeliveryOutcome};
use super::recipients::{RecipientReply, Recipients, SessionError};
use super::smtp_reply::{Refusal, RefusalScope, Step};
use crate::config::{EmailConfig, MailTls, Secret};
use crate::locale::NotifyWords;

/// Timeout of each step: the connection, each command with its reply.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Time for offering all addresses; the rest is left for the next attempt, so that a slow server
/// doesn't exceed the actor's timeout.
const OFFERING: Duration = Duration::from_secs(20);

pub struct Mail {
    config: EmailConfig,
    words: &'static NotifyWords,
    recipients: Mutex<Recipients>,
}

/// Replies by address, and why there are no more.
#[derive(Default)]
struct Replies {
    answers: Vec<(String, RecipientReply)>,
    broke: Option<SessionError>,
}

impl Mail {
    pub(super) fn new(config: EmailConfig, words: &'static NotifyWords) -> Self {
        Self { config, words, recipients: Mutex::default() }
    }

    pub(super) fn send(&self, notification: &Notification) -> DeliveryOutcome {
        let AttemptResult { outcome, undelivered } = self.attempt(notification);
        for (address, why) in undelivered {
            let words = (self.words.address_refused)(&notification.receiver, &address, &why);
            warn!(target: TARGET, "{words}");
        }
        outcome
    }

    /// One attempt, without logging.
    pub(super) fn attempt(&self, notification: &Notification) -> AttemptResult {
        let message = match self.message(notification) {
            Ok(message) => message,
            Err(why) => {
                return AttemptResult {
                    outcome: DeliveryOutcome::Refused { why },
                    undelivered: Vec::new(),
                };
            }
        };
        let mut open: Vec<Address> = message.envelope().to().to_vec();
        {
            let mut recipients = self.recipients();
            let is_open = recipients.begin(notification);
            open.retain(|address| is_open(address.as_ref()));
        }
        // A refusal before an address was named concerns the client or the server, not the mail.
        let said = match self.connect() {
            Ok(mut connection) => {
                let said = self.offer(&mut connection, &message, open);
                connection.abort();
                said
            }
            Err(broke) => Replies { broke: Some(broke), ..Replies::default() },
        };
        self.recipients().conclude(notification, said.answers, said.broke, Instant::now())
    }

    /// State is consistent after any panic.
    fn recipients(&self) -> MutexGuard<'_, Recipients> {
        self.recipients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn message(&self, notification: &Notification) -> Result<Message, String> {
        let mailbox = |address: &String| {
            address.parse::<Mailbox>().map_err(|error| format!("`{address}`: {error}"))
        };
        let mut message = Message::builder()
            // Equal for a notification that is sent twice, so mail servers and readers deduplicate
            // it.
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

    /// Password and certificates are read for each connection, so that changed files take effect.
    fn connect(&self) -> Result<SmtpConnection, SessionError> {
        let EmailConfig { server, port, tls, credentials, ca_file, .. } = &self.config;
        let parameters = match tls {
            MailTls::None => None,
            MailTls::StartTls | MailTls::Tls => {
                Some(tls_parameters(server, ca_file.as_deref()).map_err(own)?)
            }
        };
        let (at_once, later) = match tls {
            MailTls::StartTls => (None, parameters.as_ref()),
            MailTls::None | MailTls::Tls => (parameters.as_ref(), None),
        };
        let login = match credentials {
            Some(login) => {
                let password = login.read_password();
                let password = password.map_err(|why| own(format!("its password: {why}")))?;
                let password = password.as_ref().map_or("", Secret::reveal).to_owned();
                Some(Credentials::new(login.username.clone(), password))
            }
            None => None,
        };
        let (addr, hello) = ((server.as_str(), *port), self.client_id());
        let failed = |error| self.broke(&error);
        let mut connection =
            SmtpConnection::connect(addr, Some(TIMEOUT), &hello, at_once, None).map_err(failed)?;
        if let Some(parameters) = later {
            connection.starttls(parameters, &hello).map_err(failed)?;
        }
        if let Some(credentials) = login {
            connection.auth(DEFAULT_MECHANISMS, &credentials).map_err(failed)?;
        }
        Ok(connection)
    }

    fn client_id(&self) -> ClientId {
        let EmailConfig { server, port, hello: configured, .. } = &self.config;
        let host_name = match ClientId::default() {
            ClientId::Domain(name) => Some(name),
            _ => None,
        };
        let local = || local_address(server, *port);
        ClientId::Domain(ehlo_name(configured.as_deref(), host_name.as_deref(), local))
    }

    /// Offers the mail to each address, and sends it to those accepted. The library's own method
    /// gives up at the first refused address.
    fn offer(
        &self,
        connection: &mut SmtpConnection,
        message: &Message,
        to: Vec<Address>,
    ) -> Replies {
        let mut said = Replies::default();
        if let Err(broke) = self.offer_to(connection, message, to, &mut said.answers) {
            said.broke = Some(broke);
        }
        said
    }

    fn offer_to(
        &self,
        connection: &mut SmtpConnection,
        message: &Message,
        to: Vec<Address>,
        answers: &mut Vec<(String, RecipientReply)>,
    ) -> Result<(), SessionError> {
        // No 8BITMIME: the library encodes all that is not ASCII.
        let from = MailFrom::new(message.envelope().from().cloned(), Vec::new());
        connection.command(from).map_err(|error| self.broke(&error))?;
        let (begun, mut accepted) = (Instant::now(), Vec::new());
        for address in to {
            let name = address.to_string();
            if begun.elapsed() >= OFFERING {
                let why = format!("{} is too slow to be asked", self.config.server);
                answers.push((name, RecipientReply::Deferred(why)));
                continue;
            }
            match connection.command(Rcpt::new(address, Vec::new())) {
                Ok(_) => accepted.push(name),
                Err(error) => answers.push((name, self.answer(&error, Step::Address)?)),
            }
        }
        if accepted.is_empty() {
            return Ok(());
        }
        let answer = match connection.command(Data) {
            Err(error) => self.answer(&error, Step::Client)?,
            Ok(_) => match connection.message(&message.formatted()) {
                Ok(_) => RecipientReply::Accepted,
                Err(error) => self.answer(&error, Step::Message)?,
            },
        };
        answers.extend(accepted.into_iter().map(|name| (name, answer.clone())));
        Ok(())
    }

    /// Meaning of a failure for an address; an error if the server did not reply.
    fn answer(&self, error: &smtp::Error, step: Step) -> Result<RecipientReply, SessionError> {
        let why = self.why(error);
        match scope(error, step) {
            Some(RefusalScope::Temporary) => Ok(RecipientReply::Deferred(why)),
            Some(RefusalScope::Address | RefusalScope::Message) => Ok(RecipientReply::Refused(why)),
            Some(RefusalScope::Client) => Ok(RecipientReply::Denied(why)),
            None => Err(SessionError { why, is_denied: false }),
        }
    }

    /// A failure before an address was named.
    fn broke(&self, error: &smtp::Error) -> SessionError {
        let is_denied = scope(error, Step::Client) == Some(RefusalScope::Client);
        SessionError { why: self.why(error), is_denied }
    }

    fn why(&self, error: &smtp::Error) -> String {
        let why = format!("{}: {}", self.config.server, with_causes(error));
        let is_about_the_login =
            error.status().is_some_and(|code| code.to_string().starts_with("53"));
        let lower = why.to_lowercase();
        if is_about_the_login {
            format!("{why}; check username and password")
        } else if lower.contains("helo") || lower.contains("ehlo") {
            format!("{why}; set hello to a full name that leads to this machine")
        } else {
            why
        }
    }
}

/// A failure on this side.
fn own(why: String) -> SessionError {
    SessionError { why, is_denied: false }
}

/// What a server's reply concerns; `None` without a reply.
fn scope(error: &smtp::Error, step: Step) -> Option<RefusalScope> {
    let code = error.status()?.into();
    let text = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    Some(Refusal { code, text: &text }.scope(step))
}

/// Address of this machine on the route to the server. Sends nothing.
fn local_address(server: &str, port: u16) -> Option<IpAddr> {
    let of = |to: SocketAddr| {
        let any: IpAddr = match to {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0)).ok()?;
        socket.connect(to).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    (server, port).to_socket_addrs().ok()?.find_map(of)
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

/// Error with its causes, each once.
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
