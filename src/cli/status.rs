//! `vigie status`: asks the running daemon how it is.

use std::io::Write;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::ConfigFile;
use crate::config::Config;
use crate::exit::Exit;
use crate::logging::one_line;
use crate::supervisor::{ChildHealth, GroupHealth};
use crate::web;
use crate::web::report::{BrokerStatus, ProblemReport, Queues, ReceiverStatus, StatusReport};

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    pub file: ConfigFile,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, config: &Config) -> Exit {
    let (report, answer) = match web::status(&config.storage.path) {
        Ok(answers) => answers,
        Err(error) => return super::complain("status", &error, Exit::Unavailable),
    };
    let text = if args.json { format!("{answer}\n") } else { table(&report) };
    let _ = std::io::stdout().write_all(text.as_bytes()); // a reader that left wants no more
    Exit::Ok
}

/// Plain data always has a JSON form.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The report for people: one line a child, one a group, one a queue.
fn table(report: &StatusReport) -> String {
    let mut out = format!("vigie {}, pid {}\n", report.version, report.pid);
    out += &broker(&report.broker);
    out += &format!(
        "lag: {} own readings to publish, {} records to commit\n",
        report.lag.unpublished, report.lag.uncommitted
    );
    let newest = report.series.newest.as_ref().map_or_else(dash, DateTime::<Utc>::to_rfc3339);
    out += &format!(
        "series: {}, {} in alarm, newest reading of {newest}\n",
        report.series.known, report.series.in_alarm
    );
    out += &problems(&report.problems);
    out += &format!("\n{:<24} {:<12} {:>11}  {}\n", "CHILD", "STATE", "INCARNATION", "LAST EXIT");
    if let Some(tree) = &report.tree {
        tree.children.iter().for_each(|child| out += &child_line(child));
        tree.groups.iter().for_each(|group| out += &group_lines(group));
    }
    out + &receivers(&report.receivers) + &queues(&report.queues)
}

/// The connection, and one line for each thing that the broker can't do.
fn broker(broker: &BrokerStatus) -> String {
    let link = if broker.connected { "connected" } else { "not connected" };
    let since = broker.since.map_or_else(String::new, |at| format!(" since {}", at.to_rfc3339()));
    let limits = broker.limits.iter().map(|limit| format!("  limit: {}\n", one_line(limit)));
    format!("broker: {}, {link}{since}\n", one_line(&broker.name)) + &limits.collect::<String>()
}

/// One line a problem; nothing where there is none.
fn problems(problems: &[ProblemReport]) -> String {
    if problems.is_empty() {
        return String::new();
    }
    let lines =
        problems.iter().map(|it| format!("{:<40} {}\n", it.since.to_rfc3339(), one_line(&it.what)));
    format!("\n{:<40} PROBLEM\n", "SINCE") + &lines.collect::<String>()
}

/// How many children are in each state, and those in trouble.
fn group_lines(group: &GroupHealth) -> String {
    let mut out = format!("\n{}: {} children", one_line(&group.name), group.children);
    let states = &group.states;
    for (state, count) in [
        ("backing off", states.backing_off),
        ("gave up", states.gave_up),
        ("quarantined", states.quarantined),
        ("starting", states.starting),
        ("stopped", states.stopped),
        ("up", states.up),
    ] {
        if count > 0 {
            out += &format!(", {count} {state}");
        }
    }
    out.push('\n');
    group.troubled.iter().for_each(|child| out += &child_line(child));
    out
}

/// One line a receiver of notifications; nothing where there is none.
pub(super) fn receivers(receivers: &[ReceiverStatus]) -> String {
    if receivers.is_empty() {
        return String::new();
    }
    let mut out = format!(
        "\n{:<24} {:<8} {:>8} {:>9}  {:<32}  {}\n",
        "RECEIVER", "STATE", "WAITING", "DELIVERED", "LAST SUCCESS", "LAST ERROR"
    );
    for receiver in receivers {
        let state = word(&receiver.state);
        let success = receiver.last_success.as_ref().map_or_else(dash, DateTime::<Utc>::to_rfc3339);
        let error = receiver
            .last_error
            .as_ref()
            .map_or_else(dash, |error| one_line(&error.why).into_owned());
        out += &format!(
            "{:<24} {state:<8} {:>8} {:>9}  {success:<32}  {error}\n",
            one_line(&receiver.name),
            receiver.waiting,
            receiver.delivered
        );
        let untold = u64::try_from(receiver.untold).unwrap_or(u64::MAX);
        for (count, what) in [
            (receiver.given_up, "given up"),
            (untold, "active alarms that it has not been told of"),
            (receiver.dropped, "dropped"),
        ] {
            if count > 0 {
                out += &format!("{:<24} {what}: {count}\n", "");
            }
        }
    }
    out
}

fn queues(queues: &Queues) -> String {
    let mut out = format!("\n{:<24} {:>8} {:>8}\n", "QUEUE", "WAITING", "ROOM");
    for (name, queue) in [("measured", queues.measured), ("store", queues.store)] {
        out += &format!("{name:<24} {:>8} {:>8}\n", queue.depth, queue.capacity);
    }
    out
}

fn child_line(child: &ChildHealth) -> String {
    let last = child.last_exit.as_ref().map_or_else(dash, |exit| one_line(&exit.what).into_owned());
    let state = child.state.word().replace('_', " ");
    format!("{:<24} {state:<12} {:>11}  {last}\n", one_line(&child.name), child.incarnation)
}

/// What stands where there is nothing.
fn dash() -> String {
    "-".to_owned()
}

/// A unit variant as it is written in JSON.
fn word(value: &impl Serialize) -> String {
    json(value).trim_matches('"').to_owned()
}
