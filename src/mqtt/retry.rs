//! Retry delays, and deduplication of equal failures in the log.
//!
//! Pure: time and randomness are arguments.

use std::time::{Duration, Instant};

use crate::locale::ConnectionProblem;
use crate::supervisor::Backoff;

/// Delays between attempts: 10 s at most, since alerts may be pending.
const BACKOFF: Backoff =
    Backoff { first: Duration::from_secs(1), cap: Duration::from_secs(10), jitter_percent: 25 };
/// A connection of this duration resets the delays.
const STABLE: Duration = Duration::from_secs(30);
/// Minimum delay after another client took the client id: without it, both would disconnect each other for ever.
const AFTER_TAKEOVER: Duration = Duration::from_secs(15);
/// Interval at which a persistent failure is logged again.
const REMINDER: Duration = Duration::from_secs(600);

/// Failed attempts in a row, and the delay that they cause.
#[derive(Debug, Default)]
pub struct Streak {
    failures: u32,
    connected_at: Option<Instant>,
}

impl Streak {
    /// A connection opened at `now`.
    pub const fn connected(&mut self, now: Instant) {
        self.connected_at = Some(now);
    }

    /// The delay after a failed attempt or a lost connection; `chance` is in [0, 1).
    pub fn delay(&mut self, trouble: &ConnectionProblem, now: Instant, chance: f64) -> Duration {
        let lasted = self.connected_at.take().map(|at| now.saturating_duration_since(at));
        if lasted.is_some_and(|lasted| lasted >= STABLE) {
            self.failures = 0;
        }
        let least = match trouble {
            ConnectionProblem::ClientIdInUse { .. }
            | ConnectionProblem::ClientIdContested { .. } => AFTER_TAKEOVER,
            _ => Duration::ZERO,
        };
        let delay = BACKOFF.delay_from(least, self.failures, chance);
        self.failures = self.failures.saturating_add(1);
        delay
    }
}

/// Detects two clients that share a client id at a broker that doesn't report it (before MQTT 5 none can):
/// connections that repeatedly close without a reason soon after they opened.
#[derive(Debug, Default)]
pub struct Flaps {
    connected_at: Option<Instant>,
    short_lives: u32,
}

impl Flaps {
    /// A connection opened at `now`.
    pub const fn connected(&mut self, now: Instant) {
        self.connected_at = Some(now);
    }

    /// An attempt failed: the broker was unreachable, which explains the earlier loss.
    pub const fn failed(&mut self) {
        self.short_lives = 0;
    }

    /// Cause of a lost connection.
    pub fn lost(
        &mut self,
        trouble: ConnectionProblem,
        client_id: &str,
        now: Instant,
    ) -> ConnectionProblem {
        let lasted = self.connected_at.take().map(|at| now.saturating_duration_since(at));
        if trouble != ConnectionProblem::Closed || lasted.is_none_or(|lasted| lasted >= STABLE) {
            self.short_lives = 0;
            return trouble;
        }
        self.short_lives += 1;
        if self.short_lives < 2 {
            return trouble;
        }
        ConnectionProblem::ClientIdContested { client_id: client_id.to_owned() }
    }
}

/// Decides what is logged, so that a broker that is unreachable for a week fills no disk.
#[derive(Debug, Default)]
pub struct Announcer {
    connecting_said: bool,
    last: Option<(ConnectionProblem, Instant)>,
}

impl Announcer {
    /// True if an attempt is logged: once per connection, not per attempt.
    pub const fn attempting(&mut self) -> bool {
        !std::mem::replace(&mut self.connecting_said, true)
    }

    /// True if a failure is logged: the first one, a changed cause, and periodically.
    pub fn failed(&mut self, trouble: &ConnectionProblem, now: Instant) -> bool {
        let known = self.last.as_ref().is_some_and(|(last, at)| {
            last == trouble && now.saturating_duration_since(*at) < REMINDER
        });
        if !known {
            self.last = Some((trouble.clone(), now));
        }
        !known
    }

    /// The connection is open: the next failure is logged.
    pub fn connected(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIDDLE: f64 = 0.5;

    fn delays(
        backoff: &mut Streak,
        trouble: &ConnectionProblem,
        now: Instant,
        count: usize,
    ) -> Vec<u64> {
        (0..count).map(|_| backoff.delay(trouble, now, MIDDLE).as_secs()).collect()
    }

    #[test]
    fn delays_double_up_to_ten_seconds() {
        let now = Instant::now();
        let mut backoff = Streak::default();
        assert_eq!(
            delays(&mut backoff, &ConnectionProblem::Closed, now, 8),
            [1, 2, 4, 8, 10, 10, 10, 10]
        );
        assert_eq!(
            backoff.delay(&ConnectionProblem::Closed, now, 0.0),
            Duration::from_millis(7_500)
        );
        assert_eq!(
            backoff.delay(&ConnectionProblem::Closed, now, 1.0),
            Duration::from_millis(12_500)
        );
    }

    #[test]
    fn only_a_stable_connection_starts_them_over() {
        let now = Instant::now();
        let mut backoff = Streak::default();
        delays(&mut backoff, &ConnectionProblem::Closed, now, 4);
        backoff.connected(now);
        let soon = now + Duration::from_secs(2);
        assert_eq!(delays(&mut backoff, &ConnectionProblem::Closed, soon, 1), [10], "it flaps");
        backoff.connected(now);
        assert_eq!(delays(&mut backoff, &ConnectionProblem::Closed, now + STABLE, 2), [1, 2]);
    }

    #[test]
    fn a_taken_client_id_is_not_fought_over() {
        let taken = ConnectionProblem::ClientIdInUse { client_id: "vigie".into() };
        let mut backoff = Streak::default();
        assert_eq!(delays(&mut backoff, &taken, Instant::now(), 6), [15; 6]);
    }

    #[test]
    fn a_silent_tug_of_war_is_recognised() {
        let mut now = Instant::now();
        let mut flaps = Flaps::default();
        let mut live = |flaps: &mut Flaps, lasted: u64, trouble: ConnectionProblem| {
            flaps.connected(now);
            now += Duration::from_secs(lasted);
            flaps.lost(trouble, "vigie", now)
        };
        let contested = ConnectionProblem::ClientIdContested { client_id: "vigie".into() };
        assert_eq!(live(&mut flaps, 100, ConnectionProblem::Closed), ConnectionProblem::Closed);
        assert_eq!(live(&mut flaps, 2, ConnectionProblem::Closed), ConnectionProblem::Closed);
        assert_eq!(live(&mut flaps, 2, ConnectionProblem::Closed), contested);
        assert_eq!(live(&mut flaps, 2, ConnectionProblem::KeepAlive), ConnectionProblem::KeepAlive);
        assert_eq!(
            live(&mut flaps, 2, ConnectionProblem::Closed),
            ConnectionProblem::Closed,
            "from the start"
        );
        flaps.failed();
        assert_eq!(
            live(&mut flaps, 2, ConnectionProblem::Closed),
            ConnectionProblem::Closed,
            "the broker was away"
        );
    }

    #[test]
    fn equal_failures_are_said_once_and_then_seldom() {
        let now = Instant::now();
        let refused = || ConnectionProblem::Refused { address: "127.0.0.1:1883".into() };
        let mut announcer = Announcer::default();
        assert!(announcer.attempting());
        assert!(!announcer.attempting());
        assert!(announcer.failed(&refused(), now));
        assert!(!announcer.failed(&refused(), now + Duration::from_secs(500)));
        assert!(announcer.failed(&refused(), now + REMINDER));
        assert!(
            announcer.failed(&ConnectionProblem::BadCredentials, now + REMINDER),
            "another cause"
        );
        announcer.connected();
        assert!(announcer.attempting());
        assert!(announcer.failed(&ConnectionProblem::BadCredentials, now + REMINDER), "news again");
    }
}
