//! The engine is a fold over the log, and what is committed is enough to go on from: an engine that is stopped
//! between any two batches and restored does and holds what one does and holds that never stopped.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::stored::StoredSeries;
use super::*;
use crate::alarms::machine::Change;
use crate::domain::{
    Availability, Operator, OperatorAction, Quantity, SeriesPart, Via, time as times,
};

mod script;

use script::{LOCATIONS, Record, SENSORS, Told, VALUES, What};

/// What storage holds.
#[derive(Clone, Default)]
struct Stored {
    alarms: BTreeMap<(SensorId, Arc<str>), AlarmState>,
    series: StoredSeries,
    rows: Vec<Reading>,
    clocks: ListeningClocks,
    received_at: Option<DateTime<Utc>>,
}

/// How a log is played.
#[derive(Debug, Clone, Default)]
struct Plan {
    /// Records of each batch, in turn.
    batches: Vec<usize>,
    /// Checkpoints in turn of each batch, in turn.
    checkpoints: Vec<usize>,
    /// Batches after which the engine is stopped.
    kills: BTreeSet<usize>,
}

/// An engine among sensors, operators and storage.
struct Plant {
    engine: Engine,
    rules: usize,
    stored: Stored,
    clocks: ListeningClocks,
    wall: DateTime<Utc>,
    position: u64,
    /// Of each sensor's own clock to the wall clock.
    offsets: [i64; SENSORS.len()],
    last: [Option<Reading>; SENSORS.len()],
    /// Of the batch.
    rows: Vec<Reading>,
    said: Vec<String>,
}

impl Plant {
    fn new() -> Self {
        let wall = "2024-03-31T00:50:00.000000123Z".parse().unwrap();
        let mut offsets = [0; SENSORS.len()];
        offsets[5] = -350_000_000; // 2013
        let mut plant = Self {
            engine: Engine::default(),
            rules: 0,
            stored: Stored::default(),
            clocks: ListeningClocks::default(),
            wall,
            position: 0,
            offsets,
            last: Default::default(),
            rows: Vec::new(),
            said: Vec::new(),
        };
        plant.restore();
        plant.advance([1_000; 3], 0);
        plant.expect();
        plant
    }

    fn restore(&mut self) {
        let Stored { alarms, series, rows, clocks, received_at } = self.stored.clone();
        let alarms = alarms.into_values().collect();
        let (series, since) = (series.states(), series.since(&rows));
        let past = Past { clocks, received_at, series, since, alarms, ..Past::default() };
        let mut out = Vec::new();
        self.engine = Engine::restore(script::rules(self.rules), Tz::Europe__Paris, past, &mut out);
        self.engine.keep_quiet(script::quiet());
        assert!(self.engine.take_unread().is_empty());
        self.note(out);
        if received_at.is_some() {
            self.expect();
        }
    }

    fn expect(&mut self) {
        let mut out = Vec::new();
        self.engine.expect(&script::expected(), &mut out);
        self.note(out);
    }

    fn commit(&mut self, at_most: usize) {
        for change in self.engine.changes() {
            let key = (change.sensor_id.clone(), change.rule.clone());
            match change.state {
                Some(_) => self.stored.alarms.insert(key, change),
                None => self.stored.alarms.remove(&key),
            };
        }
        self.stored.rows.append(&mut self.rows);
        self.stored.series.commit(&mut self.engine, at_most, self.stored.rows.len());
        (self.stored.clocks, self.stored.received_at) = (self.clocks, Some(self.wall));
    }

    fn advance(&mut self, passed: [u64; 3], wall: i64) {
        for (ingress, passed) in Ingress::ALL.into_iter().zip(passed) {
            let time = self.clocks.get(ingress) + Duration::from_millis(passed);
            self.clocks.set_at_least(ingress, time);
        }
        self.wall += TimeDelta::milliseconds(wall);
        self.position += 1;
        let (position, received_at, clocks) = (self.position, self.wall, self.clocks);
        let mut out = Vec::new();
        self.engine.advance(RecordTime { position, received_at, clocks }, &mut out);
        self.note(out);
    }

    fn play(&mut self, record: &Record) {
        self.advance(record.passed.0, record.passed.1);
        let mut out = Vec::new();
        match &record.what {
            What::Mark => {}
            What::Readings(all) => {
                for told in all {
                    let reading = self.reading(told);
                    let judgement = self.engine.judge(&reading, told.ingress, &mut out);
                    self.said.push(format!("{judgement:?}"));
                    self.store(&reading);
                    self.last[told.sensor] = Some(reading);
                }
            }
            What::Again(sensor, ingress) => {
                if let Some(reading) = &self.last[*sensor] {
                    self.engine.hear_again(reading, *ingress, &mut out);
                }
            }
            What::Availability(sensor, is_online, ingress) => {
                let sensor_id = SensorId::new(SENSORS[*sensor]).unwrap();
                let heard = Availability { sensor_id, is_online: *is_online, at: self.wall };
                self.engine.hear_availability(&heard, *ingress, &mut out);
            }
            What::Operate(what, rule, sensor) => {
                let record = self.operate(*what, rule, *sensor, &mut out);
                self.said.push(record);
            }
            What::SetClock(sensor, offset) => self.offsets[*sensor] = *offset,
            What::Reload(set) => {
                self.rules = *set;
                self.engine.reload(script::rules(*set), script::quiet(), &mut out);
                self.engine.expect(&script::expected(), &mut out);
            }
        }
        self.note(out);
    }

    fn reading(&self, told: &Told) -> Reading {
        // The fifth is nearly stuck.
        let value = VALUES[if told.sensor == 4 { told.value % 2 } else { told.value }];
        let offset = TimeDelta::seconds(self.offsets[told.sensor] - told.late_by);
        Reading {
            sensor_id: SensorId::new(SENSORS[told.sensor]).unwrap(),
            location: Location::new(LOCATIONS[told.location]),
            quantity: Quantity::temperature(),
            value: Value::from_parts(
                value,
                told.is_integer && value.fract() == 0.0 && value != 0.0,
            )
            .unwrap(),
            unit: Unit::new("celsius"),
            timestamp: self.wall + offset + TimeDelta::nanoseconds(told.nanos),
        }
    }

    /// As a row, which has neither nanoseconds nor integers.
    fn store(&mut self, reading: &Reading) {
        let timestamp = times::as_stored(reading.timestamp);
        let value = Value::new(reading.value.get()).unwrap();
        self.rows.push(Reading { timestamp, value, ..reading.clone() });
    }

    fn operate(
        &mut self,
        what: crate::domain::Action,
        rule: &str,
        sensor: usize,
        out: &mut Vec<Outcome>,
    ) -> String {
        let mut action = OperatorAction {
            what,
            alarm: format!("{rule}/{}", SENSORS[sensor]).parse().unwrap(),
            operator: Operator::new("anne", Some("why")).unwrap(),
            at: self.wall,
            via: Via::Api,
        };
        let by_name = self.engine.operate(action.clone(), out);
        let id = by_name.of.as_ref().and_then(|of| of.alert_id.clone());
        let said = format!("{by_name:?}");
        let Some(id) = id else { return said };
        action.alarm = id.parse().unwrap();
        format!("{said} {:?}", self.engine.operate(action, out))
    }

    fn note(&mut self, out: Vec<Outcome>) {
        for outcome in out {
            let Outcome { rule, alert_id, sensor_id, location, transition, .. } = &outcome;
            let Outcome { value, summary, operator, .. } = &outcome;
            let Outcome { is_offline, is_silent_end, in_flood, threshold, .. } = &outcome;
            // What is done to an alarm at rest shows a value of a row, which knows no integers.
            let value = match transition.change {
                Change::Shelved | Change::Unshelved | Change::TakenOutOfService => {
                    format!("{:?}", value.map(|value| value.get() + 0.0))
                }
                _ => format!("{value:?}"),
            };
            self.said.push(format!(
                "{} {} {alert_id} {sensor_id} {location} {threshold} {value} {transition:?} \
                 {summary:?} {operator:?} {is_offline} {is_silent_end} {in_flood}",
                self.position, rule.name
            ));
        }
    }

    /// All that the engine goes on from.
    fn state(&mut self) -> Vec<String> {
        let engine = &mut self.engine;
        let mut all = vec![format!("{:?}", engine.next_deadline())];
        let flood = engine.quieting.flood.as_ref();
        all.push(format!("{flood:?} {:?}", engine.quieting.windows.open()));
        let mut keys: Vec<_> = engine.series.keys().collect();
        keys.sort();
        for key in keys {
            let series = &engine.series[key];
            let Newest { location, unit, value, at, heard, ingress, .. } = &series.newest;
            let value = value.map(|value| value.get() + 0.0);
            all.push(format!("{key:?} {location} {unit:?} {value:?} {at} {:?}", series.lateness()));
            let is_timed =
                |entry: &Entry| !entry.is_at_rest() || is_timed(&engine.rules[entry.rule]);
            if series.entries.iter().any(is_timed) {
                all.push(format!("{heard:?} {ingress:?}"));
            }
            for entry in &series.entries {
                all.push(format!("{} {entry:?}", engine.rules[entry.rule].name));
            }
        }
        all
    }
}

/// What was said, and how it ended.
fn play(log: &[Record], plan: &Plan) -> (Vec<String>, Vec<String>) {
    let mut plant = Plant::new();
    let turn = |of: &[usize], number: usize| of.get(number % of.len().max(1)).copied().unwrap_or(1);
    let (mut number, mut left) = (0, turn(&plan.batches, 0));
    for record in log {
        // Other rules take over between two batches, and what comes of it is committed.
        let is_reload = matches!(record.what, What::Reload(_));
        if is_reload {
            plant.commit(turn(&plan.checkpoints, number));
        }
        plant.play(record);
        left = left.saturating_sub(1);
        if left == 0 || is_reload {
            plant.commit(turn(&plan.checkpoints, number));
            if plan.kills.contains(&number) {
                plant.restore();
            }
            number += 1;
            left = turn(&plan.batches, number).max(1);
        }
    }
    plant.commit(0);
    let state = plant.state();
    (plant.said, state)
}

fn plans() -> impl Strategy<Value = Plan> {
    let batches = prop::collection::vec(1..30_usize, 1..8);
    let checkpoints = prop::collection::vec(0..4_usize, 1..5);
    let kills = prop::collection::btree_set(0..60_usize, 1..6);
    (batches, checkpoints, kills).prop_map(|(batches, checkpoints, kills)| Plan {
        batches,
        checkpoints,
        kills,
    })
}

/// A few, since each is a long log; as many as are asked for.
fn cases() -> ProptestConfig {
    let config = ProptestConfig::default();
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => config,
        None => ProptestConfig { cases: 32, ..config },
    }
}

fn assert_same(cut: &[String], whole: &[String]) -> Result<(), TestCaseError> {
    for (at, (cut, whole)) in cut.iter().zip(whole).enumerate() {
        prop_assert_eq!(cut, whole, "the first that differs: {}", at);
    }
    prop_assert_eq!(cut.len(), whole.len());
    Ok(())
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_restart_between_any_batches_changes_nothing(
        log in prop::collection::vec(script::records_and_reloads(), 1..300), plan in plans(),
    ) {
        let whole = play(&log, &Plan { kills: BTreeSet::new(), ..plan.clone() });
        let cut = play(&log, &plan);
        assert_same(&cut.0, &whole.0)?;
        assert_same(&cut.1, &whole.1)?;
    }

    #[test]
    fn batches_of_any_size_change_nothing(
        log in prop::collection::vec(script::records(), 1..200), a in plans(), b in plans(),
    ) {
        let a = play(&log, &Plan { kills: BTreeSet::new(), ..a });
        let b = play(&log, &Plan { kills: BTreeSet::new(), ..b });
        assert_same(&a.0, &b.0)?;
        assert_same(&a.1, &b.1)?;
    }
}

/// Long enough for windows to be thinned and floods to come and go; always the same.
#[test]
fn a_long_log_goes_on_over_a_hundred_restarts() {
    let mut runner = TestRunner::deterministic();
    let log = prop::collection::vec(script::records_and_reloads(), 6_000);
    let log = log.new_tree(&mut runner).unwrap().current();
    let plan = Plan {
        batches: vec![17, 3, 41, 1, 90],
        checkpoints: vec![1, 0, 2],
        kills: (0..200).filter(|number| number % 2 == 1).collect(),
    };
    let whole = play(&log, &Plan { kills: BTreeSet::new(), ..plan.clone() });
    let cut = play(&log, &plan);
    for of in [
        "Raised",
        "Returned",
        "StillActive",
        "Latched",
        "Reset",
        "Acknowledged",
        "Shelved",
        "Unshelved",
        "Suppressed",
        "Unsuppressed",
        "TakenOutOfService",
        "ReturnedToService",
        "Closed",
        "clock_went_back_from: Some",
        "Flood(",
        "FloodOver(",
        "Chattering(",
        "Calm {",
        " true false",
        "maintenance:",
    ] {
        assert!(
            whole.0.iter().chain(&whole.1).any(|said| said.contains(of)),
            "{of} never happened"
        );
    }
    for name in script::rules(0).iter().map(|rule| &rule.name) {
        let raised = format!(" {name} ");
        assert!(whole.0.iter().any(|said| said.contains(&raised)), "{name} was never raised");
    }
    assert_same(&cut.0, &whole.0).unwrap();
    assert_same(&cut.1, &whole.1).unwrap();
}

/// A device that sends late readings among those of now stores little for it.
#[test]
fn lateness_that_comes_and_goes_costs_little() {
    let mut plant = Plant::new();
    let told = |late_by| Told {
        sensor: 0,
        ingress: Ingress::Own,
        value: 0,
        is_integer: false,
        location: 0,
        late_by,
        nanos: 0,
    };
    for n in 0..600 {
        let what = What::Readings(vec![told(0)]);
        plant.play(&Record { passed: ([1_000; 3], 1_000), what });
        plant.commit(usize::from(n == 599));
    }
    let windows = plant.stored.series.sizes(SeriesPart::Windows);
    assert!(windows.iter().all(|size| *size > 4_000), "{windows:?}");
    let mut written = 0;
    for n in 0..100 {
        let what = What::Readings(vec![told(if n % 2 == 0 { 100 } else { 0 })]);
        plant.play(&Record { passed: ([1_000; 3], 1_000), what });
        let states = plant.engine.take_checkpoints(0);
        written +=
            states.iter().filter_map(|state| state.state.as_ref()).map(Vec::len).sum::<usize>();
        assert_eq!(states.len(), 1);
    }
    assert!(written < 100 * 16, "{written}");
}
