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
const AT_MOST: Duration = Duration::from_secs(120);
#[allow(clippy::cast_precision_loss)]
const COUNT: f64 = MESSAGES as f64;

/// What one drain took.
struct Cost {
    seconds: f64,
    cpu_seconds: f64,
    peak_mib: f64,
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
    let [mut rate, mut cpu, mut memory] = [(); 3].map(|()| Pairs::default());
    for pair in 0..PAIRS {
        // A new one, since what was not acknowledged before a stop comes again, rightly so.
        let broker = Mosquitto::running();
        let access = broker.access();
        open_sessions(&access);
        let publisher = Client::connect(&access);
        let all = (0..MESSAGES).map(|n| (names::READINGS.to_owned(), load::normal(n)));
        publisher.publish_all(all);
        let (vigie, bare) = if pair % 2 == 0 {
            let vigie = daemon(&access, judged);
            (vigie, receiver(&access))
        } else {
            let bare = receiver(&access);
            (daemon(&access, judged), bare)
        };
        rate.0.push((COUNT / vigie.seconds, COUNT / bare.seconds));
        cpu.0.push((vigie.cpu_seconds / COUNT * 1e6, bare.cpu_seconds / COUNT * 1e6));
        memory.0.push((vigie.peak_mib, bare.peak_mib));
        eprintln!("  {:.0} and {:.0} messages/s", COUNT / vigie.seconds, COUNT / bare.seconds);
    }
    table.pairs(what, "/s", 0, &rate, "≥ 0.85");
    table.pairs("… processor time for each", "µs", 1, &cpu, "≤ 1.7");
    table.pairs("… memory at most", "MiB", 1, &memory, "");
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

fn daemon(access: &Access, judged: Judged) -> Cost {
    let home = Home::new();
    let mut daemon = home.spawn(&load::config_of(access, judged));
    let stored = eventually("a database", SOON, || Stored::open(&home));
    stored.wait(MESSAGES, AT_MOST);
    let done = bare::now_seconds();
    let (cpu_seconds, peak_mib) = used(daemon.pid());
    // A line of the log begins with its time in brackets.
    let line = daemon.lines_with("🔄 Connecting to ").remove(0);
    let text = line.trim_start_matches('[').split_whitespace().next().unwrap_or_default();
    #[allow(clippy::cast_precision_loss)]
    let began = time(text).timestamp_millis() as f64 / 1e3;
    assert_eq!(daemon.stop(), 0);
    let different = "SELECT count(DISTINCT timestamp) FROM sensor_readings";
    assert_eq!(usize::try_from(home.db().number(different)), Ok(MESSAGES), "all, each once");
    assert_eq!(home.db().count(), MESSAGES);
    Cost { seconds: done - began, cpu_seconds, peak_mib }
}

fn receiver(access: &Access) -> Cost {
    let home = Home::new();
    let mut receiver = bare::receiver(&home, access, names::READINGS, MESSAGES);
    let done = receiver.eventually("all messages", AT_MOST, |process| said(process, DONE));
    let (cpu_seconds, peak_mib) = used(receiver.pid());
    let began = said(&receiver, CONNECTING).expect("it has connected");
    bare::end(receiver);
    Cost { seconds: done - began, cpu_seconds, peak_mib }
}

fn used(pid: u32) -> (f64, f64) {
    (process::cpu_seconds(pid), process::peak_memory_mib(pid))
}

/// The time that a whole line with `word` tells.
fn said(process: &Process, word: &str) -> Option<f64> {
    let log = process.log();
    let (line, _) = log.split_once(word)?.1.split_once('\n')?;
    line.parse().ok()
}
