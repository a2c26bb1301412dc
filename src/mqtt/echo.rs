//! Whether the subscription brings anything: the broker may grant it and deliver nothing, for want of a right to read.
//! This daemon's own status is published on a topic that the subscription covers, so it comes back by it. Pure.

use std::time::{Duration, Instant};

/// From the broker's acknowledgement of the status to its return, at most.
const RETURN: Duration = Duration::from_secs(10);

/// Of one publishing connection.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Echo {
    /// The status is not acknowledged.
    #[default]
    NotPublished,
    /// It was, and has not come back.
    Awaited(Instant),
    /// It came back.
    Heard,
    /// It has not come back in time.
    Missed,
}

impl Echo {
    /// The broker has acknowledged the status.
    pub fn published(&mut self, now: Instant) {
        if *self == Self::NotPublished {
            *self = Self::Awaited(now);
        }
    }

    /// A message came on the status topic. Whether it had been missed.
    pub fn heard(&mut self) -> bool {
        std::mem::replace(self, Self::Heard) == Self::Missed
    }

    /// Whether it is missed from now on.
    pub fn take_missed(&mut self, now: Instant) -> bool {
        let is_late =
            matches!(self, Self::Awaited(at) if now.saturating_duration_since(*at) >= RETURN);
        if is_late {
            *self = Self::Missed;
        }
        is_late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_come_back_in_time_is_missed_once() {
        let begin = Instant::now();
        let mut echo = Echo::default();
        assert!(!echo.take_missed(begin + RETURN));
        echo.published(begin);
        assert!(!echo.take_missed(begin + RETURN / 2));
        assert!(echo.take_missed(begin + RETURN));
        assert!(!echo.take_missed(begin + RETURN * 2));
        assert!(echo.heard() && !echo.heard());
    }

    #[test]
    fn it_may_come_back_before_its_acknowledgement() {
        let begin = Instant::now();
        let mut echo = Echo::default();
        assert!(!echo.heard());
        echo.published(begin);
        assert!(!echo.take_missed(begin + RETURN));
    }
}
