//! `vigie rules replay`: announcements of a candidate configuration on stored readings, beside the recorded ones.

use std::process::Output;

use r2d2_sqlite::rusqlite::{Connection, params};
use serde_json::Value;

use crate::support::readings::{reading, timestamp};
use crate::support::{Client, Home, SOON, names, run_vigie, time};

/// The present configuration: a bare limit.
const RUNNING: &str =
    "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:0\"\n[alerts.temperature]\nhigh = 30.0\n";

/// The candidate: the same limit under another rule name, a higher one, and a `stale` rule.
const CANDIDATE: &str = "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:0\"\n\
    [alerts.temperature]\nhigh = 30.0\n\
    [[rules]]\nname = \"hot\"\nkind = \"high\"\nlimit = 34.0\non_delay = \"3s\"\n\
    [[rules]]\nname = \"silent\"\nkind = \"stale\"\nafter = \"1m\"\n";

const PERIOD: [&str; 4] = ["--from", "2024-08-14", "--to", "2024-08-14T00:05:00"];

/// A home with sixty stored readings, one a second, that oscillate around the limit, and their announcements.
fn lived(home: &Home) {
    let mut daemon = home.start(RUNNING);
    let client = Client::connect(&daemon.embedded_broker());
    for n in 0..60 {
        let value = if n % 20 < 10 { 25.0 } else { 35.0 };
        client.publish(names::READINGS, reading("T_1", value, &timestamp(n)), 1);
    }
    daemon.wait_until("all readings", SOON, || home.db().count() == 60);
    assert_eq!(daemon.stop(), 0);
}

fn replay(home: &Home, config: &str, options: &[&str]) -> Output {
    home.write("candidate.toml", config);
    let args = ["rules", "replay", "-c", "candidate.toml"];
    run_vigie(home, &[&args[..], &PERIOD, options].concat())
}

fn text(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn json(home: &Home, config: &str, options: &[&str]) -> Value {
    let text = text(&replay(home, config, &[options, &["--json"]].concat()));
    serde_json::from_str(&text).expect("one object")
}

/// Announcements as `in second rule state`.
fn announcements(replayed: &Value) -> Vec<String> {
    let start = time("2024-08-14T00:00:00+00:00");
    let list = replayed["announcements"].as_array().expect("a list");
    let line = |it: &Value| {
        let text = |key: &str| it[key].as_str().expect("a text").to_owned();
        let second = (time(&text("timestamp")) - start).num_seconds();
        format!("{} {second} {} {}", text("in"), text("rule"), text("state"))
    };
    list.iter().map(line).collect()
}

#[test]
fn replaying_the_present_rules_gives_exactly_their_announcements() {
    let home = Home::new();
    lived(&home);
    let replayed = json(&home, RUNNING, &[]);
    assert_eq!(replayed["readings"], 60);
    assert_eq!(
        replayed["rules"],
        serde_json::json!([{ "rule": "high-temperature", "would": 3, "was": 3 }])
    );
    let expected = [10, 20, 30, 40, 50].into_iter().enumerate().map(|(n, second)| {
        let state = if n % 2 == 0 { "active" } else { "resolved" };
        format!("both {second} high-temperature {state}")
    });
    assert_eq!(announcements(&replayed), expected.collect::<Vec<_>>());
}

#[test]
fn a_candidate_is_compared_with_the_recorded_announcements() {
    let home = Home::new();
    lived(&home);
    let replayed = json(&home, CANDIDATE, &[]);
    let lines = announcements(&replayed);
    let of = |rule: &str| -> Vec<_> { lines.iter().filter(|line| line.contains(rule)).collect() };
    assert_eq!(of("high-temperature").len(), 5);
    assert!(of("high-temperature").iter().all(|line| line.starts_with("both ")), "{lines:?}");
    assert_eq!(
        of("hot"),
        [
            "only would 13 hot active",
            "only would 20 hot resolved",
            "only would 33 hot active",
            "only would 40 hot resolved",
            "only would 53 hot active"
        ]
    );
    assert_eq!(of("silent"), ["only would 119 silent active"]);
    assert!(lines.is_sorted_by_key(|line| {
        line.split(' ').find_map(|word| word.parse::<i64>().ok()).expect("a second")
    }));
    let without = announcements(&json(&home, CANDIDATE, &["--outage", "2m"]));
    assert!(without.iter().all(|line| !line.contains("silent")), "{without:?}");

    let table = text(&replay(&home, CANDIDATE, &[]));
    let row = |rule: &str| table.lines().find(|line| line.starts_with(rule)).expect("a row");
    let cells = |rule: &str| row(rule).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(cells("high-temperature "), ["high-temperature", "3", "3"]);
    assert_eq!(cells("hot "), ["hot", "3", "0"]);
    assert!(table.contains("candidate.toml over 60 readings of sensor_data.db"), "{table}");
    assert!(table.contains("only would  2024-08-14 00:00:13  hot "), "{table}");

    let none = CANDIDATE.replace("high = 30.0", "high = 99.0");
    let gone = announcements(&json(&home, &none, &[]));
    let was: Vec<_> = gone.iter().filter(|line| line.starts_with("only was ")).collect();
    assert_eq!(was.len(), 5, "{gone:?}");
}

#[test]
fn another_database_is_read_and_not_written() {
    let home = Home::new();
    lived(&home);
    let path = home.path("copy.db");
    let db = Connection::open(home.db().path()).expect("the database");
    db.execute("VACUUM INTO ?1", params![path.to_str()]).expect("a copy");
    let before = std::fs::read(&path).expect("the copy");
    let elsewhere = format!("{RUNNING}[storage]\npath = \"absent.db\"\n");
    let replayed = json(&home, &elsewhere, &["--database", "copy.db"]);
    assert_eq!(replayed["readings"], 60);
    assert_eq!(std::fs::read(&path).expect("the copy"), before);
    let absent = replay(&home, &elsewhere, &[]);
    assert_eq!(absent.status.code(), Some(69));
    assert!(String::from_utf8_lossy(&absent.stderr).contains("absent.db"));
}

/// The daemon stores readings while a replay holds the file open; neither blocks the other.
#[test]
fn a_replay_and_the_daemon_do_not_block_each_other() {
    let home = Home::new();
    lived(&home);
    let mut daemon = home.start(RUNNING);
    let client = Client::connect(&daemon.embedded_broker());
    client.publish(names::READINGS, reading("T_1", 25.0, &timestamp(60)), 1);
    daemon.wait_until("one more", SOON, || home.db().count() == 61);
    assert_eq!(json(&home, RUNNING, &[])["readings"], 61);
    client.publish(names::READINGS, reading("T_1", 25.0, &timestamp(61)), 1);
    daemon.wait_until("and another", SOON, || home.db().count() == 62);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_period_that_ends_before_it_begins_is_a_usage_error() {
    let home = Home::new();
    lived(&home);
    home.write("candidate.toml", RUNNING);
    let args = ["rules", "replay", "-c", "candidate.toml", "--from", "1h", "--to", "2h"];
    let output = run_vigie(&home, &args);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("ends before it begins"));
}
