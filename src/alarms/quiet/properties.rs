//! What holds of alarms that explain each other, whatever happens: random sensors, rules' causes, restarts.

mod others;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;

use self::others::others;
use super::super::engine::stored::StoredSeries;
use super::super::engine::{Engine, Outcome, RecordTime, StoredState};
use super::super::machine::{Announcement, Change};
use super::super::rule::{Kind, Priority, Rule, Same, Selection, Suppression, Timing};
use super::QuietSettings;
use crate::domain::{
    AlarmState, Ingress, ListeningClocks, Location, Quantity, Reading, SensorId, Unit, Value,
};

const WAIT: u64 = 3;
const SETTLE: u64 = 4;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn at(second: u64) -> DateTime<Utc> {
    DateTime::from_timestamp(i64::try_from(second).unwrap(), 0).unwrap()
}

fn rule(name: &str, pattern: &str, by: &[&str], same: Same, on_delay: u64) -> Rule {
    let by: Vec<_> = by.iter().map(|name| (*name).into()).collect();
    let (wait, settle) = (seconds(WAIT), seconds(SETTLE));
    let suppression = (!by.is_empty()).then_some(Suppression { by, same, wait, settle });
    Rule {
        name: name.into(),
        selection: Selection::Matching { sensors: vec![pattern.into()], locations: vec![] },
        quantity: Quantity::temperature(),
        kind: Kind::High { limit: 8.0, deadband: 0.0 },
        timing: Timing { on_delay: seconds(on_delay), ..Timing::default() },
        priority: Priority::High,
        message: None,
        runbook: None,
        unit: None,
        is_strict: false,
        announces_each_reading: false,
        suppression,
    }
}

/// Power explains gateways, and a gateway what is at its place.
fn rules() -> Vec<Rule> {
    vec![
        rule("power", "P*", &[], Same::Any, 0),
        rule("gateway", "G*", &["power"], Same::Any, 1),
        rule("probe", "S*", &["gateway", "power"], Same::Location, 0),
    ]
}

/// Sensor, whether it is broken, seconds to the one before, whether a restart comes after it.
type Act = (usize, bool, u64, bool);

const SENSORS: [(&str, &str); 6] =
    [("P", "A"), ("G1", "A"), ("G2", "B"), ("S1", "A"), ("S2", "A"), ("S3", "B")];

/// An engine, and what storage would have of it.
struct Plant {
    engine: Engine,
    kept: HashMap<(SensorId, Arc<str>), AlarmState>,
    heard: Vec<Reading>,
    now: u64,
    /// In the log.
    position: u64,
    stored: StoredSeries,
}

impl Plant {
    fn new() -> Self {
        let engine = Engine::new(rules(), Tz::UTC);
        Self {
            engine,
            kept: HashMap::new(),
            heard: Vec::new(),
            now: 0,
            position: 0,
            stored: StoredSeries::default(),
        }
    }

    fn wait(&mut self, until: u64) -> Vec<Outcome> {
        let mut out = Vec::new();
        // As the evaluator does: looks when there is something to see.
        let is_due = |look: &Duration| *look <= seconds(until);
        while let Some(look) = self.engine.next_deadline().remote.filter(is_due) {
            let record = self.record(look);
            self.engine.advance(record, &mut out);
        }
        self.now = until;
        out
    }

    fn record(&mut self, listened: Duration) -> RecordTime {
        self.position += 1;
        RecordTime::of(self.position, listened)
    }

    fn hear(&mut self, sensor: usize, is_broken: bool) -> Vec<Outcome> {
        let (id, location) = SENSORS[sensor];
        let reading = Reading {
            sensor_id: SensorId::new(id).unwrap(),
            location: Location::new(location),
            quantity: Quantity::temperature(),
            value: Value::new(if is_broken { 9.0 } else { 1.0 }).unwrap(),
            unit: Unit::new("celsius"),
            timestamp: at(self.now),
        };
        let mut out = Vec::new();
        let record = self.record(seconds(self.now));
        self.engine.set_time(record, &mut out);
        self.engine.judge(&reading, Ingress::Remote, &mut out);
        self.heard.push(reading);
        out
    }

    fn restart(&mut self) -> Vec<Outcome> {
        self.restart_into(rules())
    }

    fn reload(&mut self, rules: Vec<Rule>) -> Vec<Outcome> {
        let mut out = Vec::new();
        self.engine.reload(rules, QuietSettings::default(), &mut out);
        out
    }

    fn restart_into(&mut self, rules: Vec<Rule>) -> Vec<Outcome> {
        self.keep();
        let mut out = Vec::new();
        let alarms = self.kept.values().cloned().collect();
        let clocks = ListeningClocks::all_at(seconds(self.now));
        self.stored.commit(&mut self.engine, 1, &self.heard);
        let (series, since) = (self.stored.states(), self.stored.since(&self.heard));
        let since_checkpoints = self.stored.since_checkpoints(&self.heard);
        let past =
            StoredState { clocks, series, since_checkpoints, alarms, ..StoredState::default() };
        self.engine = Engine::restore(rules, Tz::UTC, past, since, &mut out);
        self.engine.set_time(RecordTime::of(self.position, seconds(self.now)), &mut out);
        out
    }

    fn keep(&mut self) {
        for change in self.engine.changes() {
            let key = (change.sensor_id.clone(), change.rule.clone());
            match change.state {
                Some(_) => self.kept.insert(key, change),
                None => self.kept.remove(&key),
            };
        }
    }
}

/// What an observer knows who sees the changes of each alarm, announced or not.
#[derive(Default)]
struct Seen {
    active: HashMap<&'static str, bool>,
    told: HashMap<&'static str, bool>,
    suppressed: HashMap<&'static str, bool>,
}

impl Seen {
    fn name(outcome: &Outcome) -> &'static str {
        let id = outcome.sensor_id.as_str();
        SENSORS.iter().find(|(name, _)| *name == id).unwrap().0
    }

    fn see(&mut self, outcome: &Outcome) -> Result<(), TestCaseError> {
        let name = Self::name(outcome);
        let transition = outcome.transition;
        let stands = transition.state.condition.stands();
        match transition.change {
            Change::Raised => self.active.insert(name, true),
            Change::Returned => self.active.insert(name, false),
            _ => None,
        };
        let was_suppressed = self.suppressed.insert(name, transition.state.withheld.is_some());
        if transition.change == Change::Unsuppressed {
            prop_assert_eq!(was_suppressed, Some(true), "{} is freed once", name);
        }
        if let Some(told) = transition.announced {
            prop_assert!(transition.state.withheld.is_none());
            prop_assert!(!self.is_explained(name), "{} is told while explained", name);
            let was_told = self.told.insert(name, stands).unwrap_or_default();
            prop_assert_eq!(told == Announcement::Raised, stands && !was_told, "{} in turns", name);
        }
        Ok(())
    }

    fn is_active(&self, name: &str) -> bool {
        self.active.get(name).copied().unwrap_or_default()
    }

    fn is_explained(&self, name: &str) -> bool {
        match name {
            "P" => false,
            "G1" | "G2" => self.is_active("P"),
            "S1" | "S2" => self.is_active("P") || self.is_active("G1"),
            _ => self.is_active("G2"), // P is elsewhere
        }
    }
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    prop::collection::vec((0..6_usize, any::<bool>(), 0..4_u64, prop::bool::weighted(0.2)), 1..40)
}

fn play(acts: &[Act], with_restarts: bool) -> Result<(Plant, Vec<Outcome>), TestCaseError> {
    let (mut plant, mut seen) = (Plant::new(), Seen::default());
    let mut all = Vec::new();
    let mut take = |out: Vec<Outcome>| -> Result<(), TestCaseError> {
        // Within one step what explains and what is explained may turn in either order.
        for outcome in &out {
            if matches!(Seen::name(outcome), "P" | "G1" | "G2") {
                let is_active = outcome.transition.state.condition.is_active();
                seen.active.insert(Seen::name(outcome), is_active);
            }
            seen.see(outcome)?;
        }
        all.extend(out);
        Ok(())
    };
    for (sensor, is_broken, pause, is_restarted) in acts {
        let now = plant.now + pause;
        take(plant.wait(now))?;
        take(plant.hear(*sensor, *is_broken))?;
        if with_restarts && *is_restarted {
            take(plant.restart())?;
        }
    }
    Ok((plant, all))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Never announced while explained, told in turns, freed once; and once all causes are gone and
    /// settled nothing is suppressed, and people know how all of it stands.
    #[test]
    fn explained_alarms_are_quiet_and_come_free(acts in acts(), with_restarts: bool) {
        let (mut plant, mut all) = play(&acts, with_restarts)?;
        all.extend(plant.wait(plant.now + 100));
        for sensor in 0..3 {
            all.extend(plant.hear(sensor, false));
        }
        all.extend(plant.wait(plant.now + 100));
        let (mut told, mut last) = (HashMap::new(), HashMap::new());
        for outcome in &all {
            last.insert(Seen::name(outcome), outcome.transition.state);
            if outcome.transition.announced.is_some() {
                told.insert(Seen::name(outcome), outcome.transition.state.condition.stands());
            }
        }
        for (name, state) in last {
            prop_assert!(state.withheld.is_none(), "{} stays suppressed", name);
            let is_told = told.get(name).copied().unwrap_or_default();
            prop_assert_eq!(is_told, state.condition.stands(), "{}", name);
        }
    }

    /// A restart between any two readings changes nothing.
    #[test]
    fn restarts_change_nothing(acts in acts()) {
        let (_, whole) = play(&acts, false)?;
        let (_, cut) = play(&acts, true)?;
        let say = |all: &[Outcome]| -> Vec<String> {
            let of = |outcome: &Outcome| format!("{} {:?}", outcome.sensor_id, outcome.transition);
            all.iter().map(of).collect()
        };
        prop_assert_eq!(say(&cut), say(&whole));
    }

    /// The same rules, wherever they stand, change nothing between any two readings.
    #[test]
    fn reloads_of_the_same_change_nothing(acts in acts(), turn in 0..3_usize) {
        let turned = || {
            let mut rules = rules();
            rules.rotate_left(turn);
            rules
        };
        let (mut whole, mut cut) = (Plant::new(), Plant::new());
        for (sensor, is_broken, pause, is_reloaded) in acts {
            let now = whole.now + pause;
            prop_assert_eq!(said(&cut.wait(now)), said(&whole.wait(now)));
            prop_assert_eq!(said(&cut.hear(sensor, is_broken)), said(&whole.hear(sensor, is_broken)));
            if is_reloaded {
                prop_assert_eq!(said(&cut.reload(turned())), Vec::<String>::new());
                prop_assert_eq!(cut.engine.next_deadline(), whole.engine.next_deadline());
            }
        }
        let end = whole.now + 100;
        prop_assert_eq!(said(&cut.wait(end)), said(&whole.wait(end)));
        whole.keep();
        cut.keep();
        prop_assert_eq!(cut.kept, whole.kept);
    }

    /// Other rules end up where a restart into them would, and go on from there in the same way; what
    /// nothing explains any more is free, at once where nothing explains anything.
    #[test]
    fn reloads_to_others_are_as_a_restart(acts in acts(), more in acts(), others in others()) {
        let (mut reloaded, _) = play(&acts, false)?;
        let (mut restarted, _) = play(&acts, false)?;
        let mut all = reloaded.reload(others.clone());
        prop_assert_eq!(undated(&all), undated(&restarted.restart_into(others.clone())));
        if others.iter().all(|rule| rule.suppression.is_none()) {
            reloaded.keep();
            for state in reloaded.kept.values().filter_map(|kept| kept.state.as_deref()) {
                prop_assert!(!state.contains("wait:") && !state.contains("cause"), "{}", state);
                let state: serde_json::Value = serde_json::from_str(state).unwrap();
                prop_assert!(state["alarm"]["suppressed_by"].is_null(), "{}", state);
            }
        }
        for (sensor, is_broken, pause, _) in more {
            let now = reloaded.now + pause;
            let (a, b) = (reloaded.wait(now), restarted.wait(now));
            prop_assert_eq!(undated(&a), undated(&b));
            all.extend(a);
            let (a, b) = (reloaded.hear(sensor, is_broken), restarted.hear(sensor, is_broken));
            prop_assert_eq!(undated(&a), undated(&b));
            all.extend(a);
        }
        all.extend(reloaded.wait(reloaded.now + 100));
        for sensor in 0..3 {
            all.extend(reloaded.hear(sensor, false));
        }
        all.extend(reloaded.wait(reloaded.now + 100));
        let mut last = HashMap::new();
        for outcome in &all {
            last.insert((Seen::name(outcome), outcome.rule.name.clone()), outcome.transition.state);
        }
        for (name, state) in last {
            prop_assert!(state.withheld.is_none(), "{:?} stays suppressed", name);
        }
    }
}

fn said(all: &[Outcome]) -> Vec<String> {
    let of = |outcome: &Outcome| {
        format!(
            "{} {} {:?} {}",
            outcome.sensor_id, outcome.rule.name, outcome.transition, outcome.alert_id
        )
    };
    let mut said: Vec<_> = all.iter().map(of).collect();
    said.sort();
    said
}

/// A restart dates what it closes by what was kept last, not by the newest reading.
fn undated(all: &[Outcome]) -> Vec<String> {
    let of = |outcome: &Outcome| {
        let Outcome { sensor_id, rule, transition, .. } = outcome;
        format!(
            "{sensor_id} {} {:?} {:?} {:?}",
            rule.name, transition.change, transition.state, transition.announced
        )
    };
    let mut said: Vec<_> = all.iter().map(of).collect();
    said.sort();
    said
}
