//! What decoding costs, a family of devices at a time: the last message of its page in the manual, beside the parsing of
//! its JSON and nothing else (of the page's payload as a JSON text, where it is no JSON).

use std::hint::black_box;
use std::time::Instant;

use chrono::DateTime;
use vigie::ingest::formats::{self, Decoders, Message};

use crate::figures::{Table, median};
use crate::support::manual::{self, Example};

const ROUNDS: usize = 15;
const TIMES_A_ROUND: u32 = 5_000;

pub fn measure(table: &mut Table) {
    eprintln!("formats");
    for Example { family, config, messages, .. } in manual::examples() {
        let text = format!("[broker]\nlisten = \"127.0.0.1:0\"\n{config}");
        let config = vigie::config::parse(&text, "page.toml").expect("a configuration");
        let formats = formats::formats(&config).expect("formats");
        let mut decoders = Decoders::new(&formats, Vec::new());
        let received_at = DateTime::from_timestamp(1_790_000_000, 0).expect("a time");
        let message = |topic, payload| Message { topic, payload, received_at, is_replayed: false };
        for (topic, payload) in &messages {
            decoders.decode(&message(topic, payload.as_bytes()), &mut Vec::new());
        }
        let (topic, payload) = messages.last().expect("a message");
        let is_json = serde_json::from_str::<serde_json::Value>(payload).is_ok();
        let json = if is_json { payload.clone() } else { serde_json::json!(payload).to_string() };
        let decode = || {
            let message = message(topic, payload.as_bytes());
            black_box(decoders.decode(&message, &mut Vec::new()));
        };
        let parse = || {
            let parsed = serde_json::from_slice::<serde_json::Value>(json.as_bytes());
            black_box(parsed.is_ok());
        };
        let [decoding, parsing] = in_turns(decode, parse);
        let (beside, ratio) = (format!("{parsing:.0} ns"), format!("{:.2}", decoding / parsing));
        table.add(&format!("decode, {family}"), format!("{decoding:.0} ns"), beside, ratio, "");
    }
}

/// Nanoseconds of one call each, the medians of rounds in turns.
fn in_turns(mut one: impl FnMut(), mut other: impl FnMut()) -> [f64; 2] {
    let mut rounds = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        rounds[0].push(time(&mut one));
        rounds[1].push(time(&mut other));
    }
    rounds.map(|rounds| median(rounds.into_iter()))
}

fn time(step: &mut impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..TIMES_A_ROUND {
        step();
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES_A_ROUND)
}
