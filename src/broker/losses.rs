//! Says what the broker had to drop, or refuse, without flooding the log.

#![expect(clippy::disallowed_methods, reason = "lines are limited by time")]

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rmqtt::hook::{Handler, HookResult, Parameter, ReturnType};
use rmqtt::types::Reason;

use super::limits::MAX_QUEUED;
use crate::logging::LineLimit;

/// The least time between two lines of one kind.
const INTERVAL: Duration = Duration::from_secs(10);

/// Counts events and says when it is time for a line about them.
pub(super) struct Seldom(Mutex<LineLimit>);

impl Default for Seldom {
    fn default() -> Self {
        Self(Mutex::new(LineLimit::new(1, INTERVAL)))
    }
}

impl Seldom {
    /// Counts one more; `Some(how many since the last line)` when a line is due.
    pub(super) fn count(&self, now: Instant) -> Option<u64> {
        let mut limit = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        limit.admit(now).map(|held_back| held_back + 1)
    }
}

/// Warns when a session's queue is full. Messages that end with a clean session, or expire as
/// their sender asked, are MQTT as usual.
#[derive(Default)]
pub(super) struct Losses(Seldom);

#[async_trait]
impl Handler for Losses {
    async fn hook(&self, parameter: &Parameter, before: Option<HookResult>) -> ReturnType {
        if let Parameter::MessageDropped(Some(to), _, _, Reason::MessageQueueFull) = parameter
            && let Some(messages) = self.0.count(Instant::now())
        {
            log::warn!(
                target: "vigie::broker",
                "dropped {messages} messages for client {:?}, and perhaps others, whose queue is \
                 full ({MAX_QUEUED} messages): it is offline, or too slow",
                to.client_id,
            );
        }
        (true, before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_at_once_then_one_an_interval_with_what_happened_meanwhile() {
        let (seldom, start) = (Seldom::default(), Instant::now());
        assert_eq!(seldom.count(start), Some(1));
        assert_eq!(seldom.count(start + INTERVAL / 2), None);
        assert_eq!(seldom.count(start + INTERVAL / 2), None);
        assert_eq!(seldom.count(start + INTERVAL), Some(3));
        assert_eq!(seldom.count(start + INTERVAL), None);
    }
}
