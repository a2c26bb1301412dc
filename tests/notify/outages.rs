//! Receivers that are down, slow or refuse, and kills of the daemon: no notification is lost, and no receiver delays
//! another.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::fixture::{
    FINE, HOT, ReadingPublisher, config, notified, receiver, wait_events, webhook,
};
use crate::support::http::{Answer, Request};
use crate::support::{
    Home, HttpServer, SOON, alertmanager_v4, free_port, let_run, names, run_vigie,
};

/// Notified states of each alarm by `alert_id`, in order; a state counts again when it is news to the receiver.
fn history(taken: &[Request]) -> BTreeMap<String, Vec<String>> {
    let mut history: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for request in taken {
        for alert in alertmanager_v4::alerts(&request.json()) {
            let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
            let states = history.entry(text(&alert["annotations"]["alert_id"])).or_default();
            let state = text(&alert["status"]);
            // A notification repeats active alarms; a repeat is not counted.
            if states.last() != Some(&state) || state == "resolved" {
                states.push(state);
            }
        }
    }
    history
}

/// Length of the outage: a minute in full runs.
fn outage() -> Duration {
    let is_full = std::env::var("VIGIE_CHAOS").is_ok_and(|value| value == "full");
    Duration::from_secs(if is_full { 60 } else { 3 })
}

#[test]
fn a_receiver_is_notified_of_everything_once_and_in_order_after_an_outage() {
    let (home, port) = (Home::new(), free_port());
    let url = format!("http://127.0.0.1:{port}/");
    let mut daemon = home.start(&config("en", &webhook("on-call", &url)));
    let publisher = ReadingPublisher::of(&mut daemon);
    let begun = Instant::now();
    let mut second = 0;
    // During the outage, two alarms in each of two locations are raised and return repeatedly.
    while begun.elapsed() < outage() || second < 10 {
        for (sensor, place) in [("A", "Hall"), ("B", "Hall"), ("C", "Roof"), ("D", "Roof")] {
            publisher.publish(sensor, place, HOT, 2 * second);
            publisher.publish(sensor, place, FINE, 2 * second + 1);
        }
        second += 1;
        let_run(Duration::from_millis(200));
    }
    publisher.publish("A", "Hall", HOT, 2 * second);
    wait_events(&home, &mut daemon, 8 * second + 1);
    daemon.wait_line("Receiver on-call can't be notified: nothing listens at 127.0.0.1", SOON);
    assert_eq!(daemon.lines_with("can't be notified").len(), 1, "said once");
    let status = run_vigie(&home, &["status", "-c", "vigie.toml"]);
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    let line = status.lines().find(|line| line.starts_with("on-call ")).expect("a receiver's line");
    assert!(line.contains("failing") && line.contains("nothing listens at"), "{line}");
    let server = HttpServer::at(port);
    // The longest retry interval is half a minute plus a quarter for jitter.
    let within = Duration::from_secs(60);
    let count = |taken: &[Request]| history(taken).len();
    daemon.wait_until("all told", within, || count(&server.taken()) == 4 * second + 1);
    daemon.wait_line("Receiver on-call can be notified again", SOON);
    let taken = server.taken();
    for (alert_id, states) in history(&taken) {
        assert_eq!(states.len(), 1, "{alert_id}: {states:?}");
    }
    for place in ["Hall", "Roof"] {
        let of_place =
            taken.iter().map(Request::json).filter(|it| it["groupLabels"]["location"] == place);
        let ends: Vec<String> = of_place
            .flat_map(|message| alertmanager_v4::alerts(&message))
            .filter(|alert| alert["status"] == "resolved")
            .map(|alert| alert["endsAt"].as_str().expect("a time").to_owned())
            .collect();
        assert_eq!(ends.len(), 2 * second, "{place}");
        assert!(ends.is_sorted(), "{place}: {ends:?}");
    }
    let firing: Vec<_> =
        taken.iter().flat_map(|it| notified(&it.json())).filter(|it| it == "A firing").collect();
    assert_eq!(firing.len(), 1);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_kill_loses_no_notification() {
    let (home, server) = (Home::new(), HttpServer::new());
    server.always(Answer::Status(503));
    let text = config("en", &webhook("on-call", &server.url("/")));
    let mut daemon = home.start(&text);
    let mut events = 0;
    // Kills before, during and after the handling of each round's events.
    for (round, pause) in [0, 20, 60, 150, 300, 700].into_iter().enumerate() {
        let publisher = ReadingPublisher::of(&mut daemon);
        let readings = |value: f64, second: usize| {
            (0..20).map(move |n| (format!("T_{n:02}"), format!("Hall {}", n % 3), value, second))
        };
        publisher.publish_all(readings(HOT, 2 * round).chain(readings(FINE, 2 * round + 1)));
        events += 40;
        let_run(Duration::from_millis(pause));
        daemon.kill();
        daemon = home.start(&text);
    }
    wait_events(&home, &mut daemon, events);
    server.always(Answer::Status(200));
    let within = Duration::from_secs(60);
    daemon.wait_until("all told", within, || history(&server.taken()).len() == events / 2);
    for (alert_id, states) in history(&server.taken()) {
        assert_eq!(states, ["resolved"], "{alert_id}");
    }
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_kill_while_sending_repeats_the_notification_with_the_same_key() {
    let (home, server) = (Home::new(), HttpServer::new());
    server.answer(&[Answer::Nothing]);
    let text = config("en", &webhook("on-call", &server.url("/")));
    let mut daemon = home.start(&text);
    ReadingPublisher::of(&mut daemon).publish("A", "Hall", HOT, 0);
    daemon.wait_until("the first attempt", SOON, || server.requests().len() == 1);
    daemon.kill();
    let mut daemon = home.start(&text);
    server.wait_taken(1, SOON);
    let requests = server.requests();
    assert_eq!(notified(&requests[1].json()), ["A firing"]);
    assert_eq!(requests[0].headers["idempotency-key"], requests[1].headers["idempotency-key"]);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_dead_receiver_delays_no_other() {
    let (home, live, mute) = (Home::new(), HttpServer::new(), HttpServer::new());
    mute.always(Answer::Nothing);
    let gone = format!("http://127.0.0.1:{}/", free_port());
    let receivers =
        [webhook("mute", &mute.url("/")), webhook("gone", &gone), webhook("live", &live.url("/"))];
    let mut daemon = home.start(&config("en", &receivers.concat()));
    let publisher = ReadingPublisher::of(&mut daemon);
    for round in 0..5 {
        let (value, count) = (if round % 2 == 0 { HOT } else { FINE }, round + 1);
        let begun = Instant::now();
        publisher.publish("A", "Hall", value, round);
        let last = live.wait_taken(count, SOON).remove(round);
        let late = last.at - begun;
        // This receiver waits for its group only; the others wait for ten seconds, or for ever.
        assert!(late < Duration::from_secs(3), "{late:?}");
    }
    let begun = Instant::now();
    assert_eq!(daemon.stop(), 0);
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
}

#[test]
fn a_refused_message_is_given_up_and_retry_after_is_respected() {
    let (home, server) = (Home::new(), HttpServer::new());
    server.answer(&[Answer::Status(400), Answer::After(3)]);
    let keys =
        format!("type = \"webhook\"\nurl = \"{}\"\ngroup_by = [\"sensor\"]", server.url("/"));
    let mut daemon = home.start(&config("en", &receiver("on-call", &keys)));
    let publisher = ReadingPublisher::of(&mut daemon);
    publisher.publish("A", "Hall", HOT, 0);
    let line = daemon.wait_line("refuses a notification, which is given up", SOON);
    assert!(line.contains("ERROR") && line.contains("HTTP status 400"), "{line}");
    publisher.publish("B", "Hall", HOT, 0);
    let taken = server.wait_taken(1, SOON).remove(0);
    assert_eq!(notified(&taken.json()), ["B firing"]);
    let requests = server.requests();
    let pause = requests[2].at - requests[1].at;
    assert!(pause >= Duration::from_millis(2_900), "{pause:?}");
    assert_eq!(requests.len(), 3, "A is not told again");
    let status = run_vigie(&home, &["status", "-c", "vigie.toml"]);
    let status = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.contains("given up: 1"), "{status}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_receiver_that_panics_restarts_with_its_state() {
    let (mut home, server) = (Home::new(), HttpServer::new());
    // The first notification is older than that at its first attempt; the next one is recent.
    home.set_env(names::FAULTS, "panic:notify on-call=2s");
    let keys =
        format!("type = \"webhook\"\nurl = \"{}\"\ngroup_wait = \"2500ms\"", server.url("/"));
    let mut daemon = home.start(&config("en", &receiver("on-call", &keys)));
    let publisher = ReadingPublisher::of(&mut daemon);
    publisher.publish("A", "Hall", HOT, 0);
    daemon.wait_line("panic in notify on-call", SOON);
    let taken = server.wait_taken(1, SOON);
    assert_eq!(notified(&taken[0].json()), ["A firing"]);
    assert_eq!(daemon.stop(), 0);
}
