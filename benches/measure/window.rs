//! What three browsers cost: 10,000 sensors at 2,000 readings a second, with their pages open and with none, in turns at
//! one daemon. Processor time of the daemon for 100,000 readings, and how long an acknowledgement takes.
//!
//! The browsers run under the idle policy, since they share the machine with what is measured: they have what nobody else
//! wants, and give it back at once. (Niced to the full they keep a processor for some ms when it is wanted.)

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use chrono::Utc;

use crate::figures::{Pairs, Table, percentile};
use crate::process;
use crate::support::fleet::{self, Fleet, SENSORS};
use crate::support::{Daemon, Home, Process, free_port, require};

const READINGS: usize = 100_000;
const PAIRS: usize = 4;

const OPENED: &str = "OPEN";
const OPEN_AT_MOST: Duration = Duration::from_secs(120);

pub fn measure(table: &mut Table) {
    if !require(&["node", "chromium", "chrt"]) {
        return;
    }
    eprintln!("window: {PAIRS} times {READINGS} readings with three browsers and with none");
    let (home, port) = (Home::new(), free_port());
    let mut daemon = home.start(&fleet::config(port));
    let mut fleet = Fleet::open(port).expect("connect");
    play(&mut fleet, SENSORS); // each has spoken
    let (mut cpu, mut ways) = (Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        let mut of = |is_open: bool| {
            let browsers = is_open.then(|| open(&home, &mut daemon, &mut fleet));
            let round = round(&daemon, &mut fleet);
            if let Some(mut browsers) = browsers {
                browsers.signal("TERM");
                assert!(browsers.exit(OPEN_AT_MOST).success(), "{}", browsers.log());
            }
            round
        };
        let (with, without) = if pair % 2 == 0 {
            (of(true), of(false))
        } else {
            let without = of(false);
            (of(true), without)
        };
        cpu.push((with.0, without.0));
        ways.push((with.1, without.1));
    }
    assert_eq!(daemon.stop(), 0);
    table.pairs(
        "100,000 readings beside three browsers, processor time",
        "s",
        2,
        &Pairs(cpu),
        "≤ 1.05",
    );
    table.pairs("… 99 % of acknowledgements are within", "ms", 2, &Pairs(ways), "2 ms more");
}

/// Opens the browsers, while readings go on.
fn open(home: &Home, daemon: &mut Daemon, fleet: &mut Fleet) -> Process {
    let ready = daemon.wait_ready();
    let url = format!("http://{}/", ready["web"].as_str().expect("an address"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/web/long/open.js");
    let mut command = Command::new("chrt");
    command.args(["--idle", "0", "node"]).arg(script);
    command.env("VIGIE_URL", url).env("VIGIE_SENSOR", "S_00001");
    let process = Process::start("three browsers", &mut command, &home.path("browsers.txt"));
    let began = Instant::now();
    while !process.log().contains(OPENED) {
        assert!(began.elapsed() < OPEN_AT_MOST, "{}", process.log());
        play(fleet, 1000);
    }
    process
}

/// Processor seconds of the daemon, and ms within which 99 % are acknowledged.
fn round(daemon: &Daemon, fleet: &mut Fleet) -> (f64, f64) {
    let before = process::cpu_seconds(daemon.pid());
    let ways = play(fleet, READINGS);
    (process::cpu_seconds(daemon.pid()) - before, percentile(ways.into_iter(), 0.99))
}

fn play(fleet: &mut Fleet, count: usize) -> Vec<f64> {
    fleet.play(count, Utc::now).expect("acknowledged")
}
