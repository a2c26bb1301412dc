//! `vigie reload`: asks the running daemon to read its configuration again.

use std::io::Write;

use crate::config::Config;
use crate::control::{self, ReloadAnswer};
use crate::exit::Exit;

/// Prints what changed (exit code 0), or every mistake in the daemon's file (2).
pub(super) fn run(config: &Config) -> Exit {
    let (text, exit) = match control::ask_to_reload(&config.storage.path) {
        Ok(ReloadAnswer::Done(what)) => {
            let _ = writeln!(std::io::stdout(), "{what}"); // a reader that left wants no more
            return Exit::Ok;
        }
        Ok(ReloadAnswer::Refused(mistakes)) => (mistakes, Exit::Usage),
        Ok(ReloadAnswer::Failed(why)) => (format!("vigie reload: {why}"), Exit::Failed),
        Err(error) => (format!("vigie reload: {error}"), Exit::Unavailable),
    };
    let _ = writeln!(std::io::stderr(), "{text}"); // nobody left to tell
    exit
}
