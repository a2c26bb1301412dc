use crate::domain::{AlarmOf, AlarmView, Location, Priority, SeriesFlags, Unit, Value};

use super::*;

fn key(id: &str) -> SeriesKey {
    (SensorId::new(id).unwrap(), Quantity::temperature())
}

fn view(value: Option<f64>, standing: Option<Priority>) -> SeriesView {
    let mut flags = SeriesFlags::default();
    standing.into_iter().for_each(|priority| flags.set_standing(priority));
    SeriesView {
        value: value.map(|value| Value::new(value).unwrap()),
        timestamp: DateTime::UNIX_EPOCH,
        flags,
        location: Location::new("hall"),
        unit: Unit::new("celsius"),
        low: None,
        high: Some(35.0),
        every: Some(2.0),
        is_judged: false,
        stale_after: None,
    }
}

fn alarm(rule: &str, sensor: &str, since: i64) -> LiveAlarm {
    let sensor_id = SensorId::new(sensor).unwrap();
    LiveAlarm {
        view: AlarmView {
            of: AlarmOf { alert_id: None, rule: rule.into(), sensor_id },
            alert_type: "HIGH_TEMPERATURE".into(),
            location: Location::new("hall"),
            quantity: Quantity::temperature(),
            value: None,
            unit: Unit::new("celsius"),
            threshold: 35.0,
            severity: Priority::High,
            state: "unacknowledged",
            since: DateTime::from_timestamp(since, 0),
            withheld: None,
            acknowledged: None,
            shelved: None,
            suppressed_by: None,
            out_of_service: None,
        },
        runbook: None,
    }
}

fn update(table: &LiveTable, series: Vec<(SeriesKey, SeriesView)>) {
    table.update(LiveUpdate { num_readings: series.len(), series, ..LiveUpdate::default() });
}

fn set_alarm(table: &LiveTable, key: AlarmKey, alarm: Option<LiveAlarm>) {
    let alarms = vec![(key, alarm)];
    table.update(LiveUpdate { alarms, ..LiveUpdate::default() });
}

fn indexes(changes: &LiveChanges) -> (Vec<u32>, Vec<u32>) {
    let described = changes.descriptions.iter().map(|it| it.index).collect();
    (described, changes.values.iter().map(|it| it.index).collect())
}

#[test]
fn a_lagging_reader_polls_the_changes_since_its_version() {
    let table = LiveTable::default();
    let both = [(key("A"), view(Some(1.0), None)), (key("B"), view(None, None))];
    table.replace(both.into_iter(), std::iter::empty());
    let first = table.since(Some(0), Some(0));
    assert_eq!((first.version, first.is_full), (1, false));
    assert_eq!(indexes(&first), (vec![0, 1], vec![0, 1]));
    assert_eq!((first.values[0].at, first.values[1].at), (Some(DateTime::UNIX_EPOCH), None));
    update(&table, vec![(key("A"), view(Some(2.0), Some(Priority::High)))]);
    let changes = table.since(Some(1), None);
    // What it is did not change.
    assert_eq!(indexes(&changes), (vec![], vec![0]));
    assert_eq!(changes.values[0].flags.bits(), 2);
    assert!(table.since(Some(2), None).is_empty());
    assert_eq!(table.heads(), LiveHeads { series: 2, alarms: 0 });
    let newest = Some(DateTime::UNIX_EPOCH);
    assert_eq!(table.summary(), LiveSummary { num_series: 2, num_standing: 1, newest });
    assert_eq!((table.num_readings(), table.key(1)), (1, Some(key("B"))));
    assert_eq!(table.page(1, 9).len(), 1);
}

#[test]
fn what_a_series_is_comes_again_when_it_changed() {
    let table = LiveTable::default();
    let mut view = view(Some(1.0), None);
    update(&table, vec![(key("A"), view.clone())]);
    let mut since = 1;
    for change in [
        |view: &mut SeriesView| view.location = Location::new("yard"),
        |view: &mut SeriesView| view.unit = Unit::new("kelvin"),
        |view: &mut SeriesView| view.low = Some(2.0),
        |view: &mut SeriesView| view.high = None,
        |view: &mut SeriesView| view.every = Some(9.0),
        |view: &mut SeriesView| view.every = None,
    ] {
        change(&mut view);
        update(&table, vec![(key("A"), view.clone())]);
        let changes = table.since(Some(since), None);
        let [described] = changes.descriptions.as_slice() else { panic!("{changes:?}") };
        assert_eq!((&described.location, &described.unit), (&view.location, &view.unit));
        assert_eq!(
            (described.low, described.high, described.every),
            (view.low, view.high, view.every)
        );
        since = changes.version;
    }
    view.every = Some(9.0);
    update(&table, vec![(key("A"), view.clone())]);
    let since = table.since(Some(0), None).version;
    // A little faster is no news.
    view.every = Some(8.0);
    update(&table, vec![(key("A"), view)]);
    assert_eq!(indexes(&table.since(Some(since), None)), (vec![], vec![]));
}

#[test]
fn a_restart_of_the_evaluator_changes_what_is_different() {
    let table = LiveTable::default();
    let heard = view(Some(1.0), Some(Priority::Low));
    let all = [
        (key("RULED"), heard.clone()),
        (key("UNRULED"), heard.clone()),
        (key("EXPECTED"), view(None, None)),
    ];
    table.replace(all.into_iter(), std::iter::empty());
    let ruled = || std::iter::once((key("RULED"), heard.clone()));
    table.replace(ruled().chain([(key("EXPECTED"), view(None, None))]), std::iter::empty());
    // The engine forgot it, and its values are as good as before.
    let changes = table.since(Some(1), None);
    assert_eq!((indexes(&changes), changes.is_full), ((vec![], vec![1]), false));
    assert_eq!(changes.values[0].flags.bits(), 0);
    // A sensor that is no longer expected goes: who has it must begin anew.
    table.replace(ruled(), std::iter::empty());
    let changes = table.since(Some(2), None);
    assert_eq!((indexes(&changes), changes.is_full), ((vec![0, 1], vec![0, 1]), true));
    assert_eq!((table.key(2), table.summary().num_series), (None, 2));
    // It comes back as what it was.
    let since = changes.version;
    update(&table, vec![(key("EXPECTED"), view(Some(3.0), None))]);
    assert_eq!(indexes(&table.since(Some(since), None)), (vec![2], vec![2]));
}

#[test]
fn alarms_come_whole_and_go_by_their_keys() {
    let table = LiveTable::default();
    assert!(!table.has_alarms());
    let warm = alarm("warm", "A", 1);
    set_alarm(&table, warm.key(), Some(warm.clone()));
    set_alarm(&table, warm.key(), Some(warm.clone()));
    assert_eq!(table.heads().alarms, 1);
    let changes = table.since(None, Some(0));
    assert_eq!((changes.version, changes.alarms.len()), (2, 1));
    assert!(table.since(None, Some(1)).is_empty());
    set_alarm(&table, warm.key(), None);
    set_alarm(&table, warm.key(), None);
    let changes = table.since(None, Some(2));
    assert_eq!(changes.gone, [warm.key()]);
    assert_eq!(changes.gone[0].to_string(), "warm/A");
    // Who has nothing need not hear of it.
    assert!(table.since(None, Some(0)).is_empty());
    // Raised again, it is not gone.
    set_alarm(&table, warm.key(), Some(alarm("warm", "A", 9)));
    let changes = table.since(None, Some(2));
    assert_eq!((changes.alarms.len(), changes.gone.len()), (1, 0));
    table.replace(std::iter::empty(), std::iter::once(alarm("warm", "B", 1)));
    let changes = table.since(None, Some(changes.version));
    assert_eq!((changes.alarms.len(), changes.gone), (1, vec![warm.key()]));
}

#[test]
fn a_reader_behind_the_oldest_tombstone_begins_anew() {
    let table = LiveTable::default();
    let stays = alarm("warm", "STAYS", 1);
    set_alarm(&table, stays.key(), Some(stays));
    update(&table, vec![(key("A"), view(Some(1.0), None))]);
    let since = 2;
    for number in 0..=2048 {
        let warm = alarm("warm", &format!("T{number}"), 1);
        set_alarm(&table, warm.key(), Some(warm.clone()));
        set_alarm(&table, warm.key(), None);
    }
    let changes = table.since(Some(since), Some(since));
    assert!(changes.is_full);
    assert_eq!((changes.alarms.len(), changes.gone.len(), changes.values.len()), (1, 0, 1));
    let changes = table.since(Some(since), Some(since + 2));
    assert!(!changes.is_full, "the oldest tombstone is of the version before");
    assert_eq!((changes.gone.len(), changes.values.len()), (2048, 0));
}

#[test]
fn a_series_that_no_rule_holds_for_any_more_says_so() {
    let table = LiveTable::default();
    let judged = SeriesView { is_judged: true, stale_after: Some(60.0), ..view(Some(1.0), None) };
    table.replace([(key("A"), judged)].into_iter(), std::iter::empty());
    let described = || table.since(Some(0), None).descriptions.remove(0);
    assert_eq!((described().is_judged, described().stale_after), (true, Some(60.0)));
    // It was heard, so it stays.
    table.replace(std::iter::empty(), std::iter::empty());
    assert_eq!((described().is_judged, described().stale_after), (false, None));
    assert_eq!(table.since(Some(1), None).descriptions.len(), 1);
}
