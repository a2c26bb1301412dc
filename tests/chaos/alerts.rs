//! Alerts through an outage of the broker with the death of the daemon in the middle: each that was
//! stored as announced arrives exactly once, in order per sensor; through kills alone, at least once.
//!
//! The broker is Mosquitto, stopped in good order, so that it keeps every session to the last
//! packet: what comes twice, or not, is the daemon's doing. (HiveMQ CE forgets on the way down
//! which QoS 2 messages it has, and a killed Mosquitto what it acknowledged last.)

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use r2d2_sqlite::rusqlite::Connection;
use serde_json::Value;

use super::counting::{Deeds, conclude, settle};
use super::scale::{Moments, pick};
use super::support::numbered::Plan;
use super::support::subscriber::Subscriber;
use super::support::{Daemon, Home, Mosquitto, SOON, eventually, let_run, names, require, time};

/// When no alert has come for this long, none is coming; when all are there, no second ones.
const QUIET: Duration = Duration::from_secs(20);
const QUIET_AFTER_ALL: Duration = Duration::from_secs(2);

/// An alert event by what makes it one.
type Event = (DateTime<Utc>, u64);
type BySensor = BTreeMap<String, Vec<Event>>;

#[test]
fn alerts_arrive_exactly_once() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let outage = pick(Duration::from_secs(4), Duration::from_secs(60));
    let told = tell(&format!("alerts, an outage of {outage:?} with a kill in it"), |fixture| {
        fixture.broker.stop();
        let_run(outage / 2);
        fixture.restart();
        let_run(outage / 2);
        fixture.broker.start();
    });
    assert_eq!(told.doubled, 0, "{told:?}");
}

/// QoS 2 ends with the process: a delivery that a dead one did not see completed is begun again. So
/// here some may come twice, and none may be missing.
#[test]
fn alerts_survive_kills_during_their_delivery() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let mut moments = Moments::new();
    let kills = pick(2, 20);
    tell(&format!("alerts, {kills} kills at seed {}", moments.seed), |fixture| {
        for _ in 0..kills {
            let_run(moments.between(200, 1_000));
            fixture.restart();
        }
    });
}

/// Who plays a part.
struct Fixture {
    broker: Mosquitto,
    home: Home,
    daemon: Daemon,
    config: String,
}

impl Fixture {
    /// Every reading breaks the rule, and says so.
    fn new() -> Self {
        let mut broker = Mosquitto::new().with_persistence().with_endless_queues();
        broker.start();
        let config = format!(
            "language = \"en\"\n{}[alerts]\nannounce = \"every-reading\"\n\
             [alerts.temperature]\nhigh = -1.0\n",
            broker.access().mqtt_table("the broker", "")
        );
        let home = Home::new();
        let mut daemon = home.start(&config);
        daemon.wait_line(names::CONNECTED, SOON);
        Self { broker, home, daemon, config }
    }

    /// SIGKILL, and another one.
    fn restart(&mut self) {
        self.daemon.kill();
        self.daemon = self.home.spawn(&self.config);
    }
}

/// Makes trouble while alerts flow, and counts what came of them. None may be missing, or overtake
/// another of its sensor.
fn tell(name: &str, trouble: impl FnOnce(&mut Fixture)) -> Told {
    let mut fixture = Fixture::new();
    let port = fixture.broker.port();
    let listener = Subscriber::start(port, "listener", names::ALERTS);
    let total = pick(2_000, 20_000);
    let publishers = Plan { rate: None, ..Plan::new(port, total) }.start();
    eventually("some alerts", SOON, || (listener.count() > total / 10).then_some(()));
    trouble(&mut fixture);
    let published = publishers.finish();
    settle(&fixture.home.db(), &published, &mut fixture.daemon);
    let stored = stored(&fixture.home);
    wait_quiet(&listener, stored.values().map(Vec::len).sum());
    let told = compare(&stored, &arrived(&listener));
    assert_eq!(fixture.daemon.stop(), 0);
    let deeds = Deeds { name, seed: None, done: format!("{told:?}") };
    let readings = conclude(&fixture.home.db(), &published, &deeds);
    assert!(told.stored > 0, "no alerts");
    assert_eq!((told.missing, told.out_of_order), (0, 0), "{told:?}");
    readings.assert_exact();
    told
}

/// Waits until no more alerts come.
fn wait_quiet(listener: &Subscriber, stored: usize) {
    let mut last = (0, Instant::now());
    while last.1.elapsed() < if last.0 < stored { QUIET } else { QUIET_AFTER_ALL } {
        if listener.count() != last.0 {
            last = (listener.count(), Instant::now());
        }
        let_run(Duration::from_millis(50));
    }
}

/// The events that were to be published, in their order.
fn stored(home: &Home) -> BySensor {
    let connection = Connection::open(home.db().path()).expect("open the database");
    let sql = "SELECT sensor_id, timestamp, value FROM alerts WHERE announced ORDER BY id";
    let mut query = connection.prepare(sql).expect("the table");
    let events = query.query_map([], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, f64>(2)?))
    });
    let mut by_sensor = BySensor::new();
    for event in events.expect("run a query") {
        let (sensor, at, value) = event.expect("an event");
        by_sensor.entry(sensor).or_default().push((time(&at), value.to_bits()));
    }
    by_sensor
}

fn arrived(listener: &Subscriber) -> BySensor {
    let mut by_sensor = BySensor::new();
    for payload in listener.payloads() {
        let alert: Value = serde_json::from_slice(&payload).expect("JSON");
        let text = |name: &str| alert[name].as_str().expect(name).to_owned();
        let value = alert["temperature"].as_f64().expect("a value");
        let event = (time(&text("timestamp")), value.to_bits());
        by_sensor.entry(text("sensor_id")).or_default().push(event);
    }
    by_sensor
}

#[derive(Debug, Default)]
struct Told {
    stored: usize,
    arrived: usize,
    missing: usize,
    doubled: usize,
    /// Arrivals, counted once each, that came after one that was stored later.
    out_of_order: usize,
}

fn compare(stored: &BySensor, arrived: &BySensor) -> Told {
    let mut told = Told::default();
    let none = Vec::new();
    for (sensor, stored) in stored {
        let place: BTreeMap<_, _> =
            stored.iter().enumerate().map(|(at, event)| (event, at)).collect();
        let arrived = arrived.get(sensor).unwrap_or(&none);
        let mut times = BTreeMap::<&Event, usize>::new();
        let mut latest = 0;
        for event in arrived {
            let seen = times.entry(event).or_default();
            *seen += 1;
            let at = *place.get(event).expect("what arrives was stored");
            told.out_of_order += usize::from(*seen == 1 && at < latest);
            latest = latest.max(at);
        }
        told.stored += stored.len();
        told.arrived += arrived.len();
        told.missing += stored.len() - times.len();
        told.doubled += arrived.len() - times.len();
    }
    told
}
