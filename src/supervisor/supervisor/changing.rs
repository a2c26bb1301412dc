//! Adds and removes children while the others run.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;

use super::{Role, Slot, StopRequest, Supervisor, now};
use crate::supervisor::child::Child;
use crate::supervisor::events::ChildEventKind;
use crate::supervisor::health::{Record, State};

/// Cause for which a group was not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// The group has not started yet.
    #[error("it has not been started yet")]
    NotStarted,
    /// The tree is stopping.
    #[error("it is being stopped")]
    Stopping,
}

/// Adds children. Returns their slots at once; `done` is notified once they have settled.
#[derive(Message)]
#[rtype(result = "Result<Vec<u32>, ChangeError>")]
pub(in crate::supervisor) struct Add {
    pub(in crate::supervisor) children: Vec<Arc<dyn Child>>,
    pub(in crate::supervisor) done: oneshot::Sender<()>,
}

/// Removes children. Returns once they were asked to stop; `done` is notified once they are gone.
#[derive(Message)]
#[rtype(result = "Result<(), ChangeError>")]
pub(in crate::supervisor) struct Remove {
    pub(in crate::supervisor) slots: Vec<u32>,
    pub(in crate::supervisor) done: oneshot::Sender<()>,
}

/// Reference that the slots of a change share. Dropping the last one notifies the sender of the change.
pub(super) struct Completion(Option<oneshot::Sender<()>>);

impl Completion {
    fn new(done: oneshot::Sender<()>) -> Rc<Self> {
        Rc::new(Self(Some(done)))
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            // Fails if the caller no longer waits.
            let _ = done.send(());
        }
    }
}

impl Supervisor {
    fn add(&mut self, child: Arc<dyn Child>, completion: Rc<Completion>) -> u32 {
        let phase = child.phase();
        let record = Record::new(child.name().clone(), child.policy().intensity.window, now());
        // A missing resource is no reason to end the children that run.
        let taken = Slot { was_up: true, completion: Some(completion), ..Slot::new(child) };
        let mut records = self.board.records();
        let slot = if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = taken;
            records[slot as usize] = record;
            slot
        } else {
            self.slots.push(taken);
            records.push(record);
            // 2^32 children do not fit into memory.
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        };
        drop(records);
        self.num_children += 1;
        if self.phases.add(slot, phase) {
            self.start(slot, Duration::ZERO);
        }
        slot
    }

    fn begin_removal(&mut self, slot: u32, completion: &Rc<Completion>, ctx: &mut Context<Self>) {
        let records = self.board.records();
        let Some((state, incarnation)) =
            records.get(slot as usize).map(|record| (record.state, record.incarnation))
        else {
            return;
        };
        drop(records);
        if state == State::Vacant || self.slots[slot as usize].stop_request != StopRequest::None {
            return;
        }
        // Nothing waits for its start any more. From here on the completion is that of the removal.
        self.settle(slot);
        let Slot { stop_request, completion: held, child, .. } = &mut self.slots[slot as usize];
        *stop_request = StopRequest::Removal;
        *held = Some(Rc::clone(completion));
        let shutdown = child.shutdown().unwrap_or_default();
        let at_rest = matches!(state, State::Quarantined { until } if until > now());
        if state.is_over() {
            self.leave(slot);
        } else if at_rest || incarnation == 0 {
            self.over(slot, State::Stopped, ChildEventKind::Stopped, ctx);
        } else {
            let by = now() + shutdown;
            self.slots[slot as usize].child.ask_to_stop(by);
            self.cut_off_by(slot, by);
        }
    }

    /// Frees the place of a removed child that has ended, or was cut off.
    pub(super) fn leave(&mut self, slot: u32) {
        let Slot { child, completion, is_alive, cut_off_at, .. } = &mut self.slots[slot as usize];
        *cut_off_at = None;
        completion.take();
        let (phase, is_alive) = (child.phase(), *is_alive);
        self.phases.remove(slot, phase);
        self.num_children -= 1;
        if let Role::Group { exits, .. } = &mut self.role {
            exits.forget(slot);
        }
        {
            let record = &mut self.board.records()[slot as usize];
            // The incarnation number stays: it identifies the last report.
            *record = Record {
                state: State::Vacant,
                incarnation: record.incarnation,
                ..Record::new("".into(), record.window, now())
            };
        }
        if !is_alive {
            self.free.push(slot);
        }
    }

    /// Handles the end of an incarnation that was already given up.
    pub(super) fn ended_late(&mut self, slot: u32, incarnation: u32) {
        let record = &self.board.records()[slot as usize];
        if record.incarnation != incarnation {
            return;
        }
        let is_alive = std::mem::take(&mut self.slots[slot as usize].is_alive);
        if is_alive && record.state == State::Vacant {
            self.free.push(slot);
        }
    }
}

impl Handler<Add> for Supervisor {
    type Result = Result<Vec<u32>, ChangeError>;

    fn handle(&mut self, Add { children, done }: Add, _: &mut Self::Context) -> Self::Result {
        if self.phases.stopping() {
            return Err(ChangeError::Stopping);
        }
        let completion = Completion::new(done);
        Ok(children.into_iter().map(|child| self.add(child, Rc::clone(&completion))).collect())
    }
}

impl Handler<Remove> for Supervisor {
    type Result = Result<(), ChangeError>;

    fn handle(&mut self, Remove { slots, done }: Remove, ctx: &mut Self::Context) -> Self::Result {
        if self.phases.stopping() {
            return Err(ChangeError::Stopping);
        }
        let completion = Completion::new(done);
        for slot in slots {
            self.begin_removal(slot, &completion, ctx);
        }
        self.arm(ctx);
        Ok(())
    }
}
