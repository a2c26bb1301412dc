//! The supervision tree: the application builds it, starts it, and runs it until it ends.

#![expect(clippy::disallowed_methods, reason = "the deadline of a stop is set here")]

use std::cell::RefCell;
use std::future::Future;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::oneshot;

use super::arbiters::{Arbiters, join};
use super::child::Child;
use super::env::GracefulStop;
use super::events::{ChildEvent, EventPublisher, Listener};
use super::fault_injection::FaultInjection;
use super::group::{Group, GroupSpec};
use super::health::{Board, Health};
use super::outcome::TreeOutcome;
use super::shared::Shared;
use super::spec::ChildSpec;
use super::supervisor::{Role, StopAll, StopWithin, Supervisor};
use super::watchdog::Watchdog;

/// Time limit of a stop when the tree ends before [`RunningTree::run_until`] sets one.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Least time that arbiters get to end, even after the deadline of the stop.
const LEAST_TO_JOIN: Duration = Duration::from_millis(100);

type OnStuck = Box<dyn Fn(&str, Duration) + Send>;

/// Specification of a tree.
#[derive(Default)]
pub struct Tree {
    children: Vec<Arc<dyn Child>>,
    groups: Vec<GroupSpec>,
    listener: Option<Listener>,
    on_phase_up: Option<Box<dyn Fn(u8)>>,
    watchdog: Option<(Duration, OnStuck)>,
    faults: FaultInjection,
}

impl Tree {
    /// A tree without children.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a child of the root.
    #[must_use]
    pub fn child<A>(mut self, spec: ChildSpec<A>) -> Self
    where
        A: Actor<Context = Context<A>> + Handler<GracefulStop>,
    {
        self.children.push(spec.into_child());
        self
    }

    /// Adds a group.
    #[must_use]
    pub fn group(mut self, spec: GroupSpec) -> Self {
        self.groups.push(spec);
        self
    }

    /// Sets a listener for every event of every child. It runs on the system's arbiter, so it must be quick.
    #[must_use]
    pub fn on_event(mut self, listener: impl Fn(&ChildEvent) + 'static) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// Sets a hook that runs when all children of a phase are up, before the next phase starts.
    #[must_use]
    pub fn on_phase_up(mut self, hook: impl Fn(u8) + 'static) -> Self {
        self.on_phase_up = Some(Box::new(hook));
        self
    }

    /// Sets the faults to inject.
    #[must_use]
    pub fn faults(mut self, faults: FaultInjection) -> Self {
        self.faults = faults;
        self
    }

    /// Calls `on_stuck` with the name of an arbiter that has run no task for `threshold`, and the time
    /// without one, on a thread of its own. The only remedy for a stuck arbiter is to end the process.
    /// Dedicated arbiters have their child's name; the others are `pool-0`… and `system`.
    #[must_use]
    pub fn watchdog(
        mut self,
        threshold: Duration,
        on_stuck: impl Fn(&str, Duration) + Send + 'static,
    ) -> Self {
        self.watchdog = Some((threshold, Box::new(on_stuck)));
        self
    }

    /// Starts the children, phase by phase. Call it on the arbiter of an actix `System`.
    ///
    /// # Errors
    /// If the watchdog's thread can't be started.
    pub fn start(self) -> io::Result<RunningTree> {
        let now = Instant::now();
        let watchdog = self
            .watchdog
            .map(|(threshold, on_stuck)| Watchdog::start(threshold, on_stuck))
            .transpose()?;
        let (mut children, mut boards) = (self.children, Vec::new());
        for spec in self.groups {
            let (group, board) = Group::new(spec, now);
            children.push(Arc::new(group));
            boards.push(board);
        }
        let names = children.iter().map(|it| (it.name().clone(), it.policy().intensity.window));
        let board = Arc::new(Board::new(None, names, boards, now));
        let shared = Rc::new(Shared {
            arbiters: RefCell::new(Arbiters::new(watchdog)),
            events: RefCell::new(EventPublisher::new(self.listener)),
            unfinished: RefCell::default(),
            on_phase_up: self.on_phase_up,
            faults: self.faults,
        });
        let (done, outcome) = oneshot::channel();
        let role = Role::Root { done: Some(done), stop_within: STOP_WITHIN };
        let root = Supervisor::new(children, board.clone(), shared.clone(), role).start();
        Ok(RunningTree { root, shared, health: Health(board), outcome })
    }
}

/// A started tree.
pub struct RunningTree {
    root: Addr<Supervisor>,
    shared: Rc<Shared>,
    health: Health,
    outcome: oneshot::Receiver<(TreeOutcome, Instant)>,
}

impl RunningTree {
    /// Handle that reads the state of the tree.
    #[must_use]
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Runs until `stop` resolves or the tree gives up, then stops every child in reverse order of
    /// phases, within `stop_within`. Afterwards no thread of the tree is left but those that hang. The
    /// caller may drop the future while it stops (a second Ctrl-C).
    pub async fn run_until(
        self,
        stop: impl Future<Output = ()>,
        stop_within: Duration,
    ) -> TreeOutcome {
        let Self { root, shared, mut outcome, .. } = self;
        // The root lives until it has sent the outcome; later messages would change nothing.
        root.do_send(StopWithin(stop_within));
        let ended = tokio::select! {
            biased;
            ended = &mut outcome => ended,
            () = stop => {
                let deadline = tokio::time::Instant::now().into_std() + stop_within;
                root.do_send(StopAll { deadline });
                outcome.await
            }
        };
        let (outcome, deadline) = ended.unwrap_or_else(|_| {
            let failures = vec!["it ended without an outcome; its panic is in the log".into()];
            (TreeOutcome::GaveUp { child: "root".into(), failures }, Instant::now())
        });
        let arbiters = shared.arbiters.borrow_mut().end();
        join(arbiters, deadline.saturating_duration_since(Instant::now()).max(LEAST_TO_JOIN)).await;
        outcome
    }
}
