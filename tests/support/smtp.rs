//! An SMTP server that records mail, with scripted refusals, a login and STARTTLS on request.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use openssl::ssl::SslAcceptor;

use super::listener::Listener;
use super::{Certificate, eventually};

#[derive(Debug, Clone)]
pub struct Mail {
    pub from: String,
    pub to: Vec<String>,
    /// Raw message, without dot-stuffing.
    pub raw: String,
    /// Name in the client's EHLO.
    pub hello: String,
}

impl Mail {
    /// A header, with encoded words decoded.
    pub fn header(&self, name: &str) -> String {
        let head = self.raw.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ");
        let prefix = format!("{name}: ");
        let line = head.lines().find_map(|line| line.strip_prefix(&prefix));
        decode_words(line.unwrap_or_else(|| panic!("no {name} in {head}")))
    }

    /// Decoded text.
    pub fn text(&self) -> String {
        let (_, body) = self.raw.split_once("\r\n\r\n").expect("a body");
        match self.header("Content-Transfer-Encoding").as_str() {
            "quoted-printable" => {
                let joined = body.replace("=\r\n", "");
                String::from_utf8(unescape(&joined, b'=')).expect("UTF-8")
            }
            "base64" => {
                let joined: String = body.split_whitespace().collect();
                String::from_utf8(openssl::base64::decode_block(&joined).expect("base64")).unwrap()
            }
            _ => body.to_owned(),
        }
    }
}

#[derive(Default)]
struct ServerState {
    mails: Mutex<Vec<Mail>>,
    /// Required credentials of AUTH PLAIN.
    login: Option<String>,
    /// Offers STARTTLS, and refuses mail without it.
    tls: Option<SslAcceptor>,
    /// Greetings for the next clients, in order; then 220.
    greetings: Mutex<VecDeque<String>>,
    /// Scripted refusals of addresses (permanent or once), of MAIL, and of the end of a mail.
    refusals: Mutex<Vec<Refusal>>,
    /// Refuses clients without a fully qualified name, at RCPT.
    wants_full_name: bool,
}

struct Refusal {
    address: String,
    answer: String,
    is_for_ever: bool,
}

impl ServerState {
    fn refusal_of(&self, address: &str) -> Option<String> {
        let mut refusals = self.refusals.lock().unwrap();
        let at = refusals.iter().position(|refusal| refusal.address == address)?;
        let answer = refusals[at].answer.clone();
        if !refusals[at].is_for_ever {
            refusals.remove(at);
        }
        Some(answer)
    }
}

pub struct MailServer {
    book: Arc<ServerState>,
    listener: Listener,
}

impl MailServer {
    pub fn new() -> Self {
        Self::with(ServerState::default())
    }

    /// Requires this login.
    pub fn with_login(user: &str, password: &str) -> Self {
        let plain = format!("\0{user}\0{password}");
        let login = Some(openssl::base64::encode_block(plain.as_bytes()));
        Self::with(ServerState { login, ..ServerState::default() })
    }

    /// Requires a fully qualified client name, as Postfix does.
    pub fn strict() -> Self {
        Self::with(ServerState { wants_full_name: true, ..ServerState::default() })
    }

    /// Requires STARTTLS.
    pub fn with_tls(certificate: &Certificate) -> Self {
        Self::with(ServerState { tls: Some(certificate.acceptor()), ..ServerState::default() })
    }

    /// Greets the next client with this line.
    pub fn greet_once(&self, greeting: &str) {
        self.book.greetings.lock().unwrap().push_back(greeting.to_owned());
    }

    /// Answers RCPT for this address with this line.
    pub fn refuse(&self, address: &str, answer: &str) {
        self.add_refusal(address, answer, true);
    }

    pub fn refuse_once(&self, address: &str, answer: &str) {
        self.add_refusal(address, answer, false);
    }

    /// Answers the next MAIL with this line.
    pub fn refuse_sender_once(&self, answer: &str) {
        self.add_refusal("MAIL", answer, false);
    }

    /// Answers the end of the next mail with this line.
    pub fn refuse_mail_once(&self, answer: &str) {
        self.add_refusal("DATA", answer, false);
    }

    /// Removes all refusals.
    pub fn refuse_nothing(&self) {
        self.book.refusals.lock().unwrap().clear();
    }

    fn add_refusal(&self, address: &str, answer: &str, is_for_ever: bool) {
        let refusal = Refusal { address: address.into(), answer: answer.into(), is_for_ever };
        self.book.refusals.lock().unwrap().push(refusal);
    }

    fn with(book: ServerState) -> Self {
        let book = Arc::new(book);
        let shared = Arc::clone(&book);
        let listener = Listener::at(0, move |stream, _| serve(stream, &shared));
        Self { book, listener }
    }

    pub fn port(&self) -> u16 {
        self.listener.address().port()
    }

    pub fn mails(&self) -> Vec<Mail> {
        self.book.mails.lock().unwrap().clone()
    }

    pub fn wait_mails(&self, count: usize, within: Duration) -> Vec<Mail> {
        eventually(&format!("{count} mails"), within, || {
            let mails = self.mails();
            (mails.len() >= count).then_some(mails)
        })
    }
}

fn serve(stream: TcpStream, book: &ServerState) {
    let mut plain = BufReader::new(stream);
    let greeting = book.greetings.lock().unwrap().pop_front();
    say(&mut plain, greeting.as_deref().unwrap_or("220 test ESMTP"));
    if greeting.is_some() {
        return;
    }
    let Some(tls) = &book.tls else {
        converse(&mut plain, book, true);
        return;
    };
    if converse(&mut plain, book, false) == End::StartTls
        && let Ok(secure) = tls.accept(plain.into_inner())
    {
        converse(&mut BufReader::new(secure), book, true);
    }
}

/// End of a conversation.
#[derive(PartialEq, Eq)]
enum End {
    Bye,
    StartTls,
}

fn say(to: &mut BufReader<impl Read + Write>, line: &str) {
    // The client may be gone.
    let _ = to.get_mut().write_all(format!("{line}\r\n").as_bytes());
}

fn line(from: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    from.read_line(&mut line).ok().filter(|length| *length > 0)?;
    Some(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn converse(peer: &mut BufReader<impl Read + Write>, book: &ServerState, is_secure: bool) -> End {
    let mut mail =
        Mail { from: String::new(), to: Vec::new(), raw: String::new(), hello: String::new() };
    let mut is_in = is_secure && book.login.is_none();
    while let Some(line_in) = line(peer) {
        let command = line_in.split([' ', ':']).next().unwrap_or_default();
        if command == "EHLO" {
            line_in[5..].clone_into(&mut mail.hello);
        }
        let answer = match command {
            "EHLO" if !is_secure => "250-test\r\n250 STARTTLS",
            "STARTTLS" => {
                say(peer, "220 go on");
                return End::StartTls;
            }
            "EHLO" if book.login.is_some() => "250-test\r\n250 AUTH PLAIN",
            "EHLO" => "250-test\r\n250 8BITMIME",
            "AUTH" => {
                is_in = line_in.strip_prefix("AUTH PLAIN ") == book.login.as_deref();
                if is_in { "235 welcome" } else { "535 no such login" }
            }
            "MAIL" if !is_in => "530 not like this",
            "MAIL" => {
                if let Some(refusal) = book.refusal_of("MAIL") {
                    say(peer, &refusal);
                    continue;
                }
                mail.from = address(&line_in);
                "250 ok"
            }
            "RCPT" if book.wants_full_name && !is_full(&mail.hello) => {
                "504 5.5.2 Helo command rejected: need fully-qualified hostname"
            }
            "RCPT" => {
                let to = address(&line_in);
                if let Some(refusal) = book.refusal_of(&to) {
                    say(peer, &refusal);
                    continue;
                }
                mail.to.push(to);
                "250 ok"
            }
            "DATA" if mail.to.is_empty() => "503 to whom?",
            "DATA" => {
                say(peer, "354 go on");
                while let Some(text) = line(peer).filter(|text| text != ".") {
                    mail.raw += text.strip_prefix('.').unwrap_or(&text);
                    mail.raw += "\r\n";
                }
                let refusal = book.refusal_of("DATA");
                if refusal.is_none() {
                    book.mails.lock().unwrap().push(mail.clone());
                }
                (mail.to, mail.raw) = (Vec::new(), String::new());
                say(peer, refusal.as_deref().unwrap_or("250 taken"));
                continue;
            }
            "QUIT" => {
                say(peer, "221 bye");
                return End::Bye;
            }
            _ => "250 ok",
        };
        say(peer, answer);
    }
    End::Bye
}

fn is_full(name: &str) -> bool {
    name.contains('.') && !name.starts_with('[')
}

fn address(line: &str) -> String {
    let start = line.find('<').expect("an address") + 1;
    line[start..].split('>').next().unwrap_or_default().to_owned()
}

/// Decodes `=?utf-8?b?…?=` and `=?utf-8?q?…?=` among plain words.
fn decode_words(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("=?") {
        let (before, from) = rest.split_at(start);
        // A space between two encoded words is ignored.
        if !before.trim().is_empty() || out.is_empty() {
            out.extend(before.as_bytes());
        }
        let parts: Vec<_> = from[2..].splitn(4, '?').collect();
        let [_, how, encoded, after] = parts[..] else { panic!("{text}") };
        match how {
            "b" | "B" => out.extend(openssl::base64::decode_block(encoded).expect("base64")),
            _ => out.extend(unescape(&encoded.replace('_', " "), b'=')),
        }
        rest = after.strip_prefix('=').expect("an end");
    }
    out.extend(rest.as_bytes());
    String::from_utf8(out).expect("UTF-8")
}

fn unescape(text: &str, escape: u8) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == escape && at + 2 < bytes.len() {
            let hex = std::str::from_utf8(&bytes[at + 1..at + 3]).expect("hex");
            out.push(u8::from_str_radix(hex, 16).expect("hex"));
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    out
}
