//! The supervisor: starts its children phase by phase, restarts them as their policies say, and
//! stops them in reverse. It routes and reports and does no other work.
//!
//! The root is one, each group another; both live on the system's arbiter.
//! Holds always: work per report is O(1), whatever the number of children.
//! Never: blocks, waits for a child, or holds a future per child.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::oneshot;

use super::arbiters::Arbiters;
use super::child::{Birth, Child, Reporter};
use super::health::{Board, Record, State};
use super::notice::{ChildEvent, Happening, Notices};
use super::phases::Phases;
use super::policy::{Decision, Exit, GroupExits, GroupLimit, Intensity};
use super::tree::Outcome;

/// How many of a group's last failures an escalation names.
const FAILURES_NAMED: usize = 10;

/// An incarnation is up.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Up {
    pub(super) seat: u32,
    pub(super) incarnation: u32,
}

/// An incarnation has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Exited {
    pub(super) seat: u32,
    pub(super) incarnation: u32,
    pub(super) exit: Exit,
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
pub(super) struct Fatal(Outcome);

/// How long stopping may take when the root itself decides to.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct StopWithin(pub(super) Duration);

/// What all supervisors of a tree share. They live on one thread.
pub(super) struct House {
    pub(super) arbiters: RefCell<Arbiters>,
    pub(super) notices: RefCell<Notices>,
    /// Children that did not stop by themselves.
    pub(super) unfinished: RefCell<Vec<Arc<str>>>,
    pub(super) on_phase_up: Option<Box<dyn Fn(u8)>>,
}

/// Where a supervisor stands in the tree.
pub(super) enum Role {
    Root {
        /// Told the outcome and the deadline it had, once.
        done: Option<oneshot::Sender<(Outcome, Instant)>>,
        stop_within: Duration,
    },
    Group {
        /// Taken by the last report.
        reporter: Option<Reporter>,
        /// Held, not used: the root asks a group to stop, and that is never ignored.
        _kill: oneshot::Receiver<()>,
        limit: usize,
        window: Duration,
        exits: GroupExits,
        failures: VecDeque<String>,
    },
}

impl Role {
    pub(super) fn group(birth: Birth, limit: GroupLimit, children: usize) -> Self {
        Self::Group {
            reporter: Some(birth.reporter),
            _kill: birth.kill,
            limit: limit.exits(children),
            window: limit.window,
            exits: GroupExits::default(),
            failures: VecDeque::new(),
        }
    }
}

struct Seat {
    child: Arc<dyn Child>,
    /// Ends the living incarnation for good, when used or dropped.
    kill: Option<oneshot::Sender<()>>,
    /// No longer waited for by its starting phase.
    settled: bool,
    was_up: bool,
    /// Asked to stop: its phase waits for its end.
    asked: bool,
}

pub(super) struct Supervisor {
    seats: Vec<Seat>,
    phases: Phases,
    board: Arc<Board>,
    house: Rc<House>,
    role: Role,
    addr: Option<Arc<Addr<Self>>>,
    /// Why the tree ends and by when, once it does.
    ending: Option<(Outcome, Instant)>,
    /// Whom to cut off when; one timer serves the first.
    deadlines: BTreeMap<Instant, Vec<u32>>,
    timer: Option<SpawnHandle>,
    flushing: bool,
}

impl Supervisor {
    pub(super) fn new(
        children: Vec<Arc<dyn Child>>,
        board: Arc<Board>,
        house: Rc<House>,
        role: Role,
    ) -> Self {
        let phases = Phases::new(children.iter().map(|child| child.phase()));
        let seat = |child| Seat { child, kill: None, settled: false, was_up: false, asked: false };
        Self {
            seats: children.into_iter().map(seat).collect(),
            phases,
            board,
            house,
            role,
            addr: None,
            ending: None,
            deadlines: BTreeMap::new(),
            timer: None,
            flushing: false,
        }
    }

    // ---- starting

    fn start_phase(&mut self) {
        match self.phases.start_next() {
            Some(seats) => seats.iter().for_each(|seat| self.start(*seat, Duration::ZERO)),
            None => {
                if let Role::Group { reporter: Some(reporter), .. } = &self.role {
                    reporter.up();
                }
            }
        }
    }

    fn start(&mut self, seat: u32, after: Duration) {
        // Set when this actor started, before anything else could happen.
        let Some(supervisor) = self.addr.clone() else { return };
        let incarnation = {
            let mut records = self.board.records();
            let record = &mut records[seat as usize];
            record.incarnation += 1;
            record.incarnation
        };
        let (kill, killed) = oneshot::channel();
        let reporter = Reporter { supervisor, seat, incarnation, open: true };
        let Seat { child, kill: old, .. } = &mut self.seats[seat as usize];
        *old = Some(kill);
        Arc::clone(child).start(Birth { after, kill: killed, reporter }, &self.house);
    }

    fn settle(&mut self, seat: u32) {
        let settled = std::mem::replace(&mut self.seats[seat as usize].settled, true);
        if settled || self.phases.stopping() {
            return;
        }
        if let Some(phase) = self.phases.settled() {
            if let (Role::Root { .. }, Some(on_phase_up)) = (&self.role, &self.house.on_phase_up) {
                on_phase_up(phase);
            }
            self.start_phase();
        }
    }

    fn up(&mut self, report: &Up, ctx: &mut Context<Self>) {
        let current = self.with_record(report.seat, report.incarnation, |record| {
            record.state = State::Up;
            record.since = now();
        });
        if current.is_some() {
            self.seats[report.seat as usize].was_up = true;
            self.tell(report.seat, Happening::Up, ctx);
            self.settle(report.seat);
        }
    }

    // ---- failing

    fn exited(&mut self, report: Exited, ctx: &mut Context<Self>) {
        let Exited { seat, incarnation, exit } = report;
        let (now, policy) = (now(), *self.seats[seat as usize].child.policy());
        let decided = self.with_record(seat, incarnation, |record| {
            let lived = if record.state == State::Up { now - record.since } else { Duration::ZERO };
            record.last_exit = Some(Box::new((now, exit.clone())));
            let decision = record.history.decide(&policy, &exit, lived, now, rand::random());
            (decision, record.history.within(policy.intensity.window, now))
        });
        let Some((decision, nth)) = decided else { return };
        let Seat { was_up, asked, .. } = self.seats[seat as usize];
        if asked {
            return self.exited_when_asked(seat, exit, decision, ctx);
        }
        if let (Exit::Unavailable(why), false) = (&exit, was_up) {
            let (child, why) = (self.name(seat), why.clone());
            self.over(seat, State::GaveUp, Happening::Escalated { exit }, ctx);
            return self.fatal(Outcome::Unavailable { child, why }, ctx);
        }
        let counted = self.count_for_group(seat, &exit, now);
        match decision {
            Decision::RestartAfter(after) => {
                let Intensity { restarts: of, window } = policy.intensity;
                let what = Happening::Restarting { exit, after, nth, of, window };
                self.rest(seat, State::BackingOff { until: now + after }, after, what, ctx);
            }
            Decision::Quarantine(rest) => {
                let what = Happening::Quarantined { exit, rest };
                self.rest(seat, State::Quarantined { until: now + rest }, rest, what, ctx);
                // The others don't wait for it.
                self.settle(seat);
            }
            Decision::Escalate => self.escalate(seat, exit, ctx),
            Decision::GiveUp => {
                self.over(seat, State::Stopped, Happening::Stopped, ctx);
                self.settle(seat);
            }
        }
        if let Some(outcome) = counted {
            self.fatal(outcome, ctx);
        }
    }

    /// A child that fails with its stop request in the queue lives again to finish its work. The
    /// request may have been the message that was lost, so it is made again.
    fn exited_when_asked(
        &mut self,
        seat: u32,
        exit: Exit,
        decision: Decision,
        ctx: &mut Context<Self>,
    ) {
        match (exit, decision) {
            (Exit::Stopped | Exit::Killed, _) => {
                self.over(seat, State::Stopped, Happening::Stopped, ctx);
            }
            (_, Decision::RestartAfter(after)) => {
                self.start(seat, after);
                self.ask(seat);
            }
            (exit, _) => self.lose(seat, Happening::Lost { exit }, ctx),
        }
    }

    fn rest(
        &mut self,
        seat: u32,
        state: State,
        rest: Duration,
        what: Happening,
        ctx: &mut Context<Self>,
    ) {
        self.set_state(seat, state);
        self.tell(seat, what, ctx);
        self.start(seat, rest);
    }

    fn escalate(&mut self, seat: u32, exit: Exit, ctx: &mut Context<Self>) {
        let failures = self.board.records()[seat as usize].history.failures();
        let child = self.name(seat);
        self.over(seat, State::GaveUp, Happening::Escalated { exit }, ctx);
        self.fatal(Outcome::GaveUp { child, failures }, ctx);
    }

    /// In a group, an exit counts for all: the outcome if that is now too many. A lost arbiter is
    /// no child's fault and many children's exit, so it doesn't count.
    fn count_for_group(&mut self, seat: u32, exit: &Exit, now: Instant) -> Option<Outcome> {
        let child = self.name(seat);
        let Role::Group { limit, window, exits, failures, .. } = &mut self.role else {
            return None;
        };
        if *exit == Exit::ArbiterGone {
            return None;
        }
        if failures.len() == FAILURES_NAMED {
            failures.pop_front();
        }
        failures.push_back(format!("{child} {exit}"));
        exits.exceeded(*limit, *window, now).then(|| Outcome::GaveUp {
            child: self.board.group.clone().unwrap_or_default(),
            failures: std::iter::once(format!(
                "more than {limit} exits of {} children within {} s",
                self.seats.len(),
                window.as_secs_f64()
            ))
            .chain(failures.iter().cloned())
            .collect(),
        })
    }

    /// Ends the tree, or has the root end it. The first reason is the one that counts.
    fn fatal(&mut self, outcome: Outcome, ctx: &mut Context<Self>) {
        match &self.role {
            Role::Root { stop_within, .. } => {
                let deadline = now() + *stop_within;
                self.stop(outcome, deadline, ctx);
            }
            Role::Group { reporter: Some(reporter), .. } => {
                // Lost only if the root is gone, and this group with it.
                reporter.supervisor.do_send(Fatal(outcome));
            }
            Role::Group { reporter: None, .. } => {}
        }
    }

    // ---- stopping

    fn stop(&mut self, outcome: Outcome, deadline: Instant, ctx: &mut Context<Self>) {
        if self.phases.begin_stop() {
            self.ending = Some((outcome, deadline));
            self.stop_phase(ctx);
        }
    }

    fn stop_phase(&mut self, ctx: &mut Context<Self>) {
        while let Some(seats) = self.phases.stop_next() {
            let asked = seats.iter().filter(|seat| self.begin_stop(**seat, ctx)).count();
            self.phases.wait_for(asked);
            if asked > 0 {
                return self.arm(ctx);
            }
        }
        self.finish(ctx);
    }

    /// Whether the child was asked to stop and must be waited for.
    fn begin_stop(&mut self, seat: u32, ctx: &mut Context<Self>) -> bool {
        let state = self.board.records()[seat as usize].state;
        if state.is_over() {
            return false;
        }
        if matches!(state, State::Quarantined { until } if until > now()) {
            self.over(seat, State::Stopped, Happening::Stopped, ctx);
            return false;
        }
        self.seats[seat as usize].asked = true;
        self.ask(seat);
        if let Some(shutdown) = self.seats[seat as usize].child.shutdown() {
            let overall = self.deadline();
            let by = now().checked_add(shutdown).map_or(overall, |by| by.min(overall));
            self.deadlines.entry(by).or_default().push(seat);
        }
        true
    }

    fn ask(&self, seat: u32) {
        self.seats[seat as usize].child.ask_to_stop(self.deadline());
    }

    fn deadline(&self) -> Instant {
        self.ending.as_ref().map_or_else(now, |(_, deadline)| *deadline)
    }

    fn arm(&mut self, ctx: &mut Context<Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        if let Some((first, _)) = self.deadlines.first_key_value() {
            let wait = first.saturating_duration_since(now());
            self.timer = Some(ctx.run_later(wait, |this, ctx| {
                this.timer = None;
                this.cut_off(ctx);
            }));
        }
    }

    /// Ends those whose deadline has passed.
    fn cut_off(&mut self, ctx: &mut Context<Self>) {
        let now = now();
        while self.deadlines.first_key_value().is_some_and(|(by, _)| *by <= now) {
            let Some((_, seats)) = self.deadlines.pop_first() else { break };
            for seat in seats {
                if !self.board.records()[seat as usize].state.is_over() {
                    self.lose(seat, Happening::CutOff, ctx);
                }
            }
        }
        self.arm(ctx);
    }

    fn lose(&mut self, seat: u32, what: Happening, ctx: &mut Context<Self>) {
        self.house.unfinished.borrow_mut().push(self.name(seat));
        self.over(seat, State::GaveUp, what, ctx);
    }

    /// No incarnation of this child will follow. One that still hangs on is ended when it can be;
    /// nobody waits for it.
    fn over(&mut self, seat: u32, state: State, what: Happening, ctx: &mut Context<Self>) {
        self.set_state(seat, state);
        let Seat { child, kill, asked, .. } = &mut self.seats[seat as usize];
        child.close();
        kill.take();
        let asked = *asked;
        self.tell(seat, what, ctx);
        if asked && self.phases.ended() {
            self.stop_phase(ctx);
        }
    }

    fn finish(&mut self, ctx: &mut Context<Self>) {
        ctx.stop();
        match (&mut self.role, self.ending.take()) {
            (Role::Root { done, .. }, Some((mut outcome, deadline))) => {
                if let Outcome::Stopped { unfinished } = &mut outcome {
                    *unfinished = self.house.unfinished.take();
                }
                if let Some(done) = done.take() {
                    // Nobody is told when the tree's handle was dropped.
                    let _ = done.send((outcome, deadline));
                }
            }
            (Role::Group { reporter, .. }, _) => {
                if let Some(reporter) = reporter.take() {
                    reporter.exited(Exit::Stopped);
                }
            }
            (Role::Root { .. }, None) => {}
        }
    }

    // ---- records

    fn name(&self, seat: u32) -> Arc<str> {
        self.seats[seat as usize].child.name().clone()
    }

    /// Works on a child's record, unless the report is of an incarnation that nobody waits for.
    fn with_record<T>(
        &self,
        seat: u32,
        incarnation: u32,
        work: impl FnOnce(&mut Record) -> T,
    ) -> Option<T> {
        let mut records = self.board.records();
        let record = &mut records[seat as usize];
        (record.incarnation == incarnation && !record.state.is_over()).then(|| work(record))
    }

    fn set_state(&self, seat: u32, state: State) {
        let mut records = self.board.records();
        let record = &mut records[seat as usize];
        (record.state, record.since) = (state, now());
    }

    fn tell(&mut self, seat: u32, what: Happening, ctx: &mut Context<Self>) {
        let incarnation = self.board.records()[seat as usize].incarnation;
        let event = ChildEvent {
            child: self.name(seat),
            group: self.board.group.clone(),
            incarnation,
            what,
        };
        let left_out = self.house.notices.borrow_mut().tell(&event, now());
        if left_out && !std::mem::replace(&mut self.flushing, true) {
            ctx.run_later(Duration::from_secs(1), |this, _| {
                this.flushing = false;
                this.house.notices.borrow_mut().flush();
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
        self.stop(Outcome::Stopped { unfinished: Vec::new() }, deadline, ctx);
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
