//! Nothing is lost, and nothing changes its order, when a client comes back while others publish.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use super::clients::{Paho, Version};
use super::raw::Raw;
use super::{DEADLINE, Running};

/// What a subscriber saw of the numbers 1, 2, 3, …
#[derive(Default)]
struct Seen {
    numbers: BTreeSet<u32>,
    /// Numbers seen for the first time after a higher one.
    late: Vec<u32>,
}

impl Seen {
    fn note(&mut self, number: u32) {
        if self.numbers.last().is_some_and(|last| *last > number) && !self.numbers.contains(&number)
        {
            self.late.push(number);
        }
        self.numbers.insert(number);
    }

    /// Everything up to here, each for the first time in order; doubles are QoS 1 as usual.
    fn assert_complete(&self, last: u32) {
        let missing: Vec<_> = (1..=last).filter(|number| !self.numbers.contains(number)).collect();
        assert!(missing.is_empty(), "lost {} of {last}: {missing:?}", missing.len());
        assert!(self.late.is_empty(), "out of order: {:?}", self.late);
    }
}

/// Tells the publisher to stop, also when the test fails.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Publishes numbers until told to stop; the last one.
fn publish_until(stop: &AtomicBool, addr: SocketAddr) -> u32 {
    let mut publisher = Raw::connect(addr, "publisher", true);
    let mut last = 0;
    while !stop.load(Ordering::Relaxed) {
        publisher.publish_numbers("n", last + 1..=last + 10);
        last += 10;
    }
    last
}

/// The next number, acknowledged. An earlier connection of the same client that is accepted late
/// takes the session over; then it is taken back.
fn next(addr: SocketAddr, subscriber: &mut Raw) -> u32 {
    for _ in 0..10 {
        if let Some(message) = subscriber.next(DEADLINE) {
            subscriber.acknowledge(message.packet_id);
            return message.number();
        }
        *subscriber = Raw::reconnect(addr, "subscriber");
        assert!(subscriber.session_present);
    }
    panic!("the connection ends again and again");
}

/// A subscriber that comes back again and again, as `come_back` says, while numbers are published.
fn come_back_under_fire(times: u32, come_back: impl Fn(SocketAddr, Raw, u32) -> Raw) {
    let broker = Running::new();
    let addr = broker.addr();
    let mut subscriber = Raw::connect(addr, "subscriber", false);
    subscriber.subscribe("n", 1);
    let stop = AtomicBool::new(false);
    let mut seen = Seen::default();
    let (last, mut subscriber) = std::thread::scope(|scope| {
        let publishing = scope.spawn(|| publish_until(&stop, addr));
        let stopping = StopOnDrop(&stop);
        for time in 0..times {
            for _ in 0..50 {
                seen.note(next(addr, &mut subscriber));
            }
            subscriber = come_back(addr, subscriber, time);
            assert!(subscriber.session_present);
        }
        drop(stopping);
        (publishing.join().expect("published"), subscriber)
    });
    while !seen.numbers.contains(&last) {
        seen.note(next(addr, &mut subscriber));
    }
    seen.assert_complete(last);
}

#[test]
fn nothing_is_lost_when_a_connection_breaks_under_fire() {
    come_back_under_fire(60, |addr, old, _| {
        drop(old);
        Raw::connect(addr, "subscriber", false)
    });
}

#[test]
fn nothing_is_lost_when_a_connection_is_taken_over_under_fire() {
    come_back_under_fire(60, |addr, old, _| {
        let new = Raw::connect(addr, "subscriber", false);
        drop(old);
        new
    });
}

#[test]
fn nothing_is_lost_when_new_connections_die_at_once_under_fire() {
    come_back_under_fire(30, |addr, old, time| {
        drop(old);
        for _ in 0..time % 5 {
            Raw::connect_and_vanish(addr, "subscriber");
        }
        Raw::reconnect(addr, "subscriber")
    });
}

#[test]
fn unacknowledged_messages_come_again_in_their_order() {
    let broker = Running::new();
    let mut subscriber = Raw::connect(broker.addr(), "subscriber", false);
    subscriber.subscribe("n", 1);
    Raw::connect(broker.addr(), "publisher", true).publish_numbers("n", 1..=20);
    let numbers = |subscriber: &mut Raw, again| {
        let next = (1..=20).map(|_| subscriber.next(DEADLINE).expect("a message in time"));
        next.map(|message| {
            assert_eq!(message.duplicate, again);
            message.number()
        })
        .collect::<Vec<_>>()
    };
    assert_eq!(numbers(&mut subscriber, false), (1..=20).collect::<Vec<_>>());
    drop(subscriber);
    let mut subscriber = Raw::connect(broker.addr(), "subscriber", false);
    assert_eq!(numbers(&mut subscriber, true), (1..=20).collect::<Vec<_>>());
}

#[test]
fn a_message_that_is_half_way_at_qos_2_is_completed_and_not_sent_again() {
    let broker = Running::new();
    let mut subscriber = Raw::connect(broker.addr(), "subscriber", false);
    subscriber.subscribe("n", 2);
    let publisher = Paho::new(broker.addr(), Version::V5, "publisher");
    publisher.publish("n", "1", 2);
    let message = subscriber.next(DEADLINE).expect("a message in time");
    subscriber.send(0x50, &message.packet_id.to_be_bytes()); // PUBREC
    assert_eq!(subscriber.receive(), Some((0x62, message.packet_id.to_be_bytes().to_vec())));
    drop(subscriber); // no PUBCOMP
    for _ in 0..2 {
        drop(Raw::reconnect(broker.addr(), "subscriber"));
    }
    let mut subscriber = Raw::reconnect(broker.addr(), "subscriber");
    assert_eq!(subscriber.receive(), Some((0x62, message.packet_id.to_be_bytes().to_vec())));
    subscriber.send(0x70, &message.packet_id.to_be_bytes()); // PUBCOMP
    publisher.publish("n", "2", 2);
    let next = subscriber.next(DEADLINE).expect("a message in time");
    assert_eq!((next.number(), next.duplicate), (2, false));
}

#[test]
fn a_client_may_come_back_at_once() {
    let broker = Running::new();
    let mut earlier = None;
    for time in 0..300 {
        let clean = time % 3 == 0;
        let mut client = Raw::connect(broker.addr(), "hasty", clean);
        // It has a session to come back to unless it, or the one before it, wanted none.
        let expected = !clean && time % 3 == 2;
        assert_eq!(client.session_present, expected, "at {time}");
        client.subscribe("n", 1);
        if time % 2 == 0 {
            client.send(0xe0, &[]); // DISCONNECT
        }
        // Half of them are still connected when the next one comes.
        earlier = (time % 4 < 2).then_some(client);
    }
    drop(earlier);
}
