//! `vigie decode`, and the manual's pages on devices: each example decodes to the readings on its page.

use std::io::Write;
use std::process::{Command, Stdio};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::support::manual::{self, Example};
use crate::support::{Home, run_vigie};

const BROKER: &str = "timezone = \"UTC\"\n[broker]\nlisten = \"127.0.0.1:0\"\n";

/// Decodes messages by `vigie decode --jsonl`; returns one JSON line each.
fn decode(home: &Home, config: &str, messages: &[(String, String)]) -> Vec<Value> {
    let config = home.write("decode.toml", config);
    let mut vigie = Command::new(env!("CARGO_BIN_EXE_vigie"))
        .args(["decode", "--jsonl", "-c"])
        .arg(&config)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("vigie decode");
    let mut input = vigie.stdin.take().expect("its input");
    for (topic, payload) in messages {
        let line = json!({ "topic": topic, "payload_utf8": payload });
        writeln!(input, "{line}").expect("a line");
    }
    drop(input);
    let output = vigie.wait_with_output().expect("its end");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let lines = String::from_utf8(output.stdout).expect("text");
    lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn each_example_of_the_manual_gives_the_readings_that_its_page_shows() {
    let home = Home::new();
    let examples = manual::examples();
    assert!(examples.len() >= 15, "{}", examples.len());
    for Example { family, config, messages, readings } in examples {
        let lines = decode(&home, &format!("{BROKER}{config}"), &messages);
        let all: Vec<&Value> =
            lines.iter().flat_map(|line| line["readings"].as_array().expect("a list")).collect();
        for shown in readings {
            let is_it = |it: &&&Value| {
                it["sensor_id"] == shown.sensor.as_str()
                    && it["quantity"] == shown.quantity.as_str()
                    && it["value"].as_f64() == Some(shown.value)
                    && it["unit"] == shown.unit.as_str()
                    && it["timestamp"].as_str().is_some_and(|text| match shown.time {
                        Some(at) => text.parse::<DateTime<Utc>>() == Ok(at),
                        None => text == "receive",
                    })
            };
            assert!(all.iter().any(|it| is_it(&it)), "{family}: {shown:?} is not in {lines:#?}");
        }
        for line in &lines {
            assert_eq!(line["rejected"], Value::Null, "{family}: {line}");
            assert_eq!(line["rejected_parts"], 0, "{family}: {line}");
        }
    }
}

#[test]
fn each_table_of_the_manual_is_accepted() {
    let home = Home::new();
    for page in manual::pages() {
        for (number, config) in manual::configs(&page).into_iter().enumerate() {
            if !config.contains("[[devices]]") {
                continue;
            }
            home.write("page.toml", &format!("{BROKER}{config}"));
            let output = run_vigie(&home, &["check", "-c", "page.toml"]);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{} {number}: {said}\n{config}", page.display());
        }
    }
}

#[test]
fn decode_explains_one_message() {
    let home = Home::new();
    home.write(
        "c.toml",
        &format!(
            "{BROKER}[[devices]]\ntopic = \"site/{{sensor}}/state\"\n\
             values = {{ temperature = {{ at = \"/t\", unit = \"°C\", scale = 0.1 }}, humidity = \"/h\" }}\n\
             [[devices]]\npreset = \"tasmota\"\n"
        ),
    );
    let said = |args: &[&str]| {
        let output = run_vigie(&home, &[&["decode", "-c", "c.toml"], args].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let topic = ["--topic", "site/cellar/state"];
    let taken = said(&[&topic[..], &["--payload", "{\"t\":215}"]].concat());
    assert_eq!(
        taken,
        "rule: site/{sensor}/state\n\
         reading: cellar temperature = 21.5 °C (at receipt)\n\
         nothing of it: values.humidity: nothing at /h; keys here: t\n\
         not by vigie: the topic is not one of its\n\
         not by tasmota: the topic is not one of its\n"
    );
    let retained = said(&[&topic[..], &["--payload", "{\"t\":215}", "--retained"]].concat());
    assert!(retained.contains("retained: shown until something newer comes"), "{retained}");
    let wrong = said(&[&topic[..], &["--payload", "{\"t\":"]].concat());
    assert!(wrong.contains("rejected: the payload is not JSON"), "{wrong}");
    let foreign = said(&["--topic", "elsewhere", "--payload", "1"]);
    assert!(foreign.starts_with("no rule takes this topic\n"), "{foreign}");
}

#[test]
fn two_tables_of_a_family_are_told_apart() {
    let home = Home::new();
    let table = "[[devices]]\npreset = \"zigbee2mqtt\"\n";
    let config = format!("{BROKER}{table}{table}base = \"annexe/zb\"\n");
    let message = |topic: &str| (topic.to_owned(), "{\"temperature\":3.5}".to_owned());
    let lines = decode(&home, &config, &[message("zigbee2mqtt/a"), message("annexe/zb/b")]);
    let rules: Vec<_> = lines.iter().map(|line| line["rule"].as_str().expect("a text")).collect();
    assert_eq!(rules, ["zigbee2mqtt", "zigbee2mqtt:annexe/zb"]);
}

#[test]
fn a_table_can_ignore_topics_of_later_tables() {
    let home = Home::new();
    let config = format!(
        "{BROKER}[[devices]]\ntopic = \"heating/{{sensor}}/fault\"\nignore = [\"*\"]\n\
         [[devices]]\ntopic = \"heating/{{sensor}}/{{quantity}}\"\nunit = \"°C\"\n"
    );
    let message = |topic: &str, text: &str| (topic.to_owned(), text.to_owned());
    let messages = [
        message("heating/boiler/fault", "E04 low pressure"),
        message("heating/boiler/flow", "61.5"),
    ];
    let lines = decode(&home, &config, &messages);
    assert_eq!(lines[0]["ignored"], "nothing on this topic is a reading");
    assert_eq!((&lines[0]["rejected"], &lines[0]["readings"]), (&Value::Null, &json!([])));
    assert_eq!(lines[1]["readings"][0]["quantity"], "flow");
}

#[test]
fn mistakes_in_a_table_are_reported_with_their_line() {
    let home = Home::new();
    for (table, what) in [
        ("topic = \"a/{b\"", "not closed"),
        ("topic = \"#\"", "every topic"),
        ("topic = \"a/{sensor}\"\nexpr = { t = \"payload.\" }", "expr"),
        ("topic = \"a/{sensor}\"\nvalues = { \"°\" = \"/t\" }", "values.°"),
        ("preset = \"zigbee2mqtt\"\nbase = \"a/#\"", "wildcard"),
        ("preset = \"zigbee2mqtt\"\n[[devices]]\npreset = \"zigbee2mqtt\"", "a table before"),
    ] {
        home.write("c.toml", &format!("{BROKER}[[devices]]\n{table}\n"));
        let output = run_vigie(&home, &["check", "-c", "c.toml"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{table}: {said}");
        assert!(said.contains(what) && said.contains("c.toml:"), "{table}: {said}");
    }
}
