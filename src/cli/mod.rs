//! The command line: one file a command.

mod run;
mod status;

use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};

use crate::exit::Exit;

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
    /// Prints a completion script for a shell.
    Completions { shell: clap_complete::Shell },
}

/// The option every command that reads the configuration has.
#[derive(clap::Args)]
struct ConfigFile {
    /// The configuration file.
    #[arg(short, long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
}

/// Runs the command line and says how it ended.
#[must_use]
pub fn main() -> Exit {
    match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "vigie", &mut std::io::stdout());
            Exit::Ok
        }
    }
}
