//! Settings of a child: how it is restarted, when it counts as up, how long it may take to stop. Pure.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::backoff::Backoff;
use super::policy::{Exhaustion, Intensity, Policy, Restart};

/// Condition under which a child counts as up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Its `started` has returned.
    Started,
    /// It has called [`ChildEnv::ready`](super::ChildEnv::ready), or `at_most` has passed without a failure.
    Signalled {
        /// Time after which the child counts as up without a signal.
        at_most: Duration,
    },
}

/// Settings of children of one kind. Shared, so that 100,000 children cost little memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChildSettings {
    /// Restart policy.
    pub policy: Policy,
    /// Condition under which a child counts as up.
    pub readiness: Readiness,
    /// Time limit of a stop.
    pub shutdown: Duration,
}

impl ChildSettings {
    const INTENSITY: Intensity = Intensity { restarts: 5, window: Duration::from_secs(60) };

    /// 5 restarts in 60 s, then the tree ends; 5 s to stop.
    #[must_use]
    pub fn critical() -> Self {
        let policy = Policy {
            restart: Restart::Permanent,
            intensity: Self::INTENSITY,
            exhaustion: Exhaustion::Escalate,
            backoff: Backoff::default(),
        };
        Self { policy, readiness: Readiness::Started, shutdown: Duration::from_secs(5) }
    }

    /// 5 restarts in 60 s, then 5 min of quarantine; 2 s to stop.
    #[must_use]
    pub fn sensor() -> Self {
        let critical = Self::critical();
        let exhaustion = Exhaustion::Quarantine(Duration::from_secs(300));
        let policy = Policy { exhaustion, ..critical.policy };
        Self { policy, shutdown: Duration::from_secs(2), ..critical }
    }
}

pub(super) static CRITICAL: LazyLock<Arc<ChildSettings>> =
    LazyLock::new(|| Arc::new(ChildSettings::critical()));
pub(super) static SENSOR: LazyLock<Arc<ChildSettings>> =
    LazyLock::new(|| Arc::new(ChildSettings::sensor()));
