//! One incarnation of a child: a fresh actor in a fresh context, fed from the stable inbox.
//!
//! Holds always: a panic in the actor's code ends this incarnation and nothing else; an incarnation
//! handles at most [`MESSAGES_PER_POLL`] messages before its neighbours get their turn.
//! Never: takes a message out of the inbox after the incarnation has failed.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as Task, Poll};

use actix::dev::channel::AddressReceiver;
use actix::dev::{AsyncContextParts, ContextFut, EnvelopeProxy};
use actix::prelude::*;
use futures_util::Stream;
use tokio::sync::OwnedMutexGuard;

use super::hook::guarded;

/// A flooded child gives its arbiter back after this many messages. Under a flood of messages that
/// take 100 µs each, a neighbour's 5 ms timer was late by about 1 ms; without a bound by the whole
/// flood.
const MESSAGES_PER_POLL: u32 = 16;

/// The receiving end of a child's mailbox. Whoever holds the lock is the one living incarnation;
/// `None` once the child has been given up.
pub(super) type Inbox<A> = OwnedMutexGuard<Option<AddressReceiver<A>>>;

pub(super) struct Incarnation<A: Actor<Context = Context<A>>> {
    name: Arc<str>,
    /// Present until it has been dropped.
    body: Option<ContextFut<A, Context<A>>>,
    budget: Rc<Cell<u32>>,
    begun: bool,
}

impl<A: Actor<Context = Context<A>>> Incarnation<A> {
    pub(super) fn new(name: Arc<str>, actor: A, inbox: Inbox<A>) -> Self {
        let budget = Rc::default();
        let mut ctx = Context::new();
        ctx.spawn(Pump { inbox, budget: Rc::clone(&budget) });
        Self { name, body: Some(ctx.into_future(actor)), budget, begun: false }
    }
}

impl<A: Actor<Context = Context<A>>> Future for Incarnation<A> {
    /// `Err` has the text of the panic that ended it.
    type Output = Result<(), String>;

    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let Some(body) = &mut this.body else { return Poll::Ready(Ok(())) };
        this.begun = true;
        // The budget is of this poll, not of the pump's: a handler that spawns a future makes
        // the context poll the pump again and again without yielding.
        this.budget.set(MESSAGES_PER_POLL);
        match guarded(&this.name, || Pin::new(body).poll(task)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) => Poll::Ready(Ok(())),
            Err(text) => Poll::Ready(Err(text)),
        }
    }
}

impl<A: Actor<Context = Context<A>>> Drop for Incarnation<A> {
    /// Lets the actor's `stopped` run and drops it, each in its own guard: left to itself the
    /// context would call `stopped` while unwinding, where a second panic ends the process.
    fn drop(&mut self) {
        let Some(mut body) = self.body.take() else { return };
        self.budget.set(0);
        if self.begun && body.alive() {
            let _ = guarded(&self.name, || {
                body.ctx().parts().stop();
                let _ = Pin::new(&mut body).poll(&mut Task::from_waker(std::task::Waker::noop()));
            });
        }
        // The context's own drop would poll again.
        body.ctx().terminate();
        let _ = guarded(&self.name, || drop(body));
    }
}

/// Hands the inbox's messages to the actor, unless it waits for a future (`ctx.wait`).
struct Pump<A: Actor<Context = Context<A>>> {
    inbox: Inbox<A>,
    budget: Rc<Cell<u32>>,
}

impl<A: Actor<Context = Context<A>>> ActorFuture<A> for Pump<A> {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        actor: &mut A,
        ctx: &mut Context<A>,
        task: &mut Task<'_>,
    ) -> Poll<()> {
        let this = self.get_mut();
        let Some(inbox) = &mut *this.inbox else { return Poll::Ready(()) };
        while !ctx.waiting() {
            let left = this.budget.get();
            if left == 0 {
                // Woken after the runtime has looked at its timers. A plain wake-up comes before
                // that, up to 61 times: the timer above was then 100 ms late. Dropping the future
                // doesn't take the wake-up back.
                let _ = std::pin::pin!(tokio::task::yield_now()).poll(task);
                break;
            }
            match Pin::new(&mut *inbox).poll_next(task) {
                Poll::Ready(Some(mut envelope)) => {
                    this.budget.set(left - 1);
                    envelope.handle(actor, ctx);
                }
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => break,
            }
        }
        Poll::Pending
    }
}
