use std::collections::BTreeMap;

use chrono::DateTime;

use std::time::Duration;

use super::*;
use crate::config::GroupLabel;
use crate::domain::{Location, Quantity, SensorId, Unit, Value};

pub(super) const WAIT: i64 = 30;
pub(super) const INTERVAL: i64 = 300;
pub(super) const REPEAT: i64 = 4 * 3600;

pub(super) fn policy() -> GroupingPolicy {
    let seconds = |seconds: i64| Duration::from_secs(seconds.unsigned_abs());
    GroupingPolicy {
        group_by: vec![GroupLabel::Location],
        wait: seconds(WAIT),
        interval: seconds(INTERVAL),
        repeat: seconds(REPEAT),
        send_resolved: true,
        at_most: 100,
        names_all: false,
        escalate_after: None,
    }
}

pub(super) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_723_631_400 + seconds, 0).unwrap()
}

impl Draft {
    pub(in crate::notify) fn for_test(entries: Vec<Entry>) -> Self {
        let (group, labels) = ("{}".into(), BTreeMap::new());
        Self {
            group,
            labels,
            entries,
            truncated: 0,
            number: 1,
            is_whole: true,
            repeated_through: None,
        }
    }
}

/// An event. Sensors `A…` are in the hall, others on the roof.
pub(super) fn event(number: u64, alert_id: &str, sensor: &str, state: AlertState) -> AlertEvent {
    AlertEvent {
        number,
        alert_id: alert_id.into(),
        rule: "hot".into(),
        alert_type: "HIGH_TEMPERATURE".into(),
        location: Location::new(if sensor.starts_with('A') { "Hall" } else { "Roof" }),
        value: Value::new(36.0).ok(),
        unit: Unit::new("celsius"),
        threshold: 35.0,
        state,
        timestamp: at(number.cast_signed()),
        announced: true,
        ..AlertEvent::new(SensorId::new(sensor).unwrap(), Quantity::temperature())
    }
}

/// Groups with a row number and a clock, and what they keep.
pub(super) struct Bench {
    pub groups: Groups,
    pub rows: u64,
    pub kept: BTreeMap<String, String>,
}

impl Bench {
    pub fn new(policy: GroupingPolicy) -> Self {
        Self { groups: Groups::new(policy, 0), rows: 0, kept: BTreeMap::new() }
    }

    pub fn raise(&mut self, alert_id: &str, sensor: &str, seconds: i64) {
        self.take(alert_id, sensor, AlertState::Active, seconds);
    }

    pub fn end(&mut self, alert_id: &str, sensor: &str, seconds: i64) {
        self.take(alert_id, sensor, AlertState::Resolved, seconds);
    }

    pub fn take(&mut self, alert_id: &str, sensor: &str, state: AlertState, seconds: i64) {
        self.rows += 1;
        let event = event(self.rows, alert_id, sensor, state);
        self.groups.take(&event, Interest::Immediate, at(seconds));
    }

    /// Takes an event in of which the receiver is to hear only if another one escalates it.
    pub fn hold(&mut self, alert_id: &str, sensor: &str, state: AlertState, seconds: i64) {
        self.rows += 1;
        let event = event(self.rows, alert_id, sensor, state);
        self.groups.take(&event, Interest::OnEscalation, at(seconds));
    }

    /// What is told at a time: each alarm, and `*` if it is no news.
    pub fn tell(&mut self, seconds: i64) -> Option<String> {
        let draft = self.groups.due(at(seconds))?;
        self.groups.delivered(&draft, at(seconds));
        Some(said(&draft))
    }

    /// What is refused for good at a time, said alike.
    pub fn refuse(&mut self, seconds: i64) -> Option<String> {
        let draft = self.groups.due(at(seconds))?;
        self.groups.refused(&draft, at(seconds));
        Some(said(&draft))
    }

    pub fn keep(&mut self) {
        for (name, text) in self.groups.take_changes() {
            match text {
                Some(text) => drop(self.kept.insert(name, text)),
                None => drop(self.kept.remove(&name)),
            }
        }
    }

    pub fn restart(&mut self) {
        let parts: Vec<_> = self.kept.clone().into_iter().collect();
        let policy = self.groups.agenda.policy().clone();
        let (groups, unreadable) = Groups::restore(policy, self.groups.through(), &parts);
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
    let mut bench = Bench::new(policy());
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
    let mut bench = Bench::new(policy());
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
    let mut bench = Bench::new(policy());
    for (alert_id, second) in [("a", 0), ("b", 2), ("c", 4)] {
        bench.raise(alert_id, "A1", second);
        bench.end(alert_id, "A1", second + 1);
    }
    bench.raise("d", "A1", 6);
    assert_eq!(bench.tell(WAIT).unwrap(), "a resolved, b resolved, c resolved, d firing");
}

#[test]
fn who_wants_no_ends_hears_of_what_came_and_went_and_of_no_other() {
    let mut bench = Bench::new(GroupingPolicy { send_resolved: false, ..policy() });
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
    bench.groups.delivered(&draft, at(WAIT + INTERVAL + 2));
    assert_eq!(bench.groups.next_due(), None);
}

#[test]
fn what_does_not_fit_follows_at_once() {
    let mut bench = Bench::new(GroupingPolicy { at_most: 2, ..policy() });
    for (alert_id, sensor) in [("a", "A1"), ("b", "A2"), ("c", "A3")] {
        bench.raise(alert_id, sensor, 0);
    }
    let draft = bench.groups.due(at(WAIT)).unwrap();
    assert_eq!((said(&draft).as_str(), draft.truncated), ("a firing, b firing", 1));
    bench.groups.delivered(&draft, at(WAIT));
    let draft = bench.groups.due(at(WAIT)).unwrap();
    assert_eq!((said(&draft).as_str(), draft.truncated), ("c firing, a* firing", 1));
    bench.groups.delivered(&draft, at(WAIT));
    assert_eq!(bench.groups.next_due(), Some(at(WAIT + REPEAT)));
}

#[test]
fn a_failed_one_is_tried_again_as_things_are_then() {
    let mut bench = Bench::new(policy());
    bench.raise("a", "A1", 0);
    bench.raise("z", "Z1", 1);
    let draft = bench.groups.due(at(WAIT)).unwrap();
    bench.groups.failed(&draft, at(WAIT + 60), at(0));
    assert_eq!(bench.groups.failures(&draft), 1);
    assert_eq!(bench.tell(WAIT + 1).unwrap(), "z firing", "another group waits for nothing");
    assert_eq!(bench.groups.due(at(WAIT + 59)), None);
    bench.raise("b", "A2", WAIT + 30);
    bench.end("a", "A1", WAIT + 31);
    assert_eq!(bench.tell(WAIT + 60).unwrap(), "b firing, a resolved");
}

#[test]
fn the_end_of_what_was_refused_is_no_first_word() {
    let mut bench = Bench::new(policy());
    bench.raise("a", "A1", 0);
    assert_eq!(bench.refuse(WAIT).unwrap(), "a firing");
    assert_eq!((bench.groups.waiting(), bench.groups.given_up()), (0, 1));
    bench.keep();
    bench.restart();
    assert_eq!(bench.groups.given_up(), 1, "nor after a restart");
    bench.end("a", "A1", 1_000);
    assert_eq!(bench.groups.given_up(), 0, "it is over");
    bench.raise("b", "A2", 1_010);
    assert_eq!(bench.tell(1_010 + WAIT).unwrap(), "b firing");
    bench.end("b", "A2", 2_000);
    assert_eq!(bench.tell(2_000 + WAIT).unwrap(), "b resolved");
    assert_eq!((bench.groups.agenda.iter().count(), bench.groups.num_ended), (0, 0));
    bench.keep();
    assert!(bench.kept.is_empty(), "{:?}", bench.kept);
}

#[test]
fn what_was_refused_is_told_with_what_comes_next_and_then_its_end_is() {
    let mut bench = Bench::new(policy());
    bench.raise("a", "A1", 0);
    bench.refuse(WAIT);
    assert_eq!(bench.groups.next_due(), Some(at(WAIT + REPEAT)), "at the latest");
    bench.raise("b", "A2", 100);
    assert_eq!(bench.tell(WAIT + INTERVAL).unwrap(), "b firing, a* firing");
    assert_eq!(bench.groups.given_up(), 0);
    bench.end("a", "A1", 1_000);
    assert_eq!(bench.tell(1_000 + WAIT).unwrap(), "a resolved, b* firing");
}

#[test]
fn what_ends_while_it_is_refused_or_told_after_all_is_known_by_the_outcome() {
    let mut bench = Bench::new(policy());
    bench.raise("a", "A1", 0);
    let draft = bench.groups.due(at(WAIT)).unwrap();
    bench.end("a", "A1", WAIT + 1);
    bench.groups.refused(&draft, at(WAIT + 2));
    assert_eq!((bench.groups.next_due(), bench.groups.num_ended), (None, 0));
    bench.raise("b", "A1", 100);
    bench.refuse(WAIT + 100);
    bench.raise("c", "A2", 200);
    let draft = bench.groups.due(at(1_000)).unwrap();
    bench.end("b", "A1", 1_001);
    bench.groups.delivered(&draft, at(1_002));
    assert_eq!(bench.tell(1_002 + INTERVAL).unwrap(), "b resolved, c* firing", "it was told");
}

#[test]
fn a_correction_is_tried_at_once() {
    let mut bench = Bench::new(policy());
    bench.raise("a", "A1", 0);
    assert!(!bench.groups.has_failures());
    let draft = bench.groups.due(at(WAIT)).unwrap();
    bench.groups.failed(&draft, at(WAIT + 3_600), at(0));
    assert!(bench.groups.has_failures());
    bench.groups.retry_now();
    assert_eq!(bench.tell(WAIT + 1).unwrap(), "a firing");
    assert!(!bench.groups.has_failures());
}

#[test]
fn an_alarm_is_one_whatever_its_events_call_it() {
    let mut bench = Bench::new(policy());
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
    let mut bench = Bench::new(policy());
    bench.raise("a", "A1", day);
    bench.tell(day + WAIT);
    bench.raise("b", "A2", day + 60);
    let draft = bench.groups.due(at(day + WAIT + INTERVAL)).unwrap();
    bench.groups.failed(&draft, at(day + WAIT + INTERVAL + 30), at(0));
    assert_eq!(bench.tell(0), None);
    assert_eq!(bench.tell(INTERVAL).unwrap(), "b firing, a* firing");
}

#[test]
fn too_many_that_ended_are_dropped_oldest_first() {
    let mut bench = Bench::new(policy());
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
    let mut bench = Bench::new(policy());
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
    let mut bench = Bench::new(policy());
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
    bench.groups.delivered(&draft, at(502));
    assert_eq!(bench.tell(502 + INTERVAL).as_deref(), Some("a firing"), "it was told too late");
    bench.end("a", "A1", 900);
    assert_eq!(bench.tell(5 * INTERVAL).as_deref(), Some("a resolved"));
    assert_eq!((bench.groups.agenda.iter().count(), bench.groups.num_ended), (0, 0));
}

#[test]
fn an_end_that_was_told_is_not_told_again_though_the_alarm_came_and_went_meanwhile() {
    let mut bench = Bench::new(policy());
    bench.raise("a", "A1", 0);
    bench.tell(WAIT);
    bench.end("a", "A1", 400);
    let draft = bench.groups.due(at(500)).unwrap();
    bench.raise("a", "A1", 501);
    bench.groups.delivered(&draft, at(502));
    bench.end("a", "A1", 503);
    assert_eq!((bench.groups.waiting(), bench.groups.next_due()), (0, None));
    bench.keep();
    assert!(bench.kept.is_empty(), "{:?}", bench.kept);
}

#[test]
fn a_group_that_is_found_empty_is_kept_no_longer() {
    let mut bench = Bench::new(policy());
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
    let mut bench = Bench::new(GroupingPolicy { group_by: vec![GroupLabel::Sensor], ..policy() });
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

#[test]
fn who_forgets_what_is_not_repeated_is_told_of_all_in_parts() {
    let mut bench = Bench::new(GroupingPolicy { at_most: 2, names_all: true, ..policy() });
    for (n, id) in ["a", "b", "c", "d", "e"].iter().enumerate() {
        bench.raise(id, &format!("A{n}"), 0);
    }
    assert_eq!(bench.tell(WAIT).unwrap(), "a firing, b firing");
    assert_eq!(bench.tell(WAIT).unwrap(), "c firing, d firing");
    assert_eq!(bench.tell(WAIT).unwrap(), "e firing, a* firing", "news first, and then the others");
    assert_eq!(bench.tell(WAIT).unwrap(), "b* firing, c* firing");
    assert_eq!(bench.tell(WAIT).unwrap(), "d* firing, e* firing");
    assert_eq!(bench.tell(WAIT + REPEAT - 1), None);
    let again = WAIT + REPEAT;
    assert_eq!(bench.tell(again).unwrap(), "a* firing, b* firing");
    bench.end("a", "A0", again);
    let draft = bench.groups.due(at(again));
    assert_eq!(draft, None, "news waits for its interval, and the rest with it");
    let then = again + INTERVAL;
    assert_eq!(bench.tell(then).unwrap(), "a resolved, c* firing");
    assert_eq!(bench.tell(then).unwrap(), "d* firing, e* firing");
    assert_eq!(bench.tell(then), None);
    bench.keep();
    bench.restart();
    assert_eq!(bench.tell(then + REPEAT).unwrap(), "b* firing, c* firing");
}
