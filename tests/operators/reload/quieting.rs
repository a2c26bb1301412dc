//! Reloads that change suppression (planned work, chattering) and silence: exactly the resulting changes are announced.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::fixture::{BROKER, FILE, change, events, limit, sensor};
use crate::support::readings::{reading, timestamp};
use crate::support::{Client, Daemon, Home, Received, SOON, names, run_vigie};

/// A daemon with the rule `warm` (above 30), and a client on its broker.
struct Watched {
    // Before its folder, so that it is dropped first.
    daemon: Daemon,
    client: Client,
    home: Home,
    num_readings: usize,
}

impl Watched {
    fn by(config: &str) -> Self {
        let home = Home::new();
        let mut daemon = home.start(config);
        let client = Client::listening(&daemon.embedded_broker(), &[names::ALERTS]);
        Self { daemon, client, home, num_readings: 0 }
    }

    /// Publishes a reading, one second later than the last by its timestamp, and waits until it is stored.
    fn hear(&mut self, sensor: &str, value: f64) {
        let payload = reading(sensor, value, &timestamp(self.num_readings));
        self.num_readings += 1;
        self.client.publish(names::READINGS, payload, 1);
        let (db, expected) = (self.home.db(), self.num_readings);
        self.daemon.wait_until("the reading", SOON, || db.count() == expected);
    }

    /// Waits for the first `count` alerts; returns sensor, rule and state of each.
    fn told(&self, count: usize) -> Vec<String> {
        let told = self.client.wait_count(names::ALERTS, count, SOON);
        let line = |alert: Value| {
            let text = |field: &str| alert[field].as_str().expect("a text").to_owned();
            format!("{} {} {}", text("sensor_id"), text("rule"), text("state"))
        };
        told.iter().map(Received::json).map(line).collect()
    }

    /// Waits until the alarms that are not normal have these reasons of suppression: sensor, rule, reason.
    fn wait_suppressed(&mut self, expected: &[&str]) {
        let (home, what) = (&self.home, format!("{expected:?}"));
        self.daemon.wait_until(&what, SOON, || suppressed(home) == expected);
    }
}

fn suppressed(home: &Home) -> Vec<String> {
    let output = run_vigie(home, &["alarms", "--json", "-c", FILE]);
    let said = String::from_utf8(output.stdout).expect("text");
    let alarms = said.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    let line = |alarm: Value| {
        let text = |field: &str| alarm[field].as_str().unwrap_or("–").to_owned();
        format!("{} {} {}", text("sensor_id"), text("rule"), text("suppressed_by"))
    };
    let mut lines: Vec<_> = alarms.map(line).collect();
    lines.sort();
    lines
}

/// A maintenance window that is always open.
fn work(sensors: &str) -> String {
    format!(
        "[[maintenance]]\nname = \"work\"\nsensors = [\"{sensors}\"]\n\
         schedule = \"* * * * *\"\nlasting = \"1h\"\n"
    )
}

#[test]
fn planned_work_suppresses_active_alarms_until_it_is_cancelled() {
    let config = format!("{BROKER}{}", limit("warm", 30));
    let mut watched = Watched::by(&config);
    watched.hear("W_1", 40.0);
    watched.hear("W_2", 40.0);
    let mut expected = vec!["W_1 warm active", "W_2 warm active"];
    assert_eq!(watched.told(2), expected);

    let said = change(&watched.home, &format!("{config}{}", work("W_*")));
    assert_eq!(said, "maintenance: 1 added");
    watched.wait_suppressed(&["W_1 warm maintenance:work", "W_2 warm maintenance:work"]);
    for (sensor, value) in [("W_1", 41.0), ("W_2", 20.0), ("W_3", 42.0), ("T_1", 43.0)] {
        watched.hear(sensor, value);
    }
    // The end of an announced alarm is pending while it is suppressed.
    let withheld = ["W_1", "W_2", "W_3"].map(|sensor| format!("{sensor} warm maintenance:work"));
    watched.wait_suppressed(&["T_1 warm –", &withheld[0], &withheld[1], &withheld[2]]);
    // This alarm was raised after the suppressed ones and is announced as usual.
    expected.push("T_1 warm active");
    assert_eq!(watched.told(3), expected);

    // The first one was announced before.
    assert_eq!(change(&watched.home, &config), "maintenance: 1 removed");
    let mut news = watched.told(5).split_off(3);
    news.sort();
    assert_eq!(news, ["W_2 warm resolved", "W_3 warm active"]);
    watched.wait_suppressed(&["T_1 warm –", "W_1 warm –", "W_3 warm –"]);
    watched.hear("W_1", 20.0);
    assert_eq!(watched.told(6)[5], "W_1 warm resolved");
    assert_eq!(watched.daemon.stop(), 0);
    assert_eq!(watched.client.received_on(names::ALERTS).len(), 6);
}

fn chattering(raises: u32) -> String {
    format!("[alerts.chattering]\nraises = {raises}\nwithin = \"1m\"\ncalm = \"1h\"\n")
}

#[test]
fn a_chattering_alarm_follows_changes_of_its_rule_and_limits() {
    let config =
        |raises: u32, warm: u32| format!("{BROKER}{}{}", chattering(raises), limit("warm", warm));
    let mut watched = Watched::by(&config(3, 30));
    for value in [40.0, 20.0, 40.0, 20.0, 40.0] {
        watched.hear("S", value);
    }
    let (active, resolved) = ("S warm active", "S warm resolved");
    let (chatters, calm) = ("S warm:chattering active", "S warm:chattering resolved");
    let mut expected = vec![active, resolved, active, resolved, chatters];
    assert_eq!(watched.told(5), expected);

    // Another limit ends the chattering and resets its count.
    assert_eq!(change(&watched.home, &config(3, 35)), "rules: 1 changed");
    expected.push(calm);
    assert_eq!(watched.told(6), expected);
    watched.hear("S", 41.0);
    watched.hear("S", 20.0);
    expected.extend([active, resolved]);
    assert_eq!(watched.told(8), expected);

    // A lower count of raises: the earlier raise counts, since the rule is unchanged.
    assert_eq!(change(&watched.home, &config(2, 35)), "the limits of chattering");
    watched.hear("S", 42.0);
    expected.push(chatters);
    assert_eq!(watched.told(9), expected);
    watched.wait_suppressed(&["S warm chattering"]);

    // Without the table the chattering ends, and the active alarm is announced.
    change(&watched.home, &format!("{BROKER}{}", limit("warm", 35)));
    let last = watched.told(11).split_off(9);
    assert!(last.contains(&calm.to_owned()) && last.contains(&active.to_owned()), "{last:?}");
    watched.wait_suppressed(&["S warm –"]);
    assert_eq!(watched.daemon.stop(), 0);
    assert_eq!(watched.client.received_on(names::ALERTS).len(), 11);
}

#[test]
fn a_configured_sensor_that_never_reports_is_silent_until_it_is_removed() {
    let after = Duration::from_secs(2);
    let config =
        format!("{BROKER}[[rules]]\nname = \"silent\"\nkind = \"stale\"\nafter = \"2s\"\n");
    let mute = "[[sensors]]\nid = \"MUTE\"\nlocation = \"Quai\"\ninterval = \"1s\"\n\
                source = { type = \"simulated\", dropout = 1.0 }\n";
    let mut watched = Watched::by(&config);
    let began = Instant::now();
    assert_eq!(change(&watched.home, &format!("{config}{mute}")), "1 sensor added");
    assert_eq!(watched.told(1), ["MUTE silent active"]);
    assert!(began.elapsed() >= after, "silent since {:?}", began.elapsed());
    let raised = watched.client.received_on(names::ALERTS)[0].json();
    assert_eq!(raised["message"], "Temperature: nothing ever heard of the sensor, for 2 s");
    assert_eq!(raised["location"], "Quai");

    // It stays over another change.
    let more = sensor("LOUD", "interval = \"100ms\"\n");
    assert_eq!(change(&watched.home, &format!("{config}{mute}{more}")), "1 sensor added");
    watched.daemon.wait_line("📤 Data sent: LOUD", SOON);
    assert_eq!(suppressed(&watched.home), ["MUTE silent –"]);
    assert_eq!(change(&watched.home, &format!("{config}{more}")), "1 sensor removed");
    assert_eq!(watched.told(2), ["MUTE silent active", "MUTE silent resolved"]);
    let closed = watched.client.received_on(names::ALERTS)[1].json();
    assert_eq!(closed["alert_id"], raised["alert_id"]);
    watched.daemon.wait_until("nothing is wrong", SOON, || watched.home.db().number(KEPT) == 0);
    assert_eq!(watched.daemon.stop(), 0);
    let of_mute: Vec<_> =
        events(&watched.home).into_iter().filter(|event| event.starts_with("MUTE ")).collect();
    assert_eq!(of_mute.len(), 2, "{of_mute:?}");
}

const KEPT: &str = "SELECT count(*) FROM alarm_states WHERE sensor_id = 'MUTE'";
