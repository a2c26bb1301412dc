//! The supervision tree: starts children in order, restarts them when they fail, gives up loudly.

#[cfg(panic = "abort")]
compile_error!("supervision catches panics: build with panic = \"unwind\"");

mod env;
mod route;
#[cfg(test)]
pub mod testing;

pub use env::{ChildEnv, Failure, GracefulStop};
pub use route::{Mailbox, RequestError, Route, Routed, SendError};
