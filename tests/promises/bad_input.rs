//! Whatever is published on the reading topics, the daemon keeps running and stores or rejects each message.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::support::readings::{reading, timestamp};
use crate::support::{Client, Home, Mosquitto, SOON, names, require};

const SEED: u64 = 20_240_814;
const MAX_LOG_BYTES: usize = 200 * 1024;
const TAKEN_IN: Duration = Duration::from_secs(60);

const TOPICS: [&str; 4] = [
    "factory/sensors/temperature",
    "factory/sensors/temperature/TEMP_001",
    "factory/sensors/humidity",
    "factory/sensors/x'; DROP TABLE sensor_readings; --",
];

#[test]
fn ten_thousand_mutated_messages_are_each_stored_or_rejected() {
    check(10_000, None);
}

#[test]
fn rejected_messages_are_counted_beyond_the_retention_limit() {
    check(2_000, Some(50));
}

/// Publishes `count` messages and checks that each was stored or rejected; `keep` is `rejected_keep`.
fn check(count: usize, keep: Option<usize>) {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let broker = Mosquitto::running();
    let home = Home::new();
    let bound =
        keep.map_or_else(String::new, |keep| format!("{} = {keep}\n", names::REJECTED_KEEP_KEY));
    let mut daemon = home.start(&format!(
        "language = \"en\"\n{}[storage]\npath = \"{}\"\n{bound}",
        broker.access().mqtt_table("the broker", ""),
        names::DATABASE
    ));
    daemon.wait_line(names::CONNECTED, SOON);
    let client = Client::connect(&broker.access());
    let mut random = StdRng::seed_from_u64(SEED);
    client.publish_all((0..count).map(|n| mutated(&mut random, n)));
    // The last message is valid: once it is stored, all before it have been decoded.
    client.publish(names::READINGS, reading("LAST", 21.5, &timestamp(0)), 1);
    let last = "SELECT count(*) FROM sensor_readings WHERE sensor_id = 'LAST'";
    daemon.wait_until("the last one", TAKEN_IN, || home.db().number(last) == 1);

    let books = |query: &str| usize::try_from(home.db().number(query)).expect("a count");
    let (stored, rejected) = (books(names::ALL_READINGS), books(names::REJECTED_TOTAL));
    assert_eq!(stored + rejected, count + 1, "{stored} stored, {rejected} rejected");
    // The generator must have made both valid and invalid messages, or the test means nothing.
    assert!(stored > count / 10 && rejected > count / 2, "{stored} stored, {rejected} rejected");
    let kept = books("SELECT count(*) FROM rejected_messages");
    assert_eq!(kept, keep.map_or(rejected, |keep| keep.min(rejected)));
    let explained = "SELECT count(*) FROM rejected_messages WHERE topic != '' AND reason != ''";
    assert_eq!(books(explained), kept);

    assert_eq!(daemon.stop(), 0);
    let log = daemon.log();
    assert!(log.len() < MAX_LOG_BYTES, "{} bytes of log", log.len());
    assert!(!log.contains("panic"), "{:?}", daemon.lines_with("panic"));
}

/// A topic and a payload, valid or not. No two payloads give the same reading.
fn mutated(random: &mut StdRng, n: usize) -> (String, Vec<u8>) {
    // Mostly the shared topic, where a well-formed reading is valid.
    let topic = TOPICS[random.random_range(0..12_usize).saturating_sub(8)];
    let text = good(n).to_string();
    let payload = match random.random_range(0..12) {
        0 => text.into_bytes(),
        1 => text.as_bytes()[..random.random_range(1..text.len())].to_vec(),
        2 => replaced(random, n).to_string().into_bytes(),
        3 => strange_number(random, n).into_bytes(),
        4 => noise(random),
        5 => flipped(random, text.into_bytes()),
        6 => "[".repeat(random.random_range(1..20_000)).into_bytes(),
        7 => nested(random, n).into_bytes(),
        8 => with_field(n, "sensor_id", hostile_id(random, n)).into_bytes(),
        9 => with_field(n, "timestamp", hostile_time(random)).into_bytes(),
        10 => without_a_field(random, n).into_bytes(),
        _ => oversized(random, n),
    };
    (topic.to_owned(), payload)
}

/// Reading `n`, with a time and value of its own.
fn good(n: usize) -> Value {
    serde_json::from_str(&reading("TEMP_001", unique(n), &timestamp(n))).expect("a reading")
}

fn unique(n: usize) -> f64 {
    f64::from(u32::try_from(n).expect("a small number")) + 0.5
}

fn with_field(n: usize, field: &str, value: Value) -> String {
    let mut reading = good(n);
    reading[field] = value;
    reading.to_string()
}

fn field(random: &mut StdRng) -> &'static str {
    pick(random, &["sensor_id", "location", "temperature", "timestamp", "unit"])
}

fn pick<T: Copy>(random: &mut StdRng, choices: &[T]) -> T {
    choices[random.random_range(0..choices.len())]
}

fn replaced(random: &mut StdRng, n: usize) -> Value {
    let values = [
        Value::Null,
        json!(true),
        json!([1, 2]),
        json!({ "a": 1 }),
        json!(""),
        json!("38,2"),
        json!(-7),
        json!(1e300),
    ];
    let value = values[random.random_range(0..values.len())].clone();
    let mut reading = good(n);
    // Replacing one of them leaves the other unique.
    reading[field(random)] = value;
    reading
}

/// Numbers that are not JSON, or that no double can hold.
fn strange_number(random: &mut StdRng, n: usize) -> String {
    let numbers = ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "0x10", "1.", "+1", "--1"];
    let number = match random.random_range(0..4) {
        0 => "9".repeat(random.random_range(20..2_000)),
        1 => format!("{n}e-400"),
        _ => pick(random, &numbers).to_owned(),
    };
    good(n).to_string().replace(&format!("{:?}", unique(n)), &number)
}

fn noise(random: &mut StdRng) -> Vec<u8> {
    (0..random.random_range(1..300)).map(|_| random.random()).collect()
}

fn flipped(random: &mut StdRng, mut payload: Vec<u8>) -> Vec<u8> {
    let at = random.random_range(0..payload.len());
    payload[at] ^= 1 << random.random_range(0..8);
    payload
}

/// A valid reading with a deeply nested unknown field, which is to be ignored or rejected.
fn nested(random: &mut StdRng, n: usize) -> String {
    let depth = random.random_range(1..300);
    let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    good(n).to_string().replacen('{', &format!("{{\"extra\":{deep},"), 1)
}

fn hostile_id(random: &mut StdRng, n: usize) -> Value {
    match random.random_range(0..6) {
        0 => json!("'; DROP TABLE sensor_readings; --"),
        1 => json!(format!("T\u{0}{n}")),
        2 => json!("x".repeat(random.random_range(200..5_000))),
        3 => json!("   "),
        4 => json!("\u{202e}😀\u{fffd}%s%n{}"),
        _ => json!("a/+/#"),
    }
}

fn hostile_time(random: &mut StdRng) -> Value {
    match random.random_range(0..7) {
        0 => json!("yesterday"),
        1 => json!("2024-13-45T99:99:99"),
        2 => json!(1e30),
        3 => json!(-1e18),
        4 => json!("99999-01-01T00:00:00Z"),
        5 => json!(""),
        _ => json!(i64::MIN),
    }
}

fn without_a_field(random: &mut StdRng, n: usize) -> String {
    let mut reading = good(n);
    reading.as_object_mut().expect("an object").remove(field(random));
    reading.to_string()
}

/// A payload slightly over the limit, or now and then a megabyte.
fn oversized(random: &mut StdRng, n: usize) -> Vec<u8> {
    let length = if random.random_ratio(1, 100) { 1 << 20 } else { 70_000 };
    with_field(n, "location", json!("x".repeat(length))).into_bytes()
}

/// Text from messages is escaped in the log: no new line, no terminal control sequence.
#[test]
fn no_message_forges_a_log_line() {
    let home = Home::new();
    let limit = "[alerts.temperature]\nhigh = 35.0\n";
    let mut daemon =
        home.start(&format!("language = \"en\"\n[broker]\nlisten = \"127.0.0.1:0\"\n{limit}"));
    let client = Client::connect(&daemon.embedded_broker());
    let forged = "x\n[2026-01-01T00:00:00.000Z INFO  vigie::operator] forged\u{1b}[2J\u{202e}";
    let send = |sensor: &str, unit: &str, timestamp: &str| {
        let reading = json!({ "sensor_id": sensor, "temperature": 50.0, "unit": unit, "timestamp": timestamp });
        client.publish(names::READINGS, reading.to_string(), 1);
    };
    send("UNIT", forged, &timestamp(0));
    send("TIME", "celsius", forged);
    send("LAST", "celsius", &timestamp(0));
    let count = "SELECT count(*) FROM sensor_readings WHERE sensor_id = 'LAST'";
    daemon.wait_until("the last one", SOON, || home.db().number(count) == 1);
    assert!(!daemon.lines_with("forged").is_empty(), "it is quoted");
    for line in daemon.lines_with("") {
        let is_whole = line.is_empty() || line.starts_with('[') && !line.starts_with("[2026-01-01");
        assert!(is_whole && !line.contains(['\u{1b}', '\r', '\u{202e}']), "{line:?}");
    }
    assert_eq!(daemon.stop(), 0);
}
