//! Events of children: each goes to the listener, and to the log at a limited rate.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::policy::ChildExit;
use crate::logging::LineLimit;

/// Log target of supervision.
pub const TARGET: &str = "vigie::supervisor";

/// Limit of 20 lines a second; more would be unreadable.
pub(super) const fn line_limit() -> LineLimit {
    LineLimit::new(20, Duration::from_secs(1))
}

/// Event of a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildEvent {
    /// Name of the child.
    pub child: Arc<str>,
    /// Group of the child; `None` for a child of the root.
    pub group: Option<Arc<str>>,
    /// Incarnation of the event; the first is 1.
    pub incarnation: u32,
    /// Kind of the event.
    pub what: ChildEventKind,
}

/// Kind of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChildEventKind {
    /// The child is up.
    Up,
    /// The child failed and will be restarted.
    Restarting {
        /// How the incarnation ended.
        exit: ChildExit,
        /// Delay before the restart.
        after: Duration,
        /// Number of restarts in `window`, this one included.
        nth: usize,
        /// Most restarts in `window`.
        of: usize,
        /// Window of the intensity limit.
        window: Duration,
    },
    /// The child failed too often and is quarantined.
    Quarantined {
        /// How the incarnation ended.
        exit: ChildExit,
        /// Duration of the quarantine.
        rest: Duration,
    },
    /// The child failed too often or can't start, which ends the whole tree.
    Escalated {
        /// How the incarnation ended.
        exit: ChildExit,
    },
    /// The child stopped for good, by itself or on request.
    Stopped,
    /// The child failed while it was stopping, and is not restarted.
    Lost {
        /// How the incarnation ended.
        exit: ChildExit,
    },
    /// The child did not stop by its deadline and was killed.
    CutOff,
}

/// Receives events on the system's arbiter, so it must be quick.
pub(super) type Listener = Box<dyn Fn(&ChildEvent)>;

/// Passes events to the listener and to the log.
pub(super) struct EventPublisher {
    lines: LineLimit,
    listener: Option<Listener>,
}

impl EventPublisher {
    pub(super) const fn new(listener: Option<Listener>) -> Self {
        Self { lines: line_limit(), listener }
    }

    /// Publishes an event. Returns whether log lines are suppressed, which [`flush`](Self::flush) counts.
    pub(super) fn publish(&mut self, event: &ChildEvent, now: Instant) -> bool {
        self.log(event, now);
        if let Some(listener) = &self.listener {
            listener(event);
        }
        self.lines.holds_back()
    }

    /// Logs the number of lines suppressed so far.
    pub(super) fn flush(&mut self) {
        summarise(self.lines.take_held_back());
    }

    fn log(&mut self, event: &ChildEvent, now: Instant) {
        let ChildEvent { child, incarnation, what, .. } = event;
        let level = what.level(*incarnation);
        if level == log::Level::Error {
            // At most one ends a run, so it is never suppressed.
            log::error!(target: TARGET, "{child} {what}");
        } else if level == log::Level::Debug {
            log::debug!(target: TARGET, "{child} {what}, incarnation {incarnation}");
        } else if let Some(left_out) = self.lines.admit(now) {
            summarise(left_out);
            log::log!(target: TARGET, level, "{child} {what}");
        }
    }
}

fn summarise(left_out: u64) {
    if left_out > 0 {
        log::warn!(target: TARGET, "{left_out} more lines about children were not logged");
    }
}

impl ChildEventKind {
    /// Failures are warnings, recoveries information, normal starts and stops debug output.
    const fn level(&self, incarnation: u32) -> log::Level {
        match self {
            Self::Up if incarnation > 1 => log::Level::Info,
            Self::Up | Self::Stopped => log::Level::Debug,
            Self::Escalated { .. } => log::Level::Error,
            _ => log::Level::Warn,
        }
    }
}

impl std::fmt::Display for ChildEventKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Up => f.write_str("is up"),
            Self::Restarting { exit, after, nth, of, window } => write!(
                f,
                "{exit}; restarting in {} ms, restart {nth} of {of} in {} s",
                after.as_millis(),
                window.as_secs_f64()
            ),
            Self::Quarantined { exit, rest } => {
                write!(f, "{exit}; too many restarts, quarantined for {} s", rest.as_secs_f64())
            }
            Self::Escalated { exit } => write!(f, "{exit}; giving up"),
            Self::Stopped => f.write_str("stopped"),
            Self::Lost { exit } => write!(f, "{exit} while stopping; not restarted"),
            Self::CutOff => f.write_str("had not stopped by its deadline and was cut off"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_is_logged_in_one_line() {
        let what = ChildEventKind::Restarting {
            exit: ChildExit::Panicked("boom".into()),
            after: Duration::from_millis(112),
            nth: 2,
            of: 5,
            window: Duration::from_secs(60),
        };
        let line = "panicked: boom; restarting in 112 ms, restart 2 of 5 in 60 s";
        assert_eq!(what.to_string(), line);
    }

    #[test]
    fn a_restart_is_logged_when_it_succeeds_and_a_first_start_is_not() {
        let levels = [1, 2].map(|incarnation| ChildEventKind::Up.level(incarnation));
        assert_eq!(levels, [log::Level::Debug, log::Level::Info]);
    }
}
