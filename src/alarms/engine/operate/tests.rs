use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use chrono_tz::Tz;
use proptest::prelude::*;

use super::*;
use crate::alarms::engine::stored::StoredSeries;
use crate::alarms::engine::{Engine, Outcome, RecordTime, StoredState};
use crate::alarms::overview::view;
use crate::alarms::quiet::QuietSettings;
use crate::alarms::rule::{Kind, Priority, Rule, Selection, Timing};
use crate::domain::{
    ActionRecord, AlarmState, Ingress, ListeningClocks, Location, Operator, OperatorAction,
    Quantity, Reading, SensorId, Unit, Value, Via,
};

const HOUR: Duration = Duration::from_secs(3600);

fn rules() -> Vec<Rule> {
    let rule = |name: &str, kind, timing| Rule {
        kind,
        timing,
        selection: Selection::default(),
        ..Rule::retired(name.into(), Quantity::temperature(), Priority::High)
    };
    let acknowledged = Timing { needs_acknowledgement: true, ..Timing::default() };
    let latching = Timing { is_latching: true, ..Timing::default() };
    vec![
        rule("warm", Kind::High { limit: 24.0, deadband: 0.0 }, acknowledged),
        rule("cold", Kind::Low { limit: 10.0, deadband: 0.0 }, latching),
        rule("dead", Kind::Stale { after: HOUR }, acknowledged),
    ]
}

/// An engine, and all it did.
struct Bench {
    engine: Engine,
    out: Vec<Outcome>,
    heard: Vec<Reading>,
    kept: Vec<AlarmState>,
    /// On both clocks.
    now: Duration,
    /// In the log.
    position: u64,
    stored: StoredSeries,
}

impl Bench {
    fn new() -> Self {
        let engine = Engine::new(rules(), Tz::UTC);
        let (out, heard, kept) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            engine,
            out,
            heard,
            kept,
            now: Duration::ZERO,
            position: 0,
            stored: StoredSeries::default(),
        }
    }

    fn advance(&mut self) {
        self.position += 1;
        let record = RecordTime::of(self.position, self.now);
        self.engine.advance(record, &mut self.out);
    }

    fn at(&self) -> DateTime<chrono::Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::from_std(self.now).unwrap()
    }

    fn wait(&mut self, time: Duration) -> &mut Self {
        self.now += time;
        self.advance();
        self
    }

    fn read(&mut self, value: f64) -> &mut Self {
        self.now += Duration::from_secs(1);
        let reading = Reading {
            sensor_id: SensorId::new("T").unwrap(),
            location: Location::new("Hall"),
            quantity: Quantity::temperature(),
            value: Value::new(value).unwrap(),
            unit: Unit::new("celsius"),
            timestamp: self.at(),
        };
        self.advance();
        self.engine.judge(&reading, Ingress::Remote, &mut self.out);
        self.heard.push(reading);
        self
    }

    fn say(&mut self, what: Action, alarm: &str) -> ActionRecord {
        let action = OperatorAction {
            what,
            alarm: alarm.parse().unwrap(),
            operator: Operator::new("anne", Some("why")).unwrap(),
            at: self.at(),
            via: Via::Api,
        };
        self.advance();
        self.engine.operate(action, &mut self.out)
    }

    fn does(&mut self, what: Action, alarm: &str) -> &mut Self {
        assert_eq!(self.say(what, alarm).outcome, Ok(true), "{what:?} {alarm}");
        self
    }

    fn restart(&mut self) -> &mut Self {
        for change in self.engine.changes() {
            self.kept.retain(|old| old.rule != change.rule);
            self.kept.extend(change.state.is_some().then_some(change));
        }
        let (alarms, standing) = (self.kept.clone(), Vec::new());
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
        self.engine = Engine::restore(rules(), Tz::UTC, past, since, &mut self.out);
        self
    }

    /// Of a rule: what it did, and the place of its alert's id among those that came up.
    fn told(&self, rule: &str) -> Vec<(Change, usize)> {
        let of_rule = self.out.iter().filter(|outcome| &*outcome.rule.name == rule);
        let mut ids = Vec::new();
        let place = |outcome: &Outcome| {
            let id = outcome.alert_id.clone();
            let known = ids.iter().position(|known| *known == id);
            let place = known.unwrap_or_else(|| {
                ids.push(id);
                ids.len() - 1
            });
            (outcome.transition.change, place)
        };
        of_rule.map(place).collect()
    }
}

const SHELVE: Action = Action::Shelve { lasting: HOUR, is_one_shot: false };

#[test]
fn an_alarm_that_went_and_came_while_nobody_was_told_is_the_one_people_know() {
    use Change::{Raised, Returned, ReturnedToService, TakenOutOfService};
    let mut bench = Bench::new();
    bench.read(30.0).does(Action::TakeOutOfService, "warm/T").read(20.0).restart().read(31.0);
    bench.does(Action::ReturnToService, "warm/T").read(20.0).read(32.0);
    assert_eq!(
        bench.told("warm"),
        [
            (Raised, 0),
            (TakenOutOfService, 0),
            (Returned, 0),
            (Raised, 0),
            (ReturnedToService, 0),
            (Returned, 0),
            (Raised, 1), // people heard of the end
        ]
    );
}

#[test]
fn an_end_is_silent_where_each_reading_is_announced_and_nothing_withholds_it() {
    let mut warm = rules().swap_remove(0);
    (warm.timing, warm.announces_each_reading) = (Timing::default(), true);
    let mut bench = Bench { engine: Engine::new(vec![warm], Tz::UTC), ..Bench::new() };
    let shelve = Action::Shelve { lasting: HOUR, is_one_shot: false };
    bench.read(25.0).read(20.0).read(25.0).does(shelve, "warm/T");
    bench.read(20.0).read(25.0).read(20.0).does(Action::Unshelve, "warm/T");
    let ends: Vec<_> = bench.out.iter().filter(|outcome| outcome.is_silent_end).collect();
    let changes: Vec<_> = ends.iter().map(|outcome| outcome.transition.change).collect();
    assert_eq!(changes, [Change::Returned, Change::Unshelved]);
    assert!(ends.iter().all(|outcome| outcome.transition.announced.is_none()));
}

#[test]
fn one_that_nobody_heard_of_has_an_id_each_time() {
    let mut bench = Bench::new();
    bench.read(20.0).does(SHELVE, "warm/T").read(30.0).read(20.0).restart().read(31.0);
    let ids: Vec<_> = bench.told("warm").into_iter().map(|(_, id)| id).collect();
    assert_eq!(ids, [0, 1, 1, 2]);
}

#[test]
fn a_latched_alarm_that_is_raised_anew_stays_the_same() {
    use Change::{Latched, Raised, Reset};
    let mut bench = Bench::new();
    bench.read(5.0).read(20.0).restart().read(4.0).read(20.0).does(Action::Reset, "cold/T");
    let same = [Raised, Latched, Raised, Latched, Reset].map(|change| (change, 0));
    assert_eq!(bench.told("cold"), same);
    assert_eq!(bench.read(3.0).told("cold").last(), Some(&(Raised, 1)));
}

#[test]
fn what_is_so_already_is_no_error_and_what_cant_be_is_one() {
    let mut bench = Bench::new();
    let refused = |record: ActionRecord| matches!(record.outcome, Err(Refused::NotNow(_)));
    let unknown = |record: ActionRecord| matches!(record.outcome, Err(Refused::Unknown(_)));
    assert!(unknown(bench.say(SHELVE, "warm/T")), "nothing was heard of it");
    bench.read(20.0);
    for name in ["worm/T", "warm/U", "0123456789abcdef"] {
        assert!(unknown(bench.say(SHELVE, name)), "{name}");
    }
    for what in [Action::Acknowledge, Action::Unshelve, Action::ReturnToService, Action::Reset] {
        assert!(refused(bench.say(what, "cold/T")), "{what:?}");
    }
    assert_eq!(bench.out, []);
    bench.read(5.0).does(Action::Acknowledge, "cold/T");
    assert_eq!(bench.say(Action::Acknowledge, "cold/T").outcome, Ok(false));
    assert!(refused(bench.say(Action::Reset, "cold/T")));
    bench.does(Action::TakeOutOfService, "cold/T");
    assert_eq!(bench.say(Action::TakeOutOfService, "cold/T").outcome, Ok(false));
}

#[test]
fn an_alarm_goes_by_its_last_id_also_after_a_restart() {
    let mut bench = Bench::new();
    bench.read(30.0);
    let id = bench.out[0].alert_id.clone();
    bench.does(Action::Acknowledge, &id).read(20.0).restart();
    let record = bench.say(SHELVE, &id);
    let of = record.of.unwrap();
    assert_eq!((record.outcome, &*of.rule, of.alert_id), (Ok(true), "warm", Some(id)));
}

#[test]
fn an_alarm_goes_by_its_id_before_it_is_kept_and_after_and_by_no_older_one() {
    let mut bench = Bench::new();
    bench.read(30.0);
    let id = bench.out[0].alert_id.clone();
    bench.does(Action::Acknowledge, &id);
    bench.engine.changes();
    bench.does(SHELVE, &id).read(20.0).does(Action::Unshelve, &id).read(30.0);
    bench.engine.changes();
    let old = bench.say(SHELVE, &id).outcome.unwrap_err().to_string();
    assert!(old.contains("no alarm has that id now"), "{old}");
    let raised = bench.out.iter().rfind(|outcome| outcome.transition.change == Change::Raised);
    let newer = raised.unwrap().alert_id.clone();
    let mut rules = rules();
    rules.reverse();
    bench.engine.reload(rules, QuietSettings::default(), &mut bench.out);
    bench.does(SHELVE, &newer);
}

#[test]
fn ids_of_old_are_forgotten() {
    let mut bench = Bench::new();
    for _ in 0..3_000 {
        bench.read(30.0).read(20.0);
        bench.heard.clear();
        bench.engine.changes();
    }
    let (ids, tidied) = (&bench.engine.ids, bench.out.iter().rev());
    let raised = tidied.filter(|outcome| outcome.transition.change == Change::Raised);
    let known = raised.filter(|outcome| ids.series(&outcome.alert_id).is_some()).count();
    assert!((1..=1_025).contains(&known), "{known}");
}

#[test]
fn only_what_the_operator_did_is_the_operators() {
    let mut bench = Bench::new();
    bench.read(30.0).does(Action::Shelve { lasting: HOUR, is_one_shot: true }, "warm/T").read(20.0);
    bench.does(SHELVE, "warm/T");
    // The shelf runs out, and then the word comes.
    bench.now += 2 * HOUR;
    assert!(bench.say(Action::Unshelve, "warm/T").outcome.is_err());
    let by: Vec<_> = bench
        .out
        .iter()
        .filter(|outcome| &*outcome.rule.name == "warm")
        .map(|outcome| (outcome.transition.change, outcome.operator.is_some()))
        .collect();
    use Change::{Raised, Returned, Shelved, Unshelved};
    assert_eq!(
        by,
        [
            (Raised, false),
            (Shelved, true),
            (Returned, false),
            (Unshelved, false),
            (Shelved, true),
            (Unshelved, false)
        ]
    );
}

#[test]
fn operators_see_who_said_what_until_it_is_over() {
    let mut bench = Bench::new();
    let seen = |bench: &mut Bench| {
        let changes = bench.engine.changes();
        changes.iter().find(|change| &*change.rule == "warm").and_then(view)
    };
    bench.read(30.0).does(Action::Acknowledge, "warm/T").does(SHELVE, "warm/T");
    let alarm = seen(&mut bench).unwrap();
    assert_eq!((alarm.state, alarm.withheld), ("acknowledged", Some("shelved")));
    let said = alarm.acknowledged.unwrap();
    assert_eq!((&*said.operator.by, said.operator.why.as_deref()), ("anne", Some("why")));
    let until = bench.at() + TimeDelta::hours(1);
    assert_eq!(alarm.shelved.map(|shelf| shelf.until), Some(until));
    bench.read(20.0).does(Action::Unshelve, "warm/T");
    assert_eq!(seen(&mut bench), None);
    bench.read(31.0);
    let alarm = seen(&mut bench).unwrap();
    assert_eq!((alarm.state, alarm.acknowledged), ("unacknowledged", None));
}

/// Something that happens.
#[derive(Debug, Clone, Copy)]
enum Happening {
    Read(f64),
    Wait(u64),
    Say(Action, &'static str),
}

fn happening() -> impl Strategy<Value = Happening> {
    let value = prop::sample::select(vec![5.0, 20.0, 30.0]);
    let action = prop::sample::select(vec![
        Action::Acknowledge,
        SHELVE,
        Action::Shelve { lasting: HOUR, is_one_shot: true },
        Action::Unshelve,
        Action::TakeOutOfService,
        Action::ReturnToService,
        Action::Reset,
    ]);
    let alarm = prop::sample::select(vec!["warm/T", "cold/T", "dead/T"]);
    prop_oneof![
        value.prop_map(Happening::Read),
        (1u64..5_000).prop_map(Happening::Wait),
        (action, alarm).prop_map(|(what, alarm)| Happening::Say(what, alarm)),
    ]
}

fn play(script: &[(Happening, bool)], with_restarts: bool) -> (Vec<Outcome>, Vec<ActionRecord>) {
    let mut bench = Bench::new();
    let mut records = Vec::new();
    for (happening, is_restarted) in script {
        match *happening {
            Happening::Read(value) => drop(bench.read(value)),
            Happening::Wait(seconds) => drop(bench.wait(Duration::from_secs(seconds))),
            Happening::Say(what, alarm) => records.push(bench.say(what, alarm)),
        }
        if with_restarts && *is_restarted {
            bench.restart();
        }
    }
    (bench.out, records)
}

proptest! {
    #[test]
    fn a_restart_changes_nothing_of_what_operators_do(
        script in prop::collection::vec((happening(), any::<bool>()), 1..40)
    ) {
        prop_assert_eq!(play(&script, true), play(&script, false));
    }

    /// What people hear of one alert begins with its raise and ends with its return, and no other
    /// comes in between.
    #[test]
    fn people_hear_of_one_alert_after_another(
        script in prop::collection::vec((happening(), any::<bool>()), 1..60)
    ) {
        use crate::alarms::machine::Announcement;
        let (out, _) = play(&script, true);
        for rule in ["warm", "cold", "dead"] {
            let mut open: Option<Arc<str>> = None;
            for outcome in out.iter().filter(|outcome| &*outcome.rule.name == rule) {
                match (outcome.transition.announced, &open) {
                    (None, _) => {}
                    (Some(Announcement::Raised), None) => open = Some(outcome.alert_id.clone()),
                    (Some(Announcement::StillActive), Some(id)) => {
                        prop_assert_eq!(id, &outcome.alert_id);
                    }
                    (Some(Announcement::Returned), Some(id)) => {
                        prop_assert_eq!(id, &outcome.alert_id);
                        open = None;
                    }
                    other => prop_assert!(false, "{other:?}"),
                }
            }
        }
    }
}
