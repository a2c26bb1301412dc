//! The daemon's log: line formats and log levels.
//!
//! Text or JSON, on standard error. `RUST_LOG` overrides the configured level, which may change while the daemon
//! runs. Vigie's own lines have targets `vigie::…`; libraries log warnings and errors only, rate-limited
//! ([`foreign`]).

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

/// Initialises logging for the process. A second call has no effect.
pub fn init(config: &LogConfig) {
    let mut builder = env_logger::Builder::new();
    // All of Vigie's own lines pass here: their level is applied later and may change.
    builder.filter_level(LevelFilter::Warn).filter_module("vigie", LevelFilter::Trace);
    // Paho warns of each connection; what matters of that is logged at Vigie's own targets.
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
    // `RUST_LOG` requests details: no rate limit.
    let foreign = filters.is_err().then(ForeignLines::default);
    builder.format(move |out, record| {
        let more = foreign.as_ref().map(|lines| lines.admit(record.target(), Instant::now()));
        more.unwrap_or_else(|| Some(String::new())).map_or(Ok(()), |more| write(out, record, &more))
    });
    // `Err`: already initialised.
    let _ = match filters {
        Ok(_) => builder.try_init(),
        Err(_) => level::init(builder.build(), config.level),
    };
}

/// Libraries that log secrets at debug level: Paho's wrapper passwords, the HTTP client addresses with tokens, the
/// mail client its dialogue with a server.
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

/// Adds a record's fields to its line. The fields of an object become fields of the line and override the standard
/// ones, so an alert's own `message` and `timestamp` replace the line's.
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
