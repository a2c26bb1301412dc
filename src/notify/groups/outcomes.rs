//! Applies the outcome of a notification to a receiver's groups. Pure.
//!
//! Always: a firing alarm that was refused is marked as given up until a notification with it is
//! accepted. Never: the end of an alarm as the first accepted message about it.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::super::draft::{Draft, Entry};
use super::super::group::Alarm;
use super::super::persisted::Part;
use super::super::status::Status;
use super::Groups;

impl Groups {
    /// Applies an accepted draft.
    pub fn delivered(&mut self, draft: &Draft, now: DateTime<Utc>) {
        self.note_attempt(draft, now);
        for entry in &draft.entries {
            self.mark(&draft.group, entry, false);
        }
        self.done(draft, now);
    }

    /// Applies a draft that was refused for good.
    pub fn refused(&mut self, draft: &Draft, now: DateTime<Utc>) {
        self.note_attempt(draft, now);
        for entry in draft.entries.iter().filter(|entry| entry.is_news) {
            self.mark(&draft.group, entry, entry.status == Status::Firing);
        }
        self.done(draft, now);
    }

    /// Finishes a draft whose entries are marked.
    fn done(&mut self, draft: &Draft, now: DateTime<Utc>) {
        let Some(()) = self.agenda.change(&draft.group, |group| {
            group.number = draft.number;
            (group.failures, group.retry_at) = (0, None);
            group.repeated_through = draft.repeated_through;
            if draft.is_whole {
                group.notified_at = Some(now);
                // Events that arrived during the delivery.
                group.news_at = (group.num_news > 0).then_some(now);
            }
        }) else {
            return;
        };
        self.changed.insert(Part::Group(draft.group.clone()));
        self.remove_if_empty(&draft.group);
    }

    /// Marks an alarm as notified or given up.
    fn mark(&mut self, group: &Arc<str>, entry: &Entry, is_given_up: bool) {
        let Some(alarm) = self.alarm(&entry.alert_id) else { return };
        if !entry.is_news && alarm.is_given_up == is_given_up {
            return;
        }
        self.agenda.change(group, |group| {
            group.amend(&entry.alert_id, |alarm| {
                alarm.is_given_up = is_given_up;
                if entry.is_news {
                    alarm.notified = Some(entry.status);
                }
            });
        });
        self.changed.insert(Part::Alarm(entry.alert_id.clone()));
        let Some(alarm) = self.alarm(&entry.alert_id) else { return };
        let is_over = alarm.status == Status::Resolved;
        let is_known = !alarm.is_news() || alarm.is_given_up || !self.agenda.policy().send_resolved;
        if is_over && is_known {
            self.num_ended -= 1;
            self.remove(&entry.alert_id);
        }
    }

    /// Applies a failed draft; it is retried at `retry_at`.
    pub fn failed(&mut self, draft: &Draft, retry_at: DateTime<Utc>, now: DateTime<Utc>) {
        self.note_attempt(draft, now);
        self.agenda.change(&draft.group, |group| {
            group.failures = group.failures.saturating_add(1);
            group.retry_at = Some(retry_at);
        });
    }

    /// Allows an immediate retry of what failed.
    pub fn retry_now(&mut self) {
        let ids: Vec<_> = self.agenda.iter().map(|(id, _)| id.clone()).collect();
        for id in ids {
            self.agenda.change(&id, |group| group.retry_at = None);
        }
    }

    /// Number of failures in a row of the group's next notification.
    #[must_use]
    pub fn failures(&self, draft: &Draft) -> u32 {
        self.agenda.get(&draft.group).map_or(0, |group| group.failures)
    }

    /// Drops a group's alarms that ended without the receiver knowing them; returns true if there
    /// were any. Not at their end: a notification in flight may still be accepted.
    pub(super) fn forget_unheard(&mut self, group_id: &Arc<str>) -> bool {
        let Some(group) = self.agenda.get(group_id) else { return false };
        let is_unheard = |alarm: &Alarm| alarm.is_given_up && alarm.status == Status::Resolved;
        let alarms = group.alarms.iter().filter(|(_, alarm)| is_unheard(alarm));
        let ids: Vec<_> = alarms.map(|(alert_id, _)| alert_id.clone()).collect();
        if ids.is_empty() {
            return false;
        }
        self.changed.insert(Part::Group(group_id.clone()));
        for alert_id in &ids {
            self.num_ended -= 1;
            self.remove(alert_id);
        }
        self.agenda.change(group_id, |group| {
            group.news_at = group.news_at.filter(|_| group.num_news > 0);
        });
        true
    }
}
