//! The configuration file: one TOML file, read into a valid [`Config`] or refused with all its mistakes at once, each with
//! its place and a hint. A syntax error is reported alone.
//!
//! [`parse`] is pure; [`load`] also reads the file and checks whether the files named in it exist. The text is
//! parsed into a TOML document with positions (`syntax` explains errors, `pieces` splits a large text), each
//! section reads its keys from it (`reader`), and only a document without findings becomes a [`Config`]. Never: a
//! warning, or reading a secret.

pub mod duration;

pub mod changes;

mod alerts;
mod broker;
mod broker_limits;
mod broker_url;
mod broker_users;
mod connection_model;
mod credentials;
mod device_model;
mod devices;
mod errors;
mod expand;
mod general;
mod heartbeat;
mod heartbeat_model;
mod home_assistant;
mod inspector;
mod maintenance;
mod model;
mod network;
mod pieces;
mod places;
mod quiet;
mod reader;
mod receiver_channels;
mod receiver_escalation;
mod receiver_mail;
mod receiver_model;
mod receiver_services;
mod receivers;
mod retention;
mod rule_kinds;
pub mod rule_tests;
mod rule_texts;
mod rules;
mod secrets;
mod sensors;
mod similar;
mod source;
mod storage;
mod syntax;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod timezone;
mod units;
mod web;
mod web_model;
mod web_users;

use std::fmt::Write as _;
use std::path::Path;

use toml::de::{DeTable, DeValue};

pub use device_model::*;
pub use errors::{ConfigError, ConfigErrors, Mistake};
pub use heartbeat_model::HeartbeatConfig;
use inspector::{Finding, Inspector};
pub use model::*;
use pieces::Pieces;
pub use places::Place;
use places::Places;
use reader::TableReader;
pub use receiver_model::*;
use sensors::SensorList;
pub use web_model::*;

/// Reads a configuration file, and checks that the files it names exist.
///
/// # Errors
/// Every mistake in the file; or the one reason why it can't be read.
pub fn load(path: &Path) -> Result<Config, ConfigErrors> {
    let text = text_of(path, "name one with -c FILE")?;
    parse_with(&text, &path.display().to_string(), &|path| path.exists() && !path.is_dir())
}

/// Reads a configuration file, and adds mistakes that `find` reports for a valid configuration, each with its byte
/// position.
///
/// # Errors
/// Every mistake in the file; or the one reason why it can't be read.
pub fn load_with(
    path: &Path,
    find: impl Fn(&Config) -> Vec<(usize, Mistake)>,
) -> Result<Config, ConfigErrors> {
    let config = load(path)?;
    let found = find(&config);
    if found.is_empty() {
        return Ok(config);
    }
    let text = text_of(path, "name one with -c FILE")?;
    let finding = |(at, mistake)| Finding { at, mistake, first_at: None };
    Err(located(found.into_iter().map(finding).collect(), &text, &path.display().to_string()))
}

/// Text of a file; `hint` is for a missing one.
fn text_of(path: &Path, hint: &str) -> Result<String, ConfigErrors> {
    let file = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| unreadable(&file, &error, hint))?;
    String::from_utf8(bytes).map_err(|error| not_utf8(&file, &error.utf8_error(), error.as_bytes()))
}

/// Parses `text`, called `file_name` in errors; files named in it are assumed to exist.
///
/// # Errors
/// Every mistake in the text.
pub fn parse(text: &str, file_name: &str) -> Result<Config, ConfigErrors> {
    parse_with(text, file_name, &|_| true)
}

fn parse_with(
    text: &str,
    file_name: &str,
    file_exists: &dyn Fn(&Path) -> bool,
) -> Result<Config, ConfigErrors> {
    let in_pieces = (text.len() >= LARGE_BYTES)
        .then(|| in_pieces(text, pieces::PIECE_BYTES, file_exists))
        .flatten();
    let (config, findings) = in_pieces.unwrap_or_else(|| as_a_whole(text, file_exists));
    match config {
        Some(config) if findings.is_empty() => Ok(config),
        _ => Err(located(findings, text, file_name)),
    }
}

/// Size from which a text is parsed in pieces.
const LARGE_BYTES: usize = 1024 * 1024;

/// Result of reading a text. The configuration is valid if there are no findings; without one, there are some.
type Outcome = (Option<Config>, Vec<Finding>);

/// Reads a text whose sensors can be parsed piece by piece; `None` for any other.
fn in_pieces(
    text: &str,
    piece_bytes: usize,
    file_exists: &dyn Fn(&Path) -> bool,
) -> Option<Outcome> {
    let pieces = Pieces::of(text, piece_bytes)?;
    let rest = pieces.rest()?;
    let inspector = Inspector::new(file_exists);
    let mut sensors = SensorList::default();
    for (base, text) in &pieces.sensors {
        let root = pieces::piece(text)?;
        sensors.read(&mut TableReader::root(&inspector, &root, *base));
    }
    let config = general::config(TableReader::root(&inspector, &rest, 0), sensors);
    Some((Some(config), inspector.into_findings()))
}

fn as_a_whole(text: &str, file_exists: &dyn Fn(&Path) -> bool) -> Outcome {
    read_whole(text, file_exists, |root| general::config(root, SensorList::default()))
}

/// Reads a text; one that is not TOML has its syntax error as the only finding.
fn read_whole<T>(
    text: &str,
    file_exists: &dyn Fn(&Path) -> bool,
    read: impl Fn(TableReader<'_>) -> T,
) -> (Option<T>, Vec<Finding>) {
    let inspector = Inspector::new(file_exists);
    let read = match DeTable::parse(text) {
        Ok(document) => {
            let root = DeValue::Table(document.into_inner());
            Some(read(TableReader::root(&inspector, &root, 0)))
        }
        Err(error) => {
            let (at, mistake) = syntax::explain(text, &error);
            inspector.wrong(at, mistake);
            None
        }
    };
    (read, inspector.into_findings())
}

/// Findings as errors, in the order of the file.
fn located(mut findings: Vec<Finding>, text: &str, file_name: &str) -> ConfigErrors {
    let places = Places::new(text);
    findings.sort_by_key(|finding| finding.at);
    let located = findings.into_iter().map(|finding| {
        let Finding { at, mut mistake, first_at } = finding;
        if let Some(first_at) = first_at {
            let Place { line, column } = places.of(first_at);
            // Writing to a string can't fail.
            let _ = write!(mistake.what, ", first at {file_name}:{line}:{column}");
        }
        ConfigError { file: file_name.to_owned(), place: Some(places.of(at)), mistake }
    });
    ConfigErrors(located.collect())
}

fn unreadable(file: &str, error: &std::io::Error, hint: &str) -> ConfigErrors {
    let (what, hint) = match error.kind() {
        std::io::ErrorKind::NotFound => ("there is no such file".into(), hint),
        std::io::ErrorKind::IsADirectory => ("this is a directory".into(), "name a file in it"),
        _ => (format!("can't be read: {error}"), "check its permissions"),
    };
    let mistake = Mistake::new(what, hint);
    ConfigErrors(vec![ConfigError { file: file.to_owned(), place: None, mistake }])
}

fn not_utf8(file: &str, error: &std::str::Utf8Error, bytes: &[u8]) -> ConfigErrors {
    let text = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
    let mistake = Mistake::new("this is not UTF-8", "save the file with the encoding UTF-8");
    let place = Some(Places::new(&text).of(error.valid_up_to()));
    ConfigErrors(vec![ConfigError { file: file.to_owned(), place, mistake }])
}
