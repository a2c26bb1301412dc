//! `vigie alarms`: lists alarms that are not normal.

use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;

use super::ConfigFile;
use super::history::{CommandError, Table, or_closed_pipe};
use crate::alarms::overview;
use crate::config::TimeStyle;
use crate::domain::{AlarmState, AlarmView, Said};
use crate::store::History;
use crate::wire::AlarmJson;

const COLUMNS: [&str; 9] =
    ["id", "state", "withheld", "rule", "sensor_id", "location", "value", "since", "who and why"];

/// Shows the alarms that stand, wait for a word, or are shelved, suppressed or out of service now.
///
/// A value is the sensor's newest when its alarm last changed. Reads the database; the daemon need not
/// run.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Print one JSON object a line.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub(super) file: ConfigFile,
}

/// Writes the alarms of the database at `path` to `out`. A closed pipe is a normal end.
///
/// # Errors
/// If there is no database, it can't be read, or `out` fails.
pub fn run(
    args: &Args,
    path: &Path,
    times: TimeStyle,
    out: &mut dyn Write,
) -> Result<(), CommandError> {
    let history = History::open(path)?;
    let mut out = BufWriter::new(out);
    or_closed_pipe(if args.json {
        json(&history, times, &mut out)
    } else {
        table(&history, times, &mut out)
    })
}

fn each_alarm(
    history: &History,
    each: &mut dyn FnMut(AlarmView) -> std::io::Result<()>,
) -> Result<(), CommandError> {
    let each = &mut |state: AlarmState| {
        overview::view(&state).map_or(Ok(()), &mut *each)?;
        Ok(ControlFlow::Continue(()))
    };
    Ok(history.alarm_states(None, each)?)
}

fn json(history: &History, times: TimeStyle, out: &mut dyn Write) -> Result<(), CommandError> {
    each_alarm(history, &mut |alarm| {
        serde_json::to_writer(&mut *out, &AlarmJson::new(&alarm, times))?;
        writeln!(out)
    })?;
    Ok(out.flush()?)
}

fn table(history: &History, times: TimeStyle, out: &mut dyn Write) -> Result<(), CommandError> {
    let mut table = Table::new(out, COLUMNS);
    each_alarm(history, &mut |alarm| {
        table.row([
            alarm.of.alert_id.as_deref().unwrap_or_default().to_owned(),
            alarm.state.to_owned(),
            alarm.withheld.unwrap_or_default().to_owned(),
            alarm.of.rule.to_string(),
            alarm.of.sensor_id.to_string(),
            alarm.location.to_string(),
            alarm.value.map_or_else(String::new, |value| format!("{value}{}", alarm.unit.suffix())),
            alarm.since.map(|since| times.write(since)).unwrap_or_default(),
            remarks(&alarm, times),
        ])
    })?;
    Ok(table.flush()?)
}

/// All remarks, in one cell.
fn remarks(alarm: &AlarmView, times: TimeStyle) -> String {
    let said = |what: &str, said: &Said| match &said.operator.why {
        Some(why) => format!("{what} by {} ({why})", said.operator.by),
        None => format!("{what} by {}", said.operator.by),
    };
    let shelved = alarm.shelved.as_ref().map(|shelf| {
        let by = shelf.said.as_ref().map_or_else(|| "shelved".into(), |by| said("shelved", by));
        let or = if shelf.is_one_shot { " or its return" } else { "" };
        format!("{by} until {}{or}", times.write(shelf.until))
    });
    [
        alarm.acknowledged.as_ref().map(|by| said("acknowledged", by)),
        shelved,
        alarm.suppressed_by.as_ref().map(|by| format!("suppressed by {by}")),
        alarm.out_of_service.as_ref().map(|by| said("out of service", by)),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>()
    .join("; ")
}
