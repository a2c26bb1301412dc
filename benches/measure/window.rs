//! What three browsers cost: 10,000 sensors at 2,000 readings a second, with their pages open and with none, in turns at
//! one daemon. Processor time of the daemon for 100,000 readings, and how long an acknowledgement takes.
//!
//! The browsers run niced, since they share the machine with what is measured: what they take from it otherwise is their
//! own cost.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use chrono::Utc;

use crate::figures::{Pairs, Table, percentile};
use crate::process;
use crate::support::wire::{self, Link};
use crate::support::{Daemon, Home, Process, free_port, let_run, names, require};

const SENSORS: usize = 10_000;
const READINGS: usize = 100_000;
const BUNDLE: usize = 20;
/// With [`BUNDLE`] 2,000 a second.
const EACH: Duration = Duration::from_millis(10);
const PAIRS: usize = 4;
/// One sensor in so many breaks its limit, every other time.
const BREAKS: usize = 500;

const OPENED: &str = "OPEN";
const OPEN_AT_MOST: Duration = Duration::from_secs(120);

pub fn measure(table: &mut Table) {
    if !require(&["node", "chromium"]) {
        return;
    }
    eprintln!("window: {PAIRS} times {READINGS} readings with three browsers and with none");
    let (home, port) = (Home::new(), free_port());
    let mut daemon = home.start(&format!(
        "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:{port}\"\n[web]\nlisten = \"127.0.0.1:0\"\n\
         [alerts.temperature]\nhigh = 35.0\nlow = 10.0\n[log]\nlevel = \"warn\"\n"
    ));
    let mut link = Link::open(port, "fleet").expect("connect");
    let mut next = 0;
    play(&mut link, &mut next, SENSORS); // each has spoken
    let (mut cpu, mut ways) = (Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        let mut of = |is_open: bool| {
            let browsers = is_open.then(|| open(&home, &mut daemon, &mut link, &mut next));
            let round = round(&daemon, &mut link, &mut next);
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
fn open(home: &Home, daemon: &mut Daemon, link: &mut Link, next: &mut usize) -> Process {
    let ready = daemon.wait_ready();
    let url = format!("http://{}/", ready["web"].as_str().expect("an address"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/web/long/open.js");
    let mut command = Command::new("nice");
    command.args(["-n", "19", "node"]).arg(script);
    command.env("VIGIE_URL", url).env("VIGIE_SENSOR", "S_00001");
    let process = Process::start("three browsers", &mut command, &home.path("browsers.txt"));
    let began = Instant::now();
    while !process.log().contains(OPENED) {
        assert!(began.elapsed() < OPEN_AT_MOST, "{}", process.log());
        play(link, next, 1000);
    }
    process
}

/// Processor seconds of the daemon, and ms within which 99 % are acknowledged.
fn round(daemon: &Daemon, link: &mut Link, next: &mut usize) -> (f64, f64) {
    let before = process::cpu_seconds(daemon.pid());
    let ways = play(link, next, READINGS);
    (process::cpu_seconds(daemon.pid()) - before, percentile(ways.into_iter(), 0.99))
}

/// Publishes so many readings; ms until each was acknowledged.
fn play(link: &mut Link, next: &mut usize, count: usize) -> Vec<f64> {
    let mut ways = Vec::with_capacity(count);
    let mut due = Instant::now();
    for _ in 0..count / BUNDLE {
        let bytes: Vec<u8> = (0..BUNDLE).flat_map(|id| publication(*next + id, id)).collect();
        *next += BUNDLE;
        let sent = Instant::now();
        link.send(&bytes).expect("send");
        let mut left = BUNDLE;
        while left > 0 {
            for _ in link.receive().expect("receive").iter().filter(|it| it.head == wire::PUBACK) {
                ways.push(sent.elapsed().as_secs_f64() * 1e3);
                left -= 1;
            }
        }
        due += EACH;
        let_run(due.saturating_duration_since(Instant::now()));
    }
    ways
}

/// The `number`th reading of all sensors in turn, of now.
fn publication(number: usize, id: usize) -> Vec<u8> {
    let (sensor, round) = (number % SENSORS, number / SENSORS);
    let is_hot = sensor.is_multiple_of(BREAKS) && round.is_multiple_of(2);
    let tenths = u32::try_from((sensor * 7 + round * 3) % 80).expect("small");
    let value = if is_hot { 40.0 } else { 20.0 } + f64::from(tenths) / 10.0;
    let payload = serde_json::json!({
        "sensor_id": format!("S_{sensor:05}"), "location": format!("Hall {}", sensor / 100),
        "unit": "celsius", "temperature": value, "timestamp": Utc::now().to_rfc3339(),
    });
    let id = u16::try_from(id + 1).expect("a small bundle");
    wire::publish(names::READINGS, payload.to_string().as_bytes(), 1, id, false)
}
