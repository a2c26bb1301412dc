//! Publishers of numbered readings that record which of them the broker has acknowledged.
//!
//! Several connections publish at a common rate. After a broker's death each resumes its session and redelivers, marked
//! DUP, what was not acknowledged. So an acknowledged number that is not in the table was lost by the broker or the
//! daemon.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::mqtt311::{self, Link};
use super::names;

/// Interval between attempts to reconnect.
const COME_BACK: Duration = Duration::from_millis(50);

/// Time of reading 0, in µs since 1970. Each reading has a time of its own.
const FIRST_MICROS: i64 = 1_780_000_000_000_000;

/// Sensors per connection.
const SENSORS: usize = 4;

/// Interval between readings, in µs.
const APART_MICROS: i64 = 1_009;

/// Time of reading `number`.
pub type Micros = Arc<dyn Fn(usize) -> i64 + Send + Sync>;

/// Load of the publishers.
#[derive(Clone)]
pub struct Plan {
    pub port: u16,
    /// Number of readings.
    pub total: usize,
    /// Readings a second; `None` publishes as fast as they are acknowledged.
    pub rate: Option<u32>,
    pub connections: usize,
    /// Unacknowledged messages per connection.
    pub window: usize,
    pub qos: u8,
    /// Padding of each payload, in bytes.
    pub padding_bytes: usize,
    /// Sensors per connection, which take turns.
    pub sensors: usize,
    /// Time of each number, in µs since 1970; must be unique.
    pub micros: Micros,
    /// Overall timeout.
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

/// Running publishers.
pub struct Publishers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<Vec<usize>>>,
}

/// Result of the publishers.
#[derive(Debug)]
pub struct Published {
    /// Acknowledged or not, by number.
    pub acknowledged: Vec<bool>,
    /// Number of redeliveries.
    pub resent: usize,
    /// Time from the first to the last acknowledgement.
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
    /// Number of readings acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        self.shared.acknowledged.load(Ordering::Relaxed)
    }

    pub fn is_done(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// Stops new readings; those in flight are completed.
    pub fn enough(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }

    /// Waits until all publishers have ended.
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

/// Sensor of a number: always one of the number's connection, so that the readings of a sensor stay in order.
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

/// A reading in flight.
#[derive(Clone, Copy)]
struct Sent {
    number: usize,
    /// QoS 2: PUBREC received, PUBREL due.
    received: bool,
}

struct Connection {
    index: usize,
    shared: Arc<Shared>,
    /// Readings in flight, by packet id less one.
    slots: Vec<Option<Sent>>,
    /// Packet ids in the order of first delivery, which redelivery must keep.
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

    /// Publishes until all is acknowledged or the connection ends.
    fn connected(&mut self, deadline: Instant) -> io::Result<()> {
        let client_id = format!("numbered-{}-{}", self.shared.plan.port, self.index);
        let mut link = Link::open(self.shared.plan.port, &client_id)?;
        self.send_again(&mut link)?;
        while Instant::now() < deadline {
            let fresh = self.fresh();
            if fresh.is_empty() && self.order.is_empty() && self.is_over() {
                return link.send(&mqtt311::disconnect());
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
                bytes.extend(mqtt311::answer(mqtt311::PUBREL, *id));
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
        mqtt311::publish(names::READINGS, payload.as_bytes(), plan.qos, id, again)
    }

    /// The next due readings, as far as the in-flight window has room.
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

    fn heard(&mut self, packet: &mqtt311::Packet, answers: &mut Vec<u8>) {
        match packet.head {
            mqtt311::PUBACK | mqtt311::PUBCOMP => self.complete(packet.id()),
            mqtt311::PUBREC => {
                let id = packet.id();
                if let Some(Some(sent)) = self.slots.get_mut(usize::from(id) - 1) {
                    sent.received = true;
                }
                answers.extend(mqtt311::answer(mqtt311::PUBREL, id));
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
