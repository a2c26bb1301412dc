//! Reacts to exits: restart, quarantine, or the end of the tree.

use std::time::{Duration, Instant};

use actix::prelude::*;

use super::{Role, Slot, StopRequest, Supervisor, now};
use crate::supervisor::events::{ChildEvent, ChildEventKind};
use crate::supervisor::health::State;
use crate::supervisor::outcome::TreeOutcome;
use crate::supervisor::policy::{ChildExit, Decision, Intensity};

/// Number of a group's last failures that an escalation names.
const FAILURES_NAMED: usize = 10;

impl Supervisor {
    pub(super) fn exited(
        &mut self,
        slot: u32,
        incarnation: u32,
        exit: ChildExit,
        ctx: &mut Context<Self>,
    ) {
        let (now, policy) = (now(), *self.slots[slot as usize].child.policy());
        let Intensity { restarts: of, window } = policy.intensity;
        let decided = self.with_record(slot, incarnation, |record| {
            let lived = if record.state == State::Up { now - record.since } else { Duration::ZERO };
            record.last_exit = Some(Box::new((now, exit.clone())));
            let decision = record.history.decide(&policy, &exit, lived, now, rand::random());
            (decision, record.history.within(window, now))
        });
        let Some((decision, nth)) = decided else { return self.ended_late(slot, incarnation) };
        let Slot { was_up, ref mut is_alive, stop_request, .. } = self.slots[slot as usize];
        *is_alive = false;
        let is_asked_to_stop = stop_request != StopRequest::None;
        let again = |exit, after| ChildEventKind::Restarting { exit, after, nth, of, window };
        match (exit, decision) {
            (ChildExit::Stopped | ChildExit::Killed, _) if is_asked_to_stop => {
                self.over(slot, State::Stopped, ChildEventKind::Stopped, ctx);
            }
            // Restarted to finish its work. The panic may have lost the request to stop, so it is
            // repeated.
            (exit, Decision::RestartAfter(after)) if is_asked_to_stop => {
                self.back_off(slot, after, again(exit, after), ctx);
                self.ask(slot);
            }
            (exit, _) if is_asked_to_stop => self.lose(slot, ChildEventKind::Lost { exit }, ctx),
            (ChildExit::Unavailable(why), _) if !was_up => self.unavailable(slot, why, ctx),
            (exit, decision) => {
                self.count_for_group(slot, &exit, now, ctx);
                match decision {
                    Decision::RestartAfter(after) => {
                        self.back_off(slot, after, again(exit, after), ctx);
                    }
                    Decision::Quarantine(rest) => self.quarantine(slot, rest, exit, ctx),
                    Decision::Escalate => self.escalate(slot, exit, ctx),
                    Decision::GiveUp => {
                        self.over(slot, State::Stopped, ChildEventKind::Stopped, ctx);
                        self.settle(slot);
                    }
                }
            }
        }
    }

    fn back_off(
        &mut self,
        slot: u32,
        wait: Duration,
        what: ChildEventKind,
        ctx: &mut Context<Self>,
    ) {
        self.board.count_restart();
        self.set_state(slot, State::BackingOff { until: now() + wait });
        self.publish(slot, what, ctx);
        self.start(slot, wait);
    }

    fn quarantine(&mut self, slot: u32, rest: Duration, exit: ChildExit, ctx: &mut Context<Self>) {
        self.board.count_restart();
        self.set_state(slot, State::Quarantined { until: now() + rest });
        self.publish(slot, ChildEventKind::Quarantined { exit, rest }, ctx);
        self.start(slot, rest);
        // Its phase goes on without it.
        self.settle(slot);
    }

    fn unavailable(&mut self, slot: u32, why: String, ctx: &mut Context<Self>) {
        let (child, exit) = (self.name(slot), ChildExit::Unavailable(why.clone()));
        self.over(slot, State::GaveUp, ChildEventKind::Escalated { exit }, ctx);
        self.fatal(TreeOutcome::Unavailable { child, why }, ctx);
    }

    fn escalate(&mut self, slot: u32, exit: ChildExit, ctx: &mut Context<Self>) {
        let failures = self.board.records()[slot as usize].history.failures();
        let child = self.name(slot);
        self.over(slot, State::GaveUp, ChildEventKind::Escalated { exit }, ctx);
        self.fatal(TreeOutcome::GaveUp { child, failures }, ctx);
    }

    /// Counts an exit in a group, and reports to the root, once, when too many children fail. A lost
    /// arbiter doesn't count: it is no fault of the children, and ends many of them at once.
    fn count_for_group(
        &mut self,
        slot: u32,
        exit: &ChildExit,
        now: Instant,
        ctx: &mut Context<Self>,
    ) {
        let (child, children) = (self.name(slot), self.num_children);
        let Role::Group { limit, exits, failures, gave_up, .. } = &mut self.role else {
            return;
        };
        let (limit, window) = (limit.failing(children), limit.window);
        if *exit == ChildExit::ArbiterGone || *gave_up {
            return;
        }
        if failures.len() == FAILURES_NAMED {
            failures.pop_front();
        }
        failures.push_back(format!("{child} {exit}"));
        if !exits.exceeded(slot, limit, window, now) {
            return;
        }
        *gave_up = true;
        let seconds = window.as_secs_f64();
        let why = format!("more than {limit} of {children} children failed within {seconds} s");
        let failures = std::iter::once(why.clone()).chain(failures.iter().cloned()).collect();
        let group = self.board.group.clone().unwrap_or_default();
        let event = ChildEvent {
            child: group.clone(),
            group: None,
            incarnation: 1,
            what: ChildEventKind::Escalated { exit: ChildExit::Failed(why) },
        };
        self.publish_event(&event, ctx);
        self.fatal(TreeOutcome::GaveUp { child: group, failures }, ctx);
    }

    /// Ends the tree, or has the root end it. The first outcome wins.
    pub(super) fn fatal(&mut self, outcome: TreeOutcome, ctx: &mut Context<Self>) {
        match &self.role {
            Role::Root { stop_within, .. } => {
                let deadline = now() + *stop_within;
                self.stop(outcome, deadline, ctx);
            }
            Role::Group { reporter: Some(reporter), .. } => reporter.fatal(outcome),
            Role::Group { reporter: None, .. } => {}
        }
    }
}
