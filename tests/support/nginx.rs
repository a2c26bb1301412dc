//! nginx as a reverse proxy in front of the daemon, with the lines of the manual.
//!
//! Invariant: one process in the foreground, with its files in a temporary folder. It connects from
//! [`Nginx::ADDRESS`], so that the daemon can tell it from a client.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::{Certificate, Process, SOON, free_port};

/// Page of the manual with the lines for nginx.
const MANUAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/login.md");

/// Address of the daemon in these lines.
const DAEMON: &str = "127.0.0.1:8420";

pub struct Nginx {
    // Before its folder, so that it is dropped first.
    _process: Process,
    address: String,
    _folder: TempDir,
}

impl Nginx {
    /// Source address of its connections to the daemon.
    pub const ADDRESS: &str = "127.0.0.9";

    /// Path below which the daemon is served.
    pub const PATH: &str = "/vigie";

    /// Starts nginx in front of the daemon at `address`, as in the manual.
    pub fn before(address: &str) -> Self {
        Self::start(&manual(address), None)
    }

    /// Proxy without the lines that upgrade a connection.
    pub fn without_upgrade(address: &str) -> Self {
        let is_kept = |line: &&str| !["Upgrade", "Connection"].iter().any(|it| line.contains(it));
        let lines: Vec<_> = manual(address).lines().filter(is_kept).map(str::to_owned).collect();
        Self::start(&lines.join("\n"), None)
    }

    /// Serves TLS.
    pub fn with_tls(address: &str, certificate: &Certificate) -> Self {
        Self::start(&manual(address), Some(certificate))
    }

    fn start(location: &str, certificate: Option<&Certificate>) -> Self {
        let folder = TempDir::new().expect("a temp folder");
        let (port, path) = (free_port(), folder.path());
        let (mut tls, mut lines) = ("", String::new());
        if let Some(certificate) = certificate {
            certificate.write_pem(&path.join("server.crt"), &path.join("server.key"));
            tls = " ssl";
            "ssl_certificate server.crt; ssl_certificate_key server.key;".clone_into(&mut lines);
        }
        let server = format!("server {{ listen 127.0.0.1:{port}{tls}; {lines}\n{location} }}");
        fs::write(path.join("nginx.conf"), config(&server)).expect("write into the temp folder");
        let mut command = Command::new("nginx");
        let prefix = format!("{}/", path.display());
        command.args(["-e", "stderr", "-c", "nginx.conf", "-p", &prefix]);
        let mut process = Process::start("nginx", &mut command, &path.join("log.txt"));
        let address = format!("127.0.0.1:{port}");
        process.eventually("its port", SOON, |_| TcpStream::connect(&address).ok());
        Self { _process: process, address, _folder: folder }
    }

    /// Its address, `HOST:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }
}

/// Configuration of nginx; paths are relative to the temporary folder.
fn config(server: &str) -> String {
    format!(
        "daemon off; master_process off; pid nginx.pid; error_log stderr warn;\n\
         events {{ worker_connections 128; }}\n\
         http {{\n\
         access_log off;\n\
         client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;\n\
         uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n\
         proxy_bind {};\n\
         {server}\n\
         }}\n",
        Nginx::ADDRESS
    )
}

/// The manual's lines for nginx, with the daemon at `address`.
fn manual(address: &str) -> String {
    let text = fs::read_to_string(Path::new(MANUAL)).expect("read the manual");
    let block = text.split("```nginx\n").nth(1).and_then(|rest| rest.split("```").next());
    let block = block.expect("lines for nginx in the manual");
    assert!(block.contains(DAEMON), "{block}");
    block.replace(DAEMON, address)
}
