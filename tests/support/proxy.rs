//! A proxy that makes tunnels by CONNECT: to one server, whatever host is asked for.

use std::io::{BufRead, BufReader, Read, Write, copy};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::accepting::Accepting;

#[derive(Default)]
struct Book {
    /// Hosts and ports that were asked for.
    asked: Mutex<Vec<String>>,
    /// `user:password`, or the answer is 407.
    login: Option<String>,
    /// The answer in place of a tunnel.
    refusal: Mutex<Option<u16>>,
}

/// Listens on 127.0.0.1 until it is dropped.
pub struct Proxy {
    book: Arc<Book>,
    accepting: Accepting,
}

impl Proxy {
    /// Leads everybody to this port of 127.0.0.1.
    pub fn to(port: u16) -> Self {
        Self::start(port, Book::default())
    }

    /// Those with this login, `user:password`.
    pub fn with_login(port: u16, login: &str) -> Self {
        Self::start(port, Book { login: Some(login.into()), ..Book::default() })
    }

    fn start(to: u16, book: Book) -> Self {
        let book = Arc::new(book);
        let shared = Arc::clone(&book);
        let accepting = Accepting::at(0, move |client, _| serve(&client, to, &shared));
        Self { book, accepting }
    }

    pub fn address(&self) -> SocketAddr {
        self.accepting.address()
    }

    /// Answers with this status from here on; `None` for tunnels.
    pub fn refuse(&self, status: Option<u16>) {
        *self.book.refusal.lock().unwrap() = status;
    }

    /// `host:port` of each tunnel that was asked for.
    pub fn asked(&self) -> Vec<String> {
        self.book.asked.lock().unwrap().clone()
    }
}

fn serve(client: &TcpStream, to: u16, book: &Book) {
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

/// Until the end of one side, of which the other hears.
fn pass(from: &mut impl Read, to: &TcpStream) {
    let _ = copy(from, &mut &*to);
    let _ = to.shutdown(Shutdown::Write);
}
