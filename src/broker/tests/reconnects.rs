//! Nothing is lost, doubled or reordered when a client comes back while others publish.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::raw::Raw;
use super::{DEADLINE, Running};

#[test]
fn unacknowledged_messages_come_again_in_their_order() {
    let broker = Running::new();
    let mut subscriber = Raw::connect(broker.addr(), "subscriber", false);
    subscriber.subscribe("n", 1);
    let mut publisher = Raw::connect(broker.addr(), "publisher", true);
    for number in 1..=20_u16 {
        publisher.publish("n", number.to_string().as_bytes(), number);
        assert_eq!(publisher.await_puback(), number);
    }
    let first: Vec<_> =
        (1..=20).map(|_| subscriber.next(DEADLINE).expect("one").number()).collect();
    assert_eq!(first, (1..=20).collect::<Vec<_>>());
    drop(subscriber);
    let mut subscriber = Raw::connect(broker.addr(), "subscriber", false);
    assert!(subscriber.session_present);
    let again: Vec<_> = (1..=20).map(|_| subscriber.next(DEADLINE).expect("one")).collect();
    assert!(again.iter().all(|message| message.duplicate));
    assert_eq!(again.iter().map(|m| m.number()).collect::<Vec<_>>(), (1..=20).collect::<Vec<_>>());
}

#[test]
fn under_fire() {
    let broker = Running::new();
    let addr = broker.addr();
    let mut subscriber = Raw::connect(addr, "subscriber", false);
    subscriber.subscribe("n", 1);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let publishing = scope.spawn(|| {
            let mut publisher = Raw::connect(addr, "publisher", true);
            let mut number = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                // a window of 10
                for _ in 0..10 {
                    number += 1;
                    publisher.publish(
                        "n",
                        number.to_string().as_bytes(),
                        1 + (number % 60000) as u16,
                    );
                }
                for _ in 0..10 {
                    publisher.await_puback();
                }
            }
            number
        });
        let mut seen = BTreeSet::new();
        let mut highest = 0;
        let mut backwards = 0;
        for round in 0..100 {
            for _ in 0..50 {
                let m = subscriber.next(DEADLINE).expect("one");
                subscriber.acknowledge(m.packet_id);
                let n = m.number();
                if n < highest && !seen.contains(&n) {
                    backwards += 1;
                }
                highest = highest.max(n);
                seen.insert(n);
            }
            if round % 2 == 0 {
                drop(subscriber);
            }
            subscriber = Raw::connect(addr, "subscriber", false);
        }
        stop.store(true, Ordering::Relaxed);
        let sent = publishing.join().unwrap();
        while let Some(m) = subscriber.next(Duration::from_secs(2)) {
            subscriber.acknowledge(m.packet_id);
            let n = m.number();
            if n < highest && !seen.contains(&n) {
                backwards += 1;
            }
            highest = highest.max(n);
            seen.insert(n);
        }
        eprintln!(
            "sent {sent}, seen {}, lost {}, backwards {backwards}",
            seen.len(),
            sent - seen.len() as u64
        );
        assert_eq!(seen.len() as u64, sent);
    });
}
