//! What keeps alarms quiet, played through the engine.

use std::collections::HashMap;
use std::time::Duration;

use super::super::machine::{Announcement, Change};
use super::super::quiet::QuietSettings;
use super::super::quiet::chatter::Chattering;
use super::super::quiet::flood::FloodLimits;
use super::super::quiet::maintenance::Maintenance;
use super::super::quiet::schedule::Schedule;
use super::super::rule::{Kind, Same, Selection, Suppression, Timing};
use super::tests::{at, reading, rule, seconds};
use super::*;
use crate::domain::{Availability, Location, Presence, Quantity, Reach, StandingAlert, Value};

mod ends;
mod expected;

/// An engine, and what it announced (`told`) and recorded (`all`), as `second sensor rule change`.
struct Bench {
    engine: Engine,
    settings: QuietSettings,
    kept: HashMap<(SensorId, Arc<str>), AlarmState>,
    told: Vec<String>,
    all: Vec<String>,
    now: Duration,
    /// The wall clock, where it is not with the listening clocks.
    wall: Option<DateTime<Utc>>,
    /// In the log.
    position: u64,
}

impl Bench {
    fn new(rules: Vec<Rule>, settings: QuietSettings) -> Self {
        let mut engine = Engine::new(rules, Tz::UTC);
        engine.keep_quiet(settings.clone());
        let (told, all, kept) = (Vec::new(), Vec::new(), HashMap::new());
        let (now, wall, position) = (Duration::ZERO, None, 0);
        Self { engine, settings, kept, told, all, now, wall, position }
    }

    fn hear(&mut self, sensor: &str, second: u64, value: f64) -> &mut Self {
        let mut out = Vec::new();
        let now = self.record(second);
        self.engine.set_time(now, &mut out);
        self.engine.judge(&reading(sensor, at(second), value), Ingress::Remote, &mut out);
        self.note(out)
    }

    fn wait(&mut self, second: u64) -> &mut Self {
        let mut out = Vec::new();
        let now = self.record(second);
        self.engine.advance(now, &mut out);
        self.note(out)
    }

    fn record(&mut self, second: u64) -> RecordTime {
        self.now = seconds(second);
        self.position += 1;
        let record = RecordTime::of(self.position, self.now);
        RecordTime { received_at: self.wall.unwrap_or(record.received_at), ..record }
    }

    fn tick(&mut self, wall: &str) -> &mut Self {
        let mut out = Vec::new();
        self.wall = Some(wall.parse().unwrap());
        let now = self.record(self.now.as_secs());
        self.engine.set_time(now, &mut out);
        self.note(out)
    }

    fn availability(&mut self, sensor: &str, second: u64, is_online: bool) -> &mut Self {
        let mut out = Vec::new();
        let now = self.record(second);
        self.engine.set_time(now, &mut out);
        let sensor_id = SensorId::new(sensor).unwrap();
        let presence = if is_online { Presence::Online } else { Presence::Offline };
        let heard =
            Availability { device: sensor_id, reach: Reach::Sensor, presence, at: at(second) };
        self.engine.apply_availability(&heard, Ingress::Remote, &mut out);
        self.note(out)
    }

    fn expect(&mut self, sensors: &[&str]) -> &mut Self {
        let mut out = Vec::new();
        let expected: Vec<_> = sensors
            .iter()
            .map(|sensor| Expected {
                sensor_id: SensorId::new(sensor).unwrap(),
                quantity: Quantity::temperature(),
                location: Location::new("Chambre froide"),
                unit: Unit::new("celsius"),
            })
            .collect();
        self.engine.expect(&expected, &mut out);
        self.note(out)
    }

    fn reload(&mut self, rules: Vec<Rule>) -> &mut Self {
        let mut out = Vec::new();
        self.engine.reload(rules, self.settings.clone(), &mut out);
        self.note(out)
    }

    fn restart(&mut self, rules: Vec<Rule>) -> &mut Self {
        for change in self.engine.changes() {
            self.kept.insert((change.sensor_id.clone(), change.rule.clone()), change);
        }
        let mut out = Vec::new();
        let alarms: Vec<_> =
            self.kept.values().filter(|alarm| alarm.state.is_some()).cloned().collect();
        let clocks = ListeningClocks::all_at(self.now);
        let past = StoredState { clocks, alarms, ..StoredState::default() };
        self.engine = Engine::restore(rules, Tz::UTC, past, [], &mut out);
        self.engine.keep_quiet(self.settings.clone());
        self.note(out)
    }

    fn note(&mut self, out: Vec<Outcome>) -> &mut Self {
        for outcome in out {
            let Outcome { sensor_id, rule, transition, in_flood, .. } = outcome;
            let flood = if in_flood { " in flood" } else { "" };
            let second = transition.at.timestamp();
            let line = |what: String| format!("{second} {sensor_id} {} {what}{flood}", rule.name);
            self.all.push(line(format!("{:?}", transition.change)));
            self.told.extend(transition.announced.map(|told| line(format!("{told:?}"))));
        }
        self
    }
}

fn stale(name: &str, sensors: &str, after: u64) -> Rule {
    let selection = Selection::Matching { sensors: vec![sensors.into()], locations: vec![] };
    Rule { selection, ..rule(name, Kind::Stale { after: seconds(after) }, Timing::default()) }
}

fn behind_a_gateway() -> Vec<Rule> {
    let suppression = Suppression {
        by: vec!["gateway".into()],
        same: Same::Location,
        wait: seconds(30),
        settle: seconds(20),
    };
    let sensor = Rule { suppression: Some(suppression), ..stale("sensor", "T*", 50) };
    vec![stale("gateway", "GW", 60), sensor]
}

/// A gateway and two sensors that all fall silent at 0: the sensors' alarms come first.
fn outage() -> Bench {
    let mut bench = Bench::new(behind_a_gateway(), QuietSettings::default());
    bench.hear("GW", 0, 1.0).hear("T1", 0, 1.0).hear("T2", 0, 1.0);
    bench.wait(50).wait(60).wait(1000);
    bench
}

#[test]
fn a_dead_gateway_is_one_alarm_though_the_sensors_come_first() {
    let mut bench = outage();
    assert_eq!(bench.told, ["60 GW gateway Raised"]);
    bench.hear("GW", 1000, 1.0).hear("T1", 1010, 1.0).hear("T2", 1019, 1.0).wait(1100);
    assert_eq!(bench.told[1..], ["1000 GW gateway Returned", "1060 GW gateway Raised"]);
    assert!(bench.all.contains(&"1010 T1 sensor Returned".to_owned()), "{:?}", bench.all);
}

#[test]
fn what_is_still_wrong_after_the_gateway_is_told_once() {
    let mut bench = outage();
    bench.hear("GW", 1000, 1.0).hear("T1", 1010, 1.0).wait(1019).hear("GW", 1019, 1.0);
    assert_eq!(bench.told.len(), 2, "{:?}", bench.told);
    bench.wait(1021);
    assert_eq!(bench.told[2..], ["1020 T2 sensor Raised"]);
}

#[test]
fn without_a_cause_it_is_told_after_the_wait() {
    let mut bench = Bench::new(behind_a_gateway(), QuietSettings::default());
    bench.hear("T1", 0, 1.0).hear("GW", 50, 1.0).wait(79).hear("GW", 79, 1.0);
    assert_eq!(bench.told, [] as [&str; 0]);
    bench.wait(80);
    assert_eq!(bench.told, ["80 T1 sensor Raised"]);
    assert_eq!(bench.all, ["50 T1 sensor Raised", "80 T1 sensor Unsuppressed"]);
}

#[test]
fn a_gateway_of_elsewhere_explains_nothing_until_it_moves_here() {
    let mut bench = Bench::new(behind_a_gateway(), QuietSettings::default());
    let mut out = Vec::new();
    let elsewhere = Reading { location: Location::new("X"), ..reading("GW", at(0), 1.0) };
    bench.engine.judge(&elsewhere, Ingress::Remote, &mut out);
    bench.hear("T1", 0, 1.0).wait(60).wait(80);
    assert_eq!(bench.told, ["60 GW gateway Raised", "80 T1 sensor Raised"]);
}

#[test]
fn a_restart_with_the_rule_gone_frees_what_it_explained() {
    let mut bench = outage();
    let alone = || vec![stale("sensor", "T*", 50)];
    bench.restart(alone()).tick("2024-08-14T10:00:00Z").wait(1001);
    let mut told = bench.told.clone();
    told.sort();
    assert_eq!(
        told,
        [
            "1000 T1 sensor Raised",
            "1000 T2 sensor Raised",
            "60 GW gateway Raised",
            "60 GW gateway Returned"
        ]
    );
}

#[test]
fn a_reload_without_the_rule_frees_what_it_explained_and_one_with_it_frees_nothing() {
    let mut bench = outage();
    bench.reload(behind_a_gateway()).wait(1001);
    assert_eq!(bench.told, ["60 GW gateway Raised"], "the same rules");
    let mut other_places = behind_a_gateway();
    other_places.reverse();
    bench.reload(other_places).wait(1002);
    assert_eq!(bench.told, ["60 GW gateway Raised"], "the same rules at other places");
    bench.reload(vec![stale("sensor", "T*", 50)]).wait(2000);
    let mut told = bench.told[1..].to_vec();
    told.sort();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].contains("T1 sensor Raised") && told[1].contains("T2 sensor Raised"));
    assert!(told[2].contains("GW gateway Returned"));
    assert!(bench.engine.quieting.dependencies.is_empty());
}

fn defrost() -> QuietSettings {
    let maintenance = Maintenance {
        by: "maintenance:defrost".into(),
        selection: Selection::Matching { sensors: vec!["T1".into()], locations: vec![] },
        rules: vec!["w*".into()],
        schedule: Schedule::parse("0 22 * * *").unwrap(),
        lasting: seconds(7200),
        zone: Tz::UTC,
    };
    QuietSettings { maintenance: vec![maintenance], ..QuietSettings::default() }
}

#[test]
fn maintenance_withholds_and_at_its_end_tells_what_stands() {
    let warm = || {
        let kind = Kind::High { limit: 8.0, deadband: 0.0 };
        vec![rule("warm", kind.clone(), Timing::default()), rule("hot", kind, Timing::default())]
    };
    let mut bench = Bench::new(warm(), defrost());
    bench.tick("2024-08-14T21:59:00Z").hear("T2", 0, 9.0).hear("T1", 1, 9.0);
    assert_eq!(bench.told.len(), 4);
    bench.tick("2024-08-14T22:00:00Z").hear("T1", 2, 1.0).hear("T1", 3, 9.0).hear("T2", 4, 1.0);
    let of_others =
        ["2 T1 hot Returned", "3 T1 hot Raised", "4 T2 warm Returned", "4 T2 hot Returned"];
    assert_eq!(bench.told[4..], of_others);
    bench.restart(warm()).tick("2024-08-14T23:59:59Z").hear("T1", 5, 9.0);
    assert_eq!(bench.told.len(), 8, "{:?}", bench.told);
    bench.restart(warm()).tick("2024-08-15T00:00:00Z").hear("T1", 6, 1.0);
    assert_eq!(bench.told[8..], ["6 T1 warm Returned", "6 T1 hot Returned"]);
}

#[test]
fn an_alarm_that_chatters_is_told_once_until_it_is_calm() {
    let warm = || vec![rule("warm", Kind::High { limit: 8.0, deadband: 0.0 }, Timing::default())];
    let limits = Chattering { raises: 3, within: seconds(60), calm: seconds(100) };
    let settings = QuietSettings { chattering: Some(limits), ..QuietSettings::default() };
    let mut bench = Bench::new(warm(), settings);
    for n in 0..14 {
        bench.hear("T", n * 10, if n % 2 == 0 { 9.0 } else { 1.0 }).restart(warm());
    }
    let begun = [
        "0 T warm Raised",
        "10 T warm Returned",
        "20 T warm Raised",
        "30 T warm Returned",
        "40 T warm:chattering Raised",
    ];
    assert_eq!(bench.told, begun);
    // Calm for long enough, and it stands at last.
    bench.hear("T", 135, 9.0).wait(234);
    assert_eq!(bench.told.len(), 5);
    bench.wait(235);
    assert_eq!(bench.told[5..], ["135 T warm:chattering Returned", "235 T warm Raised"]);
    bench.wait(1000).hear("T", 1001, 1.0);
    assert_eq!(bench.told[7..], ["1001 T warm Returned"]);
    bench.wait(2000).restart(warm());
    // Nothing is left of it but the id of its last alert.
    let is_at_rest = |alarm: &AlarmState| {
        let is_quiet = alarm.state.as_ref().is_some_and(|state| state.contains("\"quiet\""));
        !is_quiet && crate::alarms::overview::view(alarm).is_none()
    };
    assert!(bench.kept.values().all(is_at_rest), "{:?}", bench.kept);
}

#[test]
fn two_raises_a_minute_are_no_chatter() {
    let warm = vec![rule("warm", Kind::High { limit: 8.0, deadband: 0.0 }, Timing::default())];
    let limits = Chattering { raises: 3, within: seconds(60), calm: seconds(100) };
    let settings = QuietSettings { chattering: Some(limits), ..QuietSettings::default() };
    let mut bench = Bench::new(warm, settings);
    for n in 0..20 {
        bench.hear("T", n * 30, 9.0).hear("T", n * 30 + 1, 1.0);
    }
    assert_eq!(bench.told.len(), 40);
}

#[test]
fn a_flood_is_said_at_its_begin_and_its_end_and_marks_what_comes_in_it() {
    let warm = || vec![rule("warm", Kind::High { limit: 8.0, deadband: 0.0 }, Timing::default())];
    let limits = FloodLimits { alarms: 3, within: seconds(600), until: 2 };
    let settings = QuietSettings { flood: Some(limits), ..QuietSettings::default() };
    let mut bench = Bench::new(warm(), settings);
    for n in 0..6 {
        bench.hear(&format!("T{n}"), n, 9.0).restart(warm());
    }
    assert_eq!(
        bench.told[2..5],
        ["2 T2 warm Raised", "3 * flood Raised", "3 T3 warm Raised in flood"]
    );
    bench.hear("T0", 10, 1.0).wait(603);
    assert_eq!(bench.told[7..], ["10 T0 warm Returned in flood"]);
    bench.restart(warm()).wait(604);
    assert_eq!(bench.told[8..], ["604 * flood Returned"], "dated by the wall clock");
    bench.hear("T1", 700, 1.0);
    assert_eq!(bench.told[9..], ["700 T1 warm Returned"]);
}

#[test]
fn a_thousand_behind_one_gateway_cost_what_they_are() {
    let mut bench = Bench::new(behind_a_gateway(), QuietSettings::default());
    bench.hear("GW", 0, 1.0);
    for n in 0..1000 {
        bench.hear(&format!("T{n}"), 0, 1.0);
    }
    bench.wait(50).wait(60);
    assert_eq!(bench.told, ["60 GW gateway Raised"]);
    assert_eq!(bench.all.iter().filter(|line| line.contains("sensor Raised")).count(), 1000);
    bench.hear("GW", 100, 1.0);
    for n in 0..1000 {
        bench.hear(&format!("T{n}"), 110, 1.0);
    }
    bench.hear("GW", 115, 1.0).wait(121);
    assert_eq!(bench.told[1..], ["100 GW gateway Returned"]);
    let freed = bench.all.iter().filter(|line| line.contains("sensor Unsuppressed")).count();
    assert_eq!(freed, 1000);
}
