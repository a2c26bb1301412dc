//! Supervisor actor: starts its children phase by phase, restarts them by their policies, and stops them
//! in reverse order.
//!
//! The root is a supervisor, and so is each group. All run on the system's arbiter.
//! Invariant: a report costs O(1) whatever the number of children; adding or removing a child costs
//! O(log n).
//! Never: blocks, awaits a child, or holds a future per child.

#![expect(
    clippy::disallowed_methods,
    reason = "the supervisor owns the clock of restarts and deadlines"
)]

mod changing;
mod failing;
mod stopping;

pub use changing::ChangeError;
pub(super) use changing::{Add, Remove};

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::oneshot;

use self::changing::Completion;
use super::child::{Child, StartArgs};
use super::events::{ChildEvent, ChildEventKind};
use super::health::{Board, Record, State};
use super::outcome::TreeOutcome;
use super::phases::Phases;
use super::policy::{GroupExits, GroupLimit};
use super::report::{Report, Reporter};
use super::shared::Shared;

/// Stops every child by the deadline.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct StopAll {
    pub(super) deadline: Instant,
}

/// Sets the time limit of a stop that the root itself decides.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct StopWithin(pub(super) Duration);

/// Position of a supervisor in the tree.
pub(super) enum Role {
    Root {
        /// Receives the outcome and the deadline of the stop, once.
        done: Option<oneshot::Sender<(TreeOutcome, Instant)>>,
        stop_within: Duration,
    },
    Group {
        /// Taken by the last report.
        reporter: Option<Reporter>,
        /// Unused: a group obeys the root's request to stop, so it is never killed. Held so that its
        /// sender stays connected.
        _kill: oneshot::Receiver<()>,
        limit: GroupLimit,
        exits: GroupExits,
        /// Last failures of children, oldest first.
        failures: VecDeque<String>,
        /// Whether the failure of the group was reported to the root.
        gave_up: bool,
    },
}

impl Role {
    pub(super) fn group(args: StartArgs, limit: GroupLimit) -> Self {
        Self::Group {
            reporter: Some(args.reporter),
            _kill: args.kill,
            limit,
            exits: GroupExits::default(),
            failures: VecDeque::new(),
            gave_up: false,
        }
    }
}

/// Request to stop that a child has received.
#[derive(Clone, Copy, PartialEq, Eq)]
enum StopRequest {
    None,
    /// The child is being removed; the others keep running.
    Removal,
    /// The supervisor stops, and the child's phase waits for its end.
    Shutdown,
}

/// Place of one child in its supervisor.
struct Slot {
    child: Arc<dyn Child>,
    /// Ends the current incarnation for good, when used or dropped.
    kill: Option<oneshot::Sender<()>>,
    /// Whether an incarnation was started and has not reported its end.
    is_alive: bool,
    /// Whether its starting phase waits for it.
    is_awaited: bool,
    /// Whether the child has been up, or was added while others ran. What it lacks then counts as a
    /// failure, and no longer ends the tree.
    was_up: bool,
    stop_request: StopRequest,
    /// Deadline after which the child is killed; set with the request to stop.
    cut_off_at: Option<Instant>,
    /// Held until the child has settled, or is gone.
    completion: Option<Rc<Completion>>,
}

impl Slot {
    const fn new(child: Arc<dyn Child>) -> Self {
        Self {
            child,
            kill: None,
            is_alive: false,
            is_awaited: false,
            was_up: false,
            stop_request: StopRequest::None,
            cut_off_at: None,
            completion: None,
        }
    }
}

pub(super) struct Supervisor {
    /// The slot of a removed child is reused once its last incarnation has reported its end. Before
    /// that, a late report would be attributed to the new child.
    slots: Vec<Slot>,
    /// Indices of slots that may be reused.
    free: Vec<u32>,
    num_children: usize,
    phases: Phases,
    board: Arc<Board>,
    shared: Rc<Shared>,
    role: Role,
    /// Own address, for the reports of children; set when the actor starts.
    reports: Option<Arc<Recipient<Report>>>,
    /// Outcome and deadline of the stop under way.
    ending: Option<(TreeOutcome, Instant)>,
    /// Slots to cut off, by deadline; one timer serves the first.
    deadlines: BTreeMap<Instant, Vec<u32>>,
    timer: Option<SpawnHandle>,
    /// Whether a summary of suppressed log lines is scheduled.
    is_flush_scheduled: bool,
}

impl Supervisor {
    pub(super) fn new(
        children: Vec<Arc<dyn Child>>,
        board: Arc<Board>,
        shared: Rc<Shared>,
        role: Role,
    ) -> Self {
        let phases = Phases::new(children.iter().map(|child| child.phase()));
        Self {
            num_children: children.len(),
            slots: children.into_iter().map(Slot::new).collect(),
            free: Vec::new(),
            phases,
            board,
            shared,
            role,
            reports: None,
            ending: None,
            deadlines: BTreeMap::new(),
            timer: None,
            is_flush_scheduled: false,
        }
    }

    fn start_phase(&mut self) {
        match self.phases.start_next() {
            Some(slots) => {
                for slot in slots.iter() {
                    self.slots[*slot as usize].is_awaited = true;
                }
                slots.iter().for_each(|slot| self.start(*slot, Duration::ZERO));
            }
            None => {
                if let Role::Group { reporter: Some(reporter), .. } = &self.role {
                    reporter.up();
                }
            }
        }
    }

    fn start(&mut self, slot: u32, after: Duration) {
        // Set when this actor started, before any child was.
        let Some(reports) = self.reports.clone() else { return };
        let incarnation = {
            let mut records = self.board.records();
            let record = &mut records[slot as usize];
            record.incarnation += 1;
            record.incarnation
        };
        let (kill, killed) = oneshot::channel();
        let reporter = Reporter::new(reports, slot, incarnation);
        let Slot { child, kill: old, is_alive, .. } = &mut self.slots[slot as usize];
        *old = Some(kill);
        *is_alive = true;
        let fault = self.shared.faults.of(child.name());
        let args = StartArgs { after, kill: killed, reporter, fault };
        Arc::clone(child).start(args, &self.shared);
    }

    /// Ends the wait for a child: it is up, or won't be up soon.
    fn settle(&mut self, slot: u32) {
        let Slot { stop_request, completion, is_awaited, .. } = &mut self.slots[slot as usize];
        if *stop_request == StopRequest::None {
            completion.take();
        }
        let was_awaited = std::mem::take(is_awaited);
        if !was_awaited || self.phases.stopping() {
            return;
        }
        if let Some(phase) = self.phases.settled() {
            if let (Role::Root { .. }, Some(on_phase_up)) = (&self.role, &self.shared.on_phase_up) {
                on_phase_up(phase);
            }
            self.start_phase();
        }
    }

    fn up(&mut self, slot: u32, incarnation: u32, ctx: &mut Context<Self>) {
        let current = self.with_record(slot, incarnation, |record| {
            record.state = State::Up;
            record.since = now();
        });
        if current.is_some() {
            self.slots[slot as usize].was_up = true;
            self.publish(slot, ChildEventKind::Up, ctx);
            self.settle(slot);
        }
    }

    fn name(&self, slot: u32) -> Arc<str> {
        self.slots[slot as usize].child.name().clone()
    }

    /// Changes a child's record. `None` if the incarnation is outdated or the child has ended.
    fn with_record<T>(
        &self,
        slot: u32,
        incarnation: u32,
        work: impl FnOnce(&mut Record) -> T,
    ) -> Option<T> {
        let mut records = self.board.records();
        let record = &mut records[slot as usize];
        (record.incarnation == incarnation && !record.state.is_over()).then(|| work(record))
    }

    fn set_state(&self, slot: u32, state: State) {
        let mut records = self.board.records();
        let record = &mut records[slot as usize];
        (record.state, record.since) = (state, now());
    }

    fn publish(&mut self, slot: u32, what: ChildEventKind, ctx: &mut Context<Self>) {
        let incarnation = self.board.records()[slot as usize].incarnation;
        let event = ChildEvent {
            child: self.name(slot),
            group: self.board.group.clone(),
            incarnation,
            what,
        };
        self.publish_event(&event, ctx);
    }

    fn publish_event(&mut self, event: &ChildEvent, ctx: &mut Context<Self>) {
        let are_suppressed = self.shared.events.borrow_mut().publish(event, now());
        if are_suppressed && !std::mem::replace(&mut self.is_flush_scheduled, true) {
            ctx.run_later(Duration::from_secs(1), |this, _| {
                this.is_flush_scheduled = false;
                this.shared.events.borrow_mut().flush();
            });
        }
    }
}

/// Tokio's clock, which a test may pause.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl Actor for Supervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.reports = Some(Arc::new(ctx.address().recipient()));
        self.start_phase();
    }
}

impl Handler<Report> for Supervisor {
    type Result = ();

    fn handle(&mut self, report: Report, ctx: &mut Self::Context) {
        match report {
            Report::Up { slot, incarnation } => self.up(slot, incarnation, ctx),
            Report::Exited { slot, incarnation, exit } => self.exited(slot, incarnation, exit, ctx),
            Report::Fatal(outcome) => self.fatal(outcome, ctx),
        }
    }
}

impl Handler<StopAll> for Supervisor {
    type Result = ();

    fn handle(&mut self, StopAll { deadline }: StopAll, ctx: &mut Self::Context) {
        self.stop(TreeOutcome::Stopped { unfinished: Vec::new() }, deadline, ctx);
    }
}

impl Handler<StopWithin> for Supervisor {
    type Result = ();

    fn handle(&mut self, StopWithin(time): StopWithin, _: &mut Self::Context) {
        if let Role::Root { stop_within, .. } = &mut self.role {
            *stop_within = time;
        }
    }
}
