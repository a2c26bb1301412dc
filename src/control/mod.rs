//! What the running daemon is asked to do, and how a command asks it.
//!
//! The daemon listens on a Unix socket beside its database, open to its own user alone. Whoever connects
//! writes one line, `reload`, and is given one line of JSON, a [`ReloadAnswer`], when it is done.

mod actor;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use crate::messages::ReloadAnswer;
pub use actor::{Control, ControlSettings};

/// The one thing it can be asked.
const RELOAD: &str = "reload";

/// How long a reload may take: a hundred thousand sensors start in some seconds.
const RELOAD_AT_MOST: Duration = Duration::from_secs(120);

/// The answer is on its way when the daemon gives up waiting.
const PATIENCE: Duration = Duration::from_secs(130);

fn socket_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".control");
    name.into()
}

/// Asks the daemon that owns `database` to read its configuration again.
///
/// # Errors
/// When none answers, saying where it was looked for.
pub fn ask_to_reload(database: &Path) -> Result<ReloadAnswer, String> {
    let path = socket_path(database);
    let answer = || -> std::io::Result<String> {
        let mut socket = UnixStream::connect(&path)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.write_all(format!("{RELOAD}\n").as_bytes())?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let text = answer().map_err(|error| {
        format!("no daemon answers at {}: {error}; is it running with this config?", path.display())
    })?;
    serde_json::from_str(&text)
        .map_err(|error| format!("the daemon's answer can't be read: {error}; see its log"))
}
