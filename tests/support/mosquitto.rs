//! Mosquitto on a port of its own.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::SystemTime;

use tempfile::TempDir;

use super::process::Process;
use super::{Access, Certificate, SOON, eventually, free_port};

/// Queue limit above what any test leaves queued: the default of 1,000 drops the rest, and past 65,535 Mosquitto 2.0
/// stalls when it drains a queue.
const MAX_QUEUED_MESSAGES: u32 = 65_000;

pub struct Mosquitto {
    // Before its folder, so that it is dropped first.
    process: Option<Process>,
    dir: TempDir,
    port: u16,
    user: Option<(String, String)>,
    ca_file: Option<PathBuf>,
    persistent: bool,
    max_queued_messages: u32,
    more: String,
    starts: u32,
}

impl Mosquitto {
    /// Programs that a test with Mosquitto requires.
    pub const TOOLS: [&str; 2] = ["mosquitto", "mosquitto_passwd"];

    /// A broker to be configured and started: no credentials, no TLS, no persistence.
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("mosquitto-").tempdir().expect("a temp folder");
        let port = free_port();
        Self {
            process: None,
            dir,
            port,
            user: None,
            ca_file: None,
            persistent: false,
            max_queued_messages: MAX_QUEUED_MESSAGES,
            more: String::new(),
            starts: 0,
        }
    }

    /// A running broker without credentials and TLS.
    pub fn running() -> Self {
        let mut broker = Self::new();
        broker.start();
        broker
    }

    /// Admits this user only.
    #[must_use]
    pub fn with_user(mut self, name: &str, password: &str) -> Self {
        let file = self.path("passwords");
        fs::write(&file, "").expect("create the password file");
        let mut passwd = Command::new("mosquitto_passwd");
        let status = passwd.arg("-b").arg(&file).args([name, password]).status();
        assert!(status.expect("run mosquitto_passwd").success(), "mosquitto_passwd");
        self.user = Some((name.to_owned(), password.to_owned()));
        self
    }

    /// Speaks TLS only; `ca_file` is what its clients trust.
    #[must_use]
    pub fn with_tls(mut self, certificate: &Certificate, ca_file: PathBuf) -> Self {
        self.set_certificate(certificate);
        self.ca_file = Some(ca_file);
        self
    }

    /// Persists sessions, queues and retained messages over restarts; see [`Self::save`].
    #[must_use]
    pub fn with_persistence(mut self) -> Self {
        self.persistent = true;
        self
    }

    /// Lifts the queue limit.
    #[must_use]
    pub fn with_endless_queues(mut self) -> Self {
        self.max_queued_messages = 0;
        self
    }

    /// Adds a line to its configuration.
    #[must_use]
    pub fn with_line(mut self, line: &str) -> Self {
        self.more += line;
        self.more += "\n";
        self
    }

    /// Sets the certificate; effective at the next start.
    pub fn set_certificate(&self, certificate: &Certificate) {
        certificate.write_pem(&self.path("cert.pem"), &self.path("key.pem"));
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("a running broker").pid()
    }

    /// Access by 127.0.0.1.
    pub fn access(&self) -> Access {
        let scheme = if self.ca_file.is_some() { "mqtts" } else { "mqtt" };
        Access {
            url: format!("{scheme}://127.0.0.1:{}", self.port),
            user: self.user.clone(),
            ca_file: self.ca_file.clone(),
        }
    }

    /// Starts it, always on the same port; returns when it accepts connections.
    pub fn start(&mut self) {
        assert!(self.process.is_none(), "already running");
        self.starts += 1;
        let config = self.path("mosquitto.conf");
        fs::write(&config, self.config()).expect("write the config");
        let log = self.path(&format!("log-{}.txt", self.starts));
        let mut command = Command::new("mosquitto");
        command.arg("-c").arg(config);
        let mut process = Process::start(&format!("mosquitto {}", self.starts), &mut command, &log);
        process.eventually("listen", SOON, |_| TcpStream::connect(("127.0.0.1", self.port)).ok());
        self.process = Some(process);
    }

    /// Sends SIGKILL.
    pub fn kill(&mut self) {
        self.process.take().expect("a running broker").kill();
    }

    /// Stops it gracefully.
    pub fn stop(&mut self) {
        let mut process = self.process.take().expect("a running broker");
        process.signal("TERM");
        assert!(process.exit(SOON).success(), "mosquitto stopped in good order");
    }

    /// Makes it persist its state now, so that a SIGKILL right after loses nothing.
    pub fn save(&self) {
        let file = self.path("mosquitto.db");
        let written = || fs::metadata(&file).and_then(|file| file.modified()).ok();
        let before: Option<SystemTime> = written();
        self.process.as_ref().expect("a running broker").signal("USR1");
        eventually("mosquitto.db", SOON, || (written() > before).then_some(()));
    }

    /// Sends a signal, such as `STOP` or `CONT`.
    pub fn signal(&self, signal: &str) {
        self.process.as_ref().expect("a running broker").signal(signal);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn config(&self) -> String {
        let mut config = format!(
            "listener {} 127.0.0.1\nmax_queued_messages {}\n{}",
            self.port, self.max_queued_messages, self.more
        );
        let dir = self.dir.path();
        if fs::metadata(dir).expect("the temp folder").uid() == 0 {
            // Otherwise it switches to a user that can't write here.
            config += "user root\n";
        }
        config += &match self.user {
            Some(_) => format!("password_file {}\n", self.path("passwords").display()),
            None => "allow_anonymous true\n".to_owned(),
        };
        if self.ca_file.is_some() {
            let (cert, key) = (self.path("cert.pem"), self.path("key.pem"));
            config += &format!("certfile {}\nkeyfile {}\n", cert.display(), key.display());
        }
        if self.persistent {
            config += &format!("persistence true\npersistence_location {}/\n", dir.display());
        }
        config
    }
}
