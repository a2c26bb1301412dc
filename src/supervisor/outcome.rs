//! How a tree ends.

use std::sync::Arc;

/// How a tree ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeOutcome {
    /// The tree was asked to stop, and has stopped.
    Stopped {
        /// Children that did not end in good order: killed at their deadline, or failed while stopping.
        unfinished: Vec<Arc<str>>,
    },
    /// A child that was never up can't start: an external resource is missing.
    Unavailable {
        /// Name of the child.
        child: Arc<str>,
        /// Cause, for the user.
        why: String,
    },
    /// A child or a group failed too often.
    GaveUp {
        /// Name of the child or group.
        child: Arc<str>,
        /// Last failures of it, oldest first.
        failures: Vec<String>,
    },
}
