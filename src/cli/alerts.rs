//! `vigie alerts`: shows the alert events of the past, those that stand, and new ones as they come.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::ConfigFile;
use super::history::{CommandError, Table, When, csv_field, or_closed_pipe};
use crate::domain::AlertState;
use crate::store::{AlertFilter, History, StoredAlert};

/// How many past events `--follow` begins with.
const FOLLOWED_ROWS: u64 = 10;

/// How often `--follow` looks.
const FOLLOW_PAUSE: Duration = Duration::from_millis(500);

const COLUMNS: [&str; 9] =
    ["timestamp", "state", "transition", "sensor_id", "location", "rule", "by", "why", "message"];

/// Column widths for events that are still to come.
const WIDTHS: [usize; 9] = [32, 8, 12, 9, 18, 16, 2, 3, 0];

/// Shows alert events, oldest first: every transition of an alarm, with who brought it about and why.
///
/// `--state active` shows the alerts that stand now, each by the event that raised it. `--follow`
/// begins with the last 10 events (or with `--since`), then prints new ones as they are stored.
/// Times are UTC.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Only events at or after this time: `1h` (ago), `2024-08-14`, `2024-08-14T10:30:00`.
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    pub since: Option<When>,
    /// Only alerts of this sensor.
    #[arg(long, value_name = "ID")]
    pub sensor: Option<String>,
    /// `active`: alerts that are active now; `resolved`: events that ended an alert.
    #[arg(long, value_name = "STATE")]
    pub state: Option<AlertState>,
    /// Print new events as they occur, until Ctrl-C.
    #[arg(short, long)]
    pub follow: bool,
    /// Print one JSON object a line: the published fields, then operator and reason.
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Print CSV with a header.
    #[arg(long)]
    pub csv: bool,
    #[command(flatten)]
    pub(super) file: ConfigFile,
}

/// Writes the alert events of the database at `path` to `out`. A closed pipe is a normal end.
///
/// `go_on` waits before the next poll of `--follow`, and returns whether there is one; for the command it is
/// [`until_ctrl_c`](super::history::until_ctrl_c).
///
/// # Errors
/// If there is no database, it can't be read, or `out` fails.
pub fn run(
    args: &Args,
    path: &Path,
    now: DateTime<Utc>,
    out: &mut dyn Write,
    go_on: &mut dyn FnMut(Duration) -> bool,
) -> Result<(), CommandError> {
    let history = History::open(path)?;
    let mut out = BufWriter::new(out);
    let mut printer: Box<dyn Print> = if args.json {
        Box::new(Json(&mut out))
    } else if args.csv {
        writeln!(out, "{}", COLUMNS.join(","))?;
        Box::new(Csv(&mut out))
    } else {
        Box::new(Table::new(&mut out, COLUMNS).at_least(WIDTHS))
    };
    or_closed_pipe(show(args, &history, now, printer.as_mut(), go_on))
}

fn show(
    args: &Args,
    history: &History,
    now: DateTime<Utc>,
    printer: &mut dyn Print,
    go_on: &mut dyn FnMut(Duration) -> bool,
) -> Result<(), CommandError> {
    let mut last = history.last_event()?;
    let is_standing = args.state == Some(AlertState::Active);
    let past = AlertFilter {
        sensor: args.sensor.clone(),
        state: args.state,
        since: args.since.map(|since| since.before(now)),
        until: None,
        up_to_number: Some(last),
        by_number: false,
        newest: (args.follow && args.since.is_none() && !is_standing).then_some(FOLLOWED_ROWS),
        standing: is_standing,
        after_number: None,
    };
    let num_unreadable = history.alerts(&past, &mut |row| printer.event(row))?;
    if num_unreadable > 0 {
        log::warn!(target: "vigie::storage", "{num_unreadable} stored events can't be read and are left out");
    }
    printer.flush()?;
    while args.follow && go_on(FOLLOW_PAUSE) {
        let new = AlertFilter {
            sensor: args.sensor.clone(),
            state: args.state,
            after_number: Some(last),
            ..AlertFilter::default()
        };
        history.alerts(&new, &mut |row| {
            last = row.event.number;
            printer.event(row)
        })?;
        printer.flush()?;
    }
    Ok(())
}

/// How events are written.
trait Print {
    fn event(&mut self, row: StoredAlert) -> io::Result<()>;
    fn flush(&mut self) -> io::Result<()>;
}

impl Print for Table<'_, { COLUMNS.len() }> {
    fn event(&mut self, row: StoredAlert) -> io::Result<()> {
        self.row(cells(row))
    }

    fn flush(&mut self) -> io::Result<()> {
        Table::flush(self)
    }
}

/// The values of [`COLUMNS`].
fn cells(row: StoredAlert) -> [String; COLUMNS.len()] {
    let StoredAlert { event, timestamp, .. } = row;
    let (by, why) =
        event.operator.map_or((None, None), |operator| (Some(operator.by), operator.why));
    let text = |text: Option<Arc<str>>| text.as_deref().unwrap_or_default().to_owned();
    [
        timestamp,
        event.state.as_str().to_owned(),
        event.change.as_str().to_owned(),
        event.sensor_id.to_string(),
        event.location.to_string(),
        event.rule.to_string(),
        text(by),
        text(why),
        event.message,
    ]
}

struct Csv<'a>(&'a mut dyn Write);

impl Print for Csv<'_> {
    fn event(&mut self, row: StoredAlert) -> io::Result<()> {
        writeln!(self.0, "{}", cells(row).map(|cell| csv_field(&cell)).join(","))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

struct Json<'a>(&'a mut dyn Write);

impl Print for Json<'_> {
    fn event(&mut self, row: StoredAlert) -> io::Result<()> {
        serde_json::to_writer(&mut *self.0, &row)?;
        writeln!(self.0)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::domain::{Change, Operator};
    use crate::store::fixtures::{alerts, append, at, event, stored};

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn args(words: &str) -> Args {
        Cli::try_parse_from(format!("alerts {words}").split_whitespace()).unwrap().args
    }

    /// What is shown while `go_on` says so.
    fn followed(path: &Path, words: &str, go_on: &mut dyn FnMut(Duration) -> bool) -> String {
        let mut out = Vec::new();
        run(&args(words), path, at(60), &mut out, go_on).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn shown(path: &Path, words: &str) -> String {
        followed(path, words, &mut |_| panic!("waits without --follow"))
    }

    fn history() -> (tempfile::TempDir, std::path::PathBuf) {
        stored(&[alerts([
            event("a", "TEMP_001", 0, AlertState::Active),
            event("b", "TEMP_002", 1, AlertState::Active),
            event("a", "TEMP_001", 2, AlertState::Resolved),
        ])])
    }

    #[test]
    fn events_are_shown_oldest_first() {
        let (_folder, path) = history();
        assert_eq!(
            shown(&path, ""),
            "\
timestamp                         state     transition    sensor_id  location            rule              by  why  message
2024-08-14T10:30:00.000000+00:00  active    raised        TEMP_001   Atelier Production  high-temperature           Température élevée détectée: 38.2°C
2024-08-14T10:30:01.000000+00:00  active    raised        TEMP_002   Atelier Production  high-temperature           Température élevée détectée: 38.2°C
2024-08-14T10:30:02.000000+00:00  resolved  returned      TEMP_001   Atelier Production  high-temperature           Température élevée détectée: 38.2°C
"
        );
    }

    #[test]
    fn json_has_the_published_fields_first() {
        let (_folder, path) = history();
        assert_eq!(
            shown(&path, "--json --state resolved"),
            "{\"alert_type\":\"HIGH_TEMPERATURE\",\"sensor_id\":\"TEMP_001\",\
             \"location\":\"Atelier Production\",\"temperature\":38.2,\"threshold\":35.0,\
             \"message\":\"Température élevée détectée: 38.2°C\",\
             \"timestamp\":\"2024-08-14T10:30:02.000000+00:00\",\"severity\":\"HIGH\",\
             \"alert_id\":\"a\",\"rule\":\"high-temperature\",\"state\":\"resolved\",\
             \"quantity\":\"temperature\",\"unit\":\"celsius\",\"published_at\":null,\
             \"transition\":\"returned\",\"by\":null,\"why\":null}\n"
        );
    }

    #[test]
    fn csv_has_who_and_why() {
        let mut acknowledged = event("a", "TEMP_001", 1, AlertState::Active);
        acknowledged.change = Change::Acknowledged;
        acknowledged.operator = Some(Operator::new("anne", Some("door, open")).unwrap());
        acknowledged.message = "m".into();
        let (_folder, path) = stored(&[alerts([acknowledged])]);
        assert_eq!(
            shown(&path, "--csv"),
            "timestamp,state,transition,sensor_id,location,rule,by,why,message\n\
             2024-08-14T10:30:01.000000+00:00,active,acknowledged,TEMP_001,Atelier Production,\
             high-temperature,anne,\"door, open\",m\n"
        );
        assert!(Cli::try_parse_from(["alerts", "--csv", "--json"]).is_err());
    }

    #[test]
    fn options_choose_the_events() {
        let (_folder, path) = history();
        let ids = |words: &str| -> Vec<String> {
            shown(&path, &format!("--json {words}"))
                .lines()
                .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
                .map(|event| event["alert_id"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(ids(""), ["a", "b", "a"]);
        assert_eq!(ids("--state active"), ["b"]);
        assert_eq!(ids("--sensor TEMP_001"), ["a", "a"]);
        assert_eq!(ids("--since 59s"), ["b", "a"]);
        assert!(Cli::try_parse_from(["alerts", "--state", "odd"]).is_err());
    }

    #[test]
    fn follow_prints_new_events_as_they_come() {
        let (_folder, path) = history();
        let mut looks = 0;
        let text = followed(&path, "--follow --json --sensor TEMP_002", &mut |_| {
            looks += 1;
            append(
                &path,
                // An older time than what was shown already: new all the same.
                &alerts([
                    event(&format!("new{looks}"), "TEMP_002", -looks, AlertState::Active),
                    event("other", "TEMP_001", 9, AlertState::Active),
                ]),
            );
            looks < 3
        });
        let ids: Vec<_> = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .map(|event| event["alert_id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(ids, ["b", "new1", "new2"]);
    }

    #[test]
    fn follow_begins_with_the_last_events() {
        let (_folder, path) =
            stored(&[alerts((0..30).map(|n| event("a", "T", n, AlertState::Active)))]);
        let lines = |words: &str| followed(&path, words, &mut |_| false).lines().count();
        assert_eq!(lines("--json --follow"), 10);
        assert_eq!(lines("--json --follow --since 1d"), 30);
        assert_eq!(lines("--json"), 30);
    }

    /// A reader that has gone away.
    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_ends_even_a_follower() {
        let (_folder, path) = history();
        for words in ["--follow", "--follow --json"] {
            run(&args(words), &path, at(60), &mut Closed, &mut |_| panic!("goes on")).unwrap();
        }
    }
}
