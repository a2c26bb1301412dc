//! The power goes: what had not reached the device is gone, and the daemon with it.
//!
//! The database lies on an ext4 of its own, in an image that is mounted by a loop device. To cut the power, the file
//! system is shut down (the ioctl `EXT4_IOC_SHUTDOWN`, without a last word to its log), the daemon killed, and the image
//! mounted again: what was written and not synced is gone, as on a real machine. The daemon is stopped just before: nobody
//! says anything once the power is gone, and a sync that the shutdown meets halfway may return as if all were well (of
//! 87,000 of a trial 44 returned after it, and 11 of these were lost).
//!
//! Each scenario runs in a mount namespace of its own, so that its mounts go with it, whatever happens: the test starts
//! itself once more within one. That takes root.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::counting::{Deeds, Outcome, conclude, settle};
use super::disk::{Disk, run};
use super::restore::copy_all;
use super::scale::{Moments, pick};
use super::support::numbered::Plan;
use super::support::{
    Daemon, Db, Home, HttpServer, Mosquitto, Process, SOON, data_file, free_port, let_run, names,
    require, run_vigie, skip,
};

/// From a start to the next cut; every other time so early that it hits the start, or the recovery from the last one.
const LIFE_MS: (u64, u64) = (200, 1_600);
const START_MS: (u64, u64) = (5, 120);

/// From a start to a cut while the database is made or migrated.
const FIRST_START_MS: (u64, u64) = (2, 60);

/// From the beginning of a restore to a cut.
const RESTORE_MS: (u64, u64) = (1, 120);

/// Of a publisher.
const WINDOW: usize = 100;

/// Exit code of a daemon whose storage can't be had again.
const GAVE_UP: i32 = 70;

/// Cuts while the database is made.
const FIRST_STARTS: usize = 2;

const RATE: u32 = 800;

const WITHIN: &str = "VIGIE_TEST_IN_NAMESPACE";

#[test]
fn power_cuts_on_the_embedded_broker_lose_nothing() {
    in_namespace("power_cuts_on_the_embedded_broker_lose_nothing", || {
        embedded("power", pick(12, 120), &[]).assert_exact();
    });
}

#[test]
fn power_cuts_at_mosquitto_lose_nothing() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    in_namespace("power_cuts_at_mosquitto_lose_nothing", || {
        let mut broker = Mosquitto::new()
            .with_persistence()
            .with_endless_queues()
            .with_line("max_inflight_messages 1000");
        broker.start();
        let table = broker.access().mqtt_table("the broker", "");
        let fixture = Fixture::new(&table, "power", &[]);
        let cuts = pick(8, 80);
        fixture.run("Mosquitto", broker.port(), cuts).assert_exact();
    });
}

/// If nothing were lost here, the cuts above would cut nothing.
#[test]
fn unsynced_writes_are_lost_in_a_power_cut() {
    in_namespace("unsynced_writes_are_lost_in_a_power_cut", || {
        let lost = embedded("process", 1, &[]).lost;
        assert!(lost > 0, "a cut with durability = \"process\" lost nothing");
    });
}

/// A disk that says that it has what it has not.
#[test]
fn a_disk_that_confirms_too_early_loses_data() {
    if !require(&["eatmydata"]) {
        return;
    }
    in_namespace("a_disk_that_confirms_too_early_loses_data", || {
        let lost = embedded("power", 1, &[("LD_PRELOAD", "libeatmydata.so")]).lost;
        assert!(lost > 0, "a cut without a single sync lost nothing");
    });
}

/// The disk dies: what the daemon can't keep it does not acknowledge, and says so, until it gives up.
#[test]
fn a_dead_disk_stops_acknowledgements() {
    in_namespace("a_dead_disk_stops_acknowledgements", || {
        let port = free_port();
        let beats = HttpServer::new();
        let table = format!(
            "[broker]\nlisten = \"127.0.0.1:{port}\"\n\
             [heartbeat]\nurl = \"{}\"\ninterval = \"1s\"\n",
            beats.url("/")
        );
        let fixture = Fixture::new(&table, "process", &[]);
        let mut daemon = fixture.home.start(&fixture.config);
        let publishers = Plan { rate: Some(RATE), ..Plan::new(port, 100_000) }.start();
        daemon.wait_until("some are acknowledged", SOON, || publishers.acknowledged() > 200);
        fixture.disk.shut_down(|| ());
        // What was on its way when the disk died may have been acknowledged since.
        let before = publishers.acknowledged();
        daemon.wait_line("intake stopped", SOON);
        let num_beats = beats.requests().len();
        assert_eq!(daemon.exit_code(SOON), GAVE_UP);
        // One may have been on its way.
        assert!(beats.requests().len() <= num_beats + 1, "heartbeats of a daemon without a disk");
        let after = publishers.acknowledged();
        assert!(after <= before + WINDOW, "{after} acknowledged, {before} when the disk died");
        let promises = daemon.lines_with("nothing is lost");
        assert!(promises.is_empty(), "{promises:?}");
        publishers.enough();
        fixture.disk.mount_again();
        let mut daemon = fixture.home.start(&fixture.config);
        publishers.finish();
        assert_eq!(daemon.stop(), 0);
        assert_eq!(fixture.db().texts("PRAGMA integrity_check"), ["ok"]);
        println!("CHAOS dead disk: {} acknowledged after it died", after - before);
    });
}

#[test]
fn power_cuts_while_the_database_is_created_lose_nothing() {
    in_namespace("power_cuts_while_the_database_is_created_lose_nothing", || {
        let port = free_port();
        let fixture =
            Fixture::new(&format!("[broker]\nlisten = \"127.0.0.1:{port}\"\n"), "power", &[]);
        let (mut moments, cuts) = (Moments::new(), pick(8, 80));
        for cut in 0..cuts {
            fixture.disk.empty();
            // They try to connect from before the start.
            let plan = Plan { rate: Some(RATE), connections: 2, ..Plan::new(port, 60) };
            let publishers = plan.start();
            fixture.cut_starts(cut, &mut moments);
            let mut daemon = fixture.home.start(&fixture.config);
            let published = publishers.finish();
            settle(&fixture.db(), &published, &mut daemon);
            assert_eq!(daemon.stop(), 0);
            assert_eq!(fixture.db().texts("PRAGMA integrity_check"), ["ok"]);
            assert_eq!(
                (published.count(), fixture.db().count()),
                (60, 60),
                "seed {}",
                moments.seed
            );
        }
        println!("CHAOS power cut, first start: {cuts} installations, seed {}", moments.seed);
    });
}

/// An installation of the version before, killed while its database was locked: all of it is found, under its ids.
#[test]
fn power_cuts_while_a_database_is_migrated_lose_nothing() {
    let archive = "installations/killed-while-locked.tar.gz";
    let Some(archive) = data_file(archive) else {
        let _skipped = skip(&format!("no {archive}: set VIGIE_DATA to its folder"));
        return;
    };
    in_namespace("power_cuts_while_a_database_is_migrated_lose_nothing", || {
        let table = "[broker]\nlisten = \"127.0.0.1:0\"\n[alerts.temperature]\nhigh = 35.0\n\
             [[rules]]\nname = \"warm\"\nkind = \"deviation\"\ndeviations = 6.0\nwindow = \"10m\"\n";
        let fixture = Fixture::new(table, "power", &[]);
        let (mut moments, cuts) = (Moments::new(), pick(10, 100));
        let (mut versions, mut num_rows) = (BTreeMap::new(), 0);
        for cut in 0..cuts {
            fixture.disk.empty();
            let tar = ["-xz", "--strip-components=1", "-C"].map(Path::new);
            let from = [Path::new("-f"), archive.as_path()];
            run("tar", &[&tar[..], &[&fixture.disk.folder], &from].concat());
            let read = |name| std::fs::read(fixture.disk.folder.join(name)).expect("a file of it");
            let expected: Value = serde_json::from_slice(&read("expect.json")).expect("JSON");
            fixture.cut_starts(cut, &mut moments);
            *versions.entry(fixture.version()).or_insert(0) += 1;
            let mut daemon = fixture.home.start(&fixture.config);
            let rows = "SELECT count(*) FROM sensor_readings";
            num_rows = expected["rows_after_start"].as_i64().expect("a count");
            daemon.wait_until("all rows", SOON, || fixture.db().number(rows) >= num_rows);
            let heard = expected["alert_ids_heard"].as_array().expect("a list").clone();
            let heard: BTreeSet<_> =
                heard.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            let ids = "SELECT alert_id FROM alerts WHERE announced";
            daemon.wait_until("all alerts", SOON, || fixture.db().texts(ids).len() >= heard.len());
            assert_eq!(daemon.stop(), 0);
            let (db, seed) = (fixture.db(), moments.seed);
            assert_eq!(db.number(rows), num_rows, "seed {seed}");
            assert_eq!(db.texts(ids).into_iter().collect::<BTreeSet<_>>(), heard, "seed {seed}");
            assert_eq!(db.texts("PRAGMA integrity_check"), ["ok"]);
        }
        let seed = moments.seed;
        println!(
            "CHAOS power cut, migration: {cuts} installations of {num_rows} rows, found at versions {versions:?}, seed {seed}"
        );
    });
}

/// What is found is the old state or the new one, whole; what was there before the restore is in one of them.
#[test]
fn power_cuts_during_a_restore_leave_one_complete_state() {
    in_namespace("power_cuts_during_a_restore_leave_one_complete_state", || {
        let port = free_port();
        let fixture =
            Fixture::new(&format!("[broker]\nlisten = \"127.0.0.1:{port}\"\n"), "power", &[]);
        let kept = fixture.home.path("kept");
        let [backed_up, all] = fixture.backed_up(port, &kept);
        let (mut moments, cuts, mut num_new) = (Moments::new(), pick(12, 120), 0);
        for _ in 0..cuts {
            fixture.disk.empty();
            copy_all(&kept, &fixture.disk.folder);
            fixture.disk.sync();
            let armed = fixture.disk.arm();
            let mut restore = fixture.restore();
            let_run(moments.between(RESTORE_MS.0, RESTORE_MS.1));
            armed.fire(|| {
                if restore.has_exited().is_none() {
                    restore.signal("STOP");
                }
            });
            restore.kill();
            fixture.disk.mount_again();
            let mut daemon = fixture.home.start(&fixture.config);
            daemon.wait_until("a state", SOON, || [backed_up, all].contains(&fixture.db().count()));
            let is_new = fixture.db().count() == backed_up;
            num_new += usize::from(is_new);
            assert_eq!(daemon.stop(), 0);
            let seed = moments.seed;
            assert_eq!(fixture.db().texts("PRAGMA integrity_check"), ["ok"], "seed {seed}");
            let aside = aside(&fixture.disk.folder);
            assert_eq!(aside.is_some(), is_new, "seed {seed}");
            assert!(aside.is_none_or(|path| Db::at(path).count() == all), "seed {seed}");
        }
        println!(
            "CHAOS power cut, restore: {cuts} cuts, {num_new} times the new state, seed {}",
            moments.seed
        );
    });
}

/// The database that a restore set aside.
fn aside(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder");
    let mut paths = entries.map(|it| it.expect("an entry").path());
    let begins = format!("{}.before-", names::DATABASE);
    paths.find(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).expect("text");
        name.strip_prefix(&begins).is_some_and(|rest| !rest.contains(['.', '-']))
    })
}

fn embedded(durability: &str, cuts: usize, env: &[(&str, &str)]) -> Outcome {
    let port = free_port();
    let table = format!("[broker]\nlisten = \"127.0.0.1:{port}\"\n");
    Fixture::new(&table, durability, env).run(durability, port, cuts)
}

struct Fixture {
    disk: Disk,
    home: Home,
    config: String,
}

impl Fixture {
    fn new(broker: &str, durability: &str, env: &[(&str, &str)]) -> Self {
        let mut home = Home::new();
        env.iter().for_each(|(name, value)| home.set_env(name, value));
        let disk = Disk::format(&home);
        let config = format!(
            "language = \"en\"\n{broker}\
             [storage]\npath = \"disk/{}\"\ndurability = \"{durability}\"\n",
            names::DATABASE
        );
        Self { disk, home, config }
    }

    fn db(&self) -> Db {
        Db::at(self.disk.folder.join(names::DATABASE))
    }

    /// Cuts the power so often, while readings come in.
    fn run(self, name: &str, port: u16, cuts: usize) -> Outcome {
        let mut moments = Moments::new();
        let mut daemon = self.home.spawn(&self.config);
        for _ in 0..FIRST_STARTS {
            let_run(moments.between(START_MS.0, START_MS.1));
            self.cut(&mut daemon);
        }
        daemon.wait_line(names::CONNECTED, SOON);
        let total = cuts.max(3) * RATE as usize;
        let publishers = Plan { rate: Some(RATE), ..Plan::new(port, total) }.start();
        daemon.wait_until("some are acknowledged", SOON, || publishers.acknowledged() > 200);
        for cut in 0..cuts {
            let (least, most) = if cut % 2 == 1 { START_MS } else { LIFE_MS };
            let_run(moments.between(least, most));
            self.cut(&mut daemon);
        }
        daemon.wait_ready();
        if cuts == 1 {
            publishers.enough();
        }
        let published = publishers.finish();
        settle(&self.db(), &published, &mut daemon);
        assert_eq!(daemon.stop(), 0);
        assert_eq!(self.db().texts("PRAGMA integrity_check"), ["ok"]);
        let name = format!("power cut, {name}");
        let deeds = Deeds { name: &name, seed: Some(moments.seed), done: format!("{cuts} cuts") };
        conclude(&self.db(), &published, &deeds)
    }

    /// Starts the daemon on what is on the disk, and cuts the power at a moment of the start: once, twice or three times.
    fn cut_starts(&self, cut: usize, moments: &mut Moments) {
        self.disk.sync();
        for _ in 0..=cut % 3 {
            let armed = self.disk.arm();
            let mut daemon = self.home.spawn(&self.config);
            let_run(moments.between(FIRST_START_MS.0, FIRST_START_MS.1));
            armed.fire(|| daemon.suspend());
            daemon.kill();
            self.disk.mount_again();
        }
    }

    /// Makes a backup, more readings, and a copy of all that is there then. How many readings are in each.
    fn backed_up(&self, port: u16, kept: &Path) -> [usize; 2] {
        let counts = [60, 100];
        let mut daemon = self.home.start(&self.config);
        let first = Plan { connections: 1, ..Plan::new(port, counts[0]) };
        first.start().finish();
        daemon.wait_until("them stored", SOON, || self.db().count() == counts[0]);
        let backup = run_vigie(&self.home, &["backup", "old.db", "-c", "vigie.toml"]);
        assert!(backup.status.success(), "{backup:?}");
        // The first ones come again, and are known.
        Plan { connections: 1, ..Plan::new(port, counts[1]) }.start().finish();
        daemon.wait_until("all stored", SOON, || self.db().count() == counts[1]);
        daemon.kill();
        std::fs::create_dir(kept).expect("a folder");
        copy_all(&self.disk.folder, kept);
        counts
    }

    /// Restores the backup.
    fn restore(&self) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
        command.current_dir(self.home.path(".")).args(["restore", "old.db", "-c", "vigie.toml"]);
        Process::start("vigie restore", &mut command, &self.home.path("restore.txt"))
    }

    /// Version of the database as it is on the disk, 0 without one. Looks at a copy: to open it would change it.
    fn version(&self) -> i64 {
        let copy = self.home.path("copy.db");
        for more in ["", "-wal"] {
            let to = self.home.path(&format!("copy.db{more}"));
            let from = self.disk.folder.join(format!("{}{more}", names::DATABASE));
            let _ = std::fs::remove_file(&to);
            if from.exists() {
                std::fs::copy(from, to).expect("a copy");
            }
        }
        if copy.exists() { Db::at(copy).number("PRAGMA user_version") } else { 0 }
    }

    /// The power goes, and comes back at once.
    fn cut(&self, daemon: &mut Daemon) {
        self.disk.shut_down(|| daemon.suspend());
        daemon.kill();
        self.disk.mount_again();
        *daemon = self.home.spawn(&self.config);
    }
}

/// Runs a scenario in this process if it is within a namespace, else this test once more within one.
fn in_namespace(test: &str, scenario: impl FnOnce()) {
    if std::env::var_os(WITHIN).is_some() {
        return scenario();
    }
    if !require(&["unshare", "mount", "umount", "mkfs.ext4", "python3"]) {
        return;
    }
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--propagation", "private"]);
    if !unshare.arg("true").output().is_ok_and(|output| output.status.success()) {
        let _skipped = skip("a mount namespace takes root");
        return;
    }
    let this = std::env::current_exe().expect("the path of this test");
    let mut again = Command::new("unshare");
    again.args(["--mount", "--propagation", "private"]).arg(this);
    again.arg(format!("power::{test}")).args(["--exact", "--nocapture"]).env(WITHIN, "1");
    let output = again.output().expect("run unshare");
    let (said, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    said.lines().filter(|line| line.starts_with("CHAOS")).for_each(|line| println!("{line}"));
    assert!(output.status.success() && said.contains("1 passed"), "{said}\n{errors}");
}
