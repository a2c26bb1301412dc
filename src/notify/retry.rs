//! Retry delays after failures, and which failures are logged. Pure.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::clock::after;
use super::outcome::DeliveryOutcome;
use crate::supervisor::Backoff;

/// Backoff of retries: 1 s to 30 s, since an alarm may be pending.
const BACKOFF: Backoff =
    Backoff { first: Duration::from_secs(1), cap: Duration::from_secs(30), jitter_percent: 25 };

/// Backoff while someone has to correct the configuration: up to an hour.
const DENIED: Backoff = Backoff { cap: Duration::from_secs(3600), ..BACKOFF };

/// Interval at which a persistent failure is logged again.
const REMINDER: Duration = Duration::from_secs(600);

/// A longer pause is the effect of a clock that was set back.
const LONGEST_PAUSE: Duration = Duration::from_secs(2 * 3600);

/// Failures in a row of one receiver.
#[derive(Debug, Default)]
pub(super) struct RetryState {
    streak: u32,
    /// Denials since the last success.
    denials: u32,
    paused_until: Option<DateTime<Utc>>,
    said: Option<(String, DateTime<Utc>)>,
}

/// Consequence of a failure.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Retry {
    pub wait: Duration,
    pub at: DateTime<Utc>,
    /// Whether it is logged.
    pub is_news: bool,
}

impl RetryState {
    /// Resets the state: the receiver answered, or the cause of a denial may have been corrected.
    pub(super) fn over(&mut self) {
        *self = Self::default();
    }

    /// Applies a failed attempt, after `failures` others of the same notification; `chance` is in
    /// [0, 1). `None` if the outcome is not retried.
    pub(super) fn failed(
        &mut self,
        outcome: &DeliveryOutcome,
        failures: u32,
        now: DateTime<Utc>,
        chance: f64,
    ) -> Option<Retry> {
        let (why, asked) = match outcome {
            DeliveryOutcome::Unreachable { why } => (why, None),
            DeliveryOutcome::Denied { why, after } | DeliveryOutcome::Later { why, after } => {
                (why, *after)
            }
            DeliveryOutcome::Delivered | DeliveryOutcome::Refused { .. } => return None,
        };
        let is_denied = matches!(outcome, DeliveryOutcome::Denied { .. });
        let is_for_all = !matches!(outcome, DeliveryOutcome::Later { after: None, .. });
        let wait = if is_denied {
            DENIED.delay(self.denials, chance)
        } else {
            BACKOFF.delay(if is_for_all { failures.max(self.streak) } else { failures }, chance)
        };
        let wait = wait.max(asked.unwrap_or_default());
        let at = after(now, wait);
        if is_denied {
            self.denials = self.denials.saturating_add(1);
        } else if is_for_all {
            self.streak = self.streak.saturating_add(1);
        }
        if is_for_all {
            self.paused_until = Some(at);
        }
        let is_known = self.said.as_ref().is_some_and(|(said, said_at)| {
            said == why && *said_at <= now && now < after(*said_at, REMINDER)
        });
        if !is_known {
            self.said = Some((why.clone(), now));
        }
        Some(Retry { wait, at, is_news: !is_known })
    }

    /// End of the pause in which nothing is sent. Corrected after the clock was set back.
    pub(super) fn paused_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.paused_until.filter(|until| now < *until && *until <= after(now, LONGEST_PAUSE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreachable(why: &str) -> DeliveryOutcome {
        DeliveryOutcome::Unreachable { why: why.into() }
    }

    fn later(after: Option<u64>) -> DeliveryOutcome {
        DeliveryOutcome::Later { why: "busy".into(), after: after.map(Duration::from_secs) }
    }

    fn denied(after: Option<u64>) -> DeliveryOutcome {
        DeliveryOutcome::Denied { why: "401".into(), after: after.map(Duration::from_secs) }
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_723_631_400 + seconds, 0).unwrap()
    }

    #[test]
    fn a_receiver_that_is_away_is_tried_ever_more_seldom() {
        let mut retries = RetryState::default();
        let waits: Vec<_> = (0..7)
            .map(|_| retries.failed(&unreachable("x"), 0, at(0), 0.5).unwrap().wait.as_secs())
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(retries.paused_until(at(0)), Some(at(30)));
        assert_eq!(retries.paused_until(at(30)), None);
        assert_eq!(retries.paused_until(at(-86_400)), None, "the clock was put back");
        retries.over();
        assert_eq!(retries.failed(&unreachable("x"), 0, at(0), 0.5).unwrap().wait.as_secs(), 1);
    }

    #[test]
    fn what_somebody_must_correct_is_tried_up_to_the_hour() {
        let mut retries = RetryState::default();
        let mut wait = |outcome: &DeliveryOutcome| {
            retries.failed(outcome, 40, at(0), 0.5).unwrap().wait.as_secs()
        };
        assert_eq!(wait(&unreachable("x")), 30, "whatever came before");
        let waits: Vec<_> = (0..14).map(|_| wait(&denied(None))).collect();
        assert_eq!(waits[..6], [1, 2, 4, 8, 16, 32]);
        assert_eq!(waits[10..], [1024, 2048, 3600, 3600]);
        assert_eq!(wait(&unreachable("x")), 30, "an alarm may be waiting");
        assert_eq!(wait(&denied(None)), 3600, "it is no success");
        assert_eq!(retries.paused_until(at(3599)), Some(at(3600)), "for all");
        retries.over();
        assert_eq!(retries.paused_until(at(0)), None);
        let mut wait = |asked| retries.failed(&denied(asked), 0, at(0), 1.0).unwrap().wait;
        assert_eq!(wait(None), Duration::from_millis(1250), "a quarter more at most");
        assert_eq!(wait(Some(60)).as_secs(), 60, "it asked");
    }

    #[test]
    fn one_notification_that_fails_keeps_no_other_waiting() {
        let mut retries = RetryState::default();
        let retry = retries.failed(&later(None), 3, at(0), 0.5).unwrap();
        assert_eq!((retry.wait.as_secs(), retries.paused_until(at(0))), (8, None));
        let retry = retries.failed(&later(Some(60)), 0, at(0), 0.5).unwrap();
        assert_eq!((retry.at, retries.paused_until(at(0))), (at(60), Some(at(60))), "it asked");
        assert_eq!(retries.failed(&DeliveryOutcome::Delivered, 0, at(0), 0.5), None);
    }

    #[test]
    fn the_same_failure_is_said_once_and_then_seldom() {
        let mut retries = RetryState::default();
        let mut is_news = |why: &str, seconds| {
            retries.failed(&unreachable(why), 0, at(seconds), 0.5).unwrap().is_news
        };
        assert!(is_news("x", 0));
        assert!(!is_news("x", 599));
        assert!(is_news("y", 599), "another cause");
        assert!(!is_news("y", 1198));
        assert!(is_news("y", 1199));
    }
}
