//! How fast a backlog at the broker is taken in, and what it costs: the daemon until the last
//! reading is in its database, the bare receiver until it has counted it, and one that stores until it
//! has committed it. All have the same messages waiting on the same broker, and take turns at going
//! first.

use std::time::Duration;

use crate::bare::{self, CONNECTING, DONE};
use crate::figures::{Pairs, Table};
use crate::load::{self, Judged, Stored};
use crate::process;
use crate::support::{Access, Client, Home, Mosquitto, Process, SOON, eventually, names, time};

/// Below the 65,535 past which Mosquitto 2.0 stalls.
const MESSAGES: usize = 60_000;
/// Each side goes first, second and third as often. A round lasts a second a side and wanders by a
/// fifth: nine gave a median that could be 0.1 off.
const ROUNDS: usize = 27;
const AT_MOST: Duration = Duration::from_secs(600);

/// Who takes a backlog in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Vigie,
    /// Counts, and nothing else.
    Bare,
    /// Stores as well, and loses what it has in memory when it is killed.
    Storing,
}

/// What one message cost at a drain, and all of it.
struct Cost {
    messages_a_second: f64,
    cpu_micros: f64,
    peak_mib: f64,
}

/// What drains cost, side by side.
#[derive(Default)]
pub struct Costs(Vec<(Side, Cost)>);

pub fn measure(table: &mut Table) {
    measure_judged(table, Judged::ByTwoLimits, "taking in 60,000 waiting readings");
}

/// The same with five rules a sensor.
pub fn measure_with_rules(table: &mut Table) {
    measure_judged(table, Judged::ByFiveRules, "taking in 60,000, five rules a sensor");
}

fn measure_judged(table: &mut Table, judged: Judged, what: &str) {
    eprintln!("drain: {ROUNDS} times {MESSAGES} messages for each side");
    let mut sides = [Side::Vigie, Side::Bare, Side::Storing];
    let mut costs = Costs::default();
    for _ in 0..ROUNDS {
        // A new one, since what was not acknowledged before a stop comes again, rightly so.
        let broker = Mosquitto::running();
        costs.measure(&broker.access(), judged, MESSAGES, &sides);
        sides.rotate_left(1);
    }
    costs.tell(table, what, ["≥ 0.85", "≤ 1.7", ""]);
    let rate = costs.beside(Side::Storing, |cost| cost.messages_a_second);
    table.pairs("… beside a receiver that stores, without a journal", "/s", 0, &rate, "");
    let cpu_micros = costs.beside(Side::Storing, |cost| cost.cpu_micros);
    table.pairs("… … processor time for each", "µs", 1, &cpu_micros, "");
}

impl Costs {
    /// One round more: `count` messages that wait for each of `sides` at one broker.
    pub fn measure(&mut self, access: &Access, judged: Judged, count: usize, sides: &[Side]) {
        sides.iter().for_each(|side| side.open_session(access));
        let all = (0..count).map(|n| (names::READINGS.to_owned(), load::normal(n)));
        Client::connect(access).publish_all(all);
        for side in sides {
            let cost = side.drain(access, judged, count);
            eprintln!("  {side:?}: {:.0} messages/s", cost.messages_a_second);
            self.0.push((*side, cost));
        }
    }

    /// Vigie's costs beside the bare receiver's, with the aims for rate, processor time and memory.
    pub fn tell(&self, table: &mut Table, what: &str, [rate, cpu, memory]: [&str; 3]) {
        table.pairs(what, "/s", 0, &self.beside(Side::Bare, |cost| cost.messages_a_second), rate);
        let cpu_micros = self.beside(Side::Bare, |cost| cost.cpu_micros);
        table.pairs("… processor time for each", "µs", 1, &cpu_micros, cpu);
        let peak_mib = self.beside(Side::Bare, |cost| cost.peak_mib);
        table.pairs("… memory at most", "MiB", 1, &peak_mib, memory);
    }

    /// A figure of Vigie's and the other side's, round by round.
    fn beside(&self, other: Side, figure: fn(&Cost) -> f64) -> Pairs {
        let of = |wanted| self.0.iter().filter(move |(side, _)| *side == wanted);
        let pairs = of(Side::Vigie).zip(of(other));
        Pairs(pairs.map(|((_, vigie), (_, other))| (figure(vigie), figure(other))).collect())
    }
}

impl Side {
    /// Connects once, so that the broker keeps its messages from then on.
    fn open_session(self, access: &Access) {
        let home = Home::new();
        if self == Self::Vigie {
            let mut daemon = home.start(&load::config(access));
            daemon.wait_line(names::CONNECTED, SOON);
            assert_eq!(daemon.stop(), 0);
            return;
        }
        let mut receiver = self.receiver(&home, access, 0);
        receiver.eventually(bare::SUBSCRIBED, SOON, |process| {
            process.log().contains(bare::SUBSCRIBED).then_some(())
        });
        bare::end(receiver);
    }

    fn drain(self, access: &Access, judged: Judged, count: usize) -> Cost {
        if self == Self::Vigie {
            return daemon(access, judged, count);
        }
        let home = Home::new();
        let mut receiver = self.receiver(&home, access, count);
        let done = receiver.eventually("all messages", AT_MOST, |process| said(process, DONE));
        let used = used(receiver.pid());
        let began = said(&receiver, CONNECTING).expect("it has connected");
        bare::end(receiver);
        cost(count, done - began, used)
    }

    fn receiver(self, home: &Home, access: &Access, count: usize) -> Process {
        let start = if self == Self::Storing { bare::storer } else { bare::receiver };
        start(home, access, names::READINGS, count)
    }
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
    let began = time(text).timestamp_millis() as f64 / 1e3;
    assert_eq!(daemon.stop(), 0);
    let different = "SELECT count(DISTINCT timestamp) FROM sensor_readings";
    assert_eq!(usize::try_from(home.db().number(different)), Ok(count), "all, each once");
    assert_eq!(home.db().count(), count);
    cost(count, done - began, used)
}

/// The processor seconds and the memory that a process has used.
fn used(pid: u32) -> (f64, f64) {
    (process::cpu_seconds(pid), process::peak_memory_mib(pid))
}

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
