//! The daemon as a process: binary, configuration file, working directory.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::api::Server;
use super::process::Process;
use super::{Access, Db, SOON, names};

/// Temporary working directory with the configuration, the database and the logs of successive runs. Declare it
/// before the daemon, so that it is dropped last.
pub struct Home {
    dir: TempDir,
    binary: PathBuf,
    runs: Cell<u32>,
    env: Vec<(String, String)>,
}

impl Home {
    pub fn new() -> Self {
        Self::of(Path::new(env!("CARGO_BIN_EXE_vigie")))
    }

    /// Uses another binary than the one under test, such as that of the previous version.
    pub fn of(binary: &Path) -> Self {
        let dir = tempfile::Builder::new().prefix("vigie-test-").tempdir().expect("a temp folder");
        Self { dir, binary: binary.to_owned(), runs: Cell::new(0), env: Vec::new() }
    }

    /// Sets an environment variable for daemons started later.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.env.push((name.to_owned(), value.to_owned()));
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("write into the temp folder");
        path
    }

    pub fn db(&self) -> Db {
        Db::at(self.path(names::DATABASE))
    }

    /// API of the daemon in this directory, by its Unix socket.
    pub fn api(&self) -> Server {
        Server::Unix(self.path(names::API_SOCKET))
    }

    /// Starts `vigie run` without waiting for it to be up.
    pub fn spawn(&self, config: &str) -> Daemon {
        let run = self.runs.get() + 1;
        self.runs.set(run);
        let config = self.write("vigie.toml", config);
        let ready = self.path(&format!("ready-{run}.json"));
        let log = self.path(&format!("log-{run}.txt"));
        let mut command = self.vigie();
        command.arg("run").arg("-c").arg(config).arg(names::READY_FILE_OPTION).arg(&ready);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        let process = Process::start(&format!("vigie run {run}"), &mut command, &log);
        Daemon { process, ready }
    }

    fn vigie(&self) -> Command {
        let mut command = Command::new(&self.binary);
        // A developer's own settings must not change the test.
        command.current_dir(self.dir.path()).env_remove("RUST_LOG").env_remove("RUST_LOG_STYLE");
        command
    }

    /// Starts `vigie run` and waits until the whole tree is up.
    pub fn start(&self, config: &str) -> Daemon {
        let mut daemon = self.spawn(config);
        daemon.wait_ready();
        daemon
    }
}

/// Runs another subcommand in `dir` and waits for its end.
pub fn run_vigie(dir: &Home, args: &[&str]) -> Output {
    run_vigie_with(dir, args, &[])
}

/// Like [`run_vigie`], with environment variables.
pub fn run_vigie_with(dir: &Home, args: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = dir.vigie();
    command.args(args).envs(env.iter().copied()).stdin(Stdio::null()).output().expect("run vigie")
}

pub struct Daemon {
    process: Process,
    ready: PathBuf,
}

impl Daemon {
    /// Waits for the ready file and returns its JSON.
    pub fn wait_ready(&mut self) -> Value {
        let ready = self.ready.clone();
        self.process.eventually("ready", SOON, |_| {
            // The file counts once it is complete JSON, even if it was not written atomically.
            serde_json::from_slice(&fs::read(&ready).ok()?).ok()
        })
    }

    /// Access to its embedded broker, without credentials.
    pub fn embedded_broker(&mut self) -> Access {
        let ready = self.wait_ready();
        let address = ready["broker"].as_str().expect("an embedded broker's address");
        Access::plain(&format!("mqtt://{address}"))
    }

    /// Its API by TCP.
    pub fn web(&mut self) -> Server {
        let ready = self.wait_ready();
        Server::Tcp(ready["web"].as_str().expect("the API's address").to_owned())
    }

    /// Exit status, if the process has ended.
    pub fn has_exited(&mut self) -> Option<i32> {
        self.process.has_exited().map(|status| status.code().expect("an exit, not a signal"))
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Log lines so far that contain `text`.
    pub fn lines_with(&self, text: &str) -> Vec<String> {
        self.log().lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
    }

    /// Waits for the first log line that contains `text`.
    pub fn wait_line(&mut self, text: &str, within: Duration) -> String {
        self.wait_lines(text, 1, within).remove(0)
    }

    /// Waits until at least `count` log lines contain `text`; returns them.
    pub fn wait_lines(&mut self, text: &str, count: usize, within: Duration) -> Vec<String> {
        let what = format!("{count} log lines with `{text}`");
        self.process.eventually(&what, within, |process| {
            let log = process.log();
            // Only whole lines.
            let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
            let found: Vec<_> =
                whole.lines().filter(|line| line.contains(text)).map(str::to_owned).collect();
            (found.len() >= count).then_some(found)
        })
    }

    /// Waits for an effect of the daemon; panics at once if the process ends first.
    pub fn wait_until(&mut self, what: &str, within: Duration, mut look: impl FnMut() -> bool) {
        self.process.eventually(what, within, |_| look().then_some(()));
    }

    pub fn is_running(&mut self) -> bool {
        self.process.has_exited().is_none()
    }

    pub fn interrupt(&self) {
        self.process.signal("INT");
    }

    pub fn terminate(&self) {
        self.process.signal("TERM");
    }

    pub fn hang_up(&self) {
        self.process.signal("HUP");
    }

    /// Pauses the process for a time (SIGSTOP, SIGCONT).
    pub fn freeze(&self, time: Duration) {
        self.process.signal("STOP");
        super::let_run(time);
        self.process.signal("CONT");
    }

    /// Stops the process for good (SIGSTOP), until it is killed.
    pub fn suspend(&self) {
        self.process.signal("STOP");
        let tasks = format!("/proc/{}/task", self.pid());
        super::eventually("all threads stopped", SOON, || {
            let mut states = fs::read_dir(&tasks).expect("its threads").filter_map(|task| {
                let status = fs::read_to_string(task.ok()?.path().join("status")).ok()?;
                status.lines().find_map(|line| line.strip_prefix("State:\t"))?.chars().next()
            });
            // A thread in an uninterruptible disk wait stops when the wait ends.
            states.all(|state| matches!(state, 'T' | 'D')).then_some(())
        });
    }

    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Waits for the exit code.
    ///
    /// # Panics
    /// When the process doesn't end in time, or is ended by a signal.
    pub fn exit_code(&mut self, within: Duration) -> i32 {
        self.process.exit(within).code().expect("an exit by itself, not by a signal")
    }

    /// Sends SIGTERM and returns the exit code.
    pub fn stop(&mut self) -> i32 {
        self.terminate();
        self.exit_code(SOON)
    }
}
