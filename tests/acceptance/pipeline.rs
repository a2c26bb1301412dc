//! Messages at full speed on one connection, acknowledged in their order.

use std::time::{Duration, Instant};

use crate::sequence::Message;
use crate::support::mqtt311::{self, Link};

/// Messages that may wait for their acknowledgement.
pub const IN_FLIGHT: usize = 500;

/// A daemon that takes nothing in for so long takes nothing in.
const STALLED: Duration = Duration::from_secs(60);

/// Sends from a place on, until so many from the beginning are acknowledged; how many are then. So many `ahead` may
/// be in flight at the end.
pub fn send(
    link: &mut Link,
    messages: &[Message],
    (from, until): (usize, usize),
    ahead: usize,
) -> usize {
    let id = |place: usize| u16::try_from(place % 50_000 + 1).expect("below 2^16");
    let (mut sent, mut acknowledged, mut last) = (from, from, Instant::now());
    while acknowledged < until {
        let window = (acknowledged + IN_FLIGHT).min(until + ahead).min(messages.len());
        let packets = (sent..window).flat_map(|place| {
            let (topic, payload) = &messages[place];
            mqtt311::publish(topic, payload, 1, id(place), false)
        });
        link.send(&packets.collect::<Vec<_>>()).expect("a connection");
        sent = window;
        for packet in link.receive().expect("a connection") {
            assert_eq!((packet.head, packet.id()), (mqtt311::PUBACK, id(acknowledged)), "in order");
            (acknowledged, last) = (acknowledged + 1, Instant::now());
        }
        assert!(last.elapsed() < STALLED, "nothing acknowledged after {acknowledged}");
    }
    acknowledged
}
