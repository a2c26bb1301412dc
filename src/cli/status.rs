//! `vigie status`: asks the running daemon how it is.

use std::io::Write;

use serde_json::Value;

use super::ConfigFile;
use crate::config::Config;
use crate::exit::Exit;
use crate::web;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    pub file: ConfigFile,
    /// Print the daemon's answer as it came, one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, config: &Config) -> Exit {
    let report = match web::status(&config.storage.path) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("vigie status: {error}");
            return Exit::Unavailable;
        }
    };
    let text = if args.json { format!("{report}\n") } else { table(&report) };
    let _ = std::io::stdout().write_all(text.as_bytes()); // a reader that left wants no more
    Exit::Ok
}

/// The report for people: one line a child, one a group, one a queue.
fn table(report: &Value) -> String {
    let mut out = format!("vigie {}, pid {}\n", text(&report["version"]), report["pid"]);
    let connected = report["broker"]["connected"] == true;
    let link = if connected { "connected" } else { "not connected" };
    out += &format!("broker: {}, {link}\n", text(&report["broker"]["name"]));
    let lag = |what: &str| report["lag"][what].as_u64().unwrap_or_default();
    out += &format!(
        "lag: {} own readings to publish, {} records to commit\n",
        lag("unpublished"),
        lag("uncommitted")
    );
    out += &format!("\n{:<24} {:<12} {:>11}  {}\n", "CHILD", "STATE", "INCARNATION", "LAST EXIT");
    for child in list(&report["tree"]["children"]) {
        out += &child_line(child);
    }
    for group in list(&report["tree"]["groups"]) {
        out += &format!("\n{}: {} children", text(&group["name"]), group["children"]);
        for (state, count) in group["states"].as_object().into_iter().flatten() {
            if count.as_u64().is_some_and(|count| count > 0) {
                out += &format!(", {count} {}", state.replace('_', " "));
            }
        }
        out.push('\n');
        for child in list(&group["troubled"]) {
            out += &child_line(child);
        }
    }
    out += &receivers(&report["receivers"]);
    out += &format!("\n{:<24} {:>8} {:>8}\n", "QUEUE", "WAITING", "ROOM");
    for (name, queue) in report["queues"].as_object().into_iter().flatten() {
        out += &format!("{name:<24} {:>8} {:>8}\n", queue["depth"], queue["capacity"]);
    }
    out
}

/// One line a receiver of notifications; nothing where there is none.
fn receivers(list_of: &Value) -> String {
    let mut lines = list(list_of).peekable();
    if lines.peek().is_none() {
        return String::new();
    }
    let mut out = format!(
        "\n{:<24} {:<8} {:>8} {:>9}  {:<32}  {}\n",
        "RECEIVER", "STATE", "WAITING", "DELIVERED", "LAST SUCCESS", "LAST ERROR"
    );
    for line in lines {
        let (name, state) = (text(&line["name"]), text(&line["state"]));
        let (success, error) = (text(&line["last_success"]), text(&line["last_error"]["why"]));
        out += &format!(
            "{name:<24} {state:<8} {:>8} {:>9}  {success:<32}  {error}\n",
            line["waiting"], line["delivered"]
        );
        for (key, what) in [("given_up", "given up"), ("dropped", "dropped")] {
            if line[key].as_u64().is_some_and(|count| count > 0) {
                out += &format!("{:<24} {what}: {}\n", "", line[key]);
            }
        }
    }
    out
}

fn child_line(child: &Value) -> String {
    let last = child["last_exit"]["what"].as_str().unwrap_or("-");
    let (name, state) = (text(&child["name"]), text(&child["state"]).replace('_', " "));
    format!("{name:<24} {state:<12} {:>11}  {last}\n", child["incarnation"])
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("-")
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
