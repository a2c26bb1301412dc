//! A forgotten sensor raises no alarm and is shown nowhere, over a restart too, until its next reading.

use serde_json::{Value, json};

use crate::fixture::{ACTIONS, EMBEDDED, Fixture};
use crate::support::{Client, Home, SOON, eventually, names};
use crate::{FAILED, USAGE};

const CONFIG: &str = "[homeassistant]\ndiscovery = true\n\
    [[sensors]]\nid = \"OWN_1\"\nsource = { type = \"simulated\" }\n\
    [[rules]]\nname = \"silent\"\nkind = \"stale\"\nafter = \"4s\"\nsensors = [\"COLD_*\", \"NAMED\"]\n";

const DISCOVERY: &str = "homeassistant/sensor/vigie/COLD_07-temperature/config";

fn fixture(more: &str) -> Fixture {
    Fixture::with(Home::new(), &format!("{EMBEDDED}{CONFIG}{more}"))
}

fn say(fixture: &Fixture, sensor: &str) {
    let payload = json!({ "sensor_id": sensor, "temperature": 4.5, "unit": "celsius" });
    fixture.client.publish(names::READINGS, payload.to_string(), 1);
}

/// Waits for the `stale` alarm of a sensor.
fn wait_silent(fixture: &Fixture, sensor: &str) {
    eventually(&format!("the silence of {sensor}"), SOON, || silent(fixture, sensor).then_some(()));
}

fn silent(fixture: &Fixture, sensor: &str) -> bool {
    fixture.alarms().iter().any(|alarm| alarm["sensor_id"] == sensor)
}

/// Sensors in the live table.
fn sensors(fixture: &Fixture) -> Vec<String> {
    let answer = fixture.home.api().ask("GET", "/api/v1/sensors", &[], "").expect("an answer");
    let sensors = answer.json["sensors"].as_array().expect("a list").clone();
    sensors.iter().map(|it| it["sensor_id"].as_str().expect("a text").to_owned()).collect()
}

#[test]
fn a_forgotten_sensor_is_gone_over_restarts_until_its_next_reading() {
    let mut fixture = fixture("");
    let discovery = Client::listening(&fixture.daemon.embedded_broker(), &[DISCOVERY]);
    say(&fixture, "COLD_07");
    wait_silent(&fixture, "COLD_07");
    assert!(sensors(&fixture).contains(&"COLD_07".into()));
    discovery.wait_count(DISCOVERY, 1, SOON);

    let (code, said) = fixture.vigie(&["forget", "COLD_07", "--by", "anne", "--why", "scrapped"]);
    assert_eq!((code, said.trim()), (0, "forget COLD_07: done"));
    assert!(!silent(&fixture, "COLD_07"), "its alarm ended before it was answered");
    eventually("it to go", SOON, || (!sensors(&fixture).contains(&"COLD_07".into())).then_some(()));
    let told = fixture.client.wait_for("the end", SOON, |messages| {
        messages.iter().find_map(|message| {
            let alert = (message.topic == names::ALERTS).then(|| message.json())?;
            (alert["state"] == "resolved").then_some(alert)
        })
    });
    let message = "Temperature: sensor forgotten by anne (scrapped): 4.5°C";
    assert_eq!((&told["sensor_id"], &told["message"]), (&json!("COLD_07"), &json!(message)));
    discovery.wait_for("its end in Home Assistant", SOON, |messages| {
        messages.last().filter(|message| message.payload.is_empty()).map(|_| ())
    });
    let (code, said) = fixture.vigie(&["forget", "COLD_07"]);
    assert_eq!((code, said.trim()), (0, "forget COLD_07: it is so already"));
    let actions = fixture.home.db().texts(ACTIONS);
    assert_eq!(actions[0], "forget|*|COLD_07|anne|scrapped|cli|done");
    assert!(actions[1].ends_with("|cli|unchanged"), "{actions:?}");

    fixture.daemon.kill();
    let mut daemon = fixture.home.start(&fixture.config);
    let access = daemon.embedded_broker();
    let fixture = Fixture::on(fixture.home, daemon, &fixture.config, &access);
    say(&fixture, "COLD_02");
    // By the time COLD_02 is silent, COLD_07 would be silent too if it were still watched.
    wait_silent(&fixture, "COLD_02");
    assert!(!silent(&fixture, "COLD_07"));
    assert!(!sensors(&fixture).contains(&"COLD_07".into()));
    let (_, history) = fixture.vigie(&["readings", "--sensor", "COLD_07", "--format", "csv"]);
    assert_eq!(history.lines().count(), 2, "a header and its reading: {history}");

    say(&fixture, "COLD_07");
    eventually("it to be back", SOON, || {
        sensors(&fixture).contains(&"COLD_07".into()).then_some(())
    });
    wait_silent(&fixture, "COLD_07");
}

#[test]
fn forgetting_a_configured_sensor_is_refused_with_a_remedy() {
    let fixture = fixture("");
    say(&fixture, "NAMED");
    wait_silent(&fixture, "NAMED");
    for (sensor, code, what) in [
        ("OWN_1", FAILED, "is one of the file's [[sensors]]: take it out of the file"),
        ("NAMED", FAILED, "the rule silent names NAMED: take it out of the rule"),
        ("COLD_09", FAILED, "COLD_09 was not heard lately"),
        ("", USAGE, "the sensor id is empty"),
    ] {
        let (exit, said) = fixture.vigie(&["forget", sensor]);
        assert!(exit == code && said.contains(what), "{sensor}: {exit}: {said}");
    }
    let api = fixture.home.api();
    let headers = [("Content-Type", "application/json")];
    let post = |path: &str, body: &str| api.ask("POST", path, &headers, body).expect("an answer");
    let answer = post("/api/v1/sensors/NAMED/forget", "{\"by\":\"anne\"}");
    assert_eq!(answer.status, 409, "{answer:?}");
    assert_eq!(post("/api/v1/sensors/NAMED/forget", "{}").status, 422);
    assert!(silent(&fixture, "NAMED"), "nothing was done");
}

/// Excluding a sensor from a rule by a reload ends its alarm; the rule applies to all others as before.
#[test]
fn a_pattern_with_an_exclamation_mark_excludes_a_sensor() {
    let fixture = fixture("");
    say(&fixture, "COLD_01");
    say(&fixture, "COLD_07");
    wait_silent(&fixture, "COLD_01");
    wait_silent(&fixture, "COLD_07");
    let config = fixture.config.replace("\"COLD_*\"", "\"COLD_*\", \"!COLD_07\"");
    fixture.home.write("vigie.toml", &config);
    let before: Vec<Value> = fixture.alarms();
    let (code, said) = fixture.vigie(&["reload"]);
    assert_eq!(code, 0, "{said}");
    eventually("its end", SOON, || (!silent(&fixture, "COLD_07")).then_some(()));
    let id = |alarms: &[Value]| {
        let one = alarms.iter().find(|it| it["sensor_id"] == "COLD_01").expect("an alarm");
        one["id"].clone()
    };
    assert_eq!(id(&before), id(&fixture.alarms()), "that of another goes on");
}
