//! `vigie run`: the daemon.

use std::path::PathBuf;

use super::ConfigFile;
use crate::exit::Exit;

#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    file: ConfigFile,
    /// Once everything is up, write a JSON line with the process id and the embedded broker's
    /// address to this file.
    #[arg(long, value_name = "PATH")]
    ready_file: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Exit {
    let _ = (&args.file.config, &args.ready_file);
    Exit::Usage
}
