//! Edits the text of the shipped configurations, for tests that run them.

use std::fs;
use std::path::Path;

/// The text of `config/NAME`.
pub fn shipped(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Sets a key in each table under `header` (`[mqtt]`, `[[sensors]]`), or adds the table. `value` is TOML, so a
/// string includes its quotes.
pub fn set(text: &str, header: &str, key: &str, value: &str) -> String {
    let line = format!("{key} = {value}\n");
    let mut out = String::new();
    let mut inside = false;
    let mut found = false;
    for old in text.split_inclusive('\n') {
        if is_header(old) {
            inside = old.trim_end().starts_with(header);
        }
        if inside && old.split('=').next().is_some_and(|name| name.trim() == key) {
            continue;
        }
        out += old;
        if inside && is_header(old) {
            out += &line;
            found = true;
        }
    }
    if found { out } else { format!("{out}\n{header}\n{line}") }
}

/// Removes the tables under `header`.
pub fn without(text: &str, header: &str) -> String {
    let mut inside = false;
    let stays = |line: &&str| {
        if is_header(line) {
            inside = line.trim_end().starts_with(header);
        }
        !inside
    };
    text.split_inclusive('\n').filter(stays).collect()
}

fn is_header(line: &str) -> bool {
    line.starts_with('[')
}
