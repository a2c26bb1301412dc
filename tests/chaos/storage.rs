//! The database can't be written for a while, or only slowly: everything waits its turn, in the
//! broker and on disk, and not in memory.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use r2d2_sqlite::rusqlite::Connection;

use super::counting::{Deeds, conclude, settle};
use super::scale::pick;
use super::support::numbered::{Plan, Publishers};
use super::support::readings::{reading, timestamp};
use super::support::{
    Client, Daemon, Db, Home, Mosquitto, SOON, SmallDisk, eventually, let_run, names, require,
    resident_kib, skip,
};

/// What the daemon may have in memory at any time.
const MOST_MEMORY_KIB: u64 = 100 * 1024;

/// What the daemon is told to stop in, and some.
const STOPPED: Duration = Duration::from_secs(15);

/// "A needed service is unavailable": a daemon that can't keep its word because its disk is full
/// may leave, and be started again by whoever watches over it.
const UNAVAILABLE: i32 = 69;

fn broker() -> Mosquitto {
    let mut broker = Mosquitto::new().with_persistence().with_endless_queues();
    broker.start();
    broker
}

fn config(broker: &Mosquitto) -> String {
    format!("language = \"en\"\n{}", broker.access().mqtt_table("the broker", ""))
}

/// Another program holds the database for itself.
#[test]
fn a_locked_database_loses_nothing_and_bounds_memory() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let (broker, home) = (broker(), Home::new());
    let mut daemon = home.start(&config(&broker));
    daemon.wait_line(names::CONNECTED, SOON);
    let held = pick(Duration::from_secs(4), Duration::from_secs(60));
    let memory = Memory::of(&daemon);
    let plan = Plan::new(broker.port(), pick(8_000, 140_000));
    let publishers = Plan { rate: Some(pick(1_000, 2_000)), ..plan }.start();
    eventually("some rows", SOON, || (home.db().count() > 0).then_some(()));
    let lock = lock(home.db().path());
    let_run(held);
    drop(lock);
    let published = publishers.finish();
    settle(&home.db(), &published, &mut daemon);
    daemon.wait_line(names::NOTHING_STORED, SOON);
    daemon.wait_line(names::STORING_AGAIN, SOON);
    assert_eq!(daemon.stop(), 0);
    let done = format!("locked for {held:?}, at most {} KiB in memory", memory.most());
    let deeds = Deeds { name: "database locked", seed: None, done };
    conclude(&home.db(), &published, &deeds).assert_exact();
    memory.check();
}

/// Another program holds the database, and the daemon dies: the alert comes all the same, and its rows are
/// there, once, when all is well again.
#[test]
fn an_alert_is_published_while_the_database_is_locked() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let (broker, home) = (Mosquitto::running(), Home::new());
    let listener = Client::listening(&broker.access(), &[names::ALERTS]);
    let device = Client::connect(&broker.access());
    let config = format!("{}[alerts.temperature]\nhigh = 35.0\n", config(&broker));
    let mut daemon = home.start(&config);
    daemon.wait_line(names::CONNECTED, SOON);
    let publish = |n, value| {
        device.publish(names::READINGS, reading("TEMP_001", value, &timestamp(n)), 1);
    };
    publish(0, 20.0);
    daemon.wait_until("a row", SOON, || home.db().count() == 1);

    let locked = lock(home.db().path());
    publish(1, 21.0);
    publish(2, 40.5);
    daemon.wait_until("the alert", SOON, || !listener.received_on(names::ALERTS).is_empty());
    let alert = listener.received_on(names::ALERTS)[0].json();
    assert_eq!(alert["temperature"], 40.5);
    daemon.kill();
    drop(locked);
    assert_eq!(home.db().count(), 1, "nothing was committed");

    let mut daemon = home.start(&config);
    daemon.wait_line(names::CONNECTED, SOON);
    publish(3, 22.0);
    daemon.wait_until("all rows", SOON, || home.db().count() == 4);
    assert_eq!(daemon.stop(), 0);
    let events = home.db().texts("SELECT alert_id || ' ' || state FROM alerts ORDER BY id");
    let id = alert["alert_id"].as_str().expect("an id");
    assert_eq!(events, [format!("{id} active"), format!("{id} resolved")]);
    // Whether the broker had all of it, only the dead one knew: it may come a second time, as it was.
    for told in listener.received_on(names::ALERTS) {
        assert_eq!(told.json()["alert_id"], id);
    }
}

/// Another program holds the database while alarm follows on alarm, and the broker goes and comes back.
#[test]
fn alerts_continue_while_the_database_is_locked() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let (mut broker, home) = (broker(), Home::new());
    let config = format!("{}[alerts.temperature]\nhigh = 35.0\n", config(&broker));
    let mut daemon = home.start(&config);
    daemon.wait_line(names::CONNECTED, SOON);
    let mut told = BTreeSet::new();
    let mut round = |broker: &Mosquitto, first: usize, count: usize, daemon: &mut Daemon| {
        let listener = Client::listening(&broker.access(), &[names::ALERTS]);
        let device = Client::connect(&broker.access());
        for n in first..first + count {
            let payload = reading(&format!("T{n}"), 40.5, &timestamp(n));
            device.publish(names::READINGS, payload, 1);
        }
        daemon.wait_until("all alerts", SOON, || {
            let ids = listener.received_on(names::ALERTS);
            told.extend(ids.iter().map(|it| it.json()["sensor_id"].to_string()));
            told.len() == first + count
        });
    };
    round(&broker, 0, 1, &mut daemon);
    daemon.wait_until("its row", SOON, || home.db().count() == 1);

    let locked = lock(home.db().path());
    round(&broker, 1, 100, &mut daemon);
    broker.stop();
    broker.start();
    daemon.wait_lines(names::CONNECTED, 2, SOON);
    round(&broker, 101, 100, &mut daemon);
    assert_eq!(home.db().count(), 1, "nothing was committed");
    drop(locked);
    daemon.wait_until("all rows", SOON, || home.db().count() == 201);
    assert_eq!(daemon.stop(), 0);
    let unpublished = "SELECT count(*) FROM alerts WHERE published_at IS NULL";
    assert_eq!(home.db().number(unpublished), 0);
}

/// Takes the write lock of a database until dropped.
pub fn lock(path: &Path) -> Connection {
    let connection = Connection::open(path).expect("open the database");
    connection.busy_timeout(SOON).expect("set the patience");
    connection.execute_batch("BEGIN EXCLUSIVE").expect("take the lock");
    connection
}

/// A hundred rows a second at most, and many more a second coming in.
#[test]
fn a_slow_database_loses_nothing_and_bounds_memory() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let (broker, mut home) = (broker(), Home::new());
    home.set_env(names::FAULTS, "slow:storage=10ms");
    let mut daemon = home.start(&config(&broker));
    daemon.wait_line(names::CONNECTED, SOON);
    let memory = Memory::of(&daemon);
    let plan = Plan::new(broker.port(), pick(2_500, 240_000));
    let published = Plan { rate: Some(pick(500, 2_000)), ..plan }.start().finish();
    assert!(daemon.is_running(), "it ended by itself:\n{}", daemon.log());
    // It stops in time although there is much to do, and a quicker one does the rest.
    daemon.terminate();
    assert_eq!(daemon.exit_code(STOPPED), 0);
    let stored = home.db().numbers().len();
    home.set_env(names::FAULTS, "");
    let mut daemon = home.start(&config(&broker));
    settle(&home.db(), &published, &mut daemon);
    assert_eq!(daemon.stop(), 0);
    let done = format!("{stored} stored at the stop, at most {} KiB in memory", memory.most());
    let deeds = Deeds { name: "database slow", seed: None, done };
    conclude(&home.db(), &published, &deeds).assert_exact();
    memory.check();
}

/// The disk is full, and then has room again.
#[test]
fn a_full_disk_loses_nothing_and_bounds_memory() {
    if !require(&Mosquitto::TOOLS) {
        return;
    }
    let (broker, home) = (broker(), Home::new());
    let Some(disk) = SmallDisk::mount(home.path("disk"), pick(48, 128)) else {
        skip("can't mount a small tmpfs: it takes root");
        return;
    };
    let config = format!("{}[storage]\npath = \"disk/data.db\"\n", config(&broker));
    let db = Db::at(home.path("disk/data.db"));
    let mut daemon = home.start(&config);
    daemon.wait_line(names::CONNECTED, SOON);
    let memory = Memory::of(&daemon);
    let plan = Plan::new(broker.port(), pick(8_000, 140_000));
    let publishers = Plan { rate: Some(pick(1_000, 2_000)), ..plan }.start();
    eventually("some rows", SOON, || (db.count() > 0).then_some(()));
    disk.fill();
    let said = live_through(&home, &config, &mut daemon, &publishers, &disk);
    let published = publishers.finish();
    settle(&db, &published, &mut daemon);
    assert_eq!(daemon.stop(), 0);
    let done = format!("{said}, at most {} KiB in memory", memory.most());
    conclude(&db, &published, &Deeds { name: "disk full", seed: None, done }).assert_exact();
    memory.check();
}

/// Until the disk has room again and the daemon has said so, or has left saying why and is back.
fn live_through(
    home: &Home,
    config: &str,
    daemon: &mut Daemon,
    publishers: &Publishers,
    disk: &SmallDisk,
) -> String {
    let before = publishers.acknowledged();
    eventually("a word on the full disk", SOON, || {
        let log = daemon.log();
        let said = names::FULL.iter().any(|words| log.contains(words));
        (said || daemon.has_exited().is_some()).then_some(())
    });
    let_run(pick(Duration::from_secs(3), Duration::from_secs(60)));
    let exit = daemon.has_exited();
    disk.free();
    let Some(code) = exit else {
        daemon.wait_line(names::AGAIN, SOON);
        return format!("{} published meanwhile", publishers.acknowledged() - before);
    };
    let log = daemon.log();
    let why = log.lines().rev().find(|line| names::FULL.iter().any(|words| line.contains(words)));
    assert_eq!((code, why.is_some()), (UNAVAILABLE, true), "an exit that says why:\n{log}");
    *daemon = home.start(config);
    daemon.wait_line(names::CONNECTED, SOON);
    "left with exit code 69 and was started again".to_owned()
}

/// Looks at a process's memory all the time.
struct Memory {
    most_kib: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Memory {
    /// Until it ends.
    fn of(daemon: &Daemon) -> Self {
        let pid = daemon.pid();
        let (most_kib, stop) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let (most, stopped) = (Arc::clone(&most_kib), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            while let (Some(kib), false) = (resident_kib(pid), stopped.load(Ordering::Relaxed)) {
                most.fetch_max(kib, Ordering::Relaxed);
                let_run(Duration::from_millis(50));
            }
        });
        Self { most_kib, stop, thread: Some(thread) }
    }

    fn most(&self) -> u64 {
        self.most_kib.load(Ordering::Relaxed)
    }

    fn check(&self) {
        let most = self.most();
        assert!((1..MOST_MEMORY_KIB).contains(&most), "{most} KiB in memory");
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Its panic, if any, has been told.
            let _ = thread.join();
        }
    }
}
