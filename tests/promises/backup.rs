//! Backup under load, and restore. An acknowledged reading is in the backup or in the database that was set aside, active
//! alarms stay active, and a file that is not a backup is refused.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Output;

use r2d2_sqlite::rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::numbered::{self, Plan};
use crate::support::{
    Client, Daemon, Db, Home, RawClient, SOON, Version, eventually, free_port, names, run_vigie,
};

const USAGE: i32 = 2;
const UNAVAILABLE: i32 = 69;

const HUMIDITY: &str = "factory/sensors/humidity";

/// Lower bound of numbers after a restore, which continue from the time in µs since 1970.
const FAR: i64 = 1_700_000_000_000_000;

const MARK: &str = "SELECT hex(value) FROM kept WHERE key = x'00'";

fn config(port: u16) -> String {
    format!(
        "language = \"en\"\n[broker]\nlisten = \"127.0.0.1:{port}\"\n\
         [alerts.humidity]\nhigh = 80.0\n[storage]\npath = \"{}\"\n",
        names::DATABASE
    )
}

fn vigie(home: &Home, args: &[&str]) -> (i32, String) {
    let Output { status, stdout, stderr } =
        run_vigie(home, &[args, &["-c", "vigie.toml"]].concat());
    let text = String::from_utf8([stdout, stderr].concat()).expect("text");
    (status.code().expect("an exit"), text)
}

fn humid(port: u16, percent: f64, second: u32) {
    let mut device = device(port, "hygrometer");
    let timestamp = format!("2026-03-01T00:00:{second:02}Z");
    let payload = json!({ "sensor_id": "H_1", "humidity": percent, "timestamp": timestamp });
    assert!(device.is_taken(HUMIDITY, payload.to_string().as_bytes(), SOON));
}

fn device(port: u16, id: &str) -> RawClient {
    RawClient::connect(&format!("127.0.0.1:{port}"), id, Version::V5).expect("connected")
}

/// Alarms as (rule, alert id).
fn alarms(home: &Home) -> Vec<(String, String)> {
    let (code, text) = vigie(home, &["alarms", "--json"]);
    assert_eq!(code, 0, "{text}");
    let of = |alarm: &Value, key: &str| alarm[key].as_str().expect("a text").to_owned();
    let alarms = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let alarms = alarms.flat_map(|it| it.as_array().cloned().unwrap_or_else(|| vec![it]));
    alarms.map(|alarm| (of(&alarm, "rule"), of(&alarm, "id"))).collect()
}

/// Files in the home with this prefix, without SQLite's auxiliary files.
fn names_with(home: &Home, begins: &str) -> Vec<String> {
    let names = fs::read_dir(home.path("."))
        .expect("the folder")
        .map(|it| it.expect("an entry").file_name());
    let names = names.map(|it| it.into_string().expect("text"));
    let mut names: Vec<_> = names
        .filter(|it| it.starts_with(begins) && !it.ends_with("-shm") && !it.ends_with("-wal"))
        .collect();
    names.sort();
    names
}

/// Path of the database that was set aside.
fn aside(home: &Home) -> String {
    let found = names_with(home, &format!("{}.before-", names::DATABASE));
    assert_eq!(found.len(), 2, "database and log: {found:?}");
    assert_eq!(found[1], format!("{}.journal", found[0]));
    found[0].clone()
}

fn numbers(db: &Db) -> Vec<usize> {
    let mut numbers = db.numbers();
    numbers.sort_unstable();
    numbers
}

/// Waits until the daemon has evaluated its whole journal.
fn wait_evaluated(home: &Home, daemon: &mut Daemon) {
    daemon.wait_until("all evaluated", SOON, || {
        let (_, text) = vigie(home, &["status", "--json"]);
        serde_json::from_str::<Value>(&text).is_ok_and(|it| it["lag"]["uncommitted"] == 0)
    });
}

#[test]
fn a_backup_under_load_is_restored_and_no_acknowledged_reading_is_lost() {
    let (home, port) = (Home::new(), free_port());
    let mut daemon = home.start(&config(port));
    humid(port, 91.5, 1);
    let stood = eventually("the alarm", SOON, || {
        let alarms = alarms(&home);
        (!alarms.is_empty()).then_some(alarms)
    });
    // One connection, so readings are stored in the order of their numbers.
    let publishers = Plan { connections: 1, rate: Some(2_000), ..Plan::new(port, 200_000) }.start();
    for (name, acknowledged) in [("one.db", 500), ("two.db", 2_000), ("three.db", 3_500)] {
        daemon.wait_until("readings", SOON, || publishers.acknowledged() > acknowledged);
        let (code, said) = vigie(&home, &["backup", name]);
        assert_eq!(code, 0, "{said}");
        let backup = Db::at(home.path(name));
        let count = backup.number(names::ALL_READINGS);
        assert!(
            said.starts_with(&format!(
                "{name}: readings: {count}, alert events: 1, active alarms: 1, as of 20"
            )),
            "{said}"
        );
        assert_eq!(backup.texts("PRAGMA integrity_check"), ["ok"]);
        let found = backup.numbers();
        assert!(found.iter().copied().eq(0..found.len()), "{name} is no prefix");
        assert!(!found.is_empty());
        let mode = fs::metadata(home.path(name)).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    daemon.wait_until("readings after it", SOON, || publishers.acknowledged() > 5_000);
    publishers.enough();
    let published = publishers.finish();
    let mut taken: BTreeSet<usize> =
        (0..published.acknowledged.len()).filter(|it| published.acknowledged[*it]).collect();
    // While nothing can be stored, readings are in the journal only.
    let lock = Connection::open(home.db().path()).expect("opened");
    lock.execute_batch("BEGIN IMMEDIATE").expect("locked");
    let mut device = device(port, "late");
    for number in published.acknowledged.len()..published.acknowledged.len() + 20 {
        let payload = numbered::payload(number, 0, 0);
        assert!(device.is_taken(names::READINGS, payload.as_bytes(), SOON));
        taken.insert(number);
    }
    daemon.kill();
    drop(lock);

    let (code, said) = vigie(&home, &["restore", "two.db"]);
    assert_eq!(code, 0, "{said}");
    let kept = aside(&home);
    assert!(said.contains(&format!("what was there before: {kept}")), "{said}");
    let backed_up = numbers(&Db::at(home.path("two.db")));
    assert_eq!(numbers(&home.db()), backed_up);

    // The active alarm continues under its id, and no number is reused.
    let mut daemon = home.start(&config(port));
    assert_eq!(alarms(&home), stood);
    humid(port, 40.0, 2);
    let ended =
        "SELECT alert_id || ' ' || (id > 1700000000000000) FROM alerts WHERE state = 'resolved'";
    daemon.wait_until("its end", SOON, || !home.db().texts(ended).is_empty());
    assert_eq!(home.db().texts(ended), [format!("{} 1", stood[0].1)]);
    assert!(home.db().number("SELECT position FROM ingest_position") > FAR);
    assert_eq!(daemon.stop(), 0);
    assert_eq!(home.db().texts("PRAGMA integrity_check"), ["ok"]);

    // What was set aside is a complete installation, including the readings that were in the journal only.
    let stored = numbers(&Db::at(home.path(&kept)));
    assert!(taken.iter().any(|it| !stored.contains(it)), "some are in its log alone");
    let before = config(port).replace(names::DATABASE, &kept);
    let mut daemon = home.start(&before);
    wait_evaluated(&home, &mut daemon);
    assert_eq!(daemon.stop(), 0);
    let there: BTreeSet<usize> = numbers(&Db::at(home.path(&kept))).into_iter().collect();
    let missing: Vec<_> = taken.difference(&there).collect();
    assert!(missing.is_empty(), "acknowledged and in no file: {missing:?}");
    assert!(taken.len() > backed_up.len());
}

#[test]
fn restoring_twice_reuses_no_journal_position_and_no_event_number() {
    let (home, port) = (Home::new(), free_port());
    let mut daemon = home.start(&config(port));
    humid(port, 91.5, 1);
    daemon.wait_until("an alert", SOON, || home.db().number("SELECT count(*) FROM alerts") == 1);
    assert_eq!(vigie(&home, &["backup", "a.db"]).0, 0);
    assert_eq!(daemon.stop(), 0);
    let mut used = BTreeSet::new();
    for _ in 0..3 {
        assert_eq!(vigie(&home, &["restore", "a.db"]).0, 0);
        let mut daemon = home.start(&config(port));
        humid(port, 40.0, 2);
        humid(port, 95.0, 3);
        daemon.wait_until("alerts", SOON, || home.db().number("SELECT count(*) FROM alerts") == 3);
        assert_eq!(daemon.stop(), 0);
        let new =
            "SELECT id || ' ' || alert_id FROM alerts WHERE id > 1700000000000000 ORDER BY id";
        for event in home.db().texts(new) {
            assert!(used.insert(event.clone()), "{event} twice");
        }
        let raised = "SELECT alert_id FROM alerts ORDER BY id DESC LIMIT 1";
        assert!(used.insert(home.db().texts(raised)[0].clone()), "the id of an alarm twice");
    }
}

#[test]
fn a_restored_installation_gets_a_new_id_and_keeps_the_brokers_sessions() {
    let (home, port) = (Home::new(), free_port());
    let mut daemon = home.start(&config(port));
    let mut device = device(port, "device");
    let access = daemon.embedded_broker();
    Client::connect(&access).retain("plant/state", "running");
    assert!(device.is_taken("plant/other", b"x", SOON));
    assert_eq!(vigie(&home, &["backup", "a.db"]).0, 0);
    assert_eq!(daemon.stop(), 0);
    let kept = || Db::at(home.path(&format!("{}.broker", names::DATABASE))).texts(MARK);
    let before = kept();
    assert_eq!(before.len(), 1);
    assert_eq!(vigie(&home, &["restore", "a.db"]).0, 0);
    let mut daemon = home.start(&config(port));
    let listener = Client::listening(&daemon.embedded_broker(), &["plant/#"]);
    let message = listener.wait_count("plant/state", 1, SOON).remove(0);
    assert_eq!(message.payload, b"running");
    assert_eq!(daemon.stop(), 0);
    assert!(kept().len() == 1 && kept() != before);
}

/// Each refusal has its exit code and message, and changes nothing.
#[test]
fn a_file_that_is_not_a_backup_and_a_database_in_use_are_refused() {
    let (home, port) = (Home::new(), free_port());
    let mut daemon = home.start(&config(port));
    humid(port, 40.0, 1);
    daemon.wait_until("a reading", SOON, || home.db().number(names::ALL_READINGS) == 1);
    assert_eq!(vigie(&home, &["backup", "a.db"]).0, 0);
    let bytes = fs::read(home.path("a.db")).expect("the backup");

    let refused = |args: &[&str], code: i32, why: &str| {
        let (found, said) = vigie(&home, args);
        assert!(found == code && said.contains(why), "{args:?}: {found}, {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    };
    refused(&["backup", "a.db"], USAGE, "`a.db` exists already: name another file");
    symlink("nowhere", home.path("link.db")).expect("a link");
    refused(&["backup", "link.db"], USAGE, "exists already");
    refused(&["backup", "none/a.db"], UNAVAILABLE, "can't write `none/a.db.partial`");
    assert_eq!(fs::read(home.path("a.db")).expect("the backup"), bytes);
    let pid = format!("another process has it open (pid {})", daemon.pid());
    refused(&["restore", "a.db"], UNAVAILABLE, &pid);
    // A daemon whose database was removed still runs.
    fs::rename(home.db().path(), home.path("away.db")).expect("moved");
    refused(&["restore", "a.db"], UNAVAILABLE, "another process has it open");
    refused(&["backup", "b.db"], UNAVAILABLE, "there is no such file");
    fs::rename(home.path("away.db"), home.db().path()).expect("moved back");
    assert_eq!(daemon.stop(), 0);

    let database = fs::read(home.db().path()).expect("the database");
    home.write("text.db", &"no database, however long it is ".repeat(100));
    let damaged = [&bytes[..8192], &vec![0xA5; bytes.len() - 8192]].concat();
    fs::write(home.path("damaged.db"), damaged).expect("written");
    let mut newer = bytes.clone();
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes()); // user_version
    fs::write(home.path("newer.db"), newer).expect("written");
    for (file, why) in [
        ("none.db", "there is no such file"),
        ("text.db", "it is no SQLite database"),
        ("damaged.db", "it is damaged"),
        ("newer.db", "it was written by a newer Vigie (schema version 99"),
        (names::DATABASE, "it is the database itself"),
        ("sensor_data.db.broker", "it is no database of Vigie's"),
    ] {
        refused(&["restore", file], USAGE, why);
    }
    assert_eq!(fs::read(home.db().path()).expect("the database"), database);
    let left =
        ["before-", "restore-"].map(|it| names_with(&home, &format!("{}.{it}", names::DATABASE)));
    assert!(left.iter().all(Vec::is_empty), "{left:?}");
    let partial: Vec<PathBuf> =
        ["a.db.partial", "b.db.partial", "b.db"].map(|it| home.path(it)).into();
    assert!(!partial.iter().any(|it| it.exists()));
    // Without a database there is nothing to set aside.
    assert_eq!(vigie(&home, &["backup", "c.db"]).0, 0);
    fs::rename(home.db().path(), home.path("away.db")).expect("moved");
    let (code, said) = vigie(&home, &["restore", "c.db"]);
    assert!(code == 0 && !said.contains("what was there before"), "{said}");
    assert_eq!(home.db().number(names::ALL_READINGS), 1);
}
