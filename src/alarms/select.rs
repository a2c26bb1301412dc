//! Which rules hold for a series: patterns against a sensor's id and location. Pure.
//!
//! Asked once a series, when its first reading comes, and again when its location changes: a reading
//! pays only for the rules that hold for it, however many there are.

use std::sync::Arc;

use super::rule::{Rule, Selection};
use crate::domain::{Location, Quantity, SensorId};

impl Selection {
    /// Whether a sensor is among those selected: by id or by location, or because nothing is said.
    #[must_use]
    pub fn includes(&self, sensor: &SensorId, location: &Location) -> bool {
        let any = |patterns: &[Arc<str>], text: &str| {
            patterns.iter().any(|pattern| matches(pattern, text))
        };
        (self.sensors.is_empty() && self.locations.is_empty())
            || any(&self.sensors, sensor.as_str())
            || any(&self.locations, location.as_str())
    }
}

/// The places in `rules` of those that hold for a series.
#[must_use]
pub fn rules_of(
    rules: &[Rule],
    sensor: &SensorId,
    location: &Location,
    quantity: &Quantity,
) -> Vec<usize> {
    let holds =
        |rule: &Rule| rule.quantity == *quantity && rule.selection.includes(sensor, location);
    (0..rules.len()).filter(|at| holds(&rules[*at])).collect()
}

/// Whether `text` is what `pattern` describes: `*` any characters or none, `?` one character.
///
/// In time proportional to the product of both lengths at worst: after a mismatch the last `*` takes
/// one character more, and no earlier one needs to be tried again.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<_>, Vec<_>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((after, taken)) = star else { return false };
                star = Some((after, taken + 1));
                p = after + 1;
                t = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text) in [
            ("*", ""),
            ("COLD_*", "COLD_01"),
            ("COLD_??", "COLD_01"),
            ("*_1*3", "A_1_123"),
            ("Chambre *", "Chambre froide é"),
            ("?", "é"),
            ("a**b", "ab"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("COLD_*", "cold_01"), ("COLD_?", "COLD_01"), ("", "a"), ("*b", "abc"), ("a?", "a")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_hostile_pattern_ends_soon() {
        let (pattern, text) = ("a*".repeat(100) + "b", "a".repeat(10_000));
        assert!(!matches(&pattern, &text));
    }

    #[test]
    fn by_id_or_by_location_or_all() {
        let selection = |sensors: &[&str], locations: &[&str]| Selection {
            sensors: sensors.iter().map(|&pattern| pattern.into()).collect(),
            locations: locations.iter().map(|&pattern| pattern.into()).collect(),
        };
        let (sensor, location) = (SensorId::new("COLD_01").unwrap(), Location::new("Chambre 1"));
        for (sensors, locations, included) in [
            (vec![], vec![], true),
            (vec!["X", "COLD_*"], vec![], true),
            (vec![], vec!["Chambre *"], true),
            (vec!["X"], vec!["Chambre *"], true),
            (vec!["X"], vec![], false),
            (vec!["X"], vec!["Y"], false),
        ] {
            let selection = selection(&sensors, &locations);
            assert_eq!(selection.includes(&sensor, &location), included, "{selection:?}");
        }
    }

    /// The plainest definition there is.
    fn oracle(pattern: &[char], text: &[char]) -> bool {
        match (pattern.first(), text.first()) {
            (None, None) => true,
            (Some('*'), None) => oracle(&pattern[1..], text),
            (Some('*'), Some(_)) => oracle(&pattern[1..], text) || oracle(pattern, &text[1..]),
            (Some(p), Some(t)) if *p == '?' || p == t => oracle(&pattern[1..], &text[1..]),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_plain_definition(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
            let (p, t): (Vec<_>, Vec<_>) = (pattern.chars().collect(), text.chars().collect());
            prop_assert_eq!(matches(&pattern, &text), oracle(&p, &t));
        }
    }
}
