//! Selection of a series' rules: patterns against a sensor's id and location. An exclusion overrides all
//! inclusions. Pure.
//!
//! Evaluated once per series, at its first reading, and again when its location changes: a reading costs nothing
//! for rules that don't apply.

use std::collections::HashMap;
use std::sync::Arc;

use super::rule::{Rule, Selection};
use crate::domain::{Location, Quantity, SensorId, glob};

impl Selection {
    /// True if the sensor is selected.
    #[must_use]
    pub fn includes(&self, sensor: &SensorId, location: &Location) -> bool {
        match self {
            Self::Matching { sensors, locations } => {
                let (sensor, location) = (sensor.as_str(), location.as_str());
                let is_any = !glob::has_including(sensors) && !glob::has_including(locations);
                (is_any || glob::includes(sensors, sensor) || glob::includes(locations, location))
                    && !glob::excludes(sensors, sensor)
                    && !glob::excludes(locations, location)
            }
            Self::Only(id) => id == sensor,
            Self::AllBut(others) => !others.contains(sensor),
        }
    }
}

/// Index to find the rules of a series without testing each: a fleet may have a hundred thousand rules of one
/// sensor each.
#[derive(Debug, Default)]
pub struct Index {
    of_one: HashMap<SensorId, Vec<usize>>,
    of_many: Vec<usize>,
}

impl Index {
    /// Index of all rules.
    #[must_use]
    pub fn new(rules: &[Arc<Rule>]) -> Self {
        Self::of_some(rules, 0..rules.len())
    }

    /// Index of the rules at these indexes only.
    #[must_use]
    pub fn of_some(rules: &[Arc<Rule>], places: impl IntoIterator<Item = usize>) -> Self {
        let mut index = Self::default();
        for at in places {
            match &rules[at].selection {
                Selection::Only(id) => index.of_one.entry(id.clone()).or_default().push(at),
                Selection::Matching { .. } | Selection::AllBut(_) => index.of_many.push(at),
            }
        }
        index
    }

    /// Indexes into `rules`, from which this was built, of those that apply to a series, in order.
    #[must_use]
    pub fn rules_of(
        &self,
        rules: &[Arc<Rule>],
        sensor: &SensorId,
        location: &Location,
        quantity: &Quantity,
    ) -> Vec<usize> {
        let of_one = self.of_one.get(sensor).map(Vec::as_slice).unwrap_or_default();
        let candidates = of_one.iter().chain(&self.of_many).copied();
        let holds = |at: &usize| {
            let rule = &rules[*at];
            rule.quantity == *quantity && rule.selection.includes(sensor, location)
        };
        let mut found: Vec<_> = candidates.filter(holds).collect();
        found.sort_unstable();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::super::rule::{Kind, Priority, Timing};
    use super::*;

    fn matching(sensors: &[&str], locations: &[&str]) -> Selection {
        let shared = |texts: &[&str]| texts.iter().map(|&text| text.into()).collect();
        Selection::Matching { sensors: shared(sensors), locations: shared(locations) }
    }

    #[test]
    fn by_id_or_by_location_or_all() {
        let (sensor, location) = (SensorId::new("COLD_01").unwrap(), Location::new("Chambre 1"));
        for (sensors, locations, included) in [
            (vec![], vec![], true),
            (vec!["X", "COLD_*"], vec![], true),
            (vec![], vec!["Chambre *"], true),
            (vec!["X"], vec!["Chambre *"], true),
            (vec!["X"], vec![], false),
            (vec!["X"], vec!["Y"], false),
            (vec!["COLD_*", "!COLD_01"], vec![], false),
            (vec!["COLD_*", "!COLD_02"], vec![], true),
            (vec!["!COLD_02"], vec![], true),
            (vec!["!COLD_02"], vec!["Quai"], false),
            (vec!["!COLD_01"], vec!["Chambre *"], false),
            (vec!["COLD_*"], vec!["!Chambre *"], false),
            (vec!["COLD_*"], vec!["!Quai"], true),
        ] {
            let selection = matching(&sensors, &locations);
            assert_eq!(selection.includes(&sensor, &location), included, "{selection:?}");
        }
    }

    #[test]
    fn a_sensor_with_a_rule_of_its_own_has_only_that() {
        let id = |id: &str| SensorId::new(id).unwrap();
        let rule = |quantity: &str, selection| Rule {
            name: "r".into(),
            selection,
            quantity: Quantity::new(quantity).unwrap(),
            kind: Kind::High { limit: 1.0, deadband: 0.0 },
            timing: Timing::default(),
            priority: Priority::High,
            message: None,
            runbook: None,
            unit: None,
            is_strict: false,
            announces_each_reading: false,
            suppression: None,
        };
        let rule = |quantity: &str, selection| Arc::new(rule(quantity, selection));
        let rules = [
            rule("temperature", Selection::AllBut(Arc::new([id("A")].into()))),
            rule("humidity", matching(&["*"], &[])),
            rule("temperature", Selection::Only(id("A"))),
            rule("temperature", matching(&["A*"], &[])),
        ];
        let index = Index::new(&rules);
        let of = |sensor, quantity: &str| {
            let quantity = Quantity::new(quantity).unwrap();
            index.rules_of(&rules, &id(sensor), &Location::new(""), &quantity)
        };
        assert_eq!(of("A", "temperature"), [2, 3]);
        assert_eq!(of("B", "temperature"), [0]);
        assert_eq!(of("AB", "temperature"), [0, 3]);
        assert_eq!(of("A", "humidity"), [1]);
    }
}
