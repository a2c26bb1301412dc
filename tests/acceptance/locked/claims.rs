//! What must hold once all is at rest, and the figures that show that everything was under way.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{Fixture, KILLS};
use crate::outcome::{open, rows};
use crate::support::readings::{key_of_row, tally};
use crate::support::time;

/// Sorts of alarms: the rule whose alerts stand for it, and, where what brings them about takes time, the sensors
/// it is of. Some of these are under way at a kill and heard after it.
const SORTS: [(&str, Option<&str>); 7] = [
    ("level", None),
    ("stale", Some("STALE")),
    ("delay", Some("DELAY")),
    ("shelf", Some("SHELF")),
    ("effect", Some("EFFECT")),
    ("bounce:chattering", None),
    ("flood", None),
];

/// What a subscriber hears of an alert event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    pub id: String,
    pub rule: String,
    sensor: String,
    pub state: String,
    at: DateTime<Utc>,
    message: String,
}

impl Event {
    pub fn heard(payload: &[u8]) -> Option<Self> {
        let json: Value = serde_json::from_slice(payload).expect("JSON");
        let id = json["alert_id"].as_str()?.to_owned();
        let text = |key: &str| json[key].as_str().unwrap_or_else(|| panic!("{json}")).to_owned();
        let at = time(&text("timestamp"));
        let (rule, sensor) = (text("rule"), text("sensor_id"));
        Some(Self { id, rule, sensor, state: text("state"), at, message: text("message") })
    }

    pub fn stored(path: &Path) -> Vec<Self> {
        let sql = "SELECT alert_id, rule, sensor_id, state, timestamp, message
            FROM alerts WHERE announced ORDER BY id";
        let event = |[id, rule, sensor, state, at, message]: [String; 6]| {
            let at = time(&at);
            Self { id, rule, sensor, state, at, message }
        };
        rows::<6>(&open(path), sql).into_iter().map(event).collect()
    }
}

/// Rules of which an alarm has begun in a cycle, and nothing was heard yet.
pub fn pending(heard: &[Event], cycle: usize) -> impl Iterator<Item = &'static str> {
    let is_heard = move |rule: &str, sensors: &str| {
        let sensor = format!("{sensors}_{cycle}");
        heard.iter().any(|event| event.rule == rule && event.sensor == sensor)
    };
    SORTS.into_iter().filter_map(move |(rule, sensors)| {
        sensors.is_some_and(|sensors| !is_heard(rule, sensors)).then_some(rule)
    })
}

/// Of one sort of alarms.
#[derive(Debug)]
pub struct Figures {
    /// Alerts of its begin that are stored.
    stored: usize,
    /// Those of them that were heard before their commit.
    early: usize,
    /// Kills that found one begun and not heard.
    pending: usize,
}

pub fn figures(fixture: &Fixture, stored: &BTreeSet<Event>) -> BTreeMap<&'static str, Figures> {
    let active = |rule: &str, events: &BTreeSet<Event>| {
        events.iter().filter(|it| it.rule == rule && it.state == "active").count()
    };
    let of = |(rule, _)| {
        let (stored, early) = (active(rule, stored), active(rule, &fixture.early));
        let pending = fixture.pending.iter().filter(|it| **it == rule).count();
        (rule, Figures { stored, early, pending })
    };
    SORTS.into_iter().map(of).collect()
}

pub fn assert_under_way(figures: &BTreeMap<&str, Figures>) {
    for (rule, sensors) in SORTS {
        let Figures { stored, early, pending } = figures[rule];
        assert!(early > 0 && stored > 0, "no alert of {rule} was heard before its commit");
        assert!(sensors.is_none() || pending > 0, "no alarm of {rule} was pending at a kill");
    }
}

/// What was heard is stored; what is stored was heard; the last word on each alarm is its end.
pub fn assert_heard(heard: &[Event], stored: &BTreeSet<Event>) {
    let all: BTreeSet<Event> = heard.iter().cloned().collect();
    let not_stored: Vec<_> = all.difference(stored).collect();
    assert!(not_stored.is_empty(), "heard and not stored: {not_stored:#?}");
    let not_heard: Vec<_> = stored.difference(&all).collect();
    assert!(not_heard.is_empty(), "stored and not heard: {not_heard:#?}");
    let last: BTreeMap<_, _> = heard.iter().map(|event| (&event.id, event)).collect();
    let open: Vec<_> = last.values().filter(|event| event.state != "resolved").collect();
    assert!(open.is_empty(), "heard as raised and never to end: {open:#?}");
}

pub fn assert_stored_once(fixture: &Fixture) {
    let db = open(fixture.home.db().path());
    for (what, sql) in [
        (
            "alerts",
            "SELECT concat_ws('|', alert_id, rule, sensor_id, transition, timestamp, message, count(*))
             FROM alerts GROUP BY alert_id, transition, timestamp, message, announced HAVING count(*) > 1",
        ),
        (
            "actions",
            "SELECT concat_ws('|', action, rule, sensor, via, count(*)) FROM operator_actions
             GROUP BY action, rule, sensor HAVING count(*) > 1",
        ),
    ] {
        let twice: Vec<[String; 1]> = rows(&db, sql);
        assert!(twice.is_empty(), "{what} stored twice: {twice:#?}");
    }
    let stored = fixture.home.db().rows();
    let stored = tally(stored.iter().map(key_of_row));
    let sent = tally(fixture.sent.iter().cloned());
    let differs: Vec<_> = sent.keys().filter(|key| stored.get(*key) != Some(&1)).collect();
    assert!(differs.is_empty(), "not stored just once: {differs:#?}");
    assert_eq!(stored.len(), sent.len(), "readings that nobody sent");
}

/// How many acknowledgements by each way are stored: all by MQTT, and by the API all that were seen to be done.
pub fn acknowledged(fixture: &Fixture) -> (usize, usize) {
    let sql =
        "SELECT sensor FROM operator_actions WHERE action = 'acknowledge' AND outcome = 'done'";
    let done: BTreeSet<String> = fixture.home.db().texts(sql).into_iter().collect();
    let lost: Vec<_> = fixture.done_by_api.difference(&done).collect();
    assert!(lost.is_empty(), "acknowledged before a kill, and not stored: {lost:?}");
    let by_mqtt = done.iter().filter(|sensor| sensor.starts_with("MQTT_")).count();
    assert_eq!(by_mqtt, KILLS, "acknowledgements by MQTT");
    (done.len() - by_mqtt, by_mqtt)
}
