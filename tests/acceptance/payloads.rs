//! Messages as devices of many makers send them, each with its right answer, from `shared/data/payloads`; and the same
//! messages damaged: each is accounted for.
//!
//! The rules of comparison are in the README there. What differs is listed here with the reason.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Map, Value, json};

use crate::support::{Home, data_file, skip};

/// Families with a preset, and those whose records bring a table of their own.
const PRESETS: [&str; 16] = [
    "bthome",
    "chirpstack",
    "esphome",
    "homeassistant",
    "homie",
    "influx",
    "rtl_433",
    "ruuvi",
    "senml",
    "shelly",
    "tasmota",
    "theengs",
    "thingsboard",
    "tts",
    "victron",
    "zigbee2mqtt",
];
const TABLES: [&str; 6] = ["generic", "nasty", "home-misc", "industrial", "aws", "opcua"];

/// What is not as the data have it, and why.
const EXCEPTIONS: [(&str, &str); 2] = [
    (
        "tasmota/energy-topic",
        "the topic ENERGY is named like the component ENERGY, as another record of the same shape has it",
    ),
    ("industrial/siemens-list", "a quantity can't begin with a digit: 101 is value_101"),
];

/// Keys of the data's tables that are not the contract's, and what is written in their place.
fn translated(table: &Map<String, Value>, preset: &str) -> Map<String, Value> {
    let mut table = table.clone();
    if !table.contains_key("preset") && !table.contains_key("topic") {
        table.insert("preset".into(), json!(preset));
    }
    if let Some(fields) = table.remove("fields") {
        let fields = fields.as_str().expect("a text").to_owned();
        table.insert("values".into(), json!({ (fields.clone()): format!("/{fields}") }));
    }
    table.remove("format");
    table
}

fn toml(value: &Value) -> String {
    match value {
        Value::Object(object) => {
            let entries = object.iter().map(|(key, value)| format!("{key:?} = {}", toml(value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Array(list) => {
            format!("[{}]", list.iter().map(toml).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn config(family: &str, record: &Value) -> Option<String> {
    let zone = record["timezone"].as_str().unwrap_or("UTC");
    let mut config = format!("timezone = \"{zone}\"\n[broker]\nlisten = \"127.0.0.1:0\"\n");
    let tables: Vec<Map<String, Value>> = match &record["config"] {
        Value::Object(table) => match table.get("presets").and_then(Value::as_array) {
            Some(presets) => presets
                .iter()
                .map(|preset| Map::from_iter([("preset".into(), preset.clone())]))
                .collect(),
            None => vec![translated(table, family)],
        },
        _ if PRESETS.contains(&family) => vec![translated(&Map::new(), family)],
        _ => return None,
    };
    for table in tables {
        let preset = table.get("preset").and_then(Value::as_str);
        if preset.is_some_and(|preset| !PRESETS.contains(&preset)) {
            return None;
        }
        config.push_str("[[devices]]\n");
        for (key, value) in &table {
            config.push_str(&format!("{key:?} = {}\n", toml(value)));
        }
    }
    Some(config)
}

fn records(family: &str) -> Option<Vec<Value>> {
    let name = format!("payloads/{family}.jsonl");
    let Some(path) = data_file(&name) else {
        skip(&format!("no {name}: set VIGIE_DATA to its folder"));
        return None;
    };
    let text = std::fs::read_to_string(path).expect("the data");
    Some(text.lines().map(|line| serde_json::from_str(line).expect("a record")).collect())
}

/// A message as `vigie decode --jsonl` takes it.
fn line(record: &Value) -> Value {
    let keys = ["topic", "payload_utf8", "payload_base64"];
    let present =
        keys.into_iter().filter_map(|key| Some((key.to_owned(), record.get(key)?.clone())));
    Value::Object(present.collect())
}

fn decode(home: &Home, config: &str, lines: &[Value]) -> Result<Vec<Value>, String> {
    let path = home.write("payloads.toml", config);
    let mut vigie = Command::new(env!("CARGO_BIN_EXE_vigie"))
        .args(["decode", "--jsonl", "-c"])
        .arg(&path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("vigie decode");
    let mut input = vigie.stdin.take().expect("its input");
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = vigie.wait_with_output().expect("its end");
    // One that refuses its configuration reads nothing.
    let _ = writer.join().expect("the writer");
    if !output.status.success() {
        return Err(format!("{}\n{config}", String::from_utf8_lossy(&output.stderr)));
    }
    let lines = String::from_utf8(output.stdout).expect("text");
    Ok(lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect())
}

/// Spellings of one unit.
fn unit(text: Option<&str>) -> String {
    let text = text.unwrap_or_default();
    match text.to_lowercase().as_str() {
        "c" | "celsius" | "cel" | "deg c" => "°C".into(),
        "f" | "fahrenheit" => "°F".into(),
        "lux" => "lx".into(),
        "percent" => "%".into(),
        _ => text.to_owned(),
    }
}

/// The unit of a quantity whose message says none.
fn default_unit(quantity: &str) -> &'static str {
    match quantity {
        "temperature" => "°C",
        "humidity" | "battery" | "moisture" => "%",
        "pressure" => "hPa",
        "illuminance" => "lx",
        "co2" => "ppm",
        "power" => "W",
        "voltage" => "V",
        "current" => "A",
        _ => "",
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_bool().map(|is_true| f64::from(u8::from(is_true))))
}

/// A time; one without a zone is in UTC, which all tables here have.
fn time(text: &str) -> Option<DateTime<Utc>> {
    let with_zone = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    let without = || NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f");
    with_zone.or_else(|_| without().map(|time| time.and_utc())).ok()
}

fn is_same(expected: &Value, got: &Value) -> bool {
    let (Some(value), Some(other)) = (number(&expected["value"]), got["value"].as_f64()) else {
        return false;
    };
    let tolerance = expected["tolerance"].as_f64().unwrap_or(0.0);
    let quantity = expected["quantity"].as_str().unwrap_or_default();
    let (wanted, unit_got) = (unit(expected["unit"].as_str()), unit(got["unit"].as_str()));
    let is_right_unit = if expected["unit_guess"] == true {
        [wanted.as_str(), "", default_unit(quantity)].contains(&unit_got.as_str())
    } else {
        wanted == unit_got
    };
    let is_right_time = match expected["time"].as_str() {
        None => true,
        Some("receive") => got["timestamp"] == "receive",
        Some(text) if text.starts_with("receive") => true,
        Some(text) => {
            let (wanted, at) = (time(text), got["timestamp"].as_str().and_then(time));
            wanted.zip(at).is_some_and(|(a, b)| (a - b).abs() < TimeDelta::milliseconds(2))
        }
    };
    expected["sensor"] == got["sensor_id"]
        && expected["quantity"] == got["quantity"]
        && (value - other).abs() <= tolerance.max(1e-9 * value.abs().max(1.0))
        && is_right_unit
        && is_right_time
        && expected["historical"].as_bool().unwrap_or(false) == got["historical"]
}

/// What is wrong with the answer to a record; empty where it is right.
fn differences(record: &Value, got: &Value) -> Vec<String> {
    let list = |value: &Value| match value {
        Value::Array(list) => list.clone(),
        Value::Null => Vec::new(),
        other => vec![other.clone()],
    };
    let mut left = list(&got["readings"]);
    let mut wrong = Vec::new();
    for expected in list(&record["expect"]) {
        match left.iter().position(|it| is_same(&expected, it)) {
            Some(place) => drop(left.remove(place)),
            None if expected["kind"] == "diagnostic" => {}
            None => wrong.push(format!("missing {expected}")),
        }
    }
    wrong.extend(left.iter().map(|it| format!("not expected {it}")));
    for expected in list(&record["availability"]) {
        let is_there = list(&got["availability"])
            .iter()
            .any(|it| it["device"] == expected["device"] && it["state"] == expected["state"]);
        if !is_there {
            wrong.push(format!("missing {expected}"));
        }
    }
    if record.get("reject").is_some() && got["rejected"].is_null() {
        wrong.push("not rejected".into());
    }
    if record.get("ignore").is_some() && !got["rejected"].is_null() {
        wrong.push(format!("rejected: {}", got["rejected"]));
    }
    if let Some(parts) = record["reject_parts"].as_u64()
        && got["rejected_parts"] != parts
    {
        wrong.push(format!("{} of its parts are rejected, not {parts}", got["rejected_parts"]));
    }
    wrong
}

#[test]
fn messages_of_many_manufacturers_decode_correctly() {
    let home = Home::new();
    let (mut counts, mut wrong) = (BTreeMap::new(), Vec::new());
    for family in PRESETS.into_iter().chain(TABLES) {
        let Some(records) = records(family) else { return };
        let by_name: BTreeMap<&str, &Value> =
            records.iter().map(|it| (it["name"].as_str().expect("a name"), it)).collect();
        for record in &records {
            let Some(config) = config(family, record) else { continue };
            let name = record["name"].as_str().expect("a name");
            let before = record["after"].as_array().into_iter().flatten();
            let before = before.map(|name| by_name[name.as_str().expect("a name")]);
            let lines: Vec<_> = before.chain([record]).map(line).collect();
            let found = match decode(&home, &config, &lines) {
                Ok(answers) => differences(record, answers.last().expect("a line each")),
                Err(why) => vec![why],
            };
            let count: &mut (usize, usize) = counts.entry(family).or_default();
            count.1 += 1;
            count.0 += usize::from(found.is_empty());
            let is_listed = EXCEPTIONS.iter().any(|(listed, _)| *listed == name);
            assert!(!(is_listed && found.is_empty()), "{name} is right: take it from the list");
            if !is_listed && !found.is_empty() {
                wrong.push(format!("{name}: {}", found.join("; ")));
            }
        }
    }
    println!("right of all, by family: {counts:?}");
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// A message with a byte changed, cut, repeated or moved.
fn damaged(random: &mut StdRng, mut payload: Vec<u8>) -> Vec<u8> {
    if payload.is_empty() {
        return vec![random.random()];
    }
    let at = random.random_range(0..payload.len());
    match random.random_range(0..5) {
        0 => payload[at] ^= 1 << random.random_range(0..8),
        1 => payload.truncate(at),
        2 => payload[at] = random.random(),
        3 => {
            let part = payload[at..].to_vec();
            payload.extend(part);
        }
        _ => {
            let digit = payload.iter().rposition(u8::is_ascii_digit).unwrap_or(at);
            payload[digit] = b"0-e.,\"{[n"[random.random_range(0..9)];
        }
    }
    payload
}

#[test]
fn ten_thousand_damaged_messages_are_accounted_for() {
    let home = Home::new();
    let mut random = StdRng::seed_from_u64(20_261_130);
    let mut config = "[broker]\nlisten = \"127.0.0.1:0\"\n".to_owned();
    let mut all = Vec::new();
    for family in PRESETS {
        let Some(records) = records(family) else { return };
        let device = if family == "thingsboard" { "device = \"boiler-1\"\n" } else { "" };
        config.push_str(&format!("[[devices]]\npreset = \"{family}\"\n{device}"));
        all.extend(records);
    }
    let lines: Vec<Value> = (0..10_000)
        .map(|number| {
            let record = &all[number % all.len()];
            let whole = record["payload_utf8"].as_str().map(|text| text.as_bytes().to_vec());
            let whole = whole.unwrap_or_else(|| (0..200).map(|_| random.random()).collect());
            let payload = damaged(&mut random, whole);
            // As bytes, in the one form that holds them all.
            json!({ "topic": record["topic"], "payload_base64": base64(&payload) })
        })
        .collect();
    let answers = decode(&home, &config, &lines).expect("answers");
    assert_eq!(answers.len(), lines.len(), "an answer each");
    let mut counts = BTreeMap::new();
    for (line, answer) in lines.iter().zip(&answers) {
        let has = |key: &str| answer[key].as_array().is_some_and(|list| !list.is_empty());
        let fate = match () {
            () if has("readings") => "read",
            () if has("availability") => "availability",
            () if answer["rejected"].is_string() => "rejected",
            () if answer["ignored"].is_string() => "ignored",
            () => panic!("neither read, ignored nor rejected: {line} {answer}"),
        };
        assert!(!answer["rejected"].to_string().contains("panicked"), "{line} {answer}");
        *counts.entry(fate).or_insert(0) += 1;
    }
    println!("{counts:?}");
    for fate in ["read", "rejected", "ignored"] {
        assert!(counts.get(fate).is_some_and(|count| *count > 300), "{counts:?}");
    }
}

fn base64(bytes: &[u8]) -> String {
    const SYMBOLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - three.len()));
        for place in 0..=three.len() {
            let symbol = bits >> (18 - 6 * place) & 63;
            text.push(char::from(SYMBOLS[symbol as usize]));
        }
    }
    text.extend(std::iter::repeat_n('=', (3 - bytes.len() % 3) % 3));
    text
}
