//! The supervisor: starts its children phase by phase, restarts them as their policies say, and
//! stops them in reverse. It routes and reports and does no other work.
//!
//! The root is one, each group another; both live on the system's arbiter.
//! Holds always: work per report is O(1), whatever the number of children, and O(log n) for each child
//! that comes or goes.
//! Never: blocks, waits for a child, or holds a future per child.

#![expect(
    clippy::disallowed_methods,
    reason = "the supervisor owns the clock of restarts and deadlines"
)]

mod changing;
mod failing;
mod stopping;

pub(super) use changing::{Add, Remove};

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::oneshot;

use self::changing::Completion;
use super::arbiters::Arbiters;
use super::child::{Child, Reporter, StartArgs};
use super::fault_injection::FaultInjection;
use super::health::{Board, Record, State};
use super::notice::{ChildEvent, ChildEventKind, Notices};
use super::phases::Phases;
use super::policy::{ChildExit, GroupExits, GroupLimit};
use super::tree::TreeOutcome;

/// An incarnation is up.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Up {
    pub(super) slot: u32,
    pub(super) incarnation: u32,
}

/// An incarnation has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Exited {
    pub(super) slot: u32,
    pub(super) incarnation: u32,
    pub(super) exit: ChildExit,
}

/// Stop every child by the deadline.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct StopAll {
    pub(super) deadline: Instant,
}

/// From a group: the tree must end, with this outcome.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Fatal(TreeOutcome);

/// How long stopping may take when the root itself decides to.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct StopWithin(pub(super) Duration);

/// What all supervisors of a tree share. They live on one thread.
pub(super) struct Shared {
    pub(super) arbiters: RefCell<Arbiters>,
    pub(super) notices: RefCell<Notices>,
    /// Children that did not stop by themselves.
    pub(super) unfinished: RefCell<Vec<Arc<str>>>,
    pub(super) on_phase_up: Option<Box<dyn Fn(u8)>>,
    pub(super) faults: FaultInjection,
}

/// Where a supervisor stands in the tree.
pub(super) enum Role {
    Root {
        /// Told the outcome and the deadline it had, once.
        done: Option<oneshot::Sender<(TreeOutcome, Instant)>>,
        stop_within: Duration,
    },
    Group {
        /// Taken by the last report.
        reporter: Option<Reporter>,
        /// Held, not used: the root asks a group to stop, and that is never ignored.
        _kill: oneshot::Receiver<()>,
        limit: GroupLimit,
        exits: GroupExits,
        failures: VecDeque<String>,
        /// It has told the root so.
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

/// Whether a child was asked to stop, and for whom.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    No,
    /// It was removed: the others go on.
    ToLeave,
    /// All stop, and its phase waits for its end.
    ToStop,
}

struct Slot {
    child: Arc<dyn Child>,
    /// Ends the living incarnation for good, when used or dropped.
    kill: Option<oneshot::Sender<()>>,
    /// An incarnation was started and has not reported its end.
    is_alive: bool,
    /// Waited for by its starting phase.
    is_awaited: bool,
    was_up: bool,
    asked: Asked,
    /// When it is cut off, once it was asked.
    cut_off_at: Option<Instant>,
    /// Held until it is settled, or gone.
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
            asked: Asked::No,
            cut_off_at: None,
            completion: None,
        }
    }
}

pub(super) struct Supervisor {
    /// A removed child's is another's as soon as its last incarnation has reported; until then, a
    /// late report would be taken for the other's.
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// How many slots are somebody's.
    num_children: usize,
    phases: Phases,
    board: Arc<Board>,
    shared: Rc<Shared>,
    role: Role,
    addr: Option<Arc<Addr<Self>>>,
    /// Why the tree ends and by when, once it does.
    ending: Option<(TreeOutcome, Instant)>,
    /// Whom to cut off when; one timer serves the first.
    deadlines: BTreeMap<Instant, Vec<u32>>,
    timer: Option<SpawnHandle>,
    flushing: bool,
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
            addr: None,
            ending: None,
            deadlines: BTreeMap::new(),
            timer: None,
            flushing: false,
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
        // Set when this actor started, before anything else could happen.
        let Some(supervisor) = self.addr.clone() else { return };
        let incarnation = {
            let mut records = self.board.records();
            let record = &mut records[slot as usize];
            record.incarnation += 1;
            record.incarnation
        };
        let (kill, killed) = oneshot::channel();
        let reporter = Reporter { supervisor, slot, incarnation, open: true };
        let Slot { child, kill: old, is_alive, .. } = &mut self.slots[slot as usize];
        *old = Some(kill);
        *is_alive = true;
        let fault = self.shared.faults.of(child.name());
        let args = StartArgs { after, kill: killed, reporter, fault };
        Arc::clone(child).start(args, &self.shared);
    }

    /// The child needs no more waiting for: it is up, or won't be soon.
    fn settle(&mut self, slot: u32) {
        let Slot { asked, completion, is_awaited, .. } = &mut self.slots[slot as usize];
        if *asked == Asked::No {
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

    fn up(&mut self, report: &Up, ctx: &mut Context<Self>) {
        let current = self.with_record(report.slot, report.incarnation, |record| {
            record.state = State::Up;
            record.since = now();
        });
        if current.is_some() {
            self.slots[report.slot as usize].was_up = true;
            self.tell(report.slot, ChildEventKind::Up, ctx);
            self.settle(report.slot);
        }
    }

    fn name(&self, slot: u32) -> Arc<str> {
        self.slots[slot as usize].child.name().clone()
    }

    /// Works on a child's record, unless the report is of an incarnation that nobody waits for.
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

    fn tell(&mut self, slot: u32, what: ChildEventKind, ctx: &mut Context<Self>) {
        let incarnation = self.board.records()[slot as usize].incarnation;
        let event = ChildEvent {
            child: self.name(slot),
            group: self.board.group.clone(),
            incarnation,
            what,
        };
        self.tell_event(&event, ctx);
    }

    fn tell_event(&mut self, event: &ChildEvent, ctx: &mut Context<Self>) {
        let left_out = self.shared.notices.borrow_mut().tell(event, now());
        if left_out && !std::mem::replace(&mut self.flushing, true) {
            ctx.run_later(Duration::from_secs(1), |this, _| {
                this.flushing = false;
                this.shared.notices.borrow_mut().flush();
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
        self.addr = Some(Arc::new(ctx.address()));
        self.start_phase();
    }
}

impl Handler<Up> for Supervisor {
    type Result = ();

    fn handle(&mut self, report: Up, ctx: &mut Self::Context) {
        self.up(&report, ctx);
    }
}

impl Handler<Exited> for Supervisor {
    type Result = ();

    fn handle(&mut self, report: Exited, ctx: &mut Self::Context) {
        self.exited(report, ctx);
    }
}

impl Handler<StopAll> for Supervisor {
    type Result = ();

    fn handle(&mut self, StopAll { deadline }: StopAll, ctx: &mut Self::Context) {
        self.stop(TreeOutcome::Stopped { unfinished: Vec::new() }, deadline, ctx);
    }
}

impl Handler<Fatal> for Supervisor {
    type Result = ();

    fn handle(&mut self, Fatal(outcome): Fatal, ctx: &mut Self::Context) {
        self.fatal(outcome, ctx);
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
