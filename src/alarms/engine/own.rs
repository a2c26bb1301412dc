//! Findings of the self-diagnosis: each raises or ends the alarm of its built-in rule. Pure.
//!
//! Always: a finding that repeats the present state changes nothing. Never: a visible series or figure.

use super::super::machine::Event;
use super::super::own;
use super::super::series::Newest;
use super::{Engine, Outcome};
use crate::domain::{Finding, Ingress, Location, Unit};

impl Engine {
    /// Applies a finding. One without a rule, as a newer version may have logged, changes nothing.
    pub fn hear_finding(&mut self, finding: &Finding, out: &mut Vec<Outcome>) {
        let Some(key) = own::key(&finding.about) else { return };
        self.begin_part();
        let num_before = out.len();
        let ingress = Ingress::Own;
        let newest = Newest {
            location: Location::new(""),
            unit: Unit::new(&finding.unit),
            value: Some(finding.value),
            at: self.quieting.wall.unwrap_or_default(),
            heard: self.clocks.get(ingress),
            ingress,
            position: self.cause.position,
        };
        self.hear_by(&key, ingress);
        let mut series = self.take(&key, &newest, out);
        self.set_newest(&key, &mut series, newest);
        self.keep_anew(&key, &series);
        self.put(key.clone(), series);
        let is_broken = finding.is_wrong;
        self.each_entry(key, out, |entry, rule, newest, reasons| {
            let step = entry.step(rule, Event::Judged { is_broken }, newest.moment(), reasons);
            step.and(entry.look(rule, newest.moment(), true, reasons))
        });
        self.follow_up(num_before, out);
    }

    /// True if the last finding about a subject is a fault.
    #[must_use]
    pub fn is_found_wrong(&self, about: &str) -> bool {
        let series = own::key(about).and_then(|key| self.series.get(&key));
        series.is_some_and(|series| series.entries.iter().any(|entry| entry.alarm.is_broken()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Past, RecordTime};
    use super::*;
    use crate::alarms::machine::Change;
    use crate::alarms::quiet::QuietSettings;
    use crate::domain::{DISK, Value};

    fn finding(is_wrong: bool) -> Finding {
        let value = Value::new(if is_wrong { 0.5 } else { 90.0 }).unwrap();
        Finding { about: DISK.into(), is_wrong, value, unit: "GB".into() }
    }

    fn hear(engine: &mut Engine, position: u64, is_wrong: bool) -> Vec<(Change, String)> {
        let mut out = Vec::new();
        engine.advance(RecordTime::of(position, Duration::from_secs(position)), &mut out);
        engine.hear_finding(&finding(is_wrong), &mut out);
        out.iter().map(|it| (it.transition.change, it.alert_id.to_string())).collect()
    }

    #[test]
    fn a_finding_raises_its_alarm_once_and_ends_it_and_is_no_series() {
        let mut engine = Engine::new(own::rules(), chrono_tz::UTC);
        assert_eq!(hear(&mut engine, 1, false), []);
        let raised = hear(&mut engine, 2, true);
        assert!(matches!(&raised[..], [(Change::Raised, _)]), "{raised:?}");
        assert!(engine.is_found_wrong(DISK) && !engine.is_found_wrong("moon"));
        assert_eq!(hear(&mut engine, 3, true), []);
        assert_eq!((engine.views().count(), engine.alarms().count()), (0, 1));
        let id = raised[0].1.clone();
        assert_eq!(hear(&mut engine, 4, false), [(Change::Returned, id)]);
        assert!(!engine.is_found_wrong(DISK) && engine.alarms().next().is_none());
    }

    #[test]
    fn an_engine_that_goes_on_from_what_was_stored_goes_on_as_the_one_that_was() {
        let mut engine = Engine::new(own::rules(), chrono_tz::UTC);
        let raised = hear(&mut engine, 2, true);
        let again = hear(&mut Engine::new(own::rules(), chrono_tz::UTC), 2, true);
        assert_eq!(raised, again, "the same record gives the same alert");
        let (alarms, series) = (engine.changes(), engine.take_checkpoints(10));
        assert_eq!((alarms.len(), series.len()), (1, 0));
        let past = Past { alarms, ..Past::default() };
        let mut out = Vec::new();
        let mut restored = Engine::restore(own::rules(), chrono_tz::UTC, past, [], &mut out);
        restored.keep_quiet(QuietSettings::default());
        restored.expect(&[], &mut out);
        assert!(out.is_empty() && restored.is_found_wrong(DISK));
        for engine in [&mut engine, &mut restored] {
            assert_eq!(hear(engine, 3, true), []);
            assert_eq!(hear(engine, 4, false), [(Change::Returned, raised[0].1.clone())]);
        }
    }
}
