use std::time::Duration;

use chrono_tz::Tz;

use super::super::stored::StoredSeries;
use super::super::tests::{at, high, reading, rule};
use super::super::{Expected, RecordTime, SeriesLimit, StoredState};
use super::*;
use crate::alarms::quiet::QuietSettings;
use crate::alarms::rule::{Kind, Rule, Selection, Timing};
use crate::domain::{
    Action, AlarmName, AlarmState, Ingress, ListeningClocks, Location, Reading, SeriesPart, Unit,
    Via,
};

fn stale() -> Kind {
    Kind::Stale { after: Duration::from_secs(60) }
}

fn rules() -> Vec<Rule> {
    let of = |name, sensors: &[&str], kind| Rule {
        selection: Selection::Matching {
            sensors: sensors.iter().map(|&it| it.into()).collect(),
            locations: vec![],
        },
        ..rule(name, kind, Timing::default())
    };
    vec![of("silent", &[], stale()), of("warm", &[], high()), of("named", &["NAMED", "X*"], high())]
}

/// An engine with a storage; what is said is collected.
struct Bench {
    engine: Engine,
    rows: Vec<Reading>,
    series: StoredSeries,
    alarms: Vec<AlarmState>,
    second: u64,
    said: Vec<String>,
}

impl Bench {
    fn new(series_limit: usize) -> Self {
        let mut engine = Engine::new(rules(), Tz::UTC);
        engine.series_limit = SeriesLimit(series_limit);
        engine.keep_quiet(QuietSettings::default());
        let own = Expected {
            sensor_id: SensorId::new("OWN").unwrap(),
            quantity: Quantity::temperature(),
            location: Location::new(""),
            unit: Unit::new("celsius"),
        };
        engine.expect(&[own], &mut Vec::new());
        let (rows, alarms, said) = (Vec::new(), Vec::new(), Vec::new());
        Self { engine, rows, series: StoredSeries::default(), alarms, second: 0, said }
    }

    fn time(&self) -> RecordTime {
        RecordTime::of(self.second, Duration::from_secs(self.second))
    }

    fn note(&mut self, out: Vec<Outcome>) {
        self.said.extend(out.into_iter().map(|it| {
            let by = it.operator.map(|by| format!(" by {}", by.by)).unwrap_or_default();
            format!("{} {} {:?}{by}", it.sensor_id, it.rule.name, it.transition.change)
        }));
    }

    fn pass(&mut self, seconds: u64) -> &mut Self {
        self.second += seconds;
        let (mut out, time) = (Vec::new(), self.time());
        self.engine.advance(time, &mut out);
        self.note(out);
        self
    }

    /// Whether it was judged.
    fn hear(&mut self, sensor: &str, value: f64) -> bool {
        self.pass(1);
        let (mut out, row) = (Vec::new(), reading(sensor, at(self.second), value));
        let judgement = self.engine.judge(&row, Ingress::Own, &mut out);
        self.note(out);
        self.rows.push(row);
        !judgement.is_one_too_many
    }

    fn forget(&mut self, sensor: &str) -> Result<bool, String> {
        self.pass(1);
        let action = OperatorAction {
            what: Action::Forget,
            alarm: AlarmName::AllOf(SensorId::new(sensor).unwrap()),
            operator: Operator::new("anne", Some("scrapped")).unwrap(),
            at: at(self.second),
            via: Via::Api,
        };
        let mut out = Vec::new();
        let record = self.engine.operate(action, &mut out);
        self.note(out);
        record.outcome.map_err(|why| why.to_string())
    }

    /// Commits, and goes on from what was committed.
    fn restart(&mut self) -> &mut Self {
        for change in self.engine.changes() {
            self.alarms.retain(|it| (&it.sensor_id, &it.rule) != (&change.sensor_id, &change.rule));
            self.alarms.extend(change.state.is_some().then_some(change));
        }
        self.series.commit(&mut self.engine, 0, &self.rows);
        let past = StoredState {
            clocks: ListeningClocks::all_at(Duration::from_secs(self.second)),
            received_at: Some(self.time().received_at),
            series: self.series.states(),
            since_checkpoints: self.series.since_checkpoints(&self.rows),
            alarms: self.alarms.clone(),
            ..StoredState::default()
        };
        let mut out = Vec::new();
        let series_limit = self.engine.series_limit.0;
        let since = self.series.since(&self.rows);
        self.engine = Engine::restore_within(
            SeriesLimit(series_limit),
            (rules(), Tz::UTC),
            past,
            since,
            &mut out,
        );
        self.engine.keep_quiet(QuietSettings::default());
        let own = Expected {
            sensor_id: SensorId::new("OWN").unwrap(),
            quantity: Quantity::temperature(),
            location: Location::new(""),
            unit: Unit::new("celsius"),
        };
        self.engine.expect(&[own], &mut out);
        self.note(out);
        self
    }

    fn sensors(&self) -> Vec<String> {
        let mut sensors: Vec<_> = self.engine.series.keys().map(|(it, _)| it.to_string()).collect();
        sensors.sort_unstable();
        sensors
    }

    fn take_said(&mut self) -> Vec<String> {
        std::mem::take(&mut self.said)
    }
}

#[test]
fn the_alarms_of_a_forgotten_sensor_end_and_its_silence_is_counted_no_more() {
    for restarts in [false, true] {
        let mut bench = Bench::new(100);
        bench.hear("A", 20.0);
        bench.hear("A", 20.0);
        bench.hear("B", 0.0);
        bench.pass(50);
        let at_first = bench.take_said();
        assert!(at_first.contains(&"A warm Raised".to_owned()), "{at_first:?}");
        assert_eq!(bench.forget("A"), Ok(true));
        assert_eq!(bench.take_said()[0], "A warm Closed by anne");
        if restarts {
            bench.restart();
        }
        assert_eq!(bench.forget("A"), Ok(false), "so already");
        bench.pass(300);
        let said = bench.take_said();
        assert!(said.iter().all(|it| !it.starts_with("A ")), "{said:?}");
        assert!(said.contains(&"B silent Raised".to_owned()), "{said:?}");
        // It speaks.
        bench.hear("A", 20.0);
        if restarts {
            bench.restart();
        }
        bench.pass(61);
        assert_eq!(bench.take_said(), ["A warm Raised", "A silent Raised"]);
        assert!(
            !bench.engine.is_forgotten(&(SensorId::new("A").unwrap(), Quantity::temperature()))
        );
    }
}

#[test]
fn what_the_configuration_names_is_not_forgotten() {
    let mut bench = Bench::new(100);
    for sensor in ["OWN", "NAMED", "X1"] {
        bench.hear(sensor, 0.0);
    }
    assert!(bench.forget("OWN").unwrap_err().contains("[[sensors]]"));
    assert!(bench.forget("NAMED").unwrap_err().contains("the rule named names NAMED"));
    assert_eq!(bench.forget("X1"), Ok(true), "a pattern is no name");
    assert!(bench.forget("NOBODY").unwrap_err().contains("was not heard lately"));
    assert_eq!(bench.sensors(), ["NAMED", "OWN"]);
}

#[test]
fn a_tombstone_goes_when_no_restart_reads_behind_it() {
    let mut bench = Bench::new(3);
    bench.hear("A", 0.0);
    bench.hear("A", 0.0);
    for made_up in ["B", "C"] {
        bench.hear(made_up, 0.0);
    }
    bench.restart();
    let stored = |bench: &Bench| {
        let dropped = bench.series.states().into_iter().filter(|it| it.part == SeriesPart::Dropped);
        dropped.map(|it| it.sensor_id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(stored(&bench), ["B"]);
    for _ in 0..33_000 {
        bench.engine.pass_over(&reading("A", at(bench.second), 0.0));
        bench.rows.push(reading("A", at(bench.second), 0.0));
    }
    bench.series.commit(&mut bench.engine, 100, &bench.rows);
    bench.series.commit(&mut bench.engine, 100, &bench.rows);
    assert_eq!(stored(&bench), Vec::<String>::new());
}

#[test]
fn what_was_heard_once_makes_room_and_what_is_named_always_has_it() {
    for restarts in [false, true] {
        let mut bench = Bench::new(4); // one is OWN
        assert!(bench.hear("A", 0.0) && bench.hear("A", 0.0) && bench.hear("B", 20.0));
        assert!(bench.hear("C", 0.0));
        bench.take_said();
        let restart = |bench: &mut Bench| {
            if restarts {
                bench.restart();
            }
        };
        restart(&mut bench);
        assert!(bench.hear("D", 0.0), "B made room");
        restart(&mut bench);
        assert_eq!(bench.take_said(), ["B warm Closed"]);
        if !restarts {
            assert_eq!(bench.engine.take_made_room(), [SensorId::new("B").unwrap()]);
        }
        assert_eq!(bench.sensors(), ["A", "C", "D", "OWN"]);
        assert!(bench.hear("C", 0.0) && bench.hear("D", 0.0));
        restart(&mut bench);
        assert!(!bench.hear("E", 20.0), "all were heard twice");
        assert!(bench.hear("NAMED", 20.0) && bench.hear("OWN", 20.0));
        restart(&mut bench);
        assert_eq!(bench.sensors(), ["A", "C", "D", "NAMED", "OWN"]);
        let said = bench.take_said();
        assert_eq!(said, ["NAMED warm Raised", "NAMED named Raised", "OWN warm Raised"]);
    }
}

#[test]
fn devices_that_make_up_ids_fill_nothing() {
    let mut bench = Bench::new(100);
    for n in 0..5_000 {
        assert!(bench.hear(&format!("pump/{n}"), 0.0));
    }
    assert!(bench.engine.series.len() <= 100);
    assert!(bench.engine.heard_once.len() <= 100);
    let pump = SensorId::new("pump").unwrap();
    assert!(bench.engine.devices.sensors(&pump).len() <= 101);
    bench.restart();
    assert!(bench.engine.series.len() <= 100);
}
