//! A mail server that takes what it is given: plain SMTP, with a login if asked for.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::eventually;

#[derive(Debug, Clone)]
pub struct Mail {
    pub from: String,
    pub to: Vec<String>,
    /// As it came, its lines unstuffed.
    pub raw: String,
}

impl Mail {
    /// A header, its encoded words decoded.
    pub fn header(&self, name: &str) -> String {
        let head = self.raw.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ");
        let prefix = format!("{name}: ");
        let line = head.lines().find_map(|line| line.strip_prefix(&prefix));
        decode_words(line.unwrap_or_else(|| panic!("no {name} in {head}")))
    }

    /// The text, decoded.
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
struct Book {
    mails: Mutex<Vec<Mail>>,
    /// What AUTH PLAIN must say.
    login: Option<String>,
    is_over: AtomicBool,
}

pub struct MailServer {
    port: u16,
    book: Arc<Book>,
    accepting: Option<thread::JoinHandle<()>>,
}

impl MailServer {
    pub fn new() -> Self {
        Self::with(None)
    }

    /// Takes mail only after this login.
    pub fn with_login(user: &str, password: &str) -> Self {
        let plain = format!("\0{user}\0{password}");
        Self::with(Some(openssl::base64::encode_block(plain.as_bytes())))
    }

    fn with(login: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
        listener.set_nonblocking(true).expect("a listener");
        let port = listener.local_addr().expect("an address").port();
        let book = Arc::new(Book { login, ..Book::default() });
        let shared = Arc::clone(&book);
        let accepting = thread::spawn(move || {
            while !shared.is_over.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        let book = Arc::clone(&shared);
                        thread::spawn(move || serve(&stream, &book));
                    }
                    Err(_) => thread::sleep(Duration::from_millis(5)),
                }
            }
        });
        Self { port, book, accepting: Some(accepting) }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn wait_mails(&self, count: usize, within: Duration) -> Vec<Mail> {
        eventually(&format!("{count} mails"), within, || {
            let mails = self.book.mails.lock().unwrap().clone();
            (mails.len() >= count).then_some(mails)
        })
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.book.is_over.store(true, Ordering::Relaxed);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn serve(stream: &TcpStream, book: &Book) {
    let say = |line: &str| {
        let mut stream = stream;
        // Who left needs no answer.
        let _ = stream.write_all(format!("{line}\r\n").as_bytes());
    };
    say("220 test ESMTP");
    let mut lines = BufReader::new(stream).lines();
    let mut mail = Mail { from: String::new(), to: Vec::new(), raw: String::new() };
    let mut is_in = book.login.is_none();
    while let Some(Ok(line)) = lines.next() {
        match line.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" if book.login.is_some() => say("250-test\r\n250 AUTH PLAIN"),
            "EHLO" => say("250-test\r\n250 8BITMIME"),
            "AUTH" => {
                is_in = line.strip_prefix("AUTH PLAIN ") == book.login.as_deref();
                say(if is_in { "235 welcome" } else { "535 no such login" });
            }
            "MAIL" if !is_in => say("530 log in first"),
            "MAIL" => {
                mail.from = address(&line);
                say("250 ok");
            }
            "RCPT" => {
                mail.to.push(address(&line));
                say("250 ok");
            }
            "DATA" => {
                say("354 go on");
                for line in lines.by_ref().map_while(Result::ok).take_while(|line| line != ".") {
                    mail.raw += line.strip_prefix('.').unwrap_or(&line);
                    mail.raw += "\r\n";
                }
                book.mails.lock().unwrap().push(mail.clone());
                (mail.to, mail.raw) = (Vec::new(), String::new());
                say("250 taken");
            }
            "QUIT" => return say("221 bye"),
            _ => say("250 ok"),
        }
    }
}

fn address(line: &str) -> String {
    let start = line.find('<').expect("an address") + 1;
    line[start..].split('>').next().unwrap_or_default().to_owned()
}

/// `=?utf-8?b?…?=` and `=?utf-8?q?…?=` among plain words.
fn decode_words(text: &str) -> String {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("=?") {
        let (before, from) = rest.split_at(start);
        // Between two encoded words a space means nothing.
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
