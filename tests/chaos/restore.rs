//! `vigie restore` is killed at each call on its files in turn: what is found next is the old state or the new one, whole.
//!
//! `failing_io.c` is compiled and preloaded. Each trial puts the same stopped installation into a folder, kills a restore
//! of an older backup there, and starts the daemon, or restores once more. `make test` tries each sync, which stand
//! between all renames, and some other calls; `make chaos` all.

use std::fs;
use std::path::Path;

use super::failing_io;
use super::scale::{Moments, is_full};
use super::support::numbered::Plan;
use super::support::{
    Db, Home, SOON, eventually, free_port, names, require, run_vigie, run_vigie_with,
};

/// Readings of the backup, and of the installation.
const OLD: usize = 60;
const ALL: usize = 100;

/// Calls of a kind that are tried where not all are.
const SOME: usize = 4;

#[test]
fn a_restore_killed_at_any_moment_leaves_the_old_state_or_the_new_one() {
    if !require(&["cc"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a temp folder");
    let library = failing_io::compile(folder.path());
    let fixture = Fixture::new();
    let mut found = [0, 0];
    for call in ["sync", "open", "write"] {
        let calls = fixture.num_calls(&library, call);
        assert!(calls > 5, "{call}: {calls}");
        let tried = if call == "sync" || is_full() {
            (1..=calls).collect()
        } else {
            let mut moments = Moments::new();
            let last = u64::try_from(calls).expect("a number of calls");
            let random = |_| usize::try_from(moments.between(1, last).as_millis()).expect("one");
            (0..SOME).map(random).collect::<Vec<_>>()
        };
        for nth in &tried {
            found[usize::from(fixture.killed_at(&library, call, *nth))] += 1;
            fixture.restored_again(&library, call, *nth);
        }
        println!("CHAOS restore killed at {call}: {} of {calls} calls tried", tried.len());
    }
    println!("CHAOS restore killed: {} times the old state, {} the new one", found[0], found[1]);
    assert!(found.iter().all(|count| *count > 0), "{found:?}");
}

/// An installation that is stopped, and a backup of its first readings.
struct Fixture {
    home: Home,
    config: String,
}

impl Fixture {
    fn new() -> Self {
        let (home, port) = (Home::new(), free_port());
        let config = format!(
            "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:{port}\"\n[storage]\npath = \"{}\"\n",
            names::DATABASE
        );
        let mut daemon = home.start(&config);
        let publish = |total, first| {
            let micros = move |number: usize| {
                1_780_000_000_000_000 + i64::try_from(first + number).expect("small") * 1_000
            };
            let plan = Plan {
                connections: 1,
                micros: std::sync::Arc::new(micros),
                ..Plan::new(port, total)
            };
            assert_eq!(plan.start().finish().count(), total);
        };
        publish(OLD, 0);
        daemon.wait_until("all stored", SOON, || home.db().count() == OLD);
        assert!(run_vigie(&home, &["backup", "old.db", "-c", "vigie.toml"]).status.success());
        publish(ALL - OLD, OLD);
        daemon.wait_until("all stored", SOON, || home.db().count() == ALL);
        // With a write-ahead log beside it.
        daemon.kill();
        Self { home, config }
    }

    fn copy(&self) -> Home {
        let home = Home::new();
        copy_all(&self.home.path("."), &home.path("."));
        fs::remove_file(home.path("ready-1.json")).expect("what says that its daemon is up");
        home
    }

    fn restore(&self, library: &Path, call: &str, nth: usize) -> (Home, Option<i32>, String) {
        let home = self.copy();
        let report = home.path("report.txt");
        let (library, nth) = (library.display().to_string(), nth.to_string());
        let report_name = report.display().to_string();
        let output = run_vigie_with(
            &home,
            &["restore", "old.db", "-c", "vigie.toml"],
            &[
                ("LD_PRELOAD", &library),
                ("FAIL_WITHIN", names::DATABASE),
                ("FAIL_CALL", call),
                ("FAIL_NTH", &nth),
                ("FAIL_ERRNO", "5"),
                ("FAIL_AFTER", "0"),
                ("FAIL_KILL", "1"),
                ("FAIL_REPORT", &report_name),
            ],
        );
        (home, output.status.code(), fs::read_to_string(report).unwrap_or_default())
    }

    fn num_calls(&self, library: &Path, call: &str) -> usize {
        let (_home, code, said) = self.restore(library, call, 0);
        assert_eq!(code, Some(0));
        let line = said.lines().find_map(|line| line.strip_prefix("calls "));
        line.and_then(|line| line.trim().parse().ok()).expect("a number of calls")
    }

    /// Whether the new state is found.
    fn killed_at(&self, library: &Path, call: &str, nth: usize) -> bool {
        let what = format!("{call} {nth}");
        let (home, code, _) = self.restore(library, call, nth);
        assert_eq!(code, None, "{what}: not killed");
        let left = of_restore(&home);
        let mut daemon = home.start(&self.config);
        let said = daemon.lines_with("a restore that was interrupted is");
        assert_eq!(said.len(), usize::from(!left.is_empty()), "{what}: {left:?}\n{}", daemon.log());
        let is_new = eventually("all stored", SOON, || match home.db().count() {
            OLD => Some(true),
            ALL => Some(false),
            _ => None,
        });
        assert_eq!(daemon.stop(), 0);
        assert_eq!(of_restore(&home), [""; 0], "{what}");
        assert_eq!(home.db().texts("PRAGMA integrity_check"), ["ok"]);
        let aside = named(&home, ".before-");
        let database = aside.iter().find(|name| !name.contains("Z-") && !name.contains("Z."));
        assert_eq!(database.is_some(), is_new, "{what}: {aside:?}");
        if let Some(database) = database {
            assert_eq!(Db::at(home.path(database)).count(), ALL, "{what}");
        }
        is_new
    }

    /// The next restore brings the killed one to its end first.
    fn restored_again(&self, library: &Path, call: &str, nth: usize) {
        let (home, ..) = self.restore(library, call, nth);
        let left = of_restore(&home);
        let output = run_vigie(&home, &["restore", "old.db", "-c", "vigie.toml"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{call} {nth}: {output:?}");
        assert_eq!(
            said.contains("interrupted"),
            !left.is_empty(),
            "{call} {nth}: {left:?}, {said}"
        );
        assert_eq!((home.db().count(), of_restore(&home)), (OLD, vec![]), "{call} {nth}");
        let aside = named(&home, ".before-");
        let kept = aside.iter().filter(|name| !name.contains("Z-") && !name.contains("Z."));
        assert!(kept.map(|name| Db::at(home.path(name)).count()).any(|count| count == ALL));
    }
}

/// What a restore has made that is not at its end.
fn of_restore(home: &Home) -> Vec<String> {
    named(home, ".restore-")
}

fn named(home: &Home, part: &str) -> Vec<String> {
    let begins = format!("{}{part}", names::DATABASE);
    let entries = fs::read_dir(home.path(".")).expect("the folder");
    let names = entries.map(|it| it.expect("an entry").file_name().into_string().expect("text"));
    names.filter(|name| name.starts_with(&begins)).collect()
}

/// Copies files and folders.
pub fn copy_all(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let (kind, to) = (entry.file_type().expect("its type"), to.join(entry.file_name()));
        if kind.is_dir() {
            fs::create_dir(&to).expect("a folder");
            copy_all(&entry.path(), &to);
        } else if kind.is_file() {
            fs::copy(entry.path(), to).expect("copied");
        }
    }
}
