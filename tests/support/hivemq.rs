//! HiveMQ CE on a port of its own, in a Java process.
//!
//! Maven downloads it for the first test that needs it; `hivemq/HiveMq.java` starts it. Both are kept in cargo's folder
//! for tests.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::process::Process;
use super::{Access, Certificate, SOON, free_port};

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/hivemq");
const KEY_STORE_PASSWORD: &str = "key-store";

/// Start timeout on a busy machine; an idle one takes three seconds.
const START: Duration = Duration::from_secs(60);

/// Queue limit above what a test leaves queued. The default of 1,000 drops the rest.
const QUEUES: usize = 60_000;

pub struct HiveMq {
    // Before its folder, so that it is dropped first.
    process: Option<Process>,
    home: TempDir,
    port: u16,
    user: Option<(String, String)>,
    ca_file: Option<PathBuf>,
    queues: usize,
    starts: u32,
}

impl HiveMq {
    /// Programs that a test with HiveMQ requires.
    pub const TOOLS: [&str; 3] = ["mvn", "java", "javac"];

    /// A broker to be configured and started, without credentials and TLS. Its state persists over restarts.
    pub fn new() -> Self {
        let home = tempfile::Builder::new().prefix("hivemq-").tempdir().expect("a temp folder");
        fs::create_dir(home.path().join("conf")).expect("create a folder");
        let port = free_port();
        Self { home, port, user: None, ca_file: None, queues: QUEUES, starts: 0, process: None }
    }

    /// Sets the queue limit, in messages.
    #[must_use]
    pub fn with_queues(mut self, messages: usize) -> Self {
        self.queues = messages;
        self
    }

    /// Admits this user only.
    #[must_use]
    pub fn with_user(mut self, name: &str, password: &str) -> Self {
        fs::write(self.path("users"), format!("{name}:{password}\n")).expect("write users");
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

    /// Sets the certificate; effective at the next start.
    pub fn set_certificate(&self, certificate: &Certificate) {
        certificate.write_key_store(&self.path("keys.p12"), KEY_STORE_PASSWORD);
    }

    pub fn port(&self) -> u16 {
        self.port
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
        let built = build();
        fs::write(self.path("conf/config.xml"), self.config()).expect("write the config");
        let log = self.path(&format!("log-{}.txt", self.starts));
        let class_path = format!("{0}/classes:{0}/lib/*", built.display());
        let mut command = Command::new("java");
        command.args(["-Xmx256m", "-cp", &class_path, "HiveMq"]).arg(self.home.path());
        let mut process = Process::start(&format!("hivemq {}", self.starts), &mut command, &log);
        process.eventually("READY", START, |process| process.log().contains("READY").then_some(()));
        self.process = Some(process);
    }

    /// Sends SIGKILL.
    pub fn kill(&mut self) {
        self.process.take().expect("a running broker").kill();
    }

    /// Stops it gracefully.
    pub fn stop(&mut self) {
        let mut process = self.process.take().expect("a running broker");
        drop(process.take_stdin());
        assert!(process.exit(SOON).success(), "hivemq stopped in good order");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn config(&self) -> String {
        let place = format!("<port>{}</port><bind-address>127.0.0.1</bind-address>", self.port);
        let listener = if self.ca_file.is_some() {
            format!(
                "<tls-tcp-listener>{place}<tls><keystore><path>{}</path>\
                 <password>{KEY_STORE_PASSWORD}</password>\
                 <private-key-password>{KEY_STORE_PASSWORD}</private-key-password>\
                 </keystore></tls></tls-tcp-listener>",
                self.path("keys.p12").display()
            )
        } else {
            format!("<tcp-listener>{place}</tcp-listener>")
        };
        format!(
            "<hivemq><listeners>{listener}</listeners>\
             <mqtt><queued-messages><max-queue-size>{}</max-queue-size></queued-messages></mqtt>\
             <anonymous-usage-statistics><enabled>false</enabled></anonymous-usage-statistics>\
             </hivemq>",
            self.queues
        )
    }
}

/// Downloads HiveMQ and compiles its starter, once for all tests; returns their folder.
fn build() -> PathBuf {
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hivemq");
    fs::create_dir_all(&built).expect("create a folder");
    // A file lock until the end of this function, against other tests and other test processes.
    let lock = File::create(built.join("lock")).expect("create a lock");
    lock.lock().expect("lock");
    let source = |name: &str| fs::read_to_string(Path::new(SOURCE).join(name)).expect(name);
    let wanted = source("pom.xml") + &source("HiveMq.java");
    let stamp = built.join("built-from");
    if fs::read_to_string(&stamp).is_ok_and(|from| from == wanted) {
        return built;
    }
    let _ = fs::remove_dir_all(built.join("lib")); // may not be there
    let mut bring = Command::new("mvn");
    bring.args(["-q", "-B", "-f"]).arg(Path::new(SOURCE).join("pom.xml"));
    bring.arg("dependency:copy-dependencies");
    bring.arg(format!("-DoutputDirectory={}", built.join("lib").display()));
    run(&mut bring);
    let mut compile = Command::new("javac");
    compile.args(["-proc:none", "-cp", &format!("{}/lib/*", built.display()), "-d"]);
    compile.arg(built.join("classes")).arg(Path::new(SOURCE).join("HiveMq.java"));
    run(&mut compile);
    fs::write(stamp, wanted).expect("write the stamp");
    built
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let words = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}:\n{words}");
}
