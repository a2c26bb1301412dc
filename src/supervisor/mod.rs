//! Supervision tree: starts children phase by phase, restarts those that fail, and ends the daemon when
//! restarts don't help.
//!
//! Invariant: a mailbox outlives the incarnations of its actor, so addresses never change; a panic
//! ends one incarnation, and loses one message.
//! Never: blocks, or restarts a child more often than its policy permits.

#[cfg(panic = "abort")]
compile_error!("supervision catches panics: build with panic = \"unwind\"");

mod arbiters;
mod backoff;
mod child;
mod env;
mod events;
mod fault_injection;
mod group;
mod handle;
mod health;
mod hook;
mod incarnation;
mod outcome;
mod phases;
mod policy;
mod report;
mod route;
mod settings;
mod shared;
mod spec;
#[allow(clippy::module_inception)]
mod supervisor;
#[cfg(test)]
pub(crate) mod testing;
mod tree;
mod watchdog;

pub use arbiters::Placement;
pub use backoff::Backoff;
pub use env::{ChildEnv, Failure, GracefulStop};
pub use events::{ChildEvent, ChildEventKind, TARGET};
pub use fault_injection::{FaultInjection, InjectedFault};
pub use group::GroupSpec;
pub use handle::{ChildId, GroupHandle, Settled};
pub use health::{
    ChildHealth, ChildState, GroupHealth, Health, HealthReport, LastExit, StateCounts,
};
pub use hook::install_panic_hook;
pub use outcome::TreeOutcome;
pub use policy::{ChildExit, Exhaustion, GroupLimit, Intensity, Policy, Restart};
pub use route::{Mailbox, Permit, RequestError, Route, Routed, SendError};
pub use settings::{ChildSettings, Readiness};
pub use spec::ChildSpec;
pub use supervisor::ChangeError;
pub use tree::{RunningTree, Tree};

#[cfg(test)]
impl ChildEnv {
    /// Environment for tests of an actor without a supervisor.
    pub(crate) fn for_test() -> Self {
        Self::new("test".into(), 1, None)
    }

    /// Failure that the incarnation has reported.
    pub(crate) fn failure_in_test(&self) -> Option<String> {
        self.take_failure().map(|failure| failure.to_string())
    }
}
