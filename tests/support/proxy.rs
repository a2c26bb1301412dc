//! An HTTP proxy for CONNECT: every tunnel leads to one server, whatever host is requested.

use std::io::{BufRead, BufReader, Read, Write, copy};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::listener::Listener;

#[derive(Default)]
struct ServerState {
    /// Requested hosts and ports.
    asked: Mutex<Vec<String>>,
    /// Required login, `user:password`; any other gets 407.
    login: Option<String>,
    /// Status that replaces a tunnel.
    refusal: Mutex<Option<u16>>,
}

/// CONNECT proxy on 127.0.0.1 until it is dropped.
pub struct Proxy {
    book: Arc<ServerState>,
    listener: Listener,
}

impl Proxy {
    /// Tunnels every client to this port of 127.0.0.1.
    pub fn to(port: u16) -> Self {
        Self::start(port, ServerState::default())
    }

    /// Like [`Self::to`], for clients with this login, `user:password`.
    pub fn with_login(port: u16, login: &str) -> Self {
        Self::start(port, ServerState { login: Some(login.into()), ..ServerState::default() })
    }

    fn start(to: u16, book: ServerState) -> Self {
        let book = Arc::new(book);
        let shared = Arc::clone(&book);
        let listener = Listener::at(0, move |client, _| serve(&client, to, &shared));
        Self { book, listener }
    }

    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Answers later requests with this status; `None` makes tunnels again.
    pub fn refuse(&self, status: Option<u16>) {
        *self.book.refusal.lock().unwrap() = status;
    }

    /// `host:port` of each requested tunnel.
    pub fn asked(&self) -> Vec<String> {
        self.book.asked.lock().unwrap().clone()
    }
}

fn serve(client: &TcpStream, to: u16, book: &ServerState) {
    let mut reader = BufReader::new(client);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if line.trim_end().is_empty() {
            break;
        }
        head.push(line.trim_end().to_owned());
    }
    let answer = |status: u16| {
        let _ = (&mut &*client).write_all(format!("HTTP/1.1 {status} X\r\n\r\n").as_bytes());
    };
    let Some(asked) = head[0].strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next())
    else {
        return answer(405);
    };
    book.asked.lock().unwrap().push(asked.to_owned());
    let login = book.login.as_ref().map(|login| {
        format!("Proxy-Authorization: Basic {}", openssl::base64::encode_block(login.as_bytes()))
    });
    if login.is_some_and(|login| !head.contains(&login)) {
        return answer(407);
    }
    if let Some(status) = *book.refusal.lock().unwrap() {
        return answer(status);
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { return answer(502) };
    answer(200);
    thread::scope(|scope| {
        scope.spawn(|| pass(&mut reader, &server));
        pass(&mut &server, client);
    });
}

/// Copies until one side ends, then shuts down the other.
fn pass(from: &mut impl Read, to: &TcpStream) {
    let _ = copy(from, &mut &*to);
    let _ = to.shutdown(Shutdown::Write);
}
