//! What the running daemon says of itself, and how a command asks it.
//!
//! The daemon listens on a Unix socket beside its database, readable by its own user alone. Whoever
//! connects is given one JSON document, and the connection is closed; nothing is ever read from it.

mod actor;

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use actor::{Reporter, ReporterSettings};

/// How long the daemon may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The socket that belongs to a database.
#[must_use]
pub fn socket_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".status");
    name.into()
}

/// Asks the daemon that owns `database`.
///
/// # Errors
/// When none answers, saying where it was looked for.
pub fn ask(database: &Path) -> Result<serde_json::Value, String> {
    let path = socket_path(database);
    let answer = || -> std::io::Result<String> {
        let mut socket = UnixStream::connect(&path)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let text = answer().map_err(|error| {
        format!("no daemon answers at {}: {error}; is it running with this config?", path.display())
    })?;
    serde_json::from_str(&text).map_err(|error| format!("the daemon's answer is no JSON: {error}"))
}
