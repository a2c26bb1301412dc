//! What a run left, in a form that two runs can be compared in.
//!
//! Masked, since it follows from the wall clock or from chance, and stands for the same all the same:
//!
//! * alert ids: each stands as `RULE/SENSOR#N`, the Nth of that alarm by the order of its first event, so
//!   that equal outcomes are ids up to a bijection. An id of two alarms is an error;
//! * `timestamp` of events that an operator or a reload brought about, and of a flood's, is the wall clock's; so are
//!   `at` of operators' actions and the times of their remarks in `vigie alarms`. A flood's message says how many
//!   seconds it took: masked too;
//! * `timestamp` of an alarm that is no longer suppressed, or of a device's word on its availability, is the sensor's
//!   last reading and the listening time since: two runs may differ by [`TOLERANCE`];
//! * `timestamp` of readings that carry none (sensors `NOTIME_*`): the time of receipt;
//! * `published_at`, row ids, and when a message was rejected;
//! * `value` in `vigie alarms`: the version before shows the last value of the batch in which the alarm changed, so it
//!   depends on how readings fell into batches; now it is the newest value.
//!
//! What waits of seconds bring about is compared by alarm, not in one order over all of them: which of two
//! alarms' waits is over first is up to the machine.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use r2d2_sqlite::rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::support::{Received, time};

const TEMPERATURES: &str = "SELECT concat_ws('|', sensor_id, location, temperature,
        iif(sensor_id GLOB 'NOTIME_*', '~', timestamp), alert_triggered)
    FROM sensor_readings ORDER BY id";

const OTHERS: &str = "SELECT concat_ws('|', sensor_id, location, quantity, value, unit,
        timestamp, alert_triggered) FROM quantity_readings ORDER BY id";

const VIEW: &str = "SELECT concat_ws('|', sensor_id, location, quantity, value, unit,
        iif(sensor_id GLOB 'NOTIME_*', '~', timestamp), alert_triggered)
    FROM readings ORDER BY 1";

const REJECTED: &str = "SELECT concat_ws('|', topic, CAST(payload AS TEXT), payload_bytes, reason)
    FROM rejected_messages ORDER BY id";

/// Rule, sensor, transition, id, and the rest of an event's columns.
const EVENTS: &str = "SELECT rule, sensor_id, coalesce(transition, '-'), alert_id,
        concat_ws('|', alert_type, location, quantity, typeof(value), value, unit, threshold, severity,
            state, message, announced, in_flood, ifnull(transition, '-'), ifnull(\"by\", '-'),
            ifnull(why, '-'), silent_end), timestamp
    FROM alerts ORDER BY id";

/// Action, alarm, and the rest.
const ACTIONS: &str = "SELECT action, alarm, concat_ws('|', ifnull(rule, '-'), ifnull(sensor, '-'),
        \"by\", ifnull(why, '-'), via), outcome FROM operator_actions ORDER BY id";

/// Transitions whose time is the wall clock's.
const BY_WALL: [&str; 8] = [
    "acknowledged",
    "reset",
    "shelved",
    "unshelved",
    "taken-out-of-service",
    "returned-to-service",
    "suppressed",
    "closed",
];

/// Rules whose alarms change when a wait is over.
const BY_WAITING: [&str; 3] = ["away", "silent", "effect"];

/// How much later the same wait may be over in another run on a busy machine.
const TOLERANCE: TimeDelta = TimeDelta::seconds(20);

/// How the time of an event is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timing {
    Exact,
    Tolerant,
    Masked,
}

impl Timing {
    fn of(rule: &str, transition: &str) -> Self {
        match (rule, transition) {
            ("flood", _) => Self::Masked,
            (_, change) if BY_WALL.contains(&change) => Self::Masked,
            ("away", _) | (_, "unsuppressed") => Self::Tolerant,
            _ => Self::Exact,
        }
    }
}

#[derive(Debug)]
pub struct Outcome {
    /// Each part by its name: lines to be equal in their order.
    parts: BTreeMap<String, Vec<String>>,
    /// Times of an alarm's events that are compared with a tolerance.
    times: BTreeMap<String, Vec<DateTime<Utc>>>,
    pub num_readings: usize,
    pub num_events: usize,
}

/// The alerts' ids by what they stand for.
#[derive(Default)]
pub struct Names {
    by_id: HashMap<String, String>,
    counts: HashMap<String, usize>,
}

impl Names {
    pub fn learn(&mut self, rule: &str, sensor: &str, id: &str) {
        let alarm = format!("{rule}/{sensor}#");
        if let Some(known) = self.by_id.get(id) {
            assert!(known.starts_with(&alarm), "{id} is of {known} and of {alarm}");
            return;
        }
        let count = self.counts.entry(alarm.clone()).or_default();
        *count += 1;
        self.by_id.insert(id.to_owned(), format!("{alarm}{count}"));
    }

    /// A text with the ids that stand in it replaced.
    pub fn named(&self, text: &str) -> String {
        let is_id_char = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        let words = text.split_inclusive(|c: char| !is_id_char(c)).map(|piece| {
            let word = piece.trim_end_matches(|c: char| !is_id_char(c));
            let name = self.by_id.get(word);
            name.map_or_else(|| piece.to_owned(), |name| piece.replacen(word, name, 1))
        });
        words.collect()
    }
}

/// A flood's message without the seconds it took: `in 1 s`.
fn without_seconds(text: &str) -> String {
    let Some((before, after)) = text.split_once(" in ") else { return text.to_owned() };
    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
    if text.contains("Flood of alarms") { format!("{before} in ~{rest}") } else { text.to_owned() }
}

pub fn open(path: &Path) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags).expect("the database")
}

pub fn rows<const N: usize>(db: &Connection, sql: &str) -> Vec<[String; N]> {
    let mut query = db.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let rows = query.query_map([], |row| {
        let column = |at| row.get::<_, String>(at);
        Ok(std::array::from_fn(|at| column(at).expect("a text")))
    });
    rows.expect("run a query").map(|row| row.expect("a row")).collect()
}

fn lines(db: &Connection, sql: &str) -> Vec<String> {
    rows::<1>(db, sql).into_iter().map(|[line]| line).collect()
}

impl Outcome {
    pub fn of(path: &Path, alarms: Vec<Value>, told: &[Received], said: &[String]) -> Self {
        let db = open(path);
        let events = rows::<6>(&db, EVENTS);
        let mut names = Names::default();
        for [rule, sensor, _, id, ..] in &events {
            names.learn(rule, sensor, id);
        }
        let mut outcome = Self {
            parts: BTreeMap::new(),
            times: BTreeMap::new(),
            num_readings: 0,
            num_events: events.len(),
        };
        for (part, sql) in [
            ("temperatures", TEMPERATURES),
            ("others", OTHERS),
            ("view", VIEW),
            ("rejected", REJECTED),
        ] {
            let lines = lines(&db, sql);
            outcome.parts.insert(part.into(), lines.iter().map(|line| names.named(line)).collect());
        }
        outcome.num_readings = outcome.parts["view"].len();
        outcome.take_events(&events, &names);
        let actions = rows::<4>(&db, ACTIONS).into_iter().map(|[action, alarm, rest, outcome]| {
            format!("{action}|{}|{rest}|{}", names.named(&alarm), names.named(&outcome))
        });
        outcome.parts.insert("actions".into(), actions.collect());
        outcome.parts.insert("said".into(), said.iter().map(|line| names.named(line)).collect());
        outcome.take_alarms(alarms, &names);
        outcome.take_told(told, &names);
        outcome
    }

    fn take_events(&mut self, events: &[[String; 6]], names: &Names) {
        for [rule, sensor, transition, id, rest, timestamp] in events {
            let timing = Timing::of(rule, transition);
            let alarm = format!("{rule}/{sensor}");
            if timing == Timing::Tolerant {
                self.times.entry(alarm.clone()).or_default().push(time(timestamp));
            }
            let timestamp = if timing == Timing::Exact { timestamp } else { "~" };
            let rest = if rule == "flood" { without_seconds(rest) } else { rest.clone() };
            let line = format!("{}|{timestamp}|{rest}", names.named(id));
            let is_in_order = timing == Timing::Exact || rule == "flood";
            if is_in_order && !BY_WAITING.contains(&rule.as_str()) {
                self.parts.entry("events in order".into()).or_default().push(line.clone());
            }
            self.parts.entry(format!("events of {alarm}")).or_default().push(line);
        }
    }

    fn take_alarms(&mut self, alarms: Vec<Value>, names: &Names) {
        let line = |mut alarm: Value| {
            if alarm["rule"] == "away" {
                // As of its event: compared there.
                alarm["since"] = "~".into();
            }
            alarm["id"] = names.named(alarm["id"].as_str().expect("an id")).into();
            alarm["value"] = "~".into();
            for (remark, times) in [
                ("acknowledged", &["at"][..]),
                ("shelved", &["at", "until"]),
                ("out_of_service", &["at"]),
            ] {
                if alarm[remark].is_object() {
                    times.iter().for_each(|key| alarm[remark][key] = "~".into());
                }
            }
            alarm.to_string()
        };
        let mut lines: Vec<String> = alarms.into_iter().map(line).collect();
        lines.sort();
        self.parts.insert("alarms".into(), lines);
    }

    /// What a subscriber was told, each once: delivery is at least once.
    fn take_told(&mut self, told: &[Received], names: &Names) {
        let line = |message: &Received| {
            let alert = message.json();
            let text = |key: &str| alert[key].as_str().unwrap_or("-").to_owned();
            let id = names.named(&text("alert_id"));
            let said = without_seconds(&text("message"));
            format!("{}|{id}|{}|{said}", message.topic, text("state"))
        };
        let lines: BTreeSet<String> = told.iter().map(line).collect();
        self.parts.insert("told".into(), lines.into_iter().collect());
    }

    pub fn part(&self, name: &str) -> &[String] {
        self.parts.get(name).map_or(&[], Vec::as_slice)
    }

    pub fn rules(&self) -> BTreeSet<&str> {
        let names = self.parts.keys().filter_map(|name| name.strip_prefix("events of "));
        names.filter_map(|name| name.split_once('/')).map(|(rule, _)| rule).collect()
    }

    /// What differs from the version before: for each part, the first line that does.
    pub fn differences(&self, before: &Self) -> Vec<String> {
        let names: BTreeSet<&String> = self.parts.keys().chain(before.parts.keys()).collect();
        let differs = |name: &&String| self.part(name) != before.part(name);
        let lines = names.into_iter().filter(differs).map(|name| self.difference(before, name));
        lines.chain(self.late(before)).collect()
    }

    /// Events that came at another time than in the version before. How many there are, the lines say.
    fn late(&self, before: &Self) -> Vec<String> {
        let pairs = self.times.iter().filter_map(|(alarm, now)| {
            let then = before.times.get(alarm)?;
            let apart = |(now, then): (&DateTime<Utc>, &DateTime<Utc>)| (*now - *then).abs();
            let most = now.iter().zip(then).map(apart).max()?;
            (most > TOLERANCE).then(|| format!("times of {alarm}: {now:?}, before {then:?}"))
        });
        pairs.collect()
    }

    fn difference(&self, before: &Self, name: &str) -> String {
        let (now, then) = (self.part(name), before.part(name));
        let at = now.iter().zip(then).take_while(|(now, then)| now == then).count();
        let shown = |lines: &[String]| lines.get(at).cloned().unwrap_or_else(|| "nothing".into());
        format!(
            "{name}: {} lines, before {}; line {at}:\n  - {}\n  + {}",
            now.len(),
            then.len(),
            shown(then),
            shown(now)
        )
    }
}
