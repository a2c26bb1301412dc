//! A broker that is killed and restarted repeatedly costs no reading.

use std::time::Duration;

use chrono::Utc;

use crate::support::{Home, Mosquitto, SOON, names, require};

const DEATHS: usize = 5;

/// Timeout for a reconnect: the backoff grows while connections stay short.
const RECONNECTED: Duration = Duration::from_secs(45);

/// Each kill happens amid some thousand publications a second: a half-written packet must not end the daemon.
#[test]
fn broker_kills_under_load_do_not_end_the_daemon() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let mut broker = Mosquitto::new();
    broker.start();
    let home = Home::new();
    let mut daemon = home.start(&format!(
        "language = \"en\"\n\
         {}\n\
         [[sensors]]\n\
         id = \"TEMP_{{001..200}}\"\n\
         interval = \"50ms\"\n\
         source = {{ type = \"simulated\" }}\n\
         [alerts.temperature]\n\
         high = 20.0\n",
        broker.access().mqtt_table("the broker", "")
    ));
    for death in 1..=DEATHS {
        daemon.wait_lines(names::CONNECTED, death, RECONNECTED);
        let before = home.db().count();
        daemon.wait_until("publications", SOON, || home.db().count() >= before + 1_000);
        broker.kill();
        daemon.wait_lines(names::LOST, death, SOON);
        broker.start();
    }
    daemon.wait_lines(names::CONNECTED, DEATHS + 1, RECONNECTED);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn no_reading_is_lost_over_five_broker_kills() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let mut broker = Mosquitto::new().with_persistence();
    broker.start();
    let home = Home::new();
    let mut daemon = home.start(&format!(
        "language = \"en\"\n\
         {}\n\
         [[sensors]]\n\
         id = \"TEMP_001\"\n\
         interval = \"100ms\"\n\
         source = {{ type = \"simulated\", mean = 20.0, spread = 1.0, noise = 0.1, seed = 1 }}\n",
        broker.access().mqtt_table("the broker", "")
    ));
    daemon.wait_line(names::CONNECTED, SOON);
    for death in 1..=DEATHS {
        broker.kill();
        daemon.wait_lines(names::LOST, death, SOON);
        broker.start();
        daemon.wait_lines(names::CONNECTED, death + 1, RECONNECTED);
        let back = Utc::now();
        daemon.wait_until("readings after it came back", SOON, || {
            home.db().rows().last().is_some_and(|row| row.time() > back)
        });
    }
    assert_eq!(daemon.stop(), 0);
    let lost = daemon.lines_with(names::LOST);
    assert_eq!(lost.len(), DEATHS, "{lost:#?}");
    assert!(lost.iter().all(|line| line.contains(names::CONNECTION_TO)), "{lost:#?}");
    let connected = daemon.lines_with(names::CONNECTED);
    assert_eq!(connected.len(), DEATHS + 1, "{connected:#?}");
}
