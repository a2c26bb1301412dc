//! `vigie report` on a small history with figures computed by hand: as a table, as JSON, and as a page.

use std::fs;
use std::process::Output;

use chrono::{DateTime, TimeDelta, Utc};
use r2d2_sqlite::rusqlite::{Connection, params};
use serde_json::Value;

use crate::support::{Home, run_vigie, time};

const CONFIG: &str = "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:0\"\n";

const PERIOD: [&str; 4] = ["--since", "2024-08-01", "--until", "2024-08-03"];

/// A location that the page must escape.
const ODD: &str = "<b>ODD & \"CO\"";

fn start() -> DateTime<Utc> {
    time("2024-08-01T00:00:00+00:00")
}

/// Two days: a flood of 12 sensors at one o'clock, one sensor that chatters at two (3 alarms), and one alarm that is active
/// from the first minute on. 16 alarms in all.
fn history() -> Home {
    let home = Home::new();
    assert_eq!(home.start(CONFIG).stop(), 0);
    let db = Connection::open(home.db().path()).expect("the database");
    let put = |seconds: i64, sensor: &str, state: &str| {
        let at = (start() + TimeDelta::seconds(seconds)).format("%Y-%m-%dT%H:%M:%S%.6f+00:00");
        db.execute(
            "INSERT INTO alerts (alert_id, rule, alert_type, sensor_id, location, quantity, value,
             unit, threshold, severity, state, message, timestamp, announced)
             VALUES (?1, 'high-temperature', 'HIGH_TEMPERATURE', ?1, 'Hall', 'temperature', 38.2,
             'celsius', 35.0, 'HIGH', ?2, 'warm', ?3, 1)",
            params![sensor, state, at.to_string()],
        )
        .expect("a row");
    };
    put(60, ODD, "active");
    for n in 0..12 {
        put(3_600 + n, &format!("S{n:02}"), "active");
        put(4_000 + n, &format!("S{n:02}"), "resolved");
    }
    for n in 0..3 {
        put(7_200 + n * 20, "CHATTER", "active");
        put(7_210 + n * 20, "CHATTER", "resolved");
    }
    put(200_000, "AFTER", "active");
    home
}

fn report(home: &Home, options: &[&str]) -> Output {
    let config = home.write("report.toml", CONFIG);
    let mut args = vec!["report", "-c", config.to_str().expect("a path")];
    args.extend(options);
    run_vigie(home, &args)
}

fn text(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("text")
}

#[test]
fn json_has_the_figures() {
    let home = history();
    let json = text(&report(&home, &[&PERIOD[..], &["--json"]].concat()));
    let report: Value = serde_json::from_str(&json).expect("one object");
    assert_eq!(report["raised"], 16);
    assert_eq!(report["average"]["per_day"], 8.0);
    assert_eq!(report["intervals"], 288);
    assert_eq!(report["most_in_10_minutes"], 12);
    assert_eq!(report["most_at"], "2024-08-01T01:00:00.000000+00:00");
    assert_eq!(report["floods"]["count"], 1);
    assert_eq!(report["floods"]["largest"]["first"]["sensor_id"], "S00");
    assert_eq!(report["chattering"]["raised"], 3);
    assert_eq!(report["fleeting"], 3);
    assert_eq!(report["stale"]["alarms"], 1);
    assert_eq!(report["standing"], 1);
    assert_eq!(report["top"][0]["sensor_id"], "CHATTER");
    assert_eq!(report["top"][0]["share"], 3.0 / 16.0);
    assert_eq!(report["priorities"][2]["share"], 1.0);
    assert_eq!(report["unreadable"], 0);
}

#[test]
fn the_table_shows_which_targets_are_met() {
    let home = history();
    let table = text(&report(&home, &PERIOD));
    let last_cell = |name: &str| -> &str {
        let line = table.lines().find(|line| line.starts_with(name));
        let line = line.unwrap_or_else(|| panic!("no {name} in {table}"));
        line.rsplit("  ").next().expect("a cell").trim()
    };
    assert_eq!(last_cell("Average a day"), "met");
    assert_eq!(last_cell("Chattering"), "not met");
    assert_eq!(last_cell("Raised in all"), "16");
    assert!(table.contains("Alarms from 2024-08-01 00:00 to 2024-08-03 00:00 (UTC)"), "{table}");
}

/// Checks that tags are balanced, but for elements that have no end in HTML.
fn check_balanced(html: &str) {
    const VOID: [&str; 2] = ["meta", "br"];
    let mut open: Vec<&str> = Vec::new();
    let body = html.strip_prefix("<!DOCTYPE html>").expect("a doctype");
    for piece in body.split('<').skip(1) {
        let (tag, _) = piece.split_once('>').unwrap_or_else(|| panic!("no end of tag: {piece}"));
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else {
            let name = tag.split_whitespace().next().expect("a name");
            open.extend(Some(name).filter(|name| !VOID.contains(name)));
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
}

#[test]
fn the_page_is_well_formed_and_has_each_measure() {
    let home = history();
    let file = home.path("report.html");
    let page = file.to_str().expect("a path");
    assert_eq!(text(&report(&home, &[&PERIOD[..], &["--html", page]].concat())), "");
    let html = fs::read_to_string(&file).expect("the page");
    check_balanced(&html);
    let json = text(&report(&home, &[&PERIOD[..], &["--json"]].concat()));
    let figures: Value = serde_json::from_str(&json).expect("one object");
    for target in figures["targets"].as_array().expect("targets") {
        let measure = target["measure"].as_str().expect("a name");
        assert!(html.contains(&format!("<td>{measure}</td>")), "no {measure}");
    }
    for part in ["Source: the alerts stored in", "Floods", "Stale (", "Fleeting (", "Top ten"] {
        assert!(html.contains(part), "no {part}");
    }
    assert!(html.contains("&lt;b&gt;ODD &amp; &quot;CO&quot;") && !html.contains(ODD));
    assert!(!html.contains("<script") && !html.contains("http"));
}

#[test]
fn a_period_that_ends_before_it_begins_is_a_usage_error() {
    let home = history();
    let output = report(&home, &["--since", "2024-08-03", "--until", "2024-08-01"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("ends before it begins"));
}
