//! Rates from counters, and beginnings of problems. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, Utc};

/// Samples of a counter: one a second, so the rate is that of the last five seconds.
const SAMPLES: usize = 6;

/// Rate of a counter that only grows.
#[derive(Debug)]
pub(super) struct Meter(VecDeque<(Duration, u64)>);

impl Default for Meter {
    /// A counter that starts with 0 at time 0.
    fn default() -> Self {
        Self(VecDeque::from([(Duration::ZERO, 0)]))
    }
}

impl Meter {
    /// Adds a sample of the counter.
    pub fn sample(&mut self, at: Duration, count: u64) {
        if self.0.len() == SAMPLES {
            self.0.pop_front();
        }
        self.0.push_back((at, count));
    }

    /// Counts a second between the first sample and the last; 0 while there are fewer than two.
    pub fn per_second(&self) -> f64 {
        let (Some((from, first)), Some((to, last))) = (self.0.front(), self.0.back()) else {
            return 0.0;
        };
        let seconds = to.saturating_sub(*from).as_secs_f64();
        if seconds > 0.0 { last.saturating_sub(*first) as f64 / seconds } else { 0.0 }
    }
}

/// Since when each thing that is wrong has been wrong.
#[derive(Debug, Default)]
pub(super) struct Ledger(Vec<(String, DateTime<Utc>)>);

impl Ledger {
    /// Updates the present problems, each by a unique name, with its beginning if known. Others are removed.
    pub fn note(&mut self, wrong: Vec<(String, Option<DateTime<Utc>>)>, now: DateTime<Utc>) {
        let before = std::mem::take(&mut self.0);
        let noticed = |name: &str| before.iter().find(|(known, _)| known == name).map(|it| it.1);
        self.0.extend(wrong.into_iter().map(|(name, since)| {
            let since = since.or_else(|| noticed(&name)).unwrap_or(now);
            (name, since)
        }));
        self.0.sort_by_key(|(_, since)| *since);
    }

    /// Present problems, oldest first.
    pub fn standing(&self) -> impl Iterator<Item = (&str, DateTime<Utc>)> {
        self.0.iter().map(|(name, since)| (name.as_str(), *since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_the_last_seconds() {
        let mut meter = Meter::default();
        assert_eq!(meter.per_second(), 0.0);
        meter.sample(Duration::from_secs(1), 10);
        assert_eq!(meter.per_second(), 10.0);
        for second in 2..=20 {
            meter.sample(Duration::from_secs(second), 10 * second);
        }
        assert_eq!(meter.per_second(), 10.0);
        for second in 21..=26 {
            meter.sample(Duration::from_secs(second), 200);
        }
        assert_eq!(meter.per_second(), 0.0);
    }

    #[test]
    fn what_is_wrong_is_so_since_it_was_first_noticed() {
        let at = |second| DateTime::from_timestamp(second, 0).unwrap();
        let noticed = |name: &str| (name.to_owned(), None);
        let mut ledger = Ledger::default();
        ledger.note(vec![noticed("a")], at(1));
        ledger.note(vec![noticed("b"), noticed("a")], at(2));
        assert_eq!(ledger.standing().collect::<Vec<_>>(), [("a", at(1)), ("b", at(2))]);
        ledger.note(vec![noticed("b")], at(3));
        ledger.note(vec![noticed("a"), noticed("b")], at(4));
        assert_eq!(ledger.standing().collect::<Vec<_>>(), [("b", at(2)), ("a", at(4))]);
        ledger.note(vec![("a".to_owned(), Some(at(0)))], at(5));
        assert_eq!(ledger.standing().collect::<Vec<_>>(), [("a", at(0))]);
    }
}
