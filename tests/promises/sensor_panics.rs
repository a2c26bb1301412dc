//! One sensor of four panics repeatedly; the others lose no reading.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::support::readings::{Key, key_of_message, key_of_row, tally};
use crate::support::{Client, Home, Mosquitto, SOON, let_run, names, require};

const CRASHING: &str = "TEMP_003";
const INTERVAL: Duration = Duration::from_millis(100);
const RUN: Duration = Duration::from_secs(20);

/// Longest accepted gap: above the delay of a busy machine, below a real pause.
const LONGEST_GAP: Duration = Duration::from_secs(1);

/// Panics to wait for.
const CRASHES_SEEN: usize = 3;

fn sensor(number: usize) -> String {
    let id = format!("TEMP_{number:03}");
    let crash = if id == CRASHING { ", crash = 0.05" } else { "" };
    format!(
        "[[sensors]]\n\
         id = \"{id}\"\n\
         interval = \"{}ms\"\n\
         source = {{ type = \"simulated\", mean = 20.0, spread = 1.0, noise = 0.1, \
         seed = {number}{crash} }}\n",
        INTERVAL.as_millis()
    )
}

#[test]
fn a_panicking_sensor_costs_the_others_no_reading() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let broker = Mosquitto::running();
    let listener = Client::listening(&broker.access(), &[names::READINGS]);
    let home = Home::new();
    let base = format!("language = \"en\"\n{}", broker.access().mqtt_table("the broker", ""));
    let sensors: String = (1..=4).map(sensor).collect();
    let mut daemon = home.start(&format!("{base}{sensors}"));
    let_run(RUN);
    daemon.wait_until("crashes", SOON, || crashes(&daemon_log(&home)) >= CRASHES_SEEN);
    assert_eq!(daemon.stop(), 0);

    let published: Vec<Key> = listener
        .received_on(names::READINGS)
        .iter()
        .map(key_of_message)
        .filter(|key| key.0 != CRASHING)
        .collect();
    let mut times: BTreeMap<&str, Vec<DateTime<Utc>>> = BTreeMap::new();
    for (sensor, time, _) in &published {
        times.entry(sensor).or_default().push(*time);
    }
    assert_eq!(times.len(), 3);
    for (sensor, times) in &times {
        check_rhythm(sensor, times);
    }

    // Readings in flight at the stop are received at the next start, which has no sensors of its own.
    let stored = || -> Vec<Key> {
        let rows = home.db().rows();
        rows.iter().map(key_of_row).filter(|key| key.0 != CRASHING).collect()
    };
    let mut daemon = home.start(&base);
    daemon.wait_until("all stored", SOON, || stored().len() >= published.len());
    assert_eq!(daemon.stop(), 0);
    assert_eq!(tally(stored()), tally(published));
}

fn daemon_log(home: &Home) -> String {
    std::fs::read_to_string(home.path("log-1.txt")).expect("the first run's log")
}

fn crashes(log: &str) -> usize {
    log.lines().filter(|line| line.contains(CRASHING) && line.contains(names::PANIC_IN)).count()
}

/// Checks for no gap, and for as many readings as the interval allows.
fn check_rhythm(sensor: &str, times: &[DateTime<Utc>]) {
    let gap = |pair: &[DateTime<Utc>]| (pair[1] - pair[0]).to_std().expect("times ascend");
    let longest = times.windows(2).map(gap).max().expect("some readings");
    assert!(longest <= LONGEST_GAP, "{sensor} paused for {longest:?}");
    let span = gap(&[times[0], times[times.len() - 1]]);
    assert!(span + LONGEST_GAP >= RUN, "{sensor} published for {span:?} only");
    let due = span.as_secs_f64() / INTERVAL.as_secs_f64();
    let share = times.len() as f64 / due;
    assert!(share >= 0.9, "{sensor}: {} of {due:.0} readings", times.len());
}
