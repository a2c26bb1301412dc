//! A subscriber with exact QoS 2 over any number of broker deaths and connections: a duplicate that it sees was sent
//! twice.

use std::collections::HashSet;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::mqtt311::{self, Link, Packet};
use super::{SOON, eventually};

/// Interval between attempts to reconnect.
const COME_BACK: Duration = Duration::from_millis(50);

/// Subscriber with QoS 2 and a persistent session.
pub struct Subscriber {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    payloads: Mutex<Vec<Vec<u8>>>,
    subscribed: AtomicBool,
    stop: AtomicBool,
}

impl Subscriber {
    /// Subscribes and waits for the SUBACK.
    pub fn start(port: u16, client_id: &str, topic: &str) -> Self {
        let shared = Arc::new(Shared::default());
        let (client_id, topic) = (client_id.to_owned(), topic.to_owned());
        let session = Session { shared: Arc::clone(&shared), held: HashSet::new() };
        let thread = thread::spawn(move || session.run(port, &client_id, &topic));
        let granted = || shared.subscribed.load(Ordering::Relaxed).then_some(());
        eventually("a subscription", SOON, granted);
        Self { shared, thread: Some(thread) }
    }

    /// Payloads in order of receipt.
    pub fn payloads(&self) -> Vec<Vec<u8>> {
        self.shared.payloads.lock().unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.shared.payloads.lock().unwrap().len()
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been reported; a second one would hide it.
            let _ = thread.join();
        }
    }
}

struct Session {
    shared: Arc<Shared>,
    /// QoS 2: packet ids of messages that are received and not yet released.
    held: HashSet<u16>,
}

impl Session {
    fn run(mut self, port: u16, client_id: &str, topic: &str) {
        while !self.is_over() {
            if self.connected(port, client_id, topic).is_err() {
                thread::sleep(COME_BACK);
            }
        }
    }

    fn is_over(&self) -> bool {
        self.shared.stop.load(Ordering::Relaxed)
    }

    fn connected(&mut self, port: u16, client_id: &str, topic: &str) -> io::Result<()> {
        let mut link = Link::open(port, client_id)?;
        if !link.session_present {
            self.held.clear();
            link.send(&mqtt311::subscribe(topic, 2))?;
        }
        while !self.is_over() {
            let mut answers = Vec::new();
            for packet in link.receive()? {
                self.heard(&packet, &mut answers);
            }
            link.send(&answers)?;
        }
        link.send(&mqtt311::disconnect())
    }

    fn heard(&mut self, packet: &Packet, answers: &mut Vec<u8>) {
        match packet.head {
            mqtt311::SUBACK => self.shared.subscribed.store(true, Ordering::Relaxed),
            mqtt311::PUBREL => {
                self.held.remove(&packet.id());
                answers.extend(mqtt311::answer(mqtt311::PUBCOMP, packet.id()));
            }
            head if head & 0xF0 == mqtt311::PUBLISH => self.take(packet, answers),
            _ => {}
        }
    }

    fn take(&mut self, packet: &Packet, answers: &mut Vec<u8>) {
        let (qos, id, payload) = packet.publication();
        let answer = if qos == 2 { mqtt311::PUBREC } else { mqtt311::PUBACK };
        if qos > 0 {
            answers.extend(mqtt311::answer(answer, id));
        }
        if qos < 2 || self.held.insert(id) {
            self.shared.payloads.lock().unwrap().push(payload.to_vec());
        }
    }
}
