use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::domain::{
    Action, ActionRecord, AlarmName, AlarmOf, AlarmState, AlertState, Operator, OperatorAction,
    Refused, SensorId, Via,
};
use crate::store::backlog::Taken;
use crate::store::fixtures::{
    alerts, at, event, humidity, number, readings, rejected, settings, stored, temperature, value,
};
use crate::supervisor::Routed;

/// A database with one message in it, and what goes ahead of it.
struct Bench {
    folder: TempDir,
    path: PathBuf,
    database: Database,
    ahead: Option<Ahead>,
    backlog: Backlog,
}

impl Bench {
    fn new() -> Self {
        let first = Store { number: 1, through: 1, ..readings([temperature("T", 0, 20.0)]) };
        let (folder, path) = stored(&[first]);
        let database = crate::store::open(&settings(&path)).unwrap();
        let mut bench = Self { folder, path, database, ahead: None, backlog: Backlog::new(0) };
        bench.restart();
        bench
    }

    fn ahead(&self) -> &Ahead {
        self.ahead.as_ref().unwrap()
    }

    fn folder(&self) -> PathBuf {
        self.folder.path().join("alerts")
    }

    /// As after the death of the process: what was in memory is gone.
    fn restart(&mut self) {
        self.restart_with(Durability::Process);
    }

    fn restart_with(&mut self, durability: Durability) {
        self.ahead = None; // frees the folder
        let ahead = Ahead::open(&self.folder(), durability, &mut self.database).unwrap();
        self.backlog = Backlog::new(ahead.last_alert_row());
        self.ahead = Some(ahead);
    }

    /// Takes a message on and keeps it; whether that was possible.
    fn keep(&self, store: Store) -> bool {
        let number = store.number;
        self.push(store);
        self.ahead().keep(&self.backlog, false);
        self.ahead().through() == number
    }

    fn push(&self, store: Store) {
        self.backlog.push(Taken::Store(Routed::alone(store)));
    }

    fn number(&self, sql: &str) -> i64 {
        number(&self.path, sql)
    }

    fn num_readings(&self) -> i64 {
        self.number("SELECT count(*) FROM readings")
    }
}

fn numbered(number: u64, store: Store) -> Store {
    Store { number, through: number * 10, ..store }
}

fn an_alert(number: u64) -> Store {
    let seconds = i64::try_from(number).unwrap();
    let raised = event(&format!("a{number}"), "T", seconds, AlertState::Active);
    numbered(number, Store { readings: vec![temperature("T", seconds, 38.2)], ..alerts([raised]) })
}

fn an_action(outcome: Result<bool, Refused>) -> ActionRecord {
    let sensor_id = SensorId::new("T").unwrap();
    let action = OperatorAction {
        what: Action::Shelve { lasting: std::time::Duration::from_secs(90), is_one_shot: true },
        alarm: AlarmName::Of { rule: "r".into(), sensor_id: sensor_id.clone() },
        operator: Operator { by: "Zoé".into(), why: None },
        at: at(0),
        via: Via::Cli,
    };
    let of = AlarmOf { alert_id: Some("0123456789abcdef".into()), rule: "r".into(), sensor_id };
    ActionRecord { action, of: Some(of), outcome }
}

fn a_reading(number: u64) -> Store {
    let seconds = i64::try_from(number).unwrap();
    numbered(number, readings([temperature("T", seconds, 20.0)]))
}

#[test]
fn what_went_ahead_is_in_the_database_after_the_death_of_the_process() {
    let mut bench = Bench::new();
    bench.push(a_reading(2));
    assert!(bench.keep(an_alert(3)));
    assert!(bench.keep(an_alert(4)));
    bench.push(a_reading(5)); // no alert: it waits for its commit, in memory and in the intake's journal
    assert_eq!(bench.num_readings(), 1);
    bench.restart();
    assert_eq!(bench.num_readings(), 4);
    assert_eq!(bench.number("SELECT count(*) FROM alerts WHERE published_at IS NULL"), 2);
    assert_eq!(bench.database.ingest_position().unwrap(), 40);
    bench.restart();
    assert_eq!(bench.num_readings(), 4, "and once only");
    assert_eq!(bench.ahead().last_alert_row(), 2);
}

#[test]
fn all_of_a_message_comes_back() {
    let bench = Bench::new();
    let mut event = event("a", "TEMP_é", 5, AlertState::Resolved);
    event.value = None;
    event.threshold = 0.1 + 0.2;
    event.operator = Some(Operator { by: "Zoé".into(), why: Some("\"checked\"\n".into()) });
    let state = |state: Option<&str>| AlarmState {
        sensor_id: SensorId::new("TEMP_é").unwrap(),
        rule: "r".into(),
        state: state.map(str::to_owned),
    };
    let mut store = alerts([event]);
    store.readings = vec![humidity("H", 1, 1e300), temperature("T", 2, -0.1)];
    store.readings[0].reading.value = value("38");
    store.readings[1].reading.timestamp += chrono::TimeDelta::nanoseconds(1);
    store.readings.push(humidity("H", 300_000_000_000, 20.0)); // in a year of five digits
    store.alarms = vec![state(Some("{}")), state(None)];
    store.rejected = vec![rejected("\u{0}x")];
    store.actions =
        vec![an_action(Ok(true)), an_action(Err(Refused::NotNow("it is normal".into())))];
    store.watch = std::time::Duration::new(5, 1000);
    let json = serde_json::to_string(&store).unwrap();
    let back: Store = serde_json::from_str(&json).unwrap();
    assert_eq!(format!("{back:?}"), format!("{store:?}"));
    assert!(bench.keep(numbered(2, store)));
}

#[test]
fn what_is_committed_goes() {
    let mut bench = Bench::new();
    let long = |number| {
        let mut store = an_alert(number);
        store.alerts[0].message = "x".repeat(MAX_PAYLOAD_BYTES / 2);
        store
    };
    for number in 2..40 {
        bench.backlog.forget(1);
        bench.ahead().committed(number - 1);
        assert!(bench.keep(long(number)));
    }
    let files = std::fs::read_dir(bench.folder()).unwrap().count();
    assert!(files <= 3, "{files} files: two segments at most, and the lock");
    bench.ahead().close();
    assert!(!bench.keep(an_alert(40)), "closed");
    bench.restart();
    assert_eq!(bench.num_readings(), 1, "all of it had been told to be committed");
}

#[test]
fn what_does_not_follow_on_the_database_is_left_to_be_judged_again() {
    let mut bench = Bench::new();
    assert!(bench.keep(an_alert(3)));
    bench.restart();
    assert_eq!(bench.num_readings(), 1);
    // A file that was just made has seen nothing.
    assert!(bench.keep(an_alert(2)));
    bench.path = bench.folder.path().join("new.db");
    bench.database = crate::store::open(&settings(&bench.path)).unwrap();
    bench.restart();
    assert_eq!(bench.num_readings(), 0);
}

#[test]
fn nothing_goes_ahead_of_the_first_commit() {
    let mut bench = Bench::new();
    bench.path = bench.folder.path().join("new.db");
    bench.database = crate::store::open(&settings(&bench.path)).unwrap();
    bench.restart();
    let first = an_alert(1);
    write::commit(&mut bench.database, &[Work::Store(&first)]).unwrap();
    assert!(!bench.keep(first));
    bench.backlog.forget(1);
    bench.ahead().committed(1);
    assert!(bench.keep(an_alert(2)));
    bench.restart();
    assert_eq!(bench.num_readings(), 2);
    assert!(bench.keep(an_alert(3)), "it has begun");
}

#[test]
fn a_write_that_was_cut_short_is_left_out() {
    let mut bench = Bench::new();
    assert!(bench.keep(an_alert(2)));
    assert!(bench.keep(an_alert(3)));
    let files = std::fs::read_dir(bench.folder()).unwrap().map(|file| file.unwrap().path());
    let segment = files.filter(|it| it.extension().is_some()).max().unwrap();
    let written = std::fs::read(&segment).unwrap();
    let end = written.iter().rposition(|byte| *byte != 0).unwrap();
    std::fs::write(&segment, &written[..end]).unwrap();
    bench.restart();
    assert_eq!(bench.num_readings(), 2);
}

#[test]
fn a_record_that_cannot_be_read_ends_it() {
    let mut bench = Bench::new();
    assert!(bench.keep(an_alert(2)));
    bench
        .ahead()
        .lock()
        .journal
        .as_mut()
        .unwrap()
        .append(b"{\"of\": \"a later version\"}")
        .unwrap();
    assert!(bench.keep(an_alert(3)));
    bench.restart();
    assert_eq!(bench.num_readings(), 2);
}

#[test]
fn alerts_wait_for_their_commit_where_the_device_is_to_be_waited_for() {
    let mut bench = Bench::new();
    assert!(bench.keep(an_alert(2)));
    bench.restart_with(Durability::Power);
    assert_eq!(bench.num_readings(), 2, "what the other durability left");
    assert!(!bench.keep(an_alert(3)));
    bench.restart_with(Durability::Power);
    assert_eq!(bench.num_readings(), 2);
}

#[test]
fn what_operators_did_comes_back_too() {
    let mut bench = Bench::new();
    assert!(bench.keep(Store { actions: vec![an_action(Ok(true))], ..an_alert(2) }));
    assert!(bench.keep(an_alert(3)));
    bench.restart();
    assert_eq!(bench.number("SELECT count(*) FROM operator_actions"), 1);
    assert_eq!(bench.num_readings(), 3);
}

#[test]
fn what_is_too_long_waits_for_its_commit_and_what_comes_after_it_too() {
    let mut bench = Bench::new();
    let mut long = an_alert(3);
    long.alerts[0].message = "x".repeat(MAX_PAYLOAD_BYTES);
    bench.push(an_alert(2));
    assert!(!bench.keep(long));
    assert_eq!(bench.ahead().through(), 2, "what comes before it does not");
    assert!(!bench.keep(an_alert(4)));
    bench.restart();
    assert_eq!(bench.num_readings(), 2);
}

#[test]
fn too_much_waits_for_its_commit() {
    let bench = Bench::new();
    let many = (0..).take(MOST_READINGS).map(|n| temperature("T", n, 20.0));
    bench.push(numbered(2, readings(many)));
    assert!(!bench.keep(an_alert(3)));
    bench.backlog.forget(1);
    assert!(bench.keep(an_alert(4)));
}

#[test]
fn nothing_is_too_much_while_commits_are_stuck() {
    let mut bench = Bench::new();
    for number in 2..20 {
        let many = (0..).take(MOST_READINGS).map(|n| temperature(&format!("T{number}"), n, 20.0));
        bench.push(numbered(number, readings(many)));
    }
    bench.push(an_alert(20));
    bench.ahead().keep(&bench.backlog, true);
    bench.restart();
    assert_eq!(bench.num_readings(), 18_002);
}

#[test]
fn what_is_here_is_in_no_haste_to_be_committed() {
    let bench = Bench::new();
    let is_pressing = || bench.backlog.is_pressing(bench.ahead().through());
    for number in 2..9 {
        assert!(bench.keep(an_alert(number)));
        assert!(!is_pressing());
    }
    bench.push(a_reading(9));
    assert!(is_pressing(), "it is in memory only");
    assert!(bench.keep(an_alert(10)));
    assert!(!is_pressing());
}
