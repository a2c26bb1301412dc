//! A reading that the embedded broker has acknowledged is in the database exactly once, whatever happens to the daemon; one
//! that can't be written is not acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::readings::{reading, timestamp};
use crate::support::{
    Client, Daemon, Home, Mosquitto, RawClient, SOON, Version, eventually, free_port, names,
    require,
};

/// Messages in flight of each device.
const WINDOW: usize = 20;
/// Timeout for all kills and restarts, on a busy machine.
const DONE: Duration = Duration::from_secs(240);
const STORED: Duration = Duration::from_secs(60);
/// Interval between attempts to reconnect to a restarting daemon.
const RETRY: Duration = Duration::from_millis(20);

fn config(listen: &str, durability: &str) -> String {
    format!(
        "language = \"en\"\n\
         [broker]\n\
         listen = \"{listen}\"\n\
         [storage]\n\
         path = \"{}\"\n\
         durability = \"{durability}\"\n",
        names::DATABASE
    )
}

/// A device that publishes numbered readings, each until it is acknowledged.
struct Device {
    sensor: String,
    version: Version,
    qos: u8,
    acknowledged: Vec<bool>,
    /// Acknowledged readings of all devices.
    total: Arc<AtomicUsize>,
}

impl Device {
    fn run(mut self, addr: &str) {
        eventually(&self.sensor.clone(), DONE, || {
            // A lost connection is expected here.
            let _ = self.run_connection(addr);
            if self.next_missing(0).is_none() {
                return Some(());
            }
            thread::sleep(RETRY);
            None
        });
    }

    fn next_missing(&self, from: usize) -> Option<usize> {
        (from..self.acknowledged.len()).find(|number| !self.acknowledged[*number])
    }

    fn run_connection(&mut self, addr: &str) -> Result<()> {
        let mut bare = RawClient::connect(addr, &self.sensor, self.version)?;
        let mut next = self.next_missing(0);
        let mut under_way = 0;
        while next.is_some() || under_way > 0 {
            while let Some(number) = next
                && under_way < WINDOW
            {
                let value = f64::from(u32::try_from(number).expect("a small number"));
                let payload = reading(&self.sensor, value, &timestamp(number));
                let id = u16::try_from(number + 1).expect("a small number");
                bare.publish(self.qos, id, names::READINGS, payload.as_bytes())?;
                next = self.next_missing(number + 1);
                under_way += 1;
            }
            let number = usize::from(bare.acknowledgement()?) - 1;
            assert!(!std::mem::replace(&mut self.acknowledged[number], true), "{number} twice");
            self.total.fetch_add(1, Ordering::Relaxed);
            under_way -= 1;
        }
        Ok(())
    }
}

/// Kills the daemon `kills` times while two devices of each kind publish `count` readings each.
fn survives(durability: &str, count: usize, kills: usize) {
    let home = Home::new();
    let addr = format!("127.0.0.1:{}", free_port());
    let config = config(&addr, durability);
    let mut daemon = home.start(&config);
    let total = Arc::new(AtomicUsize::new(0));
    let kinds = [(Version::V3_1_1, 1), (Version::V3_1_1, 2), (Version::V5, 1), (Version::V5, 2)];
    let devices: Vec<_> = (0..2 * kinds.len())
        .map(|number| {
            let (version, qos) = kinds[number % kinds.len()];
            let sensor = format!("TEMP_{number:03}");
            let acknowledged = vec![false; count];
            let device = Device { sensor, version, qos, acknowledged, total: total.clone() };
            let addr = addr.clone();
            thread::spawn(move || device.run(&addr))
        })
        .collect();
    let all = devices.len() * count;
    for kill in 1..=kills {
        let enough = all * kill / (kills + 1);
        eventually("acknowledgements", DONE, || {
            (total.load(Ordering::Relaxed) >= enough).then_some(())
        });
        daemon.kill();
        daemon = home.start(&config);
    }
    for device in devices {
        device.join().expect("it sends them all");
    }
    check_books(&home, &mut daemon, all);
}

fn check_books(home: &Home, daemon: &mut Daemon, all: usize) {
    daemon.wait_until("all of them stored", STORED, || home.db().count() >= all);
    assert_eq!(daemon.stop(), 0);
    let mut stored = BTreeMap::<_, usize>::new();
    for row in home.db().rows() {
        *stored.entry((row.sensor_id, row.timestamp)).or_default() += 1;
    }
    let repeated: Vec<_> = stored.iter().filter(|(_, times)| **times > 1).collect();
    assert!(repeated.is_empty(), "{repeated:?}");
    assert_eq!(stored.len(), all);
    assert_eq!(home.db().number("SELECT count(*) FROM rejected_messages"), 0);
}

#[test]
fn acknowledged_readings_survive_kills() {
    survives("process", 1_000, 6);
}

#[test]
fn acknowledged_readings_survive_kills_with_durability_power() {
    survives("power", 300, 3);
}

fn start(home: &Home) -> (Daemon, String) {
    let mut daemon = home.start(&config("127.0.0.1:0", "process"));
    let url = daemon.embedded_broker().url;
    (daemon, url.strip_prefix("mqtt://").expect("plain").to_owned())
}

#[test]
fn the_daemon_has_no_session_on_its_embedded_broker() {
    let home = Home::new();
    let (mut daemon, addr) = start(&home);
    daemon.wait_line(names::CONNECTED, SOON);
    // The client id that such a session would have; taking it over affects no one.
    let mut device = RawClient::connect(&addr, "vigie", Version::V5).expect("connected");
    assert!(!device.session_present);
    assert!(device.is_taken(names::READINGS, reading("A", 1.0, &timestamp(0)).as_bytes(), SOON));
    daemon.wait_until("it is stored", SOON, || home.db().count() == 1);
    assert_eq!(daemon.stop(), 0);
    assert!(daemon.lines_with(names::LOST).is_empty(), "{}", daemon.log());
}

/// The embedded broker receives readings beside a remote one, too.
#[test]
fn an_embedded_broker_beside_a_remote_one_receives_readings() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let broker = Mosquitto::running();
    let home = Home::new();
    let table = broker.access().mqtt_table("the broker", "");
    let mut daemon = home.start(&format!("{}{table}", config("127.0.0.1:0", "process")));
    daemon.wait_line(names::CONNECTED, SOON);
    let url = daemon.embedded_broker().url;
    let addr = url.strip_prefix("mqtt://").expect("plain");
    let mut device = RawClient::connect(addr, "device", Version::V5).expect("connected");
    assert!(device.is_taken(names::READINGS, reading("A", 1.0, &timestamp(0)).as_bytes(), SOON));
    let elsewhere = Client::connect(&broker.access());
    elsewhere.publish(names::READINGS, reading("B", 1.0, &timestamp(1)), 1);
    daemon.wait_until("both are stored", SOON, || home.db().count() == 2);
    let sensors: BTreeSet<_> = home.db().rows().into_iter().map(|row| row.sensor_id).collect();
    assert_eq!(sensors, BTreeSet::from(["A".to_owned(), "B".to_owned()]));
    assert_eq!(daemon.stop(), 0);
}

/// Without the journal's folder the disk write fails as soon as a new segment is due.
#[test]
fn a_reading_that_cant_be_written_is_not_acknowledged() {
    static A_LOT: [u8; 60_000] = [b' '; 60_000];
    /// Much more data than one segment.
    const FILLERS: usize = 400;
    let home = Home::new();
    let (mut daemon, addr) = start(&home);
    let connect = |id| RawClient::connect(&addr, id, Version::V5).expect("connected");
    let good = |number| reading("A", 1.0, &timestamp(number)).into_bytes();
    let mut device = connect("device");
    assert!(device.is_taken(names::READINGS, &good(0), SOON));

    let journal = home.path(&format!("{}.journal", names::DATABASE));
    let away = home.path("away");
    std::fs::rename(&journal, &away).expect("renamed");
    let mut filler = connect("filler");
    let patience = Duration::from_secs(2);
    let taken =
        (0..FILLERS).take_while(|_| filler.is_taken(names::READINGS, &A_LOT, patience)).count();
    assert!((1..FILLERS).contains(&taken), "{taken} of {FILLERS}");
    daemon.wait_line("intake stopped", SOON);
    assert!(!device.is_taken(names::READINGS, &good(1), Duration::from_millis(500)));
    // Other clients are served meanwhile.
    let mut other = connect("other");
    assert!(other.is_taken("elsewhere", b"x", Duration::from_secs(1)));
    assert!(device.is_cut_off(SOON) && filler.is_cut_off(SOON));
    // The device can reconnect, and its message is still not acknowledged.
    device = connect("device");
    assert!(!device.is_taken(names::READINGS, &good(1), Duration::from_millis(500)));

    std::fs::rename(&away, &journal).expect("renamed back");
    assert_eq!(device.acknowledgement().expect("an acknowledgement"), 1);
    daemon.wait_line("intake goes on", SOON);
    daemon.wait_until("both are stored", SOON, || home.db().count() == 2);
    let fillers = i64::try_from(taken).expect("a small number");
    assert_eq!(home.db().number(names::REJECTED_TOTAL), fillers);
    assert_eq!(daemon.stop(), 0);
}
