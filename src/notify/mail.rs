//! Tells a receiver by mail: one mail a notification. The only file that names the mail library.
//!
//! Never: a mail in clear where TLS was asked for, or a certificate unverified.

#![expect(clippy::disallowed_methods, reason = "a server is asked again by its own clock")]

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

use super::actor::TARGET;
use super::addressees::{Addressees, Answer, Conclusion};
use super::notification::Notification;
use super::outcome::Outcome;
use crate::config::{EmailConfig, MailTls};
use crate::locale::NotifyWords;

/// Each step: the connection, each command and its answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// All addresses of a mail are offered to the server within this; those it has no time for are left for
/// the next attempt, so that a slow server ends this one before the actor does.
const OFFERING: Duration = Duration::from_secs(20);

pub struct Mail {
    config: EmailConfig,
    words: &'static NotifyWords,
    addressees: Mutex<Addressees>,
}

/// What the server said of each address, and why it said no more.
#[derive(Default)]
struct Said {
    answers: Vec<(String, Answer)>,
    broke: Option<String>,
}

impl Mail {
    pub(super) fn new(config: EmailConfig, words: &'static NotifyWords) -> Self {
        Self { config, words, addressees: Mutex::default() }
    }

    pub(super) fn send(&self, notification: &Notification) -> Outcome {
        let message = match self.message(notification) {
            Ok(message) => message,
            Err(why) => return Outcome::Refused { why },
        };
        let mut open: Vec<Address> = message.envelope().to().to_vec();
        {
            let mut addressees = self.addressees();
            let is_open = addressees.begin(notification);
            open.retain(|address| is_open(address.as_ref()));
        }
        // Whatever the server says before it hears of an address is about this client or about
        // itself: the mail is none the worse.
        let said = match self.connect() {
            Ok(mut connection) => {
                let said = self.offer(&mut connection, &message, open);
                connection.abort();
                said
            }
            Err(why) => Said { broke: Some(why), ..Said::default() },
        };
        let Conclusion { outcome, without } =
            self.addressees().conclude(notification, said.answers, said.broke, Instant::now());
        for (address, why) in without {
            let words = (self.words.address_refused)(&notification.receiver, &address, &why);
            warn!(target: TARGET, "{words}");
        }
        outcome
    }

    /// What it remembers is whole after any panic.
    fn addressees(&self) -> MutexGuard<'_, Addressees> {
        self.addressees.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn connect(&self) -> Result<SmtpConnection, String> {
        let EmailConfig { server, port, tls, credentials, ca_file, .. } = &self.config;
        let parameters = match tls {
            MailTls::None => None,
            MailTls::StartTls | MailTls::Tls => Some(tls_parameters(server, ca_file.as_deref())?),
        };
        let (at_once, later) = match tls {
            MailTls::StartTls => (None, parameters.as_ref()),
            MailTls::None | MailTls::Tls => (parameters.as_ref(), None),
        };
        let password = match credentials {
            Some(credentials) => {
                let password = credentials.password.read();
                Some(password.map_err(|why| format!("its password: {why}"))?)
            }
            None => None,
        };
        let (addr, hello) = ((server.as_str(), *port), ClientId::default());
        let failed = |error| self.why(&error);
        let mut connection =
            SmtpConnection::connect(addr, Some(TIMEOUT), &hello, at_once, None).map_err(failed)?;
        if let Some(parameters) = later {
            connection.starttls(parameters, &hello).map_err(failed)?;
        }
        if let (Some(credentials), Some(password)) = (credentials, password) {
            let user = credentials.username.clone();
            let credentials = Credentials::new(user, password.reveal().to_owned());
            connection.auth(DEFAULT_MECHANISMS, &credentials).map_err(failed)?;
        }
        Ok(connection)
    }

    /// Offers the mail to each address, and hands it over for those that take it. The library's own way
    /// gives the whole mail up at the first address that is refused.
    fn offer(&self, connection: &mut SmtpConnection, message: &Message, to: Vec<Address>) -> Said {
        let mut said = Said::default();
        if let Err(why) = self.offer_to(connection, message, to, &mut said.answers) {
            said.broke = Some(why);
        }
        said
    }

    fn offer_to(
        &self,
        connection: &mut SmtpConnection,
        message: &Message,
        to: Vec<Address>,
        answers: &mut Vec<(String, Answer)>,
    ) -> Result<(), String> {
        // No 8BITMIME: the library has encoded all that is not ASCII.
        let from = MailFrom::new(message.envelope().from().cloned(), Vec::new());
        connection.command(from).map_err(|error| self.why(&error))?;
        let (begun, mut accepted) = (Instant::now(), Vec::new());
        for address in to {
            let name = address.to_string();
            if begun.elapsed() >= OFFERING {
                let why = format!("{} is too slow to be asked", self.config.server);
                answers.push((name, Answer::NotNow(why)));
                continue;
            }
            match connection.command(Rcpt::new(address, Vec::new())) {
                Ok(_) => accepted.push(name),
                Err(error) => answers.push((name, self.answer(&error)?)),
            }
        }
        if accepted.is_empty() {
            return Ok(());
        }
        let go_on = connection.command(Data);
        let answer = match go_on.and_then(|_| connection.message(&message.formatted())) {
            Ok(_) => Answer::Taken,
            Err(error) => self.answer(&error)?,
        };
        answers.extend(accepted.into_iter().map(|name| (name, answer.clone())));
        Ok(())
    }

    /// What a failure says of an address; an error if it says nothing of it.
    fn answer(&self, error: &smtp::Error) -> Result<Answer, String> {
        let why = self.why(error);
        match error.status() {
            Some(_) if is_about_the_login(error) => Err(why),
            Some(_) if error.is_permanent() => Ok(Answer::Refused(why)),
            Some(_) => Ok(Answer::NotNow(why)),
            None => Err(why),
        }
    }

    fn why(&self, error: &smtp::Error) -> String {
        let why = format!("{}: {}", self.config.server, with_causes(error));
        if is_about_the_login(error) { format!("{why}; check username and password") } else { why }
    }
}

/// A login that fails is a password to be corrected.
fn is_about_the_login(error: &smtp::Error) -> bool {
    error.status().is_some_and(|code| code.to_string().starts_with("53"))
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
