//! What the pure steps of a reading's way cost: decoding its message and judging it by two rules.
//!
//! Prints each as a ratio to a baseline of the same run (parsing the message's JSON and nothing else),
//! since absolute times wander with the machine. Each figure is the median of several rounds.

use std::hint::black_box;
use std::time::Instant;

use chrono::DateTime;
use vigie::alerts::{Rules, Standing};
use vigie::config::{AlertsConfig, Announce, Limits, ReadingTopic, Thresholds};
use vigie::domain::{Quantity, Reading};
use vigie::intake::codec::{Codec, Decoded, Message, OriginJson};
use vigie::locale::Language;
use vigie::wire::Topics;

const TOPIC: &str = "factory/sensors/temperature";
const PAYLOAD: &str = r#"{"sensor_id":"TEMP_001","location":"Atelier Production","temperature":24.5,"timestamp":"2024-08-14T10:30:00.123456+00:00","unit":"celsius"}"#;

const ROUNDS: usize = 15;
const TIMES_A_ROUND: u32 = 20_000;

/// Median nanoseconds of one call.
fn measure<T>(mut step: impl FnMut() -> T) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..TIMES_A_ROUND {
                black_box(step());
            }
            start.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES_A_ROUND)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

fn decode(codec: &OriginJson) -> Reading {
    let received_at = DateTime::UNIX_EPOCH;
    let message = Message { topic: TOPIC, payload: PAYLOAD.as_bytes(), received_at };
    match codec.decode(&message) {
        Ok(Decoded::Readings(mut readings)) => readings.remove(0),
        other => panic!("the example is a reading: {other:?}"),
    }
}

fn main() {
    let codec = OriginJson::new(Topics::new("factory", ReadingTopic::Shared), chrono_tz::UTC);
    let limits = Limits { high: Some(35.0), low: Some(10.0) };
    let thresholds = Thresholds { default: limits, ..Thresholds::default() };
    let thresholds = [(Quantity::temperature(), thresholds)].into();
    let rules = Rules::new(AlertsConfig { announce: Announce::Transitions, thresholds });
    let words = Language::English.words();
    let mut standing = Standing::default();
    let reading = decode(&codec);

    let baseline = measure(|| serde_json::from_str::<serde_json::Value>(PAYLOAD).ok());
    let decoding = measure(|| decode(&codec));
    let judging = measure(|| {
        for rule in rules.of(&reading) {
            black_box(standing.judge(&rule, &reading, Announce::Transitions, words));
        }
    });
    println!("{:<28} {:>10} {:>8}", "step", "ns", "ratio");
    for (step, nanos) in [
        ("parse the JSON (baseline)", baseline),
        ("decode", decoding),
        ("judge by two rules", judging),
    ] {
        println!("{step:<28} {nanos:>10.0} {:>8.2}", nanos / baseline);
    }
}
