//! Log lines on dropped or refused messages, rate-limited.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::hub::{Loss, Losses};
use crate::logging::LineLimit;

/// Minimum interval between two lines of one kind.
const INTERVAL: Duration = Duration::from_secs(10);

/// Counter of events with a rate-limited log line.
pub(super) struct LimitedCounter(Mutex<LineLimit>);

impl Default for LimitedCounter {
    fn default() -> Self {
        Self::of(1)
    }
}

impl LimitedCounter {
    /// Allows `lines` lines in [`INTERVAL`].
    pub(super) fn of(lines: u64) -> Self {
        Self(Mutex::new(LineLimit::new(lines, INTERVAL)))
    }

    /// Counts an event; `Some(number since the last line)` when a line is due.
    pub(super) fn count(&self, now: Instant) -> Option<u64> {
        let mut limit = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        limit.admit(now).map(|held_back| held_back + 1)
    }
}

/// Logs losses, one line of a kind in [`INTERVAL`].
#[derive(Default)]
pub(super) struct Reporter {
    untold: Losses,
    told_at: Option<Instant>,
}

impl Reporter {
    /// Adds losses, and logs all that are unlogged, at most once per [`INTERVAL`]. Messages that end with a clean
    /// session, or expire as their sender asked, are not losses.
    pub(super) fn tell(&mut self, losses: Losses, now: Instant) {
        add(&mut self.untold.dropped, losses.dropped);
        add(&mut self.untold.wills, losses.wills);
        add(&mut self.untold.oversized, losses.oversized);
        add(&mut self.untold.not_retained, losses.not_retained);
        add(&mut self.untold.denied, losses.denied);
        if self.untold == Losses::default()
            || self.told_at.is_some_and(|told| now.duration_since(told) < INTERVAL)
        {
            return;
        }
        self.told_at = Some(now);
        log_losses(std::mem::take(&mut self.untold));
    }
}

/// One line for each kind of loss.
fn log_losses(Losses { dropped, wills, oversized, not_retained, denied }: Losses) {
    if dropped.count > 0 {
        log::warn!(
            target: "vigie::broker",
            "dropped {} messages for client {:?}, and perhaps others, whose queue is full: it is offline, or too \
             slow",
            dropped.count,
            &*dropped.last,
        );
    }
    if wills.count > 0 {
        log::warn!(
            target: "vigie::broker",
            "did not publish {} wills, the last on {:?}: too many were due at once",
            wills.count,
            &*wills.last,
        );
    }
    if oversized.count > 0 {
        log::warn!(
            target: "vigie::broker",
            "passed over {} messages larger than their client takes, the last for {:?}",
            oversized.count,
            &*oversized.last,
        );
    }
    if not_retained.count > 0 {
        log::warn!(
            target: "vigie::broker",
            "did not retain {} messages, the last on {:?}: there is no room for more, or its topic has too many levels",
            not_retained.count,
            &*not_retained.last,
        );
    }
    if denied.count > 0 {
        log::warn!(
            target: "vigie::broker",
            "refused {} messages or subscriptions that their client has no right to, the last of client {}; \
             [[broker.users]] says who may what",
            denied.count,
            &*denied.last,
        );
    }
}

fn add(to: &mut Loss, loss: Loss) {
    if loss.count > 0 {
        to.count += loss.count;
        to.last = loss.last;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_at_once_then_one_an_interval_with_what_happened_meanwhile() {
        let (seldom, start) = (LimitedCounter::default(), Instant::now());
        assert_eq!(seldom.count(start), Some(1));
        assert_eq!(seldom.count(start + INTERVAL / 2), None);
        assert_eq!(seldom.count(start + INTERVAL / 2), None);
        assert_eq!(seldom.count(start + INTERVAL), Some(3));
        assert_eq!(seldom.count(start + INTERVAL), None);
    }

    #[test]
    fn losses_add_up_until_they_are_told() {
        let lost =
            |count| Losses { dropped: Loss { count, last: "away".into() }, ..Losses::default() };
        let (mut reporter, start) = (Reporter::default(), Instant::now());
        reporter.tell(lost(1), start);
        assert_eq!(reporter.untold, Losses::default());
        reporter.tell(lost(2), start + INTERVAL / 2);
        reporter.tell(lost(3), start + INTERVAL / 2);
        assert_eq!(reporter.untold, lost(5));
        reporter.tell(Losses::default(), start + INTERVAL);
        assert_eq!(reporter.untold, Losses::default());
    }
}
