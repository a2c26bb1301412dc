//! Sessions that outlive a connection, and wills.

use std::net::SocketAddr;

use super::Running;
use super::clients::{Paho, Reaped, VERSIONS, Version, mosquitto, start_until_it_prints};

/// A `mosquitto_sub` with a will, up and subscribed.
fn doomed(addr: SocketAddr, version: Version, retained: bool) -> Option<Reaped> {
    let mut command = mosquitto("mosquitto_sub", addr, version)?;
    Paho::new(addr, version, "orders").retain("doomed/orders", "print this");
    command.args(["-t", "doomed/orders", "-q", "1", "--will-topic", "doomed/will"]);
    command.args(["--will-payload", "gone", "--will-qos", "1"]);
    if retained {
        command.arg("--will-retain");
    }
    Some(start_until_it_prints(command))
}

#[test]
fn a_killed_clients_will_is_published() {
    let broker = Running::new();
    for (version, retained) in VERSIONS.map(|version| [(version, false), (version, true)]).concat()
    {
        let heir = Paho::new(broker.addr(), version, "heir");
        heir.subscribe("doomed/will", 1);
        let Some(client) = doomed(broker.addr(), version, retained) else { return };
        drop(client);
        let will = heir.next();
        assert_eq!((will.payload_str().as_ref(), will.qos() as i32), ("gone", 1));
        if retained {
            let late = Paho::new(broker.addr(), version, "late");
            late.subscribe("doomed/will", 1);
            let will = late.next();
            assert_eq!((will.payload_str().as_ref(), will.retained()), ("gone", true));
            late.retain("doomed/will", "");
        }
    }
}

#[test]
fn a_client_that_says_goodbye_leaves_no_will() {
    let broker = Running::new();
    let heir = Paho::new(broker.addr(), Version::V5, "heir");
    heir.subscribe("doomed/will", 1);
    for version in VERSIONS {
        let Some(mut command) = mosquitto("mosquitto_pub", broker.addr(), version) else { return };
        command.args(["-t", "x", "-m", "x", "-q", "1"]);
        command.args(["--will-topic", "doomed/will", "--will-payload", "gone"]);
        assert!(super::clients::finish(command).status.success());
    }
    heir.publish("doomed/will", "the only one", 1);
    assert_eq!(heir.next_text(), "the only one");
}

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
