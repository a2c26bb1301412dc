//! Sixty thousand own readings wait while the external broker is away, and others publish two thousand readings a
//! second on the embedded broker meanwhile.
//!
//! Always: of the own readings the oldest ten thousand are skipped, counted, and said, and the others reach the broker
//! once each and in order, whatever others publish. What others publish goes to no broker, and every reading is stored.
//!
//! Runs with `VIGIE_ACCEPT=backlog`.

use std::time::Duration;

use crate::own;
use crate::scale;
use crate::support::numbered::Plan;
use crate::support::readings::tally;
use crate::support::{Client, Daemon, Home, Mosquitto, SOON, free_port, names, require};

const SKIPPED: usize = 10_000;
const ROWS: usize = names::PUBLICATION_CAPACITY + SKIPPED;

/// Readings of others: half a minute of them.
const FOREIGN: usize = 60_000;
const FOREIGN_RATE: u32 = 2_000;

/// A few ten thousand readings through an unoptimised daemon on a busy machine.
const ALL_SENT: Duration = Duration::from_secs(180);

const SESSION: &str = "backlog-listener";

/// A broker that is away, and queues readings for a listener once it is back.
fn away() -> Mosquitto {
    let mut broker = Mosquitto::new().with_persistence();
    broker.start();
    let listener = Client::resume(&broker.access(), SESSION).expect("connect");
    listener.subscribe("factory/sensors/+");
    listener.disconnect();
    broker.stop();
    broker
}

fn values() -> Vec<f64> {
    (0..ROWS).map(|n| f64::from(u32::try_from(n).expect("few")) / 100.0 - 270.0).collect()
}

/// Every reading of the own sensor and of others is in the table, once.
fn wait_stored(home: &Home, daemon: &mut Daemon) {
    let total = ROWS + FOREIGN;
    daemon.wait_until("all readings", ALL_SENT, || home.db().count() >= total);
    let rows = tally(home.db().rows().iter().map(crate::support::readings::key_of_row));
    let doubled = rows.values().filter(|count| **count > 1).count();
    assert_eq!((rows.len(), doubled), (total, 0), "readings stored, and stored twice");
}

/// Has the own sensor and the others measure; how many of the others' were there when the recording had ended.
fn fill(daemon: &mut Daemon, port: u16) -> usize {
    let plan = Plan { rate: Some(FOREIGN_RATE), ..Plan::new(port, FOREIGN) };
    let others = plan.start();
    daemon.wait_line("the recording has ended", ALL_SENT);
    let meanwhile = others.acknowledged();
    others.finish();
    meanwhile
}

#[test]
fn other_readings_do_not_change_which_own_readings_are_skipped() {
    if !scale::wants("backlog") || !require(&["mosquitto"]) {
        return;
    }
    let (mut broker, home, port) = (away(), Home::new(), free_port());
    let values = values();
    let sensor = own::sensor(&home, "OWN_1", &values, "speed = 4000.0");
    let table = broker.access().mqtt_table("the broker", "");
    let embedded = format!("[broker]\nlisten = \"127.0.0.1:{port}\"\n");
    let mut daemon = home.start(&format!("language = \"en\"\n{embedded}{table}{sensor}"));
    let meanwhile = fill(&mut daemon, port);
    let is_full = || own::lag(&home) == Some(names::PUBLICATION_CAPACITY);
    daemon.wait_until("as many as it holds", SOON, is_full);
    daemon.wait_line(&format!("the oldest are skipped, {SKIPPED} so far"), SOON);
    wait_stored(&home, &mut daemon);
    assert_eq!(own::lag(&home), Some(names::PUBLICATION_CAPACITY));

    broker.start();
    let listener = Client::resume(&broker.access(), SESSION).expect("connect");
    let left = names::PUBLICATION_CAPACITY;
    listener.wait_for("what was not skipped", ALL_SENT, |messages| {
        (messages.len() >= left).then_some(())
    });
    daemon.wait_until("nothing that waits", SOON, || own::lag(&home) == Some(0));
    let published = own::published(&listener.received_on(names::READINGS), "");
    assert_eq!(daemon.stop(), 0);
    eprintln!(
        "{ROWS} own readings while {meanwhile} of others came in; {SKIPPED} skipped, {} published",
        published.len()
    );
    assert!(meanwhile > FOREIGN / 4, "{meanwhile} readings of others meanwhile");
    let published: Vec<_> = published.iter().map(|(id, _, bits)| (id.as_str(), *bits)).collect();
    let expected: Vec<_> = values[SKIPPED..].iter().map(|it| ("OWN_1", it.to_bits())).collect();
    assert!(published == expected, "{} published, {} expected", published.len(), expected.len());
}
