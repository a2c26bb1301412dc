//! A web server that receives notifications: scripted responses, recorded requests.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use openssl::ssl::SslAcceptor;
use serde_json::Value;

use super::listener::Listener;
use super::{Certificate, eventually};

/// Response of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Status(u16),
    /// Redirection: status and location.
    Redirect(u16, String),
    /// 429 with `Retry-After`, in seconds.
    After(u64),
    /// Status and body.
    Said(u16, String),
    /// Reads the request and never answers.
    Nothing,
}

impl Answer {
    /// True for a 2xx response.
    pub const fn is_taken(&self) -> bool {
        matches!(self, Self::Status(200..=299) | Self::Said(200..=299, _))
    }
}

#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// Headers, by lower-case name.
    pub headers: BTreeMap<String, String>,
    pub body: String,
    pub at: Instant,
    /// Time of receipt, by the wall clock.
    pub now: DateTime<Utc>,
    /// Response that it got.
    pub answer: Answer,
}

impl Request {
    /// # Panics
    /// When the body is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// Validates a request as a service does.
type Judge = fn(&Request) -> Answer;

#[derive(Default)]
struct ServerState {
    requests: Mutex<Vec<Request>>,
    /// Responses to the next requests, in order; then 200.
    answers: Mutex<Vec<Answer>>,
    always: Mutex<Option<Answer>>,
    /// Validator that replaces the 200.
    judge: Option<Judge>,
    /// Required `Authorization`; any other value gets 401.
    token: Option<String>,
}

/// HTTP server on 127.0.0.1 until it is dropped or closed.
pub struct HttpServer {
    book: Arc<ServerState>,
    listener: Listener,
}

impl HttpServer {
    pub fn new() -> Self {
        Self::at(0)
    }

    /// Listens on a given port, for instance on that of an earlier server.
    pub fn at(port: u16) -> Self {
        Self::start(port, None, ServerState::default())
    }

    /// Serves TLS with this certificate.
    pub fn with_tls(certificate: &Certificate) -> Self {
        Self::start(0, Some(certificate.acceptor()), ServerState::default())
    }

    /// Answers 401 to requests with another `Authorization`.
    pub fn with_token(token: &str) -> Self {
        Self::start(0, None, ServerState { token: Some(token.into()), ..ServerState::default() })
    }

    /// Validates each request as a service does.
    pub fn judging(judge: Judge) -> Self {
        Self::start(0, None, ServerState { judge: Some(judge), ..ServerState::default() })
    }

    fn start(port: u16, tls: Option<SslAcceptor>, book: ServerState) -> Self {
        let book = Arc::new(book);
        let shared = Arc::clone(&book);
        let listener = Listener::at(port, move |stream, is_over| match &tls {
            None => serve(stream, &shared, is_over),
            // A client that rejects the certificate closes the connection.
            Some(tls) => tls.accept(stream).map_or((), |it| serve(it, &shared, is_over)),
        });
        Self { book, listener }
    }

    pub fn port(&self) -> u16 {
        self.listener.address().port()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.listener.address())
    }

    /// Queues responses for the next requests.
    pub fn answer(&self, answers: &[Answer]) {
        self.book.answers.lock().unwrap().extend_from_slice(answers);
    }

    /// Sets the response for all other requests.
    pub fn always(&self, answer: Answer) {
        *self.book.always.lock().unwrap() = Some(answer);
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.book.requests.lock().unwrap().clone()
    }

    /// Requests so far that got a 2xx.
    pub fn taken(&self) -> Vec<Request> {
        let is_taken = |request: &Request| request.answer.is_taken();
        self.requests().into_iter().filter(is_taken).collect()
    }

    /// Waits until at least `count` requests got a 2xx; returns all of those.
    pub fn wait_taken(&self, count: usize, within: Duration) -> Vec<Request> {
        eventually(&format!("{count} notifications"), within, || {
            Some(self.taken()).filter(|taken| taken.len() >= count)
        })
    }

    /// Closes the server; its port is free when this returns.
    pub fn close(self) {
        drop(self.listener);
    }
}

fn serve(stream: impl Read + Write, book: &ServerState, is_over: &AtomicBool) {
    let mut reader = BufReader::new(stream);
    while let Some(mut request) = read(&mut reader) {
        let is_known = |token: &String| request.headers.get("authorization") == Some(token);
        let answer = if book.token.as_ref().is_some_and(|token| !is_known(token)) {
            Answer::Status(401)
        } else {
            let mut answers = book.answers.lock().unwrap();
            let judged = || book.judge.map_or(Answer::Status(200), |judge| judge(&request));
            let always = book.always.lock().unwrap().clone().unwrap_or_else(judged);
            if answers.is_empty() { always } else { answers.remove(0) }
        };
        request.answer = answer.clone();
        book.requests.lock().unwrap().push(request);
        let mut body = "ok".to_owned();
        let head = match answer {
            Answer::Status(status) => format!("HTTP/1.1 {status} X\r\nContent-Length: 2\r\n"),
            Answer::Said(status, said) => {
                body = said;
                format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len())
            }
            Answer::Redirect(status, to) => {
                format!("HTTP/1.1 {status} X\r\nLocation: {to}\r\nContent-Length: 2\r\n")
            }
            Answer::After(seconds) => {
                format!("HTTP/1.1 429 X\r\nRetry-After: {seconds}\r\nContent-Length: 2\r\n")
            }
            Answer::Nothing => {
                while !is_over.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(20));
                }
                return;
            }
        };
        if reader.get_mut().write_all(format!("{head}\r\n{body}").as_bytes()).is_err() {
            return;
        }
    }
}

/// Reads a request with a `Content-Length`; `None` at the end of the connection.
fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let line = line()?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').expect("a header");
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |it| it.parse().expect("a length"));
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).expect("UTF-8");
    let (at, now, answer) = (Instant::now(), Utc::now(), Answer::Status(200));
    Some(Request { method, path, headers, body, at, now, answer })
}
