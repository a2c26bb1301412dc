//! What of this binary runs. Two variables decide:
//!
//! * `VIGIE_BEFORE`: the path of the binary of the version before. With it the differential run is done
//!   quickly, with 300 sensors.
//! * `VIGIE_ACCEPT`: a list of words, separated by commas. `full` is the differential run with 10,000
//!   sensors; without `VIGIE_BEFORE` it builds the version before from git's history. `outage`, `echo`,
//!   `locked`, `backlog`, `words`, `fuzz`, `history`, `month`, `mutations` and `page` are
//!   scenarios; `windows` and `replay`
//!   are those of windows with 10,000 series and of a log with a million records.

use crate::support::skip;

const QUICK_SENSORS: usize = 300;
const FULL_SENSORS: usize = 10_000;

/// Whether `VIGIE_ACCEPT` has the word.
pub fn is_asked(word: &str) -> bool {
    let words = std::env::var("VIGIE_ACCEPT").unwrap_or_default();
    words.split(',').any(|asked| asked.trim() == word)
}

pub fn is_full() -> bool {
    is_asked("full")
}

pub fn num_sensors() -> usize {
    if is_full() { FULL_SENSORS } else { QUICK_SENSORS }
}

/// Whether a scenario runs. Not asked for, it is skipped with a line on stderr, also with `CI=true`.
pub fn wants(scenario: &str) -> bool {
    is_asked(scenario) || not_asked(&format!("set VIGIE_ACCEPT={scenario}"))
}

/// Says that a test was not asked for, and returns false.
pub fn not_asked(how: &str) -> bool {
    use std::io::Write as _;
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    writeln!(std::io::stderr(), "NOT RUN: {test}: {how}").expect("stderr");
    false
}

/// A test that was asked for and can't run: skipped loudly, failed with `CI=true`.
pub fn cannot<T>(why: &str) -> Option<T> {
    skip(why);
    None
}
