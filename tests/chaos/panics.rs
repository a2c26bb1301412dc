//! Parts of the daemon panic in the middle of their work, under load, again and again.

use std::time::Duration;

use serde_json::Value;

use super::counting::{Deeds, conclude, settle, settle_for};
use super::scale::pick;
use super::support::numbered::Plan;
use super::support::{Daemon, Home, Mosquitto, SOON, let_run, names, require, run_vigie};

const PANICKING: [&str; 3] = ["alerts", "gateway", "storage"];

/// From one panic of a part to its next are 13 s, half a minute of waiting, and what it waits for another that is away:
/// twenty take from a quarter of an hour to half an hour.
const LONG: Duration = Duration::from_secs(45 * 60);

/// A bad command line, config or wish.
const USAGE: i32 = 2;

/// How long the load goes on after the last panic.
const AFTERWARDS: Duration = Duration::from_secs(1);

const SPARED: [&str; 2] = ["web", "fleet"];

#[test]
fn panics_of_evaluator_gateway_and_writer_lose_nothing() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let mut broker = Mosquitto::new().with_endless_queues();
    broker.start();
    // Five restarts a minute are forgiven, however long this takes; the wait before each grows to half a minute.
    let (every, panics) = ("13s", pick(1, 20));
    let mut home = Home::new();
    home.set_env(names::FAULTS, &PANICKING.map(|child| format!("panic:{child}={every}")).join(","));
    let config = config(&broker);
    let mut daemon = home.start(&config);
    daemon.wait_line(names::CONNECTED, SOON);
    let plan = Plan::new(broker.port(), 1_000_000);
    let plan = Plan { rate: Some(pick(1_000, 500)), at_most: LONG, ..plan };
    let publishers = plan.start();
    let patience = pick(SOON * 2, LONG);
    for child in PANICKING {
        daemon.wait_lines(&format!("{}{child}", names::PANIC_IN), panics, patience);
    }
    // They come back under load, too.
    let_run(AFTERWARDS);
    publishers.enough();
    let published = publishers.finish();
    // They go on panicking, and are away for up to half a minute each time.
    settle_for(&home.db(), &published, &mut daemon, Duration::from_secs(60));
    check_incarnations(&home, &mut daemon, &config);
    let panics = daemon.lines_with(names::PANIC_IN).len();
    assert_eq!(daemon.stop(), 0);
    // Parts that are away two thirds of the time may not meet for minutes: what waits in the log then, a daemon
    // without faults stores at once.
    home.set_env(names::FAULTS, "");
    let mut daemon = home.start(&config);
    settle(&home.db(), &published, &mut daemon);
    assert_eq!(daemon.stop(), 0);
    let deeds = Deeds { name: "panics", seed: None, done: format!("{panics} panics") };
    conclude(&home.db(), &published, &deeds).assert_exact();
}

/// A fault that was asked for and does not come would make every figure here a lie.
#[test]
fn an_invalid_fault_ends_the_daemon() {
    let mut home = Home::new();
    home.set_env(names::FAULTS, "panic:evaluator=13s");
    let mut daemon = home.spawn("language = \"en\"\n[broker]\nlisten = \"127.0.0.1:0\"\n");
    assert_eq!(daemon.exit_code(SOON), USAGE);
    let log = daemon.log();
    assert!(
        log.contains("no child `evaluator` has fault points; alerts, broker, gateway"),
        "{log}"
    );
}

/// With a sensor of its own, so that the gateway has something in its hands.
fn config(broker: &Mosquitto) -> String {
    format!(
        "language = \"en\"\n{}\
         [[sensors]]\nid = \"OWN_001\"\ninterval = \"100ms\"\nsource = {{ type = \"simulated\" }}\n",
        broker.access().mqtt_table("the broker", "")
    )
}

/// One incarnation more for each panic, and one alone for who had none.
fn check_incarnations(home: &Home, daemon: &mut Daemon, config: &str) {
    let file = home.write("asked.toml", config);
    let file = file.to_str().expect("a path of text").to_owned();
    let log = home.path("log-1.txt");
    daemon.wait_until("as many incarnations as panics", SOON, || {
        let output = run_vigie(home, &["status", "--json", "-c", &file]);
        let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
        let log = std::fs::read_to_string(&log).expect("the log");
        let incarnation = |name: &str| {
            let children = report["tree"]["children"].as_array().expect("the children");
            let child = children.iter().find(|child| child["name"] == name).expect(name);
            child["incarnation"].as_u64().expect("a number")
        };
        for child in SPARED {
            assert_eq!(incarnation(child), 1, "{child} was restarted");
        }
        PANICKING.iter().all(|child| {
            let panics = log.matches(&format!("{}{child}", names::PANIC_IN)).count();
            incarnation(child) == panics as u64 + 1
        })
    });
}
