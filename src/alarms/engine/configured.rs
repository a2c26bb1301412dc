//! Series that the configuration names: of the daemon's own sensors, and of sensors that a rule names by their ids. They
//! are neither forgotten nor refused. Pure.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::alarms::rule::{Kind, Rule, Selection};
use crate::alarms::series::Key;
use crate::domain::{SensorId, glob};

#[derive(Debug, Default)]
pub(super) struct ConfiguredSeries {
    /// Name of a rule that names the sensor, by series.
    by_rule: HashMap<Key, Arc<str>>,
    /// Series of the daemon's own sensors.
    own: HashSet<Key>,
}

impl ConfiguredSeries {
    /// Series that rules name.
    pub fn new(rules: &[Arc<Rule>]) -> Self {
        let mut by_rule = HashMap::new();
        for rule in rules {
            for sensor in sensors_of(rule) {
                by_rule.entry((sensor, rule.quantity.clone())).or_insert_with(|| rule.name.clone());
            }
        }
        Self { by_rule, own: HashSet::new() }
    }

    /// Other rules hold.
    pub fn reload(&mut self, rules: &[Arc<Rule>]) {
        self.by_rule = Self::new(rules).by_rule;
    }

    /// Other sensors are the daemon's own.
    pub fn set_own(&mut self, own: impl Iterator<Item = Key>) {
        self.own = own.collect();
    }

    /// Whether a series is named.
    pub fn has(&self, key: &Key) -> bool {
        self.own.contains(key) || self.by_rule.contains_key(key)
    }

    /// Reason why a sensor can't be forgotten, with the remedy.
    pub fn why_it_stays(&self, sensor: &SensorId) -> Option<String> {
        if self.own.iter().any(|(own, _)| own == sensor) {
            return Some(format!(
                "{sensor} is one of the file's [[sensors]]: take it out of the file and reload first"
            ));
        }
        let rules = self.by_rule.iter().filter(|((named, _), _)| named == sensor);
        let rule = rules.map(|(_, rule)| rule).min()?;
        Some(format!(
            "the rule {rule} names {sensor}: take it out of the rule, or exclude it with \
             \"!{sensor}\", and reload first"
        ))
    }
}

/// Sensors that a rule names by their ids.
fn sensors_of(rule: &Rule) -> Vec<SensorId> {
    let mut sensors = match &rule.selection {
        Selection::Matching { sensors, .. } => {
            let ids = sensors.iter().filter(|pattern| glob::is_name(pattern));
            ids.filter_map(|id| SensorId::new(id).ok()).collect()
        }
        Selection::Only(sensor) => vec![sensor.clone()],
        Selection::AllBut(_) => Vec::new(),
    };
    match &rule.kind {
        Kind::Difference { other, .. } => sensors.push(other.clone()),
        Kind::Expression { condition } => sensors.extend(condition.needs().sensors.iter().cloned()),
        _ => {}
    }
    sensors
}
