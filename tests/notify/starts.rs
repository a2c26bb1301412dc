//! Notifications of starts (`tell_start`): the downtime, and the readings received since.

use chrono::{DateTime, NaiveDateTime, Utc};

use crate::fixture::{FINE, HOT, ReadingPublisher, config, notified, receiver};
use crate::support::http::{Answer, Request};
use crate::support::{Home, HttpServer, SOON};

/// A template receiver and a webhook receiver, both with `tell_start`.
fn both(people: &HttpServer, program: &HttpServer, wait: &str) -> String {
    let people = format!(
        "type = \"template\"\nurl = \"{}\"\nbody = '{{\"s\": \"{{subject}}\", \"t\": \"{{text}}\"}}'\n\
         tell_start = true\ngroup_wait = \"{wait}\"",
        people.url("/")
    );
    let program = format!("type = \"webhook\"\nurl = \"{}\"\ntell_start = true", program.url("/"));
    config("en", &(receiver("people", &people) + &receiver("program", &program)))
}

fn subject(request: &Request) -> String {
    request.json()["s"].as_str().expect("a subject").to_owned()
}

fn text(request: &Request) -> String {
    request.json()["t"].as_str().expect("a text").to_owned()
}

/// Parses the times of `from … UTC to … UTC`.
fn times(text: &str) -> [DateTime<Utc>; 2] {
    let (_, rest) = text.split_once("from ").expect("a beginning");
    let (from, rest) = rest.split_once(" UTC to ").expect("an end");
    let (to, _) = rest.split_once(" UTC").expect("its zone");
    let time = |text| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").expect("a time");
    [from, to].map(|text| time(text).and_utc())
}

#[test]
fn a_start_is_notified_with_the_downtime_and_the_readings_since() {
    let (home, people, program) = (Home::new(), HttpServer::new(), HttpServer::new());
    let text = both(&people, &program, "2s");
    let mut daemon = home.start(&text);
    ReadingPublisher::of(&mut daemon).publish("A", "Hall", HOT, 0);
    assert_eq!(subject(&people.wait_taken(1, SOON)[0]), "🚨 Hall: 1 alarm active");
    let stopped = Utc::now();
    assert_eq!(daemon.stop(), 0);
    let mut daemon = home.start(&text);
    let publisher = ReadingPublisher::of(&mut daemon);
    publisher.publish("B", "Hall", FINE, 60);
    publisher.publish("C", "Hall", FINE, 60);
    let start = people.wait_taken(2, SOON).remove(1);
    assert!(subject(&start).starts_with("🔁 Vigie was down from "), "{start:?}");
    let [from, to] = times(&subject(&start));
    assert!((from - stopped).num_seconds().abs() <= 2, "{from} {stopped}");
    assert!((0..=10).contains(&(to - from).num_seconds()), "{from} {to}");
    assert!(self::text(&start).ends_with("2 readings have come in since.\n"), "{start:?}");
    let alert = notified(&program.wait_taken(2, SOON)[1].json());
    assert_eq!(alert, ["vigie-start resolved"]);
    // A marker: a second start notification would arrive before it.
    publisher.publish("A", "Hall", FINE, 60);
    assert!(subject(&people.wait_taken(3, SOON)[2]).contains("1 alarm over"));
    assert_eq!(daemon.stop(), 0);
    assert_eq!(home.db().alert_events().len(), 2, "it is no alarm");
}

#[test]
fn downtime_is_exact_to_the_minute_and_pending_starts_are_notified_together() {
    let (home, people, program) = (Home::new(), HttpServer::new(), HttpServer::new());
    let config = both(&people, &program, "0s");
    let mut daemon = home.start(&config);
    let started = Utc::now();
    daemon.kill();
    people.always(Answer::Status(503));
    let mut daemon = home.start(&config);
    daemon.wait_line("Receiver people can't be notified", SOON);
    daemon.kill();
    people.always(Answer::Status(200));
    let mut daemon = home.start(&config);
    let start = people.wait_taken(1, SOON).remove(0);
    let lines: Vec<_> = text(&start).lines().map(ToOwned::to_owned).collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    let [from, _] = times(&lines[1]);
    assert!((started - from).num_seconds().abs() <= 60, "{from} {started}");
    assert_eq!(lines[3], "0 readings have come in since.");
    daemon.wait_line("people was told: 🔁 Vigie was down", SOON);
    assert_eq!(daemon.stop(), 0);
}
