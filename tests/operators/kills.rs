//! `kill -9` or a stop during operators' actions: an action is done once and completely, or can be repeated.

use std::thread;
use std::time::Duration;

use r2d2_sqlite::rusqlite::Connection;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::fixture::{ACTIONS, EMBEDDED, Fixture, RULES};
use crate::support::api::Server;
use crate::support::readings::{reading, timestamp};
use crate::support::{Client, Daemon, Home, Mosquitto, SOON, eventually, let_run, names, require};

const ROUNDS: usize = 10;
const SENSORS: usize = 3;

/// Step of the script.
enum Step {
    /// Publishes a reading of each sensor.
    Read(f64),
    /// An operator's action on an alarm of each sensor: rule, verb, body, and a check whether it was done.
    Say(&'static str, &'static str, Value, fn(&Value) -> bool),
}

/// One round: alarms are shelved, acknowledged, taken out of service and reset as they are raised and return.
fn round() -> Vec<Step> {
    let by = |by: &str| json!({ "by": by });
    let why = |by: &str, why: &str| json!({ "by": by, "why": why });
    vec![
        Step::Read(30.0),
        Step::Say("warm", "ack", why("anne", "seen"), |alarm| alarm["state"] == "acknowledged"),
        Step::Read(20.0),
        Step::Say("warm", "shelve", why("bo", "door"), |alarm| alarm["shelved"].is_object()),
        Step::Read(31.0),
        Step::Read(20.5),
        Step::Read(32.0),
        Step::Say("warm", "unshelve", by("bo"), |alarm| !alarm["shelved"].is_object()),
        Step::Say("warm", "out-of-service", why("cy", "test"), |alarm| {
            alarm["withheld"] == "out-of-service"
        }),
        Step::Read(20.0),
        Step::Read(33.0),
        Step::Say("warm", "return-to-service", by("cy"), |alarm| alarm["withheld"].is_null()),
        Step::Read(5.0),
        Step::Say("warm", "ack", by("anne"), Value::is_null),
        Step::Read(21.0),
        Step::Say("cold", "reset", why("anne", "looked at"), Value::is_null),
    ]
}

/// A daemon that is killed at random.
struct KilledDaemon {
    daemon: Daemon,
    client: Client,
    home: Home,
    config: String,
    num_readings: usize,
    random: StdRng,
    kills_left: usize,
}

impl KilledDaemon {
    /// Maybe kills the daemon after a short delay and restarts it.
    fn maybe_kill(&mut self, steps_left: usize) {
        let is_time =
            self.kills_left > 0 && (self.kills_left >= steps_left || self.random.random_bool(0.25));
        if is_time {
            self.kills_left -= 1;
            let_run(Duration::from_millis(self.random.random_range(0..15)));
            self.daemon.kill();
            self.daemon = self.home.start(&self.config);
        }
    }

    fn read(&mut self, value: f64, steps_left: usize) {
        for sensor in 0..SENSORS {
            let time = timestamp(self.num_readings / SENSORS);
            let payload = reading(&format!("T_{sensor}"), value, &time);
            self.client.publish(names::READINGS, payload, 1);
            self.num_readings += 1;
        }
        self.maybe_kill(steps_left);
        let (db, expected) = (self.home.db(), self.num_readings);
        self.daemon.wait_until("the readings", SOON, || db.count() == expected);
    }

    /// Repeats a request until its effect shows: the answer may be lost in a kill.
    fn say(
        &mut self,
        (rule, verb): (&str, &str),
        body: &Value,
        is_done: fn(&Value) -> bool,
        steps_left: usize,
    ) {
        for sensor in 0..SENSORS {
            let (api, body) = (self.home.api(), body.clone());
            let alarm = format!("/api/v1/alarms/{rule}%2FT_{sensor}");
            let path = format!("{alarm}/{verb}");
            let first = {
                let (api, path, body) = (api.clone(), path.clone(), body.clone());
                thread::spawn(move || api.post(&path, &body))
            };
            if sensor == SENSORS - 1 {
                self.maybe_kill(steps_left);
            }
            // After a kill, the request may or may not have been done.
            let _ = first.join().expect("asked");
            eventually(&path, SOON, || {
                let shown = shown(&api, &alarm)?;
                if is_done(&shown) {
                    return Some(());
                }
                let _ = api.post(&path, &body);
                None
            });
        }
    }
}

/// Present state of an alarm, `null` when normal; `None` if the daemon does not answer.
fn shown(api: &Server, alarm: &str) -> Option<Value> {
    let answer = api.get(alarm).ok()?;
    match answer.status {
        200 => Some(answer.json),
        404 => Some(Value::Null),
        _ => None,
    }
}

/// History of every alarm, a line an event. Times of operators' actions are left out, since they are by the wall clock; ids
/// are replaced by their order.
fn history(home: &Home) -> Vec<String> {
    let sql =
        "SELECT concat_ws(' ', sensor_id, rule, transition, state, severity, value, threshold,
                   CASE WHEN \"by\" IS NULL THEN timestamp END, \"by\", why, announced, message,
                   (SELECT count(DISTINCT b.alert_id) FROM alerts b WHERE b.sensor_id = a.sensor_id
                        AND b.rule = a.rule AND b.id <= a.id))
               FROM alerts a ORDER BY sensor_id, rule, id";
    home.db().texts(sql)
}

/// Plays the script to a daemon that is killed `kills` times.
fn play(kills: usize) -> Vec<String> {
    let (broker, home) = (Mosquitto::running(), Home::new());
    let access = broker.access();
    let config = format!("language = \"en\"\n{}{RULES}", access.mqtt_table("the broker", ""));
    let mut daemon = home.start(&config);
    daemon.wait_line(names::CONNECTED, SOON);
    let client = Client::connect(&access);
    let random = StdRng::seed_from_u64(3);
    let mut killed =
        KilledDaemon { daemon, client, home, config, num_readings: 0, random, kills_left: kills };
    let script: Vec<_> = (0..ROUNDS).flat_map(|_| round()).collect();
    let num_steps = script.len();
    for (done, step) in script.into_iter().enumerate() {
        let left = num_steps - done;
        match step {
            Step::Read(value) => killed.read(value, left),
            Step::Say(rule, verb, body, is_done) => killed.say((rule, verb), &body, is_done, left),
        }
    }
    assert_eq!((killed.kills_left, killed.daemon.stop()), (0, 0));
    history(&killed.home)
}

#[test]
fn kills_lose_and_repeat_no_operator_action() {
    if !require(&["mosquitto"]) {
        return;
    }
    let whole = play(0);
    // Each round has 17 steps that change something, for each sensor.
    assert_eq!(whole.len(), ROUNDS * SENSORS * 17, "{whole:#?}");
    let killed = play(30);
    eprintln!("{} transitions, beside {} with 30 kills", whole.len(), killed.len());
    for (killed, whole) in killed.iter().zip(&whole) {
        assert_eq!(killed, whole);
    }
    assert_eq!(killed.len(), whole.len());
}

#[test]
fn an_action_in_flight_at_a_storage_panic_is_done_once() {
    let mut home = Home::new();
    home.set_env(names::FAULTS, "panic:storage=1s");
    let mut fixture = Fixture::with(home, &format!("{EMBEDDED}{RULES}"));
    fixture.publish_reading("T_1", 30.0);
    let_run(Duration::from_secs(1));
    // The panic happens at the message that carries this action.
    let (code, said) = fixture.vigie(&["ack", "warm/T_1", "--by", "anne"]);
    assert_eq!((code, said.contains("done")), (0, true), "{said}");
    fixture.daemon.wait_line(names::PANIC_IN, SOON);
    assert_eq!(fixture.history(), ["T_1 warm raised 1", "T_1 warm acknowledged 0 anne"]);
    assert_eq!(fixture.home.db().texts(ACTIONS), ["acknowledge|warm|T_1|anne|cli|done"]);
}

#[test]
fn an_operators_action_survives_a_kill() {
    let mut fixture = Fixture::embedded("");
    fixture.publish_reading("T_1", 30.0);
    let shelve = ["shelve", "warm/T_1", "--by", "anne", "--for", "2h", "--why", "door"];
    assert_eq!(fixture.vigie(&shelve).0, 0);
    let before = fixture.alarms();
    fixture.daemon.kill();
    fixture.daemon = fixture.home.start(&fixture.config);
    assert_eq!(fixture.alarms(), before);
    let access = fixture.daemon.embedded_broker();
    fixture.client = Client::listening(&access, &[names::ALERTS]);
    fixture.publish_reading("T_1", 20.0);
    let api: Server = fixture.home.api();
    let state = eventually("the state", SOON, || api.get("/api/v1/alarms/warm%2FT_1").ok());
    assert_eq!(state.json["state"], "returned-unacknowledged");
    assert_eq!(state.json["shelved"]["by"], "anne");
}

/// Holds the write lock of the database until dropped.
fn lock(fixture: &Fixture) -> Connection {
    let lock = Connection::open(fixture.home.db().path()).expect("open the database");
    lock.busy_timeout(SOON).expect("set the patience");
    lock.execute_batch("BEGIN EXCLUSIVE").expect("take the lock");
    lock
}

#[test]
fn status_answers_while_many_actions_wait_for_storage() {
    const MANY: usize = 104;
    let mut fixture = Fixture::embedded("");
    fixture.publish_reading("T_1", 30.0);
    let lock = lock(&fixture);
    let api = fixture.home.api();
    let ack = || {
        let api = api.clone();
        thread::spawn(move || api.post("/api/v1/alarms/warm%2FT_1/ack", &json!({ "by": "anne" })))
    };
    let asking: Vec<_> = (0..MANY).map(|_| ack()).collect();
    fixture.daemon.wait_line("anne", SOON);
    for _ in 0..3 {
        let (code, said) = fixture.vigie(&["status"]);
        assert!(code == 0 && said.contains("storage"), "{said}");
    }
    drop(lock);
    let answers = asking.into_iter().map(|it| it.join().expect("asked").expect("an answer").status);
    let answers: Vec<_> = answers.collect();
    assert!(answers.iter().all(|status| [200, 503].contains(status)), "{answers:?}");
    assert!(answers.iter().filter(|status| **status == 200).count() >= 32, "{answers:?}");
    assert_eq!(fixture.daemon.stop(), 0);
}

#[test]
fn an_action_in_flight_at_a_stop_is_done_and_answered() {
    let mut fixture = Fixture::embedded("");
    fixture.publish_reading("T_1", 30.0);
    let lock = lock(&fixture);
    let api = fixture.home.api();
    let ack = thread::spawn(move || {
        api.post("/api/v1/alarms/warm%2FT_1/ack", &json!({ "by": "anne" })).expect("an answer")
    });
    fixture.daemon.wait_line("anne", SOON);
    fixture.daemon.terminate();
    fixture.daemon.wait_line("Asked to stop", SOON);
    assert_eq!(fixture.vigie(&["status"]).0, 0, "it says how it is while it stops");
    assert!(fixture.daemon.is_running() && !ack.is_finished());
    drop(lock);
    let answer = ack.join().expect("asked");
    assert_eq!((answer.status, &answer.json["changed"]), (200, &json!(true)), "{answer:?}");
    assert_eq!(fixture.daemon.exit_code(SOON), 0);
    assert_eq!(fixture.history(), ["T_1 warm raised 1", "T_1 warm acknowledged 0 anne"]);
}
