//! One call on the daemon's files fails, in turn: the first, the second, the third, until a run ends without reaching it.
//!
//! `failing_io.c` is compiled and preloaded. Each trial starts the daemon with one fault (an open, a write, a sync that
//! fails once, or from then on; a write that takes half; a kill in place of a call), publishes meanwhile, and starts it again without a fault.
//! Always: all that was acknowledged is stored, once; a daemon that did not go on said which file, with exit code 69 or
//! 70. `make test` tries some calls, `make chaos` all up to [`EACH_UP_TO`], and some beyond.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::counting::{count, settle_for};
use super::scale::{Moments, is_full};
use super::support::numbered::{Plan, Publishers};
use super::support::{Daemon, Home, SOON, eventually, free_port, let_run, names, require};

const TOTAL: usize = 120;
const RATE: u32 = 200;

/// How long a daemon may try with a fault.
const WITH_FAULT: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const QUIET: Duration = Duration::from_secs(8);

/// Beyond it, calls are those of batches, which are alike.
const EACH_UP_TO: usize = 120;
const BEYOND: usize = 20;
const SOME: usize = 3;

/// Exit codes of a daemon that says that it can't go on.
const GIVES_UP: [i32; 2] = [69, 70];

/// No call is the one.
const NONE: usize = 0;

const ENOSPC: i32 = 28;
const EIO: i32 = 5;
const EMFILE: i32 = 24;

#[derive(Debug, Clone, Copy)]
struct Fault {
    call: &'static str,
    errno: i32,
    goes_on: bool,
    /// The process is killed instead.
    kills: bool,
}

#[test]
fn a_failing_open_loses_no_acknowledged_reading() {
    each(&[
        Fault { call: "open", errno: EMFILE, goes_on: false, kills: false },
        Fault { call: "open", errno: EMFILE, goes_on: true, kills: false },
    ]);
}

#[test]
fn a_write_to_a_full_disk_loses_no_acknowledged_reading() {
    each(&[
        Fault { call: "write", errno: ENOSPC, goes_on: false, kills: false },
        Fault { call: "write", errno: ENOSPC, goes_on: true, kills: false },
    ]);
}

#[test]
fn a_failing_or_short_write_loses_no_acknowledged_reading() {
    each(&[
        Fault { call: "write", errno: EIO, goes_on: false, kills: false },
        Fault { call: "write", errno: EIO, goes_on: true, kills: false },
        Fault { call: "short", errno: 0, goes_on: false, kills: false },
    ]);
}

#[test]
fn a_failing_sync_loses_no_acknowledged_reading() {
    each(&[
        Fault { call: "sync", errno: EIO, goes_on: false, kills: false },
        Fault { call: "sync", errno: EIO, goes_on: true, kills: false },
    ]);
}

/// Between any two writes, of the log, of rows and of the cursor, a kill loses nothing.
#[test]
fn a_kill_at_any_write_or_sync_loses_no_acknowledged_reading() {
    each(&[
        Fault { call: "write", errno: EIO, goes_on: false, kills: true },
        Fault { call: "sync", errno: EIO, goes_on: false, kills: true },
    ]);
}

fn each(faults: &[Fault]) {
    if !require(&["cc"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a temp folder");
    let library = compile(folder.path());
    for fault in faults {
        let calls = trial(&library, fault, NONE).calls;
        assert!(calls > 3, "{fault:?}: {calls} calls");
        let tried = chosen(calls);
        let trials = tried.iter().map(|nth| trial(&library, fault, *nth));
        let trials: Vec<_> = trials.filter(|trial| trial.failed.is_some()).collect();
        assert!(!trials.is_empty(), "{fault:?}: none of {tried:?} was reached");
        let gave_up = trials.iter().filter(|trial| trial.gave_up).count();
        let unsaid: BTreeSet<_> =
            trials.iter().filter(|it| !it.is_said).filter_map(|it| it.failed.as_deref()).collect();
        println!(
            "CHAOS {fault:?}: {calls} calls, {} failed, {gave_up} ended the daemon, lost 0, duplicates 0; \
             got over without a word: {unsaid:?}",
            trials.len()
        );
    }
}

/// Which calls fail, one after the other.
fn chosen(calls: usize) -> Vec<usize> {
    let mut moments = Moments::new();
    let mut random = |from: usize, to: usize| {
        let number = moments.between(from as u64, to.max(from + 1) as u64).as_millis();
        usize::try_from(number).expect("a number of calls")
    };
    if !is_full() {
        return (0..SOME).map(|_| random(1, calls)).collect();
    }
    let beyond = (0..BEYOND).filter(|_| calls > EACH_UP_TO);
    (1..=calls.min(EACH_UP_TO)).chain(beyond.map(|_| random(EACH_UP_TO, calls))).collect()
}

struct Trial {
    calls: usize,
    /// File whose call failed, if it came to that.
    failed: Option<String>,
    /// Whether the daemon ended by itself.
    gave_up: bool,
    /// Whether a line of its log names the file.
    is_said: bool,
}

/// Builds the library to preload.
pub fn compile(folder: &Path) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chaos/failing_io.c");
    let library = folder.join("failing_io.so");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).arg("-ldl");
    assert!(cc.status().expect("run cc").success(), "cc");
    library
}

fn trial(library: &Path, fault: &Fault, nth: usize) -> Trial {
    let mut home = Home::new();
    let port = free_port();
    let config = format!(
        "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:{port}\"\n\
         [storage]\npath = \"{}\"\ndurability = \"power\"\n",
        names::DATABASE
    );
    let report = home.path("report.txt");
    let settings = [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAIL_WITHIN", names::DATABASE.to_owned()),
        ("FAIL_CALL", fault.call.to_owned()),
        ("FAIL_NTH", nth.to_string()),
        ("FAIL_ERRNO", fault.errno.to_string()),
        ("FAIL_AFTER", u8::from(fault.goes_on).to_string()),
        ("FAIL_KILL", u8::from(fault.kills).to_string()),
        ("FAIL_REPORT", report.display().to_string()),
    ];
    settings.iter().for_each(|(name, value)| home.set_env(name, value));
    let mut daemon = home.spawn(&config);
    let plan = Plan { rate: Some(RATE), connections: 2, window: 10, ..Plan::new(port, TOTAL) };
    let publishers = plan.start();
    let gave_up = !fault.kills && suffer(&mut daemon, &publishers);
    if fault.kills {
        await_kill(&mut daemon, &publishers);
    }
    let (log, said) = (daemon.log(), fs::read_to_string(&report).unwrap_or_default());
    let failed = failed(&said);
    let is_said = fault.kills || failed.as_deref().is_some_and(|file| is_named(&log, file));
    assert!(!gave_up || is_said, "{fault:?} {nth}: it ended without naming {failed:?}:\n{log}");
    home.set_env("LD_PRELOAD", "");
    let mut daemon = home.start(&config);
    let published = publishers.finish();
    settle_for(&home.db(), &published, &mut daemon, QUIET);
    assert_eq!(daemon.stop(), 0);
    assert_eq!(published.count(), TOTAL, "{fault:?} {nth}: acknowledged");
    assert_eq!(home.db().texts("PRAGMA integrity_check"), ["ok"]);
    let lost_and_doubled = count(&home.db().numbers(), &published);
    assert_eq!(lost_and_doubled, (0, 0), "{fault:?} {nth}, {failed:?}:\n{log}");
    Trial { calls: calls(&said), failed, gave_up, is_said }
}

/// Until the daemon was killed, or is not to be any more.
fn await_kill(daemon: &mut Daemon, publishers: &Publishers) {
    let began = Instant::now();
    while began.elapsed() < WITH_FAULT && daemon.is_running() && !publishers.is_done() {
        let_run(LOOK_AGAIN);
    }
    if daemon.is_running() {
        // With its count of calls.
        daemon.terminate();
        eventually("its end", SOON, || (!daemon.is_running()).then_some(()));
    }
}

/// Until all is acknowledged, the daemon has ended, or it has had its time. Whether it ended by itself.
fn suffer(daemon: &mut Daemon, publishers: &Publishers) -> bool {
    let began = Instant::now();
    while began.elapsed() < WITH_FAULT && !publishers.is_done() {
        if let Some(code) = daemon.has_exited() {
            assert!(GIVES_UP.contains(&code), "exit code {code}:\n{}", daemon.log());
            return true;
        }
        let_run(LOOK_AGAIN);
    }
    if publishers.is_done() {
        daemon.terminate();
        let code = daemon.exit_code(SOON);
        assert!(code == 0 || GIVES_UP.contains(&code), "exit code {code}:\n{}", daemon.log());
        return code != 0;
    }
    daemon.kill();
    false
}

/// Whether a warning or an error of the log names a file, or the database that it belongs to.
fn is_named(log: &str, file: &str) -> bool {
    let is_bad = |line: &str| line.contains("WARN") || line.contains("ERROR");
    let names_it = |line: &str| line.contains(file) || line.contains(names::DATABASE);
    log.lines().any(|line| is_bad(line) && names_it(line))
}

/// The last part of the path whose call failed.
fn failed(report: &str) -> Option<String> {
    let line = report.lines().find(|line| line.starts_with("failed "))?;
    line.rsplit('/').next().map(str::to_owned)
}

fn calls(report: &str) -> usize {
    let line = report.lines().find_map(|line| line.strip_prefix("calls "));
    line.and_then(|line| line.trim().parse().ok()).unwrap_or_default()
}
