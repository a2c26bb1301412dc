//! The messages of the differential run: made from a seed, the same each time.

use chrono::{DateTime, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::support::time;

pub type Message = (String, Vec<u8>);

/// How many of the messages before may come a second time: well within any dedup memory.
const RECENT: usize = 500;

/// Of the sensors that rules of their own watch, so many in each group.
pub const GROUP: usize = 4;

/// Their groups: the first part of their ids.
const GROUPS: [&str; 12] =
    ["HI", "LO", "RATE", "FALL", "FLAT", "DEV", "DIFF", "EXPR", "MEAN", "LATCH", "ACK", "RE"];

/// Seconds between two readings of a sensor of a group, by its own clock. Delays of rules are a few
/// of these, and far longer than the few milliseconds between their receipts: no delay runs out by the
/// listening clock.
const STEP: i64 = 5;

pub struct Sequence {
    random: StdRng,
    values: Vec<f64>,
    groups: Vec<(String, f64)>,
    sent: Vec<Message>,
    /// Seconds by the sensors' clocks.
    clock: i64,
}

/// A reading as the origin's sensors publish it, with any timestamp.
pub fn reading(id: &str, quantity: &str, value: f64, timestamp: &Value) -> Vec<u8> {
    let unit = if quantity == "humidity" { "percent" } else { "celsius" };
    let mut reading = json!({
        "sensor_id": id, "location": location(id), quantity: value, "unit": unit,
    });
    if !timestamp.is_null() {
        reading["timestamp"] = timestamp.clone();
    }
    reading.to_string().into_bytes()
}

/// A sensor's place: by the number at the end of its id.
fn location(id: &str) -> String {
    let number = id.rsplit_once('_').map_or("", |(_, number)| number);
    format!("Hall {}", number.parse::<usize>().map_or(0, |number| number % 10))
}

fn moment(seconds: i64) -> DateTime<Utc> {
    time("2024-08-14T00:00:00+00:00") + TimeDelta::seconds(seconds)
}

/// The same moment in one of the ways it may be written.
fn written(seconds: i64, form: usize) -> Value {
    let moment = moment(seconds);
    match form % 5 {
        0 => json!(moment.to_rfc3339()),
        1 => json!(moment.format("%Y-%m-%dT%H:%M:%S%.6f").to_string()),
        2 => json!(moment.timestamp()),
        3 => json!(moment.timestamp_millis()),
        _ => {
            let zone = chrono::FixedOffset::east_opt(2 * 3600).expect("a zone");
            json!(moment.with_timezone(&zone).to_rfc3339())
        }
    }
}

fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

impl Sequence {
    pub fn new(num_sensors: usize) -> Self {
        let of_group =
            |group: &&str| (0..GROUP).map(|n| (format!("{group}_{n}"), 20.0)).collect::<Vec<_>>();
        Self {
            random: StdRng::seed_from_u64(705),
            values: vec![20.0; num_sensors],
            groups: GROUPS.iter().flat_map(of_group).collect(),
            sent: Vec::new(),
            clock: 0,
        }
    }

    /// Lets the sensors' clocks go on.
    pub fn pass(&mut self, seconds: i64) {
        self.clock += seconds;
    }

    /// A reading of one sensor, a second after the one before of anybody.
    pub fn one(&mut self, id: &str, value: f64) -> Message {
        self.clock += 1;
        let timestamp = json!(moment(self.clock).to_rfc3339());
        ("factory/sensors/temperature".into(), reading(id, "temperature", value, &timestamp))
    }

    /// A round of the whole fleet in any order, with readings that come twice, come late, carry no
    /// timestamp, or can't be used.
    pub fn fleet(&mut self) -> Vec<Message> {
        self.clock += 60;
        let mut order: Vec<usize> = (0..self.values.len()).collect();
        order.shuffle(&mut self.random);
        let mut messages = Vec::new();
        for number in order {
            let message = self.of_fleet(number);
            self.push(&mut messages, message);
            match self.random.random_range(0..1000) {
                0..20 => self.again(&mut messages),
                20..40 => self.late(&mut messages, number),
                40..45 => self.bad(&mut messages, number),
                45..50 => messages.push((
                    "factory/sensors/temperature".into(),
                    reading(&format!("NOTIME_{number}"), "temperature", 20.5, &Value::Null),
                )),
                _ => {}
            }
        }
        messages
    }

    fn push(&mut self, messages: &mut Vec<Message>, message: Message) {
        if self.sent.len() >= 2 * RECENT {
            self.sent.drain(..RECENT);
        }
        self.sent.push(message.clone());
        messages.push(message);
    }

    fn of_fleet(&mut self, number: usize) -> Message {
        let id = format!("F_{number:05}");
        let is_spike = self.random.random_range(0..100) == 0;
        let value = &mut self.values[number];
        *value += self.random.random_range(-2.0..2.0) + (20.0 - *value) * 0.05;
        let value = rounded(if is_spike { *value + 70.0 } else { *value });
        let quantity = if number.is_multiple_of(5) { "humidity" } else { "temperature" };
        let topic = match number % 3 {
            0 => format!("factory/sensors/{quantity}/{id}"),
            _ => format!("factory/sensors/{quantity}"),
        };
        (topic, reading(&id, quantity, value, &written(self.clock, number)))
    }

    /// One of the last messages, a second time.
    fn again(&mut self, messages: &mut Vec<Message>) {
        let from = self.sent.len().saturating_sub(RECENT);
        let at = self.random.random_range(from..self.sent.len());
        messages.push(self.sent[at].clone());
    }

    /// A reading of five minutes ago, which breaks a limit by itself.
    fn late(&mut self, messages: &mut Vec<Message>, number: usize) {
        let timestamp = written(self.clock - 300, number);
        let value = rounded(40.0 + self.random.random_range(0.0..5.0));
        let payload = reading(&format!("F_{number:05}"), "temperature", value, &timestamp);
        messages.push(("factory/sensors/temperature".into(), payload));
    }

    fn bad(&mut self, messages: &mut Vec<Message>, number: usize) {
        let payload = match number % 4 {
            0 => "not json".to_owned(),
            1 => json!({"sensor_id": "BAD", "timestamp": moment(self.clock).to_rfc3339()})
                .to_string(),
            2 => json!({"sensor_id": "", "temperature": 20.0}).to_string(),
            _ => json!({"sensor_id": "BAD", "temperature": 20.0, "timestamp": "noon"}).to_string(),
        };
        messages.push(("factory/sensors/temperature".into(), payload.into_bytes()));
    }

    /// So many readings of each sensor with rules of its own, walking at random.
    pub fn groups(&mut self, steps: usize) -> Vec<Message> {
        let mut messages = Vec::new();
        for step in 0..steps {
            self.clock += STEP;
            for number in 0..self.groups.len() {
                let message = self.of_group(number);
                self.push(&mut messages, message);
                if self.random.random_range(0..50) == 0 {
                    self.again(&mut messages);
                }
            }
            for number in 0..GROUP {
                messages.push(self.put_back(number, step, steps));
            }
        }
        messages
    }

    fn of_group(&mut self, number: usize) -> Message {
        let (id, value) = &mut self.groups[number];
        let is_flat = id.starts_with("FLAT") && self.random.random_range(0..20) != 0;
        let step = self.random.random_range(-2.0..2.0) + (20.0 - *value) * 0.05;
        *value += if is_flat { 0.0 } else { step };
        let outlier = id.starts_with("DEV") && self.random.random_range(0..40) == 0;
        let value = rounded(if outlier { *value + 30.0 } else { *value });
        let timestamp = json!(moment(self.clock).to_rfc3339());
        ("factory/sensors/temperature".into(), reading(id, "temperature", value, &timestamp))
    }

    /// A sensor whose clock is put back by an hour halfway.
    fn put_back(&mut self, number: usize, step: usize, steps: usize) -> Message {
        let clock = if step < steps / 2 { self.clock } else { self.clock - 3600 };
        let value = if step % 7 < 3 { 36.5 } else { 21.5 };
        let timestamp = json!(moment(clock).to_rfc3339());
        let id = format!("CLOCK_{number}");
        ("factory/sensors/temperature".into(), reading(&id, "temperature", value, &timestamp))
    }

    /// What brings each of these sensors to rest, in parts: how an alarm stands is stored with the last value of
    /// a batch, so a part must be stored before the next one comes.
    pub fn rest(&mut self) -> Vec<Vec<Message>> {
        let ids: Vec<String> = self.groups.iter().map(|(id, _)| id.clone()).collect();
        let mut part = |(after, value): (i64, f64)| {
            self.clock += after;
            let timestamp = json!(moment(self.clock).to_rfc3339());
            // At the first of the three, only those an operator will have to do with.
            let has_part =
                |id: &&String| value < 30.0 || id.starts_with("LATCH") || id.starts_with("ACK");
            let message = |id: &String| {
                // An alarm that stood would be announced again as time goes by.
                let value = if id.starts_with("RE_") { value.min(21.0) } else { value };
                let payload = reading(id, "temperature", value, &timestamp);
                ("factory/sensors/temperature".to_owned(), payload)
            };
            ids.iter().filter(has_part).map(message).collect()
        };
        [(60, 30.0), (3600, 20.0), (3600, 23.0)].map(&mut part).into()
    }
}
