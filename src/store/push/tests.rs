use proptest::prelude::*;

use super::*;

mod world;

use self::world::{TOPICS, World, event};

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
    fn step(&mut self, step: &Step) {
        match *step {
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
        steps.into_iter().for_each(|step| world.step(&step));
        world.step(&Step::FailRead);
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
