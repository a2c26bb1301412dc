//! Problems in `vigie status`: each is listed with its beginning until it ends, and the log has one line at each of both.

use chrono::{DateTime, Utc};
use r2d2_sqlite::rusqlite::Connection;
use serde_json::{Value, json};

use super::fixture::Fixture;
use crate::support::http::{Answer, HttpServer};
use crate::support::readings::{reading, timestamp};
use crate::support::{Daemon, Home, Mosquitto, SOON, names, require, run_vigie, time};

/// Output of `vigie status`, as JSON and as text.
fn status(home: &Home) -> (Value, String) {
    let text = |args: &[&str]| {
        let output = run_vigie(home, &[args, &["-c", "vigie.toml"]].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let report = serde_json::from_str(&text(&["status", "--json"])).expect("one JSON object");
    (report, text(&["status"]))
}

/// Problems with their beginnings.
fn problems(home: &Home) -> Vec<(String, DateTime<Utc>)> {
    let (report, _) = status(home);
    let problems = report["problems"].as_array().expect("what is wrong");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    problems.iter().map(|it| (text(&it["what"]), time(&text(&it["since"])))).collect()
}

/// Waits for a problem whose text contains `what`; returns text and beginning.
fn wait_problem(home: &Home, daemon: &mut Daemon, what: &str) -> (String, DateTime<Utc>) {
    let mut found = None;
    daemon.wait_until(what, SOON, || {
        found = problems(home).into_iter().find(|(words, _)| words.contains(what));
        found.is_some()
    });
    let (words, since) = found.expect("a problem");
    let (_, table) = status(home);
    let line = table.lines().find(|line| line.contains(&words));
    assert!(line.is_some_and(|line| line.contains(&since.to_rfc3339())), "{table}");
    (words, since)
}

fn wait_end(home: &Home, daemon: &mut Daemon, what: &str) {
    daemon.wait_until("its end", SOON, || problems(home).iter().all(|(it, _)| !it.contains(what)));
}

/// Value of `vigie_problems`.
fn scraped(home: &Home) -> f64 {
    let raw = home.api().ask_raw("GET", "/metrics", &[], "").expect("metrics");
    let text = String::from_utf8(raw.body).expect("text");
    let line = text.lines().find_map(|line| line.strip_prefix("vigie_problems "));
    line.expect("the metric").parse().expect("a number")
}

#[test]
fn a_lost_broker_is_a_problem_and_its_limits_are_not() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let mut broker = Mosquitto::new().with_line("max_qos 1").with_line("max_packet_size 100000");
    broker.start();
    let home = Home::new();
    let table = broker.access().mqtt_table("Far", "");
    let mut daemon = home.start(&format!("language = \"en\"\n{table}"));
    let (report, text) = status(&home);
    assert_eq!(
        report["broker"]["limits"],
        json!(["QoS 1 at most", "packets of 100000 bytes at most"])
    );
    assert!(text.contains("broker: Far, connected since "), "{text}");
    assert!(text.contains("\n  limit: QoS 1 at most\n  limit: packets of "), "{text}");
    assert_eq!((&report["problems"], text.contains("PROBLEM")), (&json!([]), false));

    let before = Utc::now();
    broker.kill();
    let (_, since) = wait_problem(&home, &mut daemon, "not connected to Far");
    assert!(before <= since && since <= Utc::now(), "{since}");
    assert_eq!(status(&home).0["broker"]["since"], json!(since.to_rfc3339()));
    broker.start();
    wait_end(&home, &mut daemon, "not connected");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_locked_database_is_a_problem_until_it_is_free() {
    let mut fixture = Fixture::embedded("");
    fixture.publish_reading("T_1", 20.0);
    let before = Utc::now();
    let locked = Connection::open(fixture.home.db().path()).expect("the database");
    locked.execute_batch("BEGIN IMMEDIATE").expect("its lock");
    fixture.client.publish(names::READINGS, reading("T_1", 21.0, &timestamp(1)), 1);
    let (words, since) = wait_problem(&fixture.home, &mut fixture.daemon, "nothing can be stored");
    assert!(words.contains("locked") && before <= since && since <= Utc::now(), "{words} {since}");
    assert_eq!(scraped(&fixture.home), 1.0);
    drop(locked);
    wait_end(&fixture.home, &mut fixture.daemon, "nothing can be stored");
    assert_eq!(scraped(&fixture.home), 0.0);
    for line in [names::NOTHING_STORED, names::STORING_AGAIN] {
        assert_eq!(fixture.daemon.lines_with(line).len(), 1, "{line}");
    }
    assert_eq!(fixture.daemon.stop(), 0);
}

#[test]
fn a_failing_receiver_is_a_problem_until_it_accepts() {
    let server = HttpServer::new();
    let receiver = format!(
        "[[receivers]]\nname = \"on-call\"\ntype = \"webhook\"\nurl = \"{}\"\ngroup_wait = \"100ms\"\n\
         group_interval = \"200ms\"\n",
        server.url("/")
    );
    let mut fixture = Fixture::embedded(&receiver);
    for (round, answer) in [503, 400].into_iter().enumerate() {
        server.always(Answer::Status(answer));
        let before = Utc::now();
        fixture.publish_reading(&format!("T_{round}"), 38.0);
        let (words, since) =
            wait_problem(&fixture.home, &mut fixture.daemon, "receiver on-call fails");
        assert!(words.contains(&answer.to_string()), "{words}");
        assert!(before <= since && since <= Utc::now(), "{since}");
        server.always(Answer::Status(200));
        fixture.publish_reading(&format!("U_{round}"), 38.0);
        wait_end(&fixture.home, &mut fixture.daemon, "on-call");
        fixture.daemon.wait_lines("Receiver on-call can be notified again", round + 1, SOON);
    }
    let log = fixture.daemon.log();
    assert_eq!(log.matches("can be notified again").count(), 2, "{log}");
    assert_eq!(fixture.daemon.stop(), 0);
}
