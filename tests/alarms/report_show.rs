//! Eleven weeks of a real machine, evaluated by two bare limits and by the same limits with a deadband and delays, as
//! `vigie report` compares them. `VIGIE_PAGES=FOLDER` keeps the two pages.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Home, data_file, run_vigie, skip};

const FILE: &str = "machine_temperature.csv";
const ROWS: usize = 22_695;

/// Timeout until all rows are stored, by a debug build on a busy machine.
const PLAYED: Duration = Duration::from_secs(120);

const PERIOD: [&str; 4] = ["--since", "2013-12-02", "--until", "2014-02-20"];

/// Tuning of the limits: beyond for half an hour, and well within for an hour.
const TUNED: &str = "deadband = 5.0\non_delay = \"30m\"\noff_delay = \"1h\"\n";

fn config(more: &str) -> String {
    let rule = |name: &str, kind: &str, limit: f64| {
        format!(
            "[[rules]]\nname = \"{name}\"\nkind = \"{kind}\"\nlimit = {limit:?}\nunit = \"fahrenheit\"\n{more}"
        )
    };
    format!(
        "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:0\"\n[[sensors]]\nid = \"MACHINE_001\"\n\
         location = \"Machine hall\"\nunit = \"fahrenheit\"\n\
         source = {{ type = \"replay\", file = \"{}\", speed = \"max\" }}\n{}{}",
        data_file(FILE).expect("the recording").display(),
        rule("machine-hot", "high", 98.0),
        rule("machine-cold", "low", 60.0),
    )
}

/// Replays the recording and makes the report, as JSON and as a page.
fn report(home: &Home, more: &str) -> (Value, String) {
    let config = config(more);
    let mut daemon = home.start(&config);
    daemon.wait_until("all rows", PLAYED, || home.db().count() >= ROWS);
    assert_eq!(daemon.stop(), 0);
    let run = |options: &[&str]| {
        let args = [&["report", "-c", "vigie.toml"], &PERIOD[..], options].concat();
        let output = run_vigie(home, &args);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let json = serde_json::from_str(&run(&["--json"])).expect("one object");
    run(&["--html", "report.html"]);
    (json, fs::read_to_string(home.path("report.html")).expect("the page"))
}

fn keep(name: &str, page: &str) {
    if let Some(folder) = std::env::var_os("VIGIE_PAGES").map(PathBuf::from) {
        fs::create_dir_all(&folder).expect("a folder for pages");
        fs::write(folder.join(name), page).expect("a page");
    }
}

#[test]
fn deadband_and_delays_reduce_the_alarms_of_a_real_machine() {
    if data_file(FILE).is_none() {
        skip(&format!("no {FILE}: set VIGIE_DATA to its folder"));
        return;
    }
    let (bare, bare_page) = report(&Home::new(), "");
    let (tuned, tuned_page) = report(&Home::new(), TUNED);
    keep("bare.html", &bare_page);
    keep("tuned.html", &tuned_page);
    let figures = |report: &Value| {
        let of = |key: &str| report[key].as_u64().expect("a count");
        (
            of("raised"),
            of("most_in_10_minutes"),
            report["average"]["per_day"].as_f64().expect("one"),
        )
    };
    eprintln!(
        "raised, most in 10 minutes, a day: bare {:?}, tuned {:?}",
        figures(&bare),
        figures(&tuned)
    );
    // Counted in the recording, independently: crossings of the limits with and without deadband and delays.
    assert_eq!(bare["raised"], 266 + 53);
    assert_eq!(tuned["raised"], 24 + 18);
    for (report, page) in [(&bare, &bare_page), (&tuned, &tuned_page)] {
        let raised = report["raised"].to_string();
        assert!(page.contains(&format!("<b>{raised}</b>alarms raised")));
        assert_eq!(report["unreadable"], 0);
        assert_eq!(report["top"][0]["rule"], "machine-hot");
    }
}
