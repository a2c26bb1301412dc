//! History by HTTP: the newest readings at once with their peaks, also after a kill; late readings once merged.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::Value;

use crate::fixture::{EMBEDDED, Fixture, RULES};
use crate::support::api::Server;
use crate::support::readings::reading;
use crate::support::{SOON, names};

/// Timeout for the merge of late readings, which takes half a minute.
const MERGED: Duration = Duration::from_secs(90);

fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// History of `T_1` in a period.
fn history(server: &Server, from: DateTime<Utc>, until: DateTime<Utc>) -> Value {
    let (from, until) = (text(from), text(until));
    let path = format!("/api/v1/readings?sensor=T_1&from={from}&to={until}&px=500");
    let answer = server.get(&path).expect("an answer");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json
}

fn sum(history: &Value, column: &str) -> f64 {
    let column = history[column].as_array().expect("a column");
    column.iter().filter_map(Value::as_f64).sum()
}

fn largest(column: &Value) -> f64 {
    let column = column.as_array().expect("a column");
    column.iter().filter_map(Value::as_f64).fold(f64::NEG_INFINITY, f64::max)
}

fn publish(fixture: &Fixture, value: f64, at: DateTime<Utc>) {
    fixture.client.publish(names::READINGS, reading("T_1", value, &text(at)), 1);
}

fn wait_rows(fixture: &mut Fixture, expected: usize) {
    let db = fixture.home.db();
    fixture.daemon.wait_until("the readings", SOON, || db.count() == expected);
}

#[test]
fn history_has_the_newest_readings_also_after_a_kill() {
    let mut fixture = Fixture::embedded("[web]\nlisten = \"127.0.0.1:0\"\n");
    let tcp = fixture.daemon.web();
    let now = Utc::now();
    for n in 0..20 {
        publish(&fixture, if n == 7 { 38.2 } else { 20.0 }, now - TimeDelta::seconds(n));
    }
    wait_rows(&mut fixture, 20);
    let [from, until] = [now - TimeDelta::hours(2), now + TimeDelta::minutes(1)];
    fixture.daemon.wait_until("all in the history", MERGED, || {
        // If an hour has just been sealed, readings before it are late.
        sum(&history(&tcp, from, until), "n") == 20.0
    });
    let found = history(&tcp, from, until);
    assert_eq!((found["source"].as_str(), found["step"].as_i64()), (Some("minute"), Some(60)));
    assert_eq!((found["unit"].as_str(), largest(&found["max"])), (Some("celsius"), 38.2));
    let raw = history(&tcp, now - TimeDelta::seconds(30), now + TimeDelta::seconds(1));
    assert_eq!((raw["source"].as_str(), sum(&raw, "n")), (Some("raw"), 20.0));
    let sparklines = tcp.get("/api/v1/sparklines?series=0,77").expect("an answer").json;
    assert_eq!(largest(&sparklines["series"]["0"]["max"]), 38.2, "{sparklines}");
    assert_eq!(sparklines["series"]["0"]["mean"].as_array().map(Vec::len), Some(60));
    assert_eq!(sparklines["series"].as_object().map(serde_json::Map::len), Some(1));

    fixture.daemon.kill();
    fixture.daemon = fixture.home.start(&fixture.config);
    let tcp = fixture.daemon.web();
    fixture
        .daemon
        .wait_until("the history again", MERGED, || sum(&history(&tcp, from, until), "n") == 20.0);
    assert_eq!(largest(&history(&tcp, from, until)["max"]), 38.2);
    for (path, status) in [
        ("/api/v1/readings?sensor=T_9&from=2024-08-14T10:00:00Z&to=2024-08-14T11:00:00Z", 404),
        ("/api/v1/readings?sensor=T_1&from=2024-08-14T10:00:00Z&to=2024-08-14T09:00:00Z", 422),
        ("/api/v1/readings?sensor=T_1&from=yesterday&to=2024-08-14T09:00:00Z", 422),
        ("/api/v1/sparklines?series=TEMP_001", 422),
        ("/api/v1/sparklines", 422),
    ] {
        let refused = tcp.get(path).expect("an answer");
        assert_eq!(refused.status, status, "{path}: {refused:?}");
        assert!(refused.json["detail"].is_string(), "{path}: {refused:?}");
    }
    assert_eq!(fixture.daemon.stop(), 0);
}

#[test]
fn a_late_reading_is_merged_into_its_hour() {
    let home = crate::support::Home::new();
    let mut fixture =
        Fixture::with(home, &format!("{EMBEDDED}[web]\nlisten = \"127.0.0.1:0\"\n{RULES}"));
    let tcp = fixture.daemon.web();
    let then: DateTime<Utc> = "2013-12-02T21:15:00Z".parse().expect("a time");
    for n in 0..50 {
        publish(&fixture, if n == 30 { 97.5 } else { 70.0 }, then + TimeDelta::minutes(5 * n));
    }
    wait_rows(&mut fixture, 50);
    let year = [then - TimeDelta::days(180), then + TimeDelta::days(180)];
    fixture
        .daemon
        .wait_until("them merged", MERGED, || sum(&history(&tcp, year[0], year[1]), "n") == 50.0);
    let found = history(&tcp, year[0], year[1]);
    assert_eq!((found["source"].as_str(), largest(&found["max"])), (Some("hour"), 97.5));
    assert_eq!(fixture.daemon.stop(), 0);
}

#[test]
fn rejected_messages_are_listed_with_their_reason() {
    let mut fixture = Fixture::embedded("[web]\nlisten = \"127.0.0.1:0\"\n");
    let tcp = fixture.daemon.web();
    fixture.client.publish(names::READINGS, "no json", 1);
    fixture.client.publish(names::READINGS, "{\"sensor_id\":\"T_1\"}", 1);
    let rejected = |limit: u32| tcp.get(&format!("/api/v1/rejected?limit={limit}"));
    fixture
        .daemon
        .wait_until("both", SOON, || rejected(5).is_ok_and(|answer| answer.json["total"] == 2));
    let found = rejected(1).expect("an answer").json;
    let newest = &found["rejected"][0];
    assert_eq!(found["rejected"].as_array().expect("a list").len(), 1);
    assert_eq!(newest["topic"], names::READINGS);
    assert_eq!(
        (&newest["payload"], &newest["payload_bytes"]),
        (&"{\"sensor_id\":\"T_1\"}".into(), &19.into())
    );
    assert!(newest["reason"].as_str().expect("a reason").contains("temperature"), "{newest}");
    assert_eq!(tcp.get("/api/v1/rejected?limit=0").expect("an answer").status, 422);
}
