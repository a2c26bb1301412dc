use super::*;
use crate::config::Place;
use crate::domain::{Location, Quantity, Unit, Value};

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn config(rules: &str) -> Config {
    crate::config::parse(&format!("[broker]\n{rules}"), "c.toml").unwrap()
}

const WARM: &str = "[[rules]]\nname = \"warm\"\nkind = \"high\"\nlimit = 8.0\n";
const SILENT: &str = "[[rules]]\nname = \"silent\"\nkind = \"stale\"\nafter = \"60s\"\n";

/// A test of one sensor, with a value every 10 s.
fn test(values: &[Option<f64>]) -> RuleTest {
    let values = values.iter().map(|value| value.map(|value| Value::new(value).unwrap()));
    let series = TestSeries {
        sensor_id: SensorId::new("S").unwrap(),
        location: Location::new(""),
        quantity: Quantity::temperature(),
        unit: Unit::new("celsius"),
        start: Duration::ZERO,
        interval: seconds(10),
        values: values.collect(),
    };
    RuleTest {
        name: "a".into(),
        place: Place { line: 3, column: 1 },
        start: DateTime::from_timestamp(1_700_000_000, 0).unwrap(),
        rules: None,
        series: vec![series],
        standing: Vec::new(),
        transitions: Some(Vec::new()),
    }
}

/// What happened, as `at rule change`.
fn history(test: &RuleTest, rules: &str) -> Vec<String> {
    let happened = play(test, &config(rules)).history.into_iter();
    let said = |it: Happened| {
        format!("{} {} {}", duration::format(it.at), it.rule, words::of_change(it.change))
    };
    happened.map(said).collect()
}

#[test]
fn silence_runs_out_at_its_time_and_no_reading_in_time_is_missed() {
    let mut gap = test(&[Some(1.0), None, None, None, None, None, Some(1.0)]);
    assert!(history(&gap, SILENT).is_empty(), "the reading at 60 s is in time");
    gap.series[0].interval = Duration::from_millis(10_001);
    assert_eq!(history(&gap, SILENT), ["1m silent raised", "1m6ms silent returned"]);
    let end = test(&[Some(1.0), None, None, None, None, None, None]);
    assert_eq!(history(&end, SILENT), ["1m silent raised"], "up to the last `_`");
    let cut = test(&[Some(1.0), None, None, None, None, None]);
    assert!(history(&cut, SILENT).is_empty());
}

#[test]
fn a_look_at_a_time_sees_what_is_measured_just_then() {
    let mut looked = test(&[Some(1.0), Some(9.0), Some(1.0)]);
    looked.standing =
        [5, 10, 19, 20].map(|at| StandingAt { at: seconds(at), alarms: Vec::new() }).into();
    let standing = play(&looked, &config(WARM)).standing;
    assert_eq!(standing.iter().map(Vec::len).collect::<Vec<_>>(), [0, 1, 1, 0]);
}

#[test]
fn what_differs_is_told_and_nothing_else() {
    let mut wrong = test(&[Some(9.0), Some(1.0)]);
    let all = format!("{WARM}{SILENT}");
    assert_eq!(
        differences(&wrong, &play(&wrong, &config(&all))),
        "  history:\n    + 0s   warm  S  raised\n    + 10s  warm  S  returned\n"
    );
    let expected = |at, change, message: Option<&str>| ExpectedTransition {
        at: seconds(at),
        rule: "warm".into(),
        sensor_id: SensorId::new("S").unwrap(),
        change,
        message: message.map(str::to_owned),
    };
    wrong.transitions = Some(vec![
        expected(0, Change::Raised, Some("High temperature detected: 9.0°C")),
        expected(10, Change::Returned, Some("no")),
    ]);
    assert_eq!(
        differences(&wrong, &play(&wrong, &config(&all))),
        "  history:\n      0s   warm  S  raised    \"High temperature detected: 9.0°C\"\n    \
         - 10s  warm  S  returned  \"no\"\n    \
         + 10s  warm  S  returned  \"Temperature back to normal: 1.0°C\"\n"
    );
    wrong.transitions =
        Some(vec![expected(0, Change::Raised, None), expected(10, Change::Returned, None)]);
    assert_eq!(differences(&wrong, &play(&wrong, &config(&all))), "");
    wrong.rules = Some(vec!["silent".into()]);
    assert!(differences(&wrong, &play(&wrong, &config(&all))).contains("- 0s"), "not looked at");
}

#[test]
fn a_failure_names_its_test_and_its_place() {
    let tests =
        RuleTests { config: config(WARM), tests: vec![test(&[Some(9.0)]), test(&[Some(1.0)])] };
    assert_eq!(
        failures(&tests, "c.test.toml"),
        ["FAILED a (c.test.toml:3); - expected, + got\n  history:\n    + 0s  warm  S  raised\n"]
    );
}
