//! Client of the CLI commands: one HTTP/1.1 request over the daemon's Unix socket.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::report::StatusReport;
use super::{CLI_AGENT, socket_path};
use crate::ingest::inventory::DevicesReport;

/// Timeout of requests that the daemon answers at once.
const STATUS_PATIENCE: Duration = Duration::from_secs(5);

/// Timeout of requests that wait in the daemon: slightly longer than there.
const OPERATE_PATIENCE: Duration = Duration::from_secs(40);
const RELOAD_PATIENCE: Duration = Duration::from_secs(130);

/// Limit of an answer, in bytes: all mistakes in the configuration of a large fleet.
const LONGEST_ANSWER: u64 = 16 * 1024 * 1024;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nothing answers at the socket.
    #[error("no daemon answers at {path}: {error}; is it running with this config?")]
    NoDaemon {
        /// Path of the socket.
        path: String,
        /// Error of the connection.
        error: io::Error,
    },
    /// Error of the daemon.
    #[error("{why}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Cause, as the daemon gives it.
        why: String,
    },
    /// The answer can't be read; says what is wrong with it.
    #[error("the daemon's answer can't be understood: {0}")]
    Strange(String),
}

/// State of the daemon that owns `database`.
///
/// # Errors
/// If no daemon answers, or one of another version with another response format.
pub fn status(database: &Path) -> Result<(StatusReport, Value), AskError> {
    let answer = ask(database, "GET /api/v1/status", "", STATUS_PATIENCE)?;
    let report = StatusReport::deserialize(&answer)
        .map_err(|error| AskError::Strange(format!("{error}; is the daemon of this version?")))?;
    Ok((report, answer))
}

/// Devices known to the daemon that owns `database`.
///
/// # Errors
/// If no daemon answers, or one of another version with another response format.
pub fn devices(database: &Path) -> Result<(DevicesReport, Value), AskError> {
    let answer = ask(database, "GET /api/v1/devices", "", STATUS_PATIENCE)?;
    let report = DevicesReport::deserialize(&answer)
        .map_err(|error| AskError::Strange(format!("{error}; is the daemon of this version?")))?;
    Ok((report, answer))
}

/// Reloads the daemon's configuration; returns `{"changes":…}`.
///
/// # Errors
/// If no daemon answers, or it refuses.
pub fn reload(database: &Path) -> Result<Value, AskError> {
    ask(database, "POST /api/v1/reload", "", RELOAD_PATIENCE)
}

/// Posts an operator's action.
///
/// # Errors
/// If no daemon answers, or it refuses.
pub fn operate(database: &Path, path: &str, body: &Value) -> Result<Value, AskError> {
    ask(database, &format!("POST {path}"), &body.to_string(), OPERATE_PATIENCE)
}

fn ask(database: &Path, what: &str, body: &str, patience: Duration) -> Result<Value, AskError> {
    let socket = socket_path(database);
    let answer = exchange(&socket, what, body, patience)
        .map_err(|error| AskError::NoDaemon { path: socket.display().to_string(), error })?;
    let (status, json) = understood(&answer).map_err(AskError::Strange)?;
    match (status, json["detail"].as_str()) {
        (200, _) => Ok(json),
        (status, Some(why)) => Err(AskError::Refused { status, why: why.to_owned() }),
        (status, None) => Err(AskError::Strange(format!("status {status}"))),
    }
}

fn exchange(socket: &Path, what: &str, body: &str, patience: Duration) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    let length = body.len();
    write!(
        stream,
        "{what} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: {CLI_AGENT}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.take(LONGEST_ANSWER).read_to_string(&mut answer)?;
    Ok(answer)
}

/// Status and body of a response with a single body.
fn understood(answer: &str) -> Result<(u16, Value), String> {
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("it ends in its head")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| format!("it begins with {head:.40?}"))?;
    let json = serde_json::from_str(body).map_err(|error| format!("no JSON: {error}"))?;
    Ok((status, json))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_status_and_json() {
        let answer = "HTTP/1.1 409 Conflict\r\ncontent-length: 16\r\n\r\n{\"detail\":\"no\"}";
        let (status, json) = understood(answer).unwrap();
        assert_eq!((status, json["detail"].as_str()), (409, Some("no")));
        for strange in ["", "HTTP/1.1 200 OK\r\n", "x\r\n\r\n{}", "HTTP/1.1 200 OK\r\n\r\n<"] {
            assert!(understood(strange).is_err(), "{strange}");
        }
    }

    #[test]
    fn without_a_daemon_it_says_where_it_looked() {
        let folder = tempfile::tempdir().unwrap();
        let error = status(&folder.path().join("x.db")).unwrap_err().to_string();
        assert!(error.contains("x.db.api"), "{error}");
    }
}
