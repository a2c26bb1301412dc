//! Dependencies between alarms: behind a dead gateway all sensors are silent, and one alarm is enough. Pure.
//!
//! A *cause* is a rule named in others' `suppressed_by`; it explains their alarms while one of its own is active at
//! the same place, announced or not. A latched one whose value returned explains nothing.
//!
//! Invariant: the state is what [`Dependencies::observe`] last received of each alarm. Rules without causes that
//! are no causes cost nothing. Never: a scan of normal alarms.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::super::key::Key;
use super::super::machine::Alarm;
use super::super::rule::{Rule, Same};
use crate::domain::{Location, SensorId};

/// Scope in which a cause explains others.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Place {
    Location(Location),
    Sensor(SensorId),
    Anywhere,
}

impl Place {
    fn new(same: Same, sensor: &SensorId, location: &Location) -> Self {
        match same {
            Same::Location => Self::Location(location.clone()),
            Same::Sensor => Self::Sensor(sensor.clone()),
            Same::Any => Self::Anywhere,
        }
    }
}

/// Where an alarm is counted, for its removal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    /// Counted as an active cause.
    cause: Option<Location>,
    /// Counted as one that a cause may explain.
    open: Option<Location>,
}

/// Role of a rule among dependencies.
#[derive(Debug, Default)]
struct Role {
    /// Its number among the causes.
    cause: Option<usize>,
    /// Indexes of its causes, in written order, and their scope.
    explained_by: Option<(Vec<usize>, Same)>,
}

/// Rules that explain others, and where their alarms are active.
#[derive(Debug, Default)]
pub struct Dependencies {
    /// By rule; empty without dependencies.
    roles: Vec<Role>,
    /// The causes' names, by their numbers.
    names: Vec<Arc<str>>,
    /// The rules each cause explains.
    explains: Vec<Vec<usize>>,
    /// Number of active alarms of a cause in a scope.
    active: HashMap<(usize, Place), usize>,
    /// Alarms of an explained rule in a scope that stand or are suppressed.
    open: HashMap<(usize, Place), BTreeSet<Key>>,
    /// Causes that began or ceased to be active somewhere, to be seen to.
    turned: Vec<(usize, Place)>,
}

impl Dependencies {
    /// Names without a rule are ignored.
    pub fn new(rules: &[Arc<Rule>]) -> Self {
        let mut all = Self::default();
        if rules.iter().all(|rule| rule.suppression.is_none()) {
            return all;
        }
        all.roles = rules.iter().map(|_| Role::default()).collect();
        let mut numbers: HashMap<Arc<str>, usize> = HashMap::new();
        for (at, rule) in rules.iter().enumerate() {
            let Some(suppression) = &rule.suppression else { continue };
            let causes: Vec<_> = suppression
                .by
                .iter()
                .map(|name| {
                    *numbers.entry(name.clone()).or_insert_with(|| {
                        all.names.push(name.clone());
                        all.explains.push(Vec::new());
                        all.names.len() - 1
                    })
                })
                .collect();
            causes.iter().for_each(|cause| all.explains[*cause].push(at));
            all.roles[at].explained_by = Some((causes, suppression.same));
        }
        for (role, rule) in all.roles.iter_mut().zip(rules) {
            role.cause = numbers.get(&rule.name).copied();
        }
        all
    }

    /// Whether no rule explains another.
    pub const fn is_empty(&self) -> bool {
        self.roles.is_empty()
    }

    /// First cause of a rule that is active in the scope of one of its alarms.
    pub fn cause(&self, rule: usize, sensor: &SensorId, location: &Location) -> Option<&Arc<str>> {
        let (causes, same) = self.roles.get(rule)?.explained_by.as_ref()?;
        let place = Place::new(*same, sensor, location);
        let active = causes.iter().find(|cause| {
            self.active.get(&(**cause, place.clone())).is_some_and(|count| *count > 0)
        });
        active.map(|cause| &self.names[*cause])
    }

    /// Updates the counts for the present state and location of an alarm, given with the index of its rule. Returns its
    /// links if they changed.
    pub fn observe(
        &mut self,
        key: &Key,
        location: &Location,
        (rule, alarm): (usize, &Alarm),
        links: &Links,
    ) -> Option<Links> {
        let role = self.roles.get(rule)?;
        let condition = alarm.state().condition;
        let is_cause = role.cause.is_some() && condition.is_active();
        let is_open =
            role.explained_by.is_some() && (condition.stands() || alarm.suppressed_by().is_some());
        self.link(key, rule, links, [is_cause, is_open].map(|is| is.then_some(location)))
    }

    /// Removes an alarm of a rule. Returns its links if they changed.
    pub fn forget(&mut self, key: &Key, rule: usize, links: &Links) -> Option<Links> {
        self.link(key, rule, links, [None, None])
    }

    fn link(
        &mut self,
        key: &Key,
        rule: usize,
        old: &Links,
        [cause, open]: [Option<&Location>; 2],
    ) -> Option<Links> {
        if old.cause.as_ref() == cause && old.open.as_ref() == open {
            return None;
        }
        if old.cause.as_ref() != cause {
            // The new scope first: an alarm that moves within a scope never leaves it.
            cause.into_iter().for_each(|at| self.count(rule, key, at, true));
            old.cause.iter().for_each(|at| self.count(rule, key, at, false));
        }
        if old.open.as_ref() != open {
            old.open.iter().for_each(|at| self.list(rule, key, at, false));
            open.into_iter().for_each(|at| self.list(rule, key, at, true));
        }
        Some(Links { cause: cause.cloned(), open: open.cloned() })
    }

    /// Counts an active alarm of a cause in or out, for each sense of "the same place".
    fn count(&mut self, rule: usize, key: &Key, location: &Location, is_in: bool) {
        let Some(cause) = self.roles[rule].cause else { return };
        for same in [Same::Location, Same::Sensor, Same::Any] {
            let place = (cause, Place::new(same, &key.0, location));
            let count = self.active.entry(place.clone()).or_default();
            *count = if is_in { *count + 1 } else { count.saturating_sub(1) };
            let has_turned = *count == usize::from(is_in);
            if *count == 0 {
                self.active.remove(&place);
            }
            if has_turned {
                self.turned.push(place);
            }
        }
    }

    fn list(&mut self, rule: usize, key: &Key, location: &Location, is_in: bool) {
        let Some((_, same)) = self.roles[rule].explained_by else { return };
        let place = (rule, Place::new(same, &key.0, location));
        if is_in {
            self.open.entry(place).or_default().insert(key.clone());
        } else if let Some(keys) = self.open.get_mut(&place) {
            keys.remove(key);
            if keys.is_empty() {
                self.open.remove(&place);
            }
        }
    }

    /// The series with alarms whose causes are others than when this was last asked, each once, in order.
    pub fn take_turned(&mut self) -> BTreeSet<Key> {
        let mut keys = BTreeSet::new();
        for (cause, place) in std::mem::take(&mut self.turned) {
            for rule in &self.explains[cause] {
                let open = self.open.get(&(*rule, place.clone()));
                keys.extend(open.into_iter().flatten().cloned());
            }
        }
        keys
    }
}
