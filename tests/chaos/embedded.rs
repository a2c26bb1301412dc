//! The broker dies with the daemon it is embedded in: what it acknowledged must be on disk.

use super::counting::{Deeds, conclude, settle};
use super::daemon_killed::kill_often;
use super::scale::{Moments, pick};
use super::support::numbered::{Plan, Published};
use super::support::{Home, SOON, free_port, names};

/// Many devices, so that the broker is never idle.
const MANY: usize = 16;

fn config(port: u16, durability: &str) -> String {
    format!(
        "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:{port}\"\n\
         [storage]\ndurability = \"{durability}\"\n"
    )
}

#[test]
fn kills_with_durability_process_lose_nothing() {
    killed("process", |port| Plan {
        rate: Some(pick(2_500, 5_000)),
        ..Plan::new(port, pick(8_000, 200_000))
    });
}

#[test]
fn kills_at_qos_2_lose_nothing() {
    killed("process", |port| Plan {
        qos: 2,
        rate: Some(pick(1_000, 1_500)),
        ..Plan::new(port, pick(3_000, 50_000))
    });
}

#[test]
fn kills_with_durability_power_lose_nothing() {
    // What a sync a message leaves of the rate is no subject here.
    killed("power", |port| Plan {
        rate: Some(pick(1_000, 2_000)),
        ..Plan::new(port, pick(8_000, 200_000))
    });
}

fn killed(durability: &str, plan: impl FnOnce(u16) -> Plan) {
    let port = free_port();
    let plan = plan(port);
    let (total, qos) = (plan.total, plan.qos);
    let config = config(port, durability);
    let home = Home::new();
    let mut daemon = home.start(&config);
    daemon.wait_line(names::CONNECTED, SOON);
    let mut moments = Moments::new();
    let kills = pick(4, 40);
    let publishers = plan.start();
    kill_often(&home, &config, &mut daemon, kills, &mut moments);
    let published = publishers.finish();
    settle(&home.db(), &published, &mut daemon);
    assert_eq!(daemon.stop(), 0);
    assert_eq!(published.count(), total, "acknowledged");
    let name = format!("embedded broker killed, QoS {qos}, {durability}");
    let deeds = Deeds { name: &name, seed: Some(moments.seed), done: format!("{kills} kills") };
    conclude(&home.db(), &published, &deeds).assert_exact();
}

/// What each durability costs, side by side.
#[test]
fn the_cost_of_each_durability() {
    let [process, power] = ["process", "power"].map(unlimited);
    println!(
        "CHAOS embedded broker, {MANY} connections, unlimited: process {:.0}/s, power {:.0}/s",
        process.rate(),
        power.rate()
    );
}

fn unlimited(durability: &str) -> Published {
    let port = free_port();
    let home = Home::new();
    let mut daemon = home.start(&config(port, durability));
    daemon.wait_line(names::CONNECTED, SOON);
    let total = pick(5_000, 100_000);
    let publishers = Plan { rate: None, connections: MANY, ..Plan::new(port, total) }.start();
    let published = publishers.finish();
    settle(&home.db(), &published, &mut daemon);
    assert_eq!(daemon.stop(), 0);
    assert_eq!(published.count(), total, "acknowledged");
    let name = format!("embedded broker, unlimited, {durability}");
    let deeds = Deeds { name: &name, seed: None, done: "0 kills".into() };
    conclude(&home.db(), &published, &deeds).assert_exact();
    published
}
