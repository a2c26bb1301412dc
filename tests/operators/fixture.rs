//! A daemon with two rules and a client on its broker.

use serde_json::Value;

use crate::support::readings::{reading, timestamp};
use crate::support::{Access, Client, Daemon, Home, SOON, names, run_vigie};

pub const EMBEDDED: &str = "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:0\"\n";

/// A rule whose alarm must be acknowledged, and one whose alarm must be reset.
pub const RULES: &str = r#"
[[rules]]
name = "warm"
kind = "high"
limit = 24.0
acknowledge = true

[[rules]]
name = "cold"
kind = "low"
limit = 10.0
latching = true
"#;

/// Query of all events: sensor, rule, transition, announced, operator, reason.
const HISTORY: &str = "SELECT concat_ws(' ', sensor_id, rule, transition, announced, \"by\", why)
    FROM alerts ORDER BY id";

/// Query of operators' actions with their outcome.
pub const ACTIONS: &str = "SELECT concat_ws('|', action, rule, sensor, \"by\", why, via, outcome)
    FROM operator_actions ORDER BY id";

/// A daemon with a client on its broker.
pub struct Fixture {
    // Before its folder, so that it is dropped first.
    pub daemon: Daemon,
    pub client: Client,
    pub home: Home,
    pub config: String,
    num_readings: usize,
}

impl Fixture {
    pub fn embedded(more: &str) -> Self {
        Self::with(Home::new(), &format!("{EMBEDDED}{more}{RULES}"))
    }

    pub fn with(home: Home, config: &str) -> Self {
        let mut daemon = home.start(config);
        let access = daemon.embedded_broker();
        Self::on(home, daemon, config, &access)
    }

    pub fn on(home: Home, mut daemon: Daemon, config: &str, access: &Access) -> Self {
        daemon.wait_line(names::CONNECTED, SOON);
        let client = Client::listening(access, &[names::ALERTS]);
        Self { daemon, client, home, config: config.to_owned(), num_readings: 0 }
    }

    /// Publishes a reading and waits until it is stored with its effects.
    pub fn publish_reading(&mut self, sensor: &str, value: f64) {
        let payload = reading(sensor, value, &timestamp(self.num_readings));
        self.num_readings += 1;
        self.client.publish(names::READINGS, payload, 1);
        let expected = self.num_readings;
        let db = self.home.db();
        self.daemon.wait_until("the reading", SOON, || db.count() == expected);
    }

    /// Runs a command; returns exit code and output.
    pub fn vigie(&self, args: &[&str]) -> (i32, String) {
        let file = self.home.path("vigie.toml");
        let args = [args, &["-c", file.to_str().expect("a path of text")]].concat();
        let output = run_vigie(&self.home, &args);
        let said = [output.stdout, output.stderr].concat();
        let code = output.status.code().expect("an exit, not a signal");
        (code, String::from_utf8(said).expect("text"))
    }

    /// Alarms that are not normal.
    pub fn alarms(&self) -> Vec<Value> {
        let (code, said) = self.vigie(&["alarms", "--json"]);
        assert_eq!(code, 0, "{said}");
        said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    pub fn history(&self) -> Vec<String> {
        self.home.db().texts(HISTORY)
    }

    /// Waits for `count` published alerts; returns state and id of each, in order.
    pub fn published(&self, count: usize) -> Vec<(String, String)> {
        let told = self.client.wait_count(names::ALERTS, count, SOON);
        assert_eq!(told.len(), count, "{told:?}");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let pair = |alert: Value| (text(&alert["state"]), text(&alert["alert_id"]));
        told.iter().map(|message| pair(message.json())).collect()
    }
}
