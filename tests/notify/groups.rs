//! Grouping of alarms into notifications, and its timing.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::fixture::{
    FINE, HOT, ReadingPublisher, config, notified, receiver, wait_events, webhook,
};
use crate::support::http::Request;
use crate::support::{Home, HttpServer, SOON, alertmanager_v4};

#[test]
fn a_thousand_alarms_of_one_location_are_one_notification_and_one_at_their_end() {
    const ALARMS: usize = 1_000;
    let (home, server) = (Home::new(), HttpServer::new());
    let keys = format!("type = \"webhook\"\nurl = \"{}\"\ngroup_wait = \"3s\"", server.url("/"));
    let mut daemon = home.start(&config("en", &receiver("on-call", &keys)));
    let publisher = ReadingPublisher::of(&mut daemon);
    let all = |value: f64, second: usize| {
        publisher
            .publish_all((0..ALARMS).map(|n| (format!("T_{n:03}"), "Hall".into(), value, second)));
    };
    all(HOT, 0);
    wait_events(&home, &mut daemon, ALARMS);
    let raised = server.wait_taken(1, SOON).remove(0).json();
    assert_eq!(alertmanager_v4::alerts(&raised).len(), ALARMS);
    assert_eq!((&raised["truncatedAlerts"], &raised["status"]), (&0.into(), &"firing".into()));
    all(FINE, 60);
    wait_events(&home, &mut daemon, 2 * ALARMS);
    let over = server.wait_taken(2, SOON).remove(1).json();
    assert_eq!(alertmanager_v4::alerts(&over).len(), ALARMS);
    assert_eq!(over["status"], "resolved");
    assert_eq!(daemon.stop(), 0);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn alarms_beyond_max_alerts_follow_at_once() {
    let (home, server) = (Home::new(), HttpServer::new());
    let keys = format!(
        "type = \"webhook\"\nurl = \"{}\"\ngroup_wait = \"1s\"\ngroup_interval = \"1h\"\n\
         max_alerts = 4",
        server.url("/")
    );
    let mut daemon = home.start(&config("en", &receiver("on-call", &keys)));
    let publisher = ReadingPublisher::of(&mut daemon);
    publisher.publish_all((0..10).map(|n| (format!("T_{n}"), "Hall".into(), HOT, 0)));
    let taken: Vec<Value> = server.wait_taken(3, SOON).iter().map(Request::json).collect();
    let sizes: Vec<_> = taken.iter().map(|it| alertmanager_v4::alerts(it).len()).collect();
    let truncated: Vec<_> =
        taken.iter().map(|it| it["truncatedAlerts"].as_u64().unwrap()).collect();
    assert_eq!((sizes, truncated), (vec![4, 4, 4], vec![6, 6, 6]));
    let news: Vec<_> =
        taken.iter().zip([4, 4, 2]).flat_map(|(it, n)| notified(it)[..n].to_vec()).collect();
    let expected: Vec<_> = (0..10).map(|n| format!("T_{n} firing")).collect();
    assert_eq!(news, expected, "each once, in order, before those told already");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn groups_follow_group_by_and_group_wait() {
    let (home, server) = (Home::new(), HttpServer::new());
    let url = server.url("/");
    let keys = format!(
        "type = \"webhook\"\nurl = \"{url}\"\ngroup_by = [\"rule\"]\ngroup_wait = \"1s\"\n\
         group_interval = \"2s\"\nrepeat_interval = \"4s\""
    );
    let mut daemon = home.start(&config("en", &receiver("on-call", &keys)));
    let publisher = ReadingPublisher::of(&mut daemon);
    let begun = Instant::now();
    publisher.publish("A", "Hall", HOT, 0);
    publisher.publish("B", "Roof", HOT, 0);
    let first = server.wait_taken(1, SOON).remove(0);
    assert!(first.at - begun >= Duration::from_secs(1), "{:?}", first.at - begun);
    assert_eq!(notified(&first.json()), ["A firing", "B firing"]);
    assert_eq!(first.json()["groupLabels"], serde_json::json!({ "alertname": "hot" }));
    publisher.publish("C", "Roof", HOT, 0);
    let second = server.wait_taken(2, SOON).remove(1);
    assert!(second.at - first.at >= Duration::from_millis(1_900), "{:?}", second.at - first.at);
    assert_eq!(
        notified(&second.json()),
        ["C firing", "A firing", "B firing"],
        "news first, and all"
    );
    let third = server.wait_taken(3, SOON).remove(2);
    assert!(third.at - second.at >= Duration::from_millis(3_900), "{:?}", third.at - second.at);
    assert_eq!(notified(&third.json()), ["A firing", "B firing", "C firing"], "a reminder");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_new_receiver_is_not_notified_of_the_past() {
    let (home, server) = (Home::new(), HttpServer::new());
    let first = webhook("first", &server.url("/first"));
    let mut daemon = home.start(&config("en", &first));
    let publisher = ReadingPublisher::of(&mut daemon);
    publisher.publish("OLD", "Hall", HOT, 0);
    server.wait_taken(1, SOON);
    assert_eq!(daemon.stop(), 0);
    let both = format!("{first}{}", webhook("second", &server.url("/second")));
    let mut daemon = home.start(&config("en", &both));
    let publisher = ReadingPublisher::of(&mut daemon);
    publisher.publish("NEW", "Hall", HOT, 1);
    let taken = server.wait_taken(3, SOON);
    let to = |path: &str| {
        let of_path = taken.iter().filter(|request| request.path == path);
        of_path.map(|request| notified(&request.json())).collect::<Vec<_>>()
    };
    assert_eq!(to("/first"), [vec!["OLD firing"], vec!["NEW firing", "OLD firing"]]);
    assert_eq!(to("/second"), [vec!["NEW firing"]]);
    assert_eq!(daemon.stop(), 0);
}
