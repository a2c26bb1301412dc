//! Environment of a supervised actor: how it reports to its supervisor, and the messages it must handle.

#![expect(clippy::disallowed_methods, reason = "an incarnation measures its own age")]

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::Notify;

use super::fault_injection::InjectedFault;

/// Asks an actor to finish its work and call `ctx.stop()`. At its shutdown deadline it is killed.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct GracefulStop;

/// Cause for which an incarnation could not start, or gave up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Retried after the backoff.
    #[error("{0}")]
    Failed(String),
    /// An external resource is missing: a port is taken, a file is not writable. At the first start this
    /// ends the daemon with exit code 69; later it counts as any failure.
    #[error("{0}")]
    Unavailable(String),
}

/// Handle of one incarnation to its supervisor. Cheap to clone; each incarnation gets a new one.
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

    /// Number of this incarnation: 1 for the first, one more after each restart.
    #[must_use]
    pub fn incarnation(&self) -> u32 {
        self.0.incarnation
    }

    /// Signals that the child is up, so that the next phase may start. Required by
    /// [`Readiness::Signalled`](super::Readiness::Signalled) alone.
    pub fn ready(&self) {
        self.0.up_since.get_or_init(Instant::now);
        self.0.ready.notify_one();
    }

    /// Ends this incarnation as failed; the supervisor restarts the child.
    pub fn fail<A: Actor<Context = Context<A>>>(
        &self,
        ctx: &mut A::Context,
        why: impl Into<String>,
    ) {
        self.end::<A>(ctx, Failure::Failed(why.into()));
    }

    /// Like [`fail`](Self::fail) with [`Failure::Unavailable`], for resources that the factory can't
    /// check. Before the child was ever up, this ends the daemon.
    pub fn unavailable<A: Actor<Context = Context<A>>>(
        &self,
        ctx: &mut A::Context,
        why: impl Into<String>,
    ) {
        self.end::<A>(ctx, Failure::Unavailable(why.into()));
    }

    /// Fault point: panics if [`FaultInjection`](super::FaultInjection) asks for it and it is due.
    ///
    /// # Panics
    /// On request alone.
    pub fn fault_point(&self) {
        if let Some(fault) = &self.0.fault {
            // An intended panic: the supervisor catches it.
            let since = self.0.up_since.get().unwrap_or(&self.0.born);
            assert!(!fault.is_due(since.elapsed()), "a fault on request");
        }
    }

    /// Whether faults are injected: for an actor that must create the occasions for them.
    #[must_use]
    pub fn has_faults(&self) -> bool {
        self.0.fault.is_some()
    }

    /// Injected delay for each row that this child commits.
    #[must_use]
    pub fn slow_by(&self) -> Option<Duration> {
        self.0.fault.as_ref().and_then(|fault| fault.slow_by)
    }

    /// Time after which the disk of this child is treated as full.
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
