//! The command line: one file a command.

#![expect(clippy::disallowed_methods, reason = "a command runs at the time it is given")]

mod alarms;
mod alerts;
mod backup;
mod check;
mod decode;
mod devices;
mod history;
mod operate;
mod passwd;
mod private;
mod readings;
mod receivers;
mod reload;
mod report;
mod rules;
mod run;
mod status;
mod unclaimed;

use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use chrono::Utc;
use clap::{CommandFactory, Parser, Subcommand};

use self::history::CommandError;

use crate::app;
use crate::config::Config;
use crate::exit::Exit;
use crate::logging::one_line;

const DEFAULT_CONFIG: &str = "config/factory.toml";

/// `1.2.3 (abcdef012345)`: the version and the commit it was built from.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("VIGIE_COMMIT"), ")");

/// Monitoring of sensor fleets over MQTT: readings, alarms and history, in one daemon.
#[derive(Parser)]
#[command(name = "vigie", version = VERSION, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the daemon until Ctrl-C or SIGTERM.
    Run(run::Args),
    /// Validate a configuration: all errors at once, each with its line and a hint.
    Check(ConfigFile),
    /// Decode device messages, given or live: which table matches each, and the readings it yields.
    Decode(decode::Args),
    /// List devices and unclaimed topics, with configuration that would read them.
    Devices(devices::Args),
    /// List alarms: active, unacknowledged, shelved, suppressed or out of service.
    Alarms(alarms::Args),
    /// Acknowledge an alarm.
    Ack(operate::Word),
    /// Shelve an alarm: suppress its announcements for a limited time.
    Shelve(operate::Shelf),
    /// Unshelve an alarm.
    Unshelve(operate::Word),
    /// Take an alarm out of service: suppress its announcements until it is returned to service.
    OutOfService(operate::Reason),
    /// Return an alarm to service.
    ReturnToService(operate::Word),
    /// Reset a latched alarm.
    Reset(operate::Word),
    /// Forget a removed sensor: close its alarms and stop monitoring its silence. Its history is kept.
    Forget(operate::Sensor),
    /// Show alert events: history, active ones, or new ones as they occur.
    Alerts(alerts::Args),
    /// Show the history of readings.
    Readings(readings::Args),
    /// Report on the alarm system: rates, floods and nuisance alarms, compared with published targets.
    Report(report::Args),
    /// Test rules, or replay the stored history with other rules.
    #[command(subcommand)]
    Rules(rules::Command),
    /// Show the state of the running daemon: supervision tree, broker, queues.
    Status(status::Args),
    /// List the receivers of notifications with their state, or send a test notification.
    Receivers(receivers::Args),
    /// Reload the configuration of the running daemon, and print what changed.
    Reload(ConfigFile),
    /// Back up the database into one file: consistent and verified. Works while the daemon runs.
    Backup(backup::Args),
    /// Restore a backup. The daemon must be stopped; the existing database is renamed, not deleted.
    Restore(backup::Args),
    /// Ask for a password, and print the configuration of a dashboard user.
    Passwd(passwd::Args),
    /// Print a completion script for a shell.
    Completions { shell: clap_complete::Shell },
}

/// The option every command that reads the configuration has.
#[derive(Debug, Clone, clap::Args)]
struct ConfigFile {
    /// Configuration file.
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
}

/// Runs the command line. Returns the exit code.
#[must_use]
pub fn main() -> Exit {
    match Cli::parse().command {
        Command::Run(args) => run::run(args),
        Command::Check(file) => check::run(&file.config),
        Command::Decode(args) => with(&args.file.config, |config| decode::run(&args, &config)),
        Command::Devices(args) => with(&args.file.config, |config| devices::run(&args, &config)),
        Command::Alarms(args) => with(&args.file.config, |config| {
            let path = &config.storage.path;
            told("alarms", alarms::run(&args, path, config.times, &mut stdout()))
        }),
        Command::Ack(word) => operated(&word, "ack"),
        Command::Unshelve(word) => operated(&word, "unshelve"),
        Command::ReturnToService(word) => operated(&word, "return-to-service"),
        Command::Reset(word) => operated(&word, "reset"),
        Command::Forget(sensor) => with(&sensor.file.config, |config| sensor.forget(&config)),
        Command::OutOfService(reason) => {
            with(&reason.alarm.file.config, |config| reason.run("out-of-service", &config))
        }
        Command::Shelve(shelf) => {
            with(&shelf.reason.alarm.file.config, |config| shelf.run(&config))
        }
        Command::Alerts(args) => with(&args.file.config, |config| {
            let mut go_on = match history::until_ctrl_c() {
                Ok(go_on) => go_on,
                Err(error) => return complain("alerts", &error, Exit::Unavailable),
            };
            let path = &config.storage.path;
            told("alerts", alerts::run(&args, path, Utc::now(), &mut stdout(), &mut go_on))
        }),
        Command::Readings(args) => with(&args.file.config, |config| {
            let path = &config.storage.path;
            told("readings", readings::run(&args, path, Utc::now(), &mut stdout()))
        }),
        Command::Report(args) => with(&args.file.config, |config| {
            let path = &config.storage.path;
            match report::run(&args, path, Utc::now(), &mut stdout()) {
                Ok(()) => Exit::Ok,
                Err(error) => complain("report", &error, error.exit()),
            }
        }),
        Command::Rules(command) => rules::run(&command),
        Command::Status(args) => with(&args.file.config, |config| status::run(&args, &config)),
        Command::Receivers(args) => with(&args.file().config, |config| args.run(&config)),
        Command::Reload(file) => with(&file.config, |config| reload::run(&config)),
        Command::Backup(args) => with(&args.file.config, |config| backup::backup(&args, &config)),
        Command::Restore(args) => with(&args.file.config, |config| backup::restore(&args, &config)),
        Command::Passwd(args) => passwd::run(&args),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "vigie", &mut stdout());
            Exit::Ok
        }
    }
}

/// Runs a command with the configuration at `path`, or prints all errors of it.
fn with(path: &Path, command: impl FnOnce(Config) -> Exit) -> Exit {
    match app::load(path) {
        Ok(config) => command(config),
        Err(errors) => {
            let _ = writeln!(std::io::stderr(), "{errors}"); // nobody left to tell
            Exit::Usage
        }
    }
}

fn operated(word: &operate::Word, verb: &str) -> Exit {
    with(&word.alarm.file.config, |config| word.run(verb, &config))
}

fn told(command: &str, result: Result<(), CommandError>) -> Exit {
    match result {
        Ok(()) => Exit::Ok,
        Err(error) => complain(command, &error, error.exit()),
    }
}

fn complain(command: &str, error: &dyn std::error::Error, exit: Exit) -> Exit {
    let error = error.to_string();
    let _ = writeln!(std::io::stderr(), "vigie {command}: {}", one_line(&error)); // nobody left to tell
    exit
}
