//! `vigie report`: how well the alarm system itself does, from the stored alerts.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::ConfigFile;
use super::history::{CommandError, Table, When, or_closed_pipe};
use crate::alarms::report::{Measures, Period, PeriodError, page};
use crate::exit::Exit;
use crate::store::{AlarmReport, History};

/// Reports on the alarm system's own health: rates, floods, chattering, fleeting and stale alarms,
/// each beside its published target.
///
/// Uses the measures of ISA-18.2 and IEC 62682; it does not claim compliance. Times are UTC.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Start of the period: `30d` (before its end), `2024-08-14`, `2024-08-14T10:30:00`.
    #[arg(long, value_name = "TIME", value_parser = When::parse, default_value = "7d")]
    pub since: When,
    /// End of the period, in the same notation; now by default.
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    pub until: Option<When>,
    /// Print one JSON object.
    #[arg(long, conflicts_with = "html")]
    pub json: bool,
    /// Write a page with charts to this file.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    #[command(flatten)]
    pub(super) file: ConfigFile,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error(transparent)]
    Period(#[from] PeriodError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("can't write {}: {error}", path.display())]
    Page { path: PathBuf, error: io::Error },
}

impl ReportError {
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Period(_) => Exit::Usage,
            Self::Command(error) => error.exit(),
            Self::Page { .. } => Exit::Failed,
        }
    }
}

/// Measures, and their source.
#[derive(Debug, Serialize)]
struct Report {
    source: String,
    #[serde(flatten)]
    found: AlarmReport,
}

/// Reports on the alerts of the database at `path`, to `out` or to the requested page.
///
/// # Errors
/// If the period is invalid, there is no database, it can't be read, or the output fails.
pub fn run(
    args: &Args,
    path: &Path,
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> Result<(), ReportError> {
    let until = args.until.map_or(now, |until| until.before(now));
    let report = read(path, Period::new(args.since.before(until), until)?)?;
    if let Some(file) = &args.html {
        let html = page::html(&report.found.measures, &report.source);
        return fs::write(file, html)
            .map_err(|error| ReportError::Page { path: file.clone(), error });
    }
    let mut out = BufWriter::new(out);
    let written = if args.json { json(&report, &mut out) } else { print(&report, &mut out) };
    let written = written.and_then(|()| out.flush()).map_err(CommandError::from);
    Ok(or_closed_pipe(written)?)
}

fn read(path: &Path, period: Period) -> Result<Report, CommandError> {
    let found = History::open(path)?.alarm_report(period, &|| false)?;
    Ok(Report { source: format!("the alerts stored in {}", path.display()), found })
}

fn json(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, report)?;
    writeln!(out)
}

fn print(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let Report { source, found: AlarmReport { unreadable, measures } } = report;
    let (from, to) = (measures.period.from(), measures.period.to());
    writeln!(out, "Alarms from {} to {} (UTC)", page::minute(from), page::minute(to))?;
    writeln!(out, "Source: {source}\n{}", page::NOTE)?;
    if measures.is_short() {
        writeln!(out, "{}", page::SHORT)?;
    }
    if *unreadable > 0 {
        writeln!(out, "{unreadable} stored events can't be read and are left out.")?;
    }
    if measures.left_out > 0 {
        let left_out = measures.left_out;
        writeln!(out, "Too many rules and sensors: {left_out} events are in the rates alone.")?;
    }
    writeln!(out)?;
    let mut table = Table::new(out, ["measure", "value", "target", "result"]);
    for target in &measures.targets {
        let (name, is) = (target.measure.to_owned(), page::verdict(target).to_owned());
        table.row([name, page::value(target), target.target.to_owned(), is])?;
    }
    table.flush()?;
    writeln!(out)?;
    print_facts(measures, out)?;
    writeln!(out)?;
    let mut table = Table::new(out, ["rule", "sensor_id", "location", "raised", "share"]);
    for top in &measures.top {
        let (raised, share) = (top.raised.to_string(), page::percent(top.share));
        table.row([
            top.rule.clone(),
            top.sensor_id.clone(),
            top.location.clone(),
            raised,
            share,
        ])?;
    }
    table.flush()
}

/// Prints figures without a target.
fn print_facts(measures: &Measures, out: &mut dyn Write) -> io::Result<()> {
    let mut table = Table::new(out, ["also", "value"]);
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    row("Raised in all", measures.raised.to_string())?;
    row("Floods", measures.floods.count.to_string())?;
    if let Some(largest) = &measures.floods.largest {
        let first = &largest.first;
        row("Longest flood", page::length(measures.floods.longest_minutes))?;
        row("Alarms in the largest", largest.raised.to_string())?;
        row("Its peak in 10 minutes", largest.peak_in_10_minutes.to_string())?;
        let at = page::minute(first.at);
        row("Its first alarm", format!("{} on {}, {at}", first.rule, first.sensor_id))?;
    }
    row("Rules on a sensor that chattered", measures.chattering.pairs.to_string())?;
    row("Stale in all", measures.stale.alarms.to_string())?;
    row("Standing at the end", measures.standing.to_string())?;
    for each in measures.priorities.iter().filter(|each| each.raised > 0) {
        let name = format!("Priority {}", each.priority.to_lowercase());
        row(&name, format!("{} ({})", each.raised, page::percent(each.share)))?;
    }
    table.flush()
}
