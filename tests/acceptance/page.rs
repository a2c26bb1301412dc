//! A browser's page on a large fleet for half an hour: its memory stays as it is; and a browser that is stopped costs
//! the daemon nothing. The page's part is `tests/web/long/fleet.js`.
//!
//! Runs with `VIGIE_ACCEPT=page`. `VIGIE_ACCEPT_MINUTES` is its length (30), `VIGIE_ACCEPT_RATE` the readings a
//! second (2,000).

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chrono::Utc;

use crate::scale;
use crate::support::fleet::{self, Fleet, SENSORS};
use crate::support::{Daemon, Home, Process, free_port, let_run, require, skip};

const MINUTES: usize = 30;
const RATE: usize = 2_000;

/// Readings go out in bundles.
const BUNDLE: Duration = Duration::from_millis(100);
const BUNDLES_A_SECOND: usize = 10;

/// What the page's part takes beyond the time that it watches: the fleet's first values, and the stopped browser.
const MORE: Duration = Duration::from_secs(10 * 60);

fn from_env(name: &str, default: usize) -> usize {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// Publishes so many readings a second, or what the daemon takes, until it is over; how many.
fn play(port: u16, rate: usize, is_over: &AtomicBool) -> usize {
    let (mut fleet, mut due) = (Fleet::open(port).expect("connect"), Instant::now());
    while !is_over.load(Ordering::Relaxed) {
        fleet.publish(rate / BUNDLES_A_SECOND, Utc::now()).expect("acknowledged");
        due += BUNDLE;
        let_run(due.saturating_duration_since(Instant::now()));
    }
    fleet.count()
}

/// Ends the readings, also when the test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn watch(daemon: &mut Daemon, home: &Home, minutes: usize) {
    let ready = daemon.wait_ready();
    let web = ready["web"].as_str().expect("an address");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/web/long/fleet.js");
    let mut command = Command::new("node");
    command.arg(script).env("VIGIE_URL", format!("http://{web}/"));
    command.env("VIGIE_MINUTES", minutes.to_string()).env("VIGIE_SENSORS", SENSORS.to_string());
    let mut process = Process::start("the page", &mut command, &home.path("page.txt"));
    let at_most = Duration::from_secs(60) * u32::try_from(minutes).expect("few") + MORE;
    let status = process.exit(at_most);
    eprint!("{}", process.log());
    assert!(status.success(), "{status}");
}

#[test]
fn a_pages_memory_stays_constant_and_a_stopped_browser_costs_nothing() {
    if !scale::wants("page") || !require(&["node", "chromium"]) {
        return;
    }
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/web/node_modules");
    if !modules.is_dir() {
        skip("tests/web/node_modules is missing: `make setup` fills it");
        return;
    }
    let (minutes, rate) =
        (from_env("VIGIE_ACCEPT_MINUTES", MINUTES), from_env("VIGIE_ACCEPT_RATE", RATE));
    let (home, port) = (Home::new(), free_port());
    let mut daemon = home.start(&fleet::config(port));
    let (is_over, began) = (AtomicBool::new(false), Instant::now());
    let count = std::thread::scope(|scope| {
        let playing = scope.spawn(|| play(port, rate, &is_over));
        let over = Over(&is_over);
        watch(&mut daemon, &home, minutes);
        drop(over);
        playing.join().expect("no panic")
    });
    let seconds = began.elapsed().as_secs();
    let played = count as u64 / seconds.max(1);
    eprintln!("{count} readings in {seconds} s: {played} a second of {rate}");
    assert_eq!(daemon.stop(), 0);
}
