//! Messages get through: each quality of service, wildcards, sizes, retained messages.

use super::clients::{Options, Paho, VERSIONS, Version};
use super::raw::Raw;
use super::{DEADLINE, Running};

#[test]
fn each_quality_of_service_on_both_versions() {
    let broker = Running::new();
    for version in VERSIONS {
        let subscriber = Paho::new(broker.addr(), version, "subscriber");
        subscriber.subscribe("factory/sensors/temperature", 2);
        for qos in 0..=2 {
            let publisher = Paho::new(broker.addr(), version, "publisher");
            let payload = format!("{version:?} at {qos}");
            publisher.publish("factory/sensors/temperature", payload.clone(), qos);
            let message = subscriber.next();
            assert_eq!(
                (message.payload_str().as_ref(), message.qos() as i32),
                (payload.as_str(), qos)
            );
        }
    }
}

#[test]
fn one_level_wildcards() {
    let broker = Running::new();
    let ours = Paho::new(broker.addr(), Version::V5, "ours");
    ours.subscribe("factory/sensors/+", 1);
    let pairs = Paho::new(broker.addr(), Version::V3_1_1, "pairs");
    pairs.subscribe("+/+", 1);
    let publisher = Paho::new(broker.addr(), Version::V5, "publisher");
    let topics = [
        "factory/sensors",
        "factory/sensors/temperature",
        "factory/sensors/temperature/TEMP_001",
        "factory/alerts/temperature",
        "factory/sensors/humidity",
        "other/pair",
        "deep/er/one",
    ];
    for topic in topics {
        publisher.publish(topic, topic, 1);
    }
    publisher.publish("factory/sensors/end", "end", 1);
    publisher.publish("the/end", "end", 1);
    assert_eq!(
        until_end(&ours),
        ["factory/sensors/temperature", "factory/sensors/humidity", "factory/sensors/end"]
    );
    assert_eq!(until_end(&pairs), ["factory/sensors", "other/pair", "the/end"]);
}

fn until_end(client: &Paho) -> Vec<String> {
    let mut topics = Vec::new();
    loop {
        let message = client.next();
        topics.push(message.topic().to_owned());
        if message.payload() == b"end" {
            return topics;
        }
    }
}

#[test]
fn a_mebibyte_passes_and_too_much_ends_the_connection() {
    let broker = Running::new();
    for version in VERSIONS {
        let subscriber = Paho::new(broker.addr(), version, "subscriber");
        subscriber.subscribe("big", 1);
        let publisher = Paho::new(broker.addr(), version, "publisher");
        let payload: Vec<u8> = (0..1024 * 1024).map(|i: u32| i.to_le_bytes()[0]).collect();
        publisher.publish("big", payload.clone(), 1);
        assert!(subscriber.next().payload() == payload);
    }
    let mut publisher = Raw::connect(broker.addr(), "too-big", true);
    publisher.publish("big", &vec![0; 3 * 1024 * 1024], 1);
    assert!(publisher.is_closed());
}

#[test]
fn a_late_subscriber_gets_the_retained_message_until_it_is_cleared() {
    let broker = Running::new();
    for version in VERSIONS {
        let publisher = Paho::new(broker.addr(), version, "publisher");
        publisher.retain("factory/sensors/status", "starting");
        publisher.retain("factory/sensors/status", "online");
        for filter in ["factory/sensors/status", "factory/sensors/+", "#"] {
            let late = Paho::new(broker.addr(), version, "late");
            late.subscribe(filter, 1);
            let message = late.next();
            assert_eq!((message.payload_str().as_ref(), message.retained()), ("online", true));
        }
        publisher.retain("factory/sensors/status", "");
        // A late subscriber gets what else is retained, and nothing before the next live message.
        publisher.retain("still/kept", "kept");
        let late = Paho::new(broker.addr(), version, "late");
        late.subscribe("#", 1);
        assert_eq!(late.next_text(), "kept");
        publisher.publish("live", "live", 1);
        assert_eq!(late.next_text(), "live");
        publisher.retain("still/kept", "");
    }
}

#[test]
fn a_live_subscriber_sees_a_retained_message_as_live() {
    let broker = Running::new();
    let live = Paho::new(broker.addr(), Version::V5, "live");
    live.subscribe("status", 1);
    let publisher = Paho::new(broker.addr(), Version::V5, "publisher");
    publisher.retain("status", "online");
    assert!(!live.next().retained());
}

#[test]
fn what_is_too_large_for_a_client_is_passed_over() {
    let broker = Running::new();
    let options = Options { most: Some(1_000), persistent: true, ..Version::V5.into() };
    let small = Paho::connect(broker.addr(), &options, "small").expect("connected");
    small.subscribe("x", 1);
    let publisher = Paho::new(broker.addr(), Version::V5, "publisher");
    for (size, fits) in [(900, true), (1_100, false), (100, true), (2_000, false), (1, true)] {
        publisher.publish("x", vec![b'x'; size], 1);
        if fits {
            assert_eq!(small.next().payload().len(), size);
        }
    }
}

#[test]
fn a_topic_with_as_many_levels_as_mqtt_allows_harms_nobody() {
    let broker = Running::new();
    let deep = "/".repeat(65_535);
    let mut subscriber = Raw::connect(broker.addr(), "subscriber", true);
    subscriber.subscribe("#", 1);
    let mut publisher = Raw::connect(broker.addr(), "publisher", true);
    for retain in [0, 1] {
        let length = u16::MAX.to_be_bytes();
        let body = [&length, deep.as_bytes(), &[0, 1], b"42"].concat();
        publisher.send(0x32 | retain, &body);
        assert_eq!(publisher.await_puback(), 1);
        let message = subscriber.next(DEADLINE).expect("a message in time");
        assert_eq!(message.number(), 42);
    }
    // It isn't retained, nor can it be subscribed to.
    let body = [&[0, 2], &u16::MAX.to_be_bytes()[..], deep.as_bytes(), &[1]].concat();
    publisher.send(0x82, &body);
    assert_eq!(publisher.receive(), Some((0x90, vec![0, 2, 0x80])));
    publisher.publish_numbers("still/fine", 1..=1);
}

#[test]
fn a_topic_with_a_nul_character_reaches_nobody() {
    let broker = Running::new();
    let mut listener = Raw::connect(broker.addr(), "listener", true);
    listener.subscribe("t/+", 1);
    let mut rude = Raw::connect(broker.addr(), "rude", true);
    rude.publish("t/a\0b", b"bad", 1);
    let _acknowledged_or_closed = rude.receive();
    let mut polite = Raw::connect(broker.addr(), "polite", true);
    polite.publish("t/a", b"good", 1);
    assert_eq!(listener.next(DEADLINE).expect("a message").payload, b"good");
}
