//! Windows of an hour over a kill: rules that look back (`deviation`, `rate`, `flatline`, an expression) on ten
//! thousand series whose values keep within one percent of what the rules compare them with, so that a window which
//! is not as it was changes verdicts. Late readings are among them, readings of equal times, series that speak more
//! often than a window holds, and series dated 2013.
//!
//! Always: after any number of SIGKILLs all rows with their verdicts, and all alert rows, equal those of a daemon that
//! was given the same messages and never died. Ids of alerts are equal up to a bijection: messages that were in flight
//! at a kill come twice, so places in the log differ.
//!
//! `cargo test` does it with few series; `VIGIE_ACCEPT=windows` with ten thousand.

use std::path::Path;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use r2d2_sqlite::rusqlite::Connection;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;

use crate::outcome::{Names, open};
use crate::pipeline::{IN_FLIGHT, send};
use crate::scale;
use crate::sequence::Message;
use crate::support::mqtt311::Link;
use crate::support::{Daemon, Home, free_port, names, time};

const QUICK_SERIES: usize = 120;
const FULL_SERIES: usize = 10_000;

/// Rounds of all series: three hours of their time, so that a window holds fifteen readings.
const ROUNDS: usize = 45;
const ROUND: TimeDelta = TimeDelta::seconds(240);

/// Rounds in which the daemon is killed.
const KILLS: [usize; 4] = [18, 26, 34, 41];

/// Kinds of series by what their ids begin with.
const KINDS: [&str; 4] = ["DEV", "RATE", "FLAT", "MEAN"];

/// Of each kind, so many series speak so often a round: more than a window holds of an hour.
const BUSY: usize = 2;
const BUSY_READINGS: i32 = 20;

/// An unoptimised daemon judges what is left in the log, and tells of it.
const JUDGED: Duration = Duration::from_secs(300);

const RULES: &str = r#"
[[rules]]
name = "deviation"
kind = "deviation"
sensors = ["DEV_*"]
deviations = 2.0
window = "1h"
[[rules]]
name = "rate"
kind = "rate"
sensors = ["RATE_*"]
per_minute = 0.008
window = "1h"
[[rules]]
name = "flatline"
kind = "flatline"
sensors = ["FLAT_*"]
lasting = "1h"
within = 0.7
[[rules]]
name = "mean"
kind = "expression"
sensors = ["MEAN_*"]
when = "value - mean(\"1h\") > 0.49 || value - min(\"1h\") < 0.01 && max(\"1h\") - value > 0.93 && stddev(\"1h\") > 0.28"
"#;

fn num_series() -> usize {
    if scale::is_asked("windows") { FULL_SERIES } else { QUICK_SERIES }
}

/// Rounds of readings, the same for the same number of series.
struct Fleet {
    random: StdRng,
    num_series: usize,
    round: i32,
}

impl Fleet {
    fn new(num_series: usize) -> Self {
        Self { random: StdRng::seed_from_u64(3600), num_series, round: 0 }
    }

    fn next_round(&mut self) -> Vec<Message> {
        self.round += 1;
        let mut messages = Vec::new();
        for number in 0..self.num_series {
            let count = if number / KINDS.len() < BUSY { BUSY_READINGS } else { 1 };
            for part in 0..count {
                let at = begin(number) + ROUND * self.round + ROUND * part / BUSY_READINGS;
                let value = 100.0 + self.random.random_range(-0.5..0.5);
                messages.push(reading(number, value, at));
                match self.random.random_range(0..100) {
                    // Late: far from all others, and out of every window.
                    0..2 => messages.push(reading(number, 150.0, at - ROUND / 2)),
                    2..3 => messages.push(reading(number, value + 0.2, at)),
                    _ => {}
                }
            }
        }
        messages
    }
}

/// When a series begins: the first of each kind in 2013.
fn begin(number: usize) -> DateTime<Utc> {
    let is_old = number < KINDS.len();
    time(if is_old { "2013-05-06T00:00:00" } else { "2024-08-14T00:00:00" })
        + TimeDelta::milliseconds(i64::try_from(number).expect("few"))
}

fn reading(number: usize, value: f64, at: DateTime<Utc>) -> Message {
    let (kind, number) = (KINDS[number % KINDS.len()], number / KINDS.len());
    let reading = json!({
        "sensor_id": format!("{kind}_{number:04}"), "location": "Hall 1", "unit": "celsius",
        "temperature": (value * 1000.0).round() / 1000.0, "timestamp": at.to_rfc3339(),
    });
    (names::READINGS.to_owned(), reading.to_string().into_bytes())
}

struct Run {
    // Before its folder, so that it ends first.
    daemon: Daemon,
    home: Home,
    port: u16,
    config: String,
    /// From each kill until the next daemon was up, and until a verdict of it was stored.
    resumed: Vec<(Duration, Duration)>,
    kib: String,
}

impl Run {
    fn start() -> Self {
        let (home, port) = (Home::new(), free_port());
        let config = format!(
            "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:{port}\"\n{RULES}[log]\nlevel = \"warn\"\n"
        );
        let daemon = home.start(&config);
        Self { daemon, home, port, config, resumed: Vec::new(), kib: String::new() }
    }

    fn link(&self) -> Link {
        Link::open(self.port, "fleet").expect("connect")
    }

    fn num_rows(&self) -> i64 {
        self.home.db().number("SELECT ifnull(max(id), 0) FROM sensor_readings")
    }

    /// Kills the daemon, starts the next one, and goes on until so many are acknowledged and there is a verdict.
    fn kill(&mut self, messages: &[Message], acknowledged: usize) -> (Link, usize) {
        self.daemon.kill();
        let (before, began) = (self.num_rows(), Instant::now());
        self.daemon = self.home.start(&self.config);
        let up = began.elapsed();
        let mut link = self.link();
        let until = (acknowledged + IN_FLIGHT).min(messages.len());
        let acknowledged = send(&mut link, messages, (acknowledged, until), 0);
        let home = &self.home;
        let last = "SELECT ifnull(max(id), 0) FROM sensor_readings";
        self.daemon.wait_until("a verdict", JUDGED, || home.db().number(last) > before);
        self.resumed.push((up, began.elapsed()));
        (link, acknowledged)
    }

    /// All rounds, with kills in the midst of some; how many readings there were.
    fn play(&mut self, kills: &[usize]) -> usize {
        let mut fleet = Fleet::new(num_series());
        let mut link = self.link();
        let mut count = 0;
        for round in 0..ROUNDS {
            let messages = fleet.next_round();
            count += messages.len();
            let mut acknowledged = 0;
            if kills.contains(&round) {
                acknowledged = send(&mut link, &messages, (0, messages.len() / 2), IN_FLIGHT);
                (link, acknowledged) = self.kill(&messages, acknowledged);
            }
            send(&mut link, &messages, (acknowledged, messages.len()), 0);
        }
        count
    }

    /// Waits until all of it is judged and told, and stops the daemon.
    fn end(&mut self, count: usize) {
        let home = &self.home;
        let pending = "SELECT count(*) FROM alerts WHERE announced AND published_at IS NULL";
        self.daemon.wait_until("all verdicts", JUDGED, || {
            home.db().count() >= count && home.db().number(pending) == 0
        });
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.daemon.pid()));
        let status = status.expect("its status");
        let is_memory = |line: &&str| line.starts_with("VmHWM") || line.starts_with("VmRSS");
        let lines: Vec<_> = status.lines().filter(is_memory).collect();
        self.kib = lines.join(", ").replace(['\t', ' '], "");
        assert_eq!(self.daemon.stop(), 0);
        assert_eq!(self.home.db().count(), count, "readings stored");
    }
}

const READINGS: &str =
    "SELECT concat_ws('|', sensor_id, location, temperature, timestamp, alert_triggered)
    FROM sensor_readings ORDER BY sensor_id, timestamp, id";

const ALERTS: &str = "SELECT rule, sensor_id, alert_id, concat_ws('|', id, rule, alert_type, sensor_id, location,
        quantity, typeof(value), value, unit, threshold, severity, state, message, timestamp, announced,
        in_flood, transition, silent_end)
    FROM alerts ORDER BY id";

/// Compares what two queries answer, line by line.
fn assert_equal(
    what: &str,
    [killed, unkilled]: [&Connection; 2],
    sql: &str,
    lines: impl Fn(&Connection, &str, &mut dyn FnMut(String)),
) -> usize {
    let (mut expected, mut place) = (Vec::new(), 0);
    lines(unkilled, sql, &mut |line| expected.push(line));
    let mut different = Vec::new();
    lines(killed, sql, &mut |line| {
        if expected.get(place) != Some(&line) {
            different.push((place, line));
        }
        place += 1;
    });
    let first = different.first().map(|(place, line)| (line, expected.get(*place)));
    assert!(
        different.is_empty() && place == expected.len(),
        "{what}: {place}, without kills {}; {} differ, the first (killed, not killed): {first:?}",
        expected.len(),
        different.len()
    );
    place
}

fn readings(db: &Connection, sql: &str, each: &mut dyn FnMut(String)) {
    let mut query = db.prepare(sql).expect("the table");
    let mut rows = query.query([]).expect("run a query");
    while let Some(row) = rows.next().expect("a row") {
        each(row.get(0).expect("a text"));
    }
}

fn alerts(db: &Connection, sql: &str, each: &mut dyn FnMut(String)) {
    let mut query = db.prepare(sql).expect("the table");
    let mut rows = query.query([]).expect("run a query");
    let mut names = Names::default();
    while let Some(row) = rows.next().expect("a row") {
        let [rule, sensor, id, rest] =
            std::array::from_fn(|at| row.get::<_, String>(at).expect("a text"));
        names.learn(&rule, &sensor, &id);
        each(format!("{}|{rest}", names.named(&id)));
    }
}

/// How many series have a checkpoint, and its bytes: mean and most.
fn checkpoints(path: &Path) -> [i64; 3] {
    let sql = "SELECT count(*), CAST(avg(length(state)) AS INTEGER), max(length(state))
        FROM series_states WHERE part = 'windows'";
    let row = open(path).query_row(sql, [], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]));
    row.expect("the table of checkpoints")
}

#[test]
fn kills_change_no_verdict_of_a_window() {
    let began = Instant::now();
    let mut unkilled = Run::start();
    let count = unkilled.play(&[]);
    unkilled.end(count);
    let once = began.elapsed();
    let began = Instant::now();
    let mut killed = Run::start();
    assert_eq!(killed.play(&KILLS), count);
    killed.end(count);
    let again = began.elapsed();
    let paths = [killed.home.db(), unkilled.home.db()].map(|db| db.path().clone());
    let [num, mean, most] = checkpoints(&paths[0]);
    let broken = killed.home.db().number("SELECT sum(alert_triggered) FROM sensor_readings");
    eprintln!(
        "{} series, {count} readings, {broken} broke a rule, in {once:.1?} without and {again:.1?} with {} kills; \
         (all up, first verdict) after a restart: {:.1?}; {num} checkpoints of {mean} bytes, {most} at most; \
         {} KiB killed, {} without",
        num_series(),
        KILLS.len(),
        killed.resumed,
        killed.kib,
        unkilled.kib
    );
    assert!(broken > i64::try_from(count / 200).expect("few"), "too few verdicts are at stake");
    let dbs = [open(&paths[0]), open(&paths[1])];
    let dbs = [&dbs[0], &dbs[1]];
    assert_equal("readings", dbs, READINGS, readings);
    let num_alerts = assert_equal("alerts", dbs, ALERTS, alerts);
    assert!(num_alerts > num_series(), "{num_alerts} alerts");
}
