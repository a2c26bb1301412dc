//! Devices that number their readings, and know which of them the broker has acknowledged.
//!
//! Several connections publish at a common rate. A broker that dies costs them nothing but time:
//! each comes back to its session and sends again, marked DUP, what was not acknowledged. So a
//! number that was acknowledged and is not in the table has been lost by somebody else.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::names;
use super::wire::{self, Link};

/// Between two tries to come back to a dead broker.
const COME_BACK: Duration = Duration::from_millis(50);

/// A microsecond in which the first reading was taken; each has its own.
const FIRST_MICROS: i64 = 1_780_000_000_000_000;

/// Sensors of a connection.
const SENSORS: usize = 4;

/// Microseconds from one reading to the next.
const APART_MICROS: i64 = 1_009;

/// The time of a number.
pub type Micros = Arc<dyn Fn(usize) -> i64 + Send + Sync>;

/// What is to be published.
#[derive(Clone)]
pub struct Plan {
    pub port: u16,
    /// Readings 0, 1, 2, …
    pub total: usize,
    /// Readings a second; `None` is as fast as they are acknowledged.
    pub rate: Option<u32>,
    pub connections: usize,
    /// How many of a connection may wait for their acknowledgement.
    pub window: usize,
    pub qos: u8,
    /// How much longer each payload is to be.
    pub padding_bytes: usize,
    /// Sensors of a connection, which take turns.
    pub sensors: usize,
    /// When a number was measured, in microseconds since 1970; each has its own.
    pub micros: Micros,
    /// No use in trying for longer.
    pub at_most: Duration,
}

impl Plan {
    pub fn new(port: u16, total: usize) -> Self {
        Self {
            port,
            total,
            rate: Some(5_000),
            connections: 4,
            window: 100,
            qos: 1,
            padding_bytes: 0,
            sensors: SENSORS,
            micros: Arc::new(micros),
            at_most: Duration::from_secs(600),
        }
    }

    pub fn start(self) -> Publishers {
        let shared = Arc::new(Shared { plan: self, began: Instant::now(), ..Shared::default() });
        let connect = |index| {
            let shared = Arc::clone(&shared);
            let mut connection = Connection::new(index, shared);
            thread::spawn(move || connection.run())
        };
        let threads = (0..shared.plan.connections).map(connect).collect();
        Publishers { shared, threads }
    }
}

impl Default for Plan {
    fn default() -> Self {
        Self::new(0, 0)
    }
}

struct Shared {
    plan: Plan,
    began: Instant,
    next: AtomicUsize,
    acknowledged: AtomicUsize,
    resent: AtomicUsize,
    stop: AtomicBool,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            plan: Plan::default(),
            began: Instant::now(),
            next: AtomicUsize::default(),
            acknowledged: AtomicUsize::default(),
            resent: AtomicUsize::default(),
            stop: AtomicBool::default(),
        }
    }
}

/// Publishers at work.
pub struct Publishers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<Vec<usize>>>,
}

/// What was published.
#[derive(Debug)]
pub struct Published {
    /// For each number whether the broker acknowledged it.
    pub acknowledged: Vec<bool>,
    /// How many were sent again.
    pub resent: usize,
    /// From the first to the last acknowledgement.
    pub took: Duration,
}

impl Published {
    pub fn count(&self) -> usize {
        self.acknowledged.iter().filter(|acknowledged| **acknowledged).count()
    }

    pub fn rate(&self) -> f64 {
        self.count() as f64 / self.took.as_secs_f64()
    }
}

impl Publishers {
    /// How many have been acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        self.shared.acknowledged.load(Ordering::Relaxed)
    }

    pub fn is_done(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// No more new ones; what was sent is still seen through.
    pub fn enough(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }

    /// Waits for the end.
    pub fn finish(self) -> Published {
        let mut acknowledged = vec![false; self.shared.plan.total];
        for thread in self.threads {
            for number in thread.join().expect("a publisher") {
                assert!(!acknowledged[number], "{number} was published by two");
                acknowledged[number] = true;
            }
        }
        let resent = self.shared.resent.load(Ordering::Relaxed);
        Published { acknowledged, resent, took: self.shared.began.elapsed() }
    }
}

/// The sensor that measures a number: always one of its connection's, so that its readings stay
/// in order.
pub fn sensor(number: usize, connection: usize) -> String {
    sensor_of(SENSORS, number, connection)
}

fn sensor_of(sensors: usize, number: usize, connection: usize) -> String {
    format!("S_{:02}", connection * sensors + number % sensors)
}

pub fn timestamp(number: usize) -> String {
    text(micros(number))
}

fn micros(number: usize) -> i64 {
    FIRST_MICROS + APART_MICROS * i64::try_from(number).expect("a number of readings")
}

fn text(micros: i64) -> String {
    let time = chrono::DateTime::from_timestamp_micros(micros).expect("a time");
    time.format("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string()
}

pub fn payload(number: usize, connection: usize, padding_bytes: usize) -> String {
    format_payload(number, &sensor(number, connection), &timestamp(number), padding_bytes)
}

fn format_payload(number: usize, sensor: &str, timestamp: &str, padding_bytes: usize) -> String {
    let mut json = format!(
        "{{\"sensor_id\":\"{sensor}\",\"temperature\":{number},\"timestamp\":\"{timestamp}\",\
         \"unit\":\"celsius\",\"location\":\"L\""
    );
    if padding_bytes > 0 {
        json += ",\"padding\":\"";
        json.extend(std::iter::repeat_n('x', padding_bytes));
        json.push('"');
    }
    json + "}"
}

/// A reading under way.
#[derive(Clone, Copy)]
struct Sent {
    number: usize,
    /// QoS 2: the broker has it, and is to be told that we know.
    received: bool,
}

struct Connection {
    index: usize,
    shared: Arc<Shared>,
    /// By packet id, less one.
    slots: Vec<Option<Sent>>,
    /// Packet ids in the order their messages were first sent: they must be sent again in it.
    order: VecDeque<u16>,
    free: VecDeque<u16>,
    done: Vec<usize>,
}

impl Connection {
    fn new(index: usize, shared: Arc<Shared>) -> Self {
        let window = u16::try_from(shared.plan.window).expect("a window of packet ids");
        Self {
            index,
            slots: vec![None; shared.plan.window],
            order: VecDeque::new(),
            free: (1..=window).collect(),
            done: Vec::new(),
            shared,
        }
    }

    fn run(&mut self) -> Vec<usize> {
        let deadline = self.shared.began + self.shared.plan.at_most;
        while Instant::now() < deadline {
            match self.connected(deadline) {
                Ok(()) => break,
                Err(_dead) => thread::sleep(COME_BACK),
            }
        }
        std::mem::take(&mut self.done)
    }

    /// Publishes until all is done or the connection is gone.
    fn connected(&mut self, deadline: Instant) -> io::Result<()> {
        let client_id = format!("numbered-{}-{}", self.shared.plan.port, self.index);
        let mut link = Link::open(self.shared.plan.port, &client_id)?;
        self.send_again(&mut link)?;
        while Instant::now() < deadline {
            let fresh = self.fresh();
            if fresh.is_empty() && self.order.is_empty() && self.is_over() {
                return link.send(&wire::disconnect());
            }
            link.send(&fresh)?;
            let mut answers = Vec::new();
            for packet in link.receive()? {
                self.heard(&packet, &mut answers);
            }
            link.send(&answers)?;
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        let shared = &self.shared;
        shared.next.load(Ordering::Relaxed) >= shared.plan.total
            || shared.stop.load(Ordering::Relaxed)
    }

    fn send_again(&self, link: &mut Link) -> io::Result<()> {
        let mut bytes = Vec::new();
        for id in &self.order {
            let Some(sent) = self.slots[usize::from(*id) - 1] else { continue };
            if sent.received {
                bytes.extend(wire::answer(wire::PUBREL, *id));
            } else {
                bytes.extend(self.publication(sent.number, *id, true));
            }
        }
        self.shared.resent.fetch_add(self.order.len(), Ordering::Relaxed);
        link.send(&bytes)
    }

    fn publication(&self, number: usize, id: u16, again: bool) -> Vec<u8> {
        let plan = &self.shared.plan;
        let sensor = sensor_of(plan.sensors, number, self.index);
        let timestamp = text((plan.micros)(number));
        let payload = format_payload(number, &sensor, &timestamp, plan.padding_bytes);
        wire::publish(names::READINGS, payload.as_bytes(), plan.qos, id, again)
    }

    /// The next readings that are due and for which there is room.
    fn fresh(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while !self.free.is_empty() && !self.is_over() {
            let Some(number) = self.take() else { break };
            let id = self.free.pop_front().expect("it is not empty");
            self.slots[usize::from(id) - 1] = Some(Sent { number, received: false });
            self.order.push_back(id);
            bytes.extend(self.publication(number, id, false));
        }
        bytes
    }

    /// The next number, if it is due.
    fn take(&self) -> Option<usize> {
        let Shared { plan, began, next, .. } = &*self.shared;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let due = plan
            .rate
            .map_or(plan.total, |rate| (began.elapsed().as_secs_f64() * f64::from(rate)) as usize);
        let due = due.min(plan.total);
        let more = |number: usize| (number < due).then_some(number + 1);
        next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()
    }

    fn heard(&mut self, packet: &wire::Packet, answers: &mut Vec<u8>) {
        match packet.head {
            wire::PUBACK | wire::PUBCOMP => self.complete(packet.id()),
            wire::PUBREC => {
                let id = packet.id();
                if let Some(Some(sent)) = self.slots.get_mut(usize::from(id) - 1) {
                    sent.received = true;
                }
                answers.extend(wire::answer(wire::PUBREL, id));
            }
            _ => {}
        }
    }

    fn complete(&mut self, id: u16) {
        let Some(sent) = self.slots.get_mut(usize::from(id) - 1).and_then(Option::take) else {
            return;
        };
        self.done.push(sent.number);
        self.shared.acknowledged.fetch_add(1, Ordering::Relaxed);
        self.free.push_back(id);
        self.order.retain(|other| *other != id);
    }
}
