//! A TCP proxy that gives Mosquitto the limits of other brokers: it counts connections, admits some client ids only, and
//! closes the connection at messages on some topics.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::listener::Listener;
use super::mqtt311::{self, Packet};
use super::raw_packets;

/// Read timeout.
const LOOK: Duration = Duration::from_millis(20);
const CONNECT: u8 = 0x10;

/// What the proxy refuses.
#[derive(Debug, Clone, Default)]
pub struct Restrictions {
    /// Admitted client ids; empty admits all.
    pub only_ids: Vec<String>,
    /// Topic prefix; a PUBLISH below it closes the connection.
    pub hangs_up_at: Option<String>,
}

pub struct RestrictingProxy {
    listener: Listener,
    connections: Arc<AtomicUsize>,
    is_strict: Arc<AtomicBool>,
}

impl RestrictingProxy {
    /// Starts a proxy for the broker at `port`.
    pub fn before(port: u16, rules: Restrictions) -> Self {
        let connections = Arc::new(AtomicUsize::new(0));
        let is_strict = Arc::new(AtomicBool::new(true));
        let (count, strict) = (connections.clone(), is_strict.clone());
        let listener = Listener::at(0, move |client, is_over| {
            count.fetch_add(1, Ordering::Relaxed);
            // The broker may be down.
            let Ok(broker) = TcpStream::connect(("127.0.0.1", port)) else { return };
            pass(&client, &broker, &rules, &strict, is_over);
        });
        Self { listener, connections, is_strict }
    }

    pub fn port(&self) -> u16 {
        self.listener.address().port()
    }

    /// Number of accepted connections.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Lifts all restrictions.
    pub fn open(&self) {
        self.is_strict.store(false, Ordering::Relaxed);
    }
}

fn pass(
    client: &TcpStream,
    broker: &TcpStream,
    rules: &Restrictions,
    is_strict: &AtomicBool,
    is_over: &AtomicBool,
) {
    for stream in [client, broker] {
        stream.set_nonblocking(false).expect("blocking");
        stream.set_nodelay(true).expect("no delay");
        stream.set_read_timeout(Some(LOOK)).expect("a timeout");
    }
    thread::scope(|scope| {
        scope.spawn(|| {
            copy(broker, client, is_over, |bytes| Some(bytes.to_vec()));
        });
        let mut unread = Vec::new();
        copy(client, broker, is_over, |bytes| {
            unread.extend_from_slice(bytes);
            let mut on = Vec::new();
            for packet in mqtt311::whole(&mut unread) {
                if is_strict.load(Ordering::Relaxed) {
                    match rules.judge(&packet) {
                        Verdict::Passes => {}
                        Verdict::Refused(answer) => {
                            // The peer may be gone.
                            let _ = (&mut &*client).write_all(&answer);
                            return None;
                        }
                    }
                }
                on.extend(raw_packets::packet(packet.head, &packet.body));
            }
            Some(on)
        });
    });
}

/// Copies bytes until one end closes or `through` returns nothing to pass on.
fn copy(
    mut from: &TcpStream,
    mut to: &TcpStream,
    is_over: &AtomicBool,
    mut through: impl FnMut(&[u8]) -> Option<Vec<u8>>,
) {
    let mut bytes = vec![0; 64 << 10];
    while !is_over.load(Ordering::Relaxed) {
        let count = match from.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if mqtt311::is_patience(&error) => continue,
            Err(_gone) => break,
        };
        let Some(on) = through(&bytes[..count]) else { break };
        if to.write_all(&on).is_err() {
            break;
        }
    }
    // Either end may be gone already.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

enum Verdict {
    Passes,
    /// Sends this answer, then closes the connection.
    Refused(Vec<u8>),
}

impl Restrictions {
    fn judge(&self, Packet { head, body }: &Packet) -> Verdict {
        match head & 0xF0 {
            CONNECT => {
                let is_v5 = body[6] == 5;
                let id_at = if is_v5 { 11 + usize::from(body[10]) } else { 10 };
                let id = text_at(body, id_at);
                let is_known = self.only_ids.iter().any(|known| id == known.as_bytes());
                if self.only_ids.is_empty() || is_known {
                    Verdict::Passes
                } else if is_v5 {
                    Verdict::Refused(vec![mqtt311::CONNACK, 3, 0, 0x87, 0])
                } else {
                    Verdict::Refused(vec![mqtt311::CONNACK, 2, 0, 5])
                }
            }
            mqtt311::PUBLISH => match &self.hangs_up_at {
                Some(topic) if text_at(body, 0).starts_with(topic.as_bytes()) => {
                    Verdict::Refused(Vec::new())
                }
                _ => Verdict::Passes,
            },
            _ => Verdict::Passes,
        }
    }
}

fn text_at(body: &[u8], at: usize) -> &[u8] {
    let length = usize::from(u16::from_be_bytes([body[at], body[at + 1]]));
    &body[at + 2..at + 2 + length]
}
