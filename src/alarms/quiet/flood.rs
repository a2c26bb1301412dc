//! Alarm floods: more alarms than a person can handle. Pure.
//!
//! By ISA-18.2 and IEC 62682 a flood begins with more than 10 alarms within 10 minutes and ends below 5. Counts
//! announced alarms on the listening clock: an operator's time, regardless of sensors' clocks. Invariant: every
//! alarm is still announced; a flood only marks them, so that a receiver can send one message instead.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::super::machine::exact;
use super::{NamedSummary, Summary};

/// Limit of rules and locations counted by name: a flood may come from a hundred thousand locations.
const MOST_NAMES: usize = 1_000;

/// Limits of a flood, by the number of alarms within a time span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FloodLimits {
    /// A flood begins above this number of alarms.
    pub alarms: usize,
    /// Time span that the alarms are counted in.
    pub within: Duration,
    /// A flood ends below this number of alarms; at least 1, at most `alarms`.
    pub until: usize,
}

/// Counts of a flood so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Alarms announced since the flood began.
    pub alarms: u64,
    /// Time of the first of them.
    #[serde(with = "exact")]
    pub since: DateTime<Utc>,
    /// Duration on the listening clock.
    pub lasting: Duration,
    /// Alarms of each rule, by its name.
    pub by_rule: BTreeMap<Arc<str>, u64>,
    /// Alarms at each location, by its name.
    pub by_location: BTreeMap<Arc<str>, u64>,
}

/// An announced alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Raise {
    /// Time of the raise, on the listening clock of own sensors.
    #[serde(rename = "watch")] // its name in stored states
    pub listened: Duration,
    /// Time of the raise.
    #[serde(with = "exact")]
    pub at: DateTime<Utc>,
    /// Name of the rule.
    pub rule: Arc<str>,
    /// Location of the sensor; may be empty.
    pub location: Arc<str>,
}

#[derive(Debug)]
pub(in crate::alarms) struct Flood {
    limits: FloodLimits,
    state: State,
    has_changed: bool,
}

/// State stored over a restart.
#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    /// As many as matter for the decision, oldest first.
    recent: VecDeque<Raise>,
    run: Option<Run>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Run {
    began: Duration,
    counts: Counts,
    /// Id of its alert; `None` for one that an earlier version began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<Arc<str>>,
}

impl Run {
    fn end(self, listened: Duration) -> NamedSummary {
        let Self { began, mut counts, id } = self;
        counts.lasting = listened.saturating_sub(began);
        NamedSummary { summary: Summary::FloodOver(counts), id }
    }
}

impl Flood {
    /// No flood, and no alarms yet.
    pub fn new(limits: FloodLimits) -> Self {
        Self { limits, state: State::default(), has_changed: false }
    }

    /// Restores the stored state; starts empty if that is unreadable.
    pub fn restore(limits: FloodLimits, kept: &str) -> Self {
        let state = serde_json::from_str(kept).unwrap_or_default();
        Self { limits, state, has_changed: false }
    }

    /// Whether a stored state can be restored.
    pub fn can_be_read(kept: &str) -> bool {
        serde_json::from_str::<State>(kept).is_ok()
    }

    /// The end, at `listened`, of a flood that was stored as going on.
    pub fn kept_end(kept: &str, listened: Duration) -> Option<NamedSummary> {
        let State { run, .. } = serde_json::from_str(kept).ok()?;
        Some(run?.end(listened))
    }

    /// A flood has more alarms than this.
    #[allow(clippy::cast_precision_loss)] // far below 2^52
    pub const fn limit(&self) -> f64 {
        self.limits.alarms as f64
    }

    /// True during a flood.
    pub const fn is_on(&self) -> bool {
        self.state.run.is_some()
    }

    /// Counts an alarm. Returns a summary if it begins a flood, which the caller then names.
    pub fn raise(&mut self, raise: Raise) -> Option<Summary> {
        self.has_changed = true;
        let listened = raise.listened;
        if let Some(run) = &mut self.state.run {
            run.counts.add(&raise);
        }
        self.state.recent.push_back(raise);
        while self.state.recent.len() > self.limits.alarms + 1 {
            self.state.recent.pop_front();
        }
        if self.is_on() || self.within(listened) <= self.limits.alarms {
            return None;
        }
        let first = self.state.recent.front()?;
        let mut run = Run { began: first.listened, counts: Counts::new(first.at), id: None };
        self.state.recent.iter().for_each(|raise| run.counts.add(raise));
        let run = self.state.run.insert(run);
        run.counts.lasting = listened.saturating_sub(run.began);
        Some(Summary::Flood(run.counts.clone()))
    }

    /// Sets the alert id of the present flood.
    pub fn name(&mut self, id: &Arc<str>) {
        if let Some(run) = &mut self.state.run {
            run.id = Some(id.clone());
        }
    }

    /// Applies elapsed time. Returns a summary if the flood is over.
    pub fn pass(&mut self, listened: Duration) -> Option<NamedSummary> {
        if self.within(listened) >= self.limits.until {
            return None;
        }
        let run = self.state.run.take()?;
        self.has_changed = true;
        Some(run.end(listened))
    }

    /// Time of the next check, on the listening clock.
    pub fn due(&self) -> Option<Duration> {
        let recent = &self.state.recent;
        let run = self.state.run.as_ref()?;
        let last_that_counts = recent.len().checked_sub(self.limits.until);
        let last_that_counts = last_that_counts.and_then(|at| recent.get(at));
        Some(
            last_that_counts
                .map_or(run.began, |raise| raise.listened.saturating_add(self.limits.within)),
        )
    }

    /// State to store, if it changed since the last call.
    pub fn take_changed(&mut self) -> Option<String> {
        std::mem::take(&mut self.has_changed)
            .then(|| serde_json::to_string(&self.state).ok())
            .flatten()
    }

    /// How many of the last ones are within the time that counts.
    fn within(&self, listened: Duration) -> usize {
        let is_recent =
            |raise: &&Raise| raise.listened.saturating_add(self.limits.within) > listened;
        self.state.recent.iter().rev().take_while(is_recent).count()
    }
}

impl Counts {
    pub(in crate::alarms) fn new(since: DateTime<Utc>) -> Self {
        let (by_rule, by_location) = (BTreeMap::new(), BTreeMap::new());
        Self { alarms: 0, since, lasting: Duration::ZERO, by_rule, by_location }
    }

    fn add(&mut self, raise: &Raise) {
        self.alarms += 1;
        for (by, name) in
            [(&mut self.by_rule, &raise.rule), (&mut self.by_location, &raise.location)]
        {
            if let Some(count) = by.get_mut(name) {
                *count += 1;
            } else if by.len() < MOST_NAMES {
                by.insert(name.clone(), 1);
            }
        }
    }

    /// The most frequent names of a map, at most `at_most`, descending.
    #[must_use]
    pub fn most(by: &BTreeMap<Arc<str>, u64>, at_most: usize) -> Vec<(&str, u64)> {
        let mut counts: Vec<_> = by.iter().map(|(name, count)| (&**name, *count)).collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count)); // stable: then by name
        counts.truncate(at_most);
        counts
    }
}
