//! Shared by the black-box tests: the daemon as a process, real brokers, certificates, MQTT clients, read access to the
//! database.
//!
//! Invariants: everything runs in a temporary folder, listens on 127.0.0.1, and is ended by its own pid. Every wait has a
//! deadline. User-visible names that the tests rely on are defined once, in `names`.
#![allow(dead_code, unused_imports)] // Each test file is a crate of its own and uses its part of this.

pub mod alertmanager_v4;
pub mod api;
mod ca;
pub mod clock;
pub mod config;
mod daemon;
mod db;
mod disk;
pub mod fleet;
mod hivemq;
pub mod http;
mod listener;
pub mod manual;
mod mosquitto;
mod mqtt;
pub mod mqtt311;
pub mod names;
mod nginx;
pub mod numbered;
pub mod process;
mod proxy;
mod raw_client;
pub mod raw_packets;
pub mod readings;
pub mod recording;
mod restricting_proxy;
pub mod services;
pub mod smtp;
pub mod subscriber;
pub mod tap;
pub mod websocket;

pub use ca::{Ca, Certificate, Validity};
pub use daemon::{Daemon, Home, run_vigie, run_vigie_with};
pub use db::{Db, Row};
pub use disk::SmallDisk;
pub use hivemq::HiveMq;
pub use http::HttpServer;
pub use mosquitto::Mosquitto;
pub use mqtt::{Access, Client, Received};
pub use nginx::Nginx;
pub use process::{Process, resident_kib};
pub use proxy::Proxy;
pub use raw_client::{RawClient, Version};
pub use restricting_proxy::{RestrictingProxy, Restrictions};
pub use smtp::MailServer;

use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDateTime, Utc};

/// Timeout for anything that takes a moment, with a margin for a busy machine.
pub const SOON: Duration = Duration::from_secs(20);

/// Poll interval for conditions outside this process.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Polls `look` until it returns a value.
///
/// # Panics
/// After `within`, with `what` in the message.
pub fn eventually<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "{what}: not within {within:?}");
        thread::sleep(LOOK_AGAIN);
    }
}

/// Sleeps, for tests whose subject is the passing of time.
pub fn let_run(time: Duration) {
    thread::sleep(time);
}

/// True if all programs are installed. If one is missing, the test returns at once.
///
/// # Panics
/// If one is missing and `CI=true`: in CI a test that can't run has failed.
#[must_use]
pub fn require(tools: &[&str]) -> bool {
    let missing: Vec<_> = tools.iter().filter(|tool| !runs(tool)).collect();
    missing.is_empty() || skip(&format!("not installed: {missing:?}"))
}

/// Prints that a test is skipped, and returns false.
///
/// # Panics
/// When `CI=true`.
pub fn skip(why: &str) -> bool {
    let test = thread::current().name().unwrap_or("a test").to_owned();
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{test} can't run: {why}");
    // Written past the test harness, whose capture would hide it.
    writeln!(std::io::stderr(), "SKIPPED: {test}: {why}").expect("stderr");
    false
}

/// A Python interpreter with the stock paho-mqtt package.
#[must_use]
pub fn python_with_paho() -> Option<&'static str> {
    ["python3", "/usr/bin/python3"].into_iter().find(|python| {
        let mut command = Command::new(python);
        command.args(["-c", "import paho.mqtt.client"]);
        succeeds(&mut command)
    })
}

/// Path of a file of recorded data, in `VIGIE_DATA` or in `shared/data` beside the repository.
#[must_use]
pub fn data_file(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("VIGIE_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    folder.join(name).canonicalize().ok()
}

fn runs(tool: &str) -> bool {
    // Mosquitto's tools have no common flag that exits with 0: it is enough that they start.
    let mut command = Command::new(tool);
    command.arg("--help").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok()
}

fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A free port of 127.0.0.1.
///
/// It is below the ephemeral range, so that no outgoing connection occupies it when a broker returns to it.
#[must_use]
pub fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let pid = u16::try_from(std::process::id() % u32::from(COUNT)).expect("below COUNT");
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST + (pid.wrapping_mul(37) % COUNT + step) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port from {FIRST}");
}

/// Parses a timestamp; one without an offset is UTC.
#[must_use]
pub fn time(text: &str) -> DateTime<Utc> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return time.to_utc();
    }
    let naive = text.replace(' ', "T").parse::<NaiveDateTime>();
    naive.unwrap_or_else(|error| panic!("`{text}` is no timestamp: {error}")).and_utc()
}
