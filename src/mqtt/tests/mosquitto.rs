//! A Mosquitto of the test's own: its folder, its port, its end.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const MOSQUITTO: &str = "/usr/sbin/mosquitto";
const DEADLINE: Duration = Duration::from_secs(20);

/// False, said loudly, when there is no Mosquitto here; in CI that is a failure.
pub fn is_here() -> bool {
    if Path::new(MOSQUITTO).exists() {
        return true;
    }
    assert!(std::env::var("CI").is_err(), "no {MOSQUITTO}: install mosquitto and its clients");
    eprintln!("NOT TESTED: no {MOSQUITTO}; install mosquitto and mosquitto-clients");
    false
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The content of a password file that lets one user in.
pub fn password_file(user: &str, password: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("passwords");
    let hashed = Command::new("mosquitto_passwd")
        .args(["-c", "-b"])
        .arg(&file)
        .args([user, password])
        .status();
    assert!(hashed.unwrap().success());
    std::fs::read(file).unwrap()
}

pub struct Mosquitto {
    folder: tempfile::TempDir,
    pub port: u16,
    process: Option<Child>,
}

impl Mosquitto {
    /// Anonymous clients are let in.
    pub fn start() -> Self {
        Self::start_with("allow_anonymous true\n", &[])
    }

    /// With more configuration, in which `DIR` stands for the folder, and files to lie there.
    pub fn start_with(settings: &str, files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let dir = folder.path().display().to_string();
        let mut config = format!(
            "listener {port} 127.0.0.1\nuser root\nmax_queued_messages 0\nmax_inflight_messages 1000\n"
        );
        let _ =
            write!(config, "persistence true\npersistence_location {dir}/\nautosave_interval 1\n");
        config.push_str(&settings.replace("DIR", &dir));
        std::fs::write(folder.path().join("mosquitto.conf"), config).unwrap();
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        let mut broker = Self { folder, port, process: None };
        broker.restart();
        broker
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn restart(&mut self) {
        assert!(self.process.is_none(), "it runs");
        let log = std::fs::File::create(self.folder().join("log")).unwrap();
        let process = Command::new(MOSQUITTO)
            .arg("-v")
            .arg("-c")
            .arg(self.folder().join("mosquitto.conf"))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(process);
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(begin.elapsed() < DEADLINE, "mosquitto does not start: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it as a user would; it saves its state.
    pub fn stop(&mut self) {
        let mut process = self.process.take().unwrap();
        let id = process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        process.wait().unwrap();
    }

    /// Writes one of its files anew and makes it read them, while it runs.
    pub fn reread(&self, name: &str, content: &str) {
        std::fs::write(self.folder().join(name), content).unwrap();
        let id = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
    }

    /// Leaves it connected, and deaf and dumb. It can still be killed.
    pub fn freeze(&self) {
        let id = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-STOP", &id]).status().unwrap().success());
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            process.wait().unwrap();
        }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder().join("log")).unwrap_or_default()
    }

    /// Publishes each payload, waiting for the broker to have them.
    pub fn publish(&self, topic: &str, qos: u8, payloads: &[String]) {
        let mut process = Command::new("mosquitto_pub")
            .args(["-p", &self.port.to_string(), "-t", topic, "-q", &qos.to_string(), "-l"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = process.stdin.take().unwrap();
        for payload in payloads {
            use std::io::Write;
            writeln!(input, "{payload}").unwrap();
        }
        drop(input);
        assert!(process.wait().unwrap().success());
    }

    /// Listens as `mosquitto_sub` does.
    pub fn subscribe(&self, filter: &str) -> Subscriber {
        self.subscribe_as(filter, &[])
    }

    pub fn subscribe_as(&self, filter: &str, more: &[&str]) -> Subscriber {
        let before = self.log().matches("SUBACK").count();
        let mut process = Command::new("mosquitto_sub")
            .args(["-p", &self.port.to_string(), "-t", filter, "-q", "2", "-F", "%q %r %t %p"])
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let begin = Instant::now();
        while self.log().matches("SUBACK").count() <= before {
            assert!(begin.elapsed() < DEADLINE, "no subscription: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        Subscriber { process, lines }
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A running `mosquitto_sub`: lines of QoS, retain flag, topic and payload.
pub struct Subscriber {
    process: Child,
    lines: mpsc::Receiver<String>,
}

impl Subscriber {
    /// The next line, without blocking the arbiter.
    pub async fn next(&mut self) -> String {
        let begin = Instant::now();
        loop {
            match self.lines.try_recv() {
                Ok(line) => return line,
                Err(_) if begin.elapsed() > DEADLINE => panic!("nothing came"),
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    /// What has come and was not read.
    pub fn rest(&mut self) -> Vec<String> {
        self.lines.try_iter().collect()
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
