//! What the plant is, and what may happen in it: rules of every kind, and records of a log.

use std::time::Duration;

use chrono_tz::Tz;
use proptest::prelude::*;

use super::super::Expected;
use crate::alarms::expression::Expression;
use crate::alarms::quiet::QuietSettings;
use crate::alarms::quiet::chatter::Chattering;
use crate::alarms::quiet::flood::FloodLimits;
use crate::alarms::quiet::maintenance::Maintenance;
use crate::alarms::quiet::schedule::Schedule;
use crate::alarms::rule::{Kind, Priority, Rule, Same, Selection, Suppression, Timing};
use crate::domain::{Action, Ingress, Location, Quantity, SensorId, Unit};

/// `REF` is compared with, `GW` is a gateway; `T5` is of another time. Nobody misses `T3`, `T4` and `REF`.
pub const SENSORS: [&str; 8] = ["T0", "T1", "T2", "T3", "T4", "T5", "REF", "GW"];
pub const LOCATIONS: [&str; 2] = ["Hall", "Quai"];
/// Expected, and never heard.
pub const SILENT: &str = "T9";
/// Most are in the first; an unknown one is taken for that of the rules.
pub const UNITS: [&str; 5] = ["celsius", "°C", "°F", "K", "warmths"];
pub const VALUES: [f64; 8] = [20.0, 20.01, 20.02, 15.0, 5.0, 25.0, 31.5, -0.0];

pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn rule(name: &str, sensors: &str, kind: Kind) -> Rule {
    let sensors = sensors.split(' ').map(Into::into).collect();
    Rule {
        selection: Selection::Matching { sensors, locations: vec![] },
        kind,
        ..Rule::retired(name.into(), Quantity::temperature(), Priority::High)
    }
}

fn timed(on: u64, off: u64) -> Timing {
    Timing { on_delay: seconds(on), off_delay: seconds(off), ..Timing::default() }
}

fn high(limit: f64) -> Kind {
    Kind::High { limit, deadband: 2.0 }
}

/// Rules of each kind; of two sets, which differ in some.
pub fn rules(set: usize) -> Vec<Rule> {
    let by_gateway = Suppression {
        by: vec!["gateway".into()],
        same: Same::Location,
        wait: seconds(20),
        settle: seconds(30),
    };
    let acknowledged =
        Timing { reannounce: Some(seconds(90)), needs_acknowledgement: true, ..Timing::default() };
    let condition = r#"value > mean("3m") + 4.0 || value - sensor("REF").value > 9.0"#;
    let condition = Expression::parse(condition).unwrap();
    let other = SensorId::new("REF").unwrap();
    let at_hall = Selection::Matching { sensors: vec![], locations: vec!["Hall".into()] };
    let window = seconds(if set == 0 { 120 } else { 200 });
    let mut rules = vec![
        Rule { timing: timed(40, 25), ..rule("warm", "T*", high(22.0)) },
        rule("hot", "*", high(if set == 0 { 30.0 } else { 24.0 })),
        Rule {
            timing: Timing { is_latching: true, ..Timing::default() },
            ..rule("cold", "T?", Kind::Low { limit: 10.0, deadband: 1.0 })
        },
        rule("rises", "T*", Kind::Rate { per_minute: 3.0, window }),
        rule("falls", "GW", Kind::Rate { per_minute: -3.0, window: seconds(60) }),
        Rule {
            timing: timed(15, 0),
            ..rule("dead", "T0 T1 T2 T9 GW", Kind::Stale { after: seconds(250) })
        },
        rule("gateway", "GW", Kind::Stale { after: seconds(100) }),
        Rule {
            suppression: Some(by_gateway.clone()),
            ..rule("lost", "T0 T1 T5", Kind::Stale { after: seconds(80) })
        },
        Rule {
            suppression: Some(by_gateway),
            timing: timed(0, 10),
            ..rule("probe", "T0 T1 T2 T5", high(19.0))
        },
        rule("stuck", "T*", Kind::Flatline { lasting: seconds(400), within: 0.015 }),
        rule("odd", "T*", Kind::Deviation { deviations: 3.0, window: seconds(900) }),
        rule("apart", "T1", Kind::Difference { other, limit: 4.0, deadband: 0.5 }),
        Rule { timing: timed(5, 5), ..rule("formula", "T2", Kind::Expression { condition }) },
        Rule { timing: acknowledged, ..rule("call", "T*", high(24.0)) },
        Rule { announces_each_reading: true, ..rule("each", "T3", high(24.0)) },
        Rule { selection: at_hall.clone(), ..rule("here", "", high(14.0)) },
        Rule {
            selection: at_hall,
            ..rule("here-rises", "", Kind::Rate { per_minute: 2.0, window: seconds(300) })
        },
    ];
    if set == 1 {
        rules.remove(13);
        rules.reverse();
    }
    rules
}

pub fn quiet() -> QuietSettings {
    let window = |by: &str, sensors: &str, schedule: &str, lasting| Maintenance {
        by: format!("maintenance:{by}").into(),
        selection: Selection::Matching {
            sensors: sensors.split(' ').map(Into::into).collect(),
            locations: vec![],
        },
        rules: vec![],
        schedule: Schedule::parse(schedule).unwrap(),
        lasting: seconds(lasting),
        zone: Tz::Europe__Paris,
    };
    QuietSettings {
        maintenance: vec![
            window("a", "T1 T3 T4", "*/20 * * * *", 240),
            window("b", "G*", "5 * * * *", 600),
        ],
        chattering: Some(Chattering { raises: 3, within: seconds(150), calm: seconds(120) }),
        flood: Some(FloodLimits { alarms: 6, within: seconds(120), until: 3 }),
    }
}

pub fn expected() -> Vec<Expected> {
    let sensor = |id: &str| Expected {
        sensor_id: SensorId::new(id).unwrap(),
        quantity: Quantity::temperature(),
        location: Location::new("Hall"),
        unit: Unit::new("celsius"),
    };
    vec![sensor(SILENT), sensor("T0")]
}

/// One record of a log.
#[derive(Debug, Clone)]
pub struct Record {
    /// What passed since the one before, in milliseconds, on each listening clock and in truth.
    pub passed: ([u64; 3], i64),
    /// How far the wall clock is set back, in milliseconds.
    pub back: i64,
    pub what: What,
}

#[derive(Debug, Clone)]
pub enum What {
    Mark,
    Readings(Vec<Told>),
    /// The last reading of a sensor comes again.
    Again(usize, Ingress),
    Availability(usize, bool, Ingress),
    Operate(Action, &'static str, usize),
    /// An operator forgets a sensor.
    Forget(usize),
    /// A sensor's own clock is set to so many seconds from the wall clock.
    SetClock(usize, i64),
    /// Other rules, by their set: between two batches.
    Reload(usize),
}

/// A reading, dated so long before the sensor's own clock.
#[derive(Debug, Clone)]
pub struct Told {
    pub sensor: usize,
    pub ingress: Ingress,
    pub value: usize,
    pub is_integer: bool,
    pub location: usize,
    pub late_by: i64,
    pub nanos: i64,
    /// Place in [`UNITS`].
    pub unit: usize,
}

fn ingresses() -> impl Strategy<Value = Ingress> + Clone {
    prop::sample::select(Ingress::ALL.to_vec())
}

fn told() -> impl Strategy<Value = Told> {
    // Most come by one way, from one place, in time.
    let ingress = prop_oneof![8 => Just(None), 1 => ingresses().prop_map(Some)];
    let location = prop_oneof![12 => Just(None), 1 => (0..2_usize).prop_map(Some)];
    let late_by = prop_oneof![6 => Just(0_i64), 1 => 1..400_i64, 1 => Just(0)];
    let value = (0..VALUES.len(), any::<bool>());
    let sensor = 0..SENSORS.len();
    (sensor, ingress, value, location, late_by, 0..2_000_i64).prop_map(
        |(sensor, ingress, (value, is_integer), location, late_by, nanos)| Told {
            sensor,
            ingress: ingress.unwrap_or(Ingress::ALL[sensor % 3]),
            value,
            is_integer,
            location: location.unwrap_or(sensor % 2),
            late_by,
            nanos,
            unit: if nanos % 10 == 0 {
                usize::try_from(nanos / 10).unwrap() % UNITS.len()
            } else {
                0
            },
        },
    )
}

fn actions() -> impl Strategy<Value = What> {
    let action = prop::sample::select(vec![
        Action::Acknowledge,
        Action::Acknowledge,
        Action::Shelve { lasting: seconds(100), is_one_shot: false },
        Action::Shelve { lasting: seconds(300), is_one_shot: true },
        Action::Unshelve,
        Action::TakeOutOfService,
        Action::ReturnToService,
        Action::Reset,
    ]);
    let rule = prop::sample::select(vec!["warm", "hot", "cold", "dead", "call", "probe", "lost"]);
    (action, rule, 0..SENSORS.len()).prop_map(|(what, rule, of)| What::Operate(what, rule, of))
}

pub fn records() -> impl Strategy<Value = Record> {
    let sensor = 0..SENSORS.len();
    let offset = prop::sample::select(vec![0, 0, -700, 900, 4_000]);
    let what = prop_oneof![
        4 => Just(What::Mark),
        24 => told().prop_map(|told| What::Readings(vec![told])),
        4 => prop::collection::vec(told(), 2..6).prop_map(What::Readings),
        2 => (sensor.clone(), ingresses()).prop_map(|(of, by)| What::Again(of, by)),
        2 => (sensor.clone(), any::<bool>(), ingresses())
            .prop_map(|(of, is_online, by)| What::Availability(of, is_online, by)),
        4 => actions(),
        // The one that no rule names, or another.
        1 => (3..6_usize).prop_map(|of| What::Forget(if of == 5 { 5 } else { 4 })),
        1 => (sensor, offset).prop_map(|(of, offset)| What::SetClock(of, offset)),
    ];
    // Often little, sometimes minutes; a way in may be shut, and the wall clock set back.
    let step = prop_oneof![6 => 0..4_000_u64, 4 => 4_000..40_000_u64, 1 => 40_000..300_000_u64];
    let is_open = prop::array::uniform3(prop::bool::weighted(0.9));
    let back = prop_oneof![30 => Just(0_i64), 1 => 0..900_000_i64];
    (step, is_open, back, what).prop_map(|(step, is_open, back, what)| {
        let passed = is_open.map(|is_open| if is_open { step } else { 0 });
        Record { passed: (passed, i64::try_from(step).unwrap()), back, what }
    })
}

/// The same with other rules now and then.
pub fn records_and_reloads() -> impl Strategy<Value = Record> {
    let reload = (0..2_usize).prop_map(|set| Record {
        passed: ([1; 3], 1),
        back: 0,
        what: What::Reload(set),
    });
    prop_oneof![30 => records(), 1 => reload]
}
