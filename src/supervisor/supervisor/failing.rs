//! What follows an exit: a restart, a rest, or the end of the tree.

use std::time::{Duration, Instant};

use actix::prelude::*;

use super::{Asked, Exited, Fatal, Role, Slot, Supervisor, now};
use crate::supervisor::health::State;
use crate::supervisor::notice::{ChildEvent, ChildEventKind};
use crate::supervisor::policy::{ChildExit, Decision, Intensity};
use crate::supervisor::tree::TreeOutcome;

/// How many of a group's last failures an escalation names.
const FAILURES_NAMED: usize = 10;

impl Supervisor {
    pub(super) fn exited(&mut self, report: Exited, ctx: &mut Context<Self>) {
        let Exited { slot, incarnation, exit } = report;
        let (now, policy) = (now(), *self.slots[slot as usize].child.policy());
        let Intensity { restarts: of, window } = policy.intensity;
        let decided = self.with_record(slot, incarnation, |record| {
            let lived = if record.state == State::Up { now - record.since } else { Duration::ZERO };
            record.last_exit = Some(Box::new((now, exit.clone())));
            let decision = record.history.decide(&policy, &exit, lived, now, rand::random());
            (decision, record.history.within(window, now))
        });
        let Some((decision, nth)) = decided else { return self.ended_late(slot, incarnation) };
        let Slot { was_up, ref mut is_alive, asked, .. } = self.slots[slot as usize];
        *is_alive = false;
        let asked = asked != Asked::No;
        let again = |exit, after| ChildEventKind::Restarting { exit, after, nth, of, window };
        match (exit, decision) {
            (ChildExit::Stopped | ChildExit::Killed, _) if asked => {
                self.over(slot, State::Stopped, ChildEventKind::Stopped, ctx);
            }
            // It lives again to finish its work. The request to stop may have been the message
            // that was lost, so it is made again.
            (exit, Decision::RestartAfter(after)) if asked => {
                self.back_off(slot, after, again(exit, after), ctx);
                self.ask(slot);
            }
            (exit, _) if asked => self.lose(slot, ChildEventKind::Lost { exit }, ctx),
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
        self.tell(slot, what, ctx);
        self.start(slot, wait);
    }

    fn quarantine(&mut self, slot: u32, rest: Duration, exit: ChildExit, ctx: &mut Context<Self>) {
        self.board.count_restart();
        self.set_state(slot, State::Quarantined { until: now() + rest });
        self.tell(slot, ChildEventKind::Quarantined { exit, rest }, ctx);
        self.start(slot, rest);
        // The others don't wait for it.
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

    /// In a group, an exit counts for all: tells the root, once, when they are too many. A lost
    /// arbiter is no child's fault and many children's exit, so it doesn't count.
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
        self.tell_event(&event, ctx);
        self.fatal(TreeOutcome::GaveUp { child: group, failures }, ctx);
    }

    /// Ends the tree, or has the root end it. The first reason is the one that counts.
    pub(super) fn fatal(&mut self, outcome: TreeOutcome, ctx: &mut Context<Self>) {
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
}
