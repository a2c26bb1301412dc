//! SIGKILL while the database is locked, forty times, each time with alarms of every sort under way: a limit that
//! is broken, silence, a delay, the end of a shelf, a wait for what may explain an alarm, chattering, a flood, and
//! acknowledgements by the API and by MQTT. Alerts go out before their commit then.
//!
//! Always: whatever was heard is stored once the database is free, to the letter and under the same id; an alarm
//! that was heard as raised is heard to end; readings, alerts and actions are stored once each.
//!
//! Runs with `VIGIE_ACCEPT=locked`.

mod claims;

use std::collections::BTreeSet;
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use r2d2_sqlite::rusqlite::Connection;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;

use self::claims::Event;
use crate::scale;
use crate::support::readings::{Key, timestamp};
use crate::support::subscriber::Subscriber;
use crate::support::{
    Client, Daemon, Home, Mosquitto, SOON, eventually, let_run, names, require, time,
};

const KILLS: usize = 40;

/// Cycles until a cycle's sensors return to normal; those that a cause explained take one more.
const REST_AFTER: usize = 2;

/// Sensors that break a limit together: more than make a flood.
const CROWD: usize = 25;

/// How long after the lock the daemon is killed, in milliseconds: delays are of a second, and a commit is stuck
/// after a quarter of one.
const KILLED_AFTER: std::ops::Range<u64> = 300..2300;

/// Everything comes to rest in this, on a busy machine.
const AT_REST: Duration = Duration::from_secs(60);

const RULES: &str = r#"
[alerts.chattering]
raises = 3
within = "10m"
calm = "2s"
[alerts.flood]
alarms = 20
within = "3s"
until = 20
[[rules]]
name = "level"
kind = "high"
sensors = ["LEVEL_*", "CROWD_*"]
limit = 35.0
[[rules]]
name = "stale"
kind = "stale"
sensors = ["STALE_*"]
after = "1s"
[[rules]]
name = "delay"
kind = "high"
sensors = ["DELAY_*"]
limit = 35.0
on_delay = "1s"
[[rules]]
name = "shelf"
kind = "high"
sensors = ["SHELF_*"]
limit = 35.0
[[rules]]
name = "cause"
kind = "high"
sensors = ["CAUSE_*"]
limit = 35.0
[[rules]]
name = "effect"
kind = "high"
sensors = ["EFFECT_*"]
limit = 35.0
suppressed_by = ["cause"]
suppression_wait = "1s"
suppression_settle = "1s"
[[rules]]
name = "bounce"
kind = "high"
sensors = ["BOUNCE_*"]
limit = 35.0
[[rules]]
name = "seen"
kind = "high"
sensors = ["API_*", "MQTT_*"]
limit = 35.0
acknowledge = true
"#;

struct Fixture {
    // Before its folder and its broker, so that it ends first.
    daemon: Daemon,
    device: Client,
    listener: Subscriber,
    home: Home,
    config: String,
    random: StdRng,
    sent: Vec<Key>,
    barriers: usize,
    /// Heard before they were committed.
    early: BTreeSet<Event>,
    /// Rules of alarms that had begun at a kill and were not heard of.
    pending: Vec<&'static str>,
    /// Acknowledgements by the API that were done before a kill.
    done_by_api: BTreeSet<String>,
    _broker: Mosquitto,
}

impl Fixture {
    fn start() -> Self {
        let mut broker = Mosquitto::new().with_persistence();
        broker.start();
        let listener = Subscriber::start(broker.port(), "locked-listener", "factory/alerts/+");
        let device = Client::connect(&broker.access());
        let home = Home::new();
        let table = broker.access().mqtt_table("the broker", "");
        let config = format!("language = \"en\"\n{table}{RULES}");
        let mut daemon = home.start(&config);
        daemon.wait_line(names::CONNECTED, SOON);
        Self {
            daemon,
            device,
            listener,
            home,
            config,
            random: StdRng::seed_from_u64(40),
            sent: Vec::new(),
            barriers: 0,
            early: BTreeSet::new(),
            pending: Vec::new(),
            done_by_api: BTreeSet::new(),
            _broker: broker,
        }
    }

    /// A reading a second after the one before of anybody, at the place of its cycle.
    fn read(&mut self, sort: &str, cycle: usize, value: f64) {
        let (id, at) = (format!("{sort}_{cycle}"), timestamp(self.sent.len()));
        let payload = json!({
            "sensor_id": id, "location": format!("Hall {cycle}"), "temperature": value,
            "unit": "celsius", "timestamp": at,
        });
        self.device.publish(names::READINGS, payload.to_string(), 1);
        self.sent.push((id, time(&at), value.to_bits()));
    }

    fn barrier(&mut self) {
        self.barriers += 1;
        self.read("BARRIER", self.barriers, 20.0);
        let sql = format!(
            "SELECT count(*) FROM sensor_readings WHERE sensor_id = 'BARRIER_{}'",
            self.barriers
        );
        let db = self.home.db();
        self.daemon.wait_until("everything before", SOON, || db.number(&sql) == 1);
    }

    /// What must be stored before the lock.
    fn prepare(&mut self, cycle: usize) {
        self.read("SHELF", cycle, 20.0);
        self.read("API", cycle, 40.0);
        self.read("MQTT", cycle, 40.0);
        for value in [40.0, 20.0, 41.0, 21.0] {
            self.read("BOUNCE", cycle, value);
        }
        self.barrier();
    }

    /// What takes a second.
    fn begin_delays(&mut self, cycle: usize) {
        self.read("STALE", cycle, 20.0);
        self.read("DELAY", cycle, 40.0);
        self.read("EFFECT", cycle, 40.0);
    }

    fn break_limits(&mut self, cycle: usize) {
        self.read("LEVEL", cycle, 40.0);
        self.read("SHELF", cycle, 40.0);
        self.read("BOUNCE", cycle, 42.0);
        if cycle.is_multiple_of(2) {
            self.read("CAUSE", cycle, 40.0);
        }
        if cycle.is_multiple_of(4) {
            (0..CROWD).for_each(|n| self.read("CROWD", cycle * 100 + n, 40.0));
        }
    }

    /// Back to normal, all but what its cause explained.
    fn rest(&mut self, cycle: usize) {
        for sort in ["LEVEL", "SHELF", "BOUNCE", "CAUSE", "DELAY", "API", "MQTT", "STALE"] {
            self.read(sort, cycle, 22.0);
        }
        if cycle.is_multiple_of(4) {
            (0..CROWD).for_each(|n| self.read("CROWD", cycle * 100 + n, 22.0));
        }
    }

    fn rest_of_before(&mut self, cycle: usize) {
        if let Some(before) = cycle.checked_sub(REST_AFTER) {
            self.rest(before);
        }
        if let Some(before) = cycle.checked_sub(REST_AFTER + 1) {
            self.read("EFFECT", before, 22.0);
        }
    }

    fn shelve(&self, cycle: usize) {
        let path = format!("/api/v1/alarms/shelf%2FSHELF_{cycle}/shelve");
        let body = json!({"by": "anne", "why": "door", "for": "1s"});
        assert_eq!(self.home.api().post(&path, &body).expect("an answer").status, 200);
    }

    /// Nobody answers before the commit.
    fn acknowledge_by_api(&self, cycle: usize) -> JoinHandle<bool> {
        let api = self.home.api();
        let path = format!("/api/v1/alarms/seen%2FAPI_{cycle}/ack");
        thread::spawn(move || api.post(&path, &json!({"by": "carl"})).is_ok())
    }

    fn acknowledge_by_mqtt(&self, cycle: usize) {
        let sql = format!("SELECT alert_id FROM alerts WHERE sensor_id = 'MQTT_{cycle}'");
        let id = self.home.db().texts(&sql).remove(0);
        self.device.publish(&format!("factory/alarms/{id}/ack"), "{\"by\":\"bert\"}", 1);
    }

    fn heard(&self) -> Vec<Event> {
        self.listener.payloads().iter().filter_map(|payload| Event::heard(payload)).collect()
    }

    /// Waits until the listener has what the broker has.
    fn wait_heard(&self, cycle: usize) {
        let marker = json!({ "marker": cycle }).to_string();
        self.device.publish("factory/alerts/marker", marker.as_str(), 2);
        eventually("the marker", SOON, || {
            self.listener.payloads().iter().any(|it| it == marker.as_bytes()).then_some(())
        });
    }

    fn cycle(&mut self, cycle: usize) {
        self.prepare(cycle);
        self.shelve(cycle);
        let is_before_lock = self.random.random_bool(0.5);
        if is_before_lock {
            self.begin_delays(cycle);
        }
        let lock = lock(self.home.db().path());
        let kill_at =
            Instant::now() + Duration::from_millis(self.random.random_range(KILLED_AFTER));
        if !is_before_lock {
            self.begin_delays(cycle);
        }
        self.break_limits(cycle);
        let answered = self.acknowledge_by_api(cycle);
        self.acknowledge_by_mqtt(cycle);
        self.rest_of_before(cycle);
        let_run(kill_at.saturating_duration_since(Instant::now()));
        let log = self.daemon.log();
        self.daemon.kill();
        assert!(!answered.join().expect("asked"), "an action was answered before its commit");
        let alarm = format!("API_{cycle}");
        let is_done = log.lines().any(|it| it.contains(&format!("{alarm} by carl")));
        self.done_by_api.extend(is_done.then_some(alarm));
        self.wait_heard(cycle);
        let (heard, stored) = (self.heard(), Event::stored(self.home.db().path()));
        self.pending.extend(claims::pending(&heard, cycle));
        let stored: BTreeSet<Event> = stored.into_iter().collect();
        self.early.extend(heard.into_iter().filter(|event| !stored.contains(event)));
        drop(lock);
        self.daemon = self.home.start(&self.config);
        self.daemon.wait_line(names::CONNECTED, SOON);
    }

    /// Brings everything to rest and stops the daemon: silent sensors speak on until then.
    fn end(&mut self) {
        for cycle in KILLS - REST_AFTER..KILLS {
            self.rest(cycle);
        }
        self.barrier();
        for cycle in KILLS - REST_AFTER - 1..KILLS {
            self.read("EFFECT", cycle, 22.0);
        }
        let deadline = Instant::now() + AT_REST;
        let standing = "SELECT (SELECT count(*) FROM standing_alerts) +
            (SELECT count(*) FROM alerts WHERE announced AND published_at IS NULL)";
        loop {
            (0..KILLS).for_each(|cycle| self.read("STALE", cycle, 23.0));
            self.barrier();
            if self.home.db().number(standing) == 0 {
                assert_eq!(self.daemon.stop(), 0);
                if self.home.db().number(standing) == 0 {
                    break;
                }
                self.daemon = self.home.start(&self.config);
                self.daemon.wait_line(names::CONNECTED, SOON);
            }
            let left =
                || self.home.db().texts("SELECT rule || '/' || sensor_id FROM standing_alerts");
            assert!(Instant::now() < deadline, "not at rest: {:?}", left());
        }
        self.wait_heard(KILLS);
    }
}

fn lock(path: &Path) -> Connection {
    let connection = Connection::open(path).expect("open the database");
    connection.busy_timeout(SOON).expect("set the patience");
    connection.execute_batch("BEGIN IMMEDIATE").expect("take the lock");
    connection
}

#[test]
fn alerts_published_before_a_kill_are_stored_after_the_lock() {
    if !scale::wants("locked") || !require(&Mosquitto::TOOLS) {
        return;
    }
    let mut fixture = Fixture::start();
    (0..KILLS).for_each(|cycle| fixture.cycle(cycle));
    fixture.end();
    let stored = Event::stored(fixture.home.db().path());
    let (heard, stored): (_, BTreeSet<Event>) = (fixture.heard(), stored.into_iter().collect());
    let figures = claims::figures(&fixture, &stored);
    eprintln!(
        "{KILLS} kills: {} alerts heard, {} stored, {} heard before a commit; {figures:?}; acknowledgements stored \
         (API, MQTT): {:?}, done by the API before a kill: {}",
        heard.len(),
        stored.len(),
        fixture.early.len(),
        claims::acknowledged(&fixture),
        fixture.done_by_api.len()
    );
    claims::assert_heard(&heard, &stored);
    claims::assert_stored_once(&fixture);
    claims::assert_under_way(&figures);
    assert!(
        !fixture.done_by_api.is_empty(),
        "no acknowledgement by the API was done before a kill"
    );
}
