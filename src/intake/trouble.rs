//! What the log says while nothing can be taken in, and when it is over.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// Waiting for storage for longer than this is worth a line.
const TELL_AFTER: Duration = Duration::from_secs(1);

/// The present trouble, if any.
#[derive(Debug, Default)]
pub struct Trouble {
    since: Option<Instant>,
    is_told: bool,
}

impl Trouble {
    /// The disk didn't take a message.
    pub fn disk(&mut self, why: &dyn Display) {
        self.since.get_or_insert_with(Instant::now);
        if !std::mem::replace(&mut self.is_told, true) {
            log::error!(
                target: "vigie::intake",
                "intake stopped: {why}; no message is acknowledged until this is mended, the broker keeps them; make room on that disk"
            );
        }
    }

    /// So many messages wait for storage that no more are taken.
    pub fn full(&mut self, uncommitted: u64) {
        let since = *self.since.get_or_insert_with(Instant::now);
        if !self.is_told && since.elapsed() >= TELL_AFTER {
            self.is_told = true;
            log::warn!(
                target: "vigie::intake",
                "intake stopped: {uncommitted} messages wait for storage; no more are acknowledged until it gets on, the broker keeps them"
            );
        }
    }

    #[cfg(test)]
    pub const fn is_none(&self) -> bool {
        self.since.is_none()
    }

    /// A message got in.
    pub fn is_over(&mut self) {
        if let Some(since) = self.since.take()
            && std::mem::take(&mut self.is_told)
        {
            let seconds = since.elapsed().as_secs_f64();
            log::info!(target: "vigie::intake", "intake goes on after {seconds:.1} s");
        }
    }
}
