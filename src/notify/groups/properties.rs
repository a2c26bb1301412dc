//! Whatever comes, is away or crashes, in any order.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::tests::*;
use super::*;

#[derive(Debug, Clone)]
enum Step {
    Raise(usize),
    End(usize),
    GoOn(usize),
    Pass(i64),
    Begin,
    Finish { taken: bool },
    Refuse,
    BrokerStore,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_usize..6).prop_map(Step::Raise),
        4 => (0_usize..6).prop_map(Step::End),
        1 => (0_usize..6).prop_map(Step::GoOn),
        4 => (1_i64..400).prop_map(Step::Pass),
        3 => Just(Step::Begin),
        3 => any::<bool>().prop_map(|taken| Step::Finish { taken }),
        2 => Just(Step::BrokerStore),
        1 => Just(Step::Crash),
    ]
}

/// A plant, the log of its events, a disk, and a receiver that remembers.
struct World {
    bench: Bench,
    log: Vec<AlertEvent>,
    /// The alarm that fires of each sensor.
    firing: [Option<String>; 6],
    through: u64,
    now: i64,
    /// When an event was first taken in, by its row.
    came_at: BTreeMap<u64, i64>,
    in_flight: Option<Draft>,
    /// Groups whose last notification had no room for all its news: the rest follows at once.
    to_follow: BTreeSet<Arc<str>>,
    /// What the receiver was told of each alarm: its states and the rows they came of.
    told: BTreeMap<String, Vec<(Status, u64)>>,
    /// Alarms whose beginning the receiver has refused.
    refused: BTreeSet<String>,
    /// Alarms of which it has refused anything.
    passed_over: BTreeSet<String>,
    /// Alarms that it knows to fire, or to have fired.
    heard: BTreeSet<String>,
    /// Ends that it was told of alarms that it had refused and never heard of.
    first_words: Vec<String>,
    crashed: bool,
}

impl World {
    fn new(at_most: usize, names_all: bool) -> Self {
        Self {
            bench: Bench::new(GroupingPolicy { at_most, names_all, ..policy() }),
            log: Vec::new(),
            firing: Default::default(),
            through: 0,
            now: 0,
            came_at: BTreeMap::new(),
            in_flight: None,
            to_follow: BTreeSet::new(),
            told: BTreeMap::new(),
            refused: BTreeSet::new(),
            passed_over: BTreeSet::new(),
            heard: BTreeSet::new(),
            first_words: Vec::new(),
            crashed: false,
        }
    }

    fn happens(&mut self, sensor: usize, state: AlertState, alert_id: &str) {
        let name = format!("{}{sensor}", if sensor.is_multiple_of(2) { "A" } else { "Z" });
        let number = self.log.len() as u64 + 1;
        self.log.push(event(number, alert_id, &name, state));
        self.take_in();
    }

    fn take_in(&mut self) {
        for alert in &self.log {
            if alert.number > self.bench.groups.through() {
                self.bench.groups.take(alert, Interest::Immediate, at(self.now));
                self.came_at.entry(alert.number).or_insert(self.now);
            }
        }
    }

    fn begin(&mut self) -> Result<(), TestCaseError> {
        if self.in_flight.is_some() {
            return Ok(());
        }
        let Some(draft) = self.bench.groups.due(at(self.now)) else { return Ok(()) };
        prop_assert!(draft.entries.len() <= self.bench.groups.agenda.policy().at_most);
        prop_assert!(draft.entries.is_sorted_by_key(|entry| (!entry.is_news, entry.number)));
        let rows: BTreeSet<_> = draft.entries.iter().map(|entry| entry.number).collect();
        prop_assert_eq!(rows.len(), draft.entries.len(), "each once");
        let has_waited = self.oldest_news(&draft).is_none_or(|came| came + WAIT <= self.now);
        prop_assert!(has_waited || self.to_follow.contains(&draft.group), "before its time");
        self.in_flight = Some(draft);
        Ok(())
    }

    /// When the oldest came of what the draft's group has not been told; `None` if that can't be said:
    /// a reminder has no news, and after a crash it may be news that the receiver knows.
    fn oldest_news(&self, draft: &Draft) -> Option<i64> {
        let told = |alert_id: &str| Some(self.told.get(alert_id)?.last()?.1);
        let is_untold = |alert_id: &str, number| told(alert_id).is_none_or(|told| told < number);
        let has_news = draft.entries.iter().any(|entry| entry.is_news);
        if !has_news || (self.crashed && !self.told.is_empty()) {
            return None;
        }
        let of_group = |alert: &&AlertEvent| {
            alert.location.as_str() == draft.labels["location"]
                && is_untold(&alert.alert_id, alert.number)
        };
        self.log.iter().filter(of_group).map(|alert| self.came_at[&alert.number]).min()
    }

    fn finish(&mut self, taken: bool) {
        let Some(draft) = self.in_flight.take() else { return };
        if !taken {
            return self.bench.groups.failed(&draft, at(self.now + 5), at(self.now));
        }
        for Entry { alert_id, status, .. } in &draft.entries {
            match status {
                Status::Firing => drop(self.heard.insert(alert_id.to_string())),
                Status::Resolved if self.heard.contains(&**alert_id) => {}
                Status::Resolved if self.refused.contains(&**alert_id) => {
                    self.first_words.push(alert_id.to_string());
                }
                Status::Resolved => {}
            }
        }
        for entry in draft.entries.iter().filter(|entry| entry.is_news) {
            let told = self.told.entry(entry.alert_id.to_string()).or_default();
            told.push((entry.status, entry.number));
        }
        if draft.is_whole {
            self.to_follow.remove(&draft.group);
        } else {
            self.to_follow.insert(draft.group.clone());
        }
        self.bench.groups.delivered(&draft, at(self.now));
    }

    fn refuse(&mut self) {
        let Some(draft) = self.in_flight.take() else { return };
        if draft.is_whole {
            self.to_follow.remove(&draft.group);
        } else {
            self.to_follow.insert(draft.group.clone());
        }
        for entry in draft.entries.iter().filter(|entry| entry.is_news) {
            self.passed_over.insert(entry.alert_id.to_string());
            if entry.status == Status::Firing {
                self.refused.insert(entry.alert_id.to_string());
            }
        }
        self.bench.groups.refused(&draft, at(self.now));
    }

    fn keep(&mut self) {
        self.bench.keep();
        self.through = self.bench.groups.through();
    }

    fn crash(&mut self) {
        self.crashed = true;
        self.in_flight = None;
        let parts: Vec<_> = self.bench.kept.clone().into_iter().collect();
        let policy = self.bench.groups.agenda.policy().clone();
        self.bench.groups = Groups::restore(policy, self.through, &parts).0;
        self.take_in();
    }

    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Raise(sensor) if self.firing[*sensor].is_none() => {
                let alert_id = format!("{sensor}-{}", self.log.len());
                self.firing[*sensor] = Some(alert_id.clone());
                self.happens(*sensor, AlertState::Active, &alert_id);
            }
            Step::End(sensor) => {
                if let Some(alert_id) = self.firing[*sensor].take() {
                    self.happens(*sensor, AlertState::Resolved, &alert_id);
                }
            }
            Step::GoOn(sensor) => {
                if let Some(alert_id) = self.firing[*sensor].clone() {
                    self.happens(*sensor, AlertState::Active, &alert_id);
                }
            }
            Step::Raise(_) => {}
            Step::Pass(seconds) => self.now += seconds,
            Step::Begin => self.begin()?,
            Step::Finish { taken } => self.finish(*taken),
            Step::Refuse => self.refuse(),
            Step::BrokerStore => self.keep(),
            Step::Crash => self.crash(),
        }
        prop_assert!(self.bench.groups.agenda.is_consistent());
        Ok(())
    }
}

fn step_or_refusal() -> impl Strategy<Value = Step> {
    let is_no_crash = |step: &Step| !matches!(step, Step::Crash);
    prop_oneof![4 => step().prop_filter("no crash", is_no_crash), 1 => Just(Step::Refuse)]
}

proptest! {
    /// Whatever is refused: its end is not the first word of it, what was heard to begin is heard to end, and what fires
    /// unheard of is counted.
    #[test]
    fn no_end_is_a_first_word(
        steps in proptest::collection::vec(step_or_refusal(), 0..200),
        at_most in 1_usize..5,
    ) {
        let mut world = World::new(at_most, false);
        for step in &steps {
            world.step(step)?;
        }
        let is_unheard = |id: &&String| world.refused.contains(*id) && !world.heard.contains(*id);
        let unheard = world.firing.iter().flatten().filter(is_unheard).count();
        prop_assert_eq!(world.bench.groups.given_up(), unheard);
        for _ in 0..200 {
            world.now += INTERVAL;
            world.finish(true);
            world.begin()?;
            world.finish(true);
        }
        prop_assert!(world.first_words.is_empty(), "{:?}", world.first_words);
        prop_assert_eq!(world.bench.groups.waiting(), 0);
        for heard in world.heard.difference(&world.passed_over) {
            let fires = world.firing.iter().flatten().any(|id| id == heard);
            let (last, _) = world.told[heard].last().unwrap();
            prop_assert_eq!(*last == Status::Firing, fires, "{}", heard);
        }
    }

    /// Whatever happens, is away, or crashes: every alarm is told as it ended up, in order, not before
    /// its time; and but for a crash no news is told twice.
    #[test]
    fn nothing_is_lost(
        steps in proptest::collection::vec(step(), 0..200),
        at_most in 1_usize..5,
        names_all in any::<bool>(),
    ) {
        let mut world = World::new(at_most, names_all);
        for step in &steps {
            world.step(step)?;
        }
        for _ in 0..200 {
            world.now += INTERVAL;
            world.finish(true);
            world.begin()?;
            world.finish(true);
        }
        prop_assert_eq!(world.bench.groups.waiting(), 0);
        let mut last: BTreeMap<String, (AlertState, u64)> = BTreeMap::new();
        for alert in &world.log {
            last.insert(alert.alert_id.to_string(), (alert.state, alert.number));
        }
        prop_assert_eq!(last.len(), world.told.len(), "each alarm is told");
        for (alert_id, (state, _)) in last {
            let told = &world.told[&alert_id];
            let (status, _) = told.last().unwrap();
            prop_assert_eq!(*status == Status::Firing, state == AlertState::Active, "{}", alert_id);
            if !world.crashed {
                prop_assert!(told.is_sorted_by_key(|(_, number)| *number), "{:?}", told);
                let statuses: Vec<_> = told.iter().map(|(status, _)| *status).collect();
                let distinct: BTreeSet<_> = statuses.iter().map(|status| status.as_str()).collect();
                prop_assert_eq!(distinct.len(), statuses.len(), "{}: {:?}", alert_id, statuses);
            }
        }
        // What fires is told again and again, and all of it to who forgets the rest.
        let fires = world.firing.iter().flatten().count();
        while let Some(draft) = world.bench.groups.due(at(world.now)) {
            world.bench.groups.delivered(&draft, at(world.now));
        }
        world.now += REPEAT;
        let (mut reminded, mut named) = (BTreeSet::new(), BTreeSet::new());
        while let Some(draft) = world.bench.groups.due(at(world.now)) {
            prop_assert!(draft.entries.iter().all(|entry| entry.status == Status::Firing));
            prop_assert!(draft.truncated + draft.entries.len() <= fires);
            reminded.insert(draft.group.clone());
            named.extend(draft.entries.iter().map(|entry| entry.alert_id.clone()));
            world.bench.groups.delivered(&draft, at(world.now));
        }
        prop_assert_eq!(reminded.is_empty(), fires == 0);
        prop_assert!(!names_all || named.len() == fires);
    }
}
