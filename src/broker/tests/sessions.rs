//! Sessions that outlive a connection.

use super::Running;
use super::clients::{Paho, VERSIONS, Version};

#[test]
fn what_was_published_meanwhile_waits_for_the_client() {
    let broker = Running::new();
    for version in VERSIONS {
        let away = Paho::persistent(broker.addr(), version, "away");
        assert!(!away.session_present);
        away.subscribe("factory/sensors/+", 1);
        away.disconnect();
        let publisher = Paho::new(broker.addr(), version, "publisher");
        for number in 1..=50 {
            publisher.publish("factory/sensors/temperature", number.to_string(), 1 + number % 2);
        }
        let back = Paho::persistent(broker.addr(), version, "away");
        assert!(back.session_present);
        for number in 1..=50 {
            assert_eq!(back.next_text(), number.to_string());
        }
        // Its subscription is still there.
        publisher.publish("factory/sensors/temperature", "live", 1);
        assert_eq!(back.next_text(), "live");
        back.disconnect();
        // A clean start forgets all of it.
        let clean = Paho::new(broker.addr(), version, "away");
        assert!(!clean.session_present);
        publisher.publish("factory/sensors/temperature", "not for you", 1);
        clean.subscribe("end", 1);
        publisher.publish("end", "end", 1);
        assert_eq!(clean.next_text(), "end");
    }
}

#[test]
fn twenty_thousand_queued_messages_come_complete_and_in_order() {
    const COUNT: u32 = 20_000;
    let broker = Running::new();
    let away = Paho::persistent(broker.addr(), Version::V5, "away");
    away.subscribe("n", 1);
    away.disconnect();
    let mut publisher = super::raw::Raw::connect(broker.addr(), "publisher", true);
    publisher.publish_numbers("n", 1..=COUNT);
    let back = Paho::persistent(broker.addr(), Version::V5, "away");
    assert!(back.session_present);
    for number in 1..=COUNT {
        assert_eq!(back.next_text(), number.to_string());
    }
}
