//! Maintenance windows: planned times in which some alarms are suppressed. Pure.
//!
//! Decided by the wall clock, passed by the caller: maintenance is planned by it, and a sensor's own clock may be
//! wrong or replayed. What is still wrong when the window closes is announced then. Nothing but the alarms' own
//! states is stored: whether a window is open follows from the time alone.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::super::rule::{Rule, Selection};
use super::schedule::Schedule;
use crate::domain::{Location, SensorId, glob};

/// Prefix of [`Maintenance::by`].
const BY: &str = "maintenance:";

/// One kind of planned work.
#[derive(Debug, Clone, PartialEq)]
pub struct Maintenance {
    /// Cause during the window: `maintenance:NAME`.
    pub by: Arc<str>,
    /// Sensors that the work concerns.
    pub selection: Selection,
    /// Patterns of rules' names; without any: all.
    pub rules: Vec<Arc<str>>,
    /// Times at which the windows begin.
    pub schedule: Schedule,
    /// Length of each window. Elapsed time: a window over a change of the clocks is as long as any other.
    pub lasting: Duration,
    /// Zone of the schedule.
    pub zone: Tz,
}

impl Maintenance {
    /// End of the window open at `now`, unless another one begins before.
    fn open_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let lasting = TimeDelta::from_std(self.lasting).ok()?;
        let last = self.schedule.last(now.checked_sub_signed(lasting)?, now, self.zone)?;
        last.checked_add_signed(lasting)
    }

    /// Name in the configuration.
    #[must_use]
    pub fn name(&self) -> &str {
        self.by.strip_prefix(BY).unwrap_or(&self.by)
    }

    /// True if alarms of the sensor are suppressed in the window, of some rules at least.
    #[must_use]
    pub fn concerns(&self, sensor: &SensorId, location: &Location) -> bool {
        self.selection.includes(sensor, location)
    }

    /// Beginning and end of the windows that overlap a span, in order of time.
    pub fn windows(
        &self,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> impl Iterator<Item = (DateTime<Utc>, DateTime<Utc>)> + '_ {
        let lasting = TimeDelta::from_std(self.lasting).unwrap_or_default();
        let next = move |start: DateTime<Utc>| self.schedule.next(start, self.zone);
        let first = from.checked_sub_signed(lasting).and_then(next);
        std::iter::successors(first, move |start| next(*start))
            .take_while(move |start| *start < to)
            .filter_map(move |start| Some((start, start.checked_add_signed(lasting)?)))
    }

    fn covers(&self, rule: &Rule, sensor: &SensorId, location: &Location) -> bool {
        self.selection.includes(sensor, location) && glob::selects(&self.rules, &rule.name)
    }
}

/// All windows, and which of them are open.
#[derive(Debug, Default)]
pub(in crate::alarms) struct Windows {
    all: Vec<Maintenance>,
    open: Vec<usize>,
    /// Earliest time for which `open` is valid; `None` before the first evaluation.
    from: Option<DateTime<Utc>>,
    /// Next time at which one opens or closes.
    next: Option<DateTime<Utc>>,
}

impl Windows {
    /// Windows of which none is open until the first look at the wall clock.
    pub fn new(all: Vec<Maintenance>) -> Self {
        Self { all, ..Self::default() }
    }

    /// Windows that are open, by their index.
    #[cfg(test)]
    pub fn open(&self) -> &[usize] {
        &self.open
    }

    /// Next time at which one opens or closes.
    pub const fn next_change(&self) -> Option<DateTime<Utc>> {
        self.next
    }

    /// Sets the wall clock to `now`. Returns true if other windows are open than before. The result follows from
    /// `now` alone; two comparisons while it stays within the known span.
    pub fn turn(&mut self, now: DateTime<Utc>) -> bool {
        let is_known = self.from.is_some_and(|from| from <= now);
        if self.all.is_empty() || (is_known && self.next.is_none_or(|next| now < next)) {
            return false;
        }
        self.from = Some(now);
        let before = std::mem::take(&mut self.open);
        self.next = None;
        for (at, window) in self.all.iter().enumerate() {
            let until = window.open_until(now);
            self.open.extend(until.is_some().then_some(at));
            let next = until.into_iter().chain(window.schedule.next(now, window.zone));
            self.next = self.next.into_iter().chain(next).min();
        }
        self.open != before
    }

    /// The open window that an alarm falls under; the first, if several.
    pub fn over(&self, rule: &Rule, sensor: &SensorId, location: &Location) -> Option<Arc<str>> {
        let mut open = self.open.iter().filter_map(|at| self.all.get(*at));
        open.find(|window| window.covers(rule, sensor, location)).map(|window| window.by.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn windows(schedule: &str, hours: u64) -> Windows {
        Windows::new(vec![Maintenance {
            by: "maintenance:M".into(),
            selection: Selection::default(),
            rules: Vec::new(),
            schedule: Schedule::parse(schedule).unwrap(),
            lasting: Duration::from_secs(hours * 3600),
            zone: Tz::Europe__Paris,
        }])
    }

    /// The times, a minute apart, at which a window opens and closes.
    fn edges(windows: &mut Windows, from: &str, hours: i64) -> Vec<String> {
        let from = utc(from);
        let mut edges = Vec::new();
        for minute in 0..hours * 60 {
            let now = from + TimeDelta::minutes(minute);
            if windows.turn(now) {
                let what = if windows.open.is_empty() { "closes" } else { "opens" };
                edges.push(format!("{what} {}", now.format("%F %H:%M")));
            }
        }
        edges
    }

    #[test]
    fn a_window_opens_and_closes() {
        let mut nightly = windows("0 22 * * *", 2);
        assert_eq!(
            edges(&mut nightly, "2024-08-14T12:00:00Z", 24),
            ["opens 2024-08-14 20:00", "closes 2024-08-14 22:00"]
        );
    }

    #[test]
    fn it_is_as_long_over_a_change_of_the_clocks() {
        assert_eq!(
            edges(&mut windows("0 1 * * 0", 4), "2024-03-30T20:00:00Z", 24),
            ["opens 2024-03-31 00:00", "closes 2024-03-31 04:00"]
        );
        assert_eq!(
            edges(&mut windows("0 1 * * 0", 4), "2024-10-26T20:00:00Z", 24),
            ["opens 2024-10-26 23:00", "closes 2024-10-27 03:00"]
        );
    }

    #[test]
    fn one_that_begins_before_the_last_has_ended_goes_on() {
        assert_eq!(
            edges(&mut windows("0,30 8-9 * * *", 1), "2024-08-14T00:00:00Z", 12),
            ["opens 2024-08-14 06:00", "closes 2024-08-14 08:30"]
        );
    }

    #[test]
    fn a_start_in_its_midst_finds_it_open_and_a_clock_set_back_finds_it_shut() {
        let mut windows = windows("0 22 * * *", 2);
        assert!(windows.turn(utc("2024-08-14T21:59:59Z")));
        assert!(!windows.turn(utc("2024-08-14T21:59:59Z")));
        assert!(windows.turn(utc("2024-08-14T19:00:00Z")));
        assert!(windows.open.is_empty());
        assert!(windows.turn(utc("2024-08-14T20:00:00Z")));
    }

    #[test]
    fn windows_of_a_span_are_all_that_overlap_it() {
        let windows = windows("30 22 * * fri", 2);
        let found = |from, to| -> Vec<_> {
            let found = windows.all[0].windows(utc(from), utc(to));
            found
                .map(|(from, to)| format!("{} {}", from.format("%d-%H:%M"), to.format("%H:%M")))
                .collect()
        };
        // Fridays at 22:30 in Paris; the clocks are put back on the 27th.
        assert_eq!(
            found("2024-10-11T00:00:00Z", "2024-11-02T00:00:00Z"),
            ["11-20:30 22:30", "18-20:30 22:30", "25-20:30 22:30", "01-21:30 23:30"]
        );
        assert_eq!(found("2024-10-18T22:29:00Z", "2024-10-18T22:45:00Z"), ["18-20:30 22:30"]);
        assert!(found("2024-10-18T22:30:00Z", "2024-10-25T20:30:00Z").is_empty());
        assert_eq!(windows.all[0].name(), "M");
    }
}
