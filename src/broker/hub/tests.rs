//! The hub by itself: packets in, packets out, time by hand.

use std::num::NonZeroU16;

use bytes::Bytes;
use rmqtt_codec::types::{Publish, QoS};
use rmqtt_codec::v5::{
    Connect, DisconnectReasonCode, LastWill, Packet, PublishAck, PublishAckReason,
    PublishProperties, RetainHandling, Subscribe, SubscribeAckReason, SubscriptionOptions,
};

use super::{ConnId, Connected, Hub, Limits, Origin, Refusal, Standing, completion};

const LIMITS: Limits = Limits {
    sessions: 5,
    subscriptions: 3,
    subscription_bytes: 3000,
    all_subscription_bytes: 3500,
    window: 4,
    session_bytes: 10_000,
    all_bytes: 15_000,
    retained: 3,
    retained_bytes: 2000,
    session_expiry_ms: 60_000,
};

/// A hub, and the time.
struct Bench {
    hub: Hub<&'static str>,
    now: i64,
}

fn id(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).expect("not 0")
}

fn client(name: &str) -> Connect {
    Connect { client_id: name.into(), clean_start: true, ..connect() }
}

fn connect() -> Connect {
    Connect {
        clean_start: false,
        keep_alive: 0,
        session_expiry_interval_secs: 0,
        auth_method: None,
        auth_data: None,
        request_problem_info: true,
        request_response_info: false,
        receive_max: None,
        topic_alias_max: 0,
        user_properties: Vec::new(),
        max_packet_size: None,
        last_will: None,
        client_id: String::new().into(),
        username: None,
        password: None,
        cert: None,
    }
}

fn persistent(name: &str) -> Connect {
    Connect { clean_start: false, session_expiry_interval_secs: 60, ..client(name) }
}

fn with_will(connect: Connect, topic: &str, delay_s: u32) -> Connect {
    let last_will = Some(LastWill {
        qos: QoS::AtLeastOnce,
        retain: false,
        topic: topic.into(),
        message: Bytes::from_static(b"gone"),
        will_delay_interval_sec: Some(delay_s),
        correlation_data: None,
        message_expiry_interval: None,
        content_type: None,
        user_properties: Vec::new(),
        is_utf8_payload: None,
        response_topic: None,
    });
    Connect { last_will, ..connect }
}

fn message(topic: &str, payload: &str, qos: u8, packet_id: u16) -> Publish {
    Publish {
        dup: false,
        retain: false,
        qos: QoS::try_from(qos).expect("a QoS"),
        topic: topic.into(),
        packet_id: NonZeroU16::new(packet_id),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
        properties: None,
    }
}

fn retained(topic: &str, payload: &str) -> Publish {
    Publish { retain: true, ..message(topic, payload, 1, 1) }
}

fn acked(number: u16) -> PublishAck {
    PublishAck {
        packet_id: id(number),
        reason_code: PublishAckReason::Success,
        properties: Vec::new(),
        reason_string: None,
    }
}

impl Bench {
    fn new() -> Self {
        Self { hub: Hub::new(LIMITS), now: 1_000_000 }
    }

    fn try_connect(&mut self, connect: &Connect) -> Result<Connected, Refusal> {
        self.hub.connect(self.now, connect, Origin { waker: "waker", address: None })
    }

    fn connect(&mut self, connect: &Connect) -> ConnId {
        self.try_connect(connect).expect("let in").conn
    }

    fn subscribe(&mut self, conn: ConnId, filter: &str, qos: u8) -> SubscribeAckReason {
        self.subscribe_with(conn, filter, |options| {
            options.qos = QoS::try_from(qos).expect("a QoS");
        })
    }

    fn subscribe_with(
        &mut self,
        conn: ConnId,
        filter: &str,
        change: impl Fn(&mut SubscriptionOptions),
    ) -> SubscribeAckReason {
        let mut options = SubscriptionOptions { qos: QoS::ExactlyOnce, ..Default::default() };
        change(&mut options);
        let subscribe = Subscribe {
            packet_id: id(9),
            id: None,
            user_properties: Vec::new(),
            topic_filters: vec![(filter.into(), options)],
        };
        self.hub.packet(conn, Packet::Subscribe(subscribe)).expect("goes on");
        let session = self.hub.session(conn).expect("attached");
        match session.control.pop_back() {
            Some(Packet::SubscribeAck(ack)) => ack.status[0],
            other => panic!("not a SUBACK: {other:?}"),
        }
    }

    /// Publishes; the reason that it is acknowledged with.
    fn publish(&mut self, conn: ConnId, publish: &Publish) -> Option<PublishAckReason> {
        self.hub.publish(self.now, conn, publish, Standing::PassedOn);
        match self.hub.session(conn)?.control.pop_back()? {
            Packet::PublishAck(ack) | Packet::PublishReceived(ack) => Some(ack.reason_code),
            other => panic!("not an acknowledgement: {other:?}"),
        }
    }

    fn take(&mut self, conn: ConnId) -> Vec<Packet> {
        self.hub.take(self.now, conn, 100_000).expect("current")
    }

    fn messages(&mut self, conn: ConnId) -> Vec<Publish> {
        // A load takes several turns.
        let packets: Vec<_> = (0..5).flat_map(|_| self.take(conn)).collect();
        let packets = packets.into_iter();
        packets
            .filter_map(|it| if let Packet::Publish(it) = it { Some(*it) } else { None })
            .collect()
    }

    fn payloads(&mut self, conn: ConnId) -> Vec<String> {
        let payload = |it: &Publish| String::from_utf8(it.payload.to_vec()).expect("text");
        self.messages(conn).iter().map(payload).collect()
    }

    fn gone(&mut self, conn: ConnId) {
        self.hub.gone(self.now, conn, true, None);
    }

    fn publish_due(&mut self) -> usize {
        let due = self.hub.due();
        let count = due.len();
        due.into_iter().for_each(|will| self.hub.publish_will(self.now, will));
        count
    }

    /// Nothing is counted twice, or forgotten.
    fn assert_counted(&self) {
        let sessions = || self.hub.sessions.iter().flatten();
        assert_eq!(self.hub.bytes, sessions().map(super::Session::bytes).sum::<usize>());
        let subscriptions = sessions().map(|it| it.subscription_bytes).sum::<usize>();
        assert_eq!(self.hub.subscription_bytes, subscriptions);
    }
}

#[test]
fn a_message_goes_to_each_client_once_with_the_lesser_quality() {
    let mut bench = Bench::new();
    let (sender, both, other) =
        (bench.connect(&client("s")), bench.connect(&client("b")), bench.connect(&client("o")));
    bench.subscribe(both, "a/#", 0);
    bench.subscribe(both, "a/+", 1);
    bench.subscribe(other, "b", 2);
    assert_eq!(bench.publish(sender, &message("a/x", "1", 2, 1)), Some(PublishAckReason::Success));
    let none = Some(PublishAckReason::NoMatchingSubscribers);
    assert_eq!(bench.publish(sender, &message("c", "2", 1, 2)), none);
    let got = bench.messages(both);
    assert_eq!((got.len(), got[0].qos, got[0].packet_id), (1, QoS::AtLeastOnce, Some(id(1))));
    assert!(bench.take(other).is_empty());
    bench.assert_counted();
}

#[test]
fn what_waits_for_an_absent_client_comes_in_order_and_what_was_not_acknowledged_again() {
    let mut bench = Bench::new();
    let (sender, away) = (bench.connect(&client("s")), bench.connect(&persistent("away")));
    bench.subscribe(away, "a", 1);
    for number in 1..=3 {
        bench.publish(sender, &message("a", &number.to_string(), 1, number));
    }
    assert_eq!(bench.payloads(away), ["1", "2", "3"]);
    bench.hub.packet(away, Packet::PublishAck(acked(2))).expect("goes on");
    bench.gone(away);
    bench.publish(sender, &message("a", "4", 1, 4));
    bench.publish(sender, &message("a", "lost", 0, 0));
    let back = bench.try_connect(&persistent("away")).expect("let in");
    assert!(back.session_present);
    let again = bench.messages(back.conn);
    let seen: Vec<_> = again.iter().map(|it| (&it.payload[..], it.dup)).collect();
    assert_eq!(seen, [(&b"1"[..], true), (&b"3"[..], true), (&b"4"[..], false)]);
    bench.assert_counted();
    for number in [1, 3, 4] {
        bench.hub.packet(back.conn, Packet::PublishAck(acked(number))).expect("goes on");
    }
    assert_eq!(bench.hub.bytes, 0);
}

#[test]
fn no_more_is_under_way_than_the_client_takes() {
    let mut bench = Bench::new();
    let sender = bench.connect(&client("s"));
    let slow = bench.connect(&Connect { receive_max: Some(id(2)), ..client("slow") });
    bench.subscribe(slow, "a", 1);
    for number in 1..=5 {
        bench.publish(sender, &message("a", &number.to_string(), 1, number));
    }
    assert_eq!(bench.payloads(slow), ["1", "2"]);
    assert!(bench.take(slow).is_empty());
    bench.hub.packet(slow, Packet::PublishAck(acked(1))).expect("goes on");
    assert_eq!(bench.payloads(slow), ["3"]);
}

#[test]
fn quality_2_both_ways_survives_a_new_connection_at_each_step() {
    let mut bench = Bench::new();
    let (sender, getter) = (bench.connect(&persistent("s")), bench.connect(&persistent("g")));
    bench.subscribe(getter, "a", 2);
    assert_eq!(bench.hub.is_repeated(sender, id(7)), Ok(false));
    bench.publish(sender, &message("a", "once", 2, 7));
    bench.gone(sender);
    let sender = bench.connect(&persistent("s"));
    assert_eq!(bench.hub.is_repeated(sender, id(7)), Ok(true), "it has been published");
    assert!(matches!(bench.take(sender)[..], [Packet::PublishReceived(_)]));
    bench.hub.packet(sender, Packet::PublishRelease(completion(id(7)))).expect("goes on");
    assert!(matches!(bench.take(sender)[..], [Packet::PublishComplete(_)]));

    assert_eq!(bench.payloads(getter), ["once"]);
    bench.hub.packet(getter, Packet::PublishReceived(acked(1))).expect("goes on");
    assert!(matches!(bench.take(getter)[..], [Packet::PublishRelease(_)]));
    bench.gone(getter);
    let getter = bench.connect(&persistent("g"));
    assert!(matches!(bench.take(getter)[..], [Packet::PublishRelease(_)]), "not the message");
    bench.hub.packet(getter, Packet::PublishComplete(completion(id(1)))).expect("goes on");
    assert_eq!((bench.hub.bytes, bench.take(getter).len()), (0, 0));
}

#[test]
fn more_open_messages_than_were_offered_end_the_connection() {
    let mut bench = Bench::new();
    let sender = bench.connect(&client("s"));
    for number in 1..=LIMITS.window {
        assert_eq!(bench.hub.is_repeated(sender, id(number)), Ok(false));
        bench.publish(sender, &message("a", "", 2, number));
    }
    let refused = Err(DisconnectReasonCode::ReceiveMaximumExceeded);
    assert_eq!(bench.hub.is_repeated(sender, id(100)), refused);
}

#[test]
fn a_full_queue_drops_the_oldest_and_says_so() {
    let mut bench = Bench::new();
    let (sender, away) = (bench.connect(&client("s")), bench.connect(&persistent("away")));
    bench.subscribe(away, "a", 1);
    bench.gone(away);
    for number in 1..=30 {
        let text = format!("{number:01000}");
        bench.publish(sender, &message("a", &text, 1, number));
        assert!(bench.hub.bytes <= LIMITS.session_bytes);
        bench.assert_counted();
    }
    let losses = bench.hub.losses();
    assert_eq!((losses.dropped.count, &*losses.dropped.last), (22, "away"));
    let back = bench.connect(&persistent("away"));
    assert!(bench.payloads(back)[0].ends_with("023"));
}

#[test]
fn where_there_is_no_room_who_is_away_with_most_gives_way() {
    let mut bench = Bench::new();
    let sender = bench.connect(&client("s"));
    for name in ["x", "y"] {
        let away = bench.connect(&persistent(name));
        bench.subscribe(away, name, 1);
        bench.gone(away);
        for number in 1..=6 {
            bench.publish(sender, &message(name, &"z".repeat(1000), 1, number));
        }
    }
    let here = bench.connect(&client("here"));
    bench.subscribe(here, "a", 1);
    let stored = Some(PublishAckReason::Success);
    assert_eq!(bench.publish(sender, &message("a", &"z".repeat(3000), 1, 99)), stored);
    assert_eq!(bench.payloads(here).len(), 1);
    let losses = bench.hub.losses().dropped;
    assert_eq!((losses.count, bench.hub.views(9).len()), (3, 4));
    bench.assert_counted();
}

#[test]
fn who_has_no_room_at_all_is_told_unless_it_is_logged() {
    let mut bench = Bench::new();
    let sender = bench.connect(&client("s"));
    let here = bench.connect(&client("here"));
    bench.subscribe(here, "a", 1);
    let large = message("a", &"z".repeat(11_000), 1, 99);
    assert_eq!(bench.publish(sender, &large), Some(PublishAckReason::QuotaExceeded));
    bench.hub.publish(bench.now, sender, &large, Standing::Logged);
    assert!(matches!(&bench.take(sender)[..],
        [Packet::PublishAck(ack)] if ack.reason_code == PublishAckReason::Success));
    bench.assert_counted();
}

#[test]
fn what_is_sent_again_keeps_to_what_the_new_connection_takes() {
    let mut bench = Bench::new();
    let (sender, first) = (bench.connect(&client("s")), bench.connect(&persistent("c")));
    bench.subscribe(first, "a", 1);
    bench.publish(sender, &message("a", &"z".repeat(500), 1, 1));
    for number in 2..=4 {
        bench.publish(sender, &message("a", &number.to_string(), 1, number));
    }
    assert_eq!(bench.messages(first).len(), 4);
    bench.gone(first);
    let small = Connect {
        receive_max: Some(id(2)),
        max_packet_size: std::num::NonZeroU32::new(200),
        ..persistent("c")
    };
    let small = bench.connect(&small);
    assert_eq!(bench.payloads(small), ["2", "3"]);
    bench.hub.packet(small, Packet::PublishAck(acked(2))).expect("goes on");
    assert_eq!(bench.payloads(small), ["4"]);
    assert_eq!(bench.hub.losses().oversized.count, 1);
    bench.assert_counted();
}

#[test]
fn a_connection_that_was_taken_over_changes_nothing() {
    let mut bench = Bench::new();
    let old = bench.connect(&persistent("c"));
    bench.subscribe(old, "a", 1);
    let new = bench.connect(&persistent("c"));
    assert_eq!(bench.hub.take(bench.now, old, 1), Err(DisconnectReasonCode::SessionTakenOver));
    bench.gone(old);
    bench.publish(new, &message("a", "for the new one", 1, 1));
    assert_eq!(bench.payloads(new), ["for the new one"]);
}

#[test]
fn sessions_end_after_their_time_and_there_are_no_more_than_allowed() {
    let mut bench = Bench::new();
    for number in 0..LIMITS.sessions {
        let conn = bench.connect(&persistent(&number.to_string()));
        bench.subscribe(conn, "a", 1);
        bench.gone(conn);
    }
    // Who was away for longest makes room.
    let more = bench.connect(&client("more"));
    assert_eq!(bench.hub.views(10).len(), LIMITS.sessions);
    bench.gone(more);
    let mut all: Vec<_> =
        (0..LIMITS.sessions).map(|it| bench.connect(&client(&format!("x{it}")))).collect();
    assert_eq!(bench.try_connect(&client("more")).map(|it| it.conn), Err(Refusal::Full));
    all.drain(..).for_each(|conn| bench.gone(conn));
    let away = bench.connect(&persistent("away"));
    bench.subscribe(away, "a", 1);
    bench.gone(away);
    bench.now += 60_000;
    bench.hub.tick(bench.now);
    let sender = bench.connect(&client("more"));
    let none = Some(PublishAckReason::NoMatchingSubscribers);
    assert_eq!(bench.publish(sender, &message("a", "", 1, 1)), none);
    assert_eq!(bench.hub.views(10).len(), 1);
}

#[test]
fn a_will_is_due_after_its_delay_unless_its_client_comes_back_or_takes_it_back() {
    let mut bench = Bench::new();
    let watcher = bench.connect(&client("w"));
    bench.subscribe(watcher, "will", 1);
    let at_once = bench.connect(&with_will(client("now"), "will", 0));
    bench.gone(at_once);
    assert_eq!((bench.publish_due(), bench.payloads(watcher).len()), (1, 1));

    let late = bench.connect(&with_will(persistent("late"), "will", 10));
    bench.gone(late);
    bench.now += 9000;
    bench.hub.tick(bench.now);
    assert_eq!(bench.publish_due(), 0);
    let late = bench.connect(&with_will(persistent("late"), "will", 10));
    bench.now += 9000;
    bench.hub.tick(bench.now);
    assert_eq!(bench.publish_due(), 0, "it came back");
    bench.gone(late);
    bench.now += 10_000;
    bench.hub.tick(bench.now);
    assert_eq!(bench.publish_due(), 1);

    // The end of the session, where that comes first.
    let short =
        with_will(Connect { session_expiry_interval_secs: 5, ..persistent("short") }, "will", 30);
    let short = bench.connect(&short);
    bench.gone(short);
    bench.now += 5000;
    bench.hub.tick(bench.now);
    assert_eq!(bench.publish_due(), 1);

    let polite = bench.connect(&with_will(client("polite"), "will", 0));
    bench.hub.gone(bench.now, polite, false, None);
    assert_eq!(bench.publish_due(), 0);
    let wrong = with_will(client("wrong"), "a/#", 0);
    assert_eq!(bench.try_connect(&wrong).map(|it| it.conn), Err(Refusal::WillTopic));
    bench.assert_counted();
}

#[test]
fn retained_messages_come_with_a_subscription_and_have_a_bound() {
    let mut bench = Bench::new();
    let sender = bench.connect(&client("s"));
    for topic in ["a/1", "a/2", "b"] {
        bench.publish(sender, &retained(topic, topic));
    }
    let refused = Some(PublishAckReason::QuotaExceeded);
    assert_eq!(bench.publish(sender, &retained("c", "no room")), refused);
    let late = bench.connect(&client("late"));
    for _ in 0..100 {
        bench.subscribe(late, "a/#", 0);
    }
    let got = bench.messages(late);
    let seen: Vec<_> = got.iter().map(|it| (&*it.topic, it.retain)).collect();
    assert_eq!(seen, [("a/1", true), ("a/2", true)], "once, however often it was asked for");
    bench.subscribe_with(late, "b", |it| it.retain_handling = RetainHandling::NoAtSubscribe);
    bench.publish(sender, &retained("a/1", ""));
    bench.subscribe(late, "a/#", 0);
    // The live one, then what is left.
    let seen: Vec<_> =
        bench.messages(late).iter().map(|it| (it.topic.to_string(), it.retain)).collect();
    assert_eq!(seen, [("a/1".to_owned(), false), ("a/2".to_owned(), true)]);
}

#[test]
fn messages_expire_wherever_they_wait() {
    let mut bench = Bench::new();
    let (sender, away) = (bench.connect(&client("s")), bench.connect(&persistent("away")));
    bench.subscribe(away, "a", 1);
    bench.gone(away);
    let short = |message: Publish| Publish {
        properties: Some(PublishProperties {
            message_expiry_interval: std::num::NonZeroU32::new(10),
            ..PublishProperties::default()
        }),
        ..message
    };
    bench.publish(sender, &short(message("a", "short", 1, 1)));
    bench.publish(sender, &message("a", "long", 1, 2));
    bench.publish(sender, &short(retained("r", "short")));
    bench.now += 4000;
    let away = bench.connect(&persistent("away"));
    let left =
        bench.messages(away)[0].properties.clone().expect("properties").message_expiry_interval;
    assert_eq!(left.map(std::num::NonZeroU32::get), Some(6));
    bench.now += 6000;
    bench.subscribe(away, "r", 1);
    assert!(bench.messages(away).is_empty());
    bench.hub.tick(bench.now);
    assert_eq!(bench.hub.retained.len(), 0);
}

#[test]
fn one_of_a_group_gets_each_message_and_rather_one_that_is_there() {
    let mut bench = Bench::new();
    let sender = bench.connect(&client("s"));
    let (one, two) = (bench.connect(&persistent("1")), bench.connect(&persistent("2")));
    for member in [one, two] {
        assert_eq!(bench.subscribe(member, "$share/g/a", 1), SubscribeAckReason::GrantedQos1);
    }
    for number in 1..=4 {
        bench.publish(sender, &message("a", &number.to_string(), 1, number));
    }
    assert_eq!(
        (bench.payloads(one), bench.payloads(two)),
        (vec!["1".into(), "3".into()], vec!["2".into(), "4".into()])
    );
    bench.gone(one);
    bench.publish(sender, &message("a", "5", 1, 5));
    assert_eq!(bench.payloads(two), ["5"]);
    for wrong in ["$share/g", "$share//a", "$share/g/a/#/b"] {
        assert_eq!(bench.subscribe(two, wrong, 1), SubscribeAckReason::TopicFilterInvalid);
    }
}

#[test]
fn own_messages_do_not_come_back_where_they_are_not_wanted() {
    let mut bench = Bench::new();
    let (one, two) = (bench.connect(&client("1")), bench.connect(&client("2")));
    bench.subscribe_with(one, "a", |options| options.no_local = true);
    bench.subscribe_with(two, "a", |options| options.retain_as_published = true);
    bench.publish(one, &retained("a", "x"));
    assert!(bench.messages(one).is_empty());
    assert!(bench.messages(two)[0].retain);
}

#[test]
fn filters_of_a_client_have_a_bound() {
    let mut bench = Bench::new();
    let conn = bench.connect(&client("c"));
    for filter in ["a", "b"] {
        assert_eq!(bench.subscribe(conn, filter, 0), SubscribeAckReason::GrantedQos0);
    }
    assert_eq!(bench.subscribe(conn, &"/".repeat(99), 0), SubscribeAckReason::QuotaExceeded);
    assert_eq!(bench.subscribe(conn, "c", 0), SubscribeAckReason::GrantedQos0);
    assert_eq!(bench.subscribe(conn, "d", 0), SubscribeAckReason::QuotaExceeded);
    assert_eq!(bench.subscribe(conn, "a", 1), SubscribeAckReason::GrantedQos1, "known already");
    bench.assert_counted();
    let other = bench.connect(&client("other"));
    let refused = SubscribeAckReason::QuotaExceeded;
    assert_eq!(bench.subscribe(other, "1/2/3/4/5/6/7/8/9", 0), refused, "all have too many");
    bench.gone(conn);
    assert_eq!(bench.subscribe(other, "1/2/3/4/5/6/7/8/9", 0), SubscribeAckReason::GrantedQos0);
    bench.gone(other);
    assert_eq!(bench.hub.subscription_bytes, 0);
}

#[test]
fn what_is_too_large_for_a_client_is_passed_over() {
    let mut bench = Bench::new();
    let sender = bench.connect(&client("s"));
    let small = Connect { max_packet_size: std::num::NonZeroU32::new(100), ..client("small") };
    let small = bench.connect(&small);
    bench.subscribe(small, "a", 1);
    for payload in ["x".repeat(200), "fits".to_owned()] {
        bench.publish(sender, &message("a", &payload, 1, 1));
    }
    assert_eq!(bench.payloads(small), ["fits"]);
    assert_eq!(bench.hub.losses().oversized.count, 1);
}
