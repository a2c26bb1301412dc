//! The daemon's log: what a line looks like, and which lines are shown.
//!
//! Text or JSON, on standard error. `RUST_LOG` overrides the configured level, which may change while
//! the daemon runs. Vigie's own lines
//! are at targets `vigie::…`; libraries speak only when something is wrong, and not without end ([`foreign`]).

#![expect(clippy::disallowed_methods, reason = "a line bears the time it was written")]

mod foreign;
mod level;
mod limit;
mod one_line;

use std::io::Write;
use std::time::Instant;

use chrono::{SecondsFormat, Utc};
use env_logger::fmt::Formatter;
use log::kv::{Key, Value as KvValue, VisitSource};
use log::{Level, LevelFilter, Record};
use serde_json::{Map, Value};

use foreign::ForeignLines;
pub use level::set_level;
pub use limit::LineLimit;
pub use one_line::{is_unprintable, one_line};

use crate::config::{LogConfig, LogFormat};

/// Starts logging for the whole process. A second call changes nothing.
pub fn init(config: &LogConfig) {
    let mut builder = env_logger::Builder::new();
    // Of Vigie's own lines all: which are shown may change.
    builder.filter_level(LevelFilter::Warn).filter_module("vigie", LevelFilter::Trace);
    // It warns of each client that comes and goes; what matters of it is told at our own targets.
    builder.filter_module("paho_mqtt", LevelFilter::Error);
    let filters = std::env::var("RUST_LOG");
    if let Ok(filters) = &filters {
        builder = env_logger::Builder::new();
        builder.parse_filters(filters);
    }
    let write = match config.format {
        LogFormat::Text => text_line,
        LogFormat::Json => json_line,
    };
    // Who asks for details has all of them.
    let foreign = filters.is_err().then(ForeignLines::default);
    builder.format(move |out, record| {
        let more = foreign.as_ref().map(|lines| lines.admit(record.target(), Instant::now()));
        more.unwrap_or_else(|| Some(String::new())).map_or(Ok(()), |more| write(out, record, &more))
    });
    // Err: already started, which is what was wanted.
    let _ = match filters {
        Ok(_) => builder.try_init(),
        Err(_) => level::init(builder.build(), config.level),
    };
}

/// Libraries that tell everything they are given when asked for details: Paho's wrapper passwords, the
/// HTTP client addresses with tokens in them, and the mail client what it says to a server.
const TALKATIVE: [&str; 3] = ["paho_mqtt", "ureq", "lettre"];

fn is_secret(record: &Record<'_>) -> bool {
    let is_talkative = TALKATIVE.iter().any(|library| record.target().starts_with(library));
    is_talkative && record.level() > Level::Info
}

fn text_line(out: &mut Formatter, record: &Record<'_>, more: &str) -> std::io::Result<()> {
    if is_secret(record) {
        return Ok(());
    }
    let style = out.default_level_style(record.level());
    let time = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
    let (level, target, message) =
        (record.level(), record.target(), format!("{}{more}", record.args()));
    writeln!(out, "[{time} {style}{level:<5}{style:#} {target}] {}", one_line(&message))
}

/// One object a line: `timestamp`, `level`, `target`, `message`, then the record's own fields.
fn json_line(out: &mut Formatter, record: &Record<'_>, more: &str) -> std::io::Result<()> {
    if is_secret(record) {
        return Ok(());
    }
    let mut line = Map::new();
    line.insert("timestamp".into(), Utc::now().to_rfc3339_opts(SecondsFormat::Micros, true).into());
    line.insert("level".into(), record.level().as_str().into());
    line.insert("target".into(), record.target().into());
    line.insert("message".into(), format!("{}{more}", record.args()).into());
    // The visitor below never fails.
    let _ = record.key_values().visit(&mut Fields(&mut line));
    writeln!(out, "{}", Value::Object(line))
}

/// Adds a record's fields to its line. The fields of an object become fields of the line; those
/// that every line has keep their meaning there, so an alert's own `message` and `timestamp`
/// take the place of the line's.
struct Fields<'a>(&'a mut Map<String, Value>);

impl<'kvs> VisitSource<'kvs> for Fields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: KvValue<'kvs>) -> Result<(), log::kv::Error> {
        match serde_json::to_value(&value) {
            Ok(Value::Object(object)) => self.0.extend(object),
            Ok(other) => drop(self.0.insert(key.to_string(), other)),
            Err(_) => drop(self.0.insert(key.to_string(), value.to_string().into())),
        }
        Ok(())
    }
}
