//! The supervision tree: starts children in order, restarts them when they fail, gives up loudly.

#[cfg(panic = "abort")]
compile_error!("supervision catches panics: build with panic = \"unwind\"");

mod arbiters;
mod child;
mod env;
mod fault_injection;
mod group;
mod handle;
mod health;
mod hook;
mod incarnation;
mod notice;
mod phases;
mod policy;
mod route;
mod spec;
#[allow(clippy::module_inception)]
mod supervisor;
#[cfg(test)]
pub(crate) mod testing;
mod tree;
mod watchdog;

pub use arbiters::Placement;
pub use env::{ChildEnv, Failure, GracefulStop};
pub use fault_injection::{FaultInjection, InjectedFault};
pub use handle::{ChangeError, ChildId, GroupHandle, Settled};
pub use health::{
    ChildHealth, ChildState, GroupHealth, Health, HealthReport, LastExit, StateCounts,
};
pub use hook::install_panic_hook;
pub use notice::{ChildEvent, ChildEventKind, TARGET};
pub use policy::{Backoff, ChildExit, Exhaustion, GroupLimit, Intensity, Policy, Restart};
pub use route::{Mailbox, Permit, RequestError, Route, Routed, SendError};
pub use spec::{ChildSettings, ChildSpec, GroupSpec, Readiness};
pub use tree::{RunningTree, Tree, TreeOutcome};

#[cfg(test)]
impl ChildEnv {
    /// For an actor's own tests, without a supervisor.
    pub(crate) fn for_test() -> Self {
        Self::new("test".into(), 1, None)
    }

    /// Why the incarnation gave up, if it did.
    pub(crate) fn failure_in_test(&self) -> Option<String> {
        self.take_failure().map(|failure| failure.to_string())
    }
}
