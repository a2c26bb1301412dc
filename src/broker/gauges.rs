//! Gauges of the embedded broker beside its sessions: losses, reached bounds, and failures of its storage.
//!
//! Never: a broker that waits for being looked at.

#![expect(clippy::disallowed_methods, reason = "what is wrong has a beginning")]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

/// Time after which a reached bound counts as past.
const OVER_AFTER: TimeDelta = TimeDelta::minutes(10);

/// Handle to the gauges, shared by the broker's incarnations.
#[derive(Debug, Clone, Default)]
pub struct BrokerGauges(Arc<Mutex<Shown>>);

/// Losses and refusals since the start of the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BrokerCounts {
    /// Messages without room in a client's queue.
    pub dropped: u64,
    /// Messages above their client's maximum packet size.
    pub oversized: u64,
    /// Messages that were to be retained, without room.
    pub not_retained: u64,
    /// Messages and subscriptions without the right to them.
    pub denied: u64,
    /// Logins without the right name and password.
    pub refused_logins: u64,
    /// Connections without room.
    pub refused_connections: u64,
}

/// A bound of the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokerBound {
    /// Queues of clients.
    Queues,
    /// Retained messages.
    Retained,
    /// Connections or sessions.
    Connections,
}

/// Why something is wrong, and since when.
pub type OngoingProblem = (String, DateTime<Utc>);

#[derive(Debug, Default)]
struct Shown {
    counts: BrokerCounts,
    /// First and last time that each bound was reached, in one run.
    reached: [Option<(DateTime<Utc>, DateTime<Utc>)>; 3],
    keep_trouble: Option<OngoingProblem>,
}

impl BrokerGauges {
    /// Losses and refusals so far.
    #[must_use]
    pub fn counts(&self) -> BrokerCounts {
        self.shown().counts
    }

    /// Bounds that are reached, each since when.
    #[must_use]
    pub fn reached(&self) -> Vec<(BrokerBound, DateTime<Utc>)> {
        let now = Utc::now();
        let bounds = [BrokerBound::Queues, BrokerBound::Retained, BrokerBound::Connections];
        let reached = bounds.into_iter().zip(self.shown().reached);
        reached
            .filter_map(|(bound, times)| times.map(|(first, last)| (bound, first, last)))
            .filter(|(_, _, last)| now - last < OVER_AFTER)
            .map(|(bound, first, _)| (bound, first))
            .collect()
    }

    /// Why state can't be written, and since when; `None` if it can.
    #[must_use]
    pub fn keep_trouble(&self) -> Option<OngoingProblem> {
        self.shown().keep_trouble.clone()
    }

    pub(super) fn count(&self, add: impl FnOnce(&mut BrokerCounts)) {
        let mut shown = self.shown();
        let before = shown.counts;
        add(&mut shown.counts);
        let (counts, now) = (shown.counts, Utc::now());
        let is_reached = [
            counts.dropped > before.dropped,
            counts.not_retained > before.not_retained,
            counts.refused_connections > before.refused_connections,
        ];
        for (times, _) in shown.reached.iter_mut().zip(is_reached).filter(|(_, reached)| *reached) {
            let first = times.filter(|(_, last)| now - last < OVER_AFTER).map(|(first, _)| first);
            *times = Some((first.unwrap_or(now), now));
        }
    }

    /// Notes and logs, once, that state can't be written.
    pub(super) fn begin_keep_trouble(&self, why: &str) {
        let mut shown = self.shown();
        if shown.keep_trouble.is_none() {
            log::error!(
                target: "vigie::broker",
                "can't write the sessions and retained messages: {why}; what depends on them is not acknowledged until \
                 that works again",
            );
            shown.keep_trouble = Some((why.to_owned(), Utc::now()));
        }
    }

    pub(super) fn end_keep_trouble(&self) {
        if self.shown().keep_trouble.take().is_some() {
            log::info!(target: "vigie::broker", "sessions and retained messages are written again");
        }
    }

    // Updates are atomic, so a poisoned lock is still consistent.
    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_reached_for_a_while() {
        let gauges = BrokerGauges::default();
        gauges.count(|counts| counts.denied += 1);
        assert_eq!(gauges.reached(), []);
        gauges.count(|counts| counts.dropped += 3);
        gauges.count(|counts| counts.dropped += 1);
        let reached = gauges.reached();
        assert_eq!(reached.iter().map(|(it, _)| *it).collect::<Vec<_>>(), [BrokerBound::Queues]);
        let counts = BrokerCounts { dropped: 4, denied: 1, ..BrokerCounts::default() };
        assert_eq!(gauges.counts(), counts);
        let long_ago = Utc::now() - OVER_AFTER;
        gauges.shown().reached[0] = Some((long_ago, long_ago));
        assert_eq!(gauges.reached(), []);
    }
}
