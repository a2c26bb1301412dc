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

/// A lookout for sensor fleets: readings over MQTT, alarms, and history, in one daemon.
#[derive(Parser)]
#[command(name = "vigie", version = VERSION, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the daemon until it is asked to stop (Ctrl-C, SIGTERM).
    Run(run::Args),
    /// Validates a configuration: every error at once, with its line and a hint.
    Check(ConfigFile),
    /// Decodes messages of devices, given or live: which rule takes each, and what comes of it.
    Decode(decode::Args),
    /// Shows what has been heard: devices, topics that nobody takes, and the lines of configuration for them.
    Devices(devices::Args),
    /// Shows the alarms that stand, wait for a word, or are shelved, suppressed or out of service.
    Alarms(alarms::Args),
    /// Acknowledges an alarm: somebody has seen it.
    Ack(operate::Word),
    /// Shelves an alarm: it is not announced for a time.
    Shelve(operate::Shelf),
    /// Ends a shelf.
    Unshelve(operate::Word),
    /// Takes an alarm out of service: it is not announced until it is returned to service.
    OutOfService(operate::Reason),
    /// Returns an alarm to service.
    ReturnToService(operate::Word),
    /// Resets a latched alarm.
    Reset(operate::Word),
    /// Forgets a sensor that is gone: closes its alarms, and counts its silence no more. Its history stays.
    Forget(operate::Sensor),
    /// Inspects alerts: their history, what stands now, or new ones as they come.
    Alerts(alerts::Args),
    /// Reads the history of readings.
    Readings(readings::Args),
    /// Measures the alarm system itself: rates, floods, nuisance alarms, against published targets.
    Report(report::Args),
    /// Tries rules out: tests of them, and replays of the stored history.
    #[command(subcommand)]
    Rules(rules::Command),
    /// Asks the running daemon how it is: supervision tree, broker, queues.
    Status(status::Args),
    /// Lists the receivers of notifications with their state, or sends one of them a test notification.
    Receivers(receivers::Args),
    /// Asks the running daemon to read its configuration again, and says what changed.
    Reload(ConfigFile),
    /// Copies the database into a file, also while the daemon runs: consistent, whole in one file, and checked.
    Backup(backup::Args),
    /// Puts a backup in the place of the database of a daemon that is stopped, and sets aside what was there.
    Restore(backup::Args),
    /// Asks for a password and prints a user's lines for the configuration: who may log in at the page.
    Passwd(passwd::Args),
    /// Prints a completion script for a shell.
    Completions { shell: clap_complete::Shell },
}

/// The option every command that reads the configuration has.
#[derive(Debug, Clone, clap::Args)]
struct ConfigFile {
    /// The configuration file.
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
