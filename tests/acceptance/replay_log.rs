//! A log of a million records, evaluated three times from the same files: twice at one go, and once with a SIGKILL
//! at a hundred places, between any two commits.
//!
//! A daemon takes the messages in, at full speed, while its database is locked from outside: nothing is committed, and
//! the log holds it all when that daemon is killed. Rules of every kind judge them; the listening clocks of the
//! records let silence, waits, shelves, and planned work begin and end in their midst, and operators act by the API.
//!
//! Always: the same rows, alert events, actions and rejected messages, under the same ids, and the same states of
//! alarms and windows. Each start appends time marks after the million, and these differ. So events are compared up to
//! that of the last record, which raises an alarm; and of states, not those of silence, which goes on after it, nor of
//! the flood, nor of sensors that work is planned on, which begins and ends after it. Of a window's checkpoint the
//! clock and the place in the log of the last reading are left out: where no alarm depends on them, a start doesn't
//! know them.
//!
//! `cargo test` does it with few records; `VIGIE_ACCEPT=replay` with a million.

use std::fs;
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use r2d2_sqlite::rusqlite::Connection;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::differential::{BASE, rules};
use crate::outcome::open;
use crate::pipeline::send;
use crate::scale;
use crate::sequence::{Message, Sequence};
use crate::support::mqtt311::Link;
use crate::support::{Daemon, Home, SOON, let_run, names};

/// Messages, and kills of the third run.
const QUICK: (usize, i64) = (12_000, 10);
const FULL: (usize, i64) = (1_000_000, 100);

/// Sensors of the fleet.
const FLEET: usize = 1_000;

/// Work is planned every other minute, as the records' wall clock has it.
const WORK: &str = "[[maintenance]]\nname = \"work\"\nsensors = [\"HI_*\", \"MAINT_*\"]\n\
                    schedule = \"*/2 * * * *\"\nlasting = \"1m\"\n";

/// The sensor of the last record.
const LAST: &str = "LAST";

/// Chattering, in place of that of [`BASE`].
const CHATTERING: (&str, &str) =
    ("within = \"60s\"\ncalm = \"10m\"", "within = \"10s\"\ncalm = \"10s\"");

/// Shelves, waits and chattering are over after that, by the listening clock of the last record.
const LONGEST_WAIT: Duration = Duration::from_secs(12);

/// An unoptimised daemon judges a million records.
const JUDGED: Duration = Duration::from_secs(540);

/// What operators ask for, of the alarms of sensors that come up again and again.
const ACTIONS: [(&str, &str); 6] = [
    ("high-temperature/HOT_0", "shelve"),
    ("high-temperature/HOT_1", "out-of-service"),
    ("seen/ACK_0", "ack"),
    ("latched/LATCH_0", "reset"),
    ("high-temperature/HOT_1", "return-to-service"),
    ("warm/HI_0", "shelve"),
];

fn size() -> (usize, i64) {
    if scale::is_asked("replay") { FULL } else { QUICK }
}

fn config(port: u16) -> String {
    let broker = format!("[broker]\nlisten = \"127.0.0.1:{port}\"\n");
    let base = BASE.replace(CHATTERING.0, CHATTERING.1);
    format!("language = \"en\"\n{broker}[log]\nlevel = \"warn\"\n{base}{WORK}{}", rules(24.0))
}

/// Messages in blocks: the fleet, sensors with rules of their own, and what waits of seconds are about.
struct Messages {
    sequence: Sequence,
    block: usize,
}

impl Messages {
    fn next_block(&mut self) -> Vec<Message> {
        let mut messages = self.sequence.fleet();
        messages.extend(self.sequence.groups(20));
        if self.block.is_multiple_of(8) {
            messages.extend(self.sequence.rest().into_iter().flatten());
        }
        // What breaks a limit in one block keeps it in the next one but two.
        let value = if self.block % 4 < 2 { 60.0 } else { 20.0 };
        for id in ["SUP_1", "CAUSE_1", "SUP_2", "MAINT_0", "HOT_0", "HOT_1"] {
            messages.push(self.sequence.one(id, value));
        }
        for value in [40.0, 20.0, 41.0, 20.5, 40.5, 21.0] {
            messages.push(self.sequence.one("CHAT_0", value));
        }
        messages.push(self.sequence.one(&format!("STALE_{}", self.block % 40), 20.0));
        let word = if self.block.is_multiple_of(2) { "offline" } else { "online" };
        messages.push(self.sequence.one("AV_0", 20.0));
        messages.push(("factory/availability/AV_0".to_owned(), word.into()));
        self.block += 1;
        messages
    }

    /// Every alarm but those of silence comes to rest.
    fn end(&mut self) -> Vec<Message> {
        let mut messages: Vec<_> = self.sequence.rest().into_iter().flatten().collect();
        for after in [60, 3600, 3600] {
            self.sequence.pass(after);
            for id in ["SUP_1", "CAUSE_1", "SUP_2", "MAINT_0", "HOT_0", "HOT_1", "CHAT_0"] {
                messages.push(self.sequence.one(id, 20.0));
            }
        }
        messages
    }
}

/// Takes the write lock of a database until dropped.
fn lock(path: &Path) -> Connection {
    let connection = Connection::open(path).expect("open the database");
    connection.busy_timeout(SOON).expect("set the patience");
    connection.execute_batch("BEGIN IMMEDIATE").expect("take the lock");
    connection
}

/// An operator's request. Whether it was said to be done.
fn ask(home: &Home, number: usize) -> JoinHandle<bool> {
    let (alarm, verb) = ACTIONS[number % ACTIONS.len()];
    let path = format!("/api/v1/alarms/{}/{verb}", alarm.replace('/', "%2F"));
    let mut body = json!({"by": format!("anne {number}"), "why": "test"});
    if verb == "shelve" {
        body["for"] = Value::from("2s");
    }
    let api = home.api();
    thread::spawn(move || api.post(&path, &body).is_ok_and(|answer| answer.status == 200))
}

/// Fills a log, and leaves it with a database that has nothing of it. How many messages it has.
fn filled(home: &Home, num_messages: usize) -> usize {
    let mut daemon = home.start(&config(0));
    let url = daemon.embedded_broker().url;
    let port = url.rsplit_once(':').expect("a port").1.parse().expect("a port");
    let mut link = Link::open(port, "fleet").expect("connect");
    let locked = lock(home.db().path());
    let before = position(&locked);
    let mut messages = Messages { sequence: Sequence::new(FLEET), block: 0 };
    let (mut count, mut asked) = (0, Vec::new());
    let parts = num_messages / 24;
    while count < num_messages {
        let block = messages.next_block();
        count += send(&mut link, &block, (0, block.len()), 0);
        if count / parts > asked.len() {
            asked.push(ask(home, asked.len()));
        }
    }
    let end = messages.end();
    count += send(&mut link, &end, (0, end.len()), 0);
    let_run(LONGEST_WAIT);
    count += send(&mut link, &[messages.sequence.one(LAST, 40.0)], (0, 1), 0);
    daemon.kill();
    for asked in asked {
        assert!(!asked.join().expect("asked"), "said to be done before its commit");
    }
    assert_eq!(position(&locked), before, "committed while it was locked");
    count
}

/// A copy of an installation: its database and its log.
fn copied(from: &Home) -> Home {
    let to = Home::new();
    fs::create_dir(to.path(names::LOG)).expect("a folder");
    let log = fs::read_dir(from.path(names::LOG)).expect("the log's folder");
    let files = log.map(|entry| entry.expect("an entry").file_name().into_string().expect("text"));
    for file in files {
        let file = format!("{}/{file}", names::LOG);
        fs::copy(from.path(&file), to.path(&file)).expect("copy the log");
    }
    for suffix in ["", "-wal", "-shm"] {
        let file = format!("{}{suffix}", names::DATABASE);
        if from.path(&file).exists() {
            fs::copy(from.path(&file), to.path(&file)).expect("copy the database");
        }
    }
    to
}

fn position(db: &Connection) -> i64 {
    let position = db.query_row("SELECT position FROM ingest_position", [], |row| row.get(0));
    position.expect("a position")
}

/// Evaluates the log of an installation, with so many kills on the way, and says how long that took.
fn evaluate(home: Home, count: usize, kills: i64) -> (Home, Duration) {
    let began = Instant::now();
    let mut random = StdRng::seed_from_u64(100);
    let db = open(home.db().path());
    let part = i64::try_from(count).expect("few") / (kills + 1);
    let mut daemon = home.spawn(&config(0));
    for kill in 1..=kills {
        daemon.wait_until("some commits", JUDGED, || position(&db) >= kill * part);
        let_run(Duration::from_micros(random.random_range(0..10_000)));
        daemon.kill();
        daemon = home.spawn(&config(0));
    }
    end(&mut daemon, &home);
    (home, began.elapsed())
}

fn end(daemon: &mut Daemon, home: &Home) {
    let last = format!("SELECT count(*) FROM alerts WHERE sensor_id = '{LAST}'");
    daemon.wait_until("the last record", JUDGED, || home.db().number(&last) == 1);
    daemon.wait_ready();
    assert_eq!(daemon.stop(), 0);
}

/// What is compared: a name, and a query of lines in an order.
const PARTS: [(&str, &str); 8] = [
    ("temperatures", "SELECT concat_ws('|', id, sensor_id, location, temperature, timestamp, alert_triggered)
        FROM sensor_readings ORDER BY id"),
    ("others", "SELECT concat_ws('|', id, sensor_id, location, quantity, value, unit, timestamp, alert_triggered)
        FROM quantity_readings ORDER BY id"),
    ("alerts", "SELECT concat_ws('|', id, alert_id, rule, alert_type, sensor_id, location, quantity,
            typeof(value), value, unit, threshold, severity, state, message, timestamp, announced, in_flood,
            transition, ifnull(\"by\", '-'), ifnull(why, '-'), silent_end)
        FROM alerts WHERE id <= (SELECT id FROM alerts WHERE sensor_id = 'LAST') ORDER BY id"),
    ("alarm states", "SELECT concat_ws('|', sensor_id, rule, state) FROM alarm_states
        WHERE rule NOT IN ('silent', 'away', ':flood')
            AND sensor_id NOT GLOB 'HI_*' AND sensor_id NOT GLOB 'MAINT_*' ORDER BY sensor_id, rule"),
    ("windows", "SELECT concat_ws('|', sensor_id, quantity, hex(substr(state, 1, 18)), hex(substr(state, 40)))
        FROM series_states WHERE part = 'windows' ORDER BY sensor_id, quantity"),
    ("lateness", "SELECT concat_ws('|', sensor_id, quantity, hex(state)) FROM series_states
        WHERE part <> 'windows' ORDER BY sensor_id, quantity"),
    ("actions", "SELECT concat_ws('|', id, at, action, alarm, rule, sensor, \"by\", why, via, outcome)
        FROM operator_actions ORDER BY id"),
    ("rejected", "SELECT concat_ws('|', id, received_at, topic, CAST(payload AS TEXT), reason)
        FROM rejected_messages ORDER BY id"),
];

fn each_line(db: &Connection, sql: &str, mut each: impl FnMut(String)) {
    let mut query = db.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let mut rows = query.query([]).expect("run a query");
    while let Some(row) = rows.next().expect("a row") {
        each(row.get(0).expect("a text"));
    }
}

const MOST_SHOWN: usize = 10;

/// How one part differs from that of another run.
fn difference(now: &Connection, then: &Connection, (name, sql): (&str, &str)) -> Option<String> {
    let mut expected = Vec::new();
    each_line(then, sql, |line| expected.push(line));
    let (mut place, mut different) = (0, Vec::new());
    each_line(now, sql, |line| {
        if expected.get(place) != Some(&line) && different.len() < MOST_SHOWN {
            different.push(format!("\n  - {:?}\n  + {line:?}", expected.get(place)));
        }
        place += 1;
    });
    let is_same = different.is_empty() && place == expected.len();
    let count = expected.len();
    (!is_same).then(|| format!("{name}: {place} lines, not {count}:{}", different.concat()))
}

fn assert_same(what: &str, now: &Home, then: &Home) {
    let (now, then) = (open(now.db().path()), open(then.db().path()));
    let differences = PARTS.into_iter().filter_map(|part| difference(&now, &then, part));
    let differences: Vec<_> = differences.collect();
    assert!(differences.is_empty(), "{what}:\n{}", differences.join("\n"));
}

/// Every kind of thing happened, before the last record.
fn assert_is_rich(home: &Home) {
    let sql = "SELECT DISTINCT rule FROM alerts
        WHERE id <= (SELECT id FROM alerts WHERE sensor_id = 'LAST') ORDER BY rule";
    let rules = home.db().texts(sql);
    for rule in [
        "again",
        "apart",
        "away",
        "cause",
        "effect",
        "falling",
        "fast",
        "flood",
        "high-humidity",
        "high-temperature",
        "high-temperature:chattering",
        "latched",
        "mean",
        "odd",
        "outlier",
        "seen",
        "silent",
        "stuck",
        "warm",
    ] {
        assert!(rules.iter().any(|it| it == rule), "no event of {rule}: {rules:?}");
    }
    let sql = "SELECT DISTINCT transition FROM alerts ORDER BY transition";
    let changes = home.db().texts(sql);
    for change in ["acknowledged", "reset", "shelved", "suppressed", "unshelved", "unsuppressed"] {
        assert!(changes.iter().any(|it| it == change), "no alarm was {change}: {changes:?}");
    }
}

#[test]
fn evaluating_a_log_is_deterministic_over_kills() {
    let (num_messages, kills) = size();
    let (began, first) = (Instant::now(), Home::new());
    let count = filled(&first, num_messages);
    let (filled, [again, killed]) = (began.elapsed(), [copied(&first), copied(&first)]);
    let runs = [(first, 0), (again, 0), (killed, kills)]
        .map(|(home, kills)| thread::spawn(move || evaluate(home, count, kills)));
    let [(first, once), (again, twice), (killed, thrice)] =
        runs.map(|run| run.join().expect("evaluated"));
    let number = |sql: &str| first.db().number(sql);
    eprintln!(
        "{count} messages taken in in {filled:.1?}; evaluated side by side in {once:.1?}, \
         {twice:.1?} and with {kills} kills {thrice:.1?}; \
         {} readings, {} events, {} before the last record, {} alarm states, {} checkpoints, {} actions",
        number("SELECT count(*) FROM readings"),
        number("SELECT count(*) FROM alerts"),
        number("SELECT id FROM alerts WHERE sensor_id = 'LAST'"),
        number("SELECT count(*) FROM alarm_states"),
        number("SELECT count(*) FROM series_states"),
        number("SELECT count(*) FROM operator_actions"),
    );
    assert_same("evaluated again", &again, &first);
    assert_same("evaluated with kills", &killed, &first);
    if scale::is_asked("replay") {
        assert_is_rich(&first);
    }
}
