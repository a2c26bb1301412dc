//! What a child is: its name, its place in the tree, how it is made, and what it is forgiven.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::Mutex;

use super::arbiters::Placement;
use super::child::{Child, Core};
use super::env::{ChildEnv, Failure, GracefulStop};
use super::handle::GroupHandle;
use super::policy::{Backoff, Exhaustion, GroupLimit, Intensity, Policy, Restart};
use super::route::Mailbox;

/// When a child counts as up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// When its `started` has returned.
    Started,
    /// When it has called [`ChildEnv::ready`], or when `at_most` has passed without a failure.
    Signalled {
        /// Time after which the child counts as up in any case.
        at_most: Duration,
    },
}

/// What all children of one kind have in common; shared, so that 100,000 of them cost little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChildSettings {
    /// Restart policy.
    pub policy: Policy,
    /// When a child counts as up.
    pub readiness: Readiness,
    /// How long it may take to stop once asked.
    pub shutdown: Duration,
}

impl ChildSettings {
    const INTENSITY: Intensity = Intensity { restarts: 5, window: Duration::from_secs(60) };

    /// 5 restarts in 60 s, then the tree gives up; 5 s to stop.
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

static CRITICAL: LazyLock<Arc<ChildSettings>> =
    LazyLock::new(|| Arc::new(ChildSettings::critical()));
static SENSOR: LazyLock<Arc<ChildSettings>> = LazyLock::new(|| Arc::new(ChildSettings::sensor()));

pub(super) type Factory<A> = Box<dyn Fn(&ChildEnv) -> Result<A, Failure> + Send + Sync>;

/// A child to be: see [`critical`](Self::critical) and [`sensor`](Self::sensor).
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

    /// A child the daemon can't do without: on its own arbiter, on [`ChildSettings::critical`].
    #[must_use]
    pub fn critical(
        name: impl Into<Arc<str>>,
        mailbox: Mailbox<A>,
        factory: impl Fn(&ChildEnv) -> Result<A, Failure> + Send + Sync + 'static,
    ) -> Self {
        Self::new(name, Placement::Dedicated, &CRITICAL, mailbox, factory)
    }

    /// One of many: in the pool, on [`ChildSettings::sensor`].
    #[must_use]
    pub fn sensor(
        name: impl Into<Arc<str>>,
        mailbox: Mailbox<A>,
        factory: impl Fn(&ChildEnv) -> Result<A, Failure> + Send + Sync + 'static,
    ) -> Self {
        Self::new(name, Placement::Pool, &SENSOR, mailbox, factory)
    }

    /// Lower phases start first and stop last. Default 0.
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

    /// ChildSettings shared with other children; what the methods below change is this child's own.
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

    /// How long it may take to stop once asked.
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
            // Weak, since an address of our own would cost each of 100,000 children 100 bytes.
            addr: addr.downgrade(),
            inbox: Arc::new(Mutex::new(Some(inbox))),
        })
    }
}

/// Children under a supervisor of their own, which is itself a child of the root: it rests a child
/// that keeps failing, and escalates when too many of them fail.
pub struct GroupSpec {
    pub(super) name: Arc<str>,
    pub(super) phase: u8,
    pub(super) limit: GroupLimit,
    pub(super) children: Vec<Arc<dyn Child>>,
    pub(super) handle: GroupHandle,
}

impl GroupSpec {
    /// A group without children.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        let limit = GroupLimit::default();
        let (children, handle) = (Vec::new(), GroupHandle::default());
        Self { name: name.into(), phase: 0, limit, children, handle }
    }

    /// The group's phase in the root. The phases of its children order them among themselves.
    #[must_use]
    pub const fn phase(mut self, phase: u8) -> Self {
        self.phase = phase;
        self
    }

    /// For changing the group while it runs.
    #[must_use]
    pub fn handle(&self) -> GroupHandle {
        self.handle.clone()
    }

    /// Sets how many children may fail within a window.
    #[must_use]
    pub const fn limit(mut self, limit: GroupLimit) -> Self {
        self.limit = limit;
        self
    }

    /// Adds a child.
    #[must_use]
    pub fn child<A>(mut self, spec: ChildSpec<A>) -> Self
    where
        A: Actor<Context = Context<A>> + Handler<GracefulStop>,
    {
        self.children.push(spec.into_child());
        self
    }

    /// Adds children.
    #[must_use]
    pub fn children<A>(mut self, specs: impl IntoIterator<Item = ChildSpec<A>>) -> Self
    where
        A: Actor<Context = Context<A>> + Handler<GracefulStop>,
    {
        self.children.extend(specs.into_iter().map(ChildSpec::into_child));
        self
    }
}
