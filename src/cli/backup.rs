//! `vigie backup` and `vigie restore`: a copy of the database while it runs, and the way back.

use std::io::Write;
use std::path::{Path, PathBuf};

use chrono::Utc;

use super::{ConfigFile, complain, private};
use crate::app;
use crate::config::Config;
use crate::exit::Exit;
use crate::store::{self, CopyError, Finished, Restored};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Backup file.
    #[arg(value_name = "FILE")]
    backup: PathBuf,
    #[command(flatten)]
    pub(super) file: ConfigFile,
}

pub(super) fn backup(args: &Args, config: &Config) -> Exit {
    private::make_files_private();
    match store::backup(&config.storage.path, &args.backup) {
        Ok(holdings) => say(&format!("{}: {holdings}; checked\n", args.backup.display())),
        Err(error) => refuse("backup", &error),
    }
}

pub(super) fn restore(args: &Args, config: &Config) -> Exit {
    private::make_files_private();
    match app::restore(config, &args.backup, Utc::now()) {
        Ok(restored) => say(&told(&config.storage.path, &restored)),
        Err(error) => refuse("restore", &error),
    }
}

fn told(database: &Path, restored: &Restored) -> String {
    let Restored { earlier, holdings, aside } = restored;
    let earlier = match earlier {
        Some(Finished::Completed { .. }) => "a restore that was interrupted was completed first\n",
        Some(Finished::Undone) => "a restore that was interrupted was undone first\n",
        None => "",
    };
    let aside = aside.as_ref().map_or_else(String::new, |aside| {
        format!("what was there before: {} (and what begins with it)\n", aside.display())
    });
    format!("{earlier}{}: {holdings}\n{aside}", database.display())
}

fn say(text: &str) -> Exit {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => Exit::Ok,
        Err(_) => Exit::Failed,
    }
}

fn refuse(command: &str, error: &CopyError) -> Exit {
    let exit = match error {
        CopyError::Refused(_) => Exit::Usage,
        CopyError::Unavailable(_) => Exit::Unavailable,
    };
    complain(command, error, exit)
}
