//! One daemon per database, by whatever path; and files that a daemon creates are private to its user.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::readings::{reading, timestamp};
use crate::support::{
    Client, Home, Process, RawClient, SOON, Version, eventually, names, require, skip,
};

const UNAVAILABLE: i32 = 69;

const CONFIG: &str = "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:0\"\n";

const ALERTS_FILE: &str =
    "[log]\nalerts_file = \"alerts.jsonl\"\n[alerts.temperature]\nhigh = 35.0\n";

/// A command that runs the daemon in another environment, such as a mount namespace.
fn wrapped(home: &Home, shell: &str) -> Home {
    let script = home.write("wrapped.sh", &format!("#!/bin/sh\n{shell}\n"));
    fs::set_permissions(&script, Permissions::from_mode(0o755)).expect("executable");
    Home::of(&script)
}

/// Checks that a second daemon in another folder is refused with a reason.
fn refused(home: &Home, why: &str) {
    let mut second = home.spawn(CONFIG);
    assert_eq!(second.exit_code(SOON), UNAVAILABLE, "{}", second.log());
    let lines = second.lines_with("ERROR");
    assert!(lines.len() == 1 && lines[0].contains(why), "{}", second.log());
}

#[test]
fn a_second_daemon_is_refused_by_a_link_or_another_path() {
    let home = Home::new();
    let mut first = home.start(CONFIG);
    let why = format!("another process has it open (pid {})", first.pid());
    let linked = Home::new();
    symlink(home.db().path(), linked.path(names::DATABASE)).expect("a link");
    refused(&linked, &why);
    let around = Home::new();
    symlink(home.path("."), around.path("there")).expect("a link");
    let config = format!("{CONFIG}[storage]\npath = \"there/{}\"\n", names::DATABASE);
    let mut second = around.spawn(&config);
    assert_eq!(second.exit_code(SOON), UNAVAILABLE);
    assert_eq!(second.lines_with(&why).len(), 1, "{}", second.log());
    assert_eq!(first.stop(), 0);
    // A single daemon may use any of the names.
    let mut second = linked.start(CONFIG);
    assert_eq!(second.stop(), 0);
}

#[test]
fn a_second_daemon_is_refused_by_another_mount() {
    let can_mount = Command::new("unshare").args(["-m", "true"]).stderr(Stdio::null()).status();
    if !can_mount.is_ok_and(|status| status.success()) {
        skip("only root may mount");
        return;
    }
    let (home, tools) = (Home::new(), Home::new());
    let mut first = home.start(CONFIG);
    let from = home.db().path().clone();
    let shell = format!(
        "touch {db} && exec unshare -m sh -c 'mount --bind {from} {db} && exec \"$@\"' sh {vigie} \"$@\"",
        from = from.display(),
        db = names::DATABASE,
        vigie = env!("CARGO_BIN_EXE_vigie"),
    );
    refused(&wrapped(&tools, &shell), &format!("(pid {})", first.pid()));
    assert_eq!(first.stop(), 0);
}

#[test]
fn a_hard_linked_database_is_refused() {
    let home = Home::new();
    assert_eq!(home.start(CONFIG).stop(), 0);
    let other = home.path("other.db");
    fs::hard_link(home.db().path(), &other).expect("a link");
    refused(&home, "the file has 2 names (hard links)");
    fs::remove_file(&other).expect("removed");
    assert_eq!(home.start(CONFIG).stop(), 0);
}

/// Files of a folder with their modes.
fn modes(folder: &Path) -> Vec<(PathBuf, u32)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let metadata = path.symlink_metadata().expect("there");
        found.push((path.clone(), metadata.permissions().mode() & 0o777));
        if metadata.is_dir() {
            found.extend(modes(&path));
        }
    }
    found
}

#[test]
fn new_files_are_private_and_existing_ones_keep_their_mode() {
    let tools = Home::new();
    for (umask, existing) in [("000", None), ("022", Some(0o644)), ("077", Some(0o640))] {
        let shell = format!("umask {umask}; exec {} \"$@\"", env!("CARGO_BIN_EXE_vigie"));
        let home = wrapped(&tools, &shell);
        if let Some(mode) = existing {
            let file = home.write(names::DATABASE, "");
            fs::set_permissions(file, Permissions::from_mode(mode)).expect("a mode");
        }
        let mut daemon = home.start(&format!("{CONFIG}{ALERTS_FILE}"));
        let url = daemon.embedded_broker().url;
        let addr = url.strip_prefix("mqtt://").expect("plain");
        let mut device = RawClient::connect(addr, "device", Version::V5).expect("connected");
        assert!(device.is_taken(
            names::READINGS,
            reading("A", 50.0, &timestamp(0)).as_bytes(),
            SOON
        ));
        eventually("an alert", SOON, || home.path("alerts.jsonl").exists().then_some(()));
        let by_the_test = ["vigie.toml", "log-1.txt"];
        let is_ours = |path: &Path| by_the_test.iter().any(|name| path.ends_with(name));
        let of_database = |path: &Path| {
            ["", "-wal", "-shm"]
                .iter()
                .any(|it| *path == home.path(&format!("{}{it}", names::DATABASE)))
        };
        let found = modes(home.db().path().parent().expect("a folder"));
        assert!(found.len() > 8, "{found:?}");
        for (path, mode) in found.iter().filter(|(path, _)| !is_ours(path)) {
            match existing {
                Some(expected) if of_database(path) => assert_eq!(*mode, expected, "{path:?}"),
                _ => assert_eq!(mode & 0o077, 0, "umask {umask}: {path:?} {mode:o}"),
            }
        }
        assert_eq!(daemon.stop(), 0);
    }
}

/// A user with read access can lock the file; that must not block the start.
#[test]
fn another_users_lock_does_not_block_the_start() {
    const TOOLS: [&str; 2] = ["setpriv", "flock"];
    let is_root =
        fs::metadata("/proc/self").is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0);
    if !require(&TOOLS) || !(is_root || skip("only root may act as others")) {
        return;
    }
    let home = Home::new();
    assert_eq!(home.start(CONFIG).stop(), 0);
    fs::set_permissions(home.path("."), Permissions::from_mode(0o755)).expect("a mode");
    fs::set_permissions(home.db().path(), Permissions::from_mode(0o644)).expect("a mode");
    fs::set_permissions(home.path(names::LOG), Permissions::from_mode(0o755)).expect("a mode");
    let lock = home.path(names::LOG).join("lock");
    assert_eq!(fs::metadata(&lock).expect("there").permissions().mode() & 0o077, 0);
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "flock", "-x"]);
    command.arg(home.db().path()).args(["-c", "echo locked; sleep 60"]);
    let mut other = Process::start("another user", &mut command, &home.path("other.txt"));
    other.eventually("its lock", SOON, |it| it.log().contains("locked").then_some(()));
    let mut daemon = home.start(CONFIG);
    let line = daemon.wait_line("holds a lock on the database", SOON);
    assert!(line.contains("WARN") && line.contains("of user 65534"), "{line}");
    let device = Client::connect(&daemon.embedded_broker());
    device.publish(names::READINGS, reading("A", 1.0, &timestamp(0)), 1);
    daemon.wait_until("it is stored", SOON, || home.db().count() == 1);
    assert_eq!(daemon.stop(), 0);
}

/// A service user's daemon, and a second one started by root through another path.
#[test]
fn the_owners_lock_refuses_a_daemon_started_by_root() {
    const TOOLS: [&str; 3] = ["setpriv", "flock", "chown"];
    let is_root =
        fs::metadata("/proc/self").is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0);
    if !require(&TOOLS) || !(is_root || skip("only root may act as others")) {
        return;
    }
    let home = Home::new();
    assert_eq!(home.start(CONFIG).stop(), 0);
    fs::set_permissions(home.path("."), Permissions::from_mode(0o755)).expect("a mode");
    let chown = Command::new("chown").arg("65534").arg(home.db().path()).status();
    assert!(chown.expect("run chown").success());
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "flock", "-x"]);
    command.arg(home.db().path()).args(["-c", "echo locked; sleep 60"]);
    let mut other = Process::start("the owner", &mut command, &home.path("other.txt"));
    other.eventually("its lock", SOON, |it| it.log().contains("locked").then_some(()));
    let linked = Home::new();
    symlink(home.db().path(), linked.path(names::DATABASE)).expect("a link");
    refused(&linked, "another process has it open");
}
