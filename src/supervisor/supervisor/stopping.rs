//! Stopping: phases in reverse, each child by its own deadline and all by the tree's.

use std::time::Instant;

use actix::prelude::*;

use super::{Asked, Role, Slot, Supervisor, now};
use crate::supervisor::health::State;
use crate::supervisor::notice::ChildEventKind;
use crate::supervisor::policy::ChildExit;
use crate::supervisor::tree::TreeOutcome;

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
            let asked = slots.iter().filter(|slot| self.begin_stop(**slot, ctx)).count();
            self.phases.wait_for(asked);
            if asked > 0 {
                return self.arm(ctx);
            }
        }
        self.finish(ctx);
    }

    /// Whether the child was asked to stop and must be waited for.
    fn begin_stop(&mut self, slot: u32, ctx: &mut Context<Self>) -> bool {
        let state = self.board.records()[slot as usize].state;
        if state.is_over() {
            return false;
        }
        if matches!(state, State::Quarantined { until } if until > now()) {
            self.over(slot, State::Stopped, ChildEventKind::Stopped, ctx);
            return false;
        }
        self.slots[slot as usize].asked = Asked::ToStop;
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

    /// Ends those whose deadline has passed.
    fn cut_off(&mut self, ctx: &mut Context<Self>) {
        let now = now();
        while self.deadlines.first_key_value().is_some_and(|(by, _)| *by <= now) {
            let Some((_, slots)) = self.deadlines.pop_first() else { break };
            for slot in slots {
                // The slot may be another's by now.
                let is_due = self.slots[slot as usize].cut_off_at.is_some_and(|by| by <= now);
                if is_due && !self.board.records()[slot as usize].state.is_over() {
                    self.lose(slot, ChildEventKind::CutOff, ctx);
                }
            }
        }
        self.arm(ctx);
    }

    pub(super) fn lose(&mut self, slot: u32, what: ChildEventKind, ctx: &mut Context<Self>) {
        if self.slots[slot as usize].asked == Asked::ToStop {
            self.shared.unfinished.borrow_mut().push(self.name(slot));
        }
        self.over(slot, State::GaveUp, what, ctx);
    }

    /// No incarnation of this child will follow. One that still hangs on is ended when it can be;
    /// nobody waits for it.
    pub(super) fn over(
        &mut self,
        slot: u32,
        state: State,
        what: ChildEventKind,
        ctx: &mut Context<Self>,
    ) {
        self.set_state(slot, state);
        let Slot { child, kill, asked, .. } = &mut self.slots[slot as usize];
        child.close();
        kill.take();
        let asked = *asked;
        self.tell(slot, what, ctx);
        match asked {
            Asked::ToStop if self.phases.ended() => self.stop_phase(ctx),
            Asked::ToLeave => self.leave(slot),
            Asked::ToStop | Asked::No => {}
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
                    // Nobody is told when the tree's handle was dropped.
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
