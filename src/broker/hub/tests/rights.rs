//! What clients may, as the hub goes by it.

use std::sync::Arc;

use super::*;
use crate::broker::hub::Admission;
use crate::config::GATEWAY_USER;

/// A user with these rights.
fn user(name: &str, publish: &[&str], subscribe: &[&str]) -> Grant {
    let owned = |patterns: &[&str]| patterns.iter().map(|it| (*it).to_owned()).collect();
    let rights = Limited {
        publish: owned(publish),
        subscribe: owned(subscribe),
        reserved: owned(&["alerts/#"]),
    };
    let rights = Arc::new(Rights::Limited(rights));
    Grant { user: Some(name.into()), password: [0; 32], rights }
}

impl Bench {
    fn connect_as(&mut self, connect: &Connect, grant: Grant) -> ConnId {
        self.try_connect_as(connect, grant).expect("let in").conn
    }

    /// Looks at a message; what becomes of it, and the answer.
    fn admit(&mut self, conn: ConnId, publish: &Publish) -> (Admission, Option<PublishAckReason>) {
        let admission = self.hub.admit(conn, publish).expect("goes on");
        let answer = self.hub.session(conn).expect("attached").last_said_in_test();
        let reason = answer.map(|packet| match packet {
            Packet::PublishAck(ack) | Packet::PublishReceived(ack) => ack.reason_code,
            other => panic!("not an acknowledgement: {other:?}"),
        });
        (admission, reason)
    }

    fn regrant(&mut self, grant: &Grant) {
        self.hub.regrant(self.now, |old, _| {
            if old.user == grant.user { Some(grant.clone()) } else { Some(old.clone()) }
        });
    }
}

#[test]
fn a_message_without_the_right_to_it_is_answered_and_counted() {
    let mut bench = Bench::new();
    let conn = bench.connect_as(&client("c"), user("pump", &["#"], &[]));
    let denied = (Admission::Denied, Some(PublishAckReason::NotAuthorized));
    assert_eq!(bench.admit(conn, &message("alerts/x", "forged", 1, 1)), denied);
    assert_eq!(bench.admit(conn, &message("alerts/x", "forged", 2, 1)), denied);
    let unanswered = (Admission::Denied, None);
    assert_eq!(bench.admit(conn, &message("alerts/x", "forged", 0, 0)), unanswered);
    let accepted = (Admission::Accepted, None);
    assert_eq!(bench.admit(conn, &message("sensors/x", "1", 2, 1)), accepted);
    let denied = bench.hub.losses().denied;
    assert_eq!((denied.count, &*denied.last), (3, r#""c" to "alerts/x""#));
}

#[test]
fn a_subscription_is_granted_with_all_that_it_brings() {
    let mut bench = Bench::new();
    let conn = bench.connect_as(&client("c"), user("pump", &[], &["cmd/%c/#"]));
    assert_eq!(bench.subscribe(conn, "cmd/c/#", 1), SubscribeAckReason::GrantedQos1);
    for filter in ["#", "cmd/+/x", "cmd/d/x", "$share/g/cmd/d/x"] {
        assert_eq!(bench.subscribe(conn, filter, 1), SubscribeAckReason::NotAuthorized, "{filter}");
    }
    assert_eq!(bench.subscribe(conn, "$share/g/cmd/c/x", 1), SubscribeAckReason::GrantedQos1);
    assert_eq!(bench.hub.losses().denied.count, 4);
}

#[test]
fn a_will_needs_the_right_when_it_is_left_and_when_it_is_published() {
    let mut bench = Bench::new();
    let with_will = with_will(persistent("c"), "state/pump", 5);
    let refused = bench.try_connect_as(&with_will, user("pump", &["state/fan"], &[]));
    assert_eq!(refused.map(|_| ()), Err(Refusal::WillRights));
    for (patterns, is_published) in [(&["state/%u"][..], true), (&["other"][..], false)] {
        let conn = bench.connect_as(&with_will, user("pump", &["state/%u"], &[]));
        bench.regrant(&user("pump", patterns, &[]));
        bench.gone(conn);
        bench.now += 6000;
        bench.hub.tick(bench.now);
        assert_eq!(bench.publish_due(), usize::from(is_published), "{patterns:?}");
    }
    bench.assert_counted();
}

#[test]
fn what_waits_is_looked_at_again_when_rights_change() {
    let mut bench = Bench::new();
    let reader = |patterns: &[&str]| user("hall", &[], patterns);
    let conn = bench.connect_as(&persistent("reader"), reader(&["#"]));
    let publisher = bench.connect(&client("publisher"));
    bench.publish(publisher, &retained("secret/kept", "k"));
    bench.subscribe(conn, "+/x", 1);
    bench.gone(conn);
    for topic in ["secret/x", "open/x"] {
        bench.publish(publisher, &message(topic, topic, 1, 1));
    }
    bench.regrant(&reader(&["open/#"]));
    let conn = bench.connect_as(&persistent("reader"), reader(&["open/#"]));
    assert_eq!(bench.payloads(conn), ["open/x"]);
    assert_eq!(bench.subscribe(conn, "secret/kept", 1), SubscribeAckReason::NotAuthorized);
    // Subscribed while it might, and loaded once it may not.
    bench.regrant(&reader(&["#"]));
    bench.subscribe(conn, "secret/#", 1);
    bench.regrant(&reader(&["open/#"]));
    assert_eq!(bench.payloads(conn), [""; 0]);
    bench.publish(publisher, &message("secret/x", "now", 1, 1));
    assert_eq!(bench.payloads(conn), [""; 0]);
    bench.assert_counted();
}

#[test]
fn another_users_session_is_not_to_be_had() {
    let mut bench = Bench::new();
    let pump = user("pump", &["#"], &["#"]);
    let conn = bench.connect_as(&persistent("c"), pump.clone());
    bench.subscribe(conn, "x", 1);
    let thief = bench.try_connect_as(&persistent("c"), user("thief", &["#"], &["#"]));
    assert_eq!(thief.map(|_| ()), Err(Refusal::Foreign));
    assert!(bench.hub.take(bench.now, conn, 1000).is_ok(), "it is connected still");
    let again = bench.try_connect_as(&persistent("c"), pump).expect("let in");
    assert!(again.session_present);
}

#[test]
fn the_gateway_is_kept_out_by_nobody() {
    let mut bench = Bench::new();
    let conn = bench.connect_as(&persistent("vigie-pub"), user("thief", &["#"], &["#"]));
    let rights = Arc::new(Rights::All);
    let gateway = Grant { user: Some(GATEWAY_USER.into()), password: [0; 32], rights };
    let connected = bench.try_connect_as(&persistent("vigie-pub"), gateway).expect("let in");
    assert!(!connected.session_present);
    let end = bench.hub.take(bench.now, conn, 1000);
    assert_eq!(end.map(|_| ()), Err(DisconnectReasonCode::SessionTakenOver));
}

#[test]
fn a_member_of_a_group_that_may_not_have_a_message_leaves_it_to_the_others() {
    let mut bench = Bench::new();
    let [one, two] = ["one", "two"].map(|name| {
        let conn = bench.connect_as(&client(name), user(name, &[], &["x"]));
        bench.subscribe(conn, "$share/g/x", 1);
        conn
    });
    bench.regrant(&user("one", &[], &[]));
    let publisher = bench.connect(&client("publisher"));
    for number in 1..=3 {
        bench.publish(publisher, &message("x", "x", 1, number));
    }
    assert_eq!((bench.payloads(one).len(), bench.payloads(two).len()), (0, 3));
}

#[test]
fn a_user_that_is_gone_is_cut_off_and_leaves_the_session() {
    let mut bench = Bench::new();
    let conn = bench.connect_as(&persistent("c"), user("pump", &["#"], &["#"]));
    bench.subscribe(conn, "x", 1);
    bench.hub.wakes();
    bench.hub.regrant(bench.now, |_, _| None);
    assert_eq!(bench.hub.wakes(), ["waker"]);
    let end = bench.hub.take(bench.now, conn, 1000);
    assert_eq!(end.map(|_| ()), Err(DisconnectReasonCode::AdministrativeAction));
    let other = bench.try_connect_as(&persistent("c"), user("fan", &["#"], &["#"])).expect("in");
    assert!(other.session_present, "it is anybody's");
}
