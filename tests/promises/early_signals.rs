//! A start that has to wait reports it and waits; signals are handled from the first moment on.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use r2d2_sqlite::rusqlite::Connection;

use crate::support::{Daemon, Home, Process, SOON, eventually, let_run, names};

const CONFIG: &str = "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:0\"\n";

const RELOADED: &str = "Configuration read again";
const WAITING: &str = "waiting for the database";

/// Longer than one attempt to open the database.
const SOME_TRIES: Duration = Duration::from_secs(3);

/// A home whose database is locked by another program, and a daemon that waits for it.
fn waiting() -> (Home, Connection, Daemon) {
    let home = Home::new();
    assert_eq!(home.start(CONFIG).stop(), 0);
    let other = Connection::open(home.db().path()).expect("opened");
    other.execute_batch("BEGIN IMMEDIATE; UPDATE counters SET value = value;").expect("a lock");
    let mut daemon = home.spawn(CONFIG);
    let line = daemon.wait_line(WAITING, SOON);
    assert!(line.contains("WARN") && line.contains("database is locked"), "{line}");
    (home, other, daemon)
}

#[test]
fn a_start_waits_for_a_locked_database_and_then_runs_a_pending_reload() {
    let (_home, other, mut daemon) = waiting();
    daemon.hang_up();
    let_run(SOME_TRIES);
    assert!(daemon.is_running());
    assert_eq!(daemon.lines_with(WAITING).len(), 1, "said once: {}", daemon.log());
    other.execute_batch("COMMIT").expect("free");
    daemon.wait_ready();
    daemon.wait_line("the database is free after", SOON);
    daemon.wait_line(RELOADED, SOON);
    assert_eq!(daemon.stop(), 0);
}

#[test]
fn a_start_that_waits_can_be_stopped_cleanly() {
    for interrupted in [false, true] {
        let (_home, _other, mut daemon) = waiting();
        if interrupted {
            daemon.interrupt();
        } else {
            daemon.terminate();
        }
        assert_eq!(daemon.exit_code(SOON), 0, "{}", daemon.log());
    }
}

/// A daemon that is reading its configuration and has started nothing else.
struct Reading {
    home: Home,
    pipe: File,
    process: Process,
}

impl Reading {
    fn new() -> Self {
        let home = Home::new();
        let (path, hold) = (home.path("vigie.toml"), home.path("hold"));
        assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
        let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
        command.current_dir(home.path(".")).env_remove("RUST_LOG").args([
            "run",
            "-c",
            "vigie.toml",
        ]);
        let process = Process::start("vigie run", &mut command, &home.path("log.txt"));
        // Opening the pipe blocks until the daemon has opened it.
        let pipe = File::options().write(true).open(&path).expect("a pipe");
        fs::rename(&path, hold).expect("renamed");
        home.write("vigie.toml", CONFIG);
        Self { home, pipe, process }
    }

    /// Completes the configuration, so that the start goes on.
    fn go_on(mut self) -> (Home, Process) {
        self.pipe.write_all(CONFIG.as_bytes()).expect("written");
        (self.home, self.process)
    }
}

fn wait_line(process: &mut Process, text: &str) {
    process.eventually(text, SOON, |it| it.log().contains(text).then_some(()));
}

#[test]
fn sighup_before_the_configuration_is_read_is_a_reload_once_up() {
    let reading = Reading::new();
    reading.process.signal("HUP");
    let (home, mut process) = reading.go_on();
    wait_line(&mut process, "all up");
    wait_line(&mut process, RELOADED);
    process.signal("TERM");
    assert_eq!(process.exit(SOON).code(), Some(0));
    let database: PathBuf = home.path(names::DATABASE);
    assert!(database.is_file());
}

#[test]
fn sigterm_before_the_configuration_is_read_is_a_clean_stop() {
    let reading = Reading::new();
    reading.process.signal("TERM");
    let (_home, mut process) = reading.go_on();
    let status = eventually("its end", SOON, || process.has_exited());
    assert_eq!(status.code(), Some(0), "{}", process.log());
}
