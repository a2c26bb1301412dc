//! The supervision tree: starts children in order, restarts them when they fail, gives up loudly.

#[cfg(panic = "abort")]
compile_error!("supervision catches panics: build with panic = \"unwind\"");

mod env;
mod route;

pub use env::{ChildEnv, Failure, GracefulStop};
pub use route::{Mailbox, RequestError, Room, Route, Routed, SendError};

#[cfg(test)]
impl ChildEnv {
    /// For an actor's own tests, without a supervisor.
    pub(crate) fn for_test() -> Self {
        Self::new("test".into(), 1)
    }

    /// Why the incarnation gave up, if it did.
    pub(crate) fn failure_in_test(&self) -> Option<String> {
        self.take_failure().map(|failure| failure.to_string())
    }
}
