//! The database is removed, moved, replaced or overwritten while the daemon runs. This is detected within seconds, and
//! nothing is acknowledged from then on. Each acknowledged reading is in one of the files, once.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use r2d2_sqlite::rusqlite::Connection;

use crate::support::readings::{reading, timestamp};
use crate::support::{
    Daemon, Db, Home, RawClient, SOON, Version, eventually, let_run, names, run_vigie,
};

/// Timeout for the detection.
const NOTICED: Duration = Duration::from_secs(6);

/// Time a device waits for an acknowledgement that must not come.
const PATIENCE: Duration = Duration::from_millis(700);

/// Time after which a path that can't be checked is a fault.
const UNREACHABLE: Duration = Duration::from_secs(16);

/// Time for several checks that find no fault.
const SOME_LOOKS: Duration = Duration::from_millis(2500);

const BESIDE: [&str; 3] = ["", "-wal", "-shm"];

const CONFIG: &str = "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:0\"\n";

/// A daemon and a device that numbers its readings.
struct Fixture {
    home: Home,
    daemon: Daemon,
    addr: String,
    /// Acknowledged readings.
    taken: Vec<usize>,
    config: String,
}

impl Fixture {
    fn new() -> Self {
        Self::in_home(Home::new(), CONFIG)
    }

    fn in_home(home: Home, config: &str) -> Self {
        let (daemon, addr) = start(&home, config);
        Self { home, daemon, addr, taken: Vec::new(), config: config.to_owned() }
    }

    fn device(&self) -> RawClient {
        RawClient::connect(&self.addr, "device", Version::V5).expect("connected")
    }

    /// Publishes the next readings and waits for each acknowledgement.
    fn publish(&mut self, count: usize) {
        let mut device = self.device();
        for _ in 0..count {
            let number = self.taken.last().map_or(0, |last| last + 1);
            assert!(device.is_taken(names::READINGS, numbered(number).as_bytes(), SOON));
            self.taken.push(number);
        }
    }

    /// Publishes readings until one is not acknowledged.
    fn publish_until_refused(&mut self) {
        let next = self.taken.last().map_or(0, |last| last + 1);
        let mut device = self.device();
        let within = NOTICED + UNREACHABLE;
        let mut number = next;
        eventually("a refusal", within, || {
            if !device.is_taken(names::READINGS, numbered(number).as_bytes(), PATIENCE) {
                return Some(());
            }
            self.taken.push(number);
            number += 1;
            None
        });
    }

    fn wait_stored(&mut self) {
        let (home, count) = (&self.home, self.taken.len());
        self.daemon.wait_until("all stored", SOON, || home.db().count() >= count);
    }

    fn file(&self, more: &str) -> PathBuf {
        self.home.path(&format!("{}{more}", names::DATABASE))
    }

    /// Problems in `vigie status`.
    fn problem(&self) -> String {
        let output = run_vigie(&self.home, &["status", "-c", "vigie.toml"]);
        String::from_utf8(output.stdout).expect("text")
    }

    fn num_problems(&self) -> f64 {
        let raw = self.home.api().ask_raw("GET", "/metrics", &[], "").expect("metrics");
        let text = String::from_utf8(raw.body).expect("text");
        let line = text.lines().find_map(|line| line.strip_prefix("vigie_problems "));
        line.expect("the metric").parse().expect("a number")
    }

    /// Checks that the fault is in the log and the status, and that no reading is acknowledged.
    fn wait_fault(&mut self, said: &str, shown: &str) {
        let line = self.daemon.wait_line(said, NOTICED);
        assert!(line.contains("intake stopped") && line.contains("start Vigie again"), "{line}");
        self.publish_until_refused();
        let problem = self.problem();
        assert!(problem.contains(shown), "{problem}");
        assert!(self.num_problems() >= 1.0);
        assert_eq!(self.daemon.lines_with("intake stopped").len(), 1, "{}", self.daemon.log());
    }

    /// Restarts the daemon.
    fn restart(&mut self) {
        assert_eq!(self.daemon.stop(), 0);
        (self.daemon, self.addr) = start(&self.home, &self.config);
    }

    /// Checks that acknowledged readings are stored once, and others at most once.
    fn check(&mut self) {
        self.publish(1);
        self.wait_stored();
        assert_eq!(self.daemon.stop(), 0);
        check_rows(&self.home.db(), &self.taken);
    }
}

fn start(home: &Home, config: &str) -> (Daemon, String) {
    let mut daemon = home.start(config);
    let url = daemon.embedded_broker().url;
    (daemon, url.strip_prefix("mqtt://").expect("plain").to_owned())
}

fn numbered(number: usize) -> String {
    let value = f64::from(u32::try_from(number).expect("a small number"));
    reading("S_1", value, &timestamp(number))
}

fn check_rows(db: &Db, taken: &[usize]) {
    assert_eq!(db.texts("PRAGMA integrity_check"), ["ok"]);
    let mut numbers = db.numbers();
    numbers.sort_unstable();
    let mut once = numbers.clone();
    once.dedup();
    assert_eq!(numbers, once, "twice");
    let missing: Vec<_> = taken.iter().filter(|it| numbers.binary_search(it).is_err()).collect();
    assert!(missing.is_empty(), "acknowledged and not stored: {missing:?}");
}

/// A complete copy, made as users copy a database of a running program.
fn copy_of(path: &Path, to: &Path) {
    let connection = Connection::open(path).expect("opened");
    connection.execute("VACUUM INTO ?1", [to.to_str().expect("text")]).expect("copied");
}

#[test]
fn a_database_moved_away_is_complete_and_storing_resumes_when_it_is_back() {
    let mut fixture = Fixture::new();
    fixture.publish(20);
    fixture.wait_stored();
    let away = fixture.home.path("archive.db");
    fs::rename(fixture.file(""), &away).expect("moved");
    fixture.publish(5); // before the next check
    fixture.wait_fault("was moved away", "the database was moved away");
    // The moved file is complete without its write-ahead log.
    let copy = fixture.home.path("copy.db");
    eventually("the log in the file", SOON, || {
        fs::copy(&away, &copy).expect("copied");
        (Db::at(copy.clone()).count() >= 20).then_some(())
    });
    fs::rename(&away, fixture.file("")).expect("moved back");
    fixture.daemon.wait_line("intake goes on", NOTICED);
    let home = &fixture.home;
    fixture.daemon.wait_until("no problem", SOON, || {
        let output = run_vigie(home, &["status", "-c", "vigie.toml"]);
        !String::from_utf8_lossy(&output.stdout).contains("moved away")
    });
    fixture.check();
}

#[test]
fn after_a_database_is_moved_away_a_new_one_gets_the_recent_readings() {
    let mut fixture = Fixture::new();
    fixture.publish(20);
    fixture.wait_stored();
    let away = fixture.home.path("archive.db");
    fs::rename(fixture.file(""), &away).expect("moved");
    fixture.publish(5);
    fixture.wait_fault("was moved away", "the database was moved away");
    fixture.restart();
    fixture.check();
    assert!(Db::at(away).count() >= 20);
}

#[test]
fn after_a_database_is_removed_the_next_start_stores_the_recent_readings() {
    for killed in [false, true] {
        let mut fixture = Fixture::new();
        fixture.publish(20);
        fixture.wait_stored();
        for more in BESIDE {
            fs::remove_file(fixture.file(more)).expect("removed");
        }
        fixture.publish(5);
        fixture.wait_fault("was removed", "the database was removed");
        if killed {
            fixture.daemon.kill();
            (fixture.daemon, fixture.addr) = start(&fixture.home, CONFIG);
        } else {
            fixture.restart();
        }
        fixture.check();
    }
}

#[test]
fn a_write_ahead_log_left_alone_does_not_damage_the_next_database() {
    let mut fixture = Fixture::new();
    fixture.publish(20);
    fixture.wait_stored();
    fs::remove_file(fixture.file("")).expect("removed");
    fixture.wait_fault("was removed", "the database was removed");
    fixture.restart();
    fixture.check();
}

#[test]
fn an_older_backup_in_its_place_gets_the_readings_since() {
    let mut fixture = Fixture::new();
    fixture.publish(10);
    fixture.wait_stored();
    let backup = fixture.home.path("backup.db");
    copy_of(&fixture.file(""), &backup);
    fixture.publish(10);
    fixture.wait_stored();
    fs::rename(&backup, fixture.file("")).expect("replaced");
    fixture.publish(5);
    fixture.wait_fault("another file was put in its place", "replaced by another file");
    fixture.restart();
    fixture.check();
}

/// The file keeps its inode, so only a shorter or older file is detected.
#[test]
fn an_older_backup_copied_over_it_gets_the_readings_since() {
    let mut fixture = Fixture::new();
    fixture.publish(10);
    fixture.wait_stored();
    let backup = fixture.home.path("backup.db");
    copy_of(&fixture.file(""), &backup);
    fixture.publish(300);
    fixture.wait_stored();
    checkpoint(&fixture.file(""));
    let_run(SOME_LOOKS);
    fs::copy(&backup, fixture.file("")).expect("copied over");
    fixture.wait_fault("copied over", "something was copied over the database");
    fixture.restart();
    fixture.check();
}

fn checkpoint(path: &Path) {
    let connection = Connection::open(path).expect("opened");
    let busy: i64 = connection
        .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(0))
        .expect("a checkpoint");
    assert_eq!(busy, 0);
}

#[test]
fn when_its_write_ahead_log_is_removed_everything_is_checkpointed_into_the_file() {
    let mut fixture = Fixture::new();
    fixture.publish(20);
    fixture.wait_stored();
    fs::remove_file(fixture.file("-wal")).expect("removed");
    fixture.publish(5);
    fixture.wait_fault("its write-ahead log", "write-ahead log was removed");
    fixture.daemon.kill();
    (fixture.daemon, fixture.addr) = start(&fixture.home, CONFIG);
    fixture.check();
}

#[test]
fn a_journal_folder_moved_away_and_back_is_detected() {
    let mut fixture = Fixture::new();
    fixture.publish(20);
    let away = fixture.home.path("away");
    fs::rename(fixture.file(".journal"), &away).expect("moved");
    fixture.wait_fault("its folder `.journal`", "the folder of the log was removed or moved away");
    fs::rename(&away, fixture.file(".journal")).expect("moved back");
    fixture.daemon.wait_line("intake goes on", NOTICED);
    fixture.check();
}

/// Every check fails, as on an unreachable network file system.
#[test]
fn a_path_that_cant_be_checked_is_a_fault_after_a_while() {
    let home = Home::new();
    let (data, real) = (home.path("data"), home.path("real"));
    fs::create_dir(&real).expect("a folder");
    symlink(&real, &data).expect("a link");
    let path = format!("data/{}", names::DATABASE);
    let mut fixture = Fixture::in_home(home, &format!("{CONFIG}[storage]\npath = \"{path}\"\n"));
    let away = |is_away: bool| {
        fs::remove_file(&data).expect("removed");
        symlink(if is_away { &data } else { &real }, &data).expect("a link");
    };
    fixture.publish(5);
    away(true);
    let_run(SOME_LOOKS);
    fixture.publish(5); // the fault has not lasted yet
    away(false);
    let_run(SOME_LOOKS);
    assert_eq!(fixture.daemon.lines_with("intake stopped"), [""; 0]);
    away(true);
    let line = fixture.daemon.wait_line("intake stopped", UNREACHABLE);
    assert!(line.contains("can't be looked at"), "{line}");
    fixture.publish_until_refused();
    away(false);
    fixture.daemon.wait_line("intake goes on", NOTICED);
    fixture.publish(1);
    let db = || Db::at(real.join(names::DATABASE));
    let count = fixture.taken.len();
    fixture.daemon.wait_until("all stored", SOON, || db().count() >= count);
    assert_eq!(fixture.daemon.stop(), 0);
    check_rows(&db(), &fixture.taken);
}
