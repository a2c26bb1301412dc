//! The daemon dies, again and again, while a broker elsewhere keeps what it has not acknowledged.

use super::counting::{Deeds, conclude, settle};
use super::scale::{Moments, pick};
use super::support::numbered::Plan;
use super::support::{Daemon, Home, Mosquitto, SOON, let_run, names, require};

/// From a start to the next SIGKILL: some die before they have connected.
const LIFE_MS: (u64, u64) = (200, 1_600);

#[test]
fn daemon_kills_lose_nothing_at_qos_1() {
    let plan =
        |port| Plan { rate: Some(pick(2_500, 5_000)), ..Plan::new(port, pick(10_000, 200_000)) };
    killed("daemon killed, QoS 1", pick(4, 40), plan);
}

#[test]
fn daemon_kills_lose_nothing_at_qos_2() {
    let plan = |port| Plan {
        qos: 2,
        // No more than Mosquitto takes at a time. With 100 under way it hung up on the publishers,
        // again and again, and completed 450 messages that it then didn't have.
        window: 20,
        rate: Some(pick(1_000, 1_500)),
        ..Plan::new(port, pick(3_000, 50_000))
    };
    killed("daemon killed, QoS 2", pick(4, 40), plan);
}

fn killed(name: &str, kills: usize, plan: impl FnOnce(u16) -> Plan) {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let mut broker = Mosquitto::new()
        .with_persistence()
        .with_endless_queues()
        // At its default of 20 it ends the connection of who has more on the way at QoS 2.
        .with_line("max_inflight_messages 1000");
    broker.start();
    let config = format!("language = \"en\"\n{}", broker.access().mqtt_table("the broker", ""));
    let home = Home::new();
    let mut daemon = home.start(&config);
    daemon.wait_line(names::CONNECTED, SOON);
    let mut moments = Moments::new();
    let plan = plan(broker.port());
    let total = plan.total;
    let publishers = plan.start();
    kill_often(&home, &config, &mut daemon, kills, &mut moments);
    let published = publishers.finish();
    settle(&home.db(), &published, &mut daemon);
    assert_eq!(daemon.stop(), 0);
    assert_eq!(published.count(), total, "acknowledged");
    let done = format!("{kills} kills");
    conclude(&home.db(), &published, &Deeds { name, seed: Some(moments.seed), done })
        .assert_exact();
}

/// SIGKILL at random moments, each time started again at once.
pub fn kill_often(
    home: &Home,
    config: &str,
    daemon: &mut Daemon,
    kills: usize,
    moments: &mut Moments,
) {
    for _ in 0..kills {
        let_run(moments.between(LIFE_MS.0, LIFE_MS.1));
        assert!(daemon.is_running(), "it ended by itself:\n{}", daemon.log());
        daemon.kill();
        *daemon = home.spawn(config);
    }
    // Before it listens for signals, one to stop would end it like any other process.
    daemon.wait_ready();
}
