//! Parser of the manual's examples: configuration blocks, console sessions, and on the pages on devices
//! (`docs/devices/`) messages with the readings that they decode to.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDateTime, Utc};

/// Example of a page on devices.
#[derive(Debug)]
pub struct Example {
    /// Name of the page, which is the name of the family.
    pub family: String,
    /// The `[[devices]]` tables of the first configuration block.
    pub config: String,
    /// Topics and payloads, in order.
    pub messages: Vec<(String, String)>,
    pub readings: Vec<Shown>,
}

/// A reading as a page shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    pub sensor: String,
    pub quantity: String,
    pub value: f64,
    pub unit: String,
    /// Timestamp by the device's clock; `None` if the page shows none, so the time of receipt is used.
    pub time: Option<DateTime<Utc>>,
}

/// Pages that don't describe a family.
const OTHERS: [&str; 2] = ["README", "mapping"];

/// The examples of all families.
pub fn examples() -> Vec<Example> {
    let mut examples: Vec<_> = pages()
        .into_iter()
        .filter(|page| !OTHERS.contains(&&*name_of(page)))
        .map(|page| example(&page))
        .collect();
    examples.sort_by(|a, b| a.family.cmp(&b.family));
    examples
}

/// Configuration blocks of a page.
pub fn configs(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).expect("a page");
    blocks(&text)
        .into_iter()
        .filter(|(_, kind, _)| kind == "toml")
        .map(|(_, _, text)| text)
        .collect()
}

/// Commands of a page's console sessions with the output of each, in order.
pub fn steps(page: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(page).expect("a page");
    let mut steps: Vec<(String, String)> = Vec::new();
    for (_, _, session) in blocks(&text).iter().filter(|(_, kind, _)| kind == "console") {
        for line in session.lines() {
            match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => steps.push((command.to_owned(), String::new())),
                (None, Some((_, shown))) => *shown += &format!("{line}\n"),
                (None, None) => panic!("{}: `{line}` answers nothing", page.display()),
            }
        }
    }
    steps
}

/// All pages on devices.
pub fn pages() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/devices");
    let entries = fs::read_dir(folder).expect("the manual");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

fn name_of(page: &Path) -> String {
    page.file_stem().expect("a name").to_string_lossy().into_owned()
}

fn example(page: &Path) -> Example {
    let text = fs::read_to_string(page).expect("a page");
    let family = name_of(page);
    let mut messages = Vec::new();
    for (before, kind, payload) in blocks(&text) {
        if kind != "toml"
            && let Some(topic) = quoted(&before).into_iter().find(|text| text.contains('/'))
        {
            messages.push((topic, payload.trim_end().to_owned()));
        }
    }
    let mut readings = Vec::new();
    let mut columns: Vec<String> = Vec::new();
    for line in text.lines() {
        if let (Some((topic, payload)), true) = (line.split_once("` → `"), line.starts_with('`'))
        {
            messages.push((topic[1..].to_owned(), payload.trim_end_matches('`').to_owned()));
        }
        if !line.starts_with('|') {
            columns.clear();
            continue;
        }
        let cells = cells(line);
        if columns.is_empty() {
            columns = cells;
            continue;
        }
        let cell = |name: &str| Some(cells.get(columns.iter().position(|it| it == name)?)?.clone());
        if let (Some(topic), Some(payload)) = (cell("topic"), cell("payload"))
            && topic.contains('/')
        {
            messages.push((topic, payload));
        }
        readings.extend(shown(cell));
    }
    let config = configs(page).into_iter().next().unwrap_or_else(|| panic!("{family}: no config"));
    let config = tables_of_devices(&config);
    assert!(!messages.is_empty() && !readings.is_empty(), "{family}: {messages:?} {readings:?}");
    Example { family, config, messages, readings }
}

/// The `[[devices]]` tables of a configuration, without its other tables.
fn tables_of_devices(config: &str) -> String {
    let mut is_within = false;
    let lines = config.lines().filter(|line| {
        if line.starts_with('[') {
            is_within = line.starts_with("[[devices]]") || line.starts_with("[devices");
        }
        is_within
    });
    lines.map(|line| format!("{line}\n")).collect()
}

fn shown(cell: impl Fn(&str) -> Option<String>) -> Option<Shown> {
    Some(Shown {
        sensor: cell("sensor")?,
        quantity: cell("quantity").filter(|quantity| !quantity.contains(','))?,
        value: cell("value")?.parse().ok()?,
        unit: cell("unit")?,
        time: cell("time").map(|text| time(&text)),
    })
}

/// Parses `2026-03-02 08:35:00.5` as UTC; text after a comma is a remark.
fn time(cell: &str) -> DateTime<Utc> {
    let text = cell.split(',').next().expect("a text");
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").expect("a time").and_utc()
}

/// Cells of a table row, without backquotes.
fn cells(line: &str) -> Vec<String> {
    let inner = line.trim().trim_start_matches('|').trim_end_matches('|');
    inner.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
}

/// Fenced blocks as (last non-empty line before the block, language, text).
fn blocks(text: &str) -> Vec<(String, String, String)> {
    let (mut blocks, mut before) = (Vec::new(), String::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(kind) = line.strip_prefix("```") {
            let inner: Vec<_> =
                lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
            blocks.push((before.clone(), kind.to_owned(), inner.join("\n") + "\n"));
        } else if !line.trim().is_empty() {
            line.clone_into(&mut before);
        }
    }
    blocks
}

/// Texts between backquotes.
fn quoted(line: &str) -> Vec<String> {
    line.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
