//! A broker in this process, for what the gateway needs of one: sessions that outlive connections and the
//! broker, each quality of service, retained messages, wills, passwords, rights, TLS. It can be ended,
//! started again and frozen at any moment. What real brokers do is for `tests/promises/` and
//! `tests/chaos/`.

mod packet;
mod sessions;

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use openssl::ssl::SslAcceptor;

use super::stage::DEADLINE;
use packet::CONNECT;
use sessions::{Message, Sessions, Tap};

/// How often a connection looks for what is to be sent, and whether it has ended.
const LOOK: Duration = Duration::from_millis(2);

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Whom it lets in, and how; by default everyone, in plain TCP, to do anything.
#[derive(Default)]
pub struct Options {
    /// User name and password.
    pub login: Option<(String, String)>,
    /// Filters of topics that may be published to.
    pub rights: Option<Vec<String>>,
    pub tls: Option<SslAcceptor>,
}

pub struct Peer {
    folder: tempfile::TempDir,
    pub port: u16,
    shared: Arc<Shared>,
    run: Option<Run>,
}

/// From a start to an end.
struct Run {
    is_over: Arc<AtomicBool>,
    listening: JoinHandle<()>,
}

struct Shared {
    sessions: Mutex<Sessions>,
    tls: Option<SslAcceptor>,
    is_frozen: AtomicBool,
    connections: AtomicU64,
}

impl Shared {
    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn thaw(&self, is_over: &AtomicBool) {
        while self.is_frozen.load(Ordering::Relaxed) && !is_over.load(Ordering::Relaxed) {
            std::thread::sleep(LOOK);
        }
    }
}

impl Peer {
    pub fn start() -> Self {
        Self::start_with(Options::default())
    }

    pub fn start_with(options: Options) -> Self {
        let Options { login, rights, tls } = options;
        let mut sessions = Sessions::default();
        (sessions.login, sessions.rights) = (login, rights);
        let shared = Shared {
            sessions: Mutex::new(sessions),
            tls,
            is_frozen: AtomicBool::new(false),
            connections: AtomicU64::new(0),
        };
        let folder = tempfile::tempdir().unwrap();
        let mut peer = Self { folder, port: free_port(), shared: Arc::new(shared), run: None };
        peer.restart();
        peer
    }

    /// A folder of its own, for files of a test.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts it on its port, with all it had when it ended.
    pub fn restart(&mut self) {
        assert!(self.run.is_none(), "it runs");
        let listener = TcpListener::bind(("127.0.0.1", self.port)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let (shared, over) = (self.shared.clone(), is_over.clone());
        let listening = std::thread::spawn(move || listen(&listener, &shared, &over));
        self.run = Some(Run { is_over, listening });
    }

    /// Ends it in good order: it keeps its sessions and their messages.
    pub fn stop(&mut self) {
        self.end();
    }

    /// Ends it at once: as a real broker it forgets the messages that were under way, not its sessions.
    pub fn kill(&mut self) {
        self.end();
        self.shared.sessions().forget_messages();
    }

    /// Connections break, no will is published.
    fn end(&mut self) {
        let Some(run) = self.run.take() else { return };
        run.is_over.store(true, Ordering::Relaxed);
        // It waits for its connections.
        run.listening.join().unwrap();
        self.shared.is_frozen.store(false, Ordering::Relaxed);
        self.shared.sessions().all_lost();
    }

    /// Leaves it connected, and deaf and dumb. It can still be killed.
    pub fn freeze(&self) {
        self.shared.is_frozen.store(true, Ordering::Relaxed);
    }

    /// Replaces the filters of topics that may be published to.
    pub fn set_rights(&self, filters: &[&str]) {
        let filters = filters.iter().map(|filter| (*filter).to_owned()).collect();
        self.shared.sessions().rights = Some(filters);
    }

    /// Ends the connection of a client, as another client with its id does.
    pub fn take_over(&self, client_id: &str) {
        self.shared.sessions().take_over(client_id);
    }

    /// Publishes each payload.
    pub fn publish(&self, topic: &str, qos: u8, payloads: &[String]) {
        for payload in payloads {
            let payload = payload.clone().into_bytes();
            let message = Message { topic: topic.to_owned(), payload, qos, retained: false };
            self.shared.sessions().publish(message);
        }
    }

    /// Listens to what is published.
    pub fn subscribe(&self, filter: &str) -> Subscriber {
        let (send, lines) = mpsc::channel();
        self.shared.sessions().tap(Tap { filter: filter.to_owned(), lines: send });
        Subscriber { lines }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Takes connections until it is over, and then waits for their ends.
fn listen(listener: &TcpListener, shared: &Arc<Shared>, is_over: &Arc<AtomicBool>) {
    let mut connections = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        shared.thaw(is_over);
        let Ok((stream, _)) = listener.accept() else {
            std::thread::sleep(LOOK);
            continue;
        };
        let (shared, is_over) = (shared.clone(), is_over.clone());
        connections.push(std::thread::spawn(move || serve(stream, &shared, &is_over)));
    }
    for connection in connections {
        connection.join().unwrap();
    }
}

trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

/// A stream that reads for a moment at most; `None` when the client speaks no TLS, or has no certificate.
fn open(stream: TcpStream, tls: Option<&SslAcceptor>) -> Option<Box<dyn Stream>> {
    stream.set_nonblocking(false).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let Some(acceptor) = tls else {
        stream.set_read_timeout(Some(LOOK)).unwrap();
        return Some(Box::new(stream));
    };
    let stream = acceptor.accept(stream).ok()?;
    stream.get_ref().set_read_timeout(Some(LOOK)).unwrap();
    Some(Box::new(stream))
}

fn serve(stream: TcpStream, shared: &Shared, is_over: &AtomicBool) {
    let Some(mut stream) = open(stream, shared.tls.as_ref()) else { return };
    let number = shared.connections.fetch_add(1, Ordering::Relaxed);
    let (mut client, mut unread, mut bytes) = (None, Vec::new(), vec![0; 64 * 1024]);
    while !is_over.load(Ordering::Relaxed) {
        shared.thaw(is_over);
        match stream.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => unread.extend_from_slice(&bytes[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
        let (out, goes_on) = handle(shared, number, &mut client, &mut unread);
        if stream.write_all(&out).is_err() || !goes_on {
            break;
        }
    }
    if let Some(id) = client.filter(|_| !is_over.load(Ordering::Relaxed)) {
        shared.sessions().lost(&id, number);
    }
}

/// Handles the packets that came; what is to be sent, and whether the connection goes on.
fn handle(
    shared: &Shared,
    number: u64,
    client: &mut Option<String>,
    unread: &mut Vec<u8>,
) -> (Vec<u8>, bool) {
    let (mut sessions, mut out) = (shared.sessions(), Vec::new());
    while let Some((head, body)) = packet::take(unread) {
        match client {
            None if head == CONNECT => {
                let (id, connack) = sessions.connect(number, &body);
                out.extend(connack);
                if id.is_none() {
                    return (out, false);
                }
                *client = id;
            }
            Some(id) if sessions.has(id, number) => {
                if !sessions.packet(id, head, &body) {
                    return (out, false);
                }
            }
            _ => return (out, false),
        }
    }
    let Some(id) = client else { return (out, true) };
    match sessions.take_out(id, number) {
        Some(more) => {
            out.extend(more);
            (out, true)
        }
        None => (out, false),
    }
}

/// Lines of QoS, retain flag, topic and payload.
pub struct Subscriber {
    lines: mpsc::Receiver<String>,
}

impl Subscriber {
    /// The next line, without blocking the arbiter.
    pub async fn next(&mut self) -> String {
        let begin = Instant::now();
        loop {
            match self.lines.try_recv() {
                Ok(line) => return line,
                Err(error) if begin.elapsed() > DEADLINE => panic!("nothing came: {error}"),
                Err(_) => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// What has come and was not read.
    pub fn rest(&mut self) -> Vec<String> {
        self.lines.try_iter().collect()
    }
}
