//! A group of children as a child of the root: a supervisor of its own, started once.

use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix::prelude::*;

use super::child::{Child, StartArgs};
use super::handle::GroupHandle;
use super::health::Board;
use super::policy::{Backoff, Exhaustion, GroupLimit, Intensity, Policy, Restart};
use super::spec::GroupSpec;
use super::supervisor::{Role, Shared, StopAll, Supervisor};

/// A group isn't restarted: when it fails, the tree gives up.
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
        // It cuts its children off in time.
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
            // Lost only if the group's supervisor is gone, which it has reported.
            addr.do_send(StopAll { deadline });
        }
    }

    fn close(&self) {}
}
