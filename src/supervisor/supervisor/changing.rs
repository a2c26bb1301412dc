//! Children that come and go while the others run.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio::sync::oneshot;

use super::{Asked, Role, Seat, Supervisor, now};
use crate::supervisor::child::Child;
use crate::supervisor::handle::ChangeError;
use crate::supervisor::health::{Record, State};
use crate::supervisor::notice::Happening;

/// Add these children. Answered with their seats at once; `done` is told once they are settled.
#[derive(Message)]
#[rtype(result = "Result<Vec<u32>, ChangeError>")]
pub(in crate::supervisor) struct Add {
    pub(in crate::supervisor) children: Vec<Arc<dyn Child>>,
    pub(in crate::supervisor) done: oneshot::Sender<()>,
}

/// Remove these children. Answered once they were asked to stop; `done` is told once they are gone.
#[derive(Message)]
#[rtype(result = "Result<(), ChangeError>")]
pub(in crate::supervisor) struct Remove {
    pub(in crate::supervisor) seats: Vec<u32>,
    pub(in crate::supervisor) done: oneshot::Sender<()>,
}

/// Held by the seat of each child that somebody waits for; the last one dropped tells them.
pub(super) struct Ticket(Option<oneshot::Sender<()>>);

impl Ticket {
    fn new(done: oneshot::Sender<()>) -> Rc<Self> {
        Rc::new(Self(Some(done)))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            // Nobody is told who doesn't wait any more.
            let _ = done.send(());
        }
    }
}

impl Supervisor {
    fn seat(&mut self, child: Arc<dyn Child>, ticket: Rc<Ticket>) -> u32 {
        let phase = child.phase();
        let record = Record::new(child.name().clone(), child.policy().intensity.window, now());
        // What it finds missing is no reason to end those that run.
        let taken = Seat { was_up: true, ticket: Some(ticket), ..Seat::new(child) };
        let mut records = self.board.records();
        let seat = if let Some(seat) = self.free.pop() {
            self.seats[seat as usize] = taken;
            records[seat as usize] = record;
            seat
        } else {
            self.seats.push(taken);
            records.push(record);
            // More children than fit into memory would be needed to exceed it.
            u32::try_from(self.seats.len() - 1).unwrap_or(u32::MAX)
        };
        drop(records);
        self.population += 1;
        if self.phases.add(seat, phase) {
            self.start(seat, Duration::ZERO);
        }
        seat
    }

    fn begin_removal(&mut self, seat: u32, ticket: &Rc<Ticket>, ctx: &mut Context<Self>) {
        let records = self.board.records();
        let Some((state, incarnation)) =
            records.get(seat as usize).map(|record| (record.state, record.incarnation))
        else {
            return;
        };
        drop(records);
        if state == State::Vacant || self.seats[seat as usize].asked != Asked::No {
            return;
        }
        // Nobody waits for it to be up any more; from here on the ticket is the removal's.
        self.settle(seat);
        let Seat { asked, ticket: held, child, .. } = &mut self.seats[seat as usize];
        *asked = Asked::ToLeave;
        *held = Some(Rc::clone(ticket));
        let shutdown = child.shutdown().unwrap_or_default();
        let at_rest = matches!(state, State::Quarantined { until } if until > now());
        if state.is_over() {
            self.leave(seat);
        } else if at_rest || incarnation == 0 {
            self.over(seat, State::Stopped, Happening::Stopped, ctx);
        } else {
            let by = now() + shutdown;
            self.seats[seat as usize].child.ask_to_stop(by);
            self.cut_off_by(seat, by);
        }
    }

    /// The removed child has ended, or nobody waits any longer for its end.
    pub(super) fn leave(&mut self, seat: u32) {
        let Seat { child, ticket, is_alive, cut_off_at, .. } = &mut self.seats[seat as usize];
        *cut_off_at = None;
        ticket.take();
        let (phase, is_alive) = (child.phase(), *is_alive);
        self.phases.remove(seat, phase);
        self.population -= 1;
        if let Role::Group { exits, .. } = &mut self.role {
            exits.forget(seat);
        }
        {
            let record = &mut self.board.records()[seat as usize];
            // The incarnation stays: its last report is known by it.
            *record = Record {
                state: State::Vacant,
                incarnation: record.incarnation,
                ..Record::new("".into(), record.window, now())
            };
        }
        if !is_alive {
            self.free.push(seat);
        }
    }

    /// An incarnation that nobody waited for has reported its end after all.
    pub(super) fn ended_late(&mut self, seat: u32, incarnation: u32) {
        let record = &self.board.records()[seat as usize];
        if record.incarnation != incarnation {
            return;
        }
        let is_alive = std::mem::take(&mut self.seats[seat as usize].is_alive);
        if is_alive && record.state == State::Vacant {
            self.free.push(seat);
        }
    }
}

impl Handler<Add> for Supervisor {
    type Result = Result<Vec<u32>, ChangeError>;

    fn handle(&mut self, Add { children, done }: Add, _: &mut Self::Context) -> Self::Result {
        if self.phases.stopping() {
            return Err(ChangeError::Stopping);
        }
        let ticket = Ticket::new(done);
        Ok(children.into_iter().map(|child| self.seat(child, Rc::clone(&ticket))).collect())
    }
}

impl Handler<Remove> for Supervisor {
    type Result = Result<(), ChangeError>;

    fn handle(&mut self, Remove { seats, done }: Remove, ctx: &mut Self::Context) -> Self::Result {
        if self.phases.stopping() {
            return Err(ChangeError::Stopping);
        }
        let ticket = Ticket::new(done);
        for seat in seats {
            self.begin_removal(seat, &ticket, ctx);
        }
        self.arm(ctx);
        Ok(())
    }
}
