//! Installations as the version before left them: this one finds everything in them. What must be found stands
//! beside each, in its `expect.json`.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use chrono::Utc;
use serde_json::Value;

use crate::support::readings::{reading, tally};
use crate::support::{
    Client, Daemon, Home, Mosquitto, Received, SOON, data_file, names, require, run_vigie, skip,
    time,
};

/// Readings that waited for the broker go out while new ones come, on a busy machine.
const ALL_SENT: Duration = Duration::from_secs(60);

struct Installation {
    home: Home,
    config: String,
    expect: Value,
}

impl Installation {
    /// Unpacks one into a folder of its own. `None` where it is not at hand; that has been said then.
    fn unpacked(name: &str) -> Option<Self> {
        let archive = format!("installations/{name}.tar.gz");
        let Some(path) = data_file(&archive) else {
            skip(&format!("no {archive}: set VIGIE_DATA to its folder"));
            return None;
        };
        let home = Home::new();
        let mut tar = Command::new("tar");
        tar.arg("-xzf").arg(path).arg("-C").arg(home.path("")).arg("--strip-components=1");
        assert!(tar.status().expect("run tar").success(), "unpack {archive}");
        let read = |file: &str| std::fs::read_to_string(home.path(file)).expect("a file of it");
        let (config, expect) = (read("config.toml"), read("expect.json"));
        let expect = serde_json::from_str(&expect).expect("JSON");
        Some(Self { home, config, expect })
    }

    fn expected(&self, key: &str) -> i64 {
        self.expect[key].as_i64().unwrap_or_else(|| panic!("{key} of expect.json"))
    }

    fn number(&self, sql: &str) -> i64 {
        self.home.db().number(sql)
    }

    fn wait_number(&self, daemon: &mut Daemon, sql: &str, expected: i64) {
        daemon.wait_until(&format!("{expected}: {sql}"), SOON, || self.number(sql) == expected);
    }

    /// Beside the database there is one journal, that of the log.
    fn assert_one_journal(&self) {
        let folder = self.home.db().path().parent().expect("a folder").to_owned();
        let entries =
            std::fs::read_dir(folder).expect("the folder").map(|it| it.expect("an entry"));
        let folders = entries.filter(|entry| entry.path().is_dir());
        let names: Vec<_> = folders
            .map(|it| it.file_name().into_string().expect("text"))
            .filter(|it| it.starts_with(names::DATABASE))
            .collect();
        assert_eq!(names, [names::LOG]);
    }

    fn alarms(&self) -> Vec<Value> {
        let output = run_vigie(&self.home, &["alarms", "--json", "-c", "vigie.toml"]);
        let said = String::from_utf8(output.stdout).expect("text");
        said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

const ROWS: &str = "SELECT count(*) FROM sensor_readings";
const ALERTS: &str = "SELECT count(*) FROM alerts";
const PENDING: &str = "SELECT count(*) FROM alerts WHERE announced AND published_at IS NULL";

#[test]
fn an_installation_killed_while_locked_is_adopted() {
    let Some(left) = Installation::unpacked("killed-while-locked") else { return };
    let heard = left.expect["alert_ids_heard"].as_array().expect("a list");
    let heard: BTreeSet<_> =
        heard.iter().map(|id| id.as_str().expect("an id").to_owned()).collect();
    let ids = || left.home.db().texts("SELECT alert_id FROM alerts WHERE announced ORDER BY id");
    let mut daemon = left.home.start(&left.config);
    left.wait_number(&mut daemon, ROWS, left.expected("rows_after_start"));
    left.wait_number(&mut daemon, PENDING, 0);
    assert_eq!(ids().into_iter().collect::<BTreeSet<_>>(), heard, "alerts under their ids");
    let num_alerts = left.number(ALERTS);
    assert_eq!(daemon.stop(), 0);
    // What was migrated once is not found again.
    let mut daemon = left.home.start(&left.config);
    let client = Client::connect(&daemon.embedded_broker());
    client.publish(names::READINGS, reading("NEW", 20.0, "2026-11-29T12:00:00+00:00"), 1);
    left.wait_number(&mut daemon, ROWS, left.expected("rows_after_start") + 1);
    assert_eq!(daemon.stop(), 0);
    assert_eq!(left.number(ALERTS), num_alerts);
    left.assert_one_journal();
}

/// The readings of a sensor, in the order they came.
fn of_sensor<'a>(messages: &'a [Received], id: &str) -> Vec<&'a Received> {
    messages.iter().filter(|message| message.json()["sensor_id"] == id).collect()
}

fn taken_at(message: &Received) -> chrono::DateTime<Utc> {
    time(message.json()["timestamp"].as_str().expect("a time"))
}

#[test]
fn an_installation_killed_with_pending_readings_is_adopted() {
    if !require(&["mosquitto"]) {
        return;
    }
    let Some(left) = Installation::unpacked("killed-with-outbox") else { return };
    let waiting =
        usize::try_from(left.expected("readings_waiting_in_outbox_at_least")).expect("a count");
    let broker = Mosquitto::running();
    let (from, to) = ("mqtt://127.0.0.1:50761", broker.access().url);
    assert!(left.config.contains(from), "{}", left.config);
    let listener = Client::listening(&broker.access(), &[names::READINGS]);
    let began = Utc::now();
    let before = left.home.db().rows();
    assert_eq!(
        before.len(),
        usize::try_from(left.expected("rows_stored_before_the_kill")).expect("a count")
    );
    let mut daemon = left.home.start(&left.config.replace(from, &to));
    // Each of the five sensors has measured anew: by then, what waited was published.
    let num_new =
        |messages: &[Received]| messages.iter().filter(|it| taken_at(it) >= began).count();
    listener.wait_for("new readings", ALL_SENT, |messages| (num_new(messages) >= 50).then_some(()));
    let old: Vec<_> = listener.received().into_iter().filter(|it| taken_at(it) < began).collect();
    assert!(old.len() >= waiting, "{} of {waiting}", old.len());
    for number in 1..=5 {
        let times: Vec<_> =
            of_sensor(&old, &format!("OWN_{number}")).into_iter().map(taken_at).collect();
        assert!(times.is_sorted(), "OWN_{number} in order");
    }
    let is_stored = |key: &str| left.home.db().rows().iter().any(|row| row.timestamp == key);
    let last = old.last().expect("the last that waited").json();
    let last = last["timestamp"].as_str().expect("a time").to_owned();
    daemon.wait_until("the last that waited", SOON, || is_stored(&last));
    assert_eq!(daemon.stop(), 0);
    let rows = left.home.db().rows();
    assert_eq!(rows[..before.len()], before, "what was stored stays");
    let rows = tally(rows.iter().map(crate::support::readings::key_of_row));
    let doubled: Vec<_> = rows.iter().filter(|(_, count)| **count > 1).collect();
    assert!(doubled.is_empty(), "stored more than once: {doubled:?}");
    for message in &old {
        let key = crate::support::readings::key_of_message(message);
        assert!(rows.contains_key(&key), "not stored: {message:?}");
    }
    left.assert_one_journal();
}

#[test]
fn an_installation_stopped_cleanly_is_adopted() {
    let Some(left) = Installation::unpacked("stopped-cleanly") else { return };
    let counts = [
        (ROWS, "rows"),
        ("SELECT count(*) FROM quantity_readings", "other_quantities"),
        (ALERTS, "alerts"),
        ("SELECT count(*) FROM rejected_messages", "rejected"),
        (names::REJECTED_TOTAL, "rejected"),
        ("SELECT count(*) FROM operator_actions", "actions"),
    ];
    let mut daemon = left.home.start(&left.config);
    assert_eq!(Value::from(left.alarms()), left.expect["alarms"]);
    for (sql, key) in counts {
        assert_eq!(left.number(sql), left.expected(key), "{key}");
    }
    assert_eq!(daemon.stop(), 0);
    // Alarms go on where they were: under their ids, withheld or not.
    let mut daemon = left.home.start(&left.config);
    assert_eq!(Value::from(left.alarms()), left.expect["alarms"]);
    let client = Client::listening(&daemon.embedded_broker(), &[names::ALERTS]);
    for sensor in ["A", "B"] {
        client.publish(names::READINGS, reading(sensor, 20.0, "2026-01-01T00:01:00+00:00"), 1);
    }
    left.wait_number(&mut daemon, ROWS, left.expected("rows") + 2);
    let returned =
        "SELECT alert_id FROM alerts WHERE transition = 'returned' ORDER BY id DESC LIMIT 2";
    assert_eq!(left.home.db().texts(returned), ["04cbf99a46b0451d", "bc2610458097646e"]);
    let told = client.wait_count(names::ALERTS, 1, SOON);
    assert_eq!(daemon.stop(), 0);
    let told: Vec<_> = told.iter().map(|message| message.json()["alert_id"].clone()).collect();
    assert_eq!(told, ["bc2610458097646e"], "the other one is shelved");
}
