//! "My device isn't there": devices, unread topics and the suggested configuration, from the running daemon
//! (`vigie devices`) and from a broker (`vigie decode --listen`).

use std::fs;

use serde_json::Value;

use crate::UNAVAILABLE;
use crate::support::{Client, Daemon, Home, Mosquitto, SOON, eventually, require, run_vigie};

const EMBEDDED: &str = "[broker]\nlisten = \"127.0.0.1:0\"\n";

const SITE: &str = "[[devices]]\ntopic = \"site/{sensor}/state\"\n\
    values = { temperature = { at = \"/t\", unit = \"°C\" }, humidity = \"/h\" }\n";

/// Output of `vigie devices --json` in `home`.
fn heard(home: &Home) -> Value {
    let output = run_vigie(home, &["devices", "--json", "-c", "vigie.toml"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

fn text(home: &Home, args: &[&str]) -> String {
    let output = run_vigie(home, args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    String::from_utf8(output.stdout).expect("text")
}

/// The suggested configuration at the end of a command's output.
fn lines_to_paste(said: &str) -> &str {
    let at = said.find("TO READ THEM").expect("lines to paste");
    said[at..].split_once('\n').expect("lines after it").1
}

fn wait_for_rows(home: &Home, sensor: &str, count: usize) {
    eventually("the readings are stored", SOON, || {
        let said = run_vigie(
            home,
            &["readings", "--sensor", sensor, "--format", "csv", "-c", "vigie.toml"],
        );
        let lines = String::from_utf8_lossy(&said.stdout).lines().count();
        (lines > count).then_some(())
    });
}

#[test]
fn an_unread_topic_becomes_readings_with_the_suggested_lines() {
    let home = Home::new();
    let mut daemon = home.start(&format!("{EMBEDDED}{SITE}"));
    let device = Client::connect(&daemon.embedded_broker());
    device.publish("factory/availability/cellar", "offline", 1);
    for number in 0..12 {
        device.publish("site/cellar/state", format!("{{\"t\":{number}}}"), 1);
    }
    device.publish("site/cellar/state", "{\"t\":\"warm\"}", 1);
    device.publish("zb/bridge/state", "{\"state\":\"online\"}", 1);
    device.publish("zb/porch", "{\"temperature\":3.5,\"linkquality\":90}", 1);
    for name in ["attic", "barn", "hall", "roof"] {
        let message = format!("{{\"temp\":21.5,\"hum\":48,\"name\":\"{name}\\u001b[2J\"}}");
        device.publish(&format!("plant/{name}/data"), message, 1);
    }
    device.publish("door/front", "ajar", 1);
    wait_for_rows(&home, "cellar", 12);

    let report = heard(&home);
    let [cellar] = &report["devices"].as_array().expect("devices")[..] else { panic!("{report}") };
    assert_eq!(
        (&cellar["sensor_id"], &cellar["rule"]),
        (&"cellar".into(), &"site/{sensor}/state".into())
    );
    assert_eq!(cellar["quantities"][0]["unit"], "°C");
    assert_eq!(cellar["quantities"][0]["readings"], 12);
    assert!(cellar["last_seen"].is_string());
    assert_eq!(cellar["availability"], "offline");
    let rule = &report["rules"][1];
    assert_eq!((&rule["messages"], &rule["rejected"]), (&13.into(), &1.into()), "{rule}");
    assert_eq!(
        rule["never_there"][0],
        "values.humidity: nothing at /h in 12 messages; keys here: t"
    );
    assert_eq!(rule["last_fault"]["topic"], "site/cellar/state");
    let shapes: Vec<_> = report["unclaimed"].as_array().expect("shapes").iter().collect();
    let shape = |name: &str| {
        let found = shapes.iter().find(|it| it["shape"] == name);
        *found.unwrap_or_else(|| panic!("{name} is not in {report}"))
    };
    assert_eq!(shape("plant/+/data")["messages"], 4);
    assert_eq!(
        shape("zb/porch")["config"],
        "[[devices]]\npreset = \"zigbee2mqtt\"\nbase = \"zb\"\n"
    );
    assert!(shape("door/front")["config"].is_null() && shape("door/front")["note"].is_string());
    // The daemon's own messages are neither listed nor logged.
    assert_eq!(shapes.len(), 4, "{report}");
    assert!(report["broker"].as_str().expect("an address").starts_with("127.0.0.1:"));

    let said = text(&home, &["devices", "-c", "vigie.toml"]);
    for part in [
        "offline  temperature °C",
        "nothing at /h in 12 messages",
        "not understood, on site/cellar/state: ",
        "door/front: ajar",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    assert!(!said.contains('\u{1b}'), "a stranger's control character: {said:?}");
    let lines = lines_to_paste(&said).to_owned();
    assert_eq!(lines.matches("[[devices]]").count(), 2, "{lines}");
    assert_eq!(daemon.stop(), 0);

    let mut daemon = home.start(&format!("{EMBEDDED}{SITE}{lines}"));
    let device = Client::connect(&daemon.embedded_broker());
    device.publish("plant/barn/data", "{\"temp\":22.5,\"hum\":40}", 1);
    device.publish("zb/porch", "{\"temperature\":3.5}", 1);
    wait_for_rows(&home, "barn", 2);
    wait_for_rows(&home, "porch", 1);
    assert_eq!(heard(&home)["unclaimed"], Value::Array(Vec::new()));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn without_a_daemon_devices_names_the_socket_it_tried() {
    let home = Home::new();
    home.write("vigie.toml", EMBEDDED);
    for command in [&["devices"][..], &["decode", "--listen", "1s"]] {
        let output = run_vigie(&home, &[command, &["-c", "vigie.toml"]].concat());
        assert_eq!(output.status.code(), Some(UNAVAILABLE));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("no daemon answers at"), "{said}");
    }
}

/// `vigie decode --listen` explains retained messages and those that arrive while it listens.
fn listened(home: &Home, device: &Client, args: &[&str]) -> String {
    device.retain("shellies/shellyht-A1B2C3/sensor/temperature", "19.5");
    device.retain("site/cellar/state", "{\"t\":21.5}");
    for name in ["one", "two", "three"] {
        device.retain(&format!("lab/{name}"), "{\"co2\":640,\"ts\":1760000000}");
    }
    let mut command = vec!["decode", "--listen", "2s", "-c", "vigie.toml"];
    command.extend(args);
    text(home, &command)
}

#[test]
fn decode_listen_explains_each_message_of_a_broker() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let broker = Mosquitto::new().with_user("look", "out");
    let mut broker = broker;
    broker.start();
    let home = Home::new();
    home.write("password", "out");
    let table = broker.access().mqtt_table("Mosquitto", "password");
    home.write("vigie.toml", &table);
    let device = Client::connect(&broker.access());

    // A configuration with the broker only.
    let said = listened(&home, &device, &[]);
    assert!(said.starts_with("5 messages\n"), "{said}");
    assert!(said.contains("\nlab/+: 3 messages, the last on lab/"), "{said}");
    assert!(said.contains("preset = \"shelly\""), "{said}");
    let lines = lines_to_paste(&said).to_owned();

    home.write("vigie.toml", &format!("{table}{lines}"));
    let said = listened(&home, &device, &[]);
    for part in [
        "reading: cellar temperature = 21.5 °C",
        "reading: shellyht-A1B2C3/",
        "co2 = 640 ppm",
        "retained: shown",
    ] {
        assert!(said.contains(part), "{part} is not in {said}\n{lines}");
    }
    assert!(!said.contains("TO READ THEM"), "{said}");
    let said = listened(&home, &device, &["--topic", "nothing/#"]);
    assert!(said.starts_with("nothing came"), "{said}");

    fs::write(home.path("password"), "wrong").expect("write");
    let output = run_vigie(&home, &["decode", "--listen", "2s", "-c", "vigie.toml"]);
    assert_eq!(output.status.code(), Some(UNAVAILABLE));
    assert!(!output.stderr.is_empty());
}

#[test]
fn decode_listen_takes_no_message_from_the_daemon() {
    let home = Home::new();
    let mut daemon: Daemon = home.start(&format!("{EMBEDDED}{SITE}"));
    let device = Client::connect(&daemon.embedded_broker());
    let said = listened(&home, &device, &[]);
    assert!(said.contains("reading: cellar temperature = 21.5 °C"), "{said}");
    assert!(said.contains("lab/+: 3 messages"), "{said}");
    assert!(daemon.is_running());
    device.publish("site/cellar/state", "{\"t\":22}", 1);
    wait_for_rows(&home, "cellar", 2);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn decode_listen_uses_an_account_that_reads_everything() {
    let home = Home::new();
    home.write("meter", "of the meter");
    home.write("screen", "of the screen");
    let user = |name: &str, preset: &str| {
        format!(
            "[[broker.users]]\nname = \"{name}\"\npreset = \"{preset}\"\npassword_file = \"{name}\"\n"
        )
    };
    let only_a_meter = format!("{EMBEDDED}{}", user("meter", "device"));
    let mut daemon: Daemon =
        home.start(&format!("{only_a_meter}{}{SITE}", user("screen", "reader")));
    let mut access = daemon.embedded_broker();
    access.user = Some(("meter".to_owned(), "of the meter".to_owned()));
    Client::connect(&access).retain("site/cellar/state", "{\"t\":21.5}");
    let listen = ["decode", "--listen", "2s", "-c", "vigie.toml"];
    let said = text(&home, &listen);
    assert!(said.contains("reading: cellar temperature = 21.5 °C"), "{said}");

    home.write("vigie.toml", &only_a_meter);
    let output = run_vigie(&home, &listen);
    assert_eq!(output.status.code(), Some(UNAVAILABLE));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("preset = \"reader\""), "{said}");
    assert_eq!(daemon.stop(), 0);
}
