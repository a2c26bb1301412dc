//! Stops phases in reverse order, each child by its own deadline and all by that of the tree.

use std::time::Instant;

use actix::prelude::*;

use super::{Role, Slot, StopRequest, Supervisor, now};
use crate::supervisor::events::ChildEventKind;
use crate::supervisor::health::State;
use crate::supervisor::outcome::TreeOutcome;
use crate::supervisor::policy::ChildExit;

impl Supervisor {
    pub(super) fn stop(
        &mut self,
        outcome: TreeOutcome,
        deadline: Instant,
        ctx: &mut Context<Self>,
    ) {
        if self.phases.begin_stop() {
            self.ending = Some((outcome, deadline));
            self.stop_phase(ctx);
        }
    }

    fn stop_phase(&mut self, ctx: &mut Context<Self>) {
        while let Some(slots) = self.phases.stop_next() {
            let num_asked = slots.iter().filter(|slot| self.begin_stop(**slot, ctx)).count();
            self.phases.wait_for(num_asked);
            if num_asked > 0 {
                return self.arm(ctx);
            }
        }
        self.finish(ctx);
    }

    /// Asks a child to stop. Returns whether its end must be awaited.
    fn begin_stop(&mut self, slot: u32, ctx: &mut Context<Self>) -> bool {
        let state = self.board.records()[slot as usize].state;
        if state.is_over() {
            return false;
        }
        if matches!(state, State::Quarantined { until } if until > now()) {
            self.over(slot, State::Stopped, ChildEventKind::Stopped, ctx);
            return false;
        }
        self.slots[slot as usize].stop_request = StopRequest::Shutdown;
        self.ask(slot);
        if let Some(shutdown) = self.slots[slot as usize].child.shutdown() {
            let overall = self.deadline();
            let by = now().checked_add(shutdown).map_or(overall, |by| by.min(overall));
            self.cut_off_by(slot, by);
        }
        true
    }

    pub(super) fn cut_off_by(&mut self, slot: u32, by: Instant) {
        let at = self.slots[slot as usize].cut_off_at.map_or(by, |before| before.min(by));
        self.slots[slot as usize].cut_off_at = Some(at);
        self.deadlines.entry(at).or_default().push(slot);
    }

    pub(super) fn ask(&self, slot: u32) {
        self.slots[slot as usize].child.ask_to_stop(self.deadline());
    }

    fn deadline(&self) -> Instant {
        self.ending.as_ref().map_or_else(now, |(_, deadline)| *deadline)
    }

    pub(super) fn arm(&mut self, ctx: &mut Context<Self>) {
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

    /// Kills the children whose deadline has passed.
    fn cut_off(&mut self, ctx: &mut Context<Self>) {
        let now = now();
        while self.deadlines.first_key_value().is_some_and(|(by, _)| *by <= now) {
            let Some((_, slots)) = self.deadlines.pop_first() else { break };
            for slot in slots {
                // The slot may have been reused meanwhile.
                let is_due = self.slots[slot as usize].cut_off_at.is_some_and(|by| by <= now);
                if is_due && !self.board.records()[slot as usize].state.is_over() {
                    self.lose(slot, ChildEventKind::CutOff, ctx);
                }
            }
        }
        self.arm(ctx);
    }

    pub(super) fn lose(&mut self, slot: u32, what: ChildEventKind, ctx: &mut Context<Self>) {
        if self.slots[slot as usize].stop_request == StopRequest::Shutdown {
            self.shared.unfinished.borrow_mut().push(self.name(slot));
        }
        self.over(slot, State::GaveUp, what, ctx);
    }

    /// Ends a child for good. An incarnation that still hangs is ended when it can be, without being
    /// awaited.
    pub(super) fn over(
        &mut self,
        slot: u32,
        state: State,
        what: ChildEventKind,
        ctx: &mut Context<Self>,
    ) {
        self.set_state(slot, state);
        let Slot { child, kill, stop_request, .. } = &mut self.slots[slot as usize];
        child.close();
        kill.take();
        let stop_request = *stop_request;
        self.publish(slot, what, ctx);
        match stop_request {
            StopRequest::Shutdown if self.phases.ended() => self.stop_phase(ctx),
            StopRequest::Removal => self.leave(slot),
            StopRequest::Shutdown | StopRequest::None => {}
        }
    }

    fn finish(&mut self, ctx: &mut Context<Self>) {
        ctx.stop();
        match (&mut self.role, self.ending.take()) {
            (Role::Root { done, .. }, Some((mut outcome, deadline))) => {
                if let TreeOutcome::Stopped { unfinished } = &mut outcome {
                    *unfinished = self.shared.unfinished.take();
                }
                if let Some(done) = done.take() {
                    // Fails if the tree's handle was dropped.
                    let _ = done.send((outcome, deadline));
                }
            }
            (Role::Group { reporter, .. }, _) => {
                if let Some(reporter) = reporter.take() {
                    reporter.exited(ChildExit::Stopped);
                }
            }
            (Role::Root { .. }, None) => {}
        }
    }
}
