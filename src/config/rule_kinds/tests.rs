//! Each kind with its keys, and what is said of those that are wrong.

use super::*;
use crate::config::testing::{accepted, hint};

/// The text of a rule of this kind.
fn rule(kind: &str, keys: &str) -> String {
    format!("[broker]\n[[rules]]\nname = \"A\"\nkind = \"{kind}\"\n{keys}")
}

fn kind_of(kind: &str, keys: &str) -> Kind {
    accepted(&rule(kind, keys)).rules.remove(0).kind
}

fn said(kind: &str, keys: &str) -> Vec<String> {
    crate::config::testing::said(&rule(kind, keys))
}

#[test]
fn every_kind_is_read_with_its_keys() {
    let hour = Duration::from_secs(3_600);
    let other = SensorId::new("COLD_REF").unwrap();
    for (kind, keys, expected) in [
        ("high", "limit = 8\ndeadband = 0.5", Kind::High { limit: 8.0, deadband: 0.5 }),
        ("low", "limit = -2.5", Kind::Low { limit: -2.5, deadband: 0.0 }),
        (
            "rate",
            "per_minute = -2.0\nwindow = \"1h\"",
            Kind::Rate { per_minute: -2.0, window: hour },
        ),
        ("stale", "after = \"1h\"", Kind::Stale { after: hour }),
        ("flatline", "lasting = \"1h\"\nwithin = 0", Kind::Flatline { lasting: hour, within: 0.0 }),
        (
            "deviation",
            "deviations = 6\nwindow = \"1h\"",
            Kind::Deviation { deviations: 6.0, window: hour },
        ),
        (
            "difference",
            "other = \"COLD_REF\"\nlimit = 2.0\ndeadband = 2.0",
            Kind::Difference { other, limit: 2.0, deadband: 2.0 },
        ),
        (
            "expression",
            "when = \"value > 8 && hour >= 22\"",
            Kind::Expression { condition: Expression::parse("value > 8 && hour >= 22").unwrap() },
        ),
    ] {
        assert_eq!(kind_of(kind, keys), expected);
    }
}

#[test]
fn what_a_kind_needs_is_asked_for() {
    for (kind, there, missing, expected) in [
        ("high", "", "limit", "write the highest value that is still good: limit = 8.0"),
        ("low", "", "limit", "write the lowest value that is still good: limit = 2.0"),
        (
            "rate",
            "window = \"1h\"",
            "per_minute",
            "write the fastest change that is still good: per_minute = 2.0, below 0 for falling",
        ),
        (
            "rate",
            "per_minute = 1",
            "window",
            "say over how long the change is measured: window = \"10m\"",
        ),
        ("stale", "", "after", "say how long a sensor may be silent: after = \"15m\""),
        (
            "flatline",
            "within = 0.1",
            "lasting",
            "say how long a value may stay as it is: lasting = \"1h\"",
        ),
        (
            "flatline",
            "lasting = \"1h\"",
            "within",
            "say how far values lie apart that count as the same: within = 0.05",
        ),
        (
            "deviation",
            "window = \"1h\"",
            "deviations",
            "say how far from the usual is too far: deviations = 6.0",
        ),
        (
            "deviation",
            "deviations = 6",
            "window",
            "say what the usual is taken from: window = \"1h\"",
        ),
        (
            "difference",
            "limit = 1",
            "other",
            "name the sensor to compare with: other = \"COLD_REF\"",
        ),
        ("difference", "other = \"A\"", "limit", "write how far apart the two may be: limit = 2.0"),
        (
            "expression",
            "",
            "when",
            "write what is true when the rule is broken: when = \"value > 8.0\"",
        ),
    ] {
        assert_eq!(said(kind, there), [format!("2: `{missing}` is missing in [[rules]]")]);
        assert_eq!(hint(&rule(kind, there)), expected);
    }
}

#[test]
fn a_key_of_another_kind_says_whose_it_is() {
    assert_eq!(
        said("stale", "after = \"1h\"\nlimit = 1\nper_minute = 1\nwindow = 3"),
        [
            "6: `limit` belongs to the kinds `high`, `low` and `difference`, not to `stale`",
            "7: `per_minute` belongs to the kind `rate`, not to `stale`",
            "8: `window` belongs to the kinds `rate` and `deviation`, not to `stale`"
        ]
    );
    let hint_for = |key: &str| hint(&rule("stale", &format!("after = \"1h\"\n{key} = 1")));
    assert_eq!(hint_for("limit"), "remove the line, or change the kind");
    assert_eq!(hint_for("when"), "remove the line, or make the kind `expression`");
}

#[test]
fn every_key_is_refused_by_the_kinds_that_dont_have_it() {
    for (kind, word) in KINDS {
        for (key, owners) in KEYS {
            let belongs = format!("`{key}` belongs to");
            let said = said(kind, &format!("{key} = true"));
            let is_refused = said.iter().any(|said| said.contains(&belongs));
            assert_eq!(is_refused, !owners.contains(&word), "{key} of {kind}: {said:?}");
            let is_unknown = said.iter().any(|said| said.contains("unknown"));
            assert!(!is_unknown, "{key} of {kind}: {said:?}");
        }
    }
}

#[test]
fn without_a_kind_its_keys_are_not_looked_at() {
    assert_eq!(
        said("hgih", "limit = true\nwhen = 3\nlimitt = 1"),
        ["4: `kind` can't be `hgih`", "7: unknown key `limitt` in [[rules]]"]
    );
    assert_eq!(hint(&rule("hgih", "")), "did you mean `high`?");
    let text = "[broker]\n[[rules]]\nname = \"A\"\nlimit = 8.0\n";
    assert_eq!(hint(text), "say what breaks the rule: kind = \"high\"");
}

#[test]
fn numbers_are_where_they_mean_something() {
    for (kind, keys, what, expected) in [
        (
            "high",
            "limit = 8\ndeadband = -0.1",
            "6: `deadband` is below 0",
            "write how far back within the limit a value must be: 0.5",
        ),
        (
            "rate",
            "window = \"1m\"\nper_minute = 0",
            "6: `per_minute` is zero",
            "write a change a minute: above 0 for rising, below 0 for falling",
        ),
        (
            "flatline",
            "lasting = \"1m\"\nwithin = -1",
            "6: `within` is below 0",
            "0 asks for the very same value",
        ),
        (
            "deviation",
            "window = \"1m\"\ndeviations = 0",
            "6: `deviations` is not above 0",
            "write a number above 0: 6.0 is rarely reached by chance",
        ),
        (
            "difference",
            "other = \"B\"\nlimit = -1",
            "6: `limit` is below 0",
            "a difference has no sign: write how far apart the two may be",
        ),
        (
            "difference",
            "other = \"B\"\nlimit = 1\ndeadband = 1.5",
            "7: `deadband` is above `limit`",
            "the alarm would never be over: write a deadband below the limit",
        ),
        ("low", "limit = nan", "5: `limit` is not a finite number", "write a number such as 35.0"),
        ("low", "limit = \"8\"", "5: `limit` must be a number, not text", "write limit = 1.5"),
    ] {
        assert_eq!(said(kind, keys), [what]);
        assert_eq!(hint(&rule(kind, keys)), expected);
    }
}

#[test]
fn spans_have_their_longest() {
    for (kind, key, rest, longest, longer, expected) in [
        ("rate", "window", "per_minute = 1", "24h", "24h1ms", "a day is the longest"),
        ("deviation", "window", "deviations = 1", "24h", "24h1ms", "a day is the longest"),
        ("stale", "after", "", "30d", "30d1ms", "better left out of the rule"),
        ("flatline", "lasting", "within = 1", "30d", "30d1ms", "lasting = \"1d\""),
    ] {
        let keys = |value: &str| format!("{key} = \"{value}\"\n{rest}");
        kind_of(kind, &keys(longest));
        let days = if longest == "24h" { "1d" } else { longest };
        assert_eq!(said(kind, &keys(longer)), [format!("5: `{key}` is longer than {days}")]);
        assert!(hint(&rule(kind, &keys(longer))).ends_with(expected));
        assert_eq!(said(kind, &keys("0s")), [format!("5: `{key}` is zero")]);
    }
}

#[test]
fn the_other_sensor_is_one_sensor() {
    let with = |id: &str| format!("limit = 1\nother = \"{id}\"");
    assert_eq!(said("difference", &with("COLD_*")), ["6: `other` is a pattern"]);
    assert_eq!(hint(&rule("difference", &with("COLD_?"))), "name one sensor: other = \"COLD_REF\"");
    assert_eq!(said("difference", &with("")), ["6: the sensor id is empty"]);
}

#[test]
fn an_expression_is_some_text() {
    assert_eq!(said("expression", "when = \" \""), ["5: `when` is empty"]);
    assert_eq!(said("expression", "when = true"), ["5: `when` must be text, not true or false"]);
    let long = format!("when = \"{}\"", "x".repeat(LONGEST_EXPRESSION_BYTES + 1));
    assert_eq!(said("expression", &long), ["5: `when` is longer than 4096 bytes"]);
}
