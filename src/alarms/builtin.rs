//! Alarms of the daemon's own: each is the alarm of a built-in rule for a series that only the daemon's findings change.
//! Pure.
//!
//! Always: acknowledged, shelved, suppressed, stored, published and sent to receivers like any other alarm. Never: shown
//! as a series, or of a name that a configured rule may have.

use crate::domain::{DISK, FINDER, Priority, Quantity, SensorId};

use super::key::Key;
use super::rule::{Kind, Rule, Selection};

/// What is watched, and how grave its alarm is.
const FINDINGS: [(&str, Priority); 1] = [(DISK, Priority::High)];

/// What the names of the built-in rules begin with. No configured rule has a colon in its name.
const PREFIX: &str = "system:";

/// The built-in rules.
#[must_use]
pub fn rules() -> Vec<Rule> {
    FINDINGS.iter().filter_map(|(about, priority)| rule(about, *priority)).collect()
}

/// Whether a rule of this name is built in.
#[must_use]
pub fn is_rule(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// The series of a finding; `None` for one that no built-in rule is about.
pub(super) fn key(about: &str) -> Option<Key> {
    let known = FINDINGS.iter().find(|(known, _)| *known == about)?;
    Some((SensorId::new(FINDER).ok()?, Quantity::new(known.0).ok()?))
}

fn rule(about: &str, priority: Priority) -> Option<Rule> {
    let (sensor_id, quantity) = key(about)?;
    let rule = Rule::retired(format!("{PREFIX}{about}").into(), quantity, priority);
    Some(Rule { selection: Selection::Only(sensor_id), kind: Kind::Finding, ..rule })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::is_of_findings;

    #[test]
    fn each_finding_has_a_rule_with_a_type_of_its_own() {
        let rules = rules();
        let named: Vec<_> = rules.iter().map(|it| (&*it.name, it.alert_type())).collect();
        assert_eq!(named, [("system:disk", "SYSTEM_DISK".to_owned())]);
        assert!(rules.iter().all(|rule| is_rule(&rule.name)) && !is_rule("warm"));
        let (sensor_id, quantity) = key(DISK).unwrap();
        assert!(is_of_findings(&sensor_id, &quantity));
        assert_eq!(key("moon"), None);
    }
}
