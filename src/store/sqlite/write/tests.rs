use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::domain::{
    Action, AlarmOf, ListeningClocks, Operator, OperatorAction, Quantity, Refused, SensorId, Via,
};
use crate::store::ledger::{PendingQuery, Settings};
use crate::store::sqlite::database::open;
use crate::store::sqlite::fixtures::{
    alerts, at, commit, event, fill_disk, humidity, number, readings, rejected, settings, store,
    stored, temperature, texts, value,
};
use crate::store::sqlite::{recall, resume};

/// A file, its writer's connection, and the messages sent to it so far.
struct Bench {
    _folder: TempDir,
    path: PathBuf,
    database: Database,
}

impl Bench {
    fn new(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sensor_data.db");
        let mut settings = settings(&path);
        change(&mut settings);
        Self { _folder: folder, path, database: open(&settings).unwrap() }
    }

    fn send(&mut self, store: &Store) {
        commit(&mut self.database, &[Work::Store(store)]).unwrap();
    }

    fn number(&self, sql: &str) -> i64 {
        number(&self.path, sql)
    }

    fn texts(&self, sql: &str) -> Vec<String> {
        texts(&self.path, sql)
    }
}

fn plain() -> Bench {
    Bench::new(|_| ())
}

#[test]
fn temperatures_go_to_the_origins_table() {
    let mut bench = plain();
    bench.send(&readings([temperature("TEMP_001", 0, 24.5), temperature("TEMP_001", 2, 38.2)]));
    assert_eq!(
        bench.texts(
            "SELECT id || '|' || sensor_id || '|' || location || '|' || temperature || '|' ||
             timestamp || '|' || alert_triggered FROM sensor_readings ORDER BY timestamp DESC"
        ),
        [
            "2|TEMP_001|Atelier Production|38.2|2024-08-14T10:30:02.000000+00:00|1",
            "1|TEMP_001|Atelier Production|24.5|2024-08-14T10:30:00.000000+00:00|0",
        ]
    );
}

#[test]
fn naive_times_have_no_suffix() {
    let mut bench = Bench::new(|settings| settings.naive = true);
    bench.send(&readings([temperature("TEMP_001", 0, 24.5)]));
    bench.send(&alerts([event("a", "TEMP_001", 0, AlertState::Active)]));
    for sql in ["SELECT timestamp FROM readings", "SELECT since FROM standing_alerts"] {
        assert_eq!(bench.texts(sql), ["2024-08-14T10:30:00.000000"]);
    }
}

#[test]
fn the_view_unites_quantities_and_knows_units() {
    let mut bench = plain();
    let mut fahrenheit = temperature("TEMP_F", 1, 75.0);
    fahrenheit.reading.unit = crate::domain::Unit::new("fahrenheit");
    bench.send(&readings([temperature("TEMP_001", 0, 24.5), fahrenheit, humidity("H", 2, 40.0)]));
    assert_eq!(
        bench.texts(
            "SELECT sensor_id || ' ' || quantity || ' ' || value || ' ' || unit FROM readings
             ORDER BY timestamp"
        ),
        [
            "TEMP_001 temperature 24.5 celsius",
            "TEMP_F temperature 75.0 fahrenheit",
            "H humidity 40.0 percent"
        ]
    );
    assert_eq!(bench.number("SELECT count(*) FROM sensor_readings"), 2);
    assert_eq!(bench.number("SELECT count(*) FROM quantity_readings"), 1);
}

#[test]
fn sensors_are_written_when_they_change() {
    let mut bench = plain();
    let changes = |bench: &Bench| bench.database.connection.total_changes();
    bench.send(&readings([temperature("TEMP_001", 0, 20.0)]));
    let before = changes(&bench);
    bench.send(&readings([temperature("TEMP_001", 1, 20.0)]));
    let without_news = changes(&bench) - before;
    let mut moved = temperature("TEMP_001", 2, 20.0);
    moved.reading.location = crate::domain::Location::new("Entrepôt");
    bench.send(&readings([moved]));
    assert_eq!(changes(&bench) - before, 2 * without_news + 1);
    assert_eq!(bench.texts("SELECT location FROM sensors"), ["Entrepôt"]);
}

#[test]
fn a_sensor_noted_in_a_failed_transaction_is_noted_again() {
    let mut bench = plain();
    bench
        .database
        .connection
        .execute_batch(
            "CREATE TRIGGER fail BEFORE INSERT ON rejected_messages
             BEGIN SELECT RAISE(ABORT, 'injected'); END",
        )
        .unwrap();
    let mut store = readings([temperature("TEMP_001", 0, 20.0)]);
    store.rejected.push(rejected("x"));
    assert!(commit(&mut bench.database, &[Work::Store(&store)]).is_err());
    assert_eq!(bench.number("SELECT count(*) FROM readings"), 0);
    bench.send(&readings([temperature("TEMP_001", 0, 20.0)]));
    assert_eq!(bench.number("SELECT count(*) FROM sensors"), 1);
}

#[test]
fn alarm_states_are_kept_until_the_alarm_is_at_rest() {
    let mut bench = plain();
    let alarm = |sensor: &str, state: Option<&str>| AlarmState {
        sensor_id: SensorId::new(sensor).unwrap(),
        rule: "cold-room-warm".into(),
        state: state.map(str::to_owned),
    };
    let states = |bench: &Bench| recall::alarm_states(&bench.database.connection).unwrap();
    let (a, b) = (alarm("A", Some("1")), alarm("B", Some("2")));
    bench.send(&Store { alarms: vec![a.clone(), b.clone()], ..store() });
    assert_eq!(states(&bench), [a, b.clone()]);
    let clocks = ListeningClocks::all_at(Duration::from_micros(7));
    bench.send(&Store { alarms: vec![alarm("A", None)], clocks, ..store() });
    assert_eq!(states(&bench), [b]);
    let progress = resume::progress(&bench.database.connection).unwrap();
    assert_eq!((progress.batch, progress.clocks), (2, clocks));
}

#[test]
fn what_operators_asked_for_is_kept_with_its_outcome() {
    let mut bench = plain();
    let action = OperatorAction {
        what: Action::Reset,
        alarm: "warm/T".parse().unwrap(),
        operator: Operator::new("anne", None).unwrap(),
        at: at(0),
        via: Via::Cli,
    };
    let of = Some(AlarmOf {
        alert_id: Some("0123456789abcdef".into()),
        rule: "warm".into(),
        sensor_id: SensorId::new("T").unwrap(),
    });
    let done = ActionRecord { action: action.clone(), of, outcome: Ok(true) };
    let unknown = Err(Refused::Unknown("no such rule".into()));
    let refused = ActionRecord { action, of: None, outcome: unknown };
    let message = Store { actions: vec![done, refused], ..store() };
    bench.send(&message);
    bench.send(&message);
    let sql = "SELECT concat_ws('|', at, action, alarm, rule, sensor, \"by\", why, via, outcome)
               FROM operator_actions ORDER BY id";
    assert_eq!(
        bench.texts(sql),
        [
            "2024-08-14T10:30:00.000000+00:00|reset|0123456789abcdef|warm|T|anne|cli|done",
            "2024-08-14T10:30:00.000000+00:00|reset|warm/T|anne|cli|refused: no such rule",
        ]
    );
}

/// Of an alarm, by its name: done, or refused.
fn asked(alarm: &str, outcome: Result<bool, Refused>) -> ActionRecord {
    let action = OperatorAction {
        what: Action::Acknowledge,
        alarm: alarm.parse().unwrap(),
        operator: Operator::new("anne", None).unwrap(),
        at: at(0),
        via: Via::Mqtt,
    };
    ActionRecord { action, of: None, outcome }
}

fn refused(alarm: &str) -> ActionRecord {
    asked(alarm, Err(Refused::Unknown("no such rule".into())))
}

#[test]
fn actions_without_effect_are_bounded_and_the_others_stay() {
    let mut bench = Bench::new(|settings| settings.rejected_keep = 3);
    bench.send(&Store { actions: vec![asked("a/1", Ok(true))], ..store() });
    for batch in [&["r/1", "r/2"][..], &["r/3"], &["r/4", "r/5"]] {
        let actions = batch.iter().map(|alarm| refused(alarm)).collect();
        bench.send(&Store { actions, ..store() });
        bench.send(&Store { actions: vec![asked("a/2", Ok(true))], ..store() });
    }
    let kept = |bench: &Bench, outcome: &str| {
        bench.texts(&format!("SELECT alarm FROM operator_actions WHERE {outcome} ORDER BY id"))
    };
    assert_eq!(kept(&bench, "outcome <> 'done'"), ["r/3", "r/4", "r/5"]);
    let so_already = ["u/1", "u/2"].map(|alarm| asked(alarm, Ok(false)));
    bench.send(&Store { actions: so_already.into(), ..store() });
    assert_eq!(kept(&bench, "outcome <> 'done'"), ["r/5", "u/1", "u/2"]);
    assert_eq!(kept(&bench, "outcome = 'done'"), ["a/1", "a/2", "a/2", "a/2"]);
}

#[test]
fn no_action_without_effect_is_kept_when_nothing_rejected_shall_be() {
    let mut bench = Bench::new(|settings| settings.rejected_keep = 0);
    bench.send(&Store { actions: vec![refused("r/1"), asked("a/1", Ok(true))], ..store() });
    assert_eq!(bench.texts("SELECT alarm FROM operator_actions"), ["a/1"]);
}

#[test]
fn a_repeat_is_recognised_by_its_number() {
    let mut bench = plain();
    let stores: Vec<_> = (0..4).map(|n| readings([temperature("T", n, 20.0)])).collect();
    let work: Vec<_> = stores.iter().map(Work::Store).collect();
    let count = |bench: &Bench| bench.number("SELECT count(*) FROM readings");
    let position = |bench: &Bench| resume::progress(&bench.database.connection).unwrap().position;
    commit(&mut bench.database, &work[..2]).unwrap();
    assert_eq!((count(&bench), position(&bench)), (2, 2));
    // The next incarnation repeats what was committed, and has more.
    commit(&mut bench.database, &work).unwrap();
    assert_eq!((count(&bench), position(&bench)), (4, 4));
    // A dead incarnation's commit comes through late: it must not take the position back either.
    commit(&mut bench.database, &work[..2]).unwrap();
    commit(&mut bench.database, &work[2..3]).unwrap();
    assert_eq!((count(&bench), position(&bench)), (4, 4));
}

#[test]
fn rejected_messages_are_bounded_and_all_counted() {
    let mut bench = Bench::new(|settings| settings.rejected_keep = 3);
    bench.send(&Store { rejected: vec![rejected("1"), rejected("2")], ..store() });
    let many = ["3", "4", "5", "\0\u{ff}"].map(rejected).to_vec();
    bench.send(&Store { rejected: many, ..store() });
    assert_eq!(
        bench.texts("SELECT CAST(payload AS TEXT) FROM rejected_messages ORDER BY id"),
        ["4", "5", "\0\u{ff}"]
    );
    assert_eq!(bench.number("SELECT min(payload_bytes) FROM rejected_messages"), 70_000);
    assert_eq!(bench.number("SELECT value FROM counters WHERE name = 'rejected_total'"), 6);
}

#[test]
fn nothing_rejected_is_kept_when_none_shall_be() {
    let mut bench = Bench::new(|settings| settings.rejected_keep = 0);
    for _ in 0..2 {
        bench.send(&Store { rejected: vec![rejected("x")], ..store() });
    }
    assert_eq!(bench.number("SELECT count(*) FROM rejected_messages"), 0);
    assert_eq!(bench.number("SELECT value FROM counters WHERE name = 'rejected_total'"), 2);
}

#[test]
fn an_alert_stands_from_its_first_event_until_it_is_resolved() {
    let mut bench = plain();
    bench.send(&alerts([
        event("a", "TEMP_001", 0, AlertState::Active),
        event("a", "TEMP_001", 2, AlertState::Active),
        event("b", "TEMP_002", 3, AlertState::Active),
    ]));
    let standing = recall::standing_alerts(&bench.database.connection).unwrap();
    assert_eq!(standing.len(), 2);
    assert_eq!(standing[0].alert_id.as_ref(), "a");
    assert_eq!(standing[0].since, at(0));
    assert_eq!(standing[0].rule.as_ref(), "high-temperature");
    bench.send(&alerts([event("a", "TEMP_001", 4, AlertState::Resolved)]));
    bench.send(&alerts([event("c", "TEMP_002", 5, AlertState::Active)]));
    let standing = recall::standing_alerts(&bench.database.connection).unwrap();
    assert_eq!(standing.len(), 1);
    assert_eq!((standing[0].alert_id.as_ref(), standing[0].since), ("c", at(5)));
}

#[test]
fn announced_alerts_are_pending_until_delivered() {
    let mut bench = plain();
    let mut events: Vec<_> =
        (0..4).map(|n| event(&format!("a{n}"), "TEMP_001", n, AlertState::Active)).collect();
    events[1].announced = false;
    events[2].value = Some(value("38"));
    events[3].value = Some(value("38.0"));
    for (number, event) in (1..).zip(&mut events) {
        event.number = number;
    }
    bench.send(&alerts(events.clone()));
    let pending = |bench: &Bench, after, at_most| {
        let which = PendingQuery { after, at_most, except: &[] };
        recall::pending_alerts(&bench.database.connection, &which).unwrap()
    };
    let first = pending(&bench, 0, 10);
    let expected: Vec<_> = [0, 2, 3].map(|n: usize| events[n].clone()).to_vec();
    assert_eq!(first, expected);
    assert_eq!(first[1].value.unwrap().to_string(), "38");
    assert_eq!(first[2].value.unwrap().to_string(), "38.0");
    assert_eq!(pending(&bench, first[0].number, 1), first[1..2]);

    let numbers = [first[0].number, first[2].number];
    let work = Work::Delivered { numbers: &numbers, at: at(60) };
    commit(&mut bench.database, &[work]).unwrap();
    assert_eq!(pending(&bench, 0, 10), first[1..2]);
    assert_eq!(
        bench.texts("SELECT DISTINCT published_at FROM alerts WHERE published_at IS NOT NULL"),
        ["2024-08-14T10:31:00.000000+00:00"]
    );
}

#[test]
fn an_unreadable_alert_does_not_hold_up_the_others() {
    let mut bench = plain();
    bench.send(&alerts((0..3).map(|n| event("a", "TEMP_001", n, AlertState::Active))));
    bench
        .database
        .connection
        .execute("UPDATE alerts SET state = 'odd' WHERE id = (SELECT min(id) FROM alerts)", [])
        .unwrap();
    let which = PendingQuery { after: 0, at_most: 2, except: &[] };
    let pending = recall::pending_alerts(&bench.database.connection, &which).unwrap();
    assert_eq!(pending.iter().map(|event| event.timestamp).collect::<Vec<_>>(), [at(1), at(2)]);
    let which = PendingQuery { except: &[Quantity::temperature()], ..which };
    assert_eq!(recall::pending_alerts(&bench.database.connection, &which).unwrap(), []);
}

#[test]
fn what_is_kept_of_alarms_counts_as_rows() {
    let alarm = AlarmState {
        sensor_id: SensorId::new("A").unwrap(),
        rule: "dead".into(),
        state: Some("1".to_owned()),
    };
    let mut message = readings([temperature("A", 0, 20.0)]);
    message.alarms.push(alarm);
    assert_eq!(Work::Store(&message).num_rows(), 2);
}

#[test]
fn a_commit_that_fails_leaves_the_cursor_before_its_rows() {
    let (_folder, path) = stored(&[readings([temperature("T", 1, 20.0)])]);
    let mut database = open(&settings(&path)).unwrap();
    let before = resume::progress(&database.connection).unwrap();
    fill_disk(&database, true);
    let many = readings((0..2000).map(|second| temperature("T", 2 + second, 20.0)));
    assert!(commit(&mut database, &[Work::Store(&many)]).is_err());
    assert_eq!(resume::progress(&database.connection).unwrap(), before);
    fill_disk(&database, false);
    commit(&mut database, &[Work::Store(&many)]).unwrap();
    let after = resume::progress(&database.connection).unwrap();
    assert_eq!((after.position, after.batch), (many.through, many.number));
    assert_eq!(number(&path, "SELECT count(*) FROM sensor_readings"), 2001);
}
