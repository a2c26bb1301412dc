//! What the black-box tests share: the daemon as a process, real brokers, certificates, an MQTT
//! client, and a look into the database.
//!
//! Everything runs in a temp folder, listens on 127.0.0.1, and is ended by its own pid. Every wait
//! has a deadline. The names these tests rely on beyond the contract stand in `names`, once.
#![allow(dead_code, unused_imports)] // Each test file is a crate of its own and uses its part of this.

mod accepting;
pub mod api;
mod bare;
mod ca;
pub mod clock;
pub mod config;
mod daemon;
mod db;
mod disk;
pub mod fleet;
mod gate;
mod hivemq;
pub mod http;
pub mod machine;
pub mod manual;
mod mosquitto;
mod mqtt;
pub mod names;
mod nginx;
pub mod numbered;
pub mod odd;
pub mod process;
mod proxy;
pub mod readings;
pub mod services;
pub mod smtp;
pub mod subscriber;
pub mod tap;
pub mod v4;
pub mod wire;
pub mod ws;

pub use bare::{Bare, Version};
pub use ca::{Ca, Certificate, Validity};
pub use daemon::{Daemon, Home, run_vigie, run_vigie_with};
pub use db::{Db, Row};
pub use disk::SmallDisk;
pub use gate::{Gate, Rules};
pub use hivemq::HiveMq;
pub use http::HttpServer;
pub use mosquitto::Mosquitto;
pub use mqtt::{Access, Client, Received};
pub use nginx::Nginx;
pub use process::{Process, resident_kib};
pub use proxy::Proxy;
pub use smtp::MailServer;

use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDateTime, Utc};

/// Ample for anything that should take a moment, on a busy machine.
pub const SOON: Duration = Duration::from_secs(20);

/// How often a condition outside this process is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Looks until there is something to see.
///
/// # Panics
/// When there isn't within `within`; says `what` it waited for.
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

/// Lets a system run for a given time where the time itself is the subject of the test.
pub fn let_run(time: Duration) {
    thread::sleep(time);
}

/// Whether the tools are here. Where one is missing the test should return at once.
///
/// # Panics
/// When one is missing and `CI=true`: there, a test that can't run has failed.
#[must_use]
pub fn require(tools: &[&str]) -> bool {
    let missing: Vec<_> = tools.iter().filter(|tool| !runs(tool)).collect();
    missing.is_empty() || skip(&format!("not installed: {missing:?}"))
}

/// Says loudly that a test can't run here, and returns false.
///
/// # Panics
/// When `CI=true`.
pub fn skip(why: &str) -> bool {
    let test = thread::current().name().unwrap_or("a test").to_owned();
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{test} can't run: {why}");
    // Past the capture of the test harness, which would hide it.
    writeln!(std::io::stderr(), "SKIPPED: {test}: {why}").expect("stderr");
    false
}

/// A Python that has the stock paho-mqtt package.
#[must_use]
pub fn python_with_paho() -> Option<&'static str> {
    ["python3", "/usr/bin/python3"].into_iter().find(|python| {
        let mut command = Command::new(python);
        command.args(["-c", "import paho.mqtt.client"]);
        succeeds(&mut command)
    })
}

/// Where the recorded data lies: `VIGIE_DATA`, or `shared/data` beside the repository.
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

/// A port of 127.0.0.1 on which nothing listens.
///
/// Below the range the system hands to outgoing connections, so that none of those sits on it
/// when a broker comes back to it.
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

/// A timestamp as Vigie or its users write it; zone-less ones are UTC.
#[must_use]
pub fn time(text: &str) -> DateTime<Utc> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return time.to_utc();
    }
    let naive = text.replace(' ', "T").parse::<NaiveDateTime>();
    naive.unwrap_or_else(|error| panic!("`{text}` is no timestamp: {error}")).and_utc()
}
