//! Compares what rules would have announced on stored readings with what was announced. Pure.
//!
//! Two announcements are equal if rule, sensor, state and time are. Readings are in order of their own time, as
//! stored. Silence is counted by these times too, over everything stored: a gap without any stored reading is
//! silence, unless it is longer than the caller's threshold of an outage.
//!
//! Invariant: counts by rule cover everything; the list covers everything up to a time, which is stated. Memory is
//! bounded by [`MOST_LISTED`], not by the history.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::player::Player;
use crate::alarms::builtin;
use crate::alarms::engine::Outcome;
use crate::alarms::kinds::Memory;
use crate::alarms::rule::{Kind, Rule};
use crate::config::Config;
use crate::domain::{AlertState, Reading};
use crate::evaluator;
use crate::locale::Words;

/// Limit of listed announcements per side: tens of megabytes, and more than a person reads.
pub const MOST_LISTED: usize = 100_000;

/// An announcement, made or simulated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// Time of the announcement.
    pub at: DateTime<Utc>,
    /// Name of the rule.
    pub rule: Arc<str>,
    /// Id of the sensor.
    pub sensor_id: Arc<str>,
    /// Whether the alert was raised or resolved.
    pub state: AlertState,
    /// Message in the configured language.
    pub message: String,
}

/// Side of an announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The candidate alone.
    OnlyWould,
    /// The history alone.
    OnlyWas,
    /// Candidate and history.
    Both,
}

/// Numbers of alarms that a rule would have announced, and did; returns don't count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Alarms that the candidate would have announced.
    pub would: u64,
    /// Alarms that were announced.
    pub was: u64,
}

/// Comparison of both sides.
#[derive(Debug, Default)]
pub struct Compared {
    /// Counts by rule name.
    pub rules: BTreeMap<Arc<str>, Count>,
    /// In order of time.
    pub list: Vec<(Side, Announced)>,
    /// End of the list for lack of room; `None` if it is complete.
    pub list_ends: Option<DateTime<Utc>>,
}

/// A replay in progress.
pub struct Replay {
    player: Player,
    words: &'static Words,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    outage: Option<Duration>,
    newest: Option<DateTime<Utc>>,
    would: Listed,
    was: Listed,
}

/// Time before the period at which the readings must start, so that the rules have their windows, silences and
/// delays at its start.
#[must_use]
pub fn lead(config: &Config) -> Duration {
    let reach = |rule: &Rule| {
        let remembered = match &rule.kind {
            Kind::Stale { after } => *after,
            kind => Memory::reach(kind),
        };
        remembered + rule.timing.on_delay + rule.timing.off_delay
    };
    config.rules.iter().map(reach).max().unwrap_or_default()
}

impl Replay {
    /// Replay from `from` until before `to`. Silence isn't counted in gaps longer than `outage`.
    #[must_use]
    pub fn new(
        config: &Config,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
        outage: Option<Duration>,
    ) -> Self {
        let origin = before(from, lead(config));
        Self {
            player: Player::new(config, origin),
            words: config.language.words(),
            from,
            to,
            outage,
            newest: None,
            would: Listed::default(),
            was: Listed::default(),
        }
    }

    /// The next stored reading, in order of time, from [`lead`] before the period on.
    pub fn take(&mut self, reading: &Reading) {
        self.skip_outage(reading.timestamp);
        let mut out = Vec::new();
        self.player.hear(reading, &mut out);
        self.newest = self.newest.max(Some(reading.timestamp));
        self.note(out);
    }

    /// Adds an announced alert event. Findings are ignored: they don't depend on the configuration.
    pub fn was(&mut self, announced: Announced) {
        if !builtin::is_rule(&announced.rule) && (self.from..self.to).contains(&announced.at) {
            self.was.add(announced);
        }
    }

    /// Counts the silence up to the end, and compares.
    #[must_use]
    pub fn finish(mut self) -> Compared {
        let is_outage = self.skip_outage(self.to);
        if !is_outage && self.newest.is_some() {
            let mut out = Vec::new();
            self.player.wait(self.to, &mut out);
            self.note(out);
        }
        compare(self.would, self.was)
    }

    /// True for an outage between the newest reading and `at`.
    fn skip_outage(&mut self, at: DateTime<Utc>) -> bool {
        let unheard = self.newest.and_then(|newest| (at - newest).to_std().ok());
        let unheard = unheard.filter(|unheard| self.outage.is_some_and(|most| *unheard > most));
        if let Some(unheard) = unheard {
            self.player.skip(unheard);
        }
        unheard.is_some()
    }

    fn note(&mut self, outcomes: Vec<Outcome>) {
        for outcome in outcomes {
            let event = evaluator::event(outcome, self.words);
            if event.announced && (self.from..self.to).contains(&event.timestamp) {
                self.would.add(Announced {
                    at: event.timestamp,
                    rule: event.rule,
                    sensor_id: event.sensor_id.as_str().into(),
                    state: event.state,
                    message: event.message,
                });
            }
        }
    }
}

/// Time `lead` before another, or the earliest possible.
#[must_use]
pub fn before(at: DateTime<Utc>, lead: Duration) -> DateTime<Utc> {
    let lead = TimeDelta::from_std(lead).ok();
    lead.and_then(|lead| at.checked_sub_signed(lead)).unwrap_or(DateTime::<Utc>::MIN_UTC)
}

/// One side's announcements.
#[derive(Debug, Default)]
struct Listed {
    list: Vec<Announced>,
    /// Counts by rule.
    raised: BTreeMap<Arc<str>, u64>,
    /// The earliest that found no room.
    ends: Option<DateTime<Utc>>,
}

impl Listed {
    fn add(&mut self, announced: Announced) {
        let raised = self.raised.entry(announced.rule.clone()).or_default();
        *raised += u64::from(announced.state == AlertState::Active);
        if self.list.len() < MOST_LISTED {
            self.list.push(announced);
        } else {
            let at = announced.at;
            self.ends = Some(self.ends.map_or(at, |ends| ends.min(at)));
        }
    }
}

/// Identity of an announcement; storage keeps microseconds.
fn identity(announced: &Announced) -> (i64, &str, &str, &str) {
    let Announced { at, rule, sensor_id, state, .. } = announced;
    (at.timestamp_micros(), rule, sensor_id, state.as_str())
}

fn compare(would: Listed, was: Listed) -> Compared {
    let mut rules: BTreeMap<Arc<str>, Count> = BTreeMap::new();
    for (rule, raised) in would.raised {
        rules.entry(rule).or_default().would = raised;
    }
    for (rule, raised) in was.raised {
        rules.entry(rule).or_default().was = raised;
    }
    let list_ends = [would.ends, was.ends].into_iter().flatten().min();
    let sorted = |mut list: Vec<Announced>| {
        list.retain(|announced| list_ends.is_none_or(|ends| announced.at < ends));
        list.sort_by(|a, b| identity(a).cmp(&identity(b)));
        list
    };
    let (mut would, mut was) =
        (sorted(would.list).into_iter().peekable(), sorted(was.list).into_iter().peekable());
    let mut list = Vec::new();
    loop {
        let order = match (would.peek(), was.peek()) {
            (Some(would), Some(was)) => identity(would).cmp(&identity(was)),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return Compared { rules, list, list_ends },
        };
        let side = match order {
            Ordering::Less => Side::OnlyWould,
            Ordering::Equal => Side::Both,
            Ordering::Greater => Side::OnlyWas,
        };
        let would = (order != Ordering::Greater).then(|| would.next()).flatten();
        let was = (order != Ordering::Less).then(|| was.next()).flatten();
        list.extend(would.or(was).map(|announced| (side, announced)));
    }
}

#[cfg(test)]
mod tests;
