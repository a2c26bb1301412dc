use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;

use super::*;
use crate::domain::{
    AlarmKey, AlarmOf, AlarmView, LiveAlarm, Location, Priority, SeriesFlags, Unit, Value,
};
use crate::mqtt::discovery::description::tests::{describer, series};

const STATE: &str = "vigie/state/A-temperature";
const ALARM: &str = "vigie/alarm/A-temperature";
const STATE_CONFIG: &str = "homeassistant/sensor/vigie/A-temperature/config";
const ALARM_CONFIG: &str = "homeassistant/binary_sensor/vigie/A-temperature/config";

struct World {
    book: Book,
    begin: Instant,
    millis: u64,
}

impl World {
    fn new() -> Self {
        Self { book: Book::new(describer()), begin: Instant::now(), millis: 0 }
    }

    fn now(&self) -> Instant {
        self.begin + Duration::from_millis(self.millis)
    }

    fn take(&mut self, changes: LiveChanges) {
        self.take_shown(changes, false, |_| true);
    }

    fn take_shown(&mut self, changes: LiveChanges, is_all: bool, shows: impl Fn(&str) -> bool) {
        let now = self.now();
        self.book.tick();
        self.book.take(changes, is_all, |sensor, _| shows(sensor.as_str()), now);
    }

    /// Publishes what is due, each acknowledged at once: topics, and the payloads of states.
    fn published(&mut self) -> Vec<String> {
        let mut published = Vec::new();
        while let Some(due) = self.book.dispatch(self.now()) {
            published.push(line(&due));
            self.book.finish(due.tag);
        }
        published
    }
}

/// A config is its topic.
fn line(due: &Due) -> String {
    let text = String::from_utf8_lossy(&due.payload);
    match serde_json::from_str::<serde_json::Value>(&text) {
        Ok(json) if json.get("o").is_some() => due.topic.clone(),
        Ok(json) if json.is_object() => format!("{} {} {}", due.topic, json["state"], json["rule"]),
        _ => format!("{} {text}", due.topic),
    }
}

fn described(of: SeriesDescription) -> LiveChanges {
    LiveChanges { descriptions: vec![of], ..LiveChanges::default() }
}

fn flags(standing: Option<Priority>) -> SeriesFlags {
    let mut flags = SeriesFlags::default();
    standing.into_iter().for_each(|priority| flags.set_standing(priority));
    flags
}

fn value(number: f64, second: i64, standing: Option<Priority>) -> SeriesValue {
    SeriesValue {
        index: 0,
        value: Some(Value::new(number).unwrap()),
        at: DateTime::from_timestamp(second, 0),
        flags: flags(standing),
    }
}

fn valued(value: SeriesValue) -> LiveChanges {
    LiveChanges { values: vec![value], ..LiveChanges::default() }
}

fn alarm(rule: &str, severity: Priority, state: &'static str) -> LiveAlarm {
    let view = AlarmView {
        of: AlarmOf { alert_id: None, rule: rule.into(), sensor_id: SensorId::new("A").unwrap() },
        alert_type: "X".into(),
        location: Location::new(""),
        quantity: Quantity::temperature(),
        value: None,
        unit: Unit::new(""),
        threshold: 0.0,
        severity,
        state,
        since: None,
        withheld: None,
        acknowledged: None,
        shelved: None,
        suppressed_by: None,
        out_of_service: None,
    };
    LiveAlarm { view, runbook: None }
}

#[test]
fn a_new_series_is_described_and_its_states_follow() {
    let mut world = World::new();
    let mut changes = described(series(0, "A"));
    changes.values = vec![value(21.5, 1, None)];
    world.take(changes);
    assert_eq!(
        world.published(),
        [
            format!("{ALARM} \"OFF\" null"),
            STATE_CONFIG.into(),
            ALARM_CONFIG.into(),
            format!("{STATE} 21.5"),
        ]
    );
    assert_eq!(world.published(), Vec::<String>::new());
    world.take(valued(value(21.5, 2, None)));
    assert_eq!(world.published(), Vec::<String>::new(), "the same value");
    world.take(valued(value(22.0, 3, None)));
    world.take(valued(value(23.0, 4, None)));
    assert_eq!(world.published(), [format!("{STATE} 23.0")], "the newest alone");
}

#[test]
fn a_series_that_was_never_heard_has_no_state() {
    let mut world = World::new();
    let mut changes = described(SeriesDescription { is_judged: false, ..series(0, "A") });
    changes.values = vec![SeriesValue { value: None, at: None, ..value(0.0, 0, None) }];
    world.take(changes);
    assert_eq!(world.published(), [STATE_CONFIG]);
}

#[test]
fn the_gravest_alarm_is_shown_until_the_last_ends() {
    let mut world = World::new();
    world.take(described(series(0, "A")));
    world.published();
    let mut changes = valued(value(50.0, 1, Some(Priority::High)));
    let [warm, hot] = [("warm", Priority::Low), ("hot", Priority::High)]
        .map(|(rule, priority)| Arc::new(alarm(rule, priority, "unacknowledged")));
    changes.alarms = vec![hot.clone(), warm];
    world.take(changes);
    assert_eq!(
        world.published(),
        [format!("{ALARM} \"ON\" \"hot\""), format!("{STATE} 50.0")],
        "alarms first"
    );
    let mut changes = valued(value(30.0, 2, Some(Priority::Low)));
    changes.alarms = vec![Arc::new(alarm("hot", Priority::High, "returned-unacknowledged"))];
    world.take(changes);
    assert_eq!(world.published()[0], format!("{ALARM} \"ON\" \"warm\""));
    let mut changes = valued(value(30.0, 3, None));
    let key = |rule: &str| AlarmKey { rule: rule.into(), sensor_id: SensorId::new("A").unwrap() };
    changes.gone = vec![key("hot"), key("warm")];
    world.take(changes);
    assert_eq!(world.published(), [format!("{ALARM} \"OFF\" null")]);
    assert_eq!(
        world.book.alarms.gravest(&(SensorId::new("A").unwrap(), Quantity::temperature())),
        None
    );
}

#[test]
fn where_silence_counts_a_value_that_stays_is_published_again_now_and_then() {
    let mut world = World::new();
    let mut changes = described(SeriesDescription { stale_after: Some(30.0), ..series(0, "A") });
    changes.values = vec![value(5.0, 0, None)];
    world.take(changes);
    world.published();
    for (second, is_again) in [(5, false), (9, false), (10, true), (15, false), (20, true)] {
        world.millis = u64::try_from(second).unwrap() * 1000;
        world.take(valued(value(5.0, second, None)));
        assert_eq!(world.published().len(), usize::from(is_again), "{second}");
    }
    world.millis = 100_000;
    world.take(valued(value(5.0, 20, Some(Priority::Low))));
    let alarm_alone = world.published();
    assert_eq!(alarm_alone.len(), 1, "no new reading: {alarm_alone:?}");
}

#[test]
fn a_series_without_rules_has_no_alarm() {
    let mut world = World::new();
    let unjudged = || SeriesDescription { is_judged: false, ..series(0, "A") };
    world.take(described(unjudged()));
    assert_eq!(world.published(), [STATE_CONFIG]);
    world.take(described(series(0, "A")));
    assert_eq!(world.published(), [format!("{ALARM} \"OFF\" null"), ALARM_CONFIG.into()]);
    world.take(described(unjudged()));
    let deleted = [format!("{ALARM_CONFIG} "), format!("{ALARM} ")];
    assert_eq!(world.published(), deleted, "its last rule is no more");
    world.take(described(series(0, "A")));
    assert_eq!(world.published(), [format!("{ALARM} \"OFF\" null"), ALARM_CONFIG.into()]);
}

#[test]
fn what_does_not_concern_the_config_is_no_news() {
    let mut world = World::new();
    world.take(described(series(0, "A")));
    world.published();
    let limits = SeriesDescription { high: Some(3.0), every: Some(2.0), ..series(0, "A") };
    world.take(described(limits));
    assert_eq!(world.published(), Vec::<String>::new());
    world.take(described(SeriesDescription { unit: Unit::new("K"), ..series(0, "A") }));
    assert_eq!(world.published(), [STATE_CONFIG]);
    let moved = SeriesDescription { location: Location::new("Hall 2"), ..series(0, "A") };
    world.take(described(moved));
    assert_eq!(world.published(), [STATE_CONFIG, ALARM_CONFIG], "both are of the device");
}

#[test]
fn what_is_gone_is_deleted() {
    let all = [
        format!("{ALARM_CONFIG} "),
        format!("{ALARM} "),
        format!("{STATE_CONFIG} "),
        format!("{STATE} "),
    ];
    let mut world = World::new();
    let mut two = described(series(0, "A"));
    two.descriptions.push(series(1, "B"));
    world.take(two);
    world.published();
    world.take_shown(described(series(1, "B")), true, |_| true);
    assert_eq!(world.published(), all, "it is not in the snapshot");
    world.take(described(series(0, "A")));
    assert_eq!(world.published().len(), 3, "it is back");
    let everything = || {
        let mut both = described(series(0, "A"));
        both.descriptions.push(series(1, "B"));
        both
    };
    world.take_shown(everything(), true, |sensor| sensor != "A");
    assert_eq!(world.published(), all, "it turned out to be Home Assistant's own");
    world.take_shown(everything(), true, |sensor| sensor != "A");
    assert_eq!(world.published(), Vec::<String>::new());
}

#[test]
fn a_new_connection_has_it_all_and_what_was_in_flight() {
    let mut world = World::new();
    let mut changes = described(series(0, "A"));
    changes.values = vec![value(1.0, 1, Some(Priority::Low))];
    changes.alarms = vec![Arc::new(alarm("warm", Priority::Low, "acknowledged"))];
    world.take(changes);
    let first = world.published();
    assert_eq!(first.len(), 4);
    world.book.begin_anew(false);
    assert_eq!(world.published(), first, "Home Assistant is there");
    world.take_shown(LiveChanges::default(), true, |_| true);
    let lost: Vec<_> = std::iter::from_fn(|| world.book.dispatch(world.begin)).collect();
    assert_eq!(lost.len(), 4);
    world.book.begin_anew(true);
    let again = world.published();
    let before: Vec<_> = lost.iter().map(line).collect();
    assert!(before.iter().all(|line| again.contains(line)) && again.len() == 4, "{again:?}");
}

#[test]
fn what_is_refused_for_now_is_tried_again() {
    let mut world = World::new();
    let mut changes = described(series(0, "A"));
    changes.values = vec![value(1.0, 1, None)];
    world.take(changes);
    let all: Vec<_> = std::iter::from_fn(|| world.book.dispatch(world.begin)).collect();
    all.iter().for_each(|due| world.book.put_back(due.tag));
    let lines: Vec<_> = all.iter().map(line).collect();
    assert_eq!(world.published(), lines);
    world.take_shown(LiveChanges::default(), true, |_| true);
    let deletion = world.book.dispatch(world.begin).unwrap();
    world.book.put_back(deletion.tag);
    assert_eq!(world.published().len(), 4);
}

#[test]
fn little_is_in_flight_and_a_tick_brings_no_more_than_it_may() {
    let mut world = World::new();
    let many = (0..1_000).map(|index| series(index, &format!("S{index}"))).collect();
    world.take(LiveChanges { descriptions: many, ..LiveChanges::default() });
    let mut tags = Vec::new();
    while let Some(due) = world.book.dispatch(world.begin) {
        tags.push(due.tag);
    }
    assert_eq!(tags.len(), WINDOW);
    tags.into_iter().for_each(|tag| world.book.finish(tag));
    assert_eq!(world.published().len(), MOST_A_TICK - WINDOW);
    let mut total = MOST_A_TICK;
    loop {
        world.book.tick();
        match world.published().len() {
            0 => break,
            more => total += more,
        }
    }
    assert_eq!(total, 3_000, "two configs and a state each");
}

#[test]
fn there_are_no_more_series_than_fit() {
    let mut world = World::new();
    let count = u32::try_from(MOST_SERIES).unwrap();
    let many = (0..=count).map(|index| series(index, &format!("S{index}"))).collect();
    world.take(LiveChanges { descriptions: many, ..LiveChanges::default() });
    assert!(world.book.take_left_out());
    assert!(!world.book.take_left_out());
    assert_eq!(world.book.entries.len(), MOST_SERIES);
}
