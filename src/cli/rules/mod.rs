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
    /// Run rule tests: invented readings, and the alarms expected of them.
    Test(test::Args),
    /// Compare what a configuration would have announced for the stored readings with what was announced.
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
