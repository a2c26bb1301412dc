//! Findings raise and end the alarms of their built-in rules.

use std::time::Duration;

use super::{Engine, Live};
use super::{RecordTime, StoredState};
use crate::alarms::builtin;
use crate::alarms::machine::Change;
use crate::alarms::quiet::QuietSettings;
use crate::domain::{DISK, Finding, Value};

fn finding(is_wrong: bool) -> Finding {
    let value = Value::new(if is_wrong { 0.5 } else { 90.0 }).unwrap();
    Finding { about: DISK.into(), is_wrong, value, unit: "GB".into() }
}

fn hear(engine: &mut Engine, position: u64, is_wrong: bool) -> Vec<(Change, String)> {
    let mut out = Vec::new();
    engine.advance(RecordTime::of(position, Duration::from_secs(position)), &mut out);
    engine.apply_finding(&finding(is_wrong), &mut out);
    out.iter().map(|it| (it.transition.change, it.alert_id.to_string())).collect()
}

#[test]
fn a_finding_raises_its_alarm_once_and_ends_it_and_is_no_series() {
    let mut engine = Engine::new(builtin::rules(), chrono_tz::UTC);
    assert_eq!(hear(&mut engine, 1, false), []);
    let raised = hear(&mut engine, 2, true);
    assert!(matches!(&raised[..], [(Change::Raised, _)]), "{raised:?}");
    assert!(engine.is_found_wrong(DISK) && !engine.is_found_wrong("moon"));
    assert_eq!(hear(&mut engine, 3, true), []);
    assert_eq!((Live::of(&engine).views().count(), Live::of(&engine).alarms().count()), (0, 1));
    let id = raised[0].1.clone();
    assert_eq!(hear(&mut engine, 4, false), [(Change::Returned, id)]);
    assert!(!engine.is_found_wrong(DISK) && Live::of(&engine).alarms().next().is_none());
}

#[test]
fn an_engine_that_goes_on_from_what_was_stored_goes_on_as_the_one_that_was() {
    let mut engine = Engine::new(builtin::rules(), chrono_tz::UTC);
    let raised = hear(&mut engine, 2, true);
    let again = hear(&mut Engine::new(builtin::rules(), chrono_tz::UTC), 2, true);
    assert_eq!(raised, again, "the same record gives the same alert");
    let (alarms, series) = (engine.changes(), engine.take_checkpoints(10));
    assert_eq!((alarms.len(), series.len()), (1, 0));
    let past = StoredState { alarms, ..StoredState::default() };
    let mut out = Vec::new();
    let mut restored = Engine::restore(builtin::rules(), chrono_tz::UTC, past, [], &mut out);
    restored.keep_quiet(QuietSettings::default());
    restored.expect(&[], &mut out);
    assert!(out.is_empty() && restored.is_found_wrong(DISK));
    for engine in [&mut engine, &mut restored] {
        assert_eq!(hear(engine, 3, true), []);
        assert_eq!(hear(engine, 4, false), [(Change::Returned, raised[0].1.clone())]);
    }
}
