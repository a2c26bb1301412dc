//! A group of children: a supervisor of its own, which is a child of the root and is started once.

use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix::prelude::*;

use super::backoff::Backoff;
use super::child::{Child, StartArgs};
use super::env::GracefulStop;
use super::handle::GroupHandle;
use super::health::Board;
use super::policy::{Exhaustion, GroupLimit, Intensity, Policy, Restart};
use super::shared::Shared;
use super::spec::ChildSpec;
use super::supervisor::{Role, StopAll, Supervisor};

/// Specification of a group: children under a supervisor of their own, which is a child of the root. It
/// quarantines a child that keeps failing, and ends the tree when too many children fail.
pub struct GroupSpec {
    name: Arc<str>,
    phase: u8,
    limit: GroupLimit,
    children: Vec<Arc<dyn Child>>,
    handle: GroupHandle,
}

impl GroupSpec {
    /// A group without children.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        let limit = GroupLimit::default();
        let (children, handle) = (Vec::new(), GroupHandle::default());
        Self { name: name.into(), phase: 0, limit, children, handle }
    }

    /// Sets the group's phase in the root. The phases of its children order them within the group.
    #[must_use]
    pub const fn phase(mut self, phase: u8) -> Self {
        self.phase = phase;
        self
    }

    /// Handle that changes the group while it runs.
    #[must_use]
    pub fn handle(&self) -> GroupHandle {
        self.handle.clone()
    }

    /// Sets the limit of failing children within a window.
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

/// A group is never restarted: when it fails, the tree ends.
const POLICY: Policy = Policy {
    restart: Restart::Permanent,
    intensity: Intensity { restarts: 0, window: Duration::from_secs(60) },
    exhaustion: Exhaustion::Escalate,
    backoff: Backoff { first: Duration::ZERO, cap: Duration::ZERO, jitter_percent: 0 },
};

pub(super) struct Group {
    name: Arc<str>,
    phase: u8,
    limit: GroupLimit,
    /// Taken by the start.
    children: Mutex<Vec<Arc<dyn Child>>>,
    board: Arc<Board>,
    addr: GroupHandle,
}

impl Group {
    pub(super) fn new(spec: GroupSpec, now: Instant) -> (Self, Arc<Board>) {
        let GroupSpec { name, phase, limit, children, handle } = spec;
        let names = children.iter().map(|it| (it.name().clone(), it.policy().intensity.window));
        let board = Arc::new(Board::new(Some(name.clone()), names, vec![], now));
        let children = Mutex::new(children);
        let group = Self { name, phase, limit, children, board: board.clone(), addr: handle };
        (group, board)
    }
}

impl Child for Group {
    fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn phase(&self) -> u8 {
        self.phase
    }

    fn policy(&self) -> &Policy {
        &POLICY
    }

    fn shutdown(&self) -> Option<Duration> {
        // Its supervisor kills children at their deadlines.
        None
    }

    fn start(self: Arc<Self>, args: StartArgs, shared: &Rc<Shared>) {
        let children =
            std::mem::take(&mut *self.children.lock().unwrap_or_else(PoisonError::into_inner));
        let role = Role::group(args, self.limit);
        let supervisor = Supervisor::new(children, self.board.clone(), Rc::clone(shared), role);
        self.addr.set(supervisor.start());
    }

    fn ask_to_stop(&self, deadline: Instant) {
        if let Some(addr) = self.addr.get() {
            // Fails only if the group's supervisor has ended, which it has reported.
            addr.do_send(StopAll { deadline });
        }
    }

    fn close(&self) {}
}
