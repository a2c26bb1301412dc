//! What the supervisor tells about its children: a log line at a limited rate, and every event to
//! the listener.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::policy::ChildExit;
use crate::logging::LineLimit;

/// The log target of supervision.
pub const TARGET: &str = "vigie::supervisor";

/// At most 20 lines a second: more say no more to anyone.
pub(super) const fn line_limit() -> LineLimit {
    LineLimit::new(20, Duration::from_secs(1))
}

/// Something that happened to a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildEvent {
    /// Name of the child.
    pub child: Arc<str>,
    /// The group it belongs to, if it is not a child of the root.
    pub group: Option<Arc<str>>,
    /// The incarnation it happened to; the first is 1.
    pub incarnation: u32,
    /// What happened to it.
    pub what: ChildEventKind,
}

/// What happened to a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChildEventKind {
    /// It is up.
    Up,
    /// It failed and will be restarted, for the `nth` time of at most `of` in `window`.
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
    /// It failed too often and rests.
    Quarantined {
        /// How the incarnation ended.
        exit: ChildExit,
        /// Duration of the rest.
        rest: Duration,
    },
    /// It failed too often, or can't start, and the whole tree stops for it.
    Escalated {
        /// How the incarnation ended.
        exit: ChildExit,
    },
    /// It is done: asked to stop, or stopped by itself for good.
    Stopped,
    /// It failed while the tree was stopping, and there is no more time for another try.
    Lost {
        /// How the incarnation ended.
        exit: ChildExit,
    },
    /// It hadn't stopped within its shutdown deadline.
    CutOff,
}

/// Where events go; called on the system's arbiter, so it must be quick.
pub(super) type Listener = Box<dyn Fn(&ChildEvent)>;

pub(super) struct Notices {
    lines: LineLimit,
    listener: Option<Listener>,
}

impl Notices {
    pub(super) const fn new(listener: Option<Listener>) -> Self {
        Self { lines: line_limit(), listener }
    }

    /// Returns whether lines were left out, which [`flush`](Self::flush) will sum up.
    pub(super) fn tell(&mut self, event: &ChildEvent, now: Instant) -> bool {
        self.log(event, now);
        if let Some(listener) = &self.listener {
            listener(event);
        }
        self.lines.holds_back()
    }

    /// Sums up the lines left out so far.
    pub(super) fn flush(&mut self) {
        summarise(self.lines.take_held_back());
    }

    fn log(&mut self, event: &ChildEvent, now: Instant) {
        let ChildEvent { child, incarnation, what, .. } = event;
        let level = what.level(*incarnation);
        if level == log::Level::Error {
            // At most one of these ends a run, so none of them is left out.
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
    /// A failure is news, and that it is over.
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
    fn a_restart_is_told_in_one_line() {
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
    fn a_restart_has_a_line_when_it_is_over_and_a_start_none() {
        let levels = [1, 2].map(|incarnation| ChildEventKind::Up.level(incarnation));
        assert_eq!(levels, [log::Level::Debug, log::Level::Info]);
    }
}
