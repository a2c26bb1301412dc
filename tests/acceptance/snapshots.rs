//! What users see, to the letter: help, the API's document, the status, and the log of a first run.
//!
//! `VIGIE_SNAPSHOTS=renew cargo test --test acceptance snapshots` writes them anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::own;
use crate::scale;
use crate::support::{Home, Mosquitto, SOON, config, require, run_vigie};

/// The seeds of `config/factory.toml` bring the first alert after thirteen seconds.
const FIRST_ALERT: Duration = Duration::from_secs(40);

/// The origin's lines, in the order of their first occurrence; a part of each that has nothing varying in it.
const WORDS: [&str; 7] = [
    "🏭 Système IoT de Surveillance avec HiveMQ",
    "➕ Capteur ajouté: TEMP_001 (Atelier Production)",
    "🔄 Connexion à ",
    "✅ Connecté à ",
    "🚀 Démarrage système IoT avec HiveMQ...",
    "📤 Données envoyées: TEMP_001 - ",
    "🚨 ALERTE: Température élevée détectée: ",
];

/// Compares with the file, or writes it.
fn check(name: &str, now: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/acceptance/snapshots");
    let path = folder.join(name);
    if std::env::var("VIGIE_SNAPSHOTS").as_deref() == Ok("renew") {
        std::fs::create_dir_all(&folder).expect("its folder");
        std::fs::write(path, now).expect("write a snapshot");
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == now,
        "{name} differs (-: the snapshot, +: now):\n{}\nIf that is meant: \
         VIGIE_SNAPSHOTS=renew cargo test --test acceptance snapshots",
        difference(&kept, now)
    );
}

/// The lines between what both begin and end with.
fn difference(kept: &str, now: &str) -> String {
    let (kept, now): (Vec<_>, Vec<_>) = (kept.lines().collect(), now.lines().collect());
    let same =
        |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| pairs.take_while(|(a, b)| a == b).count();
    let first = same(&mut kept.iter().zip(&now));
    let rest = kept.len().min(now.len()) - first;
    let last = same(&mut kept.iter().rev().zip(now.iter().rev())).min(rest);
    let mut text = format!("@@ line {}\n", first + 1);
    for (sign, lines) in [('-', &kept), ('+', &now)] {
        for line in &lines[first..lines.len() - last] {
            writeln!(text, "{sign} {line}").expect("writing to memory");
        }
    }
    text
}

fn help(home: &Home, command: &[&str], text: &mut String) {
    let output = run_vigie(home, &[command, &["--help"]].concat());
    assert_eq!(output.status.code(), Some(0), "{command:?}");
    let help = String::from_utf8(output.stdout).expect("text");
    writeln!(text, "## vigie {}\n\n{help}", command.join(" ")).expect("writing to memory");
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    let is_name = |line: &&str| line.starts_with("  ") && !line.starts_with("   ");
    for line in listed.filter(is_name) {
        let name = line.split_whitespace().next().expect("a name");
        if name != "help" {
            self::help(home, &[command, &[name]].concat(), text);
        }
    }
}

#[test]
fn help_of_every_command() {
    let mut text = String::new();
    help(&Home::new(), &[], &mut text);
    check("help.txt", &text);
}

/// The factory on ports of its own.
fn factory(language: &str) -> String {
    let text = config::shipped("factory.toml");
    let text = config::set(&text, "[broker]", "listen", "\"127.0.0.1:0\"");
    let text = config::set(&text, "[web]", "listen", "\"127.0.0.1:0\"");
    let text = text.lines().filter(|line| !line.starts_with("language"));
    let text: String = text.flat_map(|line| [line, "\n"]).collect();
    format!("language = \"{language}\"\n{text}")
}

/// A JSON value as one line for each path; what varies from run to run only by its type.
fn shape(path: &str, value: &Value, lines: &mut BTreeSet<String>) {
    let leaf = match value {
        Value::Object(fields) => {
            return fields
                .iter()
                .for_each(|(key, value)| shape(&format!("{path}.{key}"), value, lines));
        }
        Value::Array(items) if !items.is_empty() => {
            return items.iter().for_each(|item| shape(&format!("{path}[]"), item, lines));
        }
        Value::Array(_) => "none".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(text) if chrono::DateTime::parse_from_rfc3339(text).is_ok() => {
            "a time".to_owned()
        }
        other => other.to_string(),
    };
    lines.insert(format!("{path}: {leaf}"));
}

#[test]
fn the_api_and_the_status_of_a_first_run() {
    let home = Home::new();
    let mut daemon = home.start(&factory("en"));
    daemon.wait_line("📤", SOON);
    let described = home.api().get("/api/v1/openapi.json").expect("an answer").json;
    check(
        "openapi.json",
        &format!("{}\n", serde_json::to_string_pretty(&described).expect("JSON")),
    );
    let mut status = Value::Null;
    daemon.wait_until("a reading is evaluated", SOON, || {
        let output = run_vigie(&home, &["status", "--json", "-c", "vigie.toml"]);
        status = serde_json::from_slice(&output.stdout).expect("JSON");
        status["series"]["newest"].is_string()
    });
    let mut lines = BTreeSet::new();
    shape("", &status, &mut lines);
    let lines: String = lines.into_iter().map(|line| line + "\n").collect();
    check("status.txt", &lines);
    assert_eq!(daemon.stop(), 0);
}

/// A line of the log without its time, and with `~` for numbers that vary.
fn masked(line: &str) -> String {
    let line = line.split_once(' ').map_or(line, |(_, rest)| rest);
    let mut text = String::new();
    for word in line.split(' ') {
        if word.starts_with("http://127.0.0.1:") {
            text += "http://~ ";
            continue;
        }
        let varies =
            word.starts_with(|c: char| c.is_ascii_digit()) || word.starts_with("127.0.0.1:");
        let unit = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.' || c == ':');
        text += if varies { "~" } else { "" };
        text += if varies { unit } else { word };
        text += " ";
    }
    text.trim_end().to_owned()
}

/// The log of a first run up to its first alert, and of its stop.
fn first_run(language: &str, alert: &str) -> Vec<String> {
    let home = Home::new();
    let mut daemon = home.start(&factory(language));
    daemon.wait_line(alert, FIRST_ALERT);
    assert_eq!(daemon.stop(), 0);
    daemon.log().lines().map(str::to_owned).collect()
}

/// Each line that is in the log, once, in any order: parts start side by side.
fn lines_of(log: &[String]) -> String {
    let lines: BTreeSet<String> = log.iter().map(|line| masked(line)).collect();
    lines.into_iter().map(|line| line + "\n").collect()
}

#[test]
fn the_french_log_has_the_origins_lines_in_order() {
    let log = first_run("fr", "🚨");
    let first = |word: &&str| log.iter().position(|line| line.contains(word));
    let places: Vec<_> = WORDS.iter().map(first).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}:\n{log:#?}");
    check("first-run-fr.txt", &lines_of(&log));
}

#[test]
fn the_log_of_a_first_run_in_english() {
    check("first-run-en.txt", &lines_of(&first_run("en", "🚨")));
}

/// Section 4: 📤 is written when the broker has the reading, not before. Here it has none for a while: it is
/// stopped by a signal, with the connection up.
///
/// Runs with `VIGIE_ACCEPT=words`.
#[test]
fn a_reading_is_logged_as_sent_when_the_broker_has_acknowledged_it() {
    if !scale::wants("words") || !require(&["mosquitto"]) {
        return;
    }
    let (broker, home) = (Mosquitto::running(), Home::new());
    let values: Vec<f64> = (0..600).map(|n| 20.0 + f64::from(n) / 100.0).collect();
    let sensor = own::sensor(&home, "OWN_1", &values, "speed = 10.0, times = \"now\"");
    let table = broker.access().mqtt_table("the broker", "");
    let mut daemon = home.start(&format!("language = \"en\"\n{table}{sensor}"));
    daemon.wait_line("📤", SOON);
    broker.signal("STOP");
    let waiting = || own::lag(&home).unwrap_or(0);
    daemon.wait_until("readings that wait", SOON, || waiting() >= 5);
    let early = daemon.lines_with("📤").len();
    daemon.wait_until("more of them", SOON, || waiting() >= 25);
    let late = daemon.lines_with("📤").len();
    broker.signal("CONT");
    daemon.wait_until("them sent", SOON, || daemon_lines(&home) > late);
    assert_eq!(daemon.stop(), 0);
    assert_eq!(late, early, "called sent while the broker took nothing");
}

/// How many readings the log calls sent.
fn daemon_lines(home: &Home) -> usize {
    let log = std::fs::read_to_string(home.path("log-1.txt")).unwrap_or_default();
    log.lines().filter(|line| line.contains("📤")).count()
}
