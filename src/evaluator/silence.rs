//! How far silence may be taken for granted: what was appended to the journal and not judged yet may be the
//! very sign of life that is missed. Pure.
//!
//! Holds always: time passes up to a moment only once everything that had come in by then was judged. While
//! messages come all the time it passes all the same, a little behind.

use std::time::Duration;

use crate::ingest::journal::Position;

/// What had come in at a moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mark {
    /// On the watch clock; looked at before `last` was.
    pub watch: Duration,
    /// The last record in the journal.
    pub last: Position,
}

#[derive(Debug, Default)]
pub struct Silence {
    mark: Mark,
}

impl Silence {
    /// Up to when silence is certain, if that is news: `judged` is the last record that was judged.
    pub fn certain(&mut self, now: Mark, judged: Position) -> Option<Duration> {
        let is_done = |mark: &Mark| mark.last <= judged;
        let certain = [now, self.mark].into_iter().find(is_done)?;
        self.mark = now;
        Some(certain.watch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_behind_what_was_judged() {
        let second = Duration::from_secs(1);
        let mark = |seconds, last| Mark { watch: second * seconds, last };
        let mut silence = Silence::default();
        assert_eq!(silence.certain(mark(1, 0), 0), Some(second), "nothing ever came");
        assert_eq!(silence.certain(mark(2, 5), 3), Some(second), "two wait: up to the mark before");
        assert_eq!(silence.certain(mark(3, 9), 4), None, "the mark of 2 s is not reached yet");
        assert_eq!(silence.certain(mark(4, 9), 5), Some(2 * second));
        assert_eq!(silence.certain(mark(5, 12), 9), Some(4 * second));
        assert_eq!(silence.certain(mark(6, 12), 12), Some(6 * second));
    }
}
