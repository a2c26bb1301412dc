//! A minimal HTTP/1.1 client over TCP or a Unix socket, one request a connection.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

/// Timeout of one request.
const PATIENCE: Duration = Duration::from_secs(60);

/// Address of an HTTP server.
#[derive(Debug, Clone)]
pub enum Server {
    Tcp(String),
    Unix(PathBuf),
}

/// Response with a JSON body.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub json: Value,
}

/// Response with any body.
#[derive(Debug, Clone)]
pub struct Raw {
    pub status: u16,
    /// Headers, by lower-case name.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Server {
    /// Sends a request with a JSON response. Without a `Host` among `headers`, the host is `localhost`.
    ///
    /// # Errors
    /// When the connection fails or ends early.
    pub fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<Answer> {
        let Raw { status, body, .. } = self.ask_raw(method, path, headers, body)?;
        let json = serde_json::from_slice(&body)
            .map_err(|error| io::Error::other(format!("{error}: {status} {body:?}")))?;
        Ok(Answer { status, json })
    }

    /// Like [`Self::ask`], for a response of any type.
    ///
    /// # Errors
    /// When the connection fails or ends early.
    pub fn ask_raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<Raw> {
        let has_host = headers.iter().any(|(name, _)| *name == "Host");
        let host = if has_host { "" } else { "Host: localhost\r\n" };
        let headers: String =
            headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\n{host}{headers}Connection: close\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        let mut answer = Vec::new();
        match self {
            Self::Tcp(address) => {
                let mut stream = TcpStream::connect(address)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.write_all(request.as_bytes())?;
                stream.read_to_end(&mut answer)?;
            }
            Self::Unix(path) => {
                let mut stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.write_all(request.as_bytes())?;
                stream.read_to_end(&mut answer)?;
            }
        }
        understood(&answer).ok_or_else(|| io::Error::other(format!("not an answer: {answer:?}")))
    }

    /// # Errors
    /// Those of [`Self::ask`].
    pub fn get(&self, path: &str) -> io::Result<Answer> {
        self.ask("GET", path, &[], "")
    }

    /// # Errors
    /// Those of [`Self::ask`].
    pub fn post(&self, path: &str, body: &Value) -> io::Result<Answer> {
        self.ask("POST", path, &[("Content-Type", "application/json")], &body.to_string())
    }
}

fn understood(answer: &[u8]) -> Option<Raw> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let mut lines = std::str::from_utf8(&answer[..end]).ok()?.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
    Some(Raw { status, headers: headers.collect(), body: answer[end + 4..].to_vec() })
}
