//! Messages from publishers to subscribers, at each QoS, within the bounds.

use super::*;
use crate::broker::hub::Admission;

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
    let once = message("a", "once", 2, 7);
    assert_eq!(bench.hub.admit(sender, &once), Ok(Admission::Accepted));
    bench.publish(sender, &once);
    bench.gone(sender);
    let sender = bench.connect(&persistent("s"));
    assert_eq!(bench.hub.admit(sender, &once), Ok(Admission::Repeated), "it has been published");
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
        let message = message("a", "", 2, number);
        assert_eq!(bench.hub.admit(sender, &message), Ok(Admission::Accepted));
        bench.publish(sender, &message);
    }
    let refused = Err(DisconnectReasonCode::ReceiveMaximumExceeded);
    assert_eq!(bench.hub.admit(sender, &message("a", "", 2, 100)), refused);
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
