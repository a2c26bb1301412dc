//! Brokers with missing features or rights. Every reading is stored, alerts are delivered or held with a reason in
//! `vigie status`, and the number of reconnects is bounded.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::readings::{reading, timestamp};
use crate::support::{
    Access, Client, Daemon, Home, Mosquitto, RestrictingProxy, Restrictions, SOON, Version,
    eventually, names, require, run_vigie,
};

/// User with all rights. The daemon connects without a user name.
const PLANT: &str = "plant";
const READINGS: usize = 200;
/// Limit of the daemon's connections to the broker.
const MOST_CONNECTIONS: usize = 10;
/// Timeout for detecting the limits of a broker.
const FOUND_OUT: Duration = Duration::from_secs(60);

/// Expected outcome for alerts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Alerts {
    Delivered,
    /// Held, with a line in `vigie status`.
    Held,
    /// Held under MQTT 5. Under 3.1.1 the broker acknowledges and drops them, since it can't refuse.
    HeldIfSaid,
}

struct Case {
    /// Additional lines of Mosquitto's configuration.
    lines: &'static [&'static str],
    /// Access rights of the daemon; the user `plant` has all.
    rights: &'static [&'static str],
    rules: Restrictions,
    alerts: Alerts,
    /// True if the readings come from the daemon's own sensors.
    is_own: bool,
    /// Expected line in `vigie status`.
    said: &'static str,
}

impl Case {
    fn of(said: &'static str) -> Self {
        let (rules, alerts) = (Restrictions::default(), Alerts::Delivered);
        Self { lines: &[], rights: &["topic readwrite #"], rules, alerts, is_own: false, said }
    }
}

struct Fixture {
    home: Home,
    proxy: RestrictingProxy,
    plant: Client,
    daemon: Daemon,
    // Last, so that it outlives what uses it.
    _broker: Mosquitto,
}

impl Fixture {
    fn new(case: &Case, version: Version) -> Self {
        let home = Home::new();
        let plant = format!("user {PLANT}\ntopic readwrite #\n");
        let acl = home.write("acl", &format!("{}\n{plant}", case.rights.join("\n")));
        let mut broker = Mosquitto::new().with_line(&format!("acl_file {}", acl.display()));
        for line in case.lines {
            broker = broker.with_line(line);
        }
        broker.start();
        let proxy = RestrictingProxy::before(broker.port(), case.rules.clone());
        let user = Some((PLANT.to_owned(), String::new()));
        let plant = Client::connect_as(&Access { user, ..broker.access() }, Version::V3_1_1);
        plant.subscribe("factory/#");
        let own = if case.is_own { OWN } else { "" };
        let daemon = home.start(&format!("{}{own}", config(&proxy, version, "")));
        Self { home, proxy, plant, daemon, _broker: broker }
    }

    /// Publishes readings that cross the limit several times.
    fn publish_readings(&self, qos: i32) {
        for n in 0..READINGS {
            let value = if n / 20 % 2 == 0 { 20.5 } else { 38.2 };
            self.plant.publish(names::READINGS, reading("DEV_001", value, &timestamp(n)), qos);
        }
    }

    /// Limits and problems in `vigie status`, a line each.
    fn says(&self) -> String {
        let output = run_vigie(&self.home, &["status", "--json", "-c", "vigie.toml"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let status: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
        let limits = status["broker"]["limits"].as_array().expect("limits").iter();
        let problems = status["problems"].as_array().expect("problems").iter();
        let lines = limits.chain(problems.map(|it| &it["what"]));
        lines.map(|it| it.as_str().expect("a text")).collect::<Vec<_>>().join("\n")
    }

    fn wait_said(&self, what: &str) {
        let begun = Instant::now();
        let mut said = self.says();
        while !said.contains(what) {
            let log = self.daemon.log();
            assert!(begun.elapsed() < FOUND_OUT, "`{what}` in: {said}\n{log}");
            said = eventually("another word", SOON, || Some(self.says()));
        }
    }
}

/// Ten own sensors, warm enough for alerts.
const OWN: &str = "[[sensors]]\nid = \"OWN_{01..10}\"\ninterval = \"100ms\"\n\
    source = { type = \"simulated\", mean = 38.0, spread = 1.0, noise = 0.1, seed = 1 }\n";

fn config(proxy: &RestrictingProxy, version: Version, mqtt: &str) -> String {
    let (port, level) = (proxy.port(), if version == Version::V5 { 5 } else { 4 });
    format!(
        "language = \"en\"\n\
         [mqtt]\nurl = \"mqtt://127.0.0.1:{port}\"\nname = \"picky\"\nversion = {level}\n{mqtt}\
         [alerts.temperature]\nhigh = 35.0\n"
    )
}

fn try_out(case: &Case) {
    for version in [Version::V5, Version::V3_1_1] {
        let mut fixture = Fixture::new(case, version);
        let stored = if case.is_own {
            "SELECT count(*) FROM sensor_readings"
        } else {
            // The broker may support no more than that.
            let qos = i32::from(!case.lines.contains(&"max_qos 0"));
            fixture.publish_readings(qos);
            "SELECT count(*) FROM sensor_readings WHERE sensor_id = 'DEV_001'"
        };
        let home = &fixture.home;
        let count = |sql: &str| usize::try_from(home.db().number(sql)).expect("a count");
        fixture.daemon.wait_until("every reading", SOON, || count(stored) >= READINGS);
        let events = count("SELECT count(*) FROM alerts");
        assert!(events > 0, "no alerts");
        let is_held = match case.alerts {
            Alerts::Delivered => false,
            Alerts::Held => true,
            Alerts::HeldIfSaid => version == Version::V5,
        };
        if is_held {
            fixture.wait_said("alerts on factory/alerts/temperature");
        } else if case.alerts == Alerts::Delivered {
            fixture.plant.wait_count(names::ALERTS, events, FOUND_OUT);
        }
        if is_held || case.alerts == Alerts::Delivered {
            fixture.wait_said(case.said);
        }
        let (said, connections) = (fixture.says(), fixture.proxy.connections());
        println!("{version:?}: {connections} connections; {said}");
        let log = fixture.daemon.log();
        assert!(connections <= MOST_CONNECTIONS, "{connections} connections:\n{log}");
        assert!(!said.contains("not connected"), "{said}");
        assert!(log.matches(" does not do everything").count() <= 1, "{log}");
        assert_eq!(fixture.daemon.stop(), 0);
    }
}

fn can_run() -> bool {
    require(&Mosquitto::TOOLS)
}

#[test]
fn works_without_retained_messages() {
    if can_run() {
        let lines = &["retain_available false"];
        try_out(&Case { lines, ..Case::of("no retained messages") });
    }
}

#[test]
fn works_with_qos_0_at_most() {
    if can_run() {
        try_out(&Case { lines: &["max_qos 0"], ..Case::of("QoS 0 at most") });
    }
}

#[test]
fn works_with_qos_1_at_most() {
    if can_run() {
        try_out(&Case { lines: &["max_qos 1"], ..Case::of("QoS 1 at most") });
    }
}

#[test]
fn alerts_larger_than_the_maximum_packet_size_are_shortened() {
    if can_run() {
        let (lines, alerts) = (&["max_packet_size 260"], Alerts::Held);
        try_out(&Case { lines, alerts, ..Case::of("alerts on factory/alerts/temperature") });
    }
}

#[test]
fn works_with_a_single_admitted_client_id() {
    if can_run() {
        let rules = Restrictions { only_ids: vec!["vigie".to_owned()], ..Restrictions::default() };
        try_out(&Case { rules, ..Case::of("one connection at most: client id vigie-pub refused") });
    }
}

#[test]
fn alerts_are_held_without_the_right_to_publish() {
    if can_run() {
        let rights = &["topic readwrite #", "topic deny factory/alerts/#"];
        let alerts = Alerts::HeldIfSaid;
        try_out(&Case {
            rights,
            alerts,
            ..Case::of("refuses alerts on factory/alerts/temperature")
        });
    }
}

#[test]
fn a_subscription_that_delivers_nothing_is_a_problem() {
    if can_run() {
        let rights = &["topic write factory/sensors/#", "topic write factory/alerts/#"];
        try_out(&Case {
            rights,
            is_own: true,
            ..Case::of("factory/sensors/status does not come back")
        });
    }
}

#[test]
fn alerts_are_held_when_the_broker_closes_the_connection_at_them() {
    if can_run() {
        let hangs_up_at = Some("factory/alerts/".to_owned());
        let (rules, alerts) =
            (Restrictions { hangs_up_at, ..Restrictions::default() }, Alerts::Held);
        try_out(&Case { rules, alerts, ..Case::of("ends the connection at alerts on") });
    }
}

#[test]
fn publish_client_id_selects_the_id_that_may_publish() {
    if !can_run() {
        return;
    }
    let only_ids = vec!["vigie".to_owned(), "writer".to_owned()];
    let rules = Restrictions { only_ids, ..Restrictions::default() };
    let home = Home::new();
    let broker = Mosquitto::running();
    let proxy = RestrictingProxy::before(broker.port(), rules);
    let plant = Client::listening(&broker.access(), &[names::STATUS]);
    let publishes_as = "publish_client_id = \"writer\"\n";
    let mut daemon = home.start(&config(&proxy, Version::V5, publishes_as));
    plant.wait_message(names::STATUS, SOON, |message| message.json()["status"] == "online");
    assert_eq!(proxy.connections(), 2);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn held_alerts_are_delivered_once_the_broker_accepts_them() {
    if !can_run() {
        return;
    }
    let rules =
        Restrictions { hangs_up_at: Some("factory/alerts/".to_owned()), ..Restrictions::default() };
    let case = Case { rules, ..Case::of("") };
    let mut fixture = Fixture::new(&case, Version::V5);
    fixture.publish_readings(1);
    fixture.wait_said("ends the connection at alerts on");
    // Meanwhile other readings and alerts continue, and no connection ends.
    let connections = fixture.proxy.connections();
    fixture.plant.publish(names::READINGS, reading("DEV_002", 38.2, &timestamp(0)), 1);
    let home = &fixture.home;
    let events = || usize::try_from(home.db().number("SELECT count(*) FROM alerts")).unwrap();
    let of_the_second = "SELECT count(*) FROM alerts WHERE sensor_id = 'DEV_002'";
    fixture.daemon.wait_until("its alert", SOON, || home.db().number(of_the_second) == 1);
    assert_eq!(fixture.proxy.connections(), connections);
    assert_eq!(fixture.daemon.stop(), 0);

    fixture.proxy.open();
    let _daemon = home.start(&config(&fixture.proxy, Version::V5, ""));
    let mut delivered = fixture.plant.wait_count(names::ALERTS, events(), SOON);
    delivered.dedup_by_key(|message| message.payload.clone());
    assert_eq!(delivered.len(), events());
}
