//! Rate limit for log lines: a number of lines per window; the rest is counted.
//!
//! Pure: time is an argument. Never loses a count: suppressed lines are reported once, with the next admitted line
//! or by [`LineLimit::overdue`].

use std::time::{Duration, Instant};

/// Admits at most `burst` lines per window; a window starts with the first line after the last window.
#[derive(Debug, Clone)]
pub struct LineLimit {
    burst: u64,
    window: Duration,
    began: Option<Instant>,
    admitted: u64,
    suppressed: u64,
}

impl LineLimit {
    /// Limit of `burst` lines within each `window`.
    #[must_use]
    pub const fn new(burst: u64, window: Duration) -> Self {
        Self { burst, window, began: None, admitted: 0, suppressed: 0 }
    }

    /// Requests one line. `Some` admits it, with the number of suppressed and unreported lines; `None` suppresses
    /// it.
    pub fn admit(&mut self, now: Instant) -> Option<u64> {
        if self.is_over(now) {
            self.began = Some(now);
            self.admitted = 0;
        }
        if self.admitted < self.burst {
            self.admitted += 1;
            Some(std::mem::take(&mut self.suppressed))
        } else {
            self.suppressed += 1;
            None
        }
    }

    /// Number of suppressed lines in an expired window, if any. Called periodically, it reports a burst that is
    /// followed by silence.
    pub fn overdue(&mut self, now: Instant) -> Option<u64> {
        if self.suppressed > 0 && self.is_over(now) {
            Some(std::mem::take(&mut self.suppressed))
        } else {
            None
        }
    }

    /// True if suppressed lines are unreported.
    #[must_use]
    pub const fn holds_back(&self) -> bool {
        self.suppressed > 0
    }

    /// Takes the number of unreported lines, whether or not the window has expired.
    pub fn take_held_back(&mut self) -> u64 {
        std::mem::take(&mut self.suppressed)
    }

    fn is_over(&self, now: Instant) -> bool {
        self.began.is_none_or(|began| now.saturating_duration_since(began) >= self.window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_passes_and_the_rest_is_counted() {
        let start = Instant::now();
        let mut limit = LineLimit::new(2, SECOND);
        let answers: Vec<_> = (0..5).map(|_| limit.admit(start)).collect();
        assert_eq!(answers, [Some(0), Some(0), None, None, None]);
        assert_eq!(limit.admit(start + SECOND), Some(3), "told with the next line");
        assert_eq!(limit.admit(start + SECOND), Some(0), "and only once");
    }

    #[test]
    fn silence_after_a_burst_is_told_too() {
        let start = Instant::now();
        let mut limit = LineLimit::new(1, SECOND);
        limit.admit(start);
        limit.admit(start);
        assert_eq!(limit.overdue(start), None, "the window is not over");
        assert_eq!(limit.overdue(start + SECOND), Some(1));
        assert_eq!(limit.overdue(start + SECOND), None);
    }

    proptest::proptest! {
        #[test]
        fn every_line_is_written_or_counted(
            burst in 0_u64..5,
            steps in proptest::collection::vec((0_u64..700, proptest::bool::ANY), 0..200),
        ) {
            let mut now = Instant::now();
            let mut limit = LineLimit::new(burst, SECOND);
            let (mut asked, mut written, mut told) = (0, 0, 0);
            for (millis, asks) in steps {
                now += Duration::from_millis(millis);
                if asks {
                    asked += 1;
                    if let Some(before) = limit.admit(now) {
                        written += 1;
                        told += before;
                    }
                } else {
                    told += limit.overdue(now).unwrap_or(0);
                }
            }
            told += limit.overdue(now + SECOND).unwrap_or(0);
            proptest::prop_assert_eq!(asked, written + told);
        }
    }
}
