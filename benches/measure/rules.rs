//! What rules cost: ten of mixed kinds on one reading; and a thousand of which five match, beside five.
//! Nothing is raised: by far the most readings raise nothing.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};
use vigie::alarms::engine::{Engine, RecordTime};
use vigie::config;
use vigie::domain::{Ingress, ListeningClocks, Location, Quantity, Reading, SensorId, Unit, Value};

use crate::figures::{Pairs, Table};

const ROUNDS: usize = 15;
const TIMES_A_ROUND: u32 = 20_000;

/// From one reading to the next: windows of minutes hold some tens of them.
const INTERVAL: TimeDelta = TimeDelta::seconds(10);

/// What the figures are beside: the message's JSON, parsed and nothing else.
const PAYLOAD: &str = r#"{"sensor_id":"COLD_01","location":"Chambre froide","temperature":4.5,"timestamp":"2024-08-14T10:30:00.123456+00:00","unit":"celsius"}"#;

/// Ten rules as a cold store may have them, each kind among them.
const TEN: [&str; 10] = [
    "kind = \"high\"\nlimit = 8.0\ndeadband = 0.5\non_delay = \"5m\"",
    "kind = \"low\"\nlimit = 2.0\ndeadband = 0.5\non_delay = \"1m\"",
    "kind = \"high\"\nlimit = 15.0\npriority = \"critical\"",
    "kind = \"rate\"\nper_minute = 0.4\nwindow = \"10m\"",
    "kind = \"rate\"\nper_minute = -0.4\nwindow = \"10m\"",
    "kind = \"stale\"\nafter = \"1h\"",
    "kind = \"flatline\"\nlasting = \"10m\"\nwithin = 0.001",
    "kind = \"deviation\"\ndeviations = 50.0\nwindow = \"10m\"",
    "kind = \"difference\"\nother = \"COLD_REF\"\nlimit = 3.0",
    "kind = \"expression\"\nwhen = \"value > 12.0 && (hour >= 22 || hour < 5)\"",
];

pub fn measure(table: &mut Table) {
    eprintln!("rules");
    let ten: String = TEN.iter().enumerate().map(|(n, kind)| rule(n, "COLD_*", kind)).collect();
    let [mut mixed, mut of_many] = [(); 2].map(|()| Pairs::default());
    let (mut all, mut five, mut many) =
        (Bench::new(&ten), Bench::new(&five()), Bench::new(&many()));
    for round in 0..ROUNDS {
        mixed.0.push((all.time(), parsing()));
        // In turns at going first.
        of_many.0.push(if round % 2 == 0 {
            let many = many.time();
            (many, five.time())
        } else {
            let five = five.time();
            (many.time(), five)
        });
    }
    table.pairs("judge by ten rules of all kinds, beside parsing the JSON", "ns", 0, &mixed, "");
    let kinds =
        ["high", "low", "rate", "stale", "flatline", "deviation", "difference", "expression"];
    for kind in kinds {
        let of_kind = TEN.iter().find(|text| text.contains(&format!("\"{kind}\"")));
        let one = rule(0, "COLD_*", of_kind.expect("one of each kind"));
        let mut bench = Bench::new(&one);
        let mut pairs = Pairs::default();
        pairs.0.extend((0..ROUNDS).map(|_| (bench.time(), parsing())));
        table.pairs(&format!("… by one rule, {kind}"), "ns", 0, &pairs, "");
    }
    table.pairs(
        "judge with 1,000 rules of which 5 match, beside 5 rules",
        "ns",
        0,
        &of_many,
        "≤ 1.1",
    );
}

fn rule(number: usize, sensors: &str, kind: &str) -> String {
    format!("[[rules]]\nname = \"R{number}\"\nsensors = [\"{sensors}\"]\n{kind}\n")
}

fn five() -> String {
    (0..5).map(|n| rule(n, "COLD_*", TEN[n])).collect()
}

/// Five that match, among 995 of other halls.
fn many() -> String {
    let mut rules = String::new();
    for n in 0..1_000 {
        let sensors = if n % 200 == 0 { "COLD_*".to_owned() } else { format!("HALL_{n}_*") };
        // Those that match are the five of `five`, in their order.
        let kind = if n % 200 == 0 { TEN[n / 200] } else { TEN[n % TEN.len()] };
        write!(rules, "{}", rule(n, &sensors, kind)).expect("a text takes all");
    }
    rules
}

/// Readings to one of the sensor that is compared with, so that it isn't silent for an hour.
const OTHER_EACH: u32 = 100;

/// An engine that hears one sensor, again and again, and another that it is compared with.
struct Bench {
    engine: Engine,
    reading: Reading,
    other: Reading,
}

impl Bench {
    fn new(rules: &str) -> Self {
        let config = config::parse(&format!("[broker]\n{rules}"), "rules.toml");
        let rules = config.unwrap_or_else(|errors| panic!("{errors}")).rules;
        let mut engine = Engine::new(rules, chrono_tz::UTC);
        let other = reading("COLD_REF", DateTime::UNIX_EPOCH);
        engine.judge(&other, Ingress::Own, &mut Vec::new());
        Self { engine, reading: reading("COLD_01", DateTime::UNIX_EPOCH), other }
    }

    /// Nanoseconds a reading.
    fn time(&mut self) -> f64 {
        let values: Vec<_> = (0..7).map(|n| value(4.5 + 0.01 * f64::from(n))).collect();
        let start = Instant::now();
        for n in 0..TIMES_A_ROUND {
            self.reading.timestamp += INTERVAL;
            self.reading.value = values[n as usize % values.len()];
            let watch =
                (self.reading.timestamp - DateTime::UNIX_EPOCH).to_std().unwrap_or_default();
            let clocks = ListeningClocks::all_at(watch);
            let received_at = self.reading.timestamp;
            let mut outcomes = Vec::new();
            if n % OTHER_EACH == 0 {
                self.other.timestamp = self.reading.timestamp;
                self.engine.judge(&self.other, Ingress::Own, &mut outcomes);
            }
            self.engine.advance(RecordTime { position: 0, received_at, clocks }, &mut outcomes);
            black_box(self.engine.judge(&self.reading, Ingress::Own, &mut outcomes));
            assert!(outcomes.is_empty(), "{outcomes:?}");
        }
        let nanos = start.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES_A_ROUND);
        black_box(self.engine.changes());
        nanos
    }
}

fn parsing() -> f64 {
    let start = Instant::now();
    for _ in 0..TIMES_A_ROUND {
        black_box(serde_json::from_str::<serde_json::Value>(PAYLOAD).ok());
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES_A_ROUND)
}

fn reading(sensor: &str, timestamp: DateTime<Utc>) -> Reading {
    Reading {
        sensor_id: SensorId::new(sensor).expect("an id"),
        location: Location::new("Chambre froide"),
        quantity: Quantity::temperature(),
        value: value(4.5),
        unit: Unit::new("celsius"),
        timestamp,
    }
}

fn value(number: f64) -> Value {
    Value::new(number).expect("a finite number")
}
