//! How fast a backlog at the broker is taken in, and what it costs: the daemon until the last
//! reading is in its database, the bare receiver until it has counted it. Both have the same
//! messages waiting on the same broker, and take turns at going first.

use std::time::Duration;

use crate::bare::{self, CONNECTING, DONE};
use crate::figures::{Pairs, Table};
use crate::load::{self, Judged, Stored};
use crate::process;
use crate::support::{Access, Client, Home, Mosquitto, Process, SOON, eventually, names, time};

/// Below the 65,535 past which Mosquitto 2.0 stalls.
const MESSAGES: usize = 60_000;
const PAIRS: usize = 8;
const AT_MOST: Duration = Duration::from_secs(600);

/// What one message cost at a drain, and all of it.
struct Cost {
    messages_a_second: f64,
    cpu_micros: f64,
    peak_mib: f64,
}

/// Both sides' costs, pair by pair.
#[derive(Default)]
pub struct Costs {
    pub rate: Pairs,
    pub cpu: Pairs,
    pub memory: Pairs,
}

pub fn measure(table: &mut Table) {
    measure_judged(table, Judged::ByTwoLimits, "taking in 60,000 waiting readings");
}

/// The same with five rules a sensor.
pub fn measure_with_rules(table: &mut Table) {
    measure_judged(table, Judged::ByFiveRules, "taking in 60,000, five rules a sensor");
}

fn measure_judged(table: &mut Table, judged: Judged, what: &str) {
    eprintln!("drain: {PAIRS} times {MESSAGES} messages for each side");
    let mut costs = Costs::default();
    for pair in 0..PAIRS {
        // A new one, since what was not acknowledged before a stop comes again, rightly so.
        let broker = Mosquitto::running();
        costs.measure(&broker.access(), judged, MESSAGES, pair % 2 == 0);
    }
    table.pairs(what, "/s", 0, &costs.rate, "≥ 0.85");
    table.pairs("… processor time for each", "µs", 1, &costs.cpu, "≤ 1.7");
    table.pairs("… memory at most", "MiB", 1, &costs.memory, "");
}

impl Costs {
    /// One pair more: `count` messages that wait for either side at one broker.
    pub fn measure(&mut self, access: &Access, judged: Judged, count: usize, vigie_first: bool) {
        open_sessions(access);
        let all = (0..count).map(|n| (names::READINGS.to_owned(), load::normal(n)));
        Client::connect(access).publish_all(all);
        let (vigie, bare) = if vigie_first {
            let vigie = daemon(access, judged, count);
            (vigie, receiver(access, count))
        } else {
            let bare = receiver(access, count);
            (daemon(access, judged, count), bare)
        };
        eprintln!("  {:.0} and {:.0} messages/s", vigie.messages_a_second, bare.messages_a_second);
        self.rate.0.push((vigie.messages_a_second, bare.messages_a_second));
        self.cpu.0.push((vigie.cpu_micros, bare.cpu_micros));
        self.memory.0.push((vigie.peak_mib, bare.peak_mib));
    }
}

/// Lets each side connect once, so that the broker keeps its messages from then on.
fn open_sessions(access: &Access) {
    let home = Home::new();
    let mut daemon = home.start(&load::config(access));
    daemon.wait_line(names::CONNECTED, SOON);
    assert_eq!(daemon.stop(), 0);
    let mut receiver = bare::receiver(&home, access, names::READINGS, 0);
    receiver.eventually(bare::SUBSCRIBED, SOON, |process| {
        process.log().contains(bare::SUBSCRIBED).then_some(())
    });
    bare::end(receiver);
}

fn daemon(access: &Access, judged: Judged, count: usize) -> Cost {
    let home = Home::new();
    let mut daemon = home.spawn(&load::config_of(access, judged));
    let stored = eventually("a database", SOON, || Stored::open(&home));
    stored.wait(count, AT_MOST);
    let done = bare::now_seconds();
    let used = used(daemon.pid());
    // A line of the log begins with its time in brackets.
    let line = daemon.lines_with("🔄 Connecting to ").remove(0);
    let text = line.trim_start_matches('[').split_whitespace().next().unwrap_or_default();
    #[allow(clippy::cast_precision_loss)]
    let began = time(text).timestamp_millis() as f64 / 1e3;
    assert_eq!(daemon.stop(), 0);
    let different = "SELECT count(DISTINCT timestamp) FROM sensor_readings";
    assert_eq!(usize::try_from(home.db().number(different)), Ok(count), "all, each once");
    assert_eq!(home.db().count(), count);
    cost(count, done - began, used)
}

fn receiver(access: &Access, count: usize) -> Cost {
    let home = Home::new();
    let mut receiver = bare::receiver(&home, access, names::READINGS, count);
    let done = receiver.eventually("all messages", AT_MOST, |process| said(process, DONE));
    let used = used(receiver.pid());
    let began = said(&receiver, CONNECTING).expect("it has connected");
    bare::end(receiver);
    cost(count, done - began, used)
}

/// The processor seconds and the memory that a process has used.
fn used(pid: u32) -> (f64, f64) {
    (process::cpu_seconds(pid), process::peak_memory_mib(pid))
}

#[allow(clippy::cast_precision_loss)] // far below 2^53
fn cost(count: usize, seconds: f64, (cpu_seconds, peak_mib): (f64, f64)) -> Cost {
    let count = count as f64;
    Cost { messages_a_second: count / seconds, cpu_micros: cpu_seconds / count * 1e6, peak_mib }
}

/// The time that a whole line with `word` tells.
fn said(process: &Process, word: &str) -> Option<f64> {
    let log = process.log();
    let (line, _) = log.split_once(word)?.1.split_once('\n')?;
    line.parse().ok()
}
