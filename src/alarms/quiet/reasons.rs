//! Whether an alarm is to be quiet now, and why. Pure.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::key::Key;
use super::super::machine::{Alarm, Moment, Rebase};
use super::super::rule::Rule;
use super::chatter::{self, Chatter};
use super::dependencies::Links;
use super::{NamedSummary, Quieting, Summary};
use crate::domain::Location;

/// Suppression state of one alarm, stored with it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Quiet {
    /// Present cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cause: Option<Arc<str>>,
    /// Held back without a cause: one may be coming, or has just ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hold: Option<Hold>,
    /// Chattering of the alarm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chatter: Option<Chatter>,
    /// Index of the alarm among the dependencies.
    #[serde(skip)]
    pub links: Links,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Hold {
    by: Arc<str>,
    /// Time on the listening clock.
    until: Duration,
}

impl Quiet {
    /// Whether there is anything that a restart must not forget.
    pub fn is_worth_keeping(&self) -> bool {
        self.cause.is_some() || self.hold.is_some() || self.chatter.is_some()
    }

    /// Its series changed to another listening clock.
    pub(in crate::alarms) fn rebase(&mut self, by: Rebase) {
        self.hold.iter_mut().for_each(|hold| by.time(&mut hold.until));
        self.chatter.iter_mut().for_each(|chatter| chatter.rebase(by));
    }

    /// Time of the next check, on the listening clock.
    pub fn due(&self) -> Option<Duration> {
        let hold = self.hold.as_ref().map(|hold| hold.until);
        let chatter = self.chatter.as_ref().and_then(Chatter::due);
        hold.into_iter().chain(chatter).min()
    }
}

/// Evaluates the suppression of one alarm of a series.
#[derive(Clone, Copy)]
pub struct Reasons<'a> {
    /// All suppression settings and states.
    pub quieting: &'a Quieting,
    /// The series.
    pub key: &'a Key,
    /// Location of the series.
    pub location: &'a Location,
}

impl Reasons<'_> {
    /// Cause that suppresses an alarm raised at `when`.
    pub fn at_raise(
        &self,
        (number, rule): (usize, &Rule),
        quiet: &mut Option<Box<Quiet>>,
        when: Moment,
    ) -> Option<Arc<str>> {
        let mut is_chattering = false;
        if let Some(limits) = self.chattering(rule) {
            let chatter = quiet.get_or_insert_default().chatter.get_or_insert_default();
            is_chattering = chatter.raise(limits, when);
        }
        let explained = rule.suppression.as_ref().map(|suppression| {
            let quiet = quiet.get_or_insert_default();
            quiet.cause = self.cause(number);
            quiet.hold.take_if(|hold| hold.until <= when.listened);
            if quiet.cause.is_none() && quiet.hold.is_none() {
                let first = suppression.by.first().map_or("", |name| name);
                let until = when.listened.saturating_add(suppression.wait);
                quiet.hold = Some(Hold { by: format!("wait:{first}").into(), until });
            }
            quiet.cause.clone().or_else(|| quiet.hold.as_ref().map(|hold| hold.by.clone()))
        });
        self.maintenance(rule)
            .or(explained.flatten())
            .or_else(|| is_chattering.then(|| chatter::BY.into()))
    }

    /// Cause that suppresses an alarm at `now` that stands or is suppressed, and the summary to report.
    pub fn at(
        &self,
        (number, rule): (usize, &Rule),
        alarm: &Alarm,
        slot: &mut Option<Box<Quiet>>,
        now: Moment,
        is_reading: bool,
    ) -> (Option<Arc<str>>, Option<NamedSummary>) {
        let mut summary = None;
        if let Some(chatter) = slot.as_mut().and_then(|quiet| quiet.chatter.as_mut()) {
            summary = match self.chattering(rule) {
                Some(_) => chatter.pass(now, is_reading),
                None => chatter.stop(),
            };
            if let Some(NamedSummary { summary: Summary::Calm { stands, .. }, .. }) = &mut summary {
                *stands = alarm.state().condition.stands();
            }
        }
        // An alarm that neither stands nor is suppressed needs no explanation.
        let is_concerned = alarm.state().condition.stands() || alarm.suppressed_by().is_some();
        if let Some(suppression) = rule.suppression.as_ref().filter(|_| is_concerned) {
            let quiet = slot.get_or_insert_default();
            quiet.follow(self.cause(number), suppression.settle, now.listened);
        } else if let Some(quiet) = slot {
            (quiet.cause, quiet.hold) = (None, None);
        }
        if let Some(quiet) = slot {
            quiet.chatter.take_if(|chatter| chatter.is_over());
        }
        (self.maintenance(rule).or_else(|| slot.as_ref()?.why()), summary)
    }

    fn cause(&self, rule: usize) -> Option<Arc<str>> {
        self.quieting.dependencies.cause(rule, &self.key.0, self.location).cloned()
    }

    fn maintenance(&self, rule: &Rule) -> Option<Arc<str>> {
        self.quieting.windows.over(rule, &self.key.0, self.location)
    }

    /// Rules that announce every reading exclude chattering.
    fn chattering(&self, rule: &Rule) -> Option<super::Chattering> {
        self.quieting.chattering.filter(|_| !rule.announces_each_reading)
    }
}

impl Quiet {
    /// Moves from one cause to the next, to the settling time, or to none.
    fn follow(&mut self, cause: Option<Arc<str>>, settle: Duration, listened: Duration) {
        match (&cause, self.cause.take()) {
            (Some(_), _) => self.hold = None,
            (None, Some(by)) => {
                self.hold = Some(Hold { by, until: listened.saturating_add(settle) });
            }
            (None, None) => {
                self.hold.take_if(|hold| hold.until <= listened);
            }
        }
        self.cause = cause;
    }

    fn why(&self) -> Option<Arc<str>> {
        let hold = || self.hold.as_ref().map(|hold| hold.by.clone());
        let is_chattering = || self.chatter.as_ref().is_some_and(Chatter::is_running);
        self.cause.clone().or_else(hold).or_else(|| is_chattering().then(|| chatter::BY.into()))
    }
}
