//! Reloads that add, remove and change sensors, rules and turns.

use std::time::{Duration, Instant};

use chrono::Utc;
use serde_json::Value;

use super::fixture::{BROKER, FILE, change, events, limit, newest, reload, sensor, status};
use crate::support::numbered::Plan;
use crate::support::readings::{reading, timestamp};
use crate::support::{Client, Daemon, Home, SOON, names, run_vigie};

const REFUSED: i32 = 2;
const UNAVAILABLE: i32 = 69;

fn port(daemon: &mut Daemon) -> u16 {
    let ready = daemon.wait_ready();
    let address = ready["broker"].as_str().expect("an embedded broker").to_owned();
    address.rsplit_once(':').expect("a port").1.parse().expect("a number")
}

#[test]
fn changing_ten_of_ten_thousand_sensors_does_not_interrupt_the_others() {
    let home = Home::new();
    let slow = "interval = \"60s\"\n";
    let many = sensor("T_{00001..09993}", slow);
    let some = |ids: &[&str], more: &str| -> String {
        ids.iter().map(|id| sensor(id, &format!("{slow}{more}"))).collect()
    };
    let before = some(&["X_0", "X_1", "X_2", "X_3", "X_4", "X_5", "X_6"], "");
    let mut daemon = home.start(&format!("{BROKER}{many}{before}"));
    let up_since = newest(&status(&home))[0].1;
    let asked = Utc::now();
    // Three sensors are removed, four change location, three are added, and the order is another.
    let moved = some(&["X_6", "X_5", "X_4", "X_3"], "location = \"Quai\"\n");
    let new = some(&["Y_0", "Y_1", "Y_2"], "");
    let said = change(&home, &format!("{BROKER}{new}{moved}{many}"));
    assert_eq!(said, "3 sensors added, 4 changed, 3 removed");

    let status = status(&home);
    let fleet = &status["tree"]["groups"][0];
    assert_eq!((&fleet["children"], &fleet["states"]["up"]), (&10_000.into(), &10_000.into()));
    let mut newest = newest(&status);
    let rest = newest.split_off(7);
    let mut names: Vec<_> = newest.iter().map(|(name, ..)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["X_3", "X_4", "X_5", "X_6", "Y_0", "Y_1", "Y_2"]);
    assert!(newest.iter().all(|(_, since, incarnation)| *since >= asked && *incarnation == 1));
    let leeway = chrono::TimeDelta::milliseconds(20);
    assert!(rest.iter().all(|(_, since, _)| *since <= up_since + leeway), "{up_since} {rest:?}");
    assert_eq!(
        (&fleet["restarts_in_window"], &fleet["troubled"]),
        (&0.into(), &Value::from(vec![0; 0]))
    );
    for child in status["tree"]["children"].as_array().expect("a list") {
        assert_eq!(child["incarnation"], 1, "{child}");
    }
    assert_eq!(daemon.lines_with("➕ Sensor added: Y_").len(), 3);
    assert_eq!(change(&home, &format!("{BROKER}{many}{moved}{new}")), "nothing changed");
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn readings_flow_while_sensors_and_rules_change() {
    const READINGS: usize = 12_000;
    let home = Home::new();
    let config = |round: usize| {
        let sensors: String = (0..20)
            .map(|n| sensor(&format!("C_{n}"), &format!("location = \"{}\"\n", n * round % 7)))
            .collect();
        let number = u32::try_from(round).expect("a small number");
        format!("{BROKER}{sensors}{}{}", limit("often", 100 * number), limit("never", 1_000_000))
    };
    let mut daemon = home.start(&config(1));
    let publishers = Plan { rate: Some(2_000), ..Plan::new(port(&mut daemon), READINGS) }.start();
    let mut rounds = 1;
    while !publishers.is_done() {
        rounds += 1;
        let said = change(&home, &config(rounds));
        assert!(said.contains("rules: 1 changed"), "{said}");
    }
    assert!(rounds > 5, "{rounds} rounds");
    let published = publishers.finish();
    assert_eq!((published.count(), published.resent), (READINGS, 0), "nobody was cut off");
    daemon.wait_until("all are stored", SOON, || home.db().numbers().len() >= READINGS);
    let mut numbers = home.db().numbers();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..READINGS), "each once");
    assert!(daemon.lines_with(names::PANIC_IN).is_empty());
    let children = status(&home)["tree"]["children"].clone();
    assert!(children.as_array().expect("a list").iter().all(|child| child["incarnation"] == 1));
    eprintln!("{rounds} reloads, {} alert events", events(&home).len());
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_changed_rule_closes_its_alarm_once_and_no_other() {
    let home = Home::new();
    let mut daemon = home.start(&format!("{BROKER}{}{}", limit("warm", 30), limit("hot", 50)));
    let client = Client::listening(&daemon.embedded_broker(), &[names::ALERTS]);
    client.publish(names::READINGS, reading("S", 60.0, &timestamp(0)), 1);
    client.wait_count(names::ALERTS, 2, SOON);

    let after = format!("{BROKER}{}{}", limit("hot", 50), limit("warm", 35));
    assert_eq!(change(&home, &after), "rules: 1 changed");
    let told = client.wait_count(names::ALERTS, 3, SOON);
    let closed = told[2].json();
    assert_eq!((&closed["rule"], &closed["state"]), (&"warm".into(), &"resolved".into()));
    let message = closed["message"].as_str().expect("a message");
    assert!(message.contains("the rule or the sensor was changed or removed"), "{message}");

    // After a kill, the daemon starts with the configuration of the file.
    home.write(FILE, &format!("{BROKER}{}", limit("warm", 35)));
    assert_eq!(reload(&home, FILE), ("rules: 1 removed".into(), 0));
    daemon.kill();
    let mut daemon = home.start(&format!("{BROKER}{}", limit("warm", 35)));
    let client = Client::listening(&daemon.embedded_broker(), &[names::ALERTS]);
    client.publish(names::READINGS, reading("S", 61.0, &timestamp(1)), 1);
    client.publish(names::READINGS, reading("S", 20.0, &timestamp(2)), 1);
    daemon.wait_until("the last event", SOON, || events(&home).len() >= 6);
    assert_eq!(daemon.stop(), 0);
    let events: Vec<_> = events(&home)
        .iter()
        .map(|event| event.splitn(5, ' ').take(3).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        events,
        [
            "S warm active",
            "S hot active",
            "S warm resolved",
            "S hot resolved",
            "S warm active",
            "S warm resolved"
        ]
    );
}

#[test]
fn an_invalid_file_changes_nothing_and_is_explained() {
    let home = Home::new();
    let good = format!("{BROKER}{}{}", sensor("A", "interval = \"1s\"\n"), limit("warm", 30));
    let mut daemon = home.start(&good);
    let before = newest(&status(&home));
    // A valid file for the command, which would stop at the mistakes of the invalid one.
    home.write("good.toml", &good);
    home.write(
        FILE,
        &format!("{BROKER}colour = 3\n{}{}", sensor("B", "intervall = \"1s\"\n"), limit("", 1)),
    );
    let mistakes = |text: &str| {
        ["vigie.toml:4:1: error: unknown key `colour`", "unknown key `intervall`", "name"]
            .iter()
            .all(|mistake| text.contains(mistake))
    };
    for file in ["good.toml", FILE] {
        let (said, code) = reload(&home, file);
        assert_eq!(code, REFUSED, "{said}");
        assert!(mistakes(&said), "{said}");
    }
    daemon.hang_up();
    daemon.wait_lines("❌ The configuration has mistakes, so nothing was changed", 2, SOON);
    let log = daemon.log();
    assert!(mistakes(&log), "{log}");

    let output = run_vigie(&home, &["status", "--json", "-c", "good.toml"]);
    let status: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let after = newest(&status);
    assert_eq!((after.len(), &after[0].0, after[0].2), (1, &before[0].0, 1));
    // Reloads continue to work with the valid file.
    home.write(FILE, &good);
    assert_eq!(reload(&home, FILE), ("nothing changed".into(), 0));
    assert_eq!(daemon.stop(), 0);
    let (said, code) = reload(&home, FILE);
    assert_eq!(code, UNAVAILABLE);
    assert!(said.contains("no daemon answers at"), "{said}");
}

#[test]
fn sighup_reloads_and_names_the_keys_that_need_a_restart() {
    let home = Home::new();
    let mut daemon = home.start(BROKER);
    let wanted = format!(
        "{BROKER}[mqtt]\nclient_id = \"another\"\n[log]\nlevel = \"debug\"\n{}",
        sensor("A", "interval = \"100ms\"\n")
    );
    home.write(FILE, &wanted);
    daemon.hang_up();
    let said = "🔁 Configuration read again: 1 sensor added; log level: debug; \
                needs a restart: mqtt.client_id";
    daemon.wait_line(said, SOON);
    daemon.wait_line("📤 Data sent: A", SOON);
    // Keys that need a restart are listed again; applied changes are not.
    assert_eq!(
        change(&home, &wanted),
        "needs a restart: mqtt.client_id".replace("needs", "nothing changed; needs")
    );
    let debug = daemon.lines_with("DEBUG vigie::").len();
    assert_eq!(
        change(&home, &wanted.replace("id = \"A\"", "id = \"B\"")).split(';').next(),
        Some("1 sensor added, 1 removed")
    );
    daemon.wait_lines("DEBUG vigie::", debug + 1, SOON);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn turns_change_without_a_restart() {
    let home = Home::new();
    let turns = |interval: &str| {
        format!("[fleet]\nsensor_reading_interval = \"{interval}\"\ncycle_pause = \"{interval}\"\n")
    };
    let sensors = [sensor("A", ""), sensor("B", "")].concat();
    let mut daemon = home.start(&format!("{BROKER}{}{sensors}", turns("1h")));
    daemon.wait_line("📤 Data sent: A", SOON);
    assert!(daemon.lines_with("Data sent: B").is_empty(), "its turn comes in an hour");
    let began = Instant::now();
    let said = change(&home, &format!("{BROKER}{}{sensors}", turns("200ms")));
    assert_eq!(said, "the sensors' turns");
    daemon.wait_lines("📤 Data sent: B", 3, SOON);
    // An added sensor takes its turn after the others.
    change(&home, &format!("{BROKER}{}{sensors}{}", turns("200ms"), sensor("C", "")));
    daemon.wait_lines("📤 Data sent: C", 3, SOON);
    assert!(began.elapsed() >= Duration::from_millis(2 * 600 + 2 * 800), "no burst");
    let log = daemon.log();
    let sent: String = log
        .lines()
        .filter_map(|line| line.split_once("Data sent: "))
        .filter_map(|(_, rest)| rest.chars().next())
        .collect();
    assert!(sent.ends_with("ABC") || sent.ends_with("BCA") || sent.ends_with("CAB"), "{sent}");
    for (name, _, incarnation) in newest(&status(&home)) {
        assert_eq!(incarnation, 1, "{name}");
    }
    assert_eq!(daemon.stop(), 0);
}
