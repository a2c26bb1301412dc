//! `vigie reload`: asks the running daemon to read its configuration again.

use std::io::Write;

use crate::config::Config;
use crate::exit::Exit;
use crate::web::{self, AskError};

/// Prints what changed (exit code 0), or every mistake in the daemon's file (2).
pub(super) fn run(config: &Config) -> Exit {
    let (text, exit) = match web::reload(&config.storage.path) {
        Ok(done) => {
            let changes = done["changes"].as_str().unwrap_or_default();
            let _ = writeln!(std::io::stdout(), "{changes}"); // a reader that left wants no more
            return Exit::Ok;
        }
        Err(AskError::Refused { status: 422, why }) => (why, Exit::Usage),
        Err(error @ AskError::Refused { status: 500, .. }) => {
            (format!("vigie reload: {error}"), Exit::Failed)
        }
        Err(error) => (format!("vigie reload: {error}"), Exit::Unavailable),
    };
    let _ = writeln!(std::io::stderr(), "{text}"); // nobody left to tell
    exit
}
