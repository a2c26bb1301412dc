//! One series, a sensor's quantity, and the alarms of the rules that hold for it. Pure.
//!
//! Always: only the newest reading is judged; a late one only shows that the sensor is alive. Silence and delays
//! run on the listening clock of the ingress of the last reading. Never: access to other series except through
//! [`RuleContext`] and [`Reasons`].

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::checkpoint::{Lateness, Pending};
use super::context::RuleContext;
pub(super) use super::key::Key;
use super::kinds::{Memory, Remembered, Sample, Verdict, stale};
use super::machine::{Alarm, Announcement, Change, Event, Moment, Rebase, Transition};
pub(super) use super::newest::{Interval, Newest};
use super::quiet::dependencies::{Dependencies, Links};
use super::quiet::reasons::{Quiet, Reasons};
use super::quiet::{NamedSummary, chatter};
use super::remarks::Remarks;
use super::rule::{Kind, Rule};
use super::units::Fit;
use crate::domain::{Ingress, ListeningClocks, Location, Operator};

/// The alarm of one rule.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Which of the engine's rules.
    pub rule: usize,
    /// State of the alarm.
    pub alarm: Alarm,
    /// Id of the active or the latest alert.
    pub id: Option<Arc<str>>,
    /// Whether its sensor was reported offline, without a reading since.
    pub is_offline: bool,
    /// Suppression state, if anything may suppress it.
    pub quiet: Option<Box<Quiet>>,
    /// Operators' remarks.
    pub remarks: Remarks,
    /// The rule in the unit of the series.
    pub fit: Fit,
    /// Window or other state of the rule, in the unit of the series.
    pub(super) memory: Memory,
}

/// Readings of one quantity of a sensor, and the alarms of the rules that apply to them.
#[derive(Debug)]
pub(super) struct Series {
    /// Newest reading.
    pub newest: Newest,
    /// Usual time between its readings.
    pub interval: Interval,
    /// Alarms, in the order of their rules.
    pub entries: Vec<Entry>,
    /// Time of the next check by the engine, on the listening clock; possibly early.
    pub check_at: Option<Duration>,
    /// Listening clock at the first of the late readings; `None` while readings are in time.
    pub late_since: Option<Duration>,
    /// The lateness that is stored.
    pub stored_lateness: Option<Lateness>,
    /// Log position of its only reading, for a series that the configuration doesn't name.
    pub heard_once: Option<u64>,
    /// Whether it was reported that its unit does not fit a rule.
    pub is_unfit_said: bool,
    /// Whether its newest reading was not judged by a strict rule, for its unit.
    pub is_unjudged: bool,
    /// Parts to checkpoint.
    pub pending: Pending,
}

/// Outcome of a step of an entry.
#[expect(clippy::struct_excessive_bools, reason = "what is said of an alarm, each by itself")]
#[derive(Default)]
pub(super) struct Step {
    /// Whether the reading itself broke the rule.
    pub is_broken: bool,
    /// Transitions of the alarm, in order.
    pub transitions: Vec<Transition>,
    /// Whether the stored state changed.
    pub has_changed: bool,
    /// Further report, to precede the transitions.
    pub summary: Option<NamedSummary>,
    /// Whether people had been notified of it before, and not of its end.
    pub was_told: bool,
    /// Whether it was active before.
    pub stood: bool,
    /// Operator and change that caused it; the other transitions have no operator.
    pub cause: Option<(Change, Operator)>,
}

impl Step {
    /// Combines two steps. Both have a report only if one begins what the other ends, which cancels out.
    pub fn and(mut self, mut later: Self) -> Self {
        if self.transitions.is_empty() {
            (self.was_told, self.stood) = (later.was_told, later.stood);
        }
        self.transitions.append(&mut later.transitions);
        self.has_changed |= later.has_changed;
        self.summary = later.summary.xor(self.summary);
        self
    }
}

impl Series {
    /// Series without a scheduled check or a checkpoint.
    pub const fn new(newest: Newest, entries: Vec<Entry>) -> Self {
        let pending = Pending { has_changed: false, is_queued: false };
        let (interval, late_since, stored_lateness) = (Interval::UNKNOWN, None, None);
        Self {
            newest,
            interval,
            entries,
            check_at: None,
            late_since,
            stored_lateness,
            heard_once: None,
            is_unfit_said: false,
            is_unjudged: false,
            pending,
        }
    }

    /// Its lateness, to be stored; `None` while its readings are in time.
    pub fn lateness(&self) -> Option<Lateness> {
        self.late_since.map(|since| Lateness { since, ingress: self.newest.ingress })
    }

    /// Index of the alarm with an id.
    pub fn place_of(&self, id: &Arc<str>) -> Option<usize> {
        self.entries.iter().position(|entry| entry.id.as_ref() == Some(id))
    }

    /// Time at which silence changes something, on the listening clock.
    pub fn due(&self, rules: &[Arc<Rule>]) -> Option<Duration> {
        let dues =
            self.entries.iter().filter_map(|entry| entry.due(&rules[entry.rule], &self.newest));
        dues.min()
    }

    /// Switches to another ingress: running times continue on its listening clock. `clocks` are the present ones.
    pub fn change_ingress(&mut self, ingress: Ingress, clocks: &ListeningClocks) {
        let by = Rebase { from: clocks.get(self.newest.ingress), to: clocks.get(ingress) };
        self.newest.ingress = ingress;
        by.time(&mut self.newest.heard);
        self.late_since.iter_mut().for_each(|since| by.time(since));
        for entry in &mut self.entries {
            entry.rebase(by);
        }
    }

    /// Its clock went back to `at`: the comparison with readings restarts, its alarms continue.
    pub fn begin_anew(&mut self, rules: &[Arc<Rule>], at: DateTime<Utc>) {
        self.newest.at = at;
        for entry in &mut self.entries {
            entry.memory = Memory::new(&rules[entry.rule].kind);
        }
    }
}

impl Entry {
    /// A normal alarm without state.
    pub fn new(rule: usize, kind: &Kind, fit: Fit) -> Self {
        let (alarm, remarks, memory) = (Alarm::default(), Remarks::default(), Memory::new(kind));
        Self { rule, alarm, id: None, is_offline: false, quiet: None, remarks, fit, memory }
    }

    fn rebase(&mut self, by: Rebase) {
        self.alarm.rebase(by);
        self.quiet.iter_mut().for_each(|quiet| quiet.rebase(by));
    }

    /// Judges the newest reading.
    pub fn judge(
        &mut self,
        rule: &Rule,
        newest: &Newest,
        context: &RuleContext<'_>,
        reasons: Reasons<'_>,
    ) -> Step {
        let Some(sample) = newest.sample() else { return Step::default() };
        let was_broken = self.alarm.is_broken();
        self.is_offline = false;
        let verdict = self.verdict(rule, sample, was_broken, context);
        let is_broken = match verdict {
            Verdict::Broken => true,
            Verdict::PersistedAlarm => false,
            Verdict::Unknown => was_broken,
        };
        if !is_broken && self.is_at_rest() {
            // By far the most frequent case: normal, and no violation.
            return Step { has_changed: is_timed(rule), ..Step::default() };
        }
        let step = self.step(rule, Event::Judged { is_broken }, newest.moment(), reasons);
        let mut step = step.and(self.recheck(rule, newest.moment(), true, reasons));
        step.is_broken = verdict == Verdict::Broken;
        // An event without a reading is dated by the last one before it.
        step.has_changed |= is_timed(rule) || !self.is_at_rest();
        if rule.announces_each_reading {
            self.announce_each_reading(&mut step, newest);
        }
        step
    }

    /// A late reading: only a sign of life.
    pub fn hear_late(&mut self, rule: &Rule, newest: &Newest, reasons: Reasons<'_>) -> Step {
        let step = self.apply_availability(rule, newest, true, newest.moment(), reasons);
        Step { has_changed: step.has_changed || is_timed(rule) || !self.is_at_rest(), ..step }
    }

    /// State that depends on earlier readings; `None` for a rule that judges each by itself.
    pub fn remembered(&self) -> Option<Remembered> {
        self.memory.remembered()
    }

    /// Restores that state; returns false if it is of another kind.
    pub fn resume(&mut self, rule: &Rule, remembered: Remembered) -> bool {
        let memory = Memory::resume(&rule.kind, remembered);
        let is_of_kind = memory.is_some();
        self.memory = memory.unwrap_or_else(|| Memory::new(&rule.kind));
        is_of_kind
    }

    /// Starts a new rule with the samples of the series' other rules, and with the newest reading.
    pub fn begin(&mut self, rule: &Rule, remembered: &[Sample], newest: &Newest) {
        for sample in remembered {
            self.remember(rule, *sample);
        }
        let last = remembered.last().map(|last| last.at);
        if let Some(sample) = newest.sample().filter(|sample| last.is_none_or(|at| at < sample.at))
        {
            self.remember(rule, sample);
        }
    }

    /// One more message per reading, as the origin did, unless this reading has one already.
    fn announce_each_reading(&self, step: &mut Step, newest: &Newest) {
        let state = self.alarm.state();
        let is_told = step.transitions.iter().any(|transition| transition.announced.is_some());
        if step.is_broken && state.condition.is_active() && state.withheld.is_none() && !is_told {
            let (change, at) = (Change::StillActive, newest.at);
            let announced = Some(Announcement::StillActive);
            step.transitions.push(Transition { change, state, at, announced });
        }
    }

    /// True if its state is stored: also if only the id of the last alarm is left, which operators use.
    pub fn is_kept(&self, rule: &Rule) -> bool {
        !self.is_at_rest() || self.id.is_some() || is_timed(rule)
    }

    /// True if there is no violation, alarm or withholding.
    pub fn is_at_rest(&self) -> bool {
        let is_quiet = self.quiet.as_ref().is_some_and(|quiet| quiet.is_worth_keeping());
        self.alarm.is_at_rest() && !is_quiet
    }

    /// Applies one event to its alarm, without checking its suppression.
    pub fn step(&mut self, rule: &Rule, event: Event, now: Moment, reasons: Reasons<'_>) -> Step {
        let Self { rule: number, alarm, quiet, .. } = self;
        let before = (alarm.clone(), quiet.clone());
        let mut why_silent = |when| reasons.at_raise((*number, rule), quiet, when);
        let transitions = alarm.step_asking(&rule.timing, event, now, &mut why_silent);
        let slot = quiet.as_mut().and_then(|quiet| quiet.chatter.as_mut());
        let may_say = alarm.is_withheld_only_by(chatter::BY);
        let summary = slot.and_then(|chatter| chatter.take_summary(may_say));
        let has_changed = (&*alarm, &*quiet) != (&before.0, &before.1);
        let (was_told, stood) = (before.0.is_told(), before.0.state().condition.stands());
        Step { transitions, has_changed, summary, was_told, stood, ..Step::default() }
    }

    /// Ends the alarm of a rule that no longer applies. It no longer counts as a cause.
    pub fn close(&mut self, rule: &Rule, now: Moment) -> Step {
        let chatter = self.quiet.take().and_then(|quiet| quiet.chatter);
        let summary = chatter.and_then(|mut chatter| chatter.stop());
        let transitions = self.alarm.step(&rule.timing, Event::Close, now);
        Step { transitions, has_changed: true, summary, ..Step::default() }
    }

    /// Suppresses its alarm or lets it go, as there is a reason at `now` or none.
    pub fn recheck(
        &mut self,
        rule: &Rule,
        now: Moment,
        is_reading: bool,
        reasons: Reasons<'_>,
    ) -> Step {
        let Self { rule: number, alarm, quiet, .. } = self;
        let is_concerned = alarm.state().condition.stands() || alarm.suppressed_by().is_some();
        if !is_concerned && quiet.is_none() {
            return Step::default();
        }
        let before = quiet.clone();
        let (by, summary) = reasons.at((*number, rule), alarm, quiet, now, is_reading);
        let event = match (by, alarm.suppressed_by()) {
            (Some(by), old) if is_concerned && old != Some(&by) => Some(Event::Suppress { by }),
            (None, Some(_)) => Some(Event::Unsuppress),
            _ => None,
        };
        let has_changed = *quiet != before;
        // No event is dated before the alarm it concerns.
        let now = Moment { at: alarm.since().map_or(now.at, |since| since.max(now.at)), ..now };
        let stepped = event.map(|event| self.step(rule, event, now, reasons));
        self.quiet.take_if(|quiet| **quiet == Quiet::default());
        stepped.unwrap_or_default().and(Step { has_changed, summary, ..Step::default() })
    }

    /// Names the alert that reports its chattering.
    pub fn name_chatter(&mut self, id: &Arc<str>) {
        let chatter = self.quiet.as_mut().and_then(|quiet| quiet.chatter.as_mut());
        chatter.into_iter().for_each(|chatter| chatter.name(id));
    }

    /// Its indexes among the dependencies.
    pub fn links(&self) -> Links {
        self.quiet.as_ref().map(|quiet| quiet.links.clone()).unwrap_or_default()
    }

    /// Updates the dependencies for its present state and location.
    pub fn observe(&mut self, key: &Key, location: &Location, dependencies: &mut Dependencies) {
        let links = dependencies.observe(key, location, (self.rule, &self.alarm), &self.links());
        links.into_iter().for_each(|links| self.link(links));
    }

    /// Removes it from the dependencies.
    pub fn forget(&mut self, key: &Key, dependencies: &mut Dependencies) {
        let links = dependencies.forget(key, self.rule, &self.links());
        links.into_iter().for_each(|links| self.link(links));
    }

    /// Sets its indexes among the dependencies.
    pub fn link(&mut self, links: Links) {
        self.quiet.get_or_insert_default().links = links;
        self.quiet.take_if(|quiet| **quiet == Quiet::default());
    }

    /// Time at which silence changes something, on the listening clock.
    pub fn due(&self, rule: &Rule, newest: &Newest) -> Option<Duration> {
        let silence = self.silence_ends(rule, newest).map(|due| due.listened);
        let delay = self.alarm.next_due().map(|due| due.listened);
        let quiet = self.quiet.as_ref().and_then(|quiet| quiet.due());
        silence.into_iter().chain(delay).chain(quiet).min()
    }

    /// Time at which the silence is too long, for a rule that is violated by it.
    fn silence_ends(&self, rule: &Rule, newest: &Newest) -> Option<Moment> {
        match rule.kind {
            Kind::Stale { after } if !self.alarm.is_broken() => {
                let (at, listened) = stale::due(newest.at, newest.heard, after);
                Some(Moment { at, listened })
            }
            _ => None,
        }
    }

    /// Time elapsed up to `listened`. Its suppression is evaluated as of `check_at`, which is no later: other alarms
    /// may still change in between.
    pub fn elapse(
        &mut self,
        rule: &Rule,
        newest: &Newest,
        (check_at, listened): (Duration, Duration),
        reasons: Reasons<'_>,
    ) -> Step {
        let step = match self.silence_ends(rule, newest).filter(|due| due.listened <= listened) {
            Some(due) => self.step(rule, Event::Judged { is_broken: true }, due, reasons),
            None => self.step(rule, Event::Elapsed, Moment { at: newest.at, listened }, reasons),
        };
        step.and(self.recheck(rule, newest.moment_at(check_at), false, reasons))
    }

    /// Its sensor was reported offline or online. Online ends only what offline began, and silence continues
    /// counting.
    pub fn apply_availability(
        &mut self,
        rule: &Rule,
        newest: &Newest,
        is_online: bool,
        now: Moment,
        reasons: Reasons<'_>,
    ) -> Step {
        let Kind::Stale { after } = rule.kind else { return Step::default() };
        let (_, silent_at) = stale::due(newest.at, newest.heard, after);
        let was_offline = std::mem::replace(&mut self.is_offline, !is_online);
        let is_broken = if is_online { now.listened >= silent_at } else { true };
        let step = self.step(rule, Event::Judged { is_broken }, now, reasons);
        let mut step = step.and(self.recheck(rule, now, false, reasons));
        step.has_changed |= was_offline == is_online;
        step
    }
}

/// True if the time of the last reading must be stored even for a normal alarm.
pub(super) const fn is_timed(rule: &Rule) -> bool {
    matches!(rule.kind, Kind::Stale { .. })
}
