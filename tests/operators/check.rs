//! `vigie check` reports all mistakes at once, with their places; a failed start has the right exit code.

use std::net::TcpListener;
use std::process::Output;

use crate::support::{Home, SOON, run_vigie};

const BAD_CONFIG: i32 = 2;
const UNAVAILABLE: i32 = 69;
const GAVE_UP: i32 = 70;

/// Six mistakes, each on a line marked with a number and the text that its error must contain.
const SIX_MISTAKES: &str = r#"language = "fr"
shutdown_timeout = "10 parsecs"         # 1 parsecs

[broker]
lisen = "127.0.0.1:0"                   # 2 listen

[mqtt]
version = 3                             # 3 version

[[sensors]]
id = "TEMP_001"
interval = 2                            # 4 interval
source = { type = "simulated" }

[[sensors]]
id = "TEMP_001"                         # 5 TEMP_001
source = { type = "simulated" }

[storage]
durability = "for ever"                 # 6 power
"#;

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

/// Text from the error about `line` up to the next error.
fn complaint(said: &str, line: usize) -> String {
    let place = format!("vigie.toml:{line}:");
    let starts = said.lines().position(|text| text.starts_with(&place));
    let starts = starts.unwrap_or_else(|| panic!("nothing about line {line} in:\n{said}"));
    let mut lines = said.lines().skip(starts);
    let first = lines.next().unwrap_or_default();
    let rest = lines.take_while(|text| !text.starts_with("vigie.toml:"));
    std::iter::once(first).chain(rest).collect::<Vec<_>>().join("\n")
}

#[test]
fn six_mistakes_are_reported_at_once() {
    let home = Home::new();
    home.write("vigie.toml", SIX_MISTAKES);
    for command in ["check", "run"] {
        let output = run_vigie(&home, &[command, "-c", "vigie.toml"]);
        assert_eq!(code(&output), Some(BAD_CONFIG), "{command}: {}", said(&output));
        let said = said(&output);
        let mut mistakes = 0;
        for (index, line) in SIX_MISTAKES.lines().enumerate() {
            let Some((_, mark)) = line.split_once("# ") else { continue };
            let (_, named) = mark.split_once(' ').expect("a number and a name");
            let complaint = complaint(&said, index + 1);
            assert!(complaint.contains(named), "{command}: `{named}` in: {complaint}");
            mistakes += 1;
        }
        assert_eq!(mistakes, 6);
        let places = said.lines().filter(|line| line.contains(": error: ")).count();
        assert_eq!(places, 6, "{command}: no mistake but these:\n{said}");
    }
    let output = run_vigie(&home, &["check", "-c", "vigie.toml"]);
    assert!(complaint(&said(&output), 5).to_lowercase().contains("did you mean"));
    assert!(!home.path("sensor_data.db").exists(), "nothing was begun");
}

#[test]
fn bad_command_lines_exit_with_a_usage_error() {
    let home = Home::new();
    for arguments in [&["observe"][..], &["run", "--frobnicate"], &["check", "-c", "absent.toml"]] {
        let output = run_vigie(&home, arguments);
        assert_eq!(code(&output), Some(BAD_CONFIG), "{arguments:?}: {}", said(&output));
        let named = arguments[arguments.len() - 1];
        assert!(said(&output).contains(named), "{arguments:?}: {}", said(&output));
    }
}

#[test]
fn a_valid_configuration_passes() {
    let home = Home::new();
    home.write("vigie.toml", "[broker]\nlisten = \"127.0.0.1:0\"\n");
    let output = run_vigie(&home, &["check", "-c", "vigie.toml"]);
    assert_eq!(code(&output), Some(0), "{}", said(&output));
}

#[test]
fn a_port_in_use_exits_with_69() {
    let squatter = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = squatter.local_addr().expect("an address").to_string();
    let home = Home::new();
    let mut daemon = home.spawn(&format!("[broker]\nlisten = \"{address}\"\n"));
    assert_eq!(daemon.exit_code(SOON), UNAVAILABLE);
    assert!(daemon.log().contains(&address), "the address is named");
}

#[test]
fn a_database_that_cant_be_written_ends_the_start() {
    let home = Home::new();
    // Even root can't create a file below a file.
    home.write("file", "");
    let mut daemon =
        home.spawn("[broker]\nlisten = \"127.0.0.1:0\"\n[storage]\npath = \"file/readings.db\"\n");
    assert_eq!(daemon.exit_code(SOON), UNAVAILABLE);
    assert!(daemon.log().contains("file/readings.db"), "the file is named");
}

/// All twelve sensors panic at every reading; more than ten failing children end the daemon.
#[test]
fn a_fleet_that_keeps_failing_ends_the_daemon() {
    let home = Home::new();
    let mut daemon = home.spawn(
        "[broker]\nlisten = \"127.0.0.1:0\"\n\
         [[sensors]]\nid = \"S_{01..12}\"\ninterval = \"100ms\"\n\
         source = { type = \"simulated\", crash = 1.0 }\n",
    );
    assert_eq!(daemon.exit_code(SOON), GAVE_UP);
    let log = daemon.log();
    let last = log.lines().last().expect("a last line");
    assert!(last.contains("gave up because fleet kept failing"), "{last}");
    assert!(last.contains("panicked: simulated crash of S_"), "{last}");
}
