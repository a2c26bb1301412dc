//! A stall of the intake: the log refuses records because its disk fails, its backlog is full, or the database is not at
//! its path. Pure.
//!
//! Always: at most one log line when a stall begins, and one when it ends. A short wait for storage has neither.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// Longest wait for storage without a log line.
const LOG_AFTER: Duration = Duration::from_secs(1);

/// Time after a refusal in which its caller still counts as waiting. Callers retry ten times a second, but a write to a
/// failing disk may take seconds.
const RETRY_WINDOW: Duration = Duration::from_secs(5);

/// State of the stall, if there is one.
#[derive(Debug, Default)]
pub struct Stall {
    /// Beginning of the stall; `None` while records are accepted.
    since: Option<Instant>,
    /// Time of the last refusal.
    refused_at: Option<Instant>,
    is_logged: bool,
}

impl Stall {
    /// A write failed.
    pub fn disk(&mut self, why: &dyn Display, now: Instant) {
        self.refused_at = Some(now);
        self.since.get_or_insert(now);
        if !std::mem::replace(&mut self.is_logged, true) {
            log::error!(
                target: "vigie::intake",
                "intake stopped: {why}; no message is acknowledged until this is mended, the broker keeps them; make room on that disk"
            );
        }
    }

    /// The backlog is full; `uncommitted` is its number of records.
    pub fn full(&mut self, uncommitted: u64, now: Instant) {
        self.refused_at = Some(now);
        let since = *self.since.get_or_insert(now);
        if !self.is_logged && now.saturating_duration_since(since) >= LOG_AFTER {
            self.is_logged = true;
            log::warn!(
                target: "vigie::intake",
                "intake stopped: {uncommitted} messages wait for storage; no more are acknowledged until it gets on, the broker keeps them"
            );
        }
    }

    /// The database is not at its path. No log line: storage logs the fault and its end.
    pub fn database_fault(&mut self, now: Instant) {
        self.refused_at = Some(now);
        self.since.get_or_insert(now);
    }

    /// Whether callers wait for the end of the stall: one was refused within the last [`RETRY_WINDOW`].
    pub fn has_waiting_callers(&self, now: Instant) -> bool {
        let waits = |at: Instant| now.saturating_duration_since(at) < RETRY_WINDOW;
        self.since.is_some() && self.refused_at.is_some_and(waits)
    }

    /// Whether the intake is stalled.
    pub const fn is_active(&self) -> bool {
        self.since.is_some()
    }

    /// A record was accepted: ends the stall.
    pub fn end(&mut self, now: Instant) {
        if let Some(since) = self.since.take()
            && std::mem::take(&mut self.is_logged)
        {
            let seconds = now.saturating_duration_since(since).as_secs_f64();
            log::info!(target: "vigie::intake", "intake goes on after {seconds:.1} s");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_count_as_waiting_until_the_stall_ends_or_they_stop_retrying() {
        let mut stall = Stall::default();
        let now = Instant::now();
        assert!(!stall.has_waiting_callers(now));
        let causes: [fn(&mut Stall, Instant); 3] = [
            |stall, now| stall.disk(&"no room", now),
            |stall, now| stall.full(9, now),
            Stall::database_fault,
        ];
        for cause in causes {
            cause(&mut stall, now);
            assert!(stall.has_waiting_callers(now));
            assert!(!stall.has_waiting_callers(now + RETRY_WINDOW));
            stall.end(now);
            assert!(!stall.has_waiting_callers(now));
        }
    }
}
