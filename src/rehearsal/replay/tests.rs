use super::*;
use crate::domain::{Location, Quantity, SensorId, Unit, Value};

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap()
}

fn config(rules: &str) -> Config {
    crate::config::parse(&format!("[broker]\n{rules}"), "c.toml").unwrap()
}

const WARM: &str = "[[rules]]\nname = \"warm\"\nkind = \"high\"\nlimit = 8.0\n";
const SILENT: &str = "[[rules]]\nname = \"silent\"\nkind = \"stale\"\nafter = \"60s\"\n";

fn reading(sensor: &str, second: i64, value: f64) -> Reading {
    Reading {
        sensor_id: SensorId::new(sensor).unwrap(),
        location: Location::new(""),
        quantity: Quantity::temperature(),
        value: Value::new(value).unwrap(),
        unit: Unit::new("celsius"),
        timestamp: at(second),
    }
}

fn was(second: i64, state: AlertState) -> Announced {
    let (rule, sensor_id) = ("warm".into(), "S".into());
    Announced { at: at(second), rule, sensor_id, state, message: "was".into() }
}

/// From 0 s to 1000 s.
fn replay(rules: &str, outage: Option<u64>) -> Replay {
    Replay::new(&config(rules), at(0), at(1000), outage.map(Duration::from_secs))
}

fn listed(compared: &Compared) -> Vec<String> {
    let line = |(side, announced): &(Side, Announced)| {
        let second = (announced.at - at(0)).num_seconds();
        format!("{side:?} {second} {} {}", announced.rule, announced.state)
    };
    compared.list.iter().map(line).collect()
}

#[test]
fn the_same_announcement_is_both_and_others_are_one_sides() {
    let mut replay = replay(WARM, None);
    for (second, value) in [(10, 9.0), (20, 1.0), (30, 9.0)] {
        replay.take(&reading("S", second, value));
    }
    for second in [10, 25] {
        replay.was(was(second, AlertState::Active));
    }
    let compared = replay.finish();
    assert_eq!(
        listed(&compared),
        [
            "Both 10 warm active",
            "OnlyWould 20 warm resolved",
            "OnlyWas 25 warm active",
            "OnlyWould 30 warm active"
        ]
    );
    assert_eq!(compared.rules["warm"], Count { would: 2, was: 2 });
    assert_eq!(compared.list_ends, None);
}

#[test]
fn what_comes_before_the_period_is_known_and_not_told() {
    let delayed = format!("{WARM}on_delay = \"30s\"\n");
    assert_eq!(lead(&config(&format!("{delayed}{SILENT}"))), Duration::from_secs(60));
    let mut replay = replay(&delayed, None);
    for (second, value) in [(-20, 9.0), (15, 9.0), (1000, 1.0)] {
        replay.take(&reading("S", second, value));
    }
    replay.was(was(-1, AlertState::Active));
    replay.was(was(1000, AlertState::Active));
    assert_eq!(listed(&replay.finish()), ["OnlyWould 10 warm active"]);
}

#[test]
fn silence_counts_by_the_readings_times_up_to_the_end() {
    let mut one = replay(SILENT, None);
    one.take(&reading("S", 0, 1.0));
    assert_eq!(listed(&one.finish()), ["OnlyWould 60 silent active"]);
    let mut two = replay(SILENT, None);
    two.take(&reading("S", 0, 1.0));
    for second in 1..1000 {
        two.take(&reading("T", second, 1.0));
    }
    assert_eq!(listed(&two.finish()), ["OnlyWould 60 silent active"], "not T, up to the end");
    assert!(listed(&replay(SILENT, None).finish()).is_empty(), "nothing was ever heard");
}

#[test]
fn an_outage_is_no_silence() {
    let mut replay = replay(SILENT, Some(100));
    for second in [0, 50, 500, 550, 640] {
        replay.take(&reading("S", second, 1.0));
    }
    assert_eq!(
        listed(&replay.finish()),
        ["OnlyWould 610 silent active", "OnlyWould 640 silent resolved"],
        "450 s without anything are an outage, 90 s are silence, and the end is an outage"
    );
}

#[test]
fn what_finds_no_room_is_counted_and_the_list_ends_before_it() {
    let mut replay = replay(WARM, None);
    let num = i64::try_from(MOST_LISTED).unwrap();
    for n in 0..num + 5 {
        let mut announced = was(1, AlertState::Active);
        announced.at += TimeDelta::milliseconds(n / 1000);
        replay.was(announced);
    }
    let compared = replay.finish();
    assert_eq!(compared.rules["warm"].was, MOST_LISTED as u64 + 5);
    assert_eq!(compared.list_ends, Some(at(1) + TimeDelta::milliseconds(num / 1000)));
    assert_eq!(compared.list.len(), MOST_LISTED);
}
