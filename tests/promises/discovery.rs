//! Home Assistant discovery, on the embedded broker and on Mosquitto: each series has retained discovery messages, its
//! value and alarm are published, and all entities are unavailable once the daemon is gone.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Access, Client, Home, Mosquitto, SOON, let_run, names, require};

const VALUE_CONFIG: &str = "homeassistant/sensor/vigie/OVEN_1-temperature/config";
const ALARM_CONFIG: &str = "homeassistant/binary_sensor/vigie/OVEN_1-temperature/config";
const VALUE: &str = "vigie/state/OVEN_1-temperature";
const ALARM: &str = "vigie/alarm/OVEN_1-temperature";
const STATUS: &str = "factory/sensors/status";

const RULES: &str = "[[rules]]\nname = \"hot\"\nkind = \"high\"\nsensors = [\"OVEN_*\"]\nlimit = 200\n\
                     [[rules]]\nname = \"silent\"\nkind = \"stale\"\nsensors = [\"OVEN_*\"]\nafter = \"10m\"\n";

fn config(broker: &str, discovery: bool) -> String {
    format!("language = \"en\"\n{broker}[homeassistant]\ndiscovery = {discovery}\n{RULES}")
}

fn embedded() -> &'static str {
    "[broker]\nlisten = \"127.0.0.1:0\"\n"
}

fn reading(sensor: &str, value: f64) -> String {
    json!({ "sensor_id": sensor, "location": "Bakery", "temperature": value, "unit": "celsius" })
        .to_string()
}

/// Waits for a payload on a topic that satisfies a condition.
fn wait(client: &Client, topic: &str, is_it: impl Fn(&Value) -> bool) -> Value {
    client.wait_for(&format!("a message on {topic}"), SOON, |messages| {
        let newest = messages.iter().rev().find(|message| message.topic == topic)?;
        serde_json::from_slice(&newest.payload).ok().filter(|json| is_it(json))
    })
}

fn check_configs(client: &Client) {
    let value = wait(client, VALUE_CONFIG, |_| true);
    let availability = json!([{ "t": STATUS, "val_tpl": "{{ value_json.status }}" }]);
    let device =
        json!({ "ids": ["vigie_OVEN_1"], "name": "OVEN_1", "mf": "Vigie", "sa": "Bakery" });
    assert_eq!(value["dev"], device);
    assert_eq!(value["uniq_id"], "vigie_OVEN_1-temperature");
    assert_eq!(value["def_ent_id"], "sensor.vigie_oven_1_temperature");
    assert_eq!((&value["dev_cla"], &value["unit_of_meas"]), (&"temperature".into(), &"°C".into()));
    assert_eq!((&value["stat_t"], &value["stat_cla"]), (&VALUE.into(), &"measurement".into()));
    assert!(value["exp_aft"].as_u64().is_some_and(|it| it > 600), "{value}");
    assert_eq!((&value["avty"], &value["avty_mode"]), (&availability, &"all".into()));
    let alarm = wait(client, ALARM_CONFIG, |_| true);
    assert_eq!((&alarm["dev"], &alarm["avty"]), (&device, &availability));
    assert_eq!((&alarm["dev_cla"], &alarm["stat_t"]), (&"problem".into(), &ALARM.into()));
    for config in [&value, &alarm] {
        assert_eq!(config["o"]["name"], "Vigie", "by which a reader of discovery passes it over");
        assert_eq!(config.get("object_id"), None);
    }
}

/// The scenario up to the end of the daemon.
fn check(access: &Access) {
    let live = Client::listening(access, &["homeassistant/#", "vigie/#"]);
    let device = Client::connect(access);
    device.publish(names::READINGS, reading("OVEN_1", 180.5), 1);
    check_configs(&live);
    wait(&live, VALUE, |value| *value == 180.5);
    wait(&live, ALARM, |alarm| alarm["state"] == "OFF");

    device.publish(names::READINGS, reading("OVEN_1", 230.0), 1);
    let alarm = wait(&live, ALARM, |alarm| alarm["state"] == "ON");
    assert_eq!((&alarm["rule"], &alarm["unacknowledged"]), (&"hot".into(), &true.into()));
    assert!(alarm["severity"].is_string() && alarm["since"].is_string(), "{alarm}");
    wait(&live, VALUE, |value| *value == 230.0);
    assert!(live.received().iter().all(|message| message.retained && message.qos == 1));

    // A later subscriber gets the retained messages.
    let late = Client::listening(access, &["homeassistant/#", "vigie/#"]);
    check_configs(&late);
    wait(&late, ALARM, |alarm| alarm["state"] == "ON");
    wait(&late, VALUE, |value| *value == 230.0);

    device.publish(names::READINGS, reading("OVEN_1", 150.0), 1);
    wait(&live, ALARM, |alarm| alarm["state"] == "OFF");
}

/// Home Assistant announces its start, and everything is published again.
fn check_birth(access: &Access) {
    let live = Client::listening(access, &["homeassistant/#"]);
    wait(&live, ALARM_CONFIG, |_| true);
    let before = live.received_on(VALUE_CONFIG).len();
    live.publish("homeassistant/status", "online", 0);
    live.wait_count(VALUE_CONFIG, before + 1, SOON);
}

#[test]
fn home_assistant_discovers_every_series_on_the_embedded_broker() {
    let home = Home::new();
    let mut daemon = home.start(&config(embedded(), true));
    let access = daemon.embedded_broker();
    check(&access);
    check_birth(&access);
    let rejected = home.db().texts("SELECT topic || ': ' || reason FROM rejected_messages");
    assert!(rejected.is_empty(), "{rejected:?}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn home_assistant_discovers_every_series_on_mosquitto_and_the_death_of_the_daemon() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let broker = Mosquitto::running();
    let home = Home::new();
    let text = config(&broker.access().mqtt_table("the broker", ""), true);
    let mut daemon = home.start(&text);
    daemon.wait_line(names::CONNECTED, SOON);
    check(&broker.access());
    check_birth(&broker.access());

    Client::connect(&broker.access()).publish(names::READINGS, reading("OVEN_1", 230.0), 1);
    let world = Client::listening(&broker.access(), &[ALARM, STATUS]);
    wait(&world, ALARM, |alarm| alarm["state"] == "ON");
    wait(&world, STATUS, |status| status["status"] == "online");
    daemon.kill();
    let will = wait(&world, STATUS, |status| status["status"] == "offline");
    assert_eq!(
        will["reason"], "connection lost",
        "so the alarm, which is still ON, is unavailable"
    );

    let mut daemon = home.start(&text);
    let again = Client::listening(&broker.access(), &[ALARM, STATUS]);
    wait(&again, STATUS, |status| status["status"] == "online");
    wait(&again, ALARM, |alarm| alarm["state"] == "ON");
    assert_eq!(daemon.stop(), 0);
    wait(&again, STATUS, |status| status["reason"] == "shutdown");
}

#[test]
fn discovery_is_off_by_default() {
    let home = Home::new();
    let mut daemon = home.start(&config(embedded(), false));
    let live = Client::listening(&daemon.embedded_broker(), &["homeassistant/#", "vigie/#"]);
    live.publish(names::READINGS, reading("OVEN_1", 230.0), 1);
    daemon.wait_until("it is stored", SOON, || home.db().count() == 1);
    let_run(Duration::from_secs(2));
    assert_eq!(live.received().len(), 0, "{:?}", live.received());
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn an_alarm_entity_is_removed_with_its_last_rule() {
    let home = Home::new();
    let text = config(embedded(), true);
    let mut daemon = home.start(&text);
    let live = Client::listening(&daemon.embedded_broker(), &["homeassistant/#", "vigie/#"]);
    live.publish(names::READINGS, reading("OVEN_1", 180.5), 1);
    wait(&live, ALARM, |alarm| alarm["state"] == "OFF");
    home.write("vigie.toml", &text.replace(RULES, ""));
    daemon.hang_up();
    let is_deleted = |topic: &str| live.wait_message(topic, SOON, |it| it.payload.is_empty());
    is_deleted(ALARM_CONFIG);
    is_deleted(ALARM);
    assert!(live.received_on(VALUE_CONFIG).iter().all(|it| !it.payload.is_empty()));
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn devices_cant_publish_on_discovery_topics() {
    let home = Home::new();
    home.write("password", "secret\n");
    let users = "[[broker.users]]\nname = \"oven\"\npassword_file = \"password\"\npublish = [\"#\"]\n\
                 subscribe = [\"#\"]\n";
    let mut daemon = home.start(&config(&format!("{}{users}", embedded()), true));
    let user = Some(("oven".to_owned(), "secret".to_owned()));
    let access = Access { user, ..daemon.embedded_broker() };
    let oven = Client::listening(&access, &["homeassistant/#", "vigie/#"]);
    oven.publish(names::READINGS, reading("OVEN_1", 230.0), 1);
    wait(&oven, ALARM, |alarm| alarm["state"] == "ON");
    oven.publish(ALARM, "forged", 0);
    oven.publish("vigie/else", "by anybody", 0);
    oven.wait_message("vigie/else", SOON, |_| true);
    assert!(oven.received_on(ALARM).iter().all(|message| message.payload != b"forged"));
    assert_eq!(daemon.stop(), 0);
}
