//! The examples of `docs/live-feed.md` are what the code sends and takes.

use std::time::Duration;

use chrono::DateTime;
use serde_json::Value;

use super::frames::{self, State, Welcome};
use super::protocol::{Feed, UpdateRequest};
use crate::config::TimeStyle;
use crate::domain::{
    AlarmKey, AlarmOf, AlarmView, LiveAlarm, LiveChanges, Location, Priority, Quantity, SensorId,
    SeriesDescription, SeriesFlags, SeriesValue, Unit, Value as Reading,
};

const PAGE: &str = include_str!("../../../docs/live-feed.md");

const EPOCH: &str = "5b1c9e0d8a7f4e21";
const NOW: i64 = 1_723_631_400_500;

/// The examples that a client sends, and those that the daemon does.
fn examples() -> (Vec<&'static str>, Vec<Value>) {
    let all = PAGE.split("```json\n").skip(1).filter_map(|rest| rest.split("\n```").next());
    let (sent, received): (Vec<_>, Vec<_>) =
        all.partition(|example| example.starts_with("{\"type\""));
    (received, sent.into_iter().map(|text| serde_json::from_str(text).unwrap()).collect())
}

fn value(number: f64, at: i64, flags: SeriesFlags) -> SeriesValue {
    let at = DateTime::from_timestamp_millis(at);
    SeriesValue { index: 0, value: Some(Reading::new(number).unwrap()), at, flags }
}

fn sensor() -> SensorId {
    SensorId::new("TEMP_001").unwrap()
}

fn first() -> LiveChanges {
    let mut flags = SeriesFlags::default();
    flags.set_standing(Priority::High);
    flags.set_unacknowledged();
    let (quantity, unit) = (Quantity::temperature(), Unit::new("celsius"));
    let view = AlarmView {
        of: AlarmOf {
            alert_id: Some("91d2f6a3c8b54e07".into()),
            rule: "high-temperature".into(),
            sensor_id: sensor(),
        },
        alert_type: "HIGH_TEMPERATURE".into(),
        location: Location::new("Bureau"),
        quantity: quantity.clone(),
        value: Some(Reading::new(38.2).unwrap()),
        unit: unit.clone(),
        threshold: 35.0,
        severity: Priority::High,
        state: "unacknowledged",
        since: DateTime::from_timestamp_millis(1_723_631_400_123),
        withheld: None,
        acknowledged: None,
        shelved: None,
        suppressed_by: None,
        out_of_service: None,
    };
    let series = SeriesDescription {
        index: 0,
        sensor_id: sensor(),
        quantity,
        location: Location::new("Bureau"),
        unit,
        low: Some(10.0),
        high: Some(35.0),
        every: Some(2.0),
        is_judged: true,
        stale_after: None,
    };
    LiveChanges {
        version: 41,
        descriptions: vec![series],
        values: vec![value(38.2, 1_723_631_400_123, flags)],
        alarms: vec![LiveAlarm { view, runbook: Some("https://wiki.example/high".into()) }.into()],
        ..LiveChanges::default()
    }
}

fn then() -> LiveChanges {
    LiveChanges {
        version: 43,
        values: vec![value(24.5, 1_723_631_402_123, SeriesFlags::default())],
        gone: vec![AlarmKey { rule: "high-temperature".into(), sensor_id: sensor() }],
        ..LiveChanges::default()
    }
}

#[test]
fn the_page_shows_what_the_daemon_sends() {
    let welcome = Welcome {
        epoch: EPOCH,
        build: "0f1e2d3c4b5a6978",
        zone: "Europe/Paris",
        language: "fr",
        user: None,
        role: "operator",
        is_open: true,
    };
    let times = TimeStyle { naive: false, zone: chrono_tz::Tz::UTC };
    let state = |seq, changes, now| {
        let (_, state) = State::of(&UpdateRequest::everything(seq), changes, times).unwrap();
        serde_json::from_str(&state.whole(now)).unwrap()
    };
    let expected = [
        welcome.json(NOW),
        state(0, first(), NOW),
        state(41, then(), NOW + 2000),
        serde_json::from_str(&frames::beat(NOW + 4000)).unwrap(),
    ];
    let (_, shown) = examples();
    assert_eq!(shown, expected);
}

#[test]
fn the_daemon_takes_what_the_page_shows() {
    let (shown, _) = examples();
    assert_eq!(shown.len(), 4);
    let mut feed = Feed::new(Duration::ZERO);
    for example in shown {
        if example.contains("hello") {
            feed = Feed::new(Duration::ZERO);
        }
        let heard = feed.hear(example, Duration::ZERO, (EPOCH, 50));
        assert!(heard.is_ok(), "{example}: {heard:?}");
    }
}
