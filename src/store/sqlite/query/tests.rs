use std::ops::ControlFlow;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::domain::{AlarmKey, AlertEvent, AlertState, Change, Operator};
use crate::store::history::{AlertFilter, StoredAlert};
use crate::store::sqlite::fixtures::{
    alerts, append, at, event, humidity, readings, stored, temperature, value,
};

/// Sensor and value of each reading found.
fn found(path: &Path, filter: &ReadingFilter) -> Vec<(String, f64)> {
    let mut rows = Vec::new();
    let mut each = |row: ReadingRow| {
        rows.push((row.sensor_id, row.value.unwrap()));
        Ok(())
    };
    History::open(path).unwrap().readings(filter, &mut each).unwrap();
    rows
}

fn values(path: &Path, filter: &ReadingFilter) -> Vec<f64> {
    found(path, filter).into_iter().map(|(_, value)| value).collect()
}

/// Alert id and timestamp of each event found.
fn events(path: &Path, filter: &AlertFilter) -> Vec<String> {
    let mut rows = Vec::new();
    let mut each = |row: StoredAlert| {
        rows.push(format!("{} {} {}", row.event.alert_id, row.event.state, &row.timestamp[17..19]));
        Ok(())
    };
    History::open(path).unwrap().alerts(filter, &mut each).unwrap();
    rows
}

fn history() -> (TempDir, PathBuf) {
    stored(&[readings([
        temperature("A", 0, 10.0),
        humidity("H", 1, 11.0),
        temperature("A", 2, 12.0),
        // A late one.
        temperature("B", -1, 9.0),
        humidity("H", 3, 13.0),
    ])])
}

#[test]
fn readings_come_in_order_of_time() {
    let (_folder, path) = history();
    let all = ReadingFilter::default();
    assert_eq!(values(&path, &all), [9.0, 10.0, 11.0, 12.0, 13.0]);
    let falling = ReadingFilter { newest_first: true, ..all.clone() };
    assert_eq!(values(&path, &falling), [13.0, 12.0, 11.0, 10.0, 9.0]);
    let newest = ReadingFilter { newest: Some(2), ..all };
    assert_eq!(values(&path, &newest), [12.0, 13.0]);
    assert_eq!(values(&path, &ReadingFilter { newest_first: true, ..newest }), [13.0, 12.0]);
}

#[test]
fn readings_are_filtered() {
    let (_folder, path) = history();
    let all = ReadingFilter::default();
    let sensor = ReadingFilter { sensor: Some("A".into()), ..all.clone() };
    assert_eq!(values(&path, &sensor), [10.0, 12.0]);
    let quantity = ReadingFilter { quantity: Some("humidity".into()), ..all.clone() };
    assert_eq!(values(&path, &quantity), [11.0, 13.0]);
    let hostile = ReadingFilter { sensor: Some("A' OR '1'='1".into()), ..all.clone() };
    assert!(values(&path, &hostile).is_empty());
    let window = ReadingFilter { since: Some(at(0)), until: Some(at(2)), ..all };
    assert_eq!(values(&path, &window), [10.0, 11.0]);
}

#[test]
fn a_sensor_is_found_in_whichever_half_has_it() {
    let (_folder, path) = history();
    append(&path, &readings([temperature("H", 5, 15.0), humidity("A", 6, 16.0)]));
    let of = |sensor: &str, quantity: Option<&str>| {
        let (sensor, quantity) = (Some(sensor.to_owned()), quantity.map(str::to_owned));
        values(&path, &ReadingFilter { sensor, quantity, ..ReadingFilter::default() })
    };
    assert_eq!(of("A", None), [10.0, 12.0, 16.0]);
    assert_eq!(of("H", None), [11.0, 13.0, 15.0]);
    assert_eq!(of("B", None), [9.0]);
    assert_eq!(of("A", Some("temperature")), [10.0, 12.0]);
    assert_eq!(of("A", Some("humidity")), [16.0]);
    assert!(of("A", Some("co2")).is_empty());
    let foreign = "INSERT INTO sensor_readings (sensor_id, temperature) VALUES ('X', 1.0)";
    rusqlite::Connection::open(&path).unwrap().execute(foreign, []).unwrap();
    assert_eq!(of("X", None), [1.0]);
    assert!(of("NONE", None).is_empty());
}

#[test]
fn odd_rows_are_shown_not_refused() {
    let (_folder, path) = history();
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch(
            "INSERT INTO sensor_readings (sensor_id, temperature, timestamp) VALUES
                (NULL, NULL, NULL), (7, 'warm', '2030')",
        )
        .unwrap();
    let mut rows = Vec::new();
    let mut each = |row: ReadingRow| {
        rows.push(row);
        Ok(())
    };
    History::open(&path).unwrap().readings(&ReadingFilter::default(), &mut each).unwrap();
    assert_eq!(rows.len(), 7);
    assert_eq!((rows[0].sensor_id.as_str(), rows[0].value), ("", None));
    assert_eq!((rows[6].sensor_id.as_str(), rows[6].value), ("7", None));
}

#[test]
fn a_receiver_that_has_enough_ends_the_query() {
    let (_folder, path) = history();
    let mut num_rows = 0;
    let mut each = |_| {
        num_rows += 1;
        if num_rows < 2 { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    };
    let ended = History::open(&path).unwrap().readings(&ReadingFilter::default(), &mut each);
    assert!(
        matches!(ended, Err(QueryError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe)
    );
    assert_eq!(num_rows, 2);
}

#[test]
fn readers_can_not_write() {
    let (_folder, path) = history();
    let history = History::open(&path).unwrap();
    let connection = history.pool.get().unwrap();
    assert!(connection.execute("DELETE FROM sensor_readings", []).is_err());
}

fn alert_history() -> (TempDir, PathBuf) {
    let (active, resolved) = (AlertState::Active, AlertState::Resolved);
    let carried = |text, event: AlertEvent| AlertEvent { value: Some(value(text)), ..event };
    stored(&[alerts([
        event("a", "A", 0, active),
        event("a", "A", 1, active),
        carried("40", event("b", "B", 2, active)),
        event("a", "A", 3, resolved),
        event("c", "A", 4, active),
        event("c", "A", 5, active),
    ])])
}

#[test]
fn alerts_are_filtered() {
    let (_folder, path) = alert_history();
    let all = AlertFilter::default();
    assert_eq!(events(&path, &all).len(), 6);
    let resolved = AlertFilter { state: Some(AlertState::Resolved), ..all.clone() };
    assert_eq!(events(&path, &resolved), ["a resolved 03"]);
    let sensor = AlertFilter { sensor: Some("B".into()), ..all.clone() };
    assert_eq!(events(&path, &sensor), ["b active 02"]);
    let late = AlertFilter { since: Some(at(5)), ..all.clone() };
    assert_eq!(events(&path, &late), ["c active 05"]);
    let newest = AlertFilter { newest: Some(2), ..all.clone() };
    assert_eq!(events(&path, &newest), ["c active 04", "c active 05"]);
    let window = AlertFilter { after_number: Some(1), up_to_number: Some(3), ..all };
    assert_eq!(events(&path, &window), ["a active 01", "b active 02"]);
    assert_eq!(History::open(&path).unwrap().last_event().unwrap(), 6);
}

#[test]
fn standing_alerts_are_shown_by_the_event_that_raised_them() {
    let (_folder, path) = alert_history();
    let standing = AlertFilter { standing: true, ..AlertFilter::default() };
    assert_eq!(events(&path, &standing), ["b active 02", "c active 04"]);
    let of_one = AlertFilter { sensor: Some("A".into()), ..standing };
    assert_eq!(events(&path, &of_one), ["c active 04"]);
}

#[test]
fn an_alert_row_has_all_its_columns() {
    let (_folder, path) = alert_history();
    let mut rows = Vec::new();
    let mut each = |row: StoredAlert| {
        rows.push(row);
        Ok(())
    };
    let filter = AlertFilter { sensor: Some("B".into()), ..AlertFilter::default() };
    History::open(&path).unwrap().alerts(&filter, &mut each).unwrap();
    let event = AlertEvent {
        number: 3,
        value: Some(value("40")),
        ..event("b", "B", 2, AlertState::Active)
    };
    let timestamp = "2024-08-14T10:30:02.000000+00:00".into();
    let expected = StoredAlert { event, timestamp, published_at: None };
    assert_eq!(rows, [expected]);
}

#[test]
fn alerts_until_a_time_leave_out_that_very_time() {
    let (_folder, path) = stored(&[alerts([
        event("b", "TEMP_002", 2, AlertState::Active),
        event("a", "TEMP_001", 1, AlertState::Active),
        event("c", "TEMP_003", 3, AlertState::Active),
    ])]);
    let mut ids = Vec::new();
    let mut each = |row: StoredAlert| {
        ids.push(row.event.alert_id.to_string());
        Ok(())
    };
    History::open(&path).unwrap().alerts_until(at(3), &mut each).unwrap();
    assert_eq!(ids, ["a", "b"]);
}

#[test]
fn alerts_until_a_time_are_those_that_people_were_told() {
    let mut events: Vec<_> =
        (0..4).map(|n| event(&format!("a{n}"), "T", n, AlertState::Active)).collect();
    events[0].announced = false;
    events[1].alert_type = "FLOOD".into();
    events[2].alert_type = "CHATTERING_TEMPERATURE".into();
    events.push(AlertEvent { announced: false, ..event("a0", "T", 5, AlertState::Resolved) });
    let (_folder, path) = stored(&[alerts(events)]);
    let mut ids = Vec::new();
    let mut each = |row: StoredAlert| {
        ids.push(format!("{} {}", row.event.alert_id, row.event.state));
        Ok(())
    };
    History::open(&path).unwrap().alerts_until(at(9), &mut each).unwrap();
    assert_eq!(ids, ["a3 active", "a0 resolved"]);
}

#[test]
fn what_operators_do_is_history_and_neither_an_end_nor_measured() {
    let did = |change, state, announced| AlertEvent {
        change,
        announced,
        operator: Some(Operator::new("anne", Some("door")).unwrap()),
        ..event("a", "T", 1, state)
    };
    let (active, resolved) = (AlertState::Active, AlertState::Resolved);
    let (_folder, path) = stored(&[alerts([
        did(Change::Shelved, resolved, false),
        did(Change::Raised, active, false),
        did(Change::Acknowledged, active, false),
        did(Change::Unshelved, active, true),
        did(Change::Latched, active, false),
        did(Change::Reset, resolved, false),
    ])]);
    let history = History::open(&path).unwrap();
    let mut told = Vec::new();
    let mut each = |row: StoredAlert| {
        assert_eq!(row.event.operator, Some(Operator::new("anne", Some("door")).unwrap()));
        told.push(row.event.change.as_str());
        Ok(())
    };
    history.alerts(&AlertFilter::default(), &mut each).unwrap();
    assert_eq!(told, ["shelved", "raised", "acknowledged", "unshelved", "latched", "reset"]);
    let mut told = Vec::new();
    let mut each = |row: StoredAlert| {
        told.push(row.event.change.as_str());
        Ok(())
    };
    let ends = AlertFilter { state: Some(resolved), ..AlertFilter::default() };
    history.alerts(&ends, &mut each).unwrap();
    history.alerts_until(at(60), &mut each).unwrap();
    // The one end, and then what people were told, and the end again.
    assert_eq!(told, ["reset", "unshelved", "reset"]);
}

#[test]
fn alarms_are_read_in_pieces_each_once_from_any_of_them_on() {
    let num_alarms = 20_000_u32;
    let alarms = (0..num_alarms).map(|n| crate::domain::AlarmState {
        sensor_id: crate::domain::SensorId::new(&format!("T_{:05}", n / 2)).unwrap(),
        rule: if n % 2 == 0 { "cold" } else { "warm" }.into(),
        state: Some("{}".into()),
    });
    let store = crate::messages::Store { alarms: alarms.collect(), ..readings([]) };
    let (_folder, path) = stored(&[store]);
    let history = History::open(&path).unwrap();
    let read = |after: Option<&AlarmKey>, at_most: usize| {
        let mut keys = Vec::new();
        let each = &mut |it: crate::domain::AlarmState| {
            keys.push(AlarmKey { sensor_id: it.sensor_id, rule: it.rule });
            let is_all = keys.len() == at_most;
            Ok(if is_all { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        };
        history.alarm_states(after, each).unwrap();
        keys
    };
    let all = read(None, usize::MAX);
    assert_eq!(all.len(), 20_000);
    assert!(
        all.windows(2)
            .all(|two| (&two[0].sensor_id, &two[0].rule) < (&two[1].sensor_id, &two[1].rule))
    );
    let mut paged = Vec::new();
    loop {
        let page = read(paged.last(), 777);
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, all);
}
