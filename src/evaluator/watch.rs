//! The watch clock: how long this installation has been listening, in all. Pure.
//!
//! It stands still while the broker is out of reach, while nothing can be taken in, and while the daemon is
//! down or frozen: nobody is silent whom nobody listens to.

use std::time::{Duration, Instant};

/// What passes at most from one look to the next, which comes after a second: a process that gets no
/// processor time for longer doesn't listen either.
const LOOK_AT_MOST: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub struct Watch {
    elapsed: Duration,
    /// When it was last looked at; `None` while it stands still.
    seen: Option<Instant>,
}

impl Watch {
    /// Goes on from where an earlier life left it.
    #[must_use]
    pub const fn new(elapsed: Duration) -> Self {
        Self { elapsed, seen: None }
    }

    /// What it shows now. To be looked at each second: all the time since the last look counts as it is
    /// now, up to [`LOOK_AT_MOST`].
    pub fn show(&mut self, is_listening: bool, now: Instant) -> Duration {
        if let Some(seen) = self.seen.filter(|_| is_listening) {
            self.elapsed += now.saturating_duration_since(seen).min(LOOK_AT_MOST);
        }
        self.seen = is_listening.then_some(now);
        self.elapsed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_still_while_nobody_listens() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let mut watch = Watch::new(5 * second);
        assert_eq!(watch.show(true, start), 5 * second, "it begins with the first look");
        assert_eq!(watch.show(true, start + second), 6 * second);
        assert_eq!(watch.show(false, start + 2 * second), 6 * second);
        assert_eq!(watch.show(true, start + 9 * second), 6 * second);
        assert_eq!(watch.show(true, start + 10 * second), 7 * second);
    }

    #[test]
    fn it_stands_still_while_the_process_is_frozen() {
        let start = Instant::now();
        let mut watch = Watch::new(Duration::ZERO);
        let mut show = |seconds| watch.show(true, start + Duration::from_secs(seconds)).as_secs();
        assert_eq!([0, 4, 604, 605].map(&mut show), [0, 4, 9, 10]);
    }
}
