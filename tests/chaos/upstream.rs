//! What devices of the embedded broker send goes upstream, over an outage of the link and a SIGKILL in its middle: all of
//! it, at least once, and each device's in order. Its echo is stored by nobody twice.

use std::collections::HashMap;
use std::time::Duration;

use super::counting::{Deeds, conclude, settle};
use super::scale::pick;
use super::support::numbered::Plan;
use super::support::{
    Client, Home, Mosquitto, Received, SOON, eventually, free_port, names, require,
};

const RATE: u32 = 500;

/// Half a minute for what waits; ten minutes at 500 a second are 300,000.
const ALL_SENT: Duration = Duration::from_secs(300);

/// The link is cut from a tenth of the messages to the last twentieth; the daemon is killed in the middle.
#[test]
fn forwarded_messages_arrive_in_order_over_an_outage_and_a_kill() {
    let total = pick(2_000, 320_000);
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let mut broker = Mosquitto::new().with_persistence().with_endless_queues();
    broker.start();
    let access = broker.access();
    let subscribe = Client::resume(&access, "subscriber").expect("connected");
    ["factory/sensors/#", "site/#", "other/#"].iter().for_each(|it| subscribe.subscribe(it));
    subscribe.disconnect();
    let port = free_port();
    let config = format!(
        "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:{port}\"\n\
         forward = [\"factory/#\", \"site/#\"]\n{}",
        access.mqtt_table("upstream", "")
    );
    let home = Home::new();
    let mut daemon = home.start(&config);
    daemon.wait_line(names::CONNECTED, SOON);
    let device = Client::connect(&daemon.embedded_broker());
    device.retain("site/state", "on");
    device.publish("other/x", "stays here", 1);
    // Without a time of its own: its echo can't be notified from another reading but by the mark.
    device.publish("factory/sensors/pressure", r#"{"sensor_id":"P","pressure":7}"#, 1);

    let at_most = SOON + 2 * Duration::from_secs((total / RATE as usize) as u64);
    let publishers = Plan { rate: Some(RATE), at_most, ..Plan::new(port, total) }.start();
    let acknowledged = |count: usize| {
        let within = SOON + Duration::from_secs((total / RATE as usize) as u64);
        eventually("publications", within, || (publishers.acknowledged() >= count).then_some(()));
    };
    acknowledged(total / 10);
    broker.stop();
    acknowledged(total / 2);
    daemon.kill();
    daemon = home.spawn(&config);
    acknowledged(total - total / 20);
    broker.start();
    let published = publishers.finish();
    settle(&home.db(), &published, &mut daemon);

    let subscriber = Client::resume(&access, "subscriber").expect("connected");
    // Looking at all of them each time would take for ever.
    eventually("all of them upstream", ALL_SENT, || {
        let received = subscriber.received();
        (received.len() > total && distinct(&received) == total).then_some(())
    });
    let received = subscriber.received();
    assert_in_order(&received);
    let others: Vec<_> = received.iter().filter(|it| !it.topic.starts_with("factory/")).collect();
    assert!(others.iter().all(|it| it.topic == "site/state" && it.payload == b"on"));
    let late = Client::listening(&access, &["site/#"]);
    late.wait_for("what is retained", SOON, |messages| {
        messages.iter().find(|it| it.payload == b"on" && it.retained).map(drop)
    });
    let readings = received.len() - others.len();
    println!(
        "CHAOS upstream: {readings} readings came for {total} and one, {} of them twice",
        readings - total - 1
    );
    let pressure = "SELECT count(*) FROM readings WHERE quantity = 'pressure'";
    assert_eq!(home.db().number(pressure), 1, "its echo is no reading");
    assert_eq!(daemon.stop(), 0);
    let deeds = Deeds { name: "upstream link cut", seed: None, done: "1 outage, 1 kill".into() };
    conclude(&home.db(), &published, &deeds).assert_exact();
}

/// Number of a reading; `None` for another message.
fn number(message: &Received) -> Option<(String, u64)> {
    if !message.topic.starts_with("factory/sensors/temperature") {
        return None;
    }
    let json = message.json();
    Some((json["sensor_id"].as_str()?.to_owned(), json["temperature"].as_u64()?))
}

fn distinct(received: &[Received]) -> usize {
    let mut numbers: Vec<_> =
        received.iter().filter_map(number).map(|(_, number)| number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.len()
}

/// Each device's, as each came for the first time.
fn assert_in_order(received: &[Received]) {
    let mut last: HashMap<String, u64> = HashMap::new();
    let mut seen = std::collections::HashSet::new();
    for (sensor, number) in received.iter().filter_map(number) {
        if !seen.insert(number) {
            continue;
        }
        let before = last.insert(sensor.clone(), number);
        assert!(before.is_none_or(|before| before < number), "{sensor}: {number} after {before:?}");
    }
}
