//! Rules that take over from those of the plant.

use proptest::prelude::*;

use super::rule;
use crate::alarms::rule::{Kind, Rule, Same};

/// Other rules: some gone, some with other causes, places or limits, in any order.
pub fn others() -> impl Strategy<Value = Vec<Rule>> {
    let limit = |rule: Rule| Rule { kind: Kind::High { limit: 7.0, deadband: 0.0 }, ..rule };
    let power = prop::option::weighted(
        0.8,
        prop::sample::select(vec![
            rule("power", "P*", &[], Same::Any, 0),
            limit(rule("power", "P*", &[], Same::Any, 0)),
        ]),
    );
    let gateway = prop::option::weighted(
        0.8,
        prop::sample::select(vec![
            rule("gateway", "G*", &["power"], Same::Any, 1),
            rule("gateway", "G*", &[], Same::Any, 1),
            limit(rule("gateway", "G*", &["power"], Same::Any, 1)),
            rule("gateway", "G1", &["power"], Same::Location, 1),
        ]),
    );
    let probe = prop::option::weighted(
        0.9,
        prop::sample::select(vec![
            rule("probe", "S*", &["gateway", "power"], Same::Location, 0),
            rule("probe", "S*", &["gateway"], Same::Any, 0),
            rule("probe", "S*", &["power"], Same::Any, 0),
            rule("probe", "S*", &[], Same::Any, 0),
            limit(rule("probe", "S*", &["gateway"], Same::Location, 0)),
        ]),
    );
    (power, gateway, probe, 0..3_usize).prop_map(|(power, gateway, probe, turn)| {
        let mut rules: Vec<_> = [power, gateway, probe].into_iter().flatten().collect();
        if !rules.is_empty() {
            let by = turn % rules.len();
            rules.rotate_left(by);
        }
        rules
    })
}
