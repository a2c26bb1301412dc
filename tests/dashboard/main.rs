//! The dashboard: type check and unit tests in Node, and its pages in a real browser on the real daemon. The tests are
//! JavaScript, in `tests/web`; this binary starts the daemon for them.
//!
//! `VIGIE_SHOTS=FOLDER` keeps a picture of every page in every look.

#[path = "../support/mod.rs"]
mod support;

mod chunks;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use support::{Home, Nginx, Process, require, skip};

const TOOLS: [&str; 3] = ["node", "npm", "chromium"];

/// Timeout of the longest part: every page in every look, width and language, on a busy machine.
const AT_MOST: Duration = Duration::from_secs(1200);

const CONFIG: &str = r#"
language = "en"
[broker]
listen = "127.0.0.1:0"
[web]
listen = "127.0.0.1:0"
[[sensors]]
id = "OWN_1"
location = "Hall 1"
interval = "1s"
source = { type = "simulated", mean = 21.0, spread = 2.0, noise = 0.2, seed = 7 }
[alerts.temperature]
high = 35.0
low = 10.0
"#;

fn web() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/web")
}

/// True if the tests' packages are installed.
fn are_packages_here() -> bool {
    require(&TOOLS)
        && (web().join("node_modules").is_dir()
            || skip("tests/web/node_modules is missing: `make setup` fills it"))
}

/// Runs a script of `tests/web/package.json`; prints its output if it fails.
fn run(script: &str, envs: &[(&str, &str)]) {
    let home = Home::new();
    let mut command = Command::new("npm");
    command.args(["run", "--silent", script]).current_dir(web());
    command.envs(envs.iter().copied());
    let mut process = Process::start(script, &mut command, &home.path("log.txt"));
    let status = process.exit(AT_MOST);
    if !status.success() {
        let log = process.log();
        // Failed tests are repeated at the end, where a long report is read first.
        panic!("npm run {script}: {status}\n{log}\n{}", failed(&log).join("\n"));
    }
}

/// Failed tests of a TAP report: a line `not ok`, then indented details.
fn failed(report: &str) -> Vec<&str> {
    let mut is_within = false;
    let lines = report.lines().filter(|line| {
        let is_detail = line.starts_with(' ');
        is_within = line.starts_with("not ok") || (is_within && is_detail);
        is_within
    });
    lines.collect()
}

#[test]
fn the_pages_pass_the_type_check() {
    if are_packages_here() {
        run("check", &[]);
    }
}

#[test]
fn the_pages_unit_tests_pass() {
    if are_packages_here() {
        for zone in ["UTC", "Europe/Paris", "America/New_York"] {
            run("test", &[("TZ", zone)]);
        }
    }
}

#[test]
fn the_pages_work_in_a_browser() {
    if !are_packages_here() {
        return;
    }
    let home = Home::new();
    let mut daemon = home.start(CONFIG);
    let ready = daemon.wait_ready();
    let address = |name: &str| ready[name].as_str().expect("an address").to_owned();
    let web = address("web");
    let url = format!("http://{web}/");
    let nginx = require(&["nginx"]).then(|| [Nginx::before(&web), Nginx::without_upgrade(&web)]);
    let proxied = |which: usize| {
        let url = |nginx: &[Nginx; 2]| format!("http://{}{}/", nginx[which].address(), Nginx::PATH);
        nginx.as_ref().map(url).unwrap_or_default()
    };
    let envs = [
        ("VIGIE_URL", &*url),
        ("VIGIE_MQTT", &address("broker")),
        ("VIGIE_PROXY", &proxied(0)),
        ("VIGIE_PROXY_POLLED", &proxied(1)),
        // Tests that need another configuration start a daemon of their own.
        ("VIGIE_BIN", env!("CARGO_BIN_EXE_vigie")),
    ];
    run("browser", &envs);
    assert_eq!(daemon.stop(), 0);
}
