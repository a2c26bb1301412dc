//! The watch clock: how long this installation has been listening, in all. Pure.
//!
//! It stands still while the broker is out of reach, and while the daemon is down: nobody is silent whom
//! nobody listens to.

use std::time::{Duration, Instant};

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

    /// What it shows now. To be looked at at least as often as `is_listening` may change: all the time
    /// since the last look counts as it is now.
    pub fn show(&mut self, is_listening: bool, now: Instant) -> Duration {
        if let Some(seen) = self.seen.filter(|_| is_listening) {
            self.elapsed += now.saturating_duration_since(seen);
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
}
