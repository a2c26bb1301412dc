use std::collections::BTreeSet;

use chrono::DateTime;
use proptest::prelude::*;

use super::*;
use crate::domain::{Location, Priority, Quantity, SensorId, Unit, Value};

const WAIT: i64 = 30;
const INTERVAL: i64 = 300;
const REPEAT: i64 = 4 * 3600;

fn terms() -> Terms {
    let seconds = |seconds: i64| Duration::from_secs(seconds.unsigned_abs());
    Terms {
        group_by: vec![GroupLabel::Location],
        wait: seconds(WAIT),
        interval: seconds(INTERVAL),
        repeat: seconds(REPEAT),
        send_resolved: true,
        at_most: 100,
    }
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_723_631_400 + seconds, 0).unwrap()
}

impl Draft {
    pub(in crate::notify) fn for_test(entries: Vec<Entry>) -> Self {
        let (group, labels) = ("{}".into(), BTreeMap::new());
        Self { group, labels, entries, truncated: 0, number: 1, is_whole: true }
    }
}

/// The event of a row. Sensors `A…` are in the hall, others on the roof.
fn event(row_id: i64, alert_id: &str, sensor: &str, state: AlertState) -> PendingAlert {
    let event = AlertEvent {
        alert_id: alert_id.into(),
        rule: "hot".into(),
        alert_type: "HIGH_TEMPERATURE".into(),
        sensor_id: SensorId::new(sensor).unwrap(),
        location: Location::new(if sensor.starts_with('A') { "Hall" } else { "Roof" }),
        quantity: Quantity::temperature(),
        value: Value::new(36.0).ok(),
        unit: Unit::new("celsius"),
        threshold: 35.0,
        severity: Priority::High,
        state,
        change: crate::domain::Change::Raised,
        operator: None,
        message: String::new(),
        timestamp: at(row_id),
        announced: true,
        in_flood: false,
    };
    PendingAlert { row_id, event }
}

/// Groups with a row number and a clock, and what they keep.
struct Bench {
    groups: Groups,
    rows: i64,
    kept: BTreeMap<String, String>,
}

impl Bench {
    fn new(terms: Terms) -> Self {
        Self { groups: Groups::new(terms, 0), rows: 0, kept: BTreeMap::new() }
    }

    fn raise(&mut self, alert_id: &str, sensor: &str, seconds: i64) {
        self.take(alert_id, sensor, AlertState::Active, seconds);
    }

    fn end(&mut self, alert_id: &str, sensor: &str, seconds: i64) {
        self.take(alert_id, sensor, AlertState::Resolved, seconds);
    }

    fn take(&mut self, alert_id: &str, sensor: &str, state: AlertState, seconds: i64) {
        self.rows += 1;
        self.groups.take(&event(self.rows, alert_id, sensor, state), true, at(seconds));
    }

    /// What is told at a time: each alarm, and `*` if it is no news.
    fn tell(&mut self, seconds: i64) -> Option<String> {
        let draft = self.groups.due(at(seconds))?;
        self.groups.told(&draft, at(seconds));
        Some(said(&draft))
    }

    fn keep(&mut self) {
        for (name, text) in self.groups.take_changes() {
            match text {
                Some(text) => drop(self.kept.insert(name, text)),
                None => drop(self.kept.remove(&name)),
            }
        }
    }

    fn restart(&mut self) {
        let parts: Vec<_> = self.kept.clone().into_iter().collect();
        let terms = self.groups.agenda.terms().clone();
        let (groups, unreadable) = Groups::restore(terms, self.groups.through(), &parts);
        assert!(unreadable.is_empty(), "{unreadable:?}");
        self.groups = groups;
    }
}

fn said(draft: &Draft) -> String {
    let one = |entry: &Entry| {
        let mark = if entry.is_news { "" } else { "*" };
        format!("{}{} {}", entry.alert_id, mark, entry.status.as_str())
    };
    draft.entries.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[test]
fn a_group_waits_then_keeps_its_interval_then_reminds() {
    let mut bench = Bench::new(terms());
    bench.raise("a", "A1", 0);
    bench.raise("b", "A2", 20);
    assert_eq!(bench.tell(WAIT - 1), None);
    assert_eq!(bench.groups.next_due(), Some(at(WAIT)));
    assert_eq!(bench.tell(WAIT).unwrap(), "a firing, b firing");
    bench.raise("c", "A3", 40);
    assert_eq!(bench.tell(WAIT + INTERVAL - 1), None);
    let told = WAIT + INTERVAL;
    assert_eq!(bench.tell(told).unwrap(), "c firing, a* firing, b* firing");
    assert_eq!(bench.tell(told + REPEAT - 1), None);
    assert_eq!(bench.tell(told + REPEAT).unwrap(), "a* firing, b* firing, c* firing");
    assert_eq!(bench.groups.waiting(), 0);
}

#[test]
fn ends_are_told_once_and_the_group_is_no_more() {
    let mut bench = Bench::new(terms());
    bench.raise("a", "A1", 0);
    bench.raise("b", "A2", 0);
    bench.tell(WAIT);
    bench.end("a", "A1", 1_000);
    assert_eq!(bench.tell(1_000), None, "what ends with it is told with it");
    assert_eq!(bench.tell(1_000 + WAIT).unwrap(), "a resolved, b* firing");
    bench.end("b", "A2", 2_000);
    assert_eq!(bench.tell(2_000 + WAIT).unwrap(), "b resolved");
    assert_eq!(bench.groups.next_due(), None);
    bench.keep();
    assert!(bench.kept.is_empty(), "{:?}", bench.kept);
    bench.raise("c", "A1", 2_100);
    assert_eq!(bench.tell(2_100 + WAIT).unwrap(), "c firing", "a new group");
}

#[test]
fn what_came_and_went_untold_is_told_all_the_same() {
    let mut bench = Bench::new(terms());
    for (alert_id, second) in [("a", 0), ("b", 2), ("c", 4)] {
        bench.raise(alert_id, "A1", second);
        bench.end(alert_id, "A1", second + 1);
    }
    bench.raise("d", "A1", 6);
    assert_eq!(bench.tell(WAIT).unwrap(), "a resolved, b resolved, c resolved, d firing");
}

#[test]
fn who_wants_no_ends_hears_of_what_came_and_went_and_of_no_other() {
    let mut bench = Bench::new(Terms { send_resolved: false, ..terms() });
    bench.raise("a", "A1", 0);
    bench.end("a", "A1", 1);
    bench.raise("b", "A1", 2);
    bench.raise("c", "A2", 2);
    assert_eq!(bench.tell(WAIT).unwrap(), "a resolved, b firing, c firing");
    bench.end("b", "A1", 40);
    assert_eq!(bench.groups.next_due(), Some(at(WAIT + REPEAT)));
    // One that ends while it is being told.
    bench.raise("d", "A3", 50);
    let draft = bench.groups.due(at(WAIT + INTERVAL)).unwrap();
    bench.end("d", "A3", WAIT + INTERVAL + 1);
    bench.end("c", "A2", WAIT + INTERVAL + 1);
    bench.groups.told(&draft, at(WAIT + INTERVAL + 2));
    assert_eq!(bench.groups.next_due(), None);
}

#[test]
fn what_does_not_fit_follows_at_once() {
    let mut bench = Bench::new(Terms { at_most: 2, ..terms() });
    for (alert_id, sensor) in [("a", "A1"), ("b", "A2"), ("c", "A3")] {
        bench.raise(alert_id, sensor, 0);
    }
    let draft = bench.groups.due(at(WAIT)).unwrap();
    assert_eq!((said(&draft).as_str(), draft.truncated), ("a firing, b firing", 1));
    bench.groups.told(&draft, at(WAIT));
    let draft = bench.groups.due(at(WAIT)).unwrap();
    assert_eq!((said(&draft).as_str(), draft.truncated), ("c firing, a* firing", 1));
    bench.groups.told(&draft, at(WAIT));
    assert_eq!(bench.groups.next_due(), Some(at(WAIT + REPEAT)));
}

#[test]
fn a_failed_one_is_tried_again_as_things_are_then() {
    let mut bench = Bench::new(terms());
    bench.raise("a", "A1", 0);
    bench.raise("z", "Z1", 1);
    let draft = bench.groups.due(at(WAIT)).unwrap();
    bench.groups.failed(&draft, at(WAIT + 60));
    assert_eq!(bench.groups.failures(&draft), 1);
    assert_eq!(bench.tell(WAIT + 1).unwrap(), "z firing", "another group waits for nothing");
    assert_eq!(bench.groups.due(at(WAIT + 59)), None);
    bench.raise("b", "A2", WAIT + 30);
    bench.end("a", "A1", WAIT + 31);
    assert_eq!(bench.tell(WAIT + 60).unwrap(), "b firing, a resolved");
}

#[test]
fn an_alarm_is_one_whatever_its_events_call_it() {
    let mut bench = Bench::new(terms());
    bench.raise("a", "A1", 0);
    bench.tell(WAIT);
    bench.raise("a", "A1", 60);
    assert_eq!(bench.groups.waiting(), 0, "that it goes on is no news");
    // What lay between was withheld.
    bench.raise("b", "A1", 70);
    bench.end("b", "A1", 1_000);
    assert_eq!(bench.tell(1_000 + WAIT).unwrap(), "a resolved");
    bench.end("c", "A1", 1_100);
    assert_eq!(bench.groups.next_due(), None, "the end of what was never told");
}

#[test]
fn a_clock_that_is_put_back_keeps_nobody_waiting() {
    let day = 86_400;
    let mut bench = Bench::new(terms());
    bench.raise("a", "A1", day);
    bench.tell(day + WAIT);
    bench.raise("b", "A2", day + 60);
    let draft = bench.groups.due(at(day + WAIT + INTERVAL)).unwrap();
    bench.groups.failed(&draft, at(day + WAIT + INTERVAL + 30));
    assert_eq!(bench.tell(0), None);
    assert_eq!(bench.tell(INTERVAL).unwrap(), "b firing, a* firing");
}

#[test]
fn too_many_that_ended_are_dropped_oldest_first() {
    let mut bench = Bench::new(terms());
    bench.groups.most_ended = 10;
    for n in 0..11 {
        bench.raise(&format!("{n:02}"), "A1", 0);
        bench.end(&format!("{n:02}"), "A1", 0);
    }
    bench.raise("firing", "A2", 0);
    assert_eq!((bench.groups.dropped(), bench.groups.waiting()), (1, 11));
    let told = bench.tell(WAIT).unwrap();
    assert!(told.starts_with("01 resolved, ") && told.ends_with("10 resolved, firing firing"));
}

#[test]
fn a_restart_goes_on_with_what_was_kept() {
    let mut bench = Bench::new(terms());
    bench.raise("a", "A1", 0);
    bench.keep();
    bench.restart();
    assert_eq!(bench.groups.next_due(), Some(at(WAIT)), "the wait goes on");
    bench.tell(WAIT);
    bench.raise("b", "A2", 60);
    bench.end("a", "A1", 61);
    bench.keep();
    bench.restart();
    assert_eq!(bench.groups.waiting(), 2);
    assert_eq!(bench.tell(WAIT + INTERVAL).unwrap(), "b firing, a resolved");
    bench.keep();
    bench.restart();
    bench.end("b", "A2", 2_000);
    assert_eq!(bench.tell(2_000 + WAIT).unwrap(), "b resolved", "it is known to fire");
}

#[test]
fn one_raised_anew_at_the_very_time_it_was_raised_before_is_told() {
    let mut bench = Bench::new(terms());
    bench.raise("a", "A1", 0);
    bench.end("a", "A1", 1);
    bench.raise("a", "A1", 2);
    assert_eq!(bench.tell(WAIT).as_deref(), Some("a firing"));
    bench.end("a", "A1", 40);
    bench.raise("a", "A1", 41);
    assert_eq!(bench.tell(WAIT + INTERVAL), None, "the receiver knows it so");
    bench.end("a", "A1", 400);
    let draft = bench.groups.due(at(500)).unwrap();
    bench.raise("a", "A1", 501);
    bench.groups.told(&draft, at(502));
    assert_eq!(bench.tell(502 + INTERVAL).as_deref(), Some("a firing"), "it was told too late");
    bench.end("a", "A1", 900);
    assert_eq!(bench.tell(5 * INTERVAL).as_deref(), Some("a resolved"));
    assert_eq!((bench.groups.agenda.iter().count(), bench.groups.num_ended), (0, 0));
}

#[test]
fn a_group_that_is_found_empty_is_kept_no_longer() {
    let mut bench = Bench::new(terms());
    bench.raise("a", "A1", 0);
    bench.raise("z", "Z1", 0);
    bench.keep();
    bench.kept.remove("alarm a").unwrap();
    bench.restart();
    bench.keep();
    let names: Vec<_> = bench.kept.keys().map(String::as_str).collect();
    assert_eq!(names, ["alarm z", "group {\"location\":\"Roof\"}"]);
}

#[test]
fn to_tell_many_groups_is_no_walk_through_all_of_them_for_each() {
    const MANY: usize = 500;
    let mut bench = Bench::new(Terms { group_by: vec![GroupLabel::Sensor], ..terms() });
    for n in 0..MANY {
        bench.raise(&n.to_string(), &format!("A{n}"), 0);
    }
    let before = crate::notify::group::LOOKS.get();
    for n in 0..MANY {
        assert_eq!(bench.groups.waiting(), MANY - n);
        assert_eq!(bench.groups.next_due(), Some(at(WAIT)));
        bench.tell(WAIT).unwrap();
    }
    assert_eq!(bench.tell(WAIT), None);
    let looks = crate::notify::group::LOOKS.get() - before;
    assert!(looks <= 10 * MANY, "{looks}");
}

#[derive(Debug, Clone)]
enum Step {
    Raise(usize),
    End(usize),
    GoOn(usize),
    Pass(i64),
    Begin,
    Finish { taken: bool },
    Keep,
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
        2 => Just(Step::Keep),
        1 => Just(Step::Crash),
    ]
}

/// A plant, the log of its events, a disk, and a receiver that remembers.
struct World {
    bench: Bench,
    log: Vec<PendingAlert>,
    /// The alarm that fires of each sensor.
    firing: [Option<String>; 6],
    through: i64,
    now: i64,
    /// When an event was first taken in, by its row.
    came_at: BTreeMap<i64, i64>,
    in_flight: Option<Draft>,
    /// Groups whose last notification had no room for all its news: the rest follows at once.
    to_follow: BTreeSet<Arc<str>>,
    /// What the receiver was told of each alarm: its states and the rows they came of.
    told: BTreeMap<String, Vec<(Status, i64)>>,
    crashed: bool,
}

impl World {
    fn new(at_most: usize) -> Self {
        Self {
            bench: Bench::new(Terms { at_most, ..terms() }),
            log: Vec::new(),
            firing: Default::default(),
            through: 0,
            now: 0,
            came_at: BTreeMap::new(),
            in_flight: None,
            to_follow: BTreeSet::new(),
            told: BTreeMap::new(),
            crashed: false,
        }
    }

    fn happens(&mut self, sensor: usize, state: AlertState, alert_id: &str) {
        let name = format!("{}{sensor}", if sensor.is_multiple_of(2) { "A" } else { "Z" });
        let row_id = i64::try_from(self.log.len()).unwrap() + 1;
        self.log.push(event(row_id, alert_id, &name, state));
        self.take_in();
    }

    fn take_in(&mut self) {
        for alert in &self.log {
            if alert.row_id > self.bench.groups.through() {
                self.bench.groups.take(alert, true, at(self.now));
                self.came_at.entry(alert.row_id).or_insert(self.now);
            }
        }
    }

    fn begin(&mut self) -> Result<(), TestCaseError> {
        if self.in_flight.is_some() {
            return Ok(());
        }
        let Some(draft) = self.bench.groups.due(at(self.now)) else { return Ok(()) };
        prop_assert!(draft.entries.len() <= self.bench.groups.agenda.terms().at_most);
        prop_assert!(draft.entries.is_sorted_by_key(|entry| (!entry.is_news, entry.row_id)));
        let rows: BTreeSet<_> = draft.entries.iter().map(|entry| entry.row_id).collect();
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
        let is_untold = |alert_id: &str, row_id| told(alert_id).is_none_or(|told| told < row_id);
        let has_news = draft.entries.iter().any(|entry| entry.is_news);
        if !has_news || (self.crashed && !self.told.is_empty()) {
            return None;
        }
        let of_group = |alert: &&PendingAlert| {
            alert.event.location.as_str() == draft.labels["location"]
                && is_untold(&alert.event.alert_id, alert.row_id)
        };
        self.log.iter().filter(of_group).map(|alert| self.came_at[&alert.row_id]).min()
    }

    fn finish(&mut self, taken: bool) {
        let Some(draft) = self.in_flight.take() else { return };
        if !taken {
            return self.bench.groups.failed(&draft, at(self.now + 5));
        }
        for entry in draft.entries.iter().filter(|entry| entry.is_news) {
            let told = self.told.entry(entry.alert_id.to_string()).or_default();
            told.push((entry.status, entry.row_id));
        }
        if draft.is_whole {
            self.to_follow.remove(&draft.group);
        } else {
            self.to_follow.insert(draft.group.clone());
        }
        self.bench.groups.told(&draft, at(self.now));
    }

    fn keep(&mut self) {
        self.bench.keep();
        self.through = self.bench.groups.through();
    }

    fn crash(&mut self) {
        self.crashed = true;
        self.in_flight = None;
        let parts: Vec<_> = self.bench.kept.clone().into_iter().collect();
        let terms = self.bench.groups.agenda.terms().clone();
        self.bench.groups = Groups::restore(terms, self.through, &parts).0;
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
            Step::Keep => self.keep(),
            Step::Crash => self.crash(),
        }
        prop_assert!(self.bench.groups.agenda.is_consistent());
        Ok(())
    }
}

proptest! {
    /// Whatever happens, is away, or crashes: every alarm is told as it ended up, in order, not before
    /// its time; and but for a crash no news is told twice.
    #[test]
    fn nothing_is_lost(steps in proptest::collection::vec(step(), 0..200), at_most in 1_usize..5) {
        let mut world = World::new(at_most);
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
        let mut last: BTreeMap<String, (AlertState, i64)> = BTreeMap::new();
        for alert in &world.log {
            last.insert(alert.event.alert_id.to_string(), (alert.event.state, alert.row_id));
        }
        prop_assert_eq!(last.len(), world.told.len(), "each alarm is told");
        for (alert_id, (state, _)) in last {
            let told = &world.told[&alert_id];
            let (status, _) = told.last().unwrap();
            prop_assert_eq!(*status == Status::Firing, state == AlertState::Active, "{}", alert_id);
            if !world.crashed {
                prop_assert!(told.is_sorted_by_key(|(_, row_id)| *row_id), "{:?}", told);
                let statuses: Vec<_> = told.iter().map(|(status, _)| *status).collect();
                let distinct: BTreeSet<_> = statuses.iter().map(|status| status.as_str()).collect();
                prop_assert_eq!(distinct.len(), statuses.len(), "{}: {:?}", alert_id, statuses);
            }
        }
        // What fires is told again and again.
        let fires = world.firing.iter().flatten().count();
        world.now += REPEAT;
        let mut reminded = BTreeSet::new();
        while let Some(draft) = world.bench.groups.due(at(world.now)) {
            prop_assert!(draft.entries.iter().all(|entry| entry.status == Status::Firing));
            prop_assert!(draft.truncated + draft.entries.len() <= fires);
            reminded.insert(draft.group.clone());
            world.bench.groups.told(&draft, at(world.now));
        }
        prop_assert_eq!(reminded.is_empty(), fires == 0);
    }
}
