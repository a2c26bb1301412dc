//! What a restart finds: changes taken at any moment, a hub restored from them, and what was acknowledged.

mod killed;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::*;
use crate::broker::hub::{Admission, Restoring};
use crate::domain::BrokerStateChange;

/// What is on disk.
#[derive(Default, Clone)]
struct Disk(BTreeMap<Vec<u8>, Vec<u8>>);

impl Disk {
    fn apply(&mut self, change: BrokerStateChange) {
        match change {
            BrokerStateChange::Put(key, value) => drop(self.0.insert(key, value)),
            BrokerStateChange::Delete(key) => drop(self.0.remove(&key)),
            BrokerStateChange::DeleteAll(prefix) => {
                self.0.retain(|key, _| !key.starts_with(&prefix));
            }
        }
    }

    /// Another process begins with it.
    fn restart(&self, now: i64) -> Bench {
        let mut restoring = Restoring::new(Hub::new(LIMITS), now);
        for (key, value) in &self.0 {
            restoring.add(key, value, |_| Some(Grant::all_in_test()));
        }
        let (hub, num_left_out) = restoring.finish();
        assert_eq!(num_left_out, 0);
        let bench = Bench { hub, now };
        bench.assert_counted();
        bench
    }
}

impl Bench {
    /// One that keeps.
    fn keeping() -> Self {
        Disk::default().restart(1_000_000)
    }

    /// Writes what changed.
    fn write(&mut self, disk: &mut Disk) {
        while let Some(group) = self.hub.changes() {
            group.changes().for_each(|change| disk.apply(change));
            self.hub.written(group.number);
        }
    }

    /// Publishes; whether it is acknowledged already.
    fn publishes(&mut self, conn: ConnId, publish: &Publish) -> bool {
        self.hub.publish(self.now, conn, publish, Standing::PassedOn);
        self.is_acknowledged(conn)
    }

    fn is_acknowledged(&mut self, conn: ConnId) -> bool {
        let is_ack =
            |packet: &Packet| matches!(packet, Packet::PublishAck(_) | Packet::PublishReceived(_));
        self.take(conn).iter().any(is_ack)
    }
}

#[test]
fn what_waits_for_an_absent_client_outlives_the_process() {
    let (mut bench, mut disk) = (Bench::keeping(), Disk::default());
    let reader = bench.connect(&persistent("reader"));
    bench.subscribe(reader, "+", 2);
    bench.gone(reader);
    let publisher = bench.connect(&client("publisher"));
    let mut expiring = message("b", "2", 2, 2);
    expiring.properties = Some(PublishProperties {
        message_expiry_interval: NonZeroU32::new(10),
        content_type: Some("text".into()),
        ..PublishProperties::default()
    });
    assert!(!bench.publishes(publisher, &message("a", "1", 1, 1)), "not before it is written");
    bench.write(&mut disk);
    assert!(bench.is_acknowledged(publisher));
    bench.publishes(publisher, &expiring);
    bench.write(&mut disk);

    let mut bench = disk.restart(bench.now + 4000);
    let again = bench.try_connect(&persistent("reader")).expect("let in");
    assert!(again.session_present);
    let messages = bench.messages(again.conn);
    let [first, second] = messages.as_slice() else { panic!("{messages:?}") };
    assert_eq!((&*first.payload, first.qos.value()), (&b"1"[..], 1));
    assert_eq!((&*second.payload, second.qos.value()), (&b"2"[..], 2));
    assert!(first.dup && second.dup, "they may have been sent");
    let properties = second.properties.clone().expect("some");
    assert_eq!(properties.content_type.as_deref(), Some("text"));
    assert_eq!(properties.message_expiry_interval.map(NonZeroU32::get), Some(6));
    // Subscribed still, and further numbers are others.
    let publisher = bench.connect(&client("publisher"));
    bench.publishes(publisher, &message("c", "3", 1, 1));
    assert_eq!(bench.payloads(again.conn), [""; 0], "not before it is written");
    bench.write(&mut disk);
    let third = bench.messages(again.conn);
    let ids = [first, second, &third[0]].map(|it| it.packet_id.expect("an id").get());
    assert_eq!(ids, [1, 2, 3]);
}

#[test]
fn what_was_acknowledged_does_not_come_again() {
    let (mut bench, mut disk) = (Bench::keeping(), Disk::default());
    let reader = bench.connect(&persistent("reader"));
    bench.subscribe(reader, "+", 2);
    let publisher = bench.connect(&client("publisher"));
    for number in 1..=3_u16 {
        bench.publishes(publisher, &message("a", &number.to_string(), 2, number));
    }
    bench.write(&mut disk);
    assert_eq!(bench.payloads(reader), ["1", "2", "3"]);
    // The second is received, the third completed; the first is neither.
    for number in [2, 3] {
        bench.hub.packet(reader, Packet::PublishReceived(acked(number))).expect("goes on");
    }
    assert!(bench.take(reader).is_empty(), "no PUBREL before it is written");
    bench.write(&mut disk);
    assert_eq!(bench.take(reader).len(), 2);
    bench.hub.packet(reader, Packet::PublishComplete(completion(id(3)))).expect("goes on");
    bench.write(&mut disk);

    let mut bench = disk.restart(bench.now);
    let reader = bench.connect(&persistent("reader"));
    let packets = bench.take(reader);
    let [Packet::Publish(first), Packet::PublishRelease(second)] = packets.as_slice() else {
        panic!("{packets:?}")
    };
    assert_eq!((&*first.payload, first.packet_id), (&b"1"[..], Some(id(1))));
    assert_eq!(second.packet_id, id(2));
    bench.assert_counted();
}

#[test]
fn a_message_of_qos_2_is_known_again_after_a_restart_until_it_is_released() {
    let (mut bench, mut disk) = (Bench::keeping(), Disk::default());
    let publisher = bench.connect(&persistent("publisher"));
    let once = message("a", "1", 2, 7);
    assert!(!bench.publishes(publisher, &once), "no PUBREC before it is written");
    bench.write(&mut disk);
    assert!(bench.is_acknowledged(publisher));

    let mut bench = disk.restart(bench.now);
    let publisher = bench.connect(&persistent("publisher"));
    let repeated = bench.hub.admit(publisher, &once).expect("goes on");
    assert_eq!(repeated, Admission::Repeated);
    bench.hub.packet(publisher, Packet::PublishRelease(completion(id(7)))).expect("goes on");
    assert_eq!(bench.take(publisher).len(), 0, "no PUBCOMP before it is written");
    bench.write(&mut disk);
    assert_eq!(bench.take(publisher).len(), 2);

    let mut bench = disk.restart(bench.now);
    let publisher = bench.connect(&persistent("publisher"));
    let another = bench.hub.admit(publisher, &once).expect("goes on");
    assert_eq!(another, Admission::Accepted);
}

#[test]
fn retained_messages_outlive_the_process() {
    let (mut bench, mut disk) = (Bench::keeping(), Disk::default());
    let publisher = bench.connect(&client("publisher"));
    for (topic, payload) in [("a", "old"), ("b", "1"), ("a", "new"), ("c", "1"), ("b", "")] {
        bench.publishes(publisher, &retained(topic, payload));
    }
    assert!(!bench.is_acknowledged(publisher));
    bench.write(&mut disk);
    let mut bench = disk.restart(bench.now);
    let reader = bench.connect(&client("reader"));
    bench.subscribe(reader, "#", 1);
    assert_eq!(bench.payloads(reader), ["new", "1"]);
}

#[test]
fn sessions_end_as_they_would_have() {
    let (mut bench, mut disk) = (Bench::keeping(), Disk::default());
    let [left, connected, ended] =
        ["left", "connected", "ended"].map(|name| bench.connect(&persistent(name)));
    let clean = bench.connect(&client("clean"));
    for conn in [left, connected, ended, clean] {
        bench.subscribe(conn, "a", 1);
    }
    bench.gone(left);
    bench.now += 30_000;
    bench.hub.gone(bench.now, ended, true, Some(0));
    bench.write(&mut disk);
    // Of 60 s, one has had 30 already.
    let mut bench = disk.restart(bench.now + 10_000);
    let names = |bench: &Bench| {
        let views = bench.hub.views(10);
        views.iter().map(|view| view.client_id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(&bench), ["left", "connected"]);
    bench.now += 25_000;
    bench.hub.tick(bench.now);
    assert_eq!(names(&bench), ["connected"]);
    bench.write(&mut disk);
    assert_eq!(names(&disk.restart(bench.now)), ["connected"]);
}

#[test]
fn what_cannot_be_read_is_left_out() {
    let (mut bench, mut disk) = (Bench::keeping(), Disk::default());
    let reader = bench.connect(&persistent("reader"));
    bench.subscribe(reader, "a", 1);
    let publisher = bench.connect(&client("publisher"));
    bench.publishes(publisher, &message("a", "1", 1, 1));
    bench.publishes(publisher, &retained("b", "1"));
    bench.write(&mut disk);
    for length in 0..12 {
        let mut restoring = Restoring::new(Hub::<&str>::new(LIMITS), bench.now);
        for (key, value) in &disk.0 {
            let cut = &value[..value.len().min(length)];
            restoring.add(key, cut, |_| None);
            restoring.add(&key[..key.len().min(length)], value, |_| None);
        }
        let (_, num_left_out) = restoring.finish();
        assert!(num_left_out > 0, "{length}");
    }
}

#[test]
fn a_clean_start_is_confirmed_once_the_old_session_is_gone() {
    let (mut bench, mut disk) = (Bench::keeping(), Disk::default());
    bench.connect(&persistent("c"));
    bench.write(&mut disk);
    let clean = Connect { clean_start: true, ..persistent("c") };
    let again = bench.try_connect(&clean).expect("let in");
    bench.hub.greet(again.conn, again.after, Packet::ConnectAck(Box::default()));
    // It doesn't wait for the CONNACK to ping and subscribe, and a message is there for it.
    bench.hub.packet(again.conn, Packet::PingRequest).expect("goes on");
    bench.subscribe(again.conn, "t", 0);
    let device = bench.connect(&client("device"));
    bench.publish(device, &message("t", "1", 0, 0));
    assert!(bench.take(again.conn).is_empty(), "not before it is written");
    bench.write(&mut disk);
    let said = bench.take(again.conn);
    assert!(
        matches!(&said[..], [Packet::ConnectAck(_), Packet::PingResponse, Packet::Publish(_)]),
        "{said:?}"
    );
    let other = bench.try_connect(&client("other")).expect("let in");
    assert_eq!(other.after, 0, "nothing is kept of it");
}

#[test]
fn retained_messages_that_were_not_all_sent_are_sent_after_a_restart() {
    let (mut bench, mut disk) = (Bench::keeping(), Disk::default());
    let publisher = bench.connect(&client("publisher"));
    for topic in ["a", "b"] {
        bench.publishes(publisher, &retained(topic, topic));
    }
    let reader = bench.connect(&persistent("reader"));
    bench.subscribe(reader, "#", 1);
    bench.write(&mut disk);
    // Granted and written, and nothing of them is sent.
    let mut bench = disk.restart(bench.now);
    let reader = bench.connect(&persistent("reader"));
    let mut payloads = Vec::new();
    for _ in 0..3 {
        payloads.append(&mut bench.payloads(reader));
        bench.write(&mut disk);
    }
    assert_eq!(payloads, ["a", "b"]);
    for number in [1, 2] {
        bench.hub.packet(reader, Packet::PublishAck(acked(number))).expect("goes on");
    }
    bench.write(&mut disk);
    let mut bench = disk.restart(bench.now);
    let reader = bench.connect(&persistent("reader"));
    assert_eq!(bench.payloads(reader), [""; 0], "they were");
}

#[test]
fn what_comes_and_goes_while_nothing_is_written_leaves_nothing_to_be_written() {
    let (mut bench, mut disk) = (Bench::keeping(), Disk::default());
    let reader = bench.connect(&persistent("reader"));
    bench.subscribe(reader, "a", 1);
    bench.gone(reader);
    let publisher = bench.connect(&client("publisher"));
    bench.write(&mut disk);
    for number in 0..500_u16 {
        bench.hub.publish(bench.now, publisher, &message("a", "1", 1, 1), Standing::PassedOn);
        let topic = format!("b/{number}");
        for payload in ["1", ""] {
            let publish = retained(&topic, payload);
            bench.hub.publish(bench.now, publisher, &publish, Standing::PassedOn);
        }
    }
    let waiting = bench.hub.views(9).iter().map(|view| view.num_waiting).max().expect("some");
    let group = bench.hub.changes().expect("what is left");
    assert_eq!(group.changes().count(), waiting, "the queue as it is now");
    bench.hub.written(group.number);
    assert!(bench.is_acknowledged(publisher));
}
