//! What a supervised actor may say to its supervisor, and what it must answer.

#![expect(clippy::disallowed_methods, reason = "an incarnation counts from its args")]

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::Notify;

use super::fault_injection::InjectedFault;

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
pub struct ChildEnv(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    name: Arc<str>,
    incarnation: u32,
    ready: Notify,
    failure: Mutex<Option<Failure>>,
    born: Instant,
    up_since: OnceLock<Instant>,
    fault: Option<Box<InjectedFault>>,
}

impl ChildEnv {
    pub(super) fn new(name: Arc<str>, incarnation: u32, fault: Option<Box<InjectedFault>>) -> Self {
        let (ready, failure, born) = (Notify::new(), Mutex::new(None), Instant::now());
        let up_since = OnceLock::new();
        Self(Arc::new(Shared { name, incarnation, ready, failure, born, up_since, fault }))
    }

    /// Name of the child.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// 1 for the first life, one more after each restart.
    #[must_use]
    pub fn incarnation(&self) -> u32 {
        self.0.incarnation
    }

    /// Says "up": the next phase may start. Only needed by children whose spec waits for it.
    pub fn ready(&self) {
        self.0.up_since.get_or_init(Instant::now);
        self.0.ready.notify_one();
    }

    /// Ends this incarnation as failed, saying why; the supervisor restarts the child.
    pub fn fail<A: Actor<Context = Context<A>>>(
        &self,
        ctx: &mut A::Context,
        why: impl Into<String>,
    ) {
        self.end::<A>(ctx, Failure::Failed(why.into()));
    }

    /// Like [`fail`](Self::fail) with [`Failure::Unavailable`], for what the factory can't know
    /// yet: a child that was never up ends the daemon this way.
    pub fn unavailable<A: Actor<Context = Context<A>>>(
        &self,
        ctx: &mut A::Context,
        why: impl Into<String>,
    ) {
        self.end::<A>(ctx, Failure::Unavailable(why.into()));
    }

    /// Where a panic would hurt: panics if one was asked for by [`FaultInjection`](super::FaultInjection) and is due.
    ///
    /// # Panics
    /// On request alone.
    pub fn fault_point(&self) {
        if let Some(fault) = &self.0.fault {
            // The one panic that is meant: the supervisor is there to catch it.
            let since = self.0.up_since.get().unwrap_or(&self.0.born);
            assert!(!fault.is_due(since.elapsed()), "a fault on request");
        }
    }

    /// Whether anything is to go wrong: for an actor that has to make its own occasions.
    #[must_use]
    pub fn has_faults(&self) -> bool {
        self.0.fault.is_some()
    }

    /// How much more each row is to cost that this child commits.
    #[must_use]
    pub fn slow_by(&self) -> Option<Duration> {
        self.0.fault.as_ref().and_then(|fault| fault.slow_by)
    }

    /// Time after which the disk that this child writes to is said to be full.
    #[must_use]
    pub fn full_in(&self) -> Option<Duration> {
        self.0.fault.as_ref().and_then(|fault| fault.full_in)
    }

    fn end<A: Actor<Context = Context<A>>>(&self, ctx: &mut A::Context, failure: Failure) {
        *self.0.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
        ctx.stop();
    }

    pub(super) async fn until_ready(&self) {
        self.0.ready.notified().await;
    }

    pub(super) fn take_failure(&self) -> Option<Failure> {
        self.0.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
