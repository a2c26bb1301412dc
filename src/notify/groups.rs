//! Decides when a receiver is notified, and of what: its alarms, in groups. Pure: takes an event or
//! a draft and the time, returns what to send and what to persist.
//!
//! Timing as in Alertmanager: the first notification of a group is delayed by `wait`, so that
//! related alarms are in one message. Further changes are sent `interval` after the last
//! notification at the earliest. While an alarm of the group is firing, the whole group is repeated
//! each `repeat`. A notification contains all firing alarms of its group, and those resolved since
//! the last one.
//!
//! A change that the receiver refuses for good is given up and no longer pending. A firing alarm
//! stays marked as given up until a later notification that contains it is accepted; so its end is
//! never the first message about it.
//!
//! Differences from Alertmanager: an alarm that was raised and resolved before it could be sent is
//! sent once, as resolved; and `wait` applies to each change, not only to a group's first.
//!
//! Invariant: each event is notified, or superseded by a later event of its alarm, which is. Events
//! within a notification are in the order of their rows, and notifications of a group are sent one
//! after another. A firing alarm is kept until its end has been notified. Never: a notification
//! before `wait` has elapsed, or with more than `at_most` alarms.

mod agenda;
mod escalation;
mod outcomes;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use self::agenda::Agenda;
pub use self::escalation::Escalated;
use super::draft::{Draft, Entry};
use super::group::{Alarm, Group, alarm_of, labels};
use super::persisted::{self, LoadedAlarm, Part};
use super::policy::{GroupingPolicy, Interest};
use super::standby::StandbyAlarms;
use super::status::Status;
use crate::domain::{AlertEvent, AlertState};

/// Limit of resolved alarms that are pending, per receiver. Firing ones are bounded by the engine's
/// series; resolved ones accumulate while a receiver is unreachable. Seventy a minute for a day; 12
/// MB.
pub const MOST_ENDED: usize = 100_000;

/// Notification state of one receiver: pending alarms, and notified alarms that have not resolved.
#[derive(Debug)]
pub struct Groups {
    agenda: Agenda,
    /// Group id of each alarm, by `alert_id`.
    group_of: HashMap<Arc<str>, Arc<str>>,
    /// Firing alarm of each sensor and rule; there is at most one.
    firing: HashMap<(Arc<str>, Arc<str>), Arc<str>>,
    /// Alarms that are notified only if another receiver escalates them.
    standby: StandbyAlarms,
    /// Escalation deadlines of alarms. Entries of ended alarms are removed when they are reached.
    escalations: BTreeSet<(DateTime<Utc>, Arc<str>)>,
    /// Number of the last event applied.
    through: u64,
    changed: BTreeSet<Part>,
    num_ended: usize,
    most_ended: usize,
    num_dropped: u64,
}

impl Groups {
    /// State of a receiver that has applied all events up to number `through`.
    #[must_use]
    pub fn new(policy: GroupingPolicy, through: u64) -> Self {
        Self {
            agenda: Agenda::new(policy),
            group_of: HashMap::new(),
            firing: HashMap::new(),
            standby: StandbyAlarms::default(),
            escalations: BTreeSet::new(),
            through,
            changed: BTreeSet::new(),
            num_ended: 0,
            most_ended: MOST_ENDED,
            num_dropped: 0,
        }
    }

    /// Restores the state persisted by [`Groups::take_changes`]. Also returns an error text for
    /// each unreadable part.
    #[must_use]
    pub fn restore(
        policy: GroupingPolicy,
        through: u64,
        parts: &[(String, String)],
    ) -> (Self, Vec<String>) {
        let mut groups = Self::new(policy, through);
        let (loaded, unreadable) = persisted::read(parts);
        for (id, group) in loaded.groups {
            groups.agenda.add(&id, || group);
        }
        for LoadedAlarm { alert_id, group, alarm } in loaded.alarms {
            groups.insert(alert_id.clone(), &group, alarm);
            groups.note_escalation(&alert_id);
        }
        for (alert_id, held) in loaded.standby {
            groups.standby.insert(alert_id, held);
        }
        let ids: Vec<_> = groups.agenda.iter().map(|(id, _)| id.clone()).collect();
        for id in ids {
            groups.agenda.change(&id, |group| {
                if group.num_news > 0 {
                    // Both parts are persisted together; if one was edited, the change counts as
                    // long due.
                    group.note_news(DateTime::UNIX_EPOCH);
                }
            });
            groups.remove_if_empty(&id);
        }
        (groups, unreadable)
    }

    /// Number of the last event applied.
    #[must_use]
    pub const fn through(&self) -> u64 {
        self.through
    }

    /// Number of alarms with pending changes.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        self.agenda.num_news()
    }

    /// Number of firing alarms that the receiver has refused.
    #[must_use]
    pub const fn given_up(&self) -> usize {
        self.agenda.num_given_up()
    }

    /// Whether a notification has failed and will be retried.
    #[must_use]
    pub const fn has_failures(&self) -> bool {
        self.agenda.num_failing() > 0
    }

    /// Number of resolved alarms that were dropped unsent at the limit.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.num_dropped
    }

    /// Applies the next event. `interest` holds for alarms that are not known yet.
    pub fn take(&mut self, event: &AlertEvent, interest: Interest, now: DateTime<Utc>) {
        if event.number <= self.through {
            return;
        }
        self.through = event.number;
        match event.state {
            AlertState::Active => self.fires(event, interest, now),
            AlertState::Resolved => self.ends(event, now),
        }
    }

    fn fires(&mut self, event: &AlertEvent, interest: Interest, now: DateTime<Utc>) {
        let id = &event.alert_id;
        if let Some(known) = self.firing.get(&alarm_of(event)).cloned() {
            // The receiver was not notified of the end in between: to it, the alarm never ended.
            return self.goes_on(&known, event.number);
        }
        if self.group_of.contains_key(id) {
            return self.fires_again(event);
        }
        let labels = labels(&self.agenda.policy().group_by, event);
        match interest {
            Interest::None => return,
            Interest::OnEscalation => return self.hold(event, labels),
            Interest::Immediate => self.let_go(event),
        }
        let group = Group::id(&labels);
        self.agenda.add(&group, || Group::new(labels));
        self.agenda.change(&group, |group| group.note_news(now));
        let (sensor, rule) = alarm_of(event);
        self.insert(id.clone(), &group, Alarm::raised(sensor, rule, event.number, event.timestamp));
        self.changed.extend([Part::Alarm(id.clone()), Part::Group(group)]);
    }

    /// The end of an alarm is pending, and the alarm is raised again with the same id: at the same
    /// timestamp, as of a device without a clock.
    fn fires_again(&mut self, event: &AlertEvent) {
        let id = &event.alert_id;
        let Some(group_id) = self.group_of.get(id).cloned() else { return };
        if self.alarm(id).is_none_or(|alarm| alarm.status == Status::Firing) {
            return;
        }
        self.agenda.change(&group_id, |group| {
            group.amend(id, |alarm| (alarm.number, alarm.status) = (event.number, Status::Firing));
            group.news_at = group.news_at.filter(|_| group.num_news > 0);
        });
        self.num_ended -= 1;
        self.firing.insert(alarm_of(event), id.clone());
        self.note_escalation(id);
        self.changed.extend([Part::Alarm(id.clone()), Part::Group(group_id)]);
    }

    /// Applies a further event of a firing alarm. A newer value is no change to notify.
    fn goes_on(&mut self, alert_id: &Arc<str>, number: u64) {
        let Some(group_id) = self.group_of.get(alert_id) else { return };
        self.agenda.change(group_id, |group| group.amend(alert_id, |alarm| alarm.number = number));
        self.changed.insert(Part::Alarm(alert_id.clone()));
    }

    fn ends(&mut self, event: &AlertEvent, now: DateTime<Utc>) {
        self.let_go(event);
        // End of an alarm whose beginning was not to be notified.
        let Some(id) = self.firing.remove(&alarm_of(event)) else { return };
        let Some(group_id) = self.group_of.get(&id).cloned() else { return };
        self.changed.extend([Part::Alarm(id.clone()), Part::Group(group_id.clone())]);
        let Some(alarm) = self.alarm(&id) else { return };
        let is_known = match alarm.notified {
            Some(Status::Firing) => !self.agenda.policy().send_resolved,
            // The receiver was not notified of what happened in between.
            Some(Status::Resolved) => true,
            None => false,
        };
        if is_known {
            return self.remove(&id);
        }
        self.agenda.change(&group_id, |group| {
            group.amend(&id, |alarm| {
                (alarm.number, alarm.status) = (event.number, Status::Resolved);
            });
            group.note_news(now);
        });
        self.num_ended += 1;
        if self.num_ended > self.most_ended {
            self.drop_oldest();
        }
    }

    /// The next notification that is due. A group whose last one failed waits for its retry.
    #[must_use]
    pub fn due(&mut self, now: DateTime<Utc>) -> Option<Draft> {
        self.agenda.set_clock(now);
        loop {
            let (_, id) = self.agenda.first_due().filter(|(due_at, _)| *due_at <= now)?;
            let id = id.clone();
            if self.forget_unheard(&id) {
                continue;
            }
            let draft = self.draft(&id, self.agenda.get(&id)?);
            if !draft.entries.is_empty() {
                return Some(draft);
            }
            // The rest of the repetition has ended meanwhile.
            self.delivered(&draft, now);
        }
    }

    /// Earliest time at which [`Groups::due`] returns something, unless an event changes it.
    #[must_use]
    pub fn next_due(&self) -> Option<DateTime<Utc>> {
        self.agenda.first_due().map(|(due_at, _)| due_at)
    }

    fn draft(&self, id: &Arc<str>, group: &Group) -> Draft {
        let is_to_follow = |entry: &Entry| {
            entry.is_news
                || group
                    .repeated_through
                    .is_none_or(|repeated_through| entry.number > repeated_through)
        };
        let entries = group.alarms.iter().map(|(alert_id, alarm)| alarm.entry(alert_id));
        let mut entries: Vec<_> = entries.filter(is_to_follow).collect();
        entries.sort_unstable_by_key(|entry| (!entry.is_news, entry.number));
        let GroupingPolicy { at_most, names_all, .. } = *self.agenda.policy();
        let truncated = entries.len().saturating_sub(at_most);
        entries.truncate(at_most);
        let last = entries.iter().rfind(|entry| !entry.is_news).map(|entry| entry.number);
        Draft {
            group: id.clone(),
            labels: group.labels.clone(),
            is_whole: entries.iter().filter(|entry| entry.is_news).count() == group.num_news,
            repeated_through: (names_all && truncated > 0)
                .then(|| last.or(group.repeated_through).unwrap_or_default()),
            entries,
            truncated,
            number: group.number + 1,
        }
    }

    /// Whether there are changes to persist.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Changes to persist: key, and new text or `None` for a deletion. They must be persisted
    /// before the next call.
    pub fn take_changes(&mut self) -> Vec<(String, Option<String>)> {
        let changed = std::mem::take(&mut self.changed);
        let text = |part: &Part| match part {
            Part::Group(id) => self.agenda.get(id).map(persisted::group),
            Part::Alarm(id) => Some(persisted::alarm(self.group_of.get(id)?, self.alarm(id)?)),
            Part::Standby(id) => self.standby.get(id).map(persisted::standby),
        };
        changed.iter().map(|part| (part.name(), text(part))).collect()
    }

    fn insert(&mut self, alert_id: Arc<str>, group_id: &Arc<str>, alarm: Alarm) {
        if self.agenda.get(group_id).is_none() {
            return;
        }
        match alarm.status {
            Status::Resolved => self.num_ended += 1,
            Status::Firing => {
                let key = (alarm.sensor.clone(), alarm.rule.clone());
                self.firing.insert(key, alert_id.clone());
            }
        }
        self.group_of.insert(alert_id.clone(), group_id.clone());
        self.agenda.change(group_id, |group| group.insert(alert_id, alarm));
    }

    fn alarm(&self, alert_id: &Arc<str>) -> Option<&Alarm> {
        self.agenda.get(self.group_of.get(alert_id)?)?.alarms.get(alert_id)
    }

    fn remove(&mut self, alert_id: &Arc<str>) {
        let Some(group_id) = self.group_of.remove(alert_id) else { return };
        self.changed.insert(Part::Alarm(alert_id.clone()));
        self.agenda.change(&group_id, |group| group.remove(alert_id));
        self.remove_if_empty(&group_id);
    }

    fn remove_if_empty(&mut self, group_id: &Arc<str>) {
        if self.agenda.get(group_id).is_some_and(|group| group.alarms.is_empty()) {
            self.agenda.remove(group_id);
            self.changed.insert(Part::Group(group_id.clone()));
        }
    }

    /// Drops the oldest tenth of the resolved alarms.
    fn drop_oldest(&mut self) {
        let alarms = self.agenda.iter().flat_map(|(_, group)| &group.alarms);
        let ended = alarms.filter(|(_, alarm)| alarm.status == Status::Resolved);
        let mut oldest: Vec<_> = ended.map(|(id, alarm)| (alarm.number, id.clone())).collect();
        oldest.sort_unstable();
        oldest.truncate((self.most_ended / 10).max(1));
        for (_, id) in oldest {
            self.num_ended -= 1;
            self.num_dropped += 1;
            self.remove(&id);
        }
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
