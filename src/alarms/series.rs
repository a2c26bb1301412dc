//! One series, a sensor's quantity, and the alarms of the rules that hold for it. Pure.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::around::Around;
use super::kinds::{self, Memory, Sample, Verdict, stale};
use super::machine::{Alarm, Announcement, Change, Event, Moment, Transition};
use super::rule::{Kind, Rule};
use crate::domain::{Limit, Location, Reading, Unit, Value};

/// The newest of a series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Newest {
    pub location: Location,
    pub unit: Unit,
    pub value: Value,
    pub at: DateTime<Utc>,
    /// When it was heard, on the watch clock.
    pub heard: Duration,
}

/// The alarm of one rule.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Which of the engine's rules.
    pub rule: usize,
    pub alarm: Alarm,
    /// Of the alarm that stands or stood last.
    pub id: Option<Arc<str>>,
    memory: Memory,
}

#[derive(Debug)]
pub(super) struct Series {
    pub newest: Newest,
    pub entries: Vec<Entry>,
    /// When the engine looks at it next, on the watch clock; early at worst.
    pub look_at: Option<Duration>,
}

/// What became of an entry.
pub(super) struct Step {
    pub is_broken: bool,
    pub transitions: Vec<Transition>,
    /// Whether there is something new to keep.
    pub has_changed: bool,
}

impl Newest {
    pub fn new(reading: &Reading, heard: Duration) -> Self {
        Self {
            location: reading.location.clone(),
            unit: reading.unit.clone(),
            value: reading.value,
            at: reading.timestamp,
            heard,
        }
    }

    pub const fn sample(&self) -> Sample {
        Sample { at: self.at, value: self.value.get() }
    }

    pub const fn moment(&self) -> Moment {
        Moment { at: self.at, watch: self.heard }
    }
}

impl Series {
    /// When silence changes something, on the watch clock.
    pub fn due(&self, rules: &[Arc<Rule>]) -> Option<Duration> {
        let dues =
            self.entries.iter().filter_map(|entry| entry.due(&rules[entry.rule], &self.newest));
        dues.min()
    }

    /// Whether a reading that comes too late to change anything breaks a limit all the same.
    pub fn would_break(&self, rules: &[Arc<Rule>], sample: Sample) -> bool {
        self.entries.iter().any(|entry| match rules[entry.rule].kind {
            Kind::High { limit, .. } => Limit::High.is_broken_by(sample.value, limit),
            Kind::Low { limit, .. } => Limit::Low.is_broken_by(sample.value, limit),
            _ => false,
        })
    }
}

impl Entry {
    pub fn new(rule: usize, kind: &Kind) -> Self {
        Self { rule, alarm: Alarm::default(), id: None, memory: Memory::new(kind) }
    }

    /// Judges the newest reading.
    pub fn judge(&mut self, rule: &Rule, newest: &Newest, around: &Around<'_>) -> Step {
        let was_broken = self.alarm.is_broken();
        let sample = newest.sample();
        let verdict = match (&rule.kind, &mut self.memory) {
            (Kind::Expression { condition }, Memory::Expression(past)) => {
                past.push(sample);
                around.judge(condition, past, &rule.quantity, sample).into()
            }
            (kind, memory) => kinds::judge(kind, memory, sample, was_broken, around),
        };
        let is_broken = match verdict {
            Verdict::Broken => true,
            Verdict::Kept => false,
            Verdict::Unknown => was_broken,
        };
        if !is_broken && self.is_at_rest() {
            // By far the most frequent case: nothing stands and nothing is wrong.
            return Step { is_broken, transitions: Vec::new(), has_changed: is_timed(rule) };
        }
        let mut step = self.step(rule, Event::Judged { is_broken }, newest.moment());
        step.is_broken = verdict == Verdict::Broken;
        step.has_changed |= is_timed(rule);
        if rule.announces_each_reading {
            self.announce_each_reading(&mut step, newest);
        }
        step
    }

    /// Remembers a reading that was judged before.
    pub fn recall(&mut self, rule: &Rule, newest: &Newest) {
        let sample = newest.sample();
        match &mut self.memory {
            Memory::Expression(past) => past.push(sample),
            memory => {
                let nobody = Around { newest_of: &|_| None, previous: None, zone: Tz::UTC };
                // Only what it remembers is wanted.
                let _ = kinds::judge(&rule.kind, memory, sample, false, &nobody);
            }
        }
    }

    /// One message more, as the system did that Vigie grew from, unless this reading has one already.
    fn announce_each_reading(&self, step: &mut Step, newest: &Newest) {
        let state = self.alarm.state();
        let is_told = step.transitions.iter().any(|transition| transition.announced.is_some());
        if step.is_broken && state.condition.is_active() && state.withheld.is_none() && !is_told {
            let (change, at) = (Change::StillActive, newest.at);
            let announced = Some(Announcement::StillActive);
            step.transitions.push(Transition { change, state, at, announced });
        }
    }

    /// Nothing of its alarm need be remembered.
    pub fn is_at_rest(&self) -> bool {
        self.alarm == Alarm::default()
    }

    /// Something happened other than a reading.
    pub fn step(&mut self, rule: &Rule, event: Event, now: Moment) -> Step {
        let before = self.alarm.clone();
        let transitions = self.alarm.step(&rule.timing, event, now);
        Step { is_broken: false, has_changed: self.alarm != before, transitions }
    }

    /// When silence changes something, on the watch clock.
    pub fn due(&self, rule: &Rule, newest: &Newest) -> Option<Duration> {
        let silence = self.silence_ends(rule, newest).map(|due| due.watch);
        let delay = self.alarm.next_due().map(|due| due.watch);
        silence.into_iter().chain(delay).min()
    }

    /// When silence will have lasted too long, for a rule that is broken by it.
    fn silence_ends(&self, rule: &Rule, newest: &Newest) -> Option<Moment> {
        match rule.kind {
            Kind::Stale { after } if !self.alarm.is_broken() => {
                let (at, watch) = stale::due(newest.at, newest.heard, after);
                Some(Moment { at, watch })
            }
            _ => None,
        }
    }

    /// Time went by.
    pub fn elapse(&mut self, rule: &Rule, newest: &Newest, watch: Duration) -> Step {
        match self.silence_ends(rule, newest).filter(|due| due.watch <= watch) {
            Some(due) => self.step(rule, Event::Judged { is_broken: true }, due),
            None => self.step(rule, Event::Elapsed, Moment { at: newest.at, watch }),
        }
    }
}

/// Whether when its series was last heard must be kept even while its alarm is at rest.
pub(super) const fn is_timed(rule: &Rule) -> bool {
    matches!(rule.kind, Kind::Stale { .. })
}
