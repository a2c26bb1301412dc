//! Suppression, seen from outside: a dead gateway is one alarm for a thousand sensors, a Last Will raises an alarm at once,
//! a configured sensor that never reports is silent, planned work and chattering are not announced.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::support::readings::{reading, timestamp};
use crate::support::{
    Access, Client, Daemon, Home, Mosquitto, Received, SOON, let_run, names, require,
};

const SENSORS: usize = 1_000;

/// The sensors' `after` ends before the gateway's, as in installations where both report every minute.
const RULES: &str = r#"
language = "en"

[broker]
listen = "127.0.0.1:0"

[[rules]]
name = "gateway-silent"
kind = "stale"
sensors = ["GW_*"]
after = "4s"
priority = "critical"

[[rules]]
name = "sensor-silent"
kind = "stale"
sensors = ["S_*"]
after = "2s"
suppressed_by = ["gateway-silent"]
suppression_wait = "10s"
suppression_settle = "3s"
"#;

const RAISED: &str =
    "SELECT count(*) FROM alerts WHERE rule = 'sensor-silent' AND transition = 'raised'";
const RESOLVED: &str =
    "SELECT count(*) FROM alerts WHERE rule = 'sensor-silent' AND transition = 'returned'";
const PUBLISHED: &str = "SELECT count(*) FROM alerts WHERE published_at IS NOT NULL";
const ANNOUNCED: &str = "SELECT count(*) FROM alerts WHERE announced";
const EXPLAINED: &str =
    "SELECT count(*) FROM alarm_states WHERE state LIKE '%\"suppressed_by\":\"gateway-silent\"%'";
const SUPPRESSED: &str =
    "SELECT count(*) FROM alarm_states WHERE state LIKE '%\"suppressed_by\":\"%'";

static CLOCK: AtomicUsize = AtomicUsize::new(0);

/// One reading of each sensor, the gateway's first.
fn round(client: &Client) {
    let timestamp = timestamp(CLOCK.fetch_add(1, Ordering::Relaxed));
    let ids = (0..SENSORS).map(|n| format!("S_{n}"));
    let ids = std::iter::once("GW_1".to_owned()).chain(ids);
    client.publish_all(
        ids.map(|id| (names::READINGS.to_owned(), reading(&id, 20.5, &timestamp).into_bytes())),
    );
}

/// Publishes readings of all sensors repeatedly until stopped.
struct Fleet {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Fleet {
    fn speaks(access: &Access) -> Self {
        let (access, is_over) = (access.clone(), Arc::new(AtomicBool::new(false)));
        let over = is_over.clone();
        let thread = thread::spawn(move || {
            let client = Client::connect(&access);
            while !over.load(Ordering::Relaxed) {
                round(&client);
                let_run(Duration::from_millis(300));
            }
        });
        Self { is_over, thread }
    }

    fn falls_silent(self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().expect("the fleet");
    }
}

fn wait_number(daemon: &mut Daemon, home: &Home, sql: &str, number: usize) {
    let number = i64::try_from(number).expect("a small number");
    let within = Duration::from_secs(60);
    daemon.wait_until(&format!("{number} of {sql}"), within, || home.db().number(sql) == number);
}

/// A gateway fails with all sensors behind it, and all of them return.
fn outage(is_killed: bool) {
    let home = Home::new();
    let mut daemon = home.start(RULES);
    let mut access = daemon.embedded_broker();
    let mut client = Client::listening(&access, &[names::ALERTS]);
    let fleet = Fleet::speaks(&access);
    daemon.wait_until("a round", SOON, || home.db().count() > SENSORS);
    fleet.falls_silent();
    let raised = client.wait_count(names::ALERTS, 1, SOON)[0].json();
    assert_eq!((&raised["rule"], &raised["state"]), (&"gateway-silent".into(), &"active".into()));
    assert_eq!(raised["severity"], "CRITICAL");
    wait_number(&mut daemon, &home, RAISED, SENSORS);
    wait_number(&mut daemon, &home, EXPLAINED, SENSORS);
    let mut num_before = client.received_on(names::ALERTS).len();
    if is_killed {
        // A kill before the delivery is recorded would publish the alert again.
        wait_number(&mut daemon, &home, PUBLISHED, 1);
        daemon.kill();
        daemon = home.start(RULES);
        access = daemon.embedded_broker();
        client = Client::listening(&access, &[names::ALERTS]);
        num_before -= 1;
        assert_eq!(home.db().number(EXPLAINED), 1000, "nothing was let go by the kill");
    }
    let fleet = Fleet::speaks(&access);
    let told = client.wait_count(names::ALERTS, num_before + 1, SOON);
    let resolved = told[num_before].json();
    assert_eq!(
        (&resolved["alert_id"], &resolved["state"]),
        (&raised["alert_id"], &"resolved".into())
    );
    wait_number(&mut daemon, &home, RESOLVED, SENSORS);
    wait_number(&mut daemon, &home, SUPPRESSED, 0);
    fleet.falls_silent();
    assert_eq!(daemon.stop(), 0);
    assert_eq!(client.received_on(names::ALERTS).len(), num_before + 1);
    assert_eq!(home.db().number(ANNOUNCED), 2, "the gateway's, raised and resolved");
    assert_eq!(home.db().number(RAISED), 1000);
    assert_eq!(home.db().number(RESOLVED), 1000);
}

#[test]
fn a_dead_gateway_is_one_alarm_for_a_thousand_sensors() {
    outage(false);
}

#[test]
fn suppression_survives_a_kill() {
    outage(true);
}

/// A device with a Last Will whose connection breaks without a DISCONNECT.
fn die_with_a_will(address: &str, topic: &str, will: &str) {
    let text = |text: &str| {
        let length = u16::try_from(text.len()).expect("a short text").to_be_bytes();
        [&length[..], text.as_bytes()].concat()
    };
    // MQTT 3.1.1: clean session, a retained will of QoS 1, keep alive 60 s.
    let head = [&text("MQTT")[..], &[4, 0b0010_1110, 0, 60]].concat();
    let body = [head, text("device"), text(topic), text(will)].concat();
    let length = u8::try_from(body.len()).expect("a short packet");
    let mut device = TcpStream::connect(address).expect("the broker");
    device.set_read_timeout(Some(SOON)).expect("a timeout");
    device.write_all(&[&[0x10, length][..], &body].concat()).expect("CONNECT");
    let mut connack = [0; 4];
    device.read_exact(&mut connack).expect("CONNACK");
    assert_eq!(connack[3], 0, "accepted");
}

const SILENT: &str = "[[rules]]\nname = \"silent\"\nkind = \"stale\"\nafter = \"1h\"\n";
const AVAILABILITY: &str = "factory/availability/T_1";

/// The scenario for the embedded and for a remote broker.
fn a_will_is_believed(home: &Home, config: &str, access: Option<Access>) {
    let mut daemon = home.start(config);
    let access = access.unwrap_or_else(|| daemon.embedded_broker());
    let client = Client::listening(&access, &[names::ALERTS]);
    client.publish(names::READINGS, reading("T_1", 21.5, &timestamp(0)), 1);
    daemon.wait_until("the reading", SOON, || home.db().count() == 1);
    let address = access.url.strip_prefix("mqtt://").expect("plain MQTT");
    die_with_a_will(address, AVAILABILITY, "offline");
    let raised = client.wait_count(names::ALERTS, 1, SOON)[0].json();
    assert_eq!(raised["alert_type"], "STALE_TEMPERATURE");
    assert_eq!(raised["message"], "Temperature: the sensor is offline, the last reading: 21.5°C");
    client.publish(AVAILABILITY, "gone fishing", 1);
    client.publish(AVAILABILITY, r#"{"state":"online"}"#, 1);
    let resolved = client.wait_count(names::ALERTS, 2, SOON)[1].json();
    assert_eq!(
        (&resolved["state"], &resolved["alert_id"]),
        (&"resolved".into(), &raised["alert_id"])
    );
    let rejected = "SELECT count(*) FROM rejected_messages WHERE reason LIKE '%neither `online`%'";
    daemon.wait_until("the strange word", SOON, || home.db().number(rejected) == 1);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_last_will_on_the_embedded_broker_raises_the_alarm_at_once() {
    let config = format!("language = \"en\"\n[broker]\nlisten = \"127.0.0.1:0\"\n{SILENT}");
    a_will_is_believed(&Home::new(), &config, None);
}

#[test]
fn a_last_will_on_a_remote_broker_raises_the_alarm_at_once() {
    if !require(&["mosquitto"]) {
        return;
    }
    let (broker, home) = (Mosquitto::running(), Home::new());
    let table = broker.access().mqtt_table("the broker", "");
    a_will_is_believed(
        &home,
        &format!("language = \"en\"\n{table}{SILENT}"),
        Some(broker.access()),
    );
}

#[test]
fn a_configured_sensor_that_never_reports_is_silent() {
    let home = Home::new();
    let config = "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:0\"\n\
                  [[sensors]]\nid = \"MUTE\"\nlocation = \"Quai\"\ninterval = \"1s\"\n\
                  source = { type = \"simulated\", dropout = 1.0 }\n\
                  [[rules]]\nname = \"silent\"\nkind = \"stale\"\nafter = \"3s\"\n";
    let mut daemon = home.start(config);
    let client = Client::listening(&daemon.embedded_broker(), &[names::ALERTS]);
    let raised = client.wait_count(names::ALERTS, 1, SOON)[0].json();
    assert_eq!(raised["message"], "Temperature: nothing ever heard of the sensor, for 3 s");
    assert_eq!((&raised["sensor_id"], &raised["location"]), (&"MUTE".into(), &"Quai".into()));
    assert!(raised["temperature"].is_null(), "{raised}");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn no_sensor_is_silent_while_the_daemon_is_frozen() {
    let home = Home::new();
    let config = "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:0\"\n\
                  [[rules]]\nname = \"silent\"\nkind = \"stale\"\nafter = \"10s\"\n";
    let mut daemon = home.start(config);
    let client = Client::connect(&daemon.embedded_broker());
    client.publish(names::READINGS, reading("S", 20.0, &timestamp(0)), 1);
    daemon.freeze(Duration::from_secs(12));
    // Twice, so that the clock was read in between.
    client.publish(names::READINGS, reading("S", 20.0, &timestamp(1)), 1);
    daemon.wait_until("both", SOON, || home.db().count() == 2);
    assert_eq!(daemon.stop(), 0);
    assert_eq!(home.db().number("SELECT count(*) FROM alerts"), 0, "{}", daemon.log());
}

/// Five sensors exceed the limit one after the other, one of them repeatedly.
#[test]
fn planned_work_is_suppressed_and_chattering_and_floods_are_announced_once() {
    let home = Home::new();
    let config = "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:0\"\n\
                  [alerts.temperature]\nhigh = 30.0\n\
                  [alerts.chattering]\nraises = 3\nwithin = \"1m\"\ncalm = \"1h\"\n\
                  [alerts.flood]\nalarms = 5\nwithin = \"10m\"\nuntil = 1\n\
                  [[maintenance]]\nname = \"always\"\nsensors = [\"W_*\"]\n\
                  schedule = \"* * * * *\"\nlasting = \"1h\"\n";
    let mut daemon = home.start(config);
    let client = Client::listening(&daemon.embedded_broker(), &["factory/alerts/+"]);
    let mut second = 0;
    let mut hear = |sensor: &str, value: f64| {
        second += 1;
        client.publish(names::READINGS, reading(sensor, value, &timestamp(second)), 1);
    };
    hear("W_1", 40.0);
    for _ in 0..7 {
        hear("T_0", 40.0);
        hear("T_0", 20.0);
    }
    for sensor in ["T_1", "T_2", "T_3", "T_4"] {
        hear(sensor, 40.0);
    }
    let told = client.wait_for("all of it", SOON, |told| (told.len() >= 10).then(|| told.to_vec()));
    let told: Vec<_> = told.iter().map(Received::json).collect();
    let said = |at: usize| {
        let text = |field: &str| told[at][field].as_str().expect("text").to_owned();
        format!("{} {} {}", text("sensor_id"), text("alert_type"), text("state"))
    };
    let all: Vec<_> = (0..told.len()).map(said).collect();
    let count = |what: &str| all.iter().filter(|line| line.as_str() == what).count();
    assert_eq!(count("T_0 HIGH_TEMPERATURE active"), 2, "{all:#?}");
    assert_eq!(count("T_0 HIGH_TEMPERATURE resolved"), 2);
    assert_eq!(count("T_0 CHATTERING_TEMPERATURE active"), 1);
    assert_eq!(count("* FLOOD active"), 1);
    assert_eq!(count("T_4 HIGH_TEMPERATURE active"), 1, "each is still told in a flood");
    assert_eq!(told.len(), 10);
    let of = |kind: &str| told.iter().find(|event| event["alert_type"] == kind).expect("one");
    assert_eq!(
        of("CHATTERING_TEMPERATURE")["message"],
        "Temperature: the alarm chatters, raised 3 times in 4 s: held back"
    );
    assert_eq!(of("FLOOD")["alarms"], 6);
    let withheld = "SELECT count(*) FROM alerts WHERE sensor_id = 'W_1' AND NOT announced";
    daemon.wait_until("what was withheld", SOON, || home.db().number(withheld) == 1);
    let marked = "SELECT count(*) FROM alerts WHERE in_flood AND sensor_id LIKE 'T%'";
    // While a commit is stuck, an alert is published before its row is stored.
    daemon.wait_until("its mark", SOON, || home.db().number(marked) > 0);
    assert_eq!(home.db().number(marked), 1);
    assert_eq!(daemon.stop(), 0);
}
