//! `vigie run`: the daemon.

use std::path::PathBuf;

use super::{ConfigFile, private};
use crate::app::{self, Options, Signals};
use crate::config::Config;
use crate::exit::Exit;
use crate::logging;
use crate::supervisor::install_panic_hook;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    pub file: ConfigFile,
    /// Write a JSON line with the process id and the embedded broker's address to this file once everything is up.
    #[arg(long, value_name = "PATH")]
    ready_file: Option<PathBuf>,
}

/// Signals are remembered from here on, whatever the configuration turns out to be.
pub(super) fn run(args: Args) -> Exit {
    match Signals::listen() {
        Ok(signals) => {
            super::with(&args.file.config.clone(), |config| start(args, config, signals))
        }
        Err(error) => {
            let error = format!("can't listen for signals: {error}");
            super::complain("run", &std::io::Error::other(error), Exit::Unavailable)
        }
    }
}

fn start(args: Args, config: Config, signals: Signals) -> Exit {
    private::make_files_private();
    logging::init(&config.log);
    install_panic_hook();
    let options = Options {
        config: args.file.config,
        ready_file: args.ready_file,
        version: env!("CARGO_PKG_VERSION"),
    };
    app::run(config, options, signals)
}
