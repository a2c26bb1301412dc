//! Specification of a child: its name, phase and arbiter, its settings, and the factory of its actor.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::Mutex;

use super::arbiters::Placement;
use super::backoff::Backoff;
use super::child::{Child, Core, Factory};
use super::env::{ChildEnv, Failure, GracefulStop};
use super::policy::{Exhaustion, Intensity, Restart};
use super::route::Mailbox;
use super::settings::{CRITICAL, ChildSettings, Readiness, SENSOR};

/// Specification of a child. See [`critical`](Self::critical) and [`sensor`](Self::sensor).
pub struct ChildSpec<A: Actor<Context = Context<A>>> {
    name: Arc<str>,
    phase: u8,
    placement: Placement,
    settings: Arc<ChildSettings>,
    mailbox: Mailbox<A>,
    factory: Factory<A>,
}

impl<A: Actor<Context = Context<A>> + Handler<GracefulStop>> ChildSpec<A> {
    fn new(
        name: impl Into<Arc<str>>,
        placement: Placement,
        settings: &Arc<ChildSettings>,
        mailbox: Mailbox<A>,
        factory: impl Fn(&ChildEnv) -> Result<A, Failure> + Send + Sync + 'static,
    ) -> Self {
        let (name, settings, factory) = (name.into(), Arc::clone(settings), Box::new(factory));
        Self { name, phase: 0, placement, settings, mailbox, factory }
    }

    /// A child whose failure ends the daemon: on an arbiter of its own, with
    /// [`ChildSettings::critical`].
    #[must_use]
    pub fn critical(
        name: impl Into<Arc<str>>,
        mailbox: Mailbox<A>,
        factory: impl Fn(&ChildEnv) -> Result<A, Failure> + Send + Sync + 'static,
    ) -> Self {
        Self::new(name, Placement::Dedicated, &CRITICAL, mailbox, factory)
    }

    /// One of many children: on the pool of arbiters, with [`ChildSettings::sensor`].
    #[must_use]
    pub fn sensor(
        name: impl Into<Arc<str>>,
        mailbox: Mailbox<A>,
        factory: impl Fn(&ChildEnv) -> Result<A, Failure> + Send + Sync + 'static,
    ) -> Self {
        Self::new(name, Placement::Pool, &SENSOR, mailbox, factory)
    }

    /// Sets the phase: lower phases start first and stop last. Default 0.
    #[must_use]
    pub const fn phase(mut self, phase: u8) -> Self {
        self.phase = phase;
        self
    }

    /// Sets the arbiter on which the child runs.
    #[must_use]
    pub const fn placement(mut self, placement: Placement) -> Self {
        self.placement = placement;
        self
    }

    /// Sets settings shared with other children. The methods below change a copy of this child alone.
    #[must_use]
    pub fn settings(mut self, settings: Arc<ChildSettings>) -> Self {
        self.settings = settings;
        self
    }

    /// Sets which ends are followed by a restart.
    #[must_use]
    pub fn restart(mut self, restart: Restart) -> Self {
        self.own_settings().policy.restart = restart;
        self
    }

    /// Sets how often the child may be restarted: at most `restarts` times within `window`.
    #[must_use]
    pub fn intensity(mut self, restarts: usize, window: Duration) -> Self {
        self.own_settings().policy.intensity = Intensity { restarts, window };
        self
    }

    /// Sets what follows when the child fails too often.
    #[must_use]
    pub fn on_exhaustion(mut self, exhaustion: Exhaustion) -> Self {
        self.own_settings().policy.exhaustion = exhaustion;
        self
    }

    /// Sets the delay before a restart.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.own_settings().policy.backoff = backoff;
        self
    }

    /// Sets when the child counts as up.
    #[must_use]
    pub fn readiness(mut self, readiness: Readiness) -> Self {
        self.own_settings().readiness = readiness;
        self
    }

    /// Sets the time limit of a stop.
    #[must_use]
    pub fn shutdown(mut self, deadline: Duration) -> Self {
        self.own_settings().shutdown = deadline;
        self
    }

    fn own_settings(&mut self) -> &mut ChildSettings {
        Arc::make_mut(&mut self.settings)
    }

    pub(super) fn into_child(self) -> Arc<dyn Child> {
        let (addr, inbox) = self.mailbox.into_parts();
        Arc::new(Core {
            name: self.name,
            phase: self.phase,
            placement: self.placement,
            settings: self.settings,
            factory: self.factory,
            // Weak: a strong address would cost 100 bytes for each of 100,000 children.
            addr: addr.downgrade(),
            inbox: Arc::new(Mutex::new(Some(inbox))),
        })
    }
}
