//! Groups of a receiver, in the order in which they are due. Pure.
//!
//! Invariant: due times and counts are consistent with the groups, since [`Agenda::change`] is the
//! only way to change a group. Never: a scan of all groups, except after the clock was set back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::super::group::Group;
use super::super::policy::GroupingPolicy;

/// A longer wait for a retry is the effect of a clock that was set back.
const LONGEST_RETRY: Duration = Duration::from_secs(2 * 3600);

#[derive(Debug)]
pub(super) struct Agenda {
    policy: GroupingPolicy,
    groups: BTreeMap<Arc<str>, Group>,
    /// Due time of each group that is due at some time.
    dues: BTreeSet<(DateTime<Utc>, Arc<str>)>,
    num_news: usize,
    num_given_up: usize,
    /// Number of groups whose last notification failed.
    num_failing: usize,
    /// Latest time seen. An earlier time means that the clock was set back.
    latest: DateTime<Utc>,
}

impl Agenda {
    pub fn new(policy: GroupingPolicy) -> Self {
        Self {
            policy,
            groups: BTreeMap::new(),
            dues: BTreeSet::new(),
            num_news: 0,
            num_given_up: 0,
            num_failing: 0,
            latest: DateTime::<Utc>::MIN_UTC,
        }
    }

    pub const fn policy(&self) -> &GroupingPolicy {
        &self.policy
    }

    pub fn get(&self, id: &Arc<str>) -> Option<&Group> {
        self.groups.get(id)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Group)> {
        self.groups.iter()
    }

    /// Number of alarms with pending changes.
    pub const fn num_news(&self) -> usize {
        self.num_news
    }

    /// Number of firing alarms that are given up.
    pub const fn num_given_up(&self) -> usize {
        self.num_given_up
    }

    /// Number of groups with a failed notification.
    pub const fn num_failing(&self) -> usize {
        self.num_failing
    }

    /// The group that is due first, and when.
    pub fn first_due(&self) -> Option<(DateTime<Utc>, &Arc<str>)> {
        self.dues.first().map(|(due_at, id)| (*due_at, id))
    }

    /// Groups that are due.
    pub fn due(&self, now: DateTime<Utc>) -> impl Iterator<Item = &Group> {
        let due = self.dues.iter().take_while(move |(due_at, _)| *due_at <= now);
        due.filter_map(|(_, id)| self.groups.get(id))
    }

    /// Adds a group, unless it exists.
    pub fn add(&mut self, id: &Arc<str>, group: impl FnOnce() -> Group) {
        if !self.groups.contains_key(id) {
            let group = group();
            self.count(id, &group);
            self.groups.insert(id.clone(), group);
        }
    }

    pub fn remove(&mut self, id: &Arc<str>) {
        if let Some(group) = self.groups.remove(id) {
            self.uncount(id, &group);
        }
    }

    /// Changes an existing group.
    pub fn change<T>(&mut self, id: &Arc<str>, change: impl FnOnce(&mut Group) -> T) -> Option<T> {
        let (id, mut group) = self.groups.remove_entry(id)?;
        self.uncount(&id, &group);
        let changed = change(&mut group);
        self.count(&id, &group);
        self.groups.insert(id, group);
        Some(changed)
    }

    fn count(&mut self, id: &Arc<str>, group: &Group) {
        self.num_news += group.num_news;
        self.num_given_up += group.num_given_up;
        self.num_failing += usize::from(group.failures > 0);
        self.dues.extend(group.due_at(&self.policy).map(|due_at| (due_at, id.clone())));
        let retry_since = group
            .retry_at
            .and_then(|at| at.checked_sub_signed(TimeDelta::from_std(LONGEST_RETRY).ok()?));
        let known = [group.news_at, group.notified_at, retry_since].into_iter().flatten();
        self.latest = known.fold(self.latest, DateTime::max);
    }

    fn uncount(&mut self, id: &Arc<str>, group: &Group) {
        self.num_news -= group.num_news;
        self.num_given_up -= group.num_given_up;
        self.num_failing -= usize::from(group.failures > 0);
        if let Some(due_at) = group.due_at(&self.policy) {
            self.dues.remove(&(due_at, id.clone()));
        }
    }

    /// Sets the time.
    pub fn set_clock(&mut self, now: DateTime<Utc>) {
        if now < self.latest {
            self.latest = now;
            let ids: Vec<_> = self.groups.keys().cloned().collect();
            for id in ids {
                self.change(&id, |group| group.not_after(now, LONGEST_RETRY));
            }
        }
    }
}

#[cfg(test)]
impl Agenda {
    /// Whether all counts equal those of a scan.
    pub fn is_consistent(&self) -> bool {
        let due =
            |(id, group): (&Arc<str>, &Group)| Some((group.due_at(&self.policy)?, id.clone()));
        let dues: BTreeSet<_> = self.iter().filter_map(due).collect();
        let given_up =
            |group: &Group| group.alarms.values().filter(|alarm| alarm.is_missed()).count();
        let is_over = |at: Option<DateTime<Utc>>| at.is_none_or(|at| at <= self.latest);
        let is_past = |group: &Group| is_over(group.news_at) && is_over(group.notified_at);
        dues == self.dues
            && self.groups.values().map(|group| group.num_news).sum::<usize>() == self.num_news
            && self.groups.values().map(given_up).sum::<usize>() == self.num_given_up
            && self.groups.values().filter(|group| group.failures > 0).count() == self.num_failing
            && self.groups.values().all(is_past)
    }
}
