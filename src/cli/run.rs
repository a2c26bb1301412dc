//! `vigie run`: the daemon.

use std::path::PathBuf;

use super::ConfigFile;
use crate::app::{self, Options};
use crate::config::Config;
use crate::exit::Exit;
use crate::logging;
use crate::supervisor::install_panic_hook;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    pub file: ConfigFile,
    /// Once everything is up, write a JSON line with the process id and the embedded broker's
    /// address to this file.
    #[arg(long, value_name = "PATH")]
    ready_file: Option<PathBuf>,
}

pub(super) fn run(args: Args, config: Config) -> Exit {
    logging::init(&config.log);
    install_panic_hook();
    let options = Options {
        config: args.file.config,
        ready_file: args.ready_file,
        version: env!("CARGO_PKG_VERSION"),
    };
    app::run(config, options)
}
