//! Escalation of unacknowledged alarms to a second receiver. Pure.
//!
//! Always: once per occurrence, counted from the first attempt to notify this receiver, whether
//! that succeeded or not. Never: before that time, or after the alarm's end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::super::clock::after;
use super::super::draft::Draft;
use super::super::group::{Alarm, Group, alarm_of};
use super::super::persisted::Part;
use super::super::standby::StandbyAlarm;
use super::super::status::Status;
use super::Groups;
use crate::domain::AlertEvent;

/// An alarm to escalate, unless an operator has acknowledged it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalated {
    /// Id of the alert.
    pub alert_id: Arc<str>,
    /// Number of its last event.
    pub number: u64,
    /// Id of the sensor.
    pub sensor: Arc<str>,
    /// Name of the rule.
    pub rule: Arc<str>,
}

/// Time at which an alarm is to be escalated; `None` for never.
fn due_at(alarm: &Alarm, escalate_after: Option<Duration>) -> Option<DateTime<Utc>> {
    let is_open = alarm.status == Status::Firing && !alarm.is_escalated;
    alarm.tried_at.filter(|_| is_open).map(|at| Some(after(at, escalate_after?)))?
}

impl Groups {
    /// Takes alarms to escalate: those that have waited longest, first.
    pub fn take_escalated(&mut self, now: DateTime<Utc>, at_most: usize) -> Vec<Escalated> {
        self.escalate_by_clock(now);
        let mut found = Vec::new();
        while let Some((due, id)) = self.escalations.first().cloned().filter(|(due, _)| *due <= now)
        {
            let Some(alarm) = self.alarm(&id).filter(|it| self.escalates_at(it) == Some(due))
            else {
                self.escalations.remove(&(due, id)); // it has ended, or is done with
                continue;
            };
            let (sensor, rule) = (alarm.sensor.clone(), alarm.rule.clone());
            found.push((
                due,
                Escalated { number: alarm.number, sensor, rule, alert_id: id.clone() },
            ));
            self.escalations.remove(&(due, id));
            if found.len() >= at_most {
                break;
            }
        }
        // They stay due until [`Groups::escalated`].
        let again = found.iter().map(|(due, it)| (*due, it.alert_id.clone()));
        self.escalations.extend(again);
        found.into_iter().map(|(_, escalated)| escalated).collect()
    }

    /// Earliest time at which [`Groups::take_escalated`] returns something, unless an event changes
    /// it.
    #[must_use]
    pub fn next_escalation(&self) -> Option<DateTime<Utc>> {
        self.escalations.first().map(|(due, _)| *due)
    }

    /// Notes that an alarm was handed to the second receiver, or needs no escalation.
    pub fn escalated(&mut self, alert_id: &Arc<str>) {
        self.amend(alert_id, |alarm| alarm.is_escalated = true);
    }

    /// Notes an attempt to send a draft.
    pub(super) fn note_attempt(&mut self, draft: &Draft, now: DateTime<Utc>) {
        let fires = |status: Status| status == Status::Firing;
        let ids: Vec<_> =
            draft.entries.iter().filter(|it| it.is_news && fires(it.status)).collect();
        for entry in ids {
            self.note_tried(&entry.alert_id, now);
        }
    }

    /// Notes that nothing due can be sent now: the receiver asked for a pause, or denied
    /// everything.
    pub fn note_blocked(&mut self, now: DateTime<Utc>) {
        if self.agenda.policy().escalate_after.is_none() {
            return;
        }
        let untried = |group: &Group| {
            let alarms = group.alarms.iter().filter(|(_, alarm)| alarm.tried_at.is_none());
            alarms.map(|(id, _)| id.clone()).collect::<Vec<_>>()
        };
        let ids: Vec<_> = self.agenda.due(now).flat_map(untried).collect();
        for id in ids {
            self.note_tried(&id, now);
        }
    }

    /// Notes the first attempt.
    fn note_tried(&mut self, alert_id: &Arc<str>, now: DateTime<Utc>) {
        if self.agenda.policy().escalate_after.is_none() {
            return;
        }
        let is_new = |alarm: &Alarm| alarm.status == Status::Firing && alarm.tried_at.is_none();
        if self.alarm(alert_id).is_some_and(is_new) {
            self.amend(alert_id, |alarm| alarm.tried_at = Some(now));
            self.note_escalation(alert_id);
        }
    }

    /// Schedules the escalation of an alarm, if it is to be escalated.
    pub(super) fn note_escalation(&mut self, alert_id: &Arc<str>) {
        let due = self.alarm(alert_id).and_then(|alarm| self.escalates_at(alarm));
        self.escalations.extend(due.map(|due| (due, alert_id.clone())));
    }

    fn escalates_at(&self, alarm: &Alarm) -> Option<DateTime<Utc>> {
        due_at(alarm, self.agenda.policy().escalate_after)
    }

    /// Corrects times after the clock was set back: no attempt was later than now.
    fn escalate_by_clock(&mut self, now: DateTime<Utc>) {
        let Some(wait) = self.agenda.policy().escalate_after else { return };
        let latest = after(now, wait);
        while let Some((due, id)) =
            self.escalations.last().cloned().filter(|(due, _)| *due > latest)
        {
            self.escalations.remove(&(due, id.clone()));
            if self.alarm(&id).is_some_and(|alarm| self.escalates_at(alarm) == Some(due)) {
                self.amend(&id, |alarm| alarm.tried_at = Some(now));
                self.note_escalation(&id);
            }
        }
    }

    fn amend(&mut self, alert_id: &Arc<str>, amend: impl FnOnce(&mut Alarm)) {
        let Some(group) = self.group_of.get(alert_id).cloned() else { return };
        self.agenda.change(&group, |group| group.amend(alert_id, amend));
        self.changed.insert(Part::Alarm(alert_id.clone()));
    }

    /// Holds an alarm in case another receiver escalates it.
    pub(super) fn hold(&mut self, event: &AlertEvent, labels: BTreeMap<String, String>) {
        let id = self.standby.of(event).cloned().unwrap_or_else(|| event.alert_id.clone());
        if self.standby.get(&id).is_some() {
            self.standby.goes_on(&id, event.number);
        } else {
            let ((sensor, rule), starts_at) = (alarm_of(event), event.timestamp);
            let alarm = StandbyAlarm { sensor, rule, number: event.number, starts_at, labels };
            self.standby.insert(id.clone(), alarm);
        }
        self.changed.insert(Part::Standby(id));
    }

    /// Drops a held alarm.
    pub(super) fn let_go(&mut self, event: &AlertEvent) {
        let Some(id) = self.standby.of(event).cloned() else { return };
        self.standby.remove(&id);
        self.changed.insert(Part::Standby(id));
    }

    /// Releases a held alarm that another receiver escalates, as of its event of this number: it is
    /// notified from now on. Returns true if this receiver has applied that event and knows the
    /// alarm or its end.
    pub fn release(&mut self, alert_id: &Arc<str>, number: u64, now: DateTime<Utc>) -> bool {
        if self.through < number {
            return false;
        }
        if let Some(held) = self.standby.remove(alert_id) {
            self.changed.insert(Part::Standby(alert_id.clone()));
            let group = Group::id(&held.labels);
            self.agenda.add(&group, || Group::new(held.labels));
            self.agenda.change(&group, |group| group.note_news(now));
            let alarm = Alarm::raised(held.sensor, held.rule, held.number, held.starts_at);
            self.insert(alert_id.clone(), &group, alarm);
            self.changed.extend([Part::Alarm(alert_id.clone()), Part::Group(group)]);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::GroupingPolicy;
    use super::super::tests::*;
    use super::*;
    use crate::domain::AlertState;

    const PATIENCE: i64 = 900;

    fn bench() -> Bench {
        let escalate_after = Some(Duration::from_secs(PATIENCE.unsigned_abs()));
        Bench::new(GroupingPolicy { escalate_after, ..policy() })
    }

    fn due(bench: &mut Bench, seconds: i64) -> Vec<String> {
        let due = bench.groups.take_escalated(at(seconds), 100);
        due.iter().map(|it| it.alert_id.to_string()).collect()
    }

    #[test]
    fn an_alarm_is_escalated_so_long_after_it_was_told_and_once() {
        let mut bench = bench();
        bench.raise("a", "A1", 0);
        assert_eq!(bench.groups.next_escalation(), None, "it was not told");
        bench.tell(WAIT).unwrap();
        let then = WAIT + PATIENCE;
        assert_eq!(bench.groups.next_escalation(), Some(at(then)));
        assert_eq!(due(&mut bench, then - 1), [""; 0]);
        assert_eq!(due(&mut bench, then), ["a"]);
        assert_eq!(due(&mut bench, then + 60), ["a"], "until it is handed over");
        bench.groups.escalated(&"a".into());
        assert_eq!(due(&mut bench, then + 61), [""; 0]);
        assert_eq!(bench.groups.next_escalation(), None);
        bench.raise("a", "A1", then + 70);
        bench.tell(then + REPEAT);
        assert_eq!(due(&mut bench, then + 2 * REPEAT), [""; 0], "it is the same occurrence");
        bench.end("a", "A1", then + 2 * REPEAT);
        bench.tell(then + 3 * REPEAT).unwrap();
        bench.raise("b", "A1", then + 3 * REPEAT);
        bench.tell(then + 4 * REPEAT).unwrap();
        assert_eq!(due(&mut bench, then + 4 * REPEAT + PATIENCE), ["b"], "another occurrence");
    }

    #[test]
    fn an_end_before_that_cancels_it() {
        let mut bench = bench();
        bench.raise("a", "A1", 0);
        bench.tell(WAIT).unwrap();
        bench.end("a", "A1", WAIT + 1);
        assert_eq!(due(&mut bench, WAIT + PATIENCE), [""; 0], "its end is not told yet");
    }

    #[test]
    fn it_is_due_after_a_restart_as_before() {
        let mut bench = bench();
        bench.raise("a", "A1", 0);
        bench.raise("z", "Z1", 0);
        bench.tell(WAIT).unwrap();
        bench.tell(WAIT).unwrap();
        bench.keep();
        bench.restart();
        assert_eq!(due(&mut bench, WAIT + PATIENCE - 1), [""; 0]);
        assert_eq!(due(&mut bench, WAIT + PATIENCE), ["a", "z"]);
        bench.groups.escalated(&"a".into());
        bench.keep();
        bench.restart();
        assert_eq!(due(&mut bench, WAIT + PATIENCE), ["z"]);
    }

    #[test]
    fn a_receiver_that_can_not_be_told_keeps_nobody_from_being_told() {
        let mut bench = bench();
        bench.raise("a", "A1", 0);
        let draft = bench.groups.due(at(WAIT)).unwrap();
        bench.groups.failed(&draft, at(2 * WAIT), at(WAIT));
        assert_eq!(due(&mut bench, WAIT + PATIENCE), ["a"], "the first attempt counts");
        let mut blocked = self::bench();
        blocked.raise("a", "A1", 0);
        blocked.groups.note_blocked(at(WAIT - 1));
        assert_eq!(blocked.groups.next_escalation(), None, "it is not due");
        blocked.groups.note_blocked(at(WAIT));
        assert_eq!(due(&mut blocked, WAIT + PATIENCE), ["a"]);
        let mut refused = self::bench();
        refused.raise("a", "A1", 0);
        refused.refuse(WAIT).unwrap();
        assert_eq!(due(&mut refused, WAIT + PATIENCE), ["a"]);
    }

    #[test]
    fn a_clock_that_was_put_back_makes_nobody_wait_for_long() {
        let mut bench = bench();
        bench.raise("a", "A1", 86_400);
        bench.tell(86_400 + WAIT).unwrap();
        assert_eq!(due(&mut bench, 0), [""; 0]);
        assert_eq!(due(&mut bench, PATIENCE), ["a"]);
    }

    #[test]
    fn the_second_receiver_is_told_what_is_escalated_and_its_end() {
        let mut second = Bench::new(policy());
        second.hold("a", "A1", AlertState::Active, 0);
        assert_eq!(second.tell(WAIT + REPEAT), None);
        assert!(!second.groups.release(&"a".into(), 2, at(0)), "it has not come as far");
        second.keep();
        second.restart();
        assert!(second.groups.release(&"a".into(), 1, at(REPEAT)));
        assert!(second.groups.release(&"a".into(), 1, at(REPEAT)), "twice is once");
        second.keep();
        second.restart();
        assert_eq!(second.tell(REPEAT + WAIT).unwrap(), "a firing");
        second.hold("a", "A1", AlertState::Resolved, REPEAT + 60);
        assert_eq!(second.tell(REPEAT + WAIT + INTERVAL).unwrap(), "a resolved");
        assert_eq!(second.groups.take_changes().len(), 2);
    }

    #[test]
    fn what_ended_before_it_was_handed_over_is_not_told() {
        let mut second = Bench::new(policy());
        second.hold("a", "A1", AlertState::Active, 0);
        second.hold("a", "A1", AlertState::Resolved, 60);
        assert!(second.groups.release(&"a".into(), 1, at(60)), "there is nothing to do");
        assert_eq!(second.tell(REPEAT), None);
        second.keep();
        assert!(second.kept.is_empty(), "{:?}", second.kept);
    }
}
