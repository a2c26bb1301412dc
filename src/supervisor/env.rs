//! What a supervised actor may say to its supervisor, and what it must answer.

use std::sync::{Arc, Mutex, PoisonError};

use actix::prelude::*;
use tokio::sync::Notify;

/// Asks an actor to finish its work and call `ctx.stop()`. It is cut off at its shutdown deadline.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct GracefulStop;

/// Why an incarnation could not begin, or gave up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Worth another try after the backoff.
    #[error("{0}")]
    Failed(String),
    /// Something outside is missing (a port is taken, a file is unwritable): at the first start
    /// this ends the daemon with exit code 69; later it counts like any failure.
    #[error("{0}")]
    Unavailable(String),
}

/// One incarnation's line to its supervisor. Cheap to clone; made anew for each incarnation.
#[derive(Debug, Clone)]
pub struct ChildEnv {
    name: Arc<str>,
    incarnation: u32,
    ready: Arc<Notify>,
    failure: Arc<Mutex<Option<String>>>,
}

impl ChildEnv {
    pub(super) fn new(name: Arc<str>, incarnation: u32) -> Self {
        Self { name, incarnation, ready: Arc::default(), failure: Arc::default() }
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// 1 for the first life, one more after each restart.
    #[must_use]
    pub const fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// Says "up": the next phase may start. Only needed by children whose spec waits for it.
    pub fn ready(&self) {
        self.ready.notify_one();
    }

    /// Ends this incarnation as failed, saying why; the supervisor restarts the child.
    pub fn fail<A: Actor<Context = Context<A>>>(
        &self,
        ctx: &mut A::Context,
        why: impl Into<String>,
    ) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.into());
        ctx.stop();
    }

    pub(super) async fn until_ready(&self) {
        self.ready.notified().await;
    }

    pub(super) fn take_failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
