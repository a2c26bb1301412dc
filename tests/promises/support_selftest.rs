//! Tests of `tests/support`: the brokers and clients behave as the other tests assume.

use std::time::Instant;

use crate::support::{
    Access, Ca, Client, HiveMq, Mosquitto, Received, SOON, Validity, eventually, require,
};

const USER: (&str, &str) = ("vigie", "s3cret ü");

#[test]
fn mosquitto_requires_tls_and_password() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let ca = Ca::new("test authority");
    let mut broker =
        Mosquitto::new().with_user(USER.0, USER.1).with_tls(&ca.issue_local(), ca.file());
    broker.start();
    round_trip(&broker.access());
    refuses_the_wrong(&broker.access());

    broker.stop();
    broker.set_certificate(&ca.issue(&["localhost", "127.0.0.1"], Validity::StoredState));
    broker.start();
    assert!(Client::try_connect(&broker.access()).is_err(), "an expired certificate");

    broker.stop();
    broker.set_certificate(&ca.issue(&["elsewhere.example"], Validity::Now));
    broker.start();
    assert!(Client::try_connect(&broker.access()).is_err(), "another host's certificate");
}

#[test]
fn hivemq_requires_tls_and_password() {
    if !require(&HiveMq::TOOLS) {
        return;
    }
    let ca = Ca::new("test authority");
    let mut broker = HiveMq::new().with_user(USER.0, USER.1).with_tls(&ca.issue_local(), ca.file());
    let from = Instant::now();
    broker.start();
    eprintln!("hivemq up after {:?}", from.elapsed());
    round_trip(&broker.access());
    refuses_the_wrong(&broker.access());
    broker.stop();
}

#[test]
fn mosquitto_keeps_sessions_over_a_kill() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let mut broker = Mosquitto::new().with_persistence();
    broker.start();
    sessions_outlive(&broker.access(), || {
        broker.save();
        broker.kill();
        broker.start();
    });
}

#[test]
fn hivemq_keeps_sessions_over_a_kill() {
    if !require(&HiveMq::TOOLS) {
        return;
    }
    let mut broker = HiveMq::new();
    broker.start();
    let access = broker.access();
    sessions_outlive(&access, || {
        broker.kill();
        broker.start();
    });
}

fn round_trip(access: &Access) {
    let subscriber = Client::listening(access, &["a/#"]);
    let sender = Client::connect(access);
    for qos in [1, 2] {
        sender.publish(&format!("a/{qos}"), "x", qos);
    }
    let is_as_sent = |message: &Received| message.payload == b"x" && !message.retained;
    for qos in [1, 2] {
        let message = subscriber.wait_message(&format!("a/{qos}"), SOON, is_as_sent);
        assert_eq!(message.qos, qos);
    }
    sender.publish_all((0..1000).map(|n| ("a/many".to_owned(), format!("{n}").into_bytes())));
    let many = subscriber.wait_count("a/many", 1000, SOON);
    let numbers: Vec<_> = many.iter().map(|m| m.json().as_i64().unwrap()).collect();
    assert_eq!(numbers, (0..1000).collect::<Vec<_>>());
    sender.disconnect();
}

fn refuses_the_wrong(access: &Access) {
    let refused = |access: &Access| Client::try_connect(access).is_err();
    let wrong_password = Some((USER.0.to_owned(), "wrong".to_owned()));
    assert!(refused(&Access { user: wrong_password, ..access.clone() }));
    assert!(refused(&Access { user: None, ..access.clone() }));
    let other = Ca::new("another authority");
    assert!(refused(&Access { ca_file: Some(other.file()), ..access.clone() }));
    // Paho aborts a TLS connection by itself now and then; that is not the broker's answer.
    eventually("localhost is let in", SOON, || {
        (!refused(&access.called("localhost"))).then_some(())
    });
}

/// Messages published while a session's client is offline are delivered, whatever `meanwhile` does.
fn sessions_outlive(access: &Access, meanwhile: impl FnOnce()) {
    let away = Client::resume(access, "sleeper").unwrap();
    away.subscribe("a/#");
    away.disconnect();
    let sender = Client::connect(access);
    sender.publish_all((0..2000).map(|n| ("a/b".to_owned(), format!("{n}").into_bytes())));
    meanwhile();
    let back = Client::resume(access, "sleeper").unwrap();
    let numbers = back.wait_count("a/b", 2000, SOON);
    let numbers: Vec<_> = numbers.iter().map(|m| m.json().as_i64().unwrap()).collect();
    assert_eq!(numbers, (0..2000).collect::<Vec<_>>());
}
