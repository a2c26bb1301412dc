//! The disk guard: a disk that will be full within a day raises an alarm like any other. It survives kills and ends when
//! the disk no longer fills.

use serde_json::{Value, json};

use crate::support::http::HttpServer;
use crate::support::readings::{reading, timestamp};
use crate::support::{
    Client, Daemon, Home, Mosquitto, SOON, alertmanager_v4, names, require, run_vigie,
};

const TOPIC: &str = "factory/alerts/disk";

const HISTORY: &str =
    "SELECT concat_ws(' ', alert_type, sensor_id, rule, severity, transition, announced)
    FROM alerts ORDER BY id";

/// A daemon with the fault `full:storage`: the disk is assumed to be full after a time.
fn start(home: &mut Home, config: &str, full_in: &str) -> Daemon {
    home.set_env("VIGIE_FAULTS", &format!("full:storage={full_in}"));
    let mut daemon = home.start(config);
    daemon.wait_line(names::CONNECTED, SOON);
    daemon
}

/// Runs a command that must succeed; returns its output.
fn vigie(home: &Home, args: &[&str]) -> String {
    let output = run_vigie(home, &[args, &["-c", "vigie.toml"]].concat());
    assert_eq!(output.status.code(), Some(0), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// Alarms that are not normal.
fn alarms(home: &Home) -> Vec<Value> {
    let lines = vigie(home, &["alarms", "--json"]);
    lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Waits until the disk is measured and everything so far is evaluated, by storing a reading.
fn settle(home: &Home, daemon: &mut Daemon, device: &Client, n: usize, days: f64) {
    daemon.wait_until("its figures", SOON, || {
        let system = home.api().get("/api/v1/system").expect("an answer").json;
        system["database"]["days_left"] == json!(days)
    });
    let _looked = daemon.wait_line("all up", SOON);
    device.publish(names::READINGS, reading("T_1", 20.0, &timestamp(n)), 1);
    daemon.wait_until("the reading", SOON, || home.db().count() == n);
}

#[test]
fn a_disk_that_fills_is_an_alarm_like_any_other() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let (broker, server, mut home) = (Mosquitto::running(), HttpServer::new(), Home::new());
    let listener = Client::listening(&broker.access(), &[TOPIC]);
    let device = Client::connect(&broker.access());
    let config = format!(
        "language = \"en\"\n{}[[receivers]]\nname = \"on-call\"\ntype = \"webhook\"\nurl = \"{}\"\n\
         group_wait = \"100ms\"\ngroup_interval = \"200ms\"\n",
        broker.access().mqtt_table("the broker", ""),
        server.url("/")
    );

    let mut daemon = start(&mut home, &config, "6h");
    let raised = listener.wait_count(TOPIC, 1, SOON).remove(0).json();
    let seen = json!([
        raised["alert_type"],
        raised["sensor_id"],
        raised["state"],
        raised["severity"],
        raised["rule"]
    ]);
    assert_eq!(seen, json!(["SYSTEM_DISK", "vigie", "active", "HIGH", "system:disk"]));
    let message = raised["message"].as_str().expect("a text");
    let free = raised["disk"].as_f64().expect("the free space");
    assert_eq!(message, format!("Disk full within a day at the present rate, free: {free} GB"));
    assert_eq!(daemon.lines_with("🚨 ALERT: Disk full").len(), 1);
    let told = server.wait_taken(1, SOON).remove(0).json();
    assert_eq!(alertmanager_v4::alerts(&told)[0]["labels"]["alert_type"], "SYSTEM_DISK");
    daemon.wait_until("the problem", SOON, || {
        vigie(&home, &["status"]).contains("the disk will be full within a day")
    });
    let [alarm] = &alarms(&home)[..] else { panic!("one alarm") };
    assert_eq!((&alarm["rule"], &alarm["id"]), (&json!("system:disk"), &raised["alert_id"]));
    vigie(&home, &["ack", "system:disk/vigie"]);
    assert_eq!(alarms(&home)[0]["state"], "acknowledged");
    // The alarm is neither a series nor a reading.
    let sensors = home.api().get("/api/v1/sensors").expect("an answer").json;
    assert_eq!((&sensors["sensors"], home.db().count()), (&json!([]), 0));

    // Between one day and two the state is kept (hysteresis), over a kill too.
    daemon.kill();
    let mut daemon = start(&mut home, &config, "36h");
    settle(&home, &mut daemon, &device, 1, 1.5);
    let [alarm] = &alarms(&home)[..] else { panic!("one alarm") };
    let seen = (&alarm["id"], &alarm["state"]);
    assert_eq!(seen, (&raised["alert_id"], &json!("acknowledged")));

    daemon.kill();
    let mut daemon = start(&mut home, &config, "48h");
    let ended = listener.wait_count(TOPIC, 2, SOON).remove(1).json();
    let seen = (&ended["state"], &ended["alert_id"]);
    assert_eq!(seen, (&json!("resolved"), &raised["alert_id"]));
    daemon.wait_until("its end", SOON, || alarms(&home).is_empty());
    assert!(!vigie(&home, &["status"]).contains("PROBLEM"));
    daemon.wait_line("RESOLVED: Disk back to normal", SOON);
    server.wait_taken(2, SOON);
    assert_eq!(daemon.stop(), 0);
    let expected = ["raised 1", "acknowledged 0", "returned 1"]
        .map(|it| format!("SYSTEM_DISK vigie system:disk HIGH {it}"));
    assert_eq!(home.db().texts(HISTORY), expected);
    assert_eq!(listener.received_on(TOPIC).len(), 2);
}
