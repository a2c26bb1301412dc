use proptest::prelude::*;

use super::*;

const CONFIG: &str = "language = \"fr\"\ntimezone = \"Europe/Paris\"\n[broker]\n\
    [[sensors]]\nid = \"COLD_01\"\nlocation = \"Chambre\"\nunit = \"kelvin\"\n\
    source = { type = \"simulated\" }\n\
    [[rules]]\nname = \"warm\"\nkind = \"high\"\nlimit = 8.0\n[alerts.co2]\nhigh = 800.0\n";

const SERIES: &str =
    "[[tests.series]]\nsensor = \"COLD_01\"\ninterval = \"10s\"\nvalues = \"4.5x2\"\n";

fn tests_of(text: &str) -> Result<RuleTests, ConfigErrors> {
    parse(text, "t.toml", &|name| match name {
        "c.toml" => Ok(super::super::parse(CONFIG, name).unwrap()),
        _ => Err(Mistake::new("no such file", "name another")),
    })
}

/// What is said of a text that is refused, each error as `line: what`.
fn said(text: &str) -> Vec<String> {
    let errors = tests_of(text).unwrap_err();
    let errors = errors.as_slice().iter();
    errors.map(|error| format!("{}: {}", error.place.unwrap().line, error.mistake.what)).collect()
}

/// A file with one test that is right but for what `more` says.
fn file(more: &str) -> String {
    format!("config = \"c.toml\"\n[[tests]]\nname = \"a\"\n{more}\n{SERIES}")
}

fn one(more: &str) -> RuleTest {
    let tests = tests_of(&file(more)).unwrap_or_else(|errors| panic!("{errors}")).tests;
    let [test] = &tests[..] else { panic!("{tests:?}") };
    test.clone()
}

#[test]
fn a_test_is_what_it_says() {
    let test = one("start = \"2024-08-14T12:00:00\"\nrules = [\"warm\", \"high-co2\"]\n\
         transitions = [{ at = \"0s\", rule = \"warm\", sensor = \"S\", change = \"raised\", \
         message = \"m\" }]\nexpect = [{ at = \"2m\", alarms = [] }, { at = \"1m\", alarms = [\
         { rule = \"high-co2\", sensor = \"S\", state = \"acknowledged\" }] }]");
    assert_eq!(test.name, "a");
    assert_eq!(test.place.line, 2);
    assert_eq!(test.start.to_rfc3339(), "2024-08-14T10:00:00+00:00", "as Paris has it");
    assert_eq!(test.rules.unwrap(), ["warm".into(), "high-co2".into()]);
    let sensor_id = SensorId::new("S").unwrap();
    let transition = ExpectedTransition {
        at: Duration::ZERO,
        rule: "warm".into(),
        sensor_id: sensor_id.clone(),
        change: Change::Raised,
        message: Some("m".into()),
    };
    assert_eq!(test.transitions.unwrap(), [transition]);
    let state = Some("acknowledged");
    let alarm = ExpectedAlarm { rule: "high-co2".into(), sensor_id, state };
    let minute = Duration::from_secs(60);
    assert_eq!(
        test.standing,
        [
            StandingAt { at: minute, alarms: vec![alarm] },
            StandingAt { at: 2 * minute, alarms: vec![] }
        ]
    );
}

#[test]
fn what_a_series_leaves_out_is_as_the_configuration_has_it() {
    let series = one("transitions = []").series.remove(0);
    assert_eq!(series.location.as_str(), "Chambre");
    assert_eq!((series.quantity.as_str(), series.unit.as_str()), ("temperature", "kelvin"));
    assert_eq!((series.start, series.end()), (Duration::ZERO, Duration::from_secs(20)));
    let other = SERIES.replace("COLD_01", "X").replace("values", "quantity = \"co2\"\nvalues");
    let text = format!("config = \"c.toml\"\n[[tests]]\nname = \"a\"\ntransitions = []\n{other}");
    let series = tests_of(&text).unwrap().tests.remove(0).series.remove(0);
    assert_eq!((series.location.as_str(), series.unit.as_str()), ("", "ppm"));
    let start = one("transitions = []").start;
    assert_eq!(start.to_rfc3339(), "2023-12-31T23:00:00+00:00");
}

#[test]
fn every_mistake_has_its_place() {
    assert_eq!(
        said("config = \"d.toml\"\n"),
        ["1: `tests` is missing in the top level", "1: no such file"]
    );
    assert_eq!(said("x = 1\n").len(), 3);
    assert_eq!(said(&file("")), ["2: `expect` is missing in [[tests]]"]);
    assert_eq!(
        said("config = \"c.toml\"\n[[tests]]\ntransitions = []\n"),
        ["2: `name` is missing in [[tests]]", "2: `series` is missing in [[tests]]"]
    );
    for (more, what) in [
        ("transitions = []\nrules = []", "5: `rules` is an empty list"),
        ("transitions = []\nrules = [\"x\"]", "5: the configuration has no rule `x`"),
        (
            "transitions = []\nstart = \"soon\"",
            "5: `soon` is no timestamp: use RFC 3339, such as 2024-08-14T10:30:00.123456+00:00",
        ),
        ("transitions = []\nfoo = 1", "5: unknown key `foo` in [[tests]]"),
        ("expect = [{ at = \"1m\" }]", "4: `alarms` is missing in [[tests.expect]]"),
        ("expect = [{ alarms = [] }]", "4: `at` is missing in [[tests.expect]]"),
        (
            "transitions = [{ at = \"1m\", rule = \"warm\", sensor = \"S\", change = \"rised\" }]",
            "4: `change` can't be `rised`",
        ),
        (
            "transitions = [{ at = \"36525d\", rule = \"warm\", sensor = \"S\", change = \"raised\" }]",
            "4: `at` is more than ten years from the start of the test",
        ),
        (
            "expect = [{ at = \"1m\", alarms = [{ rule = \"warm\", sensor = \"S\", state = \"on\" }] }]",
            "4: `state` can't be `on`",
        ),
    ] {
        assert_eq!(said(&file(more)), [what]);
    }
}

#[test]
fn what_takes_too_long_and_what_is_no_toml() {
    let long = file("transitions = []").replace("10s", "36525d");
    assert_eq!(said(&long), ["7: these values take longer than ten years"]);
    let damaged = said(&file("transitions = []\nx"));
    assert_eq!(damaged, ["5: this line has no `=` after its key"]);
}

proptest! {
    #[test]
    fn a_damaged_file_is_refused_with_places(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..12, "[\\PC\n]{0,6}"), 1..6)
    ) {
        let mut chars: Vec<char> = file("transitions = []\nexpect = []").chars().collect();
        for (at, cut, put) in edits {
            let start = at.index(chars.len() + 1);
            let end = (start + cut).min(chars.len());
            chars.splice(start..end, put.chars());
        }
        if let Err(errors) = tests_of(&chars.into_iter().collect::<String>()) {
            prop_assert!(!errors.as_slice().is_empty());
            prop_assert!(errors.as_slice().iter().all(|error| error.place.is_some()));
        }
    }
}
