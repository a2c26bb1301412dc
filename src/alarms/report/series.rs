//! Measures per rule and sensor: chattering, fleeting and stale alarms, and the most frequent ones. Pure.
//!
//! Invariant: an alarm counts as raised once until it returns; repeats in between don't count. Never: more than
//! [`SERIES_KEPT`] pairs.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::{Period, Transition};

/// Limit of pairs of rule and sensor: ten rules on ten thousand sensors, about 30 MB.
pub const SERIES_KEPT: usize = 100_000;

/// Alarms of one pair within [`CHATTER_WITHIN`] that count as chattering ("three or more times in a minute",
/// PAS/Hexagon; the standards give no number).
pub const CHATTER_ALARMS: usize = 3;
/// Time span of [`CHATTER_ALARMS`].
pub const CHATTER_WITHIN: TimeDelta = TimeDelta::seconds(60);

/// An alarm that returned within this time is fleeting (ISA-18.2-2016 gives no number).
pub const FLEETING_WITHIN: TimeDelta = TimeDelta::seconds(60);

/// An alarm active for longer than this is stale (ISA-18.2-2016, 16.4).
pub const STALE_AFTER: TimeDelta = TimeDelta::hours(24);

/// How many pairs are named.
pub const TOP: usize = 10;

/// Chattering alarms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Chattering {
    /// Pairs of rule and sensor that chattered at least once.
    pub pairs: u64,
    /// Alarms that were part of chattering.
    pub raised: u64,
}

/// Stale alarms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Stale {
    /// Alarms active for more than 24 h at some time of the period.
    pub alarms: u64,
    /// Maximum of stale alarms on one day, days counted from the start of the period.
    pub most_on_one_day: u64,
}

/// A pair of rule and sensor that raised many alarms.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Top {
    /// Name of the rule.
    pub rule: String,
    /// Sensor of the alarms.
    pub sensor_id: String,
    /// Location of the sensor at its last alarm; may be empty.
    pub location: String,
    /// Alarms that the pair raised in the period.
    pub raised: u64,
    /// Share of all alarms raised, 0 to 1.
    pub share: f64,
}

/// Results of [`Pairs`].
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// Chattering alarms.
    pub chattering: Chattering,
    /// Alarms that returned within [`FLEETING_WITHIN`].
    pub fleeting: u64,
    /// Stale alarms.
    pub stale: Stale,
    /// Alarms active at the end of the period.
    pub standing: u64,
    /// At most [`TOP`] pairs, by number of alarms, descending.
    pub top: Vec<Top>,
    /// Transitions of pairs past [`SERIES_KEPT`].
    pub left_out: u64,
}

#[derive(Debug, Clone)]
struct Series {
    location: Arc<str>,
    raised: u64,
    /// Start of the active alarm, if any.
    active: Option<DateTime<Utc>>,
    /// Last alarms within [`CHATTER_WITHIN`], oldest first, at most `CHATTER_ALARMS` with the newest, each with
    /// whether it was counted as chattering.
    recent: Vec<(DateTime<Utc>, bool)>,
    has_chattered: bool,
}

/// Rule and sensor.
type Key = (Arc<str>, Arc<str>);

/// Follows each pair of rule and sensor.
#[derive(Debug, Clone)]
pub(super) struct Pairs {
    period: Period,
    series: HashMap<Key, Series>,
    chattering: Chattering,
    fleeting: u64,
    stale: u64,
    /// Change in the number of stale alarms, by day.
    stale_steps: Vec<i64>,
    left_out: u64,
}

impl Pairs {
    /// No pairs yet.
    pub fn new(period: Period) -> Self {
        let days = usize::try_from(period.length().num_days()).unwrap_or_default() + 2;
        Self {
            period,
            series: HashMap::new(),
            chattering: Chattering::default(),
            fleeting: 0,
            stale: 0,
            stale_steps: vec![0; days],
            left_out: 0,
        }
    }

    /// Whether this is a new alarm, rather than a repeat.
    pub fn raise(&mut self, transition: &Transition, at: DateTime<Utc>) -> bool {
        let key = (transition.rule.clone(), transition.sensor_id.clone());
        if !self.series.contains_key(&key) && self.series.len() >= SERIES_KEPT {
            self.left_out += 1;
            return true;
        }
        let series = self.series.entry(key).or_insert_with(|| Series {
            location: transition.location.clone(),
            raised: 0,
            active: None,
            recent: Vec::with_capacity(CHATTER_ALARMS),
            has_chattered: false,
        });
        if series.active.is_some() {
            return false;
        }
        series.active = Some(at);
        if at >= self.period.from() {
            series.raised += 1;
            series.location = transition.location.clone();
            let counted = series.chatter(at);
            if counted > 0 {
                self.chattering.raised += counted;
                self.chattering.pairs += u64::from(!series.has_chattered);
                series.has_chattered = true;
            }
        }
        true
    }

    /// An alarm ended at `at`; ignored if none is active.
    pub fn end(&mut self, transition: &Transition, at: DateTime<Utc>) {
        let key = (transition.rule.clone(), transition.sensor_id.clone());
        let Some(since) = self.series.get_mut(&key).and_then(|series| series.active.take()) else {
            self.left_out += u64::from(self.series.len() >= SERIES_KEPT);
            return;
        };
        if since >= self.period.from() && at - since <= FLEETING_WITHIN {
            self.fleeting += 1;
        }
        self.active(since, at);
    }

    /// Ends the period; `raised` is the number of all alarms in it.
    pub fn finish(mut self, raised: u64) -> Found {
        let active: Vec<_> = self.series.values().filter_map(|series| series.active).collect();
        for since in &active {
            self.active(*since, self.period.to());
        }
        let mut on_day = 0;
        let most = self.stale_steps.iter().fold(0, |most, step| {
            on_day += step;
            most.max(on_day)
        });
        Found {
            chattering: self.chattering,
            fleeting: self.fleeting,
            stale: Stale {
                alarms: self.stale,
                most_on_one_day: u64::try_from(most).unwrap_or_default(),
            },
            standing: u64::try_from(active.len()).unwrap_or_default(),
            left_out: self.left_out,
            top: top(self.series, raised),
        }
    }

    /// An alarm was active in this span: stale from 24 h after its raise until its return.
    fn active(&mut self, since: DateTime<Utc>, until: DateTime<Utc>) {
        let from = (since + STALE_AFTER).max(self.period.from());
        if from >= until {
            return;
        }
        self.stale += 1;
        let day = |at: DateTime<Utc>| (at - self.period.from()).num_days();
        let days = [(day(from), 1), (day(until - TimeDelta::nanoseconds(1)) + 1, -1)];
        for (day, step) in days {
            let place = usize::try_from(day).ok();
            if let Some(steps) = place.and_then(|place| self.stale_steps.get_mut(place)) {
                *steps += step;
            }
        }
    }
}

impl Series {
    /// How many alarms turned out to be chatter with the one raised at `at`.
    fn chatter(&mut self, at: DateTime<Utc>) -> u64 {
        self.recent.retain(|(earlier, _)| at - *earlier <= CHATTER_WITHIN);
        if self.recent.len() == CHATTER_ALARMS {
            self.recent.remove(0);
        }
        self.recent.push((at, false));
        if self.recent.len() < CHATTER_ALARMS {
            return 0;
        }
        let new = self.recent.iter_mut().filter(|(_, is_counted)| !is_counted);
        new.map(|(_, is_counted)| *is_counted = true).count() as u64
    }
}

/// Pairs with the most alarms; ties by name.
fn top(series: HashMap<Key, Series>, all: u64) -> Vec<Top> {
    let mut pairs: Vec<_> = series.into_iter().filter(|(_, series)| series.raised > 0).collect();
    pairs.sort_unstable_by(|(a, x), (b, y)| y.raised.cmp(&x.raised).then_with(|| a.cmp(b)));
    let named = pairs.into_iter().take(TOP);
    named
        .map(|((rule, sensor_id), Series { location, raised, .. })| Top {
            rule: rule.to_string(),
            sensor_id: sensor_id.to_string(),
            location: location.to_string(),
            raised,
            share: super::ratio(raised, all),
        })
        .collect()
}
