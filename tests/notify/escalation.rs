//! Escalation of unacknowledged alarms to a second receiver.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::fixture::{FINE, HOT, ReadingPublisher, config, notified, receiver};
use crate::support::{Home, HttpServer, SOON, free_port, run_vigie};

/// Two receivers; the second gets only alarms that the first escalates after `after`.
fn two(first: &str, boss: &HttpServer, after: &str) -> String {
    let first = format!(
        "type = \"webhook\"\nurl = \"{first}\"\nescalate_after = \"{after}\"\nescalate_to = \"boss\""
    );
    let boss = format!("type = \"webhook\"\nurl = \"{}\"\nonly_escalated = true", boss.url("/"));
    config("en", &(receiver("on-call", &first) + &receiver("boss", &boss)))
}

/// Waits for `count` accepted messages; returns sensor and status of each alert.
fn all_notified(server: &HttpServer, count: usize) -> Vec<Vec<String>> {
    server.wait_taken(count, SOON).iter().map(|request| notified(&request.json())).collect()
}

fn vigie(home: &Home, args: &[&str]) {
    let output = run_vigie(home, &[args, &["-c", "vigie.toml"]].concat());
    assert!(output.status.success(), "{args:?}: {output:?}");
}

#[test]
fn an_unacknowledged_alarm_escalates_and_so_does_its_end() {
    let (home, server, boss) = (Home::new(), HttpServer::new(), HttpServer::new());
    let mut daemon = home.start(&two(&server.url("/"), &boss, "6s"));
    let publisher = ReadingPublisher::of(&mut daemon);
    for (sensor, place) in [("OPEN", "Hall"), ("SEEN", "Roof"), ("KNOWN", "Yard"), ("OVER", "Lab")]
    {
        publisher.publish(sensor, place, HOT, 0);
    }
    let first = server.wait_taken(4, SOON).remove(0);
    vigie(&home, &["ack", "hot/SEEN", "--by", "anne"]);
    vigie(&home, &["shelve", "hot/KNOWN", "--by", "anne", "--why", "known", "--for", "1h"]);
    publisher.publish("OVER", "Lab", FINE, 60);
    assert_eq!(all_notified(&boss, 1), [["OPEN firing"]]);
    let waited = boss.taken()[0].at - first.at;
    assert!(waited >= Duration::from_secs(6), "{waited:?}");
    daemon.wait_line("that nobody acknowledged goes on from on-call to boss", SOON);
    // A marker: an unwanted notification would arrive before it.
    publisher.publish("LATE", "Hall", HOT, 60);
    assert_eq!(all_notified(&boss, 2)[1], ["LATE firing", "OPEN firing"]);
    for sensor in ["OPEN", "LATE"] {
        publisher.publish(sensor, "Hall", FINE, 120);
    }
    daemon.wait_until("both ends", SOON, || {
        let all = boss.taken().iter().flat_map(|it| notified(&it.json())).collect::<Vec<_>>();
        ["OPEN resolved", "LATE resolved"].iter().all(|end| all.iter().any(|it| it == end))
    });
    let all = boss.taken().iter().flat_map(|it| notified(&it.json())).collect::<Vec<_>>();
    assert!(all.iter().all(|it| it.starts_with("OPEN") || it.starts_with("LATE")), "{all:?}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn an_escalation_survives_a_kill() {
    let (home, server, boss) = (Home::new(), HttpServer::new(), HttpServer::new());
    let text = two(&server.url("/"), &boss, "6s");
    let mut daemon = home.start(&text);
    let publisher = ReadingPublisher::of(&mut daemon);
    publisher.publish("OPEN", "Hall", HOT, 0);
    publisher.publish("SEEN", "Roof", HOT, 0);
    let first = server.wait_taken(2, SOON).remove(1);
    vigie(&home, &["ack", "hot/SEEN", "--by", "anne"]);
    daemon.kill();
    let mut daemon = home.start(&text);
    assert_eq!(all_notified(&boss, 1), [["OPEN firing"]]);
    let waited = boss.taken()[0].at - first.at;
    assert!(waited >= Duration::from_millis(5_500), "{waited:?}");
    daemon.wait_line("that nobody acknowledged goes on from on-call to boss", SOON);
    daemon.kill();
    let mut daemon = home.start(&text);
    ReadingPublisher::of(&mut daemon).publish("OPEN", "Hall", FINE, 60);
    // A kill before the commit of a delivery repeats it with the same id.
    let last = || boss.taken().last().map(|it| notified(&it.json()));
    daemon.wait_until("its end", SOON, || last() == Some(vec!["OPEN resolved".to_owned()]));
    let taken = boss.taken();
    let ids: BTreeSet<_> = taken.iter().map(|it| &it.headers["idempotency-key"]).collect();
    assert_eq!(ids.len(), 2);
    assert!(taken.iter().flat_map(|it| notified(&it.json())).all(|it| it.starts_with("OPEN")));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_failing_receiver_does_not_stop_the_escalation() {
    let (home, boss) = (Home::new(), HttpServer::new());
    let first = format!(
        "type = \"webhook\"\nurl = \"http://127.0.0.1:{}/\"\nescalate_after = \"1s\"\n\
         escalate_to = \"boss\"",
        free_port()
    );
    let second = format!(
        "type = \"template\"\nurl = \"{}\"\nbody = \"{{text}}\"\ncontent_type = \"text/plain\"\n\
         only_escalated = true",
        boss.url("/")
    );
    let text = config("en", &(receiver("on-call", &first) + &receiver("boss", &second)));
    let mut daemon = home.start(&text);
    ReadingPublisher::of(&mut daemon).publish("A", "Hall", HOT, 0);
    daemon.wait_line("Receiver on-call can't be notified", SOON);
    let said = boss.wait_taken(1, SOON).remove(0).body;
    assert!(said.starts_with("Raised, and acknowledged by nobody:\n  [CRITICAL] "), "{said}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_flood_escalates_completely_and_on_to_a_third_receiver() {
    let (home, server) = (Home::new(), HttpServer::new());
    let (boss, last) = (HttpServer::new(), HttpServer::new());
    let keys = |server: &HttpServer, more: &str| {
        format!("type = \"webhook\"\nurl = \"{}\"\n{more}", server.url("/"))
    };
    let escalate = |to: &str| format!("escalate_after = \"1s\"\nescalate_to = \"{to}\"");
    let text = [
        receiver("on-call", &keys(&server, &escalate("boss"))),
        receiver("boss", &keys(&boss, &format!("only_escalated = true\n{}", escalate("last")))),
        receiver("last", &keys(&last, "only_escalated = true")),
    ];
    let mut daemon = home.start(&config("en", &text.concat()));
    let publisher = ReadingPublisher::of(&mut daemon);
    publisher.publish_all((0..800).map(|n| (format!("T_{n:03}"), "Hall".to_owned(), HOT, 0)));
    for server in [&boss, &last] {
        daemon.wait_until("all of them", SOON, || {
            let taken = server.taken();
            taken.last().is_some_and(|it| notified(&it.json()).len() == 800)
        });
    }
    assert_eq!(daemon.stop(), 0);
}
