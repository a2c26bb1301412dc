//! A network tap between the daemon and its broker. It records which readings the daemon was sent and which of them it
//! acknowledged. Acknowledged ones must be stored, whatever happens to the broker; the broker redelivers all others.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::mqtt311::{self, Packet};

/// Poll interval for connections, and read timeout.
const LOOK: Duration = Duration::from_millis(20);

/// JSON before a reading's number.
const NUMBER: &[u8] = b"\"temperature\":";

/// Forwards every byte at once.
pub struct Tap {
    port: u16,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    acknowledged: Mutex<BTreeSet<usize>>,
    stop: AtomicBool,
}

/// Readings in flight by packet id, of the present connection.
type InFlight = Mutex<HashMap<u16, usize>>;

impl Tap {
    /// Listens on a port of its own for the broker at `port`. While the broker is down it closes connections.
    pub fn start(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a listener that can be stopped");
        let own = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared::default());
        let of_thread = shared.clone();
        let accepting = thread::spawn(move || accept(&listener, port, &of_thread));
        Self { port: own, shared, accepting: Some(accepting) }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Numbers of the readings that the daemon has acknowledged.
    pub fn acknowledged(&self) -> BTreeSet<usize> {
        self.shared.acknowledged.lock().expect("no panic").clone()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(accepting) = self.accepting.take() {
            // A panic of the thread has been reported; a second one would hide it.
            let _ = accepting.join();
        }
    }
}

fn accept(listener: &TcpListener, port: u16, shared: &Arc<Shared>) {
    let mut lines = Vec::new();
    while !shared.stop.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((daemon, _)) => {
                if let Ok(broker) = TcpStream::connect(("127.0.0.1", port)) {
                    lines.extend(connect(&daemon, &broker, shared).expect("two threads"));
                }
            }
            Err(_nobody) => thread::sleep(LOOK),
        }
    }
    lines.into_iter().for_each(|line| line.join().expect("no panic"));
}

fn connect(
    daemon: &TcpStream,
    broker: &TcpStream,
    shared: &Arc<Shared>,
) -> io::Result<[JoinHandle<()>; 2]> {
    for stream in [daemon, broker] {
        stream.set_nonblocking(false)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LOOK))?;
    }
    let in_flight = Arc::new(InFlight::default());
    let of_thread = in_flight.clone();
    let sent = move |packet: &Packet| {
        if let (mqtt311::PUBLISH, Some(number)) = (packet.head & 0xF0, number(&packet.body)) {
            let (_, id, _) = packet.publication();
            of_thread.lock().expect("no panic").insert(id, number);
        }
    };
    let of_thread = shared.clone();
    let answered = move |packet: &Packet| {
        if packet.head == mqtt311::PUBACK {
            let number = in_flight.lock().expect("no panic").remove(&packet.id());
            of_thread.acknowledged.lock().expect("no panic").extend(number);
        }
    };
    let down = line(broker.try_clone()?, daemon.try_clone()?, shared.clone(), sent);
    let up = line(daemon.try_clone()?, broker.try_clone()?, shared.clone(), answered);
    Ok([down, up])
}

/// Forwards bytes, after a callback for each packet.
fn line(
    mut from: TcpStream,
    mut to: TcpStream,
    shared: Arc<Shared>,
    tell: impl Fn(&Packet) + Send + 'static,
) -> JoinHandle<()> {
    thread::spawn(move || {
        let (mut bytes, mut unread) = (vec![0; 64 << 10], Vec::new());
        while !shared.stop.load(Ordering::Relaxed) {
            let count = match from.read(&mut bytes) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if mqtt311::is_patience(&error) => continue,
                Err(_gone) => break,
            };
            unread.extend_from_slice(&bytes[..count]);
            mqtt311::whole(&mut unread).iter().for_each(&tell);
            if to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        // Either end may be closed already.
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    })
}

/// Number of a reading, which is its value.
fn number(body: &[u8]) -> Option<usize> {
    let at = body.windows(NUMBER.len()).position(|window| window == NUMBER)? + NUMBER.len();
    let digits = body[at..].iter().copied().skip_while(u8::is_ascii_whitespace);
    let digits: Vec<_> = digits.take_while(u8::is_ascii_digit).collect();
    std::str::from_utf8(&digits).ok()?.parse().ok()
}
