//! The manual: its configurations are valid, its links resolve, its commands exist, and its first steps work.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use vigie::config;

use super::support::manual::{configs, steps};
use super::support::{Home, SOON, eventually, require, run_vigie};

/// Blocks that are not complete configurations, as (page, text in the block): a sensor's source, a test of rules, an
/// omitted hash.
const FRAGMENTS: [(&str, &str); 3] =
    [("configuration", "source ="), ("rules", "[[tests]]"), ("login", "password_hash")];

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

/// All pages and README, as (path, text).
fn pages() -> Vec<(String, String)> {
    let folders = [docs(), docs().join("devices")].map(|folder| fs::read_dir(folder).unwrap());
    let files = folders.into_iter().flatten().map(|entry| entry.unwrap().path());
    let files = files.chain([docs().join("../README.md")]);
    let pages = files.filter(|file| file.extension().is_some_and(|extension| extension == "md"));
    pages.map(|file| (file.display().to_string(), fs::read_to_string(file).unwrap())).collect()
}

#[test]
fn every_configuration_of_the_manual_is_valid() {
    let mut num_checked = 0;
    for entry in fs::read_dir(docs()).unwrap() {
        let page = entry.unwrap().path();
        if page.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let name = page.file_stem().unwrap().to_string_lossy().into_owned();
        for text in configs(&page) {
            if FRAGMENTS.iter().any(|(of, part)| *of == name && text.contains(part)) {
                continue;
            }
            let is_broker = |line: &str| line.starts_with("[broker]") || line.starts_with("[mqtt]");
            let has_broker = text.lines().any(is_broker);
            let text = if has_broker { text } else { format!("{text}[broker]\n") };
            config::parse(&text, &name).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
            num_checked += 1;
        }
    }
    assert!(num_checked >= 30, "found only {num_checked} examples");
}

#[test]
fn every_link_of_the_manual_resolves() {
    let mut num_checked = 0;
    for (page, text) in pages() {
        let page = Path::new(&page);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            if file.contains("://") || file.contains(char::is_whitespace) {
                continue;
            }
            let mut target = page.parent().unwrap().join(file);
            if file.is_empty() {
                page.clone_into(&mut target);
            }
            assert!(target.exists(), "{}: {link} leads nowhere", page.display());
            let has_anchor =
                || fs::read_to_string(&target).is_ok_and(|it| anchors(&it).any(|it| it == anchor));
            assert!(anchor.is_empty() || has_anchor(), "{}: {link}", page.display());
            num_checked += 1;
        }
    }
    assert!(num_checked >= 80, "found only {num_checked} links");
}

/// Anchors of a page's headings.
fn anchors(text: &str) -> impl Iterator<Item = String> + '_ {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| {
        let words = line.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|it| it.is_alphanumeric() || matches!(it, ' ' | '-' | '_'));
        kept.map(|it| if it == ' ' { '-' } else { it }).collect()
    })
}

#[test]
fn every_page_is_in_the_readme() {
    let readme = fs::read_to_string(docs().join("../README.md")).unwrap();
    for entry in fs::read_dir(docs()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_page = Path::new(&name).extension().is_some_and(|extension| extension == "md");
        assert!(!is_page || readme.contains(&format!("(docs/{name})")), "README leads to {name}");
    }
}

/// Checks every `vigie COMMAND --option` in the manual's code.
#[test]
fn every_command_that_is_shown_exists() {
    let home = Home::new();
    let mut helps = BTreeMap::new();
    let mut num_checked = 0;
    for (page, text) in pages() {
        // Code between backquotes, fenced blocks included.
        for code in text.split('`').filter(|code| code.contains("vigie ")) {
            for line in code.lines() {
                let words: Vec<_> = line.split_whitespace().collect();
                let places = words.iter().enumerate().filter(|(_, word)| is_vigie(word));
                for (command, options) in places.filter_map(|(at, _)| call(&words[at + 1..])) {
                    let help =
                        helps.entry(command.clone()).or_insert_with(|| help(&home, &command));
                    assert!(!help.is_empty(), "{page}: `{line}`: there is no such command");
                    for option in options {
                        assert!(help.contains(option), "{page}: `{line}`: no {option}");
                    }
                    num_checked += 1;
                }
            }
        }
    }
    assert!(num_checked >= 100, "found only {num_checked} commands");
    assert!(helps.len() >= 20, "found only {:?}", helps.keys());
}

fn is_vigie(word: &str) -> bool {
    word == "vigie" || word.ends_with("/vigie")
}

/// Command and long options in `words`.
fn call<'a>(words: &[&'a str]) -> Option<(String, Vec<&'a str>)> {
    let is_name = |word: &&str| word.chars().all(|it| it.is_ascii_lowercase() || it == '-');
    let name = *words.first().filter(|word| is_name(word) && !is_vigie(word))?;
    let inner = words.get(1).filter(|word| **word == "test" || **word == "replay");
    let command = inner.map_or_else(|| name.to_owned(), |inner| format!("{name} {inner}"));
    let options = words.iter().map(|word| word.trim_matches(|it: char| "[]()\\|,.".contains(it)));
    let options = options.take_while(|word| *word != "#").filter(|word| word.starts_with("--"));
    (!name.starts_with('-')).then(|| (command, options.collect()))
}

/// Help of a command; empty if the command does not exist.
fn help(home: &Home, command: &str) -> String {
    let words: Vec<_> = command.split(' ').chain(["--help"]).collect();
    let output = run_vigie(home, &words);
    let text = String::from_utf8(output.stdout).expect("a text");
    if output.status.success() { text } else { String::new() }
}

/// Runs each command of the page, in order; its output must match the page.
#[test]
fn the_first_steps_lead_where_they_say() {
    if !require(&["mosquitto_pub"]) {
        return;
    }
    let page = docs().join("first-steps.md");
    let config = configs(&page).remove(0).replace(":1883", ":0").replace(":8420", ":0");
    let home = Home::new();
    let mut daemon = home.start(&config);
    let broker = daemon.embedded_broker().url;
    let (_, port) = broker.rsplit_once(':').expect("a port");
    let steps = steps(&page);
    assert!(steps.len() >= 7, "{steps:?}");
    let vigie = Path::new(env!("CARGO_BIN_EXE_vigie")).parent().unwrap();
    let path = format!("{}:{}", vigie.display(), std::env::var("PATH").unwrap());
    for (command, shown) in steps {
        let run = || {
            let mut shell = Command::new("sh");
            shell
                .args([
                    "-c",
                    &command.replace("mosquitto_pub ", &format!("mosquitto_pub -p {port} ")),
                ])
                .stdin(Stdio::null());
            shell.current_dir(home.path("")).env("PATH", &path).env("LANG", "C.UTF-8");
            let output = shell.output().expect("a shell");
            assert!(output.status.success(), "{command}: {output:?}");
            String::from_utf8(output.stdout).expect("a text")
        };
        // Read-only commands may run before the reading is stored, so they are repeated.
        let is_look = ["readings", "alarms", "alerts"].iter().any(|look| command.contains(look));
        if is_look {
            eventually(&command, SOON, || has_words(&run(), &shown).then_some(()));
        } else {
            let said = run();
            assert!(has_words(&said, &shown), "{command}: {said}");
        }
    }
    assert_eq!(daemon.stop(), 0);
}

/// True if `said` has every line of `shown`. Times, ids and the operator's name are ignored.
fn has_words(said: &str, shown: &str) -> bool {
    let is_same_again = |word: &&str| {
        let is_own = word.contains(":0") || word.len() > 16 || word.starts_with('(');
        !is_own && *word != "anne" && !word.chars().all(|letter| letter.is_ascii_hexdigit())
    };
    shown.lines().all(|line| {
        let words: Vec<_> = line.split_whitespace().filter(is_same_again).collect();
        said.lines().any(|line| words.iter().all(|word| line.contains(word)))
    })
}
