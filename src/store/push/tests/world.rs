//! Storage, gateway and broker as the protocol has them, with every message under the test's control.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::super::*;
use crate::domain::SensorId;

pub const TOPICS: [&str; 3] = ["temperature", "humidity", "co2"];

pub fn event(number: u64, topic: usize) -> AlertEvent {
    let quantity = Quantity::new(TOPICS[topic]).unwrap();
    let sensor_id = SensorId::new("S").unwrap();
    AlertEvent { number, announced: true, ..AlertEvent::new(sensor_id, quantity) }
}

fn topic_of(event: &AlertEvent) -> usize {
    TOPICS.iter().position(|topic| *topic == event.quantity.as_str()).unwrap()
}

/// The ledger and the backlog, as storage has them.
#[derive(Default)]
pub struct Storage {
    pub events: Vec<AlertEvent>,
    /// How many of them are committed.
    pub num_committed: usize,
    /// Deliveries committed, and those in the backlog.
    pub published: BTreeSet<u64>,
    pub marks: Vec<u64>,
}

impl Storage {
    pub fn committed_through(&self) -> u64 {
        self.events[..self.num_committed].last().map_or(0, |event| event.number)
    }

    pub fn answer(&self, read: &PendingRead) -> Vec<AlertEvent> {
        let committed = self.events[..self.num_committed].iter();
        committed
            .filter(|event| event.announced && event.number > read.after)
            .filter(|event| !self.published.contains(&event.number))
            .filter(|event| !read.except.contains(&event.quantity))
            .take(read.at_most)
            .cloned()
            .collect()
    }
}

/// The gateway's part of the protocol.
#[derive(Default)]
pub struct Gateway {
    pub incarnation: u32,
    pub connection: u32,
    /// Pushed and not finished.
    pub held: BTreeMap<u64, Arc<AlertEvent>>,
    /// Finished lately: a late push of one is ignored.
    pub finished: BTreeSet<u64>,
    pub delivered: Vec<u64>,
    pub refused: Vec<u64>,
}

impl Gateway {
    pub fn take(&mut self, (incarnation, events): (u32, Vec<Arc<AlertEvent>>)) {
        for event in events.into_iter().filter(|_| incarnation == self.incarnation) {
            if !self.finished.contains(&event.number) {
                self.held.insert(event.number, event);
            }
        }
    }

    pub fn report(&mut self) -> PushReport {
        let link = GatewayLink { incarnation: self.incarnation, connection: self.connection };
        let (delivered, refused) =
            (std::mem::take(&mut self.delivered), std::mem::take(&mut self.refused));
        PushReport { link, delivered, refused }
    }

    pub fn die(&mut self) {
        (self.incarnation, self.connection) = (self.incarnation + 1, 0);
        self.held.clear();
        self.refused.clear();
    }
}

pub struct World {
    pub now: Instant,
    pub push: Push,
    pub storage: Storage,
    pub gateway: Gateway,
    /// From storage to the gateway.
    pub mailbox: VecDeque<(u32, Vec<Arc<AlertEvent>>)>,
    pub refuses: [bool; TOPICS.len()],
    pub answer: Option<(PendingRead, Vec<AlertEvent>)>,
    /// By how often the broker took it.
    pub taken: BTreeMap<u64, usize>,
    /// Reported to storage as delivered.
    pub reported: BTreeSet<u64>,
    /// The last event first pushed, by topic.
    pub pushed: [u64; TOPICS.len()],
    pub has_restarted: bool,
}

impl World {
    pub fn new() -> Self {
        Self {
            now: Instant::now(),
            push: Push::new(0),
            storage: Storage::default(),
            gateway: Gateway { incarnation: 1, ..Gateway::default() },
            mailbox: VecDeque::new(),
            refuses: [false; TOPICS.len()],
            answer: None,
            taken: BTreeMap::new(),
            reported: BTreeSet::new(),
            pushed: [0; TOPICS.len()],
            has_restarted: false,
        }
    }

    pub fn raise(&mut self, topic: usize, announced: bool) {
        let number = self.storage.events.len() as u64 + 1;
        self.storage.events.push(AlertEvent { announced, ..event(number, topic) });
    }

    pub fn commit(&mut self) {
        let before = std::mem::replace(&mut self.storage.num_committed, self.storage.events.len());
        let marks = std::mem::take(&mut self.storage.marks);
        self.storage.published.extend(&marks);
        let through = self.storage.committed_through();
        self.push.committed(through, self.storage.events[before..].iter());
        self.push.marked(&marks);
    }

    pub fn offer_uncommitted(&mut self) {
        self.push.offer(self.storage.events[self.storage.num_committed..].iter());
    }

    pub fn hand_over(&mut self, is_sent: bool) {
        let set_aside: Vec<(usize, u64)> = self
            .push
            .set_aside
            .values()
            .map(|topic| (topic_of(&topic.first), topic.first.number))
            .collect();
        let events = self.push.take(self.now);
        for event in &events {
            let (topic, number) = (topic_of(event), event.number);
            assert!(!self.reported.contains(&number), "handed over after its delivery");
            let is_trial = |(aside, first): &(usize, u64)| *aside != topic || *first == number;
            assert!(set_aside.iter().all(is_trial), "passed the first of a topic set aside");
            let announced = self.storage.events.iter().filter(|event| event.announced);
            let due =
                announced.map(|event| (topic_of(event), event.number)).find(|(other, earlier)| {
                    let is_pushed = *earlier <= self.pushed[topic];
                    *other == topic && !is_pushed && !self.reported.contains(earlier)
                });
            let is_again = number <= self.pushed[topic];
            assert!(is_again || due == Some((topic, number)), "out of order in its topic");
            self.pushed[topic] = self.pushed[topic].max(number);
        }
        assert!(self.push.in_flight.len() <= CREDITS);
        match self.push.incarnation() {
            Some(incarnation) if is_sent && !events.is_empty() => {
                self.mailbox.push_back((incarnation, events));
            }
            _ => self.push.unsent(&events),
        }
    }

    /// The broker answers the n-th event that the gateway holds.
    pub fn decide(&mut self, n: usize) {
        let numbers: Vec<_> = self.gateway.held.keys().copied().collect();
        // What a restart of storage sends again may have been refused meanwhile.
        assert!(numbers.len() <= if self.has_restarted { 2 * CREDITS } else { CREDITS });
        let Some(number) = numbers.get(n % numbers.len().max(1)) else { return };
        let event = self.gateway.held.remove(number).unwrap();
        if self.refuses[topic_of(&event)] {
            self.gateway.refused.push(*number);
        } else {
            *self.taken.entry(*number).or_default() += 1;
            self.gateway.finished.insert(*number);
            self.gateway.delivered.push(*number);
        }
    }

    pub fn report(&mut self) {
        let report = self.gateway.report();
        self.push.report(&report, self.now);
        self.reported.extend(&report.delivered);
        self.storage.marks.extend(report.delivered);
    }

    pub fn settle(&mut self) {
        self.hand_over(true);
        if let Some(read) = self.push.next_read() {
            let events = self.storage.answer(&read);
            self.push.loaded(&read, events);
            self.hand_over(true);
        }
        while let Some(message) = self.mailbox.pop_front() {
            self.gateway.take(message);
        }
        while !self.gateway.held.is_empty() {
            self.decide(0);
        }
        self.report();
    }
}
