//! `vigie rules replay`: compares what a configuration would have announced with what was announced.
//!
//! Reads the file beside the daemon, in pages, so that no long read transaction delays the daemon's checkpoints.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use crate::cli::ConfigFile;
use crate::cli::history::{CommandError, Table, When, or_closed_pipe};
use crate::config::{Config, duration};
use crate::domain::time;
use crate::exit::Exit;
use crate::rehearsal::replay::{Announced, Compared, Replay, Side, before, lead};
use crate::store::{AlertFilter, History, ReadingFilter, StoredAlert};

/// How much time is read at once; twice as much each time that there is nothing in it.
const PIECE: TimeDelta = TimeDelta::hours(1);
const LONGEST_PIECE: TimeDelta = TimeDelta::days(30);

/// Runs a configuration over the stored readings, and shows what it would have announced beside what
/// was announced. Changes nothing, and doesn't disturb the daemon. Times are UTC.
///
/// Silence is counted by the readings' own times.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Start of the period: `30d` (before now), `2024-08-14`, `2024-08-14T10:30:00`.
    #[arg(long, value_name = "TIME", value_parser = When::parse, default_value = "7d")]
    from: When,
    /// End of the period, in the same notation; now by default.
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    to: Option<When>,
    /// Database, in place of the configured `storage.path`.
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
    /// A longer time without any stored reading counts as an outage of the daemon, not as silence of the sensors:
    /// `10m`.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    outage: Option<Duration>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(super) file: ConfigFile,
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    duration::parse(text).map_err(|mistake| mistake.to_string())
}

/// Why there is no replay.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("the period ends before it begins: give a --to after --from")]
    Empty,
    #[error(transparent)]
    Command(#[from] CommandError),
}

impl ReplayError {
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Empty => Exit::Usage,
            Self::Command(error) => error.exit(),
        }
    }
}

/// Result.
struct Replayed {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    readings: u64,
    /// Rows that are no reading or no announcement.
    unreadable: u64,
    compared: Compared,
}

pub(super) fn run(
    args: &Args,
    config: &Config,
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> Result<(), ReplayError> {
    let (from, to) = (args.from.before(now), args.to.map_or(now, |to| to.before(now)));
    if from >= to {
        return Err(ReplayError::Empty);
    }
    let path = args.database.as_deref().unwrap_or(&config.storage.path);
    let history = History::open(path).map_err(CommandError::from)?;
    let mut replay = Replay::new(config, from, to, args.outage);
    let (readings, odd) = play(&history, &mut replay, before(from, lead(config)), from, to)?;
    let unreadable = odd + announced(&history, &mut replay, from)?;
    let replayed = Replayed { from, to, readings, unreadable, compared: replay.finish() };
    let mut out = BufWriter::new(out);
    let written = if args.json {
        json(&replayed, &mut out)
    } else {
        print(&replayed, &args.file.config, path, &mut out)
    };
    Ok(or_closed_pipe(written.and_then(|()| out.flush()).map_err(CommandError::from))?)
}

/// Plays the readings from `start` on; how many of them are within the period, and how many rows are
/// no reading.
fn play(
    history: &History,
    replay: &mut Replay,
    start: DateTime<Utc>,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<(u64, u64), CommandError> {
    let (mut readings, mut odd) = (0, 0);
    let (mut since, mut piece) = (start, PIECE);
    while since < to {
        let until = since.checked_add_signed(piece).map_or(to, |until| until.min(to));
        let filter =
            ReadingFilter { since: Some(since), until: Some(until), ..ReadingFilter::default() };
        let mut num_rows = 0_u64;
        history.readings(&filter, &mut |row| {
            num_rows += 1;
            if let Some(reading) = row.reading() {
                readings += u64::from(reading.timestamp >= from);
                replay.take(&reading);
            } else {
                odd += 1;
            }
            Ok(())
        })?;
        piece = if num_rows == 0 { (piece * 2).min(LONGEST_PIECE) } else { PIECE };
        since = until;
    }
    Ok((readings, odd))
}

/// Passes announced events on; returns the number of unreadable rows.
fn announced(
    history: &History,
    replay: &mut Replay,
    from: DateTime<Utc>,
) -> Result<u64, CommandError> {
    let filter = AlertFilter { since: Some(from), ..AlertFilter::default() };
    let odd = history.alerts(&filter, &mut |row| {
        if row.event.announced {
            replay.was(announcement(row));
        }
        Ok(())
    })?;
    Ok(odd)
}

fn announcement(StoredAlert { event, .. }: StoredAlert) -> Announced {
    Announced {
        at: event.timestamp,
        rule: event.rule,
        sensor_id: event.sensor_id.as_str().into(),
        state: event.state,
        message: event.message,
    }
}

const fn word(side: Side) -> &'static str {
    match side {
        Side::OnlyWould => "only would",
        Side::OnlyWas => "only was",
        Side::Both => "both",
    }
}

fn json(replayed: &Replayed, out: &mut dyn Write) -> io::Result<()> {
    let Replayed { from, to, readings, unreadable, compared } = replayed;
    let written = |at: DateTime<Utc>| time::stored(at, false);
    let rules = compared.rules.iter();
    let rules = rules.map(|(rule, n)| json!({ "rule": rule, "would": n.would, "was": n.was }));
    let list = compared.list.iter().map(|(side, announced)| {
        let Announced { at, rule, sensor_id, state, message } = announced;
        json!({
            "in": word(*side), "timestamp": written(*at), "rule": rule, "sensor_id": sensor_id,
            "state": state.as_str(), "message": message,
        })
    });
    let object = json!({
        "from": written(*from), "to": written(*to), "readings": readings, "unreadable": unreadable,
        "rules": rules.collect::<Vec<_>>(), "announcements": list.collect::<Vec<_>>(),
        "list_ends": compared.list_ends.map(written),
    });
    serde_json::to_writer(&mut *out, &object)?;
    writeln!(out)
}

fn print(replayed: &Replayed, config: &Path, path: &Path, out: &mut dyn Write) -> io::Result<()> {
    let Replayed { from, to, readings, unreadable, compared } = replayed;
    let second = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M:%S").to_string();
    let (config, path) = (config.display(), path.display());
    writeln!(out, "{config} over {readings} readings of {path}")?;
    writeln!(out, "from {} to {} (UTC)", second(*from), second(*to))?;
    if *unreadable > 0 {
        writeln!(out, "{unreadable} stored rows can't be read and are left out.")?;
    }
    if compared.rules.is_empty() {
        return writeln!(out, "\nNothing was announced, and nothing would have been.");
    }
    writeln!(out)?;
    let mut table = Table::new(out, ["alarms by rule", "would", "was"]);
    for (rule, count) in &compared.rules {
        table.row([rule.to_string(), count.would.to_string(), count.was.to_string()])?;
    }
    table.flush()?;
    writeln!(out)?;
    let mut table =
        Table::new(out, ["announced", "timestamp", "rule", "sensor_id", "state", "message"]);
    for (side, announced) in &compared.list {
        let Announced { at, rule, sensor_id, state, message } = announced;
        table.row([
            word(*side).to_owned(),
            second(*at),
            rule.to_string(),
            sensor_id.to_string(),
            state.as_str().to_owned(),
            message.clone(),
        ])?;
    }
    table.flush()?;
    match compared.list_ends {
        Some(ends) => writeln!(out, "The list ends at {}: there are too many.", second(ends)),
        None => Ok(()),
    }
}
