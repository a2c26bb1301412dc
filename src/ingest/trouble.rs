//! State and log lines of a log that refuses records: a failed disk, too much that waits for storage, or a database that
//! is not at its path. Pure.
//!
//! Always: at most one line when the trouble begins, and one when it is over; a short wait for storage has neither.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// Longest wait for storage without a log line.
const TELL_AFTER: Duration = Duration::from_secs(1);

/// Who was refused tries again within a tenth of a second; a disk may take some time to say no.
const TRIED_AGAIN: Duration = Duration::from_secs(5);

/// The present trouble, if any.
#[derive(Debug, Default)]
pub struct Trouble {
    since: Option<Instant>,
    /// The last time that something could not be taken.
    refused_at: Option<Instant>,
    is_told: bool,
}

impl Trouble {
    /// The disk didn't take a message.
    pub fn disk(&mut self, why: &dyn Display, now: Instant) {
        self.refused_at = Some(now);
        self.since.get_or_insert(now);
        if !std::mem::replace(&mut self.is_told, true) {
            log::error!(
                target: "vigie::intake",
                "intake stopped: {why}; no message is acknowledged until this is mended, the broker keeps them; make room on that disk"
            );
        }
    }

    /// Too much waits for storage; `uncommitted` is the number of records that do.
    pub fn full(&mut self, uncommitted: u64, now: Instant) {
        self.refused_at = Some(now);
        let since = *self.since.get_or_insert(now);
        if !self.is_told && now.saturating_duration_since(since) >= TELL_AFTER {
            self.is_told = true;
            log::warn!(
                target: "vigie::intake",
                "intake stopped: {uncommitted} messages wait for storage; no more are acknowledged until it gets on, the broker keeps them"
            );
        }
    }

    /// The database is not at its path. Storage has said so, and says when it is back.
    pub fn astray(&mut self, now: Instant) {
        self.refused_at = Some(now);
        self.since.get_or_insert(now);
    }

    /// Whether somebody waits to be let in. Whoever gave up waiting may be silent since.
    pub fn keeps_waiting(&self, now: Instant) -> bool {
        let waits = |at: Instant| now.saturating_duration_since(at) < TRIED_AGAIN;
        self.since.is_some() && self.refused_at.is_some_and(waits)
    }

    /// Whether there is none.
    pub const fn is_none(&self) -> bool {
        self.since.is_none()
    }

    /// A message got in.
    pub fn is_over(&mut self, now: Instant) {
        if let Some(since) = self.since.take()
            && std::mem::take(&mut self.is_told)
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
    fn somebody_waits_until_the_trouble_is_over_or_nobody_tries_any_more() {
        let mut trouble = Trouble::default();
        let now = Instant::now();
        assert!(!trouble.keeps_waiting(now));
        let causes: [fn(&mut Trouble, Instant); 3] = [
            |trouble, now| trouble.disk(&"no room", now),
            |trouble, now| trouble.full(9, now),
            Trouble::astray,
        ];
        for cause in causes {
            cause(&mut trouble, now);
            assert!(trouble.keeps_waiting(now));
            assert!(!trouble.keeps_waiting(now + TRIED_AGAIN));
            trouble.is_over(now);
            assert!(!trouble.keeps_waiting(now));
        }
    }
}
