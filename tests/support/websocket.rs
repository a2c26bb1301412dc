//! A minimal WebSocket client (RFC 6455): text, ping and close frames, no fragments.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

/// The RFC's example key, and the answer to it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// A received frame.
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    Json(Value),
    Close(u16),
    /// The connection ended.
    End,
    /// Nothing arrived in time.
    Nothing,
}

/// An open WebSocket.
pub struct WebSocket {
    stream: TcpStream,
    bytes: VecDeque<u8>,
    answers_pings: bool,
}

impl WebSocket {
    /// Opens a WebSocket at `HOST:PORT`.
    ///
    /// # Errors
    /// The HTTP status, when the server does not upgrade.
    pub fn open(address: &str, path: &str, headers: &[(&str, &str)]) -> Result<Self, u16> {
        let mut stream = TcpStream::connect(address).expect("a server");
        let headers: String =
            headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{headers}\r\n"
        );
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
        stream.write_all(request.as_bytes()).expect("a request sent");
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).expect("an answer");
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).expect("text");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no answer: {head}"));
        if status != 101 {
            return Err(status);
        }
        assert!(head.contains(ACCEPT), "{head}");
        Ok(Self { stream, bytes: VecDeque::new(), answers_pings: true })
    }

    /// Ignores pings from now on.
    pub fn ignore_pings(&mut self) {
        self.answers_pings = false;
    }

    pub fn send(&mut self, text: &str) {
        self.try_send(text).expect("an open connection");
    }

    /// # Errors
    /// When the connection has ended.
    pub fn try_send(&mut self, text: &str) -> io::Result<()> {
        self.send_frame(TEXT, text.as_bytes())
    }

    fn send_frame(&mut self, kind: u8, payload: &[u8]) -> io::Result<()> {
        // A mask of zeros leaves the payload as it is.
        let mut frame = vec![0x80 | kind];
        match payload.len() {
            short @ 0..126 => frame.push(0x80 | u8::try_from(short).expect("short")),
            long => {
                frame.push(0xfe);
                frame.extend(u16::try_from(long).expect("not that long").to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        self.stream.write_all(&frame)
    }

    /// The next text, close or end, within a timeout.
    pub fn receive(&mut self, within: Duration) -> Frame {
        let deadline = Instant::now() + within;
        loop {
            match self.frame() {
                Some((TEXT, payload)) => {
                    return Frame::Json(serde_json::from_slice(&payload).expect("JSON"));
                }
                Some((CLOSE, payload)) => {
                    let code = payload.get(..2).map_or(1005, |code| {
                        u16::from_be_bytes(code.try_into().expect("two bytes"))
                    });
                    let _ = self.send_frame(CLOSE, &payload);
                    return Frame::Close(code);
                }
                Some((PING, payload)) if self.answers_pings => {
                    let _ = self.send_frame(PONG, &payload);
                }
                Some(_) => {}
                None => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Frame::Nothing;
                    }
                    self.stream.set_read_timeout(Some(left)).expect("a timeout");
                    let mut bytes = [0; 16 * 1024];
                    match self.stream.read(&mut bytes) {
                        Ok(0) => return Frame::End,
                        Ok(count) => self.bytes.extend(&bytes[..count]),
                        Err(error) if is_timeout(&error) => return Frame::Nothing,
                        Err(_) => return Frame::End,
                    }
                }
            }
        }
    }

    /// The first complete frame of the received bytes.
    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let bytes = self.bytes.make_contiguous();
        let (length, head) = match *bytes.get(1)? {
            126 => (usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
            127 => {
                let length = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
                (usize::try_from(length).expect("a frame that fits"), 10)
            }
            short => (usize::from(short), 2),
        };
        let payload = bytes.get(head..head + length)?.to_vec();
        let kind = bytes[0] & 0x0f;
        self.bytes.drain(..head + length);
        Some((kind, payload))
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// A client of the live feed that follows `docs/live-feed.md`.
pub struct LiveClient {
    pub socket: WebSocket,
    pub welcome: Value,
    /// Sequence to resume from.
    pub seq: u64,
}

impl LiveClient {
    /// Opens a feed, sends `hello` and waits for `welcome`.
    ///
    /// # Panics
    /// When no `welcome` arrives.
    pub fn connect(address: &str, epoch: Option<&str>, seq: u64, want: &Value) -> Self {
        let socket = WebSocket::open(address, "/api/v1/live", &[]).expect("a feed");
        let mut client = Self { socket, welcome: Value::Null, seq };
        let hello = serde_json::json!({ "hello": 1, "epoch": epoch, "seq": seq, "want": want });
        client.socket.send(&hello.to_string());
        client.welcome = match client.socket.receive(Duration::from_secs(20)) {
            Frame::Json(welcome) if welcome["type"] == "welcome" => welcome,
            other => panic!("no welcome: {other:?}"),
        };
        client
    }

    pub fn epoch(&self) -> &str {
        self.welcome["epoch"].as_str().expect("an epoch")
    }

    /// Returns the next state with its parts merged, and acknowledges it. Skips beats. `None` after the timeout.
    ///
    /// # Panics
    /// When the feed ends.
    pub fn state(&mut self, within: Duration) -> Option<Value> {
        let deadline = Instant::now() + within;
        let mut state = Value::Null;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.socket.receive(left) {
                Frame::Json(frame) if frame["type"] == "beat" => {}
                Frame::Json(part) => {
                    self.seq = part["seq"].as_u64().expect("a seq");
                    let is_last = part["more"].is_null();
                    add(&mut state, part);
                    if is_last {
                        self.socket.send(&format!("{{\"ack\":{}}}", self.seq));
                        return Some(state);
                    }
                }
                Frame::Nothing => return None,
                other => panic!("the feed ended: {other:?}"),
            }
        }
    }

    /// Reads states until one satisfies a condition.
    ///
    /// # Panics
    /// When none does in time.
    pub fn wait_state<T>(
        &mut self,
        what: &str,
        within: Duration,
        look: impl Fn(&Value) -> Option<T>,
    ) -> T {
        let deadline = Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.state(left) {
                Some(state) => {
                    if let Some(found) = look(&state) {
                        return found;
                    }
                }
                None => panic!("{what}: not within {within:?}"),
            }
        }
    }
}

/// Merges a part into the state: lists are appended, other values replaced.
fn add(state: &mut Value, part: Value) {
    let Value::Object(part) = part else { panic!("no object: {part}") };
    for (key, value) in part {
        match (&mut state[&key], value) {
            (Value::Array(known), Value::Array(more)) => known.extend(more),
            (known, value) => *known = value,
        }
    }
}
