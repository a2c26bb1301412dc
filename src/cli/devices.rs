//! `vigie devices`: shows the running daemon's inventory.

use std::io::Write;

use chrono::{DateTime, SecondsFormat, Utc};

use super::ConfigFile;
use super::unclaimed::{example, lines_to_paste};
use crate::config::Config;
use crate::domain::Presence;
use crate::exit::Exit;
use crate::ingest::inventory::{DeviceReport, DevicesReport, RuleReport, UnclaimedReport};
use crate::logging::one_line;
use crate::web;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    pub file: ConfigFile,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, config: &Config) -> Exit {
    let (report, answer) = match web::devices(&config.storage.path) {
        Ok(answers) => answers,
        Err(error) => return super::complain("devices", &error, Exit::Unavailable),
    };
    let text = if args.json { format!("{answer}\n") } else { tables(&report) };
    let _ = std::io::stdout().write_all(text.as_bytes()); // a reader that left wants no more
    Exit::Ok
}

fn tables(report: &DevicesReport) -> String {
    let mut out = format!("heard since {}\n", time(Some(report.since)));
    out += &devices(report);
    out += &rules(&report.rules);
    out += &unclaimed(report);
    out + &lines_to_paste(&report.unclaimed)
}

/// One line a sensor.
fn devices(report: &DevicesReport) -> String {
    if report.devices.is_empty() {
        return "\nno device has been heard yet\n".to_owned();
    }
    let width = report.devices.iter().map(|it| one_line(&it.sensor_id).chars().count()).max();
    let width = width.unwrap_or_default().clamp(6, 40);
    let rule = report.devices.iter().map(|it| it.rule.chars().count()).max();
    let rule = rule.unwrap_or_default().clamp(4, 30);
    let mut out = format!(
        "\n{:<width$}  {:<rule$}  {:<20}  {:<7}  QUANTITIES\n",
        "SENSOR", "RULE", "LAST SEEN", "STATE"
    );
    for it in &report.devices {
        let (seen, quantities) = (time(it.last_seen), quantities(it));
        let state = it.availability.map_or("-", Presence::as_str);
        out += &format!(
            "{:<width$}  {:<rule$}  {seen:<20}  {state:<7}  {quantities}\n",
            one_line(&it.sensor_id),
            one_line(&it.rule)
        );
    }
    if report.unlisted_readings > 0 {
        let readings = report.unlisted_readings;
        out += &format!("and others, of {readings} readings: `vigie readings` has them\n");
    }
    out
}

fn quantities(device: &DeviceReport) -> String {
    let one = device.quantities.iter().map(|it| format!("{} {}", it.quantity, it.unit));
    one_line(&one.map(|it| it.trim_end().to_owned()).collect::<Vec<_>>().join(", ")).into_owned()
}

/// One line per table, with what it could not decode.
fn rules(rules: &[RuleReport]) -> String {
    let width = rules.iter().map(|it| it.rule.chars().count()).max();
    let width = width.unwrap_or_default().clamp(4, 40);
    let mut out = format!(
        "\n{:<width$}  {:>9} {:>9} {:>9} {:>9}  LAST SEEN\n",
        "RULE", "MESSAGES", "IGNORED", "REJECTED", "BAD PARTS"
    );
    for it in rules {
        out += &format!(
            "{:<width$}  {:>9} {:>9} {:>9} {:>9}  {}\n",
            one_line(&it.rule),
            it.messages,
            it.ignored,
            it.rejected,
            it.rejected_parts,
            time(it.last_seen)
        );
        it.never_there.iter().for_each(|line| out += &format!("  {}\n", one_line(line)));
        if let Some(fault) = &it.last_fault {
            let (topic, why) = (one_line(&fault.topic), one_line(&fault.why));
            out += &format!("  not understood, on {topic}: {why}\n");
        }
    }
    out
}

/// Two lines a shape.
fn unclaimed(report: &DevicesReport) -> String {
    if report.unclaimed.is_empty() {
        return String::new();
    }
    let shape = |it: &UnclaimedReport| one_line(&it.shape).into_owned();
    let width = report.unclaimed.iter().map(|it| shape(it).chars().count()).max();
    let width = width.unwrap_or_default().clamp(20, 50);
    let mut out = format!("\n{:<width$}  {:>9}  LAST SEEN\n", "TOPICS NOBODY TAKES", "MESSAGES");
    for it in &report.unclaimed {
        let (shape, seen) = (shape(it), time(Some(it.last_seen)));
        out += &format!("{shape:<width$}  {:>9}  {seen}\n", it.messages);
        out += &format!("  {}: {}\n", one_line(&it.topic), example(&it.payload, it.is_cut));
        it.note.iter().for_each(|note| out += &format!("  {}\n", one_line(note)));
    }
    if report.unlisted_messages > 0 {
        out += &format!("and others, of {} messages\n", report.unlisted_messages);
    }
    out
}

fn time(at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| at.to_rfc3339_opts(SecondsFormat::Secs, true))
}
