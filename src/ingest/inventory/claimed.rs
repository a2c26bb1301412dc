//! Counters of claimed messages: by rule, messages and faults; by sensor, its quantities and the time of its last reading.
//! Pure.
//!
//! A *miss* is a pointer of a rule's table that finds nothing in a message. Misses are sampled: in the first
//! [`ALWAYS_SAMPLED`] messages of a rule, then in one message a second.
//!
//! Always: a message costs one look-up per reading. Never: more than [`MOST_SENSORS`] sensors.

use chrono::{DateTime, TimeDelta, Utc};

use super::availability::{LastAvailability, MOST_DEVICES};
use crate::domain::{Measurement, News, Quantity, QuickMap, SensorId, Unit};
use crate::ingest::formats::Decoded;

/// Limit of listed sensors: as many as devices. Readings of the others are only counted; they are in the database.
const MOST_SENSORS: usize = MOST_DEVICES;

/// Limit of quantities per sensor: as many as a large meter has.
const MOST_QUANTITIES: usize = 32;

/// Messages of a rule whose misses are all sampled.
const ALWAYS_SAMPLED: u64 = 50;

/// Time between two samples after [`ALWAYS_SAMPLED`] messages.
const SAMPLE_INTERVAL: TimeDelta = TimeDelta::seconds(1);

/// Limit of lines on misses per rule; a hand-written table rarely has more values.
const MOST_MISSES: usize = 32;

/// Counters of claimed messages.
#[derive(Debug, Default)]
pub struct Claimed {
    /// Rules in order of precedence.
    pub rules: Vec<Rule>,
    /// Sensors with a reading.
    pub sensors: QuickMap<SensorId, Sensor>,
    /// Last availability of devices.
    pub availability: LastAvailability,
    /// Readings of sensors past the limit.
    pub num_unlisted: u64,
}

/// Counters of one rule.
#[derive(Debug, Default)]
pub struct Rule {
    /// Name of the rule.
    pub name: Box<str>,
    /// Messages on its topics.
    pub messages: u64,
    /// Messages that were not meant as readings.
    pub ignored: u64,
    /// Messages of which nothing could be decoded.
    pub rejected: u64,
    /// Invalid values in messages with other, valid ones.
    pub rejected_parts: u64,
    /// Time of the last message.
    pub last_seen: Option<DateTime<Utc>>,
    /// Last fault: a rejected message or an invalid value.
    pub last_fault: Option<Fault>,
    /// Messages whose misses were sampled.
    pub num_samples: u64,
    /// Misses of every sample.
    pub misses: Vec<String>,
    last_sample: Option<DateTime<Utc>>,
}

/// A rejected message, or an invalid value of a message.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Topic of the message.
    pub topic: String,
    /// Reason.
    pub why: String,
    /// Time of receipt.
    pub at: DateTime<Utc>,
}

/// Counters of one sensor.
#[derive(Debug)]
pub struct Sensor {
    /// Index of the rule that claimed its last reading.
    pub rule: usize,
    /// Its quantities.
    pub series: Vec<Series>,
}

/// Counters of one quantity of a sensor.
#[derive(Debug)]
pub struct Series {
    /// The quantity.
    pub quantity: Quantity,
    /// Unit of the last reading.
    pub unit: Unit,
    /// Number of readings.
    pub readings: u64,
    /// Time of receipt of the last reading that was not replayed by a broker.
    pub last_seen: Option<DateTime<Utc>>,
}

impl Claimed {
    /// Zero counters of the rules with these names, in order of precedence.
    pub fn new<'a>(rules: impl Iterator<Item = &'a str>) -> Self {
        let rules = rules.map(|name| Rule { name: name.into(), ..Rule::default() }).collect();
        Self { rules, ..Self::default() }
    }

    /// Counts a message of the rule at an index, with its decoded form. Returns whether its misses are to be sampled.
    pub fn note(
        &mut self,
        rule_index: usize,
        topic: &str,
        decoded: &Result<Decoded, String>,
        at: DateTime<Utc>,
    ) -> bool {
        if let Ok(decoded) = decoded {
            decoded.measurements.iter().for_each(|it| self.note_reading(rule_index, it, at));
            decoded.availability.iter().for_each(|it| self.availability.note(it));
        }
        self.rules.get_mut(rule_index).is_some_and(|rule| rule.note(topic, decoded, at))
    }

    /// Adds a sample: the misses in the last message of a rule.
    pub fn note_misses(&mut self, rule_index: usize, lines: Vec<String>, at: DateTime<Utc>) {
        let Some(rule) = self.rules.get_mut(rule_index) else { return };
        if rule.num_samples == 0 {
            rule.misses = lines;
            rule.misses.truncate(MOST_MISSES);
        } else {
            let again = |miss: &String| lines.iter().find(|line| key(line) == key(miss)).cloned();
            rule.misses = rule.misses.iter().filter_map(again).collect();
        }
        rule.num_samples += 1;
        rule.last_sample = Some(at);
    }

    fn note_reading(&mut self, rule_index: usize, measurement: &Measurement, at: DateTime<Utc>) {
        let reading = &measurement.reading;
        if !self.sensors.contains_key(&reading.sensor_id) {
            if self.sensors.len() == MOST_SENSORS {
                self.num_unlisted += 1;
                return;
            }
            let new = Sensor { rule: rule_index, series: Vec::new() };
            self.sensors.insert(reading.sensor_id.clone(), new);
        }
        let Some(sensor) = self.sensors.get_mut(&reading.sensor_id) else { return };
        sensor.rule = rule_index;
        let known = sensor.series.iter().position(|it| it.quantity == reading.quantity);
        let known = known.unwrap_or_else(|| {
            let (quantity, unit) = (reading.quantity.clone(), reading.unit.clone());
            if sensor.series.len() < MOST_QUANTITIES {
                sensor.series.push(Series { quantity, unit, readings: 0, last_seen: None });
            }
            sensor.series.len() - 1
        });
        let series = &mut sensor.series[known];
        if series.quantity != reading.quantity {
            self.num_unlisted += 1;
            return;
        }
        series.readings += 1;
        if series.unit != reading.unit {
            series.unit = reading.unit.clone();
        }
        if measurement.news != News::Replayed {
            series.last_seen = Some(at);
        }
    }
}

impl Rule {
    fn note(&mut self, topic: &str, decoded: &Result<Decoded, String>, at: DateTime<Utc>) -> bool {
        self.messages += 1;
        self.last_seen = Some(at);
        let fault = match decoded {
            Ok(decoded) => {
                self.ignored += u64::from(decoded.is_empty());
                self.rejected_parts += decoded.num_faults as u64;
                decoded.faults.first()
            }
            Err(why) => {
                self.rejected += 1;
                Some(why)
            }
        };
        if let Some(why) = fault {
            self.last_fault = Some(Fault { topic: topic.to_owned(), why: why.clone(), at });
        }
        let is_due = self.num_samples < ALWAYS_SAMPLED
            || self.last_sample.is_none_or(|last| (at - last).abs() >= SAMPLE_INTERVAL);
        decoded.is_ok() && is_due && (self.num_samples == 0 || !self.misses.is_empty())
    }
}

/// The key that a line on a miss begins with.
fn key(line: &str) -> &str {
    line.split_once(": ").map_or(line, |(key, _)| key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Location, Reading, Value};

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap()
    }

    fn reading(sensor: &str, quantity: &str) -> Measurement {
        let quantity = Quantity::new(quantity).unwrap();
        Measurement::live(Reading {
            sensor_id: SensorId::new(sensor).unwrap(),
            location: Location::new(""),
            unit: quantity.default_unit(),
            quantity,
            value: Value::new(1.0).unwrap(),
            timestamp: at(0),
        })
    }

    fn brought(measurements: Vec<Measurement>) -> Decoded {
        Decoded { measurements, ..Decoded::default() }
    }

    #[test]
    fn sensors_have_their_rule_and_their_quantities() {
        let mut claimed = Claimed::new(["vigie", "site"].into_iter());
        claimed.note(0, "f", &Ok(brought(vec![reading("a", "humidity")])), at(0));
        claimed.note(1, "s", &Ok(brought(vec![reading("a", "temperature")])), at(1));
        let mut replayed = reading("a", "humidity");
        replayed.news = News::Replayed;
        claimed.note(1, "s", &Ok(brought(vec![replayed])), at(2));
        let sensor = &claimed.sensors[&SensorId::new("a").unwrap()];
        let shown: Vec<_> = sensor
            .series
            .iter()
            .map(|it| (it.quantity.as_str(), it.unit.as_str(), it.readings, it.last_seen))
            .collect();
        assert_eq!(
            shown,
            [("humidity", "percent", 2, Some(at(0))), ("temperature", "celsius", 1, Some(at(1)))]
        );
        assert_eq!((sensor.rule, claimed.rules[1].messages), (1, 2));
    }

    #[test]
    fn faults_are_counted_with_the_last_reason() {
        let mut claimed = Claimed::new(["site"].into_iter());
        claimed.note(0, "a", &Err("no JSON".into()), at(0));
        let mut decoded =
            Decoded { measurements: vec![reading("a", "power")], ..Decoded::default() };
        decoded.add_fault("t is no number");
        claimed.note(0, "b", &Ok(decoded), at(1));
        claimed.note(0, "c", &Ok(Decoded::ignored("a command")), at(2));
        let rule = &claimed.rules[0];
        assert_eq!((rule.messages, rule.rejected, rule.rejected_parts, rule.ignored), (3, 1, 1, 1));
        let fault = rule.last_fault.as_ref().unwrap();
        assert_eq!(
            (fault.topic.as_str(), fault.why.as_str(), fault.at),
            ("b", "t is no number", at(1))
        );
    }

    #[test]
    fn a_miss_is_reported_while_every_sample_has_it() {
        let mut claimed = Claimed::new(["site"].into_iter());
        let message = Ok(brought(vec![reading("a", "temperature")]));
        let lines = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect::<Vec<_>>();
        assert!(claimed.note(0, "t", &message, at(0)));
        claimed.note_misses(
            0,
            lines(&["values.h: nothing at /h", "values.p: nothing at /p"]),
            at(0),
        );
        assert!(claimed.note(0, "t", &message, at(0)));
        claimed.note_misses(0, lines(&["values.h: nothing at /h; keys here: t"]), at(0));
        assert_eq!(claimed.rules[0].misses, ["values.h: nothing at /h; keys here: t"]);
        for _ in claimed.rules[0].num_samples..ALWAYS_SAMPLED {
            claimed.note_misses(0, lines(&["values.h: nothing at /h"]), at(0));
        }
        assert!(!claimed.note(0, "t", &message, at(0)) && claimed.note(0, "t", &message, at(1)));
        assert!(!claimed.note(0, "t", &Err("wrong".into()), at(2)));
        claimed.note_misses(0, Vec::new(), at(2));
        assert!(claimed.rules[0].misses.is_empty() && !claimed.note(0, "t", &message, at(9)));
    }

    #[test]
    fn sensors_and_quantities_past_the_limits_are_counted_unlisted() {
        let mut claimed = Claimed::new(["site"].into_iter());
        for number in 0..=MOST_SENSORS {
            claimed.note(0, "t", &Ok(brought(vec![reading(&number.to_string(), "power")])), at(0));
        }
        for number in 0..=MOST_QUANTITIES {
            claimed.note(0, "t", &Ok(brought(vec![reading("7", &format!("q{number}"))])), at(0));
        }
        assert_eq!((claimed.sensors.len(), claimed.num_unlisted), (MOST_SENSORS, 3));
    }
}
