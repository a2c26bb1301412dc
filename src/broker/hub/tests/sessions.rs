//! Sessions, wills, subscriptions and retained messages.

use super::*;

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
