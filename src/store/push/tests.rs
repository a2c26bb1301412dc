use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::domain::SensorId;

const TOPICS: [&str; 3] = ["temperature", "humidity", "co2"];

fn event(number: u64, topic: usize) -> AlertEvent {
    let quantity = Quantity::new(TOPICS[topic]).unwrap();
    let sensor_id = SensorId::new("S").unwrap();
    AlertEvent { number, announced: true, ..AlertEvent::new(sensor_id, quantity) }
}

fn topic_of(event: &AlertEvent) -> usize {
    TOPICS.iter().position(|topic| *topic == event.quantity.as_str()).unwrap()
}

/// The ledger and the backlog, as storage has them.
#[derive(Default)]
struct Storage {
    events: Vec<AlertEvent>,
    /// How many of them are committed.
    num_committed: usize,
    /// Deliveries committed, and those in the backlog.
    published: BTreeSet<u64>,
    marks: Vec<u64>,
}

impl Storage {
    fn committed_through(&self) -> u64 {
        self.events[..self.num_committed].last().map_or(0, |event| event.number)
    }

    fn answer(&self, read: &PendingRead) -> Vec<AlertEvent> {
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
struct Gateway {
    incarnation: u32,
    connection: u32,
    /// Pushed and not finished.
    held: BTreeMap<u64, Arc<AlertEvent>>,
    /// Finished lately: a late push of one is ignored.
    finished: BTreeSet<u64>,
    delivered: Vec<u64>,
    refused: Vec<u64>,
}

impl Gateway {
    fn take(&mut self, (incarnation, events): (u32, Vec<Arc<AlertEvent>>)) {
        for event in events.into_iter().filter(|_| incarnation == self.incarnation) {
            if !self.finished.contains(&event.number) {
                self.held.insert(event.number, event);
            }
        }
    }

    fn report(&mut self) -> PushReport {
        let link = GatewayLink { incarnation: self.incarnation, connection: self.connection };
        let (delivered, refused) =
            (std::mem::take(&mut self.delivered), std::mem::take(&mut self.refused));
        PushReport { link, delivered, refused }
    }

    fn die(&mut self) {
        (self.incarnation, self.connection) = (self.incarnation + 1, 0);
        self.held.clear();
        self.refused.clear();
    }
}

struct World {
    now: Instant,
    push: Push,
    storage: Storage,
    gateway: Gateway,
    /// From storage to the gateway.
    mailbox: VecDeque<(u32, Vec<Arc<AlertEvent>>)>,
    refuses: [bool; TOPICS.len()],
    answer: Option<(PendingRead, Vec<AlertEvent>)>,
    /// By how often the broker took it.
    taken: BTreeMap<u64, usize>,
    /// Reported to storage as delivered.
    reported: BTreeSet<u64>,
    /// The last event first pushed, by topic.
    pushed: [u64; TOPICS.len()],
    has_restarted: bool,
}

impl World {
    fn new() -> Self {
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

    fn raise(&mut self, topic: usize, announced: bool) {
        let number = self.storage.events.len() as u64 + 1;
        self.storage.events.push(AlertEvent { announced, ..event(number, topic) });
    }

    fn commit(&mut self) {
        let before = std::mem::replace(&mut self.storage.num_committed, self.storage.events.len());
        let marks = std::mem::take(&mut self.storage.marks);
        self.storage.published.extend(&marks);
        let through = self.storage.committed_through();
        self.push.committed(through, self.storage.events[before..].iter());
        self.push.marked(&marks);
    }

    fn offer_uncommitted(&mut self) {
        self.push.offer(self.storage.events[self.storage.num_committed..].iter());
    }

    fn hand_over(&mut self, is_sent: bool) {
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
    fn decide(&mut self, n: usize) {
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

    fn report(&mut self) {
        let report = self.gateway.report();
        self.push.report(&report, self.now);
        self.reported.extend(&report.delivered);
        self.storage.marks.extend(report.delivered);
    }

    fn settle(&mut self) {
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

#[derive(Debug, Clone)]
enum Step {
    Raise(usize, bool),
    Commit,
    OfferUncommitted,
    HandOver,
    HandOverInVain,
    Ask,
    Answer,
    FailRead,
    Deliver,
    Decide(usize),
    Report,
    Refuse(usize),
    Wait,
    Reconnect,
    GatewayDies,
    MailboxIsLost,
    StorageRestarts,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..TOPICS.len(), prop::bool::weighted(0.8)).prop_map(|(t, a)| Step::Raise(t, a)),
        2 => Just(Step::Commit),
        2 => Just(Step::OfferUncommitted),
        4 => Just(Step::HandOver),
        1 => Just(Step::HandOverInVain),
        2 => Just(Step::Ask),
        2 => Just(Step::Answer),
        1 => Just(Step::FailRead),
        3 => Just(Step::Deliver),
        8 => any::<usize>().prop_map(Step::Decide),
        3 => Just(Step::Report),
        1 => (0..TOPICS.len()).prop_map(Step::Refuse),
        1 => Just(Step::Wait),
        1 => Just(Step::Reconnect),
        1 => Just(Step::GatewayDies),
        1 => Just(Step::MailboxIsLost),
        1 => Just(Step::StorageRestarts),
    ];
    prop::collection::vec(step, 0..250)
}

impl World {
    fn step(&mut self, step: Step) {
        match step {
            Step::Raise(topic, announced) => self.raise(topic, announced),
            Step::Commit => self.commit(),
            Step::OfferUncommitted => self.offer_uncommitted(),
            Step::HandOver => self.hand_over(true),
            Step::HandOverInVain => self.hand_over(false),
            // An answer is of the moment of the question, and may be late.
            Step::Ask => {
                let read = self.push.next_read();
                self.answer = read
                    .map(|read| (read.clone(), self.storage.answer(&read)))
                    .or(self.answer.take());
            }
            Step::Answer => {
                if let Some((read, events)) = self.answer.take() {
                    self.push.loaded(&read, events);
                }
            }
            Step::FailRead => {
                if let Some((read, _)) = self.answer.take() {
                    self.push.read_failed(&read);
                }
            }
            Step::Deliver => {
                if let Some(message) = self.mailbox.pop_front() {
                    self.gateway.take(message);
                }
            }
            Step::Decide(n) => self.decide(n),
            Step::Report => self.report(),
            Step::Refuse(topic) => self.refuses[topic] = !self.refuses[topic],
            Step::Wait => self.now += RETRY_AFTER,
            Step::Reconnect => self.gateway.connection += 1,
            Step::GatewayDies => self.gateway.die(),
            // With the incarnation that had it in hand.
            Step::MailboxIsLost => {
                self.mailbox.clear();
                self.gateway.die();
            }
            Step::StorageRestarts => {
                self.answer = None;
                self.has_restarted = true;
                self.push.restart();
                self.hand_over(true);
            }
        }
    }
}

proptest! {
    /// The order and the credits hold in each step; each announced event is delivered in the end.
    #[test]
    fn every_announced_event_is_delivered(steps in steps()) {
        let mut world = World::new();
        steps.into_iter().for_each(|step| world.step(step));
        world.step(Step::FailRead);
        world.refuses = [false; TOPICS.len()];
        world.gateway.connection += 1;
        world.commit();
        for _ in 0..100 {
            world.settle();
        }
        let announced = world.storage.events.iter().filter(|event| event.announced);
        let missing: Vec<_> =
            announced.map(|it| it.number).filter(|it| !world.taken.contains_key(it)).collect();
        prop_assert_eq!(missing, Vec::<u64>::new());
        prop_assert!(world.push.in_flight.is_empty() && !world.push.has_more());
        world.commit();
        prop_assert!(world.push.unmarked.is_empty());
        prop_assert!(world.push.set_aside.is_empty());
    }
}

/// Settles until nothing moves; returns what the broker took, in order of time.
fn settled(world: &mut World) -> usize {
    for _ in 0..400 {
        world.settle();
        world.commit();
    }
    world.taken.len()
}

#[test]
fn a_topic_that_is_refused_delays_no_other_and_follows_in_order() {
    let mut world = World::new();
    world.refuses[1] = true;
    (0..3_000).for_each(|n| world.raise(n % 3, true));
    world.commit();
    assert_eq!(settled(&mut world), 2_000, "without any time");
    assert_eq!(world.push.set_aside.len(), 1);
    assert!(world.push.ready.is_empty() && world.push.in_flight.is_empty(), "one event is kept");
    world.now += RETRY_AFTER;
    world.hand_over(true);
    assert_eq!(world.mailbox.back().unwrap().1.len(), 1, "tried alone");
    assert_eq!(settled(&mut world), 2_000);
    assert!(world.push.next_retry().is_some_and(|at| at > world.now));
    world.refuses[1] = false;
    assert_eq!(settled(&mut world), 2_000, "not before its time");
    world.now += RETRY_AFTER;
    assert_eq!(settled(&mut world), 3_000);
    assert!(world.taken.values().all(|times| *times == 1));
}

#[test]
fn a_new_connection_tries_refused_topics_at_once() {
    let mut world = World::new();
    world.refuses[1] = true;
    (0..60).for_each(|_| world.raise(1, true));
    world.commit();
    assert_eq!(settled(&mut world), 0);
    world.refuses[1] = false;
    world.gateway.connection += 1;
    assert_eq!(settled(&mut world), 60);
}

#[test]
fn a_burst_within_the_credits_needs_no_read() {
    let mut world = World::new();
    world.report();
    (0..CREDITS + READ_AHEAD).for_each(|n| world.raise(n % 3, true));
    world.commit();
    world.hand_over(true);
    assert_eq!((world.push.next_read(), world.push.in_flight.len()), (None, CREDITS));
    world.raise(0, true);
    world.commit();
    assert_eq!(settled(&mut world), CREDITS + READ_AHEAD + 1);
}

#[test]
fn nothing_is_handed_over_before_the_first_report() {
    let mut world = World::new();
    world.raise(0, true);
    world.commit();
    assert_eq!(world.push.take(world.now).len(), 0);
    world.report();
    assert_eq!(world.push.take(world.now).len(), 1);
}

#[test]
fn events_of_earlier_runs_are_read() {
    let mut world = World::new();
    (0..50).for_each(|n| world.raise(0, n % 2 == 0));
    world.storage.num_committed = 50;
    world.push = Push::new(50);
    assert_eq!(settled(&mut world), 25);
}

#[test]
fn one_topic_too_many_pauses_everything_for_a_while() {
    let (now, link) = (Instant::now(), GatewayLink { incarnation: 1, connection: 1 });
    let report = |refused| PushReport { link, delivered: Vec::new(), refused };
    let mut push = Push::new(0);
    push.report(&report(Vec::new()), now);
    let topic = |number| {
        let quantity = Quantity::new(&format!("q{number}")).unwrap();
        AlertEvent { quantity, ..event(number, 0) }
    };
    let last = MOST_SET_ASIDE as u64 + 1;
    for number in 1..=last {
        push.committed(number, [topic(number)].iter());
        assert_eq!(push.take(now).len(), 1);
        push.report(&report(vec![number]), now);
    }
    assert_eq!((push.set_aside.len(), push.ready.len()), (MOST_SET_ASIDE, 1));
    push.committed(last + 1, [event(last + 1, 0)].iter());
    assert_eq!(push.take(now).len(), 0);
    assert_eq!(push.next_retry(), Some(now + RETRY_AFTER));
    let numbers: Vec<_> = push.take(now + RETRY_AFTER).iter().map(|event| event.number).collect();
    assert_eq!(numbers, [1, 10, 100, 1000, 101, last, last + 1], "a few trials leave room");
}

#[test]
fn too_many_deliveries_that_no_commit_has_marked_stop_the_flow() {
    let mut world = World::new();
    let numbers: Vec<u64> = (1..=MOST_UNMARKED as u64).collect();
    world.gateway.delivered.clone_from(&numbers);
    world.report();
    world.raise(0, true);
    world.storage.events[0].number = MOST_UNMARKED as u64 + 1;
    world.push.committed(MOST_UNMARKED as u64 + 1, world.storage.events.iter());
    assert_eq!(world.push.take(world.now).len(), 0);
    world.push.marked(&numbers);
    assert_eq!(world.push.take(world.now).len(), 1);
}
