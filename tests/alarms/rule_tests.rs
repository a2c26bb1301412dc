//! `vigie rules test`: the shipped tests pass and cover every kind of rule; a wrong expectation fails with a diff; an
//! invalid file is reported with its place.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Output;

use vigie::config::{self as settings, rule_tests};

use crate::support::{Home, config, run_vigie};

const FLEETS: [&str; 2] = ["cold-chain", "server-room"];

/// A home with a shipped configuration and this test file.
fn home(fleet: &str, tests: &str) -> Home {
    let home = Home::new();
    home.write(&format!("{fleet}.toml"), &config::shipped(&format!("{fleet}.toml")));
    home.write(&format!("{fleet}.test.toml"), tests);
    home
}

fn run(home: &Home, files: &[&str]) -> Output {
    run_vigie(home, &[&["rules", "test"], files].concat())
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_shipped_tests_pass() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let files = FLEETS.map(|fleet| folder.join(format!("{fleet}.test.toml")).display().to_string());
    let output = run(&Home::new(), &[&files[0], &files[1]]);
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    assert_eq!(out(&output).matches(" tests passed").count(), 2, "{}", out(&output));
}

/// Each rule of the shipped configurations, and each kind, has a test that raises its alarm.
#[test]
fn the_shipped_tests_cover_every_rule() {
    for fleet in FLEETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        let tests = rule_tests::load(&folder.join(format!("{fleet}.test.toml"))).unwrap();
        let expected = tests.tests.iter().flat_map(|test| test.transitions.iter().flatten());
        let raised: BTreeSet<_> = expected.map(|transition| transition.rule.to_string()).collect();
        let text = fs::read_to_string(folder.join(format!("{fleet}.toml"))).unwrap();
        let rules = settings::parse(&text, fleet).unwrap().rules;
        let named: BTreeSet<_> = rules.iter().map(|rule| rule.name.to_string()).collect();
        assert_eq!(raised, named, "{fleet}");
        let kinds: BTreeSet<_> = rules.iter().map(|rule| rule.kind.as_str()).collect();
        assert_eq!(kinds.len(), 8, "{fleet}: {kinds:?}");
    }
}

#[test]
fn a_wrong_expectation_fails_with_a_diff() {
    let shipped = config::shipped("cold-chain.test.toml");
    let right = r#"{ at = "32m", rule = "cold-room-warm", sensor = "COLD_01", change = "returned""#;
    assert!(shipped.contains(right));
    let wrong = shipped.replace(right, &right.replace("32m", "31m")).replace(
        "at = \"25m\"\nalarms = [{ rule = \"cold-room-warm\", sensor = \"COLD_01\"",
        "at = \"25m\"\nalarms = [{ rule = \"cold-room-warm\", sensor = \"COLD_02\"",
    );
    let home = home("cold-chain", &wrong);
    let output = run(&home, &["cold-chain.test.toml"]);
    assert_eq!(output.status.code(), Some(1), "{}{}", out(&output), err(&output));
    let line = wrong.lines().position(|line| line.contains("a door left open, until")).unwrap();
    let expected = format!(
        "\
FAILED a door left open, until the room is cold again by half a degree (cold-chain.test.toml:{line}); - expected, + got
  alarms that stand at 25m:
    - cold-room-warm  COLD_02  unacknowledged
    + cold-room-warm  COLD_01  unacknowledged
  history:
      15m  cold-room-warm  COLD_01  raised    \"Porte ouverte? 9.0°C à Chambre froide (COLD_01), limite 8°C\"
    - 31m  cold-room-warm  COLD_01  returned  \"Température revenue à la normale: 7.5°C\"
    + 32m  cold-room-warm  COLD_01  returned  \"Température revenue à la normale: 7.5°C\"

cold-chain.test.toml: 1 of 16 failed
"
    );
    assert_eq!(out(&output), expected);
}

#[test]
fn an_invalid_test_file_fails_with_line_and_hint() {
    let tests = "config = \"cold-chain.toml\"\n[[tests]]\nname = \"a\"\n[[tests.series]]\n\
                 sensor = \"COLD_01\"\ninterval = \"10s\"\nvalues = \"4.5x\"\n[[tests.expect]]\n\
                 at = \"25 m\"\nalarms = [{ rule = \"cold-room-wram\", sensor = \"COLD_01\" }]\n";
    let home = home("cold-chain", tests);
    let output = run(&home, &["cold-chain.test.toml"]);
    assert_eq!(output.status.code(), Some(2), "{}", out(&output));
    let said = err(&output);
    for (line, what, hint) in [
        (7, "`4.5x` stands for no values", "4.5x10 (ten more)"),
        (9, "` m` is no unit of time", "units are ms, s, m, h, d"),
        (10, "no rule `cold-room-wram`", "did you mean `cold-room-warm`?"),
    ] {
        let at = format!("cold-chain.test.toml:{line}:");
        let place = said.find(&at).unwrap_or_else(|| panic!("nothing about line {line}: {said}"));
        let rest = &said[place..];
        assert!(rest.contains(what) && rest.contains(hint), "{what}: {said}");
    }
    assert_eq!(said.matches(": error: ").count(), 3, "{said}");
}

#[test]
fn a_missing_file_does_not_stop_the_others() {
    let home = home("server-room", &config::shipped("server-room.test.toml"));
    let output = run(&home, &["absent.test.toml", "server-room.test.toml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("absent.test.toml: error: there is no such file"));
    assert!(out(&output).contains("server-room.test.toml: 11 tests passed"), "{}", out(&output));
}
