//! One daemon, of either version, on either kind of broker, and what plays the sequence to it.
//!
//! Every step ends with a barrier, so that the next one begins on the same state in each run: a reading
//! that comes after all the others, awaited in the table; or an operator's answer.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::outcome::Outcome;
use crate::sequence::{Message, Sequence};
use crate::support::{Access, Client, Daemon, Home, Mosquitto, SOON, names, run_vigie};

/// An unoptimised daemon takes in ten thousand sensors on a busy machine.
const TAKEN: Duration = Duration::from_secs(180);

/// Longer than any wait that a rule of these has, and what a busy machine adds.
const WAITED: Duration = Duration::from_secs(40);

pub const FILE: &str = "vigie.toml";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Mosquitto,
    Embedded,
}

pub struct SequenceRun {
    // Before its folder and its broker, so that it ends first.
    pub daemon: Daemon,
    pub client: Client,
    pub sequence: Sequence,
    home: Home,
    table: String,
    barriers: usize,
    said: Vec<String>,
    _broker: Option<Mosquitto>,
}

impl SequenceRun {
    pub fn start(binary: &Path, kind: Kind, num_sensors: usize, rules: &str) -> Self {
        let home = Home::of(binary);
        let broker = (kind == Kind::Mosquitto).then(Mosquitto::running);
        let table = match &broker {
            Some(broker) => broker.access().mqtt_table("the broker", ""),
            None => "[broker]\nlisten = \"127.0.0.1:0\"\n".to_owned(),
        };
        let mut daemon = home.start(&format!("language = \"en\"\n{table}{rules}"));
        daemon.wait_line(names::CONNECTED, SOON);
        let access: Access =
            broker.as_ref().map_or_else(|| daemon.embedded_broker(), Mosquitto::access);
        let client = Client::listening(&access, &["factory/alerts/+"]);
        let sequence = Sequence::new(num_sensors);
        Self {
            daemon,
            client,
            sequence,
            home,
            table,
            barriers: 0,
            said: Vec::new(),
            _broker: broker,
        }
    }

    pub fn publish(&mut self, messages: Vec<Message>) {
        self.client.publish_all(messages);
    }

    /// A round of the whole fleet.
    pub fn fleet(&mut self) {
        let messages = self.sequence.fleet();
        self.publish(messages);
        self.barrier();
    }

    /// So many readings of each sensor with rules of its own, and what brings them to rest.
    pub fn groups(&mut self, steps: usize) {
        let walk = self.sequence.groups(steps);
        let rest = self.sequence.rest();
        for part in std::iter::once(walk).chain(rest) {
            self.publish(part);
            self.barrier();
        }
    }

    /// Readings of single sensors, in order.
    pub fn publish_readings(&mut self, readings: &[(&str, f64)]) {
        let messages = readings.iter().map(|(id, value)| self.sequence.one(id, *value));
        let messages = messages.collect();
        self.publish(messages);
    }

    /// Returns once everything published before is judged and stored.
    pub fn barrier(&mut self) {
        self.barriers += 1;
        let (expected, value) =
            (self.barriers, f64::from(20 + u8::from(self.barriers.is_multiple_of(2))));
        self.publish_readings(&[("BARRIER", value)]);
        let db = self.home.db();
        let sql = "SELECT count(*) FROM sensor_readings WHERE sensor_id = 'BARRIER'";
        let count = || usize::try_from(db.number(sql)).expect("a count");
        self.daemon.wait_until("everything before", TAKEN, || count() == expected);
    }

    /// Waits until a rule's alarms have changed so often. `pattern` is of the sensors' ids.
    pub fn wait_changes(&mut self, rule: &str, pattern: &str, change: &str, count: i64) {
        let sql = format!(
            "SELECT count(*) FROM alerts WHERE rule = '{rule}' AND sensor_id GLOB '{pattern}'
             AND transition = '{change}'"
        );
        let (db, what) = (self.home.db(), format!("{count} {change} of {rule} of {pattern}"));
        self.daemon.wait_until(&what, WAITED, || db.number(&sql) >= count);
        assert_eq!(db.number(&sql), count, "{what}");
    }

    /// A command's exit code and what it said, for the comparison.
    pub fn vigie(&mut self, args: &[&str]) -> (i32, String) {
        let output = run_vigie(&self.home, &[args, &["-c", FILE]].concat());
        let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("text");
        (output.status.code().expect("an exit"), text)
    }

    /// An operator's command whose exit code is compared.
    pub fn operate(&mut self, args: &[&str]) {
        let (code, _) = self.vigie(&[args, &["--by", "anne"]].concat());
        self.said.push(format!("vigie {}: exit {code}", args.join(" ")));
    }

    /// An operator's request to the API on its socket.
    pub fn ask(&mut self, alarm: &str, verb: &str, body: &Value) {
        let path = format!("/api/v1/alarms/{}/{verb}", alarm.replace('/', "%2F"));
        let answer = self.home.api().post(&path, body).expect("an answer");
        self.said.push(format!("POST {path} {body}: {}", answer.status));
    }

    /// An operator's acknowledgement by MQTT: by the id that this run gave the alarm.
    pub fn acknowledge_by_mqtt(&mut self, rule: &str, sensor: &str) {
        let is_it = |alarm: &&Value| alarm["rule"] == rule && alarm["sensor_id"] == sensor;
        let alarms = self.alarms();
        let alarm = alarms.iter().find(is_it).unwrap_or_else(|| panic!("{rule}/{sensor}"));
        let topic = format!("factory/alarms/{}/ack", alarm["id"].as_str().expect("an id"));
        self.client.publish(&topic, json!({"by": "bert", "why": "seen"}).to_string(), 1);
    }

    pub fn alarms(&mut self) -> Vec<Value> {
        let (code, said) = self.vigie(&["alarms", "--json"]);
        assert_eq!(code, 0, "{said}");
        said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    pub fn rewrite(&self, rules: &str) {
        self.home.write(FILE, &format!("language = \"en\"\n{}{rules}", self.table));
    }

    /// `vigie reload`, whose answer is compared.
    pub fn reload(&mut self, rules: &str) {
        self.rewrite(rules);
        let (code, text) = self.vigie(&["reload"]);
        self.said.push(format!("vigie reload: exit {code}: {text}"));
    }

    /// Stops it, and tells what came of it all.
    pub fn end(mut self) -> Outcome {
        self.barrier();
        let alarms = self.alarms();
        assert_eq!(self.daemon.stop(), 0);
        Outcome::of(self.home.db().path(), alarms, &self.client.received(), &self.said)
    }
}
