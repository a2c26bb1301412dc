//! What three browsers cost: 10,000 sensors at 2,000 readings a second, with their pages open and with none, in turns at
//! one daemon. Processor time of the daemon for 100,000 readings, and how long an acknowledgement takes. The same with
//! three clients that read the live feed and draw nothing is the daemon's part of it; beside three browsers that show
//! another daemon, what it costs to share a machine with browsers.
//!
//! The browsers run under the idle policy, since they share the machine with what is measured: they have what nobody else
//! wants, and give it back at once. (Niced to the full they keep a processor for some ms when it is wanted.)

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use chrono::Utc;
use serde_json::json;

use crate::figures::{Pairs, Table, percentile};
use crate::process;
use crate::support::fleet::{self, Fleet, SENSORS};
use crate::support::websocket::LiveClient;
use crate::support::{Daemon, Home, Process, free_port, require};

const READINGS: usize = 100_000;
const PAIRS: usize = 4;

const OPENED: &str = "OPEN";
const OPEN_AT_MOST: Duration = Duration::from_secs(120);

/// How often a second the pages ask for values: of a sensor, the fleet, alarms.
const RATES: [u8; 3] = [4, 2, 1];

/// A frame comes within it, a beat at the least.
const FRAME: Duration = Duration::from_secs(10);

pub fn measure(table: &mut Table) {
    if !require(&["node", "chromium", "chrt"]) {
        return;
    }
    eprintln!(
        "dashboard: {PAIRS} times {READINGS} readings with and without three browsers, three readers of the feed"
    );
    let (home, port) = (Home::new(), free_port());
    let mut daemon = home.start(&fleet::config(port));
    let web = page(&mut daemon);
    let mut fleet = Fleet::open(port).expect("connect");
    play(&mut fleet, SENSORS); // each has spoken
    let mut bench = Bench { home, daemon, web, fleet };
    bench.compare(table, "three readers of the feed", Bench::open_readers);
    bench.compare(table, "three browsers", Bench::open_browsers);
    let home = Home::new();
    let mut other = home.start(&neighbour());
    bench.web = page(&mut other);
    bench.compare(table, "three browsers of another daemon", Bench::open_browsers);
    assert_eq!(other.stop(), 0);
    assert_eq!(bench.daemon.stop(), 0);
}

fn page(daemon: &mut Daemon) -> String {
    daemon.wait_ready()["web"].as_str().expect("an address").to_owned()
}

/// Config of a daemon that shows the same fleet by sensors of its own.
fn neighbour() -> String {
    let (each, last) = (SENSORS / 2000, SENSORS - 1);
    let sensors = format!(
        "[[sensors]]\nid = \"S_{{00000..{last:05}}}\"\nlocation = \"Hall\"\ninterval = \"{each}s\"\n\
         source = {{ type = \"simulated\", mean = 24.0, spread = 6.0, noise = 0.3, seed = 1 }}\n"
    );
    fleet::config(free_port()) + &sensors
}

struct Bench {
    home: Home,
    daemon: Daemon,
    web: String,
    fleet: Fleet,
}

/// Those that look on.
enum Watchers {
    Browsers(Process),
    Readers(Arc<AtomicBool>, Vec<JoinHandle<()>>),
}

impl Watchers {
    fn end(self) {
        match self {
            Self::Browsers(mut process) => {
                process.signal("TERM");
                assert!(process.exit(OPEN_AT_MOST).success(), "{}", process.log());
            }
            Self::Readers(is_over, threads) => {
                is_over.store(true, Ordering::Relaxed);
                threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
            }
        }
    }
}

impl Bench {
    fn compare(&mut self, table: &mut Table, who: &str, open: fn(&mut Self) -> Watchers) {
        let (mut cpu, mut ways) = (Vec::new(), Vec::new());
        for pair in 0..PAIRS {
            let mut of = |is_open: bool| {
                let watchers = is_open.then(|| open(self));
                let round = round(&self.daemon, &mut self.fleet);
                watchers.into_iter().for_each(Watchers::end);
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
        let what = format!("100,000 readings beside {who}, processor time");
        table.pairs(&what, "s", 2, &Pairs(cpu), "≤ 1.05");
        table.pairs("… 99 % of acknowledgements are within", "ms", 2, &Pairs(ways), "2 ms more");
    }

    /// Opens the browsers, while readings go on.
    fn open_browsers(&mut self) -> Watchers {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/web/long/open.js");
        let mut command = Command::new("chrt");
        command.args(["--idle", "0", "node"]).arg(script);
        let url = format!("http://{}/", self.web);
        command.env("VIGIE_URL", url).env("VIGIE_SENSOR", fleet::id(1));
        let log = self.home.path("browsers.txt");
        let process = Process::start("three browsers", &mut command, &log);
        let began = Instant::now();
        while !process.log().contains(OPENED) {
            assert!(began.elapsed() < OPEN_AT_MOST, "{}", process.log());
            play(&mut self.fleet, 1000);
        }
        Watchers::Browsers(process)
    }

    fn open_readers(&mut self) -> Watchers {
        let is_over = Arc::new(AtomicBool::new(false));
        let readers = RATES.map(|rate| {
            let want = json!({ "series": rate, "alarms": true });
            let mut client = LiveClient::connect(&self.web, None, 0, &want);
            let is_over = is_over.clone();
            thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    client.state(FRAME);
                }
            })
        });
        Watchers::Readers(is_over, readers.into())
    }
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
