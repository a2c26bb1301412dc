//! The silence of a sensor is counted across a restart: the alarm is raised after the remaining time.

use std::time::{Duration, Instant};

use crate::support::readings::reading;
use crate::support::{Client, Daemon, Home, SOON, let_run, names, run_vigie};

const CONFIG: &str = "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:0\"\n\
    [[rules]]\nname = \"silent\"\nkind = \"stale\"\nafter = \"12s\"\nsensors = [\"S_1\"]\n";

/// Silence before the restart, in seconds.
const BEFORE_S: u64 = 9;

/// Remaining time: four seconds by the journal's time marks, and a margin for a busy machine.
const AFTER: Duration = Duration::from_secs(8);

fn silence_over(restart: impl FnOnce(&mut Daemon)) {
    let home = Home::new();
    let mut daemon = home.start(CONFIG);
    let client = Client::connect(&daemon.embedded_broker());
    let say = |sensor: &str| {
        let now = chrono::Utc::now().to_rfc3339();
        client.publish(names::READINGS, reading(sensor, 20.0, &now), 1);
    };
    say("S_1");
    // Other readings carry the time into the journal.
    for _ in 0..BEFORE_S {
        say("S_2");
        let_run(Duration::from_secs(1));
    }
    let stored = usize::try_from(BEFORE_S).expect("small") + 1;
    daemon.wait_until("all readings", SOON, || home.db().count() == stored);
    let is_silent = || {
        let output = run_vigie(&home, &["alarms", "--json", "-c", "vigie.toml"]);
        String::from_utf8_lossy(&output.stdout).contains("silent")
    };
    assert!(!is_silent(), "before its time");
    restart(&mut daemon);
    let mut daemon = home.start(CONFIG);
    let began = Instant::now();
    daemon.wait_until("the alarm", SOON, is_silent);
    assert!(began.elapsed() < AFTER, "only {:?} after the restart", began.elapsed());
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn silence_counts_on_after_a_clean_stop() {
    silence_over(|daemon| assert_eq!(daemon.stop(), 0));
}

#[test]
fn silence_counts_on_after_a_kill() {
    silence_over(Daemon::kill);
}
