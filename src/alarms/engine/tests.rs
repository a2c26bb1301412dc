use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::stored::StoredSeries;
use super::*;
use crate::alarms::expression::Expression;
use crate::alarms::machine::{Announcement, Change};
use crate::alarms::rule::{Kind, Priority, Selection, Timing};
use crate::domain::{Fnv1a, Location, Quantity, ReadingCounts, StandingAlert, Value};

mod restarts;

pub(super) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(super) fn at(second: u64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(i64::try_from(second).unwrap())
}

pub(super) fn rule(name: &str, kind: Kind, timing: Timing) -> Rule {
    Rule {
        name: name.into(),
        selection: Selection::Matching { sensors: vec!["T*".into()], locations: vec![] },
        quantity: Quantity::temperature(),
        kind,
        timing,
        priority: Priority::High,
        message: None,
        runbook: None,
        unit: None,
        is_strict: false,
        announces_each_reading: false,
        suppression: None,
    }
}

pub(super) fn reading(sensor: &str, timestamp: DateTime<Utc>, value: f64) -> Reading {
    Reading {
        sensor_id: SensorId::new(sensor).unwrap(),
        location: Location::new("Chambre froide"),
        quantity: Quantity::temperature(),
        value: Value::new(value).unwrap(),
        unit: Unit::new("celsius"),
        timestamp,
    }
}

pub(super) fn high() -> Kind {
    Kind::High { limit: 8.0, deadband: 1.0 }
}

/// An engine, and what it did, as `second rule change`.
struct Bench {
    engine: Engine,
    told: Vec<String>,
    heard: Vec<Reading>,
    /// On the listening clock.
    now: Duration,
    /// In the log.
    position: u64,
    stored: StoredSeries,
}

impl Bench {
    fn new(rules: Vec<Rule>) -> Self {
        Self {
            engine: Engine::new(rules, Tz::UTC),
            told: Vec::new(),
            heard: Vec::new(),
            now: Duration::ZERO,
            position: 0,
            stored: StoredSeries::default(),
        }
    }

    /// A reading that is heard at once.
    fn hear(&mut self, sensor: &str, second: u64, value: f64) -> &mut Self {
        let reading = reading(sensor, at(second), value);
        let mut out = Vec::new();
        let now = self.record(second);
        self.engine.set_time(now, &mut out);
        self.engine.judge(&reading, Ingress::Remote, &mut out);
        self.heard.push(reading);
        self.note(out)
    }

    /// Silence up to a second.
    fn wait(&mut self, second: u64) -> &mut Self {
        let mut out = Vec::new();
        let now = self.record(second);
        self.engine.advance(now, &mut out);
        self.note(out)
    }

    fn record(&mut self, second: u64) -> RecordTime {
        self.now = seconds(second);
        self.position += 1;
        RecordTime::of(self.position, self.now)
    }

    fn note(&mut self, out: Vec<Outcome>) -> &mut Self {
        self.told.extend(out.into_iter().map(|outcome| {
            let Outcome { rule, transition, .. } = outcome;
            format!("{} {} {:?}", transition.at.timestamp(), rule.name, transition.change)
        }));
        self
    }

    /// As after a restart: everything from what was kept.
    fn restart(&mut self, kept: &mut StoredAlarms, rules: Vec<Rule>) -> &mut Self {
        kept.keep(self.engine.changes());
        let mut out = Vec::new();
        let (alarms, standing) = (kept.0.clone(), Vec::new());
        let clocks = ListeningClocks::all_at(self.now);
        self.stored.commit(&mut self.engine, 1, &self.heard);
        let (series, since) = (self.stored.states(), self.stored.since(&self.heard));
        let since_checkpoints = self.stored.since_checkpoints(&self.heard);
        let past = StoredState {
            clocks,
            series,
            since_checkpoints,
            alarms,
            standing,
            ..StoredState::default()
        };
        self.engine = Engine::restore(rules, Tz::UTC, past, since, &mut out);
        self.note(out)
    }
}

/// What storage holds.
#[derive(Default)]
struct StoredAlarms(Vec<AlarmState>);

impl StoredAlarms {
    fn keep(&mut self, changes: Vec<AlarmState>) {
        for change in changes {
            self.0.retain(|old| (&old.sensor_id, &old.rule) != (&change.sensor_id, &change.rule));
            self.0.extend(change.state.is_some().then_some(change));
        }
    }
}

fn delayed(on: u64, off: u64) -> Timing {
    Timing { on_delay: seconds(on), off_delay: seconds(off), ..Timing::default() }
}

#[test]
fn a_delay_runs_out_by_a_reading_or_in_silence_at_the_same_time() {
    let rules = || vec![rule("warm", high(), delayed(60, 0))];
    let mut heard = Bench::new(rules());
    heard.hear("T", 0, 9.0).hear("T", 59, 9.0).hear("T", 70, 9.0);
    let mut silent = Bench::new(rules());
    silent.hear("T", 0, 9.0).wait(59).wait(65);
    assert_eq!(heard.told, ["60 warm Raised"]);
    assert_eq!(silent.told, heard.told);
}

#[test]
fn the_deadband_is_left_at_its_end_and_an_off_delay_waits() {
    let mut bench = Bench::new(vec![rule("warm", high(), delayed(0, 10))]);
    bench.hear("T", 0, 8.1).hear("T", 1, 7.5).hear("T", 2, 7.0).hear("T", 5, 9.0);
    bench.hear("T", 6, 7.0).hear("T", 20, 6.0);
    assert_eq!(bench.told, ["0 warm Raised", "16 warm Returned"]);
}

#[test]
fn a_late_reading_changes_nothing() {
    let mut bench = Bench::new(vec![rule("warm", high(), Timing::default())]);
    bench.hear("T", 10, 9.0).hear("T", 5, 1.0).hear("T", 11, 9.0);
    assert_eq!(bench.told, ["10 warm Raised"]);
}

#[test]
fn silence_is_noticed_once_and_ends_with_a_reading() {
    let mut bench =
        Bench::new(vec![rule("dead", Kind::Stale { after: seconds(30) }, Timing::default())]);
    bench.hear("T1", 0, 1.0).hear("T2", 0, 1.0).hear("T1", 20, 1.0);
    assert_eq!(bench.engine.next_deadline().remote, Some(seconds(30)));
    bench.wait(29).wait(30).wait(49).wait(50).wait(99).hear("T2", 100, 1.0);
    assert_eq!(bench.told, ["30 dead Raised", "50 dead Raised", "100 dead Returned"]);
}

#[test]
fn a_difference_is_to_the_newest_of_another_sensor() {
    let other = SensorId::new("REF").unwrap();
    let kind = Kind::Difference { other, limit: 3.0, deadband: 0.0 };
    let mut bench = Bench::new(vec![rule("off", kind, Timing::default())]);
    bench
        .hear("T", 0, 9.0)
        .hear("REF", 1, 5.0)
        .hear("T", 2, 9.0)
        .hear("REF", 3, 8.0)
        .hear("T", 4, 9.0);
    assert_eq!(bench.told, ["2 off Raised", "4 off Returned"]);
}

#[test]
fn rules_of_others_cost_nothing_and_say_nothing() {
    let mut bench = Bench::new(vec![rule("warm", high(), Timing::default())]);
    bench.hear("X", 0, 99.0);
    assert!(bench.told.is_empty());
    assert!(bench.engine.changes().is_empty());
}

#[test]
fn a_raise_has_an_id_of_its_own_that_lasts_until_it_is_over() {
    let mut engine = Engine::new(vec![rule("warm", high(), Timing::default())], Tz::UTC);
    let mut ids = Vec::new();
    for (second, value) in [(0, 9.0), (1, 1.0), (2, 9.0), (3, 1.0)] {
        let mut out = Vec::new();
        engine.set_time(RecordTime::of(second, seconds(second)), &mut out);
        engine.judge(&reading("T", at(second), value), Ingress::Remote, &mut out);
        assert_eq!(out[0].transition.change == Change::Raised, value > 8.0);
        ids.push(out[0].alert_id.clone());
    }
    assert!(ids[0] == ids[1] && ids[2] == ids[3] && ids[1] != ids[2], "{ids:?}");
}

#[test]
fn a_time_at_the_end_of_the_calendar_is_no_panic() {
    let stale = Kind::Stale { after: seconds(30) };
    let rules = vec![rule("dead", stale, delayed(60, 60)), rule("warm", high(), delayed(60, 60))];
    let mut engine = Engine::new(rules, Tz::UTC);
    let mut out = Vec::new();
    engine.judge(&reading("T", DateTime::<Utc>::MAX_UTC, 9.0), Ingress::Remote, &mut out);
    engine.advance(RecordTime::of(1, seconds(1000)), &mut out);
    assert_eq!(out.len(), 2, "{out:?}");
}

#[test]
fn a_late_reading_from_where_a_sensor_was_does_not_take_it_back_there() {
    let mut here = rule("warm", high(), Timing::default());
    let place = "Chambre froide".into();
    here.selection = Selection::Matching { sensors: vec![], locations: vec![place] };
    let mut bench = Bench::new(vec![here]);
    bench.hear("T", 10, 9.0);
    let late = Reading { location: Location::new("Quai"), ..reading("T", at(5), 9.0) };
    let mut out = Vec::new();
    bench.engine.judge(&late, Ingress::Remote, &mut out);
    bench.note(out).hear("T", 12, 9.0);
    assert_eq!(bench.told, ["10 warm Raised"]);
}

#[test]
fn where_a_sensor_went_is_kept_with_its_alarm_at_once() {
    let mut bench = Bench::new(vec![rule("warm", high(), Timing::default())]);
    let mut kept = StoredAlarms::default();
    bench.hear("T", 0, 9.0);
    kept.keep(bench.engine.changes());
    let moved = Reading { location: Location::new("Quai"), ..reading("T", at(1), 9.0) };
    bench.engine.judge(&moved, Ingress::Remote, &mut Vec::new());
    kept.keep(bench.engine.changes());
    let state = kept.0[0].state.as_ref().unwrap();
    assert!(kept.0.len() == 1 && state.contains("\"location\":\"Quai\""), "{state}");
    for (second, value) in [(2, 1.0), (3, 1.0)] {
        bench.engine.changes();
        let timestamp = at(second);
        let calm = Reading { timestamp, value: Value::new(value).unwrap(), ..moved.clone() };
        bench.engine.judge(&calm, Ingress::Remote, &mut Vec::new());
    }
    assert_eq!(bench.engine.changes(), [], "at rest, once");
}

#[test]
fn a_device_that_makes_up_ids_leaves_the_alarms_of_the_others_as_they_are() {
    let mut engine = Engine::new(vec![rule("high", high(), Timing::default())], Tz::UTC);
    engine.series_limit = SeriesLimit(3);
    let mut out = Vec::new();
    let mut judge = |sensor: &str, second, value| {
        let judgement =
            engine.judge(&reading(sensor, at(second), value), Ingress::Remote, &mut out);
        (judgement.is_one_too_many, judgement.is_broken)
    };
    for (second, sensor) in [(0, "T1"), (0, "T2"), (0, "T3"), (1, "T1"), (1, "T2"), (1, "T3")] {
        assert_eq!(judge(sensor, second, 5.0), (false, false));
    }
    for made_up in ["T4", "T5"] {
        assert_eq!(judge(made_up, 1, 9.0), (true, false));
    }
    assert_eq!(judge("T3", 2, 9.0), (false, true));
    let raised: Vec<_> = out.iter().map(|outcome| outcome.sensor_id.as_str()).collect();
    assert_eq!(raised, ["T3"]);
    assert_eq!(engine.series.len(), 3);
}
