//! `vigie rules`: tries rules out before they go live.

#![expect(clippy::disallowed_methods, reason = "a command runs at the time it is given")]

mod replay;
mod test;

use chrono::Utc;
use clap::Subcommand;

use super::{complain, with};
use crate::exit::Exit;

/// Tests rules, or replays history by them.
#[derive(Subcommand)]
pub enum Command {
    /// Runs rule tests: readings made up for the purpose, and the alarms they must make.
    Test(test::Args),
    /// Shows what a configuration would have announced of the stored readings, beside what was.
    Replay(replay::Args),
}

#[must_use]
pub fn run(command: &Command) -> Exit {
    match command {
        Command::Test(args) => test::run(args),
        Command::Replay(args) => with(&args.file.config, |config| {
            match replay::run(args, &config, Utc::now(), &mut std::io::stdout()) {
                Ok(()) => Exit::Ok,
                Err(error) => complain("rules replay", &error, error.exit()),
            }
        }),
    }
}
