//! A process started by a test: its output goes to a file, and it is killed by its pid on drop.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use super::eventually;

/// Bytes of a log shown when a test fails.
const SHOWN: usize = 16_000;

/// Resident memory of a process in KiB; `None` after its end.
pub fn resident_kib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`, with its output in `log`.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Self {
        let out = File::create(log).expect("create a log");
        let err = out.try_clone().expect("share a log");
        let child = command.stdin(Stdio::piped()).stdout(out).stderr(err).spawn();
        let child = child.unwrap_or_else(|error| panic!("start {name}: {error}"));
        Self { name: name.to_owned(), child, log: log.to_owned() }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Output so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).expect("read a log")).into_owned()
    }

    pub fn has_exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("wait for a child")
    }

    /// Waits for the process to end, for whatever reason.
    ///
    /// # Panics
    /// When it doesn't end in time.
    pub fn exit(&mut self, within: Duration) -> ExitStatus {
        let what = format!("end of {} (pid {})", self.name, self.pid());
        eventually(&what, within, || self.has_exited())
    }

    /// Sends a signal, such as `TERM`, `INT` or `USR1`.
    pub fn signal(&self, signal: &str) {
        let pid = self.pid().to_string();
        let status = Command::new("kill").args(["-s", signal, &pid]).status().expect("run kill");
        assert!(status.success(), "kill -s {signal} {} ({pid})", self.name);
    }

    /// Sends SIGKILL and waits for the end.
    pub fn kill(&mut self) {
        self.child.kill().expect("kill a child");
        self.child.wait().expect("wait for a child");
    }

    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Polls `look` until it returns a value, as long as the process lives.
    ///
    /// # Panics
    /// When the process ends first, or after the timeout.
    pub fn eventually<T>(
        &mut self,
        what: &str,
        within: Duration,
        mut look: impl FnMut(&Self) -> Option<T>,
    ) -> T {
        eventually(&format!("{}: {what}", self.name), within, || {
            // In this order, so that an effect just before its end counts.
            let exited = self.has_exited();
            let seen = look(self);
            assert!(
                seen.is_some() || exited.is_none(),
                "{} ended ({exited:?}) before: {what}",
                self.name
            );
            seen
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // The process may end by itself in between.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if thread::panicking() {
            // The folder may be gone already, and a second panic would hide the first.
            let log = fs::read(&self.log).unwrap_or_default();
            let log = String::from_utf8_lossy(&log);
            let mut from = log.len().saturating_sub(SHOWN);
            while !log.is_char_boundary(from) {
                from += 1;
            }
            eprintln!("--- {} wrote:\n{}\n---", self.name, &log[from..]);
        }
    }
}
